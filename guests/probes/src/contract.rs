//! What the contract offers beside requests and landing: values, derivations, many requests at once, the run itself.

use landing::{Context, Derivation, Error, Gunzip, Request, Slot, Source, Unzip, params, run};

/// Fetches `url` and lands each line of it as a file of its own, unless all of that is there. With `how` it fails, or
/// leaves out to say that it is complete. The host must ask conditionally once everything was durable, and not before.
pub(crate) async fn derive() -> Result<(), Error> {
    let source = Source::own()?;
    let Some((response, derivation)) = source.derive(Request::get(&params::required("url")?)).await? else {
        landing::info!("nothing to make");
        return Ok(());
    };
    let text = response.into_text().await?;
    for line in text.lines() {
        match derivation.land_made(Slot::new("txt"), async |content| Ok(content.write(line).await?)).await {
            Ok(landed) => landing::info!("{:?} {}", landed.outcome, landed.path),
            Err(error) if params::get("how").as_deref() == Some("regardless") => landing::info!("{error}"),
            Err(error) => return Err(error),
        }
    }
    match params::get("how").as_deref() {
        Some("incomplete") => drop(derivation),
        Some("fail") => {
            Derivation::complete(derivation).await;
            return Err(Error::new("it failed after all of it"));
        }
        Some("checkpoint") => {
            Derivation::complete(derivation).await;
            run::keep().await;
            return Err(Error::new("it failed after a checkpoint"));
        }
        _ => Derivation::complete(derivation).await,
    }
    Ok(())
}

/// Unpacks what `url` brings, gzip or zip, at most `size` bytes where that is set, and lands each file of it. The host must
/// land nothing of a file that is damaged, and all of it has to go through little memory.
pub(crate) async fn unpack() -> Result<(), Error> {
    let (url, source) = (params::required("url")?, Source::own()?);
    let most = params::parsed("size")?.unwrap_or(1 << 30);
    let Some((response, derivation)) = source.derive(Request::get(&url)).await? else {
        landing::info!("nothing to make");
        return Ok(());
    };
    if url.ends_with(".gz") {
        let mut packed = Gunzip::of(response).at_most(most);
        derivation.land_made(Slot::new("txt"), async |content| packed.write_to(content).await).await?;
    } else {
        let mut zip = Unzip::of(response).at_most(10, most);
        while let Some(name) = zip.next_file().await? {
            if name.ends_with(".txt") {
                let landed = derivation.land_made(Slot::new("txt"), async |content| zip.write_to(content).await);
                landing::info!("{} holds {name}", landed.await.context(&name)?.path);
            }
        }
    }
    Derivation::complete(derivation).await;
    Ok(())
}

/// Does what each word of `text` says to the values: `key=value` sets one, `-key` forgets one, `?key` logs one, `prefix*`
/// logs the keys that start so, `!` is a checkpoint. The host must keep them with the checkpoint and not before.
pub(crate) async fn values() -> Result<(), Error> {
    for word in params::words("text") {
        if word == "!" {
            run::keep().await;
        } else if let Some(key) = word.strip_prefix('-') {
            run::set_value(key, None);
        } else if let Some(key) = word.strip_prefix('?') {
            landing::info!("{key} is {:?}", run::value(key.to_owned()).await);
        } else if let Some(prefix) = word.strip_suffix('*') {
            landing::info!("keys {:?}", run::keys(prefix.to_owned(), None).await);
        } else {
            let (key, value) = word.split_once('=').context("no value")?;
            run::set_value(key, Some(value));
        }
    }
    Ok(())
}

/// Sets `count` values of `size` bytes and keeps them.
pub(crate) async fn many_values() -> Result<(), Error> {
    let value = "x".repeat(params::parsed("size")?.unwrap_or(1));
    for number in 0..crate::acts::count()? {
        run::set_value(&format!("{number:08}"), Some(&value));
    }
    run::keep().await;
    let mut keys = run::keys(String::new(), None).await;
    let mut total = 0;
    while let Some(last) = keys.last().cloned() {
        total += keys.len();
        keys = run::keys(String::new(), Some(last)).await;
    }
    landing::info!("{total} keys");
    Ok(())
}

/// Mirrors every word of `url` by one call, `count` at once, and logs what came of each. The host must keep their order.
pub(crate) async fn mirror_all() -> Result<(), Error> {
    let extension = params::get("extension").unwrap_or_default();
    let urls = params::words("url");
    let requests = urls.iter().map(|url| (Request::get(url), Slot::new(&extension))).collect();
    let at_once = u32::try_from(crate::acts::count()?)?;
    for (url, result) in urls.iter().zip(Source::own()?.mirror_all(requests, at_once).await) {
        match result {
            Ok(receipt) => landing::info!("{url} landed at {}", receipt.path),
            Err(error) => landing::info!("{url} failed: {error} ({})", error.code),
        }
    }
    Ok(())
}

/// Logs what the run says of itself.
pub(crate) async fn about() -> Result<(), Error> {
    for (name, value) in run::params() {
        landing::info!("{name} is {value}");
    }
    let before = run::now();
    run::wait(20).await;
    let waited = run::now().saturating_sub(before);
    landing::info!("waited {}", if (15..60_000).contains(&waited) { "long enough" } else { "otherwise" });
    landing::info!("started {}", if before / 1000 >= run::started_at() { "before now" } else { "after now" });
    let (one, other) = (run::random_bytes(32), run::random_bytes(32));
    landing::info!("random bytes {}", if one.len() == 32 && one != other { "differ" } else { "do not" });
    for name in params::words("secret") {
        landing::info!("the secret {name} is {}", if run::has_secret(&name) { "there" } else { "not there" });
    }
    Ok(())
}

/// Fetches `url`, repeated on the statuses that `text` names, following `count` redirects. The host must do just that.
pub(crate) async fn ask() -> Result<(), Error> {
    let statuses: Vec<u16> = params::words("text").iter().filter_map(|word| word.parse().ok()).collect();
    let request = Request::get(&params::required("url")?);
    let redirects = u32::try_from(crate::acts::count()?)?;
    if params::get("how").as_deref() == Some("POST") {
        request.set_method("POST");
    }
    let response = request.repeated_on(&statuses).following(redirects).send().await?;
    landing::info!("status {} from {}", response.status(), response.url());
    Ok(())
}
