//! Probes that pass texts: long ones, and ones that may hold a secret.

use futures_util::future::join;
use landing::bindings::{wit_future, wit_stream};
use landing::run::Level;
use landing::{Error, Request, Slot, Source, http, params, run};

/// Passes one text of `size` bytes, `text` again and again, to the function that `how` names. The host must refuse it or
/// cut it, without reading it whole and without more memory than its cap.
pub(crate) async fn huge() -> Result<(), Error> {
    let text = text()?;
    pass(&text).await
}

/// Does the same without end, whatever comes of it. The host must stop it in time.
pub(crate) async fn huge_without_end() -> Result<(), Error> {
    let text = text()?;
    run::log(Level::Warn, "from now on it passes the text");
    loop {
        // What is refused is refused again.
        let _ = pass(&text).await;
    }
}

fn text() -> Result<String, Error> {
    let (unit, size) = (params::get("text").unwrap_or("x".into()), params::parsed("size")?.unwrap_or(60_000_000));
    let mut text = String::with_capacity(size);
    while text.len() + unit.len() <= size {
        text.push_str(&unit);
    }
    Ok(text)
}

async fn pass(text: &str) -> Result<(), Error> {
    let request = || Ok::<_, Error>(Request::get(&params::required("url")?));
    match params::required("how")?.as_str() {
        "log" => run::log(Level::Warn, text),
        "url" => drop(Request::get(text).send().await?),
        "method" => {
            let request = request()?;
            request.set_method(text);
            request.send().await?;
        }
        "field-name" => drop(request()?.with_header(text, "x").send().await?),
        "field-value" => drop(request()?.with_header("x-probe", text).send().await?),
        "body" => drop(Request::post(&params::required("url")?, text.as_bytes()).send().await?),
        "secret" => drop(request()?.with_secret(text).send().await?),
        "answer" => drop(request()?.send().await?.header(text)),
        "param" => drop(run::param(text)),
        "source" => drop(Source::open(text)?),
        "cursor" => run::checkpoint(text).await,
        "bytes" => drop(Source::own()?.land_bytes(text.as_bytes().to_vec(), Slot::new("csv")).await?),
        "extension" => drop(Source::own()?.land_bytes(Vec::new(), Slot::new(text)).await?),
        "verdict" => verdict(text).await?,
        "error" => return Err(Error::new(text)),
        other => return Err(Error::new(format_args!("there is no function {other:?} that takes a text"))),
    }
    Ok(())
}

/// Lands nothing, and says why in this text.
async fn verdict(text: &str) -> Result<(), Error> {
    let (stream, bytes) = wit_stream::new();
    let (whole, ending) = wit_future::new(|| Ok(()));
    drop(stream);
    let source = Source::own()?;
    let saying = whole.write(Err(http::Error::other(text)));
    let (landed, _) = join(source.land_stream(bytes, ending, Slot::new("csv")), saying).await;
    landed?;
    Ok(())
}

/// Asks `url` by the method `how`, with the field `name`. The host must send no method and no field that would act upon a
/// connection or a proxy.
pub(crate) async fn odd() -> Result<(), Error> {
    let request = Request::get(&params::required("url")?);
    // Not `params::get`, which takes white space away.
    let param = |name| run::param(name).unwrap_or_default();
    request.set_method(&param("how"));
    request.add_header(&param("name"), &param("text"));
    landing::info!("status {}", request.send().await?.status());
    Ok(())
}

/// Does what `how` says with each word of `text`, and ends well where all of them come to the same. The host must not
/// tell by anything that one of them is a secret.
pub(crate) async fn guess() -> Result<(), Error> {
    let how = params::required("how")?;
    let mut outcomes = Vec::new();
    for word in params::words("text") {
        let outcome = match tried(&how, &word).await {
            Ok(told) => told,
            Err(error) => error.to_string(),
        };
        outcomes.push(outcome.replace(&word, "#"));
    }
    match outcomes.windows(2).all(|two| two[0] == two[1]) {
        true => landing::info!("each comes to {:?}", outcomes.first()),
        false => return Err(Error::new(format_args!("they differ: {outcomes:?}"))),
    }
    Ok(())
}

/// What the host tells of one word.
async fn tried(how: &str, word: &str) -> Result<String, Error> {
    let url = params::required("url")?;
    let told = match how {
        "relative" => Request::get(word).send().await?,
        "scheme" => Request::get(&format!("x{word}://a.example/")).send().await?,
        "host" => Request::get(&format!("http://{word}.invalid/")).send().await?,
        "user" => Request::get(&format!("http://{word}@a.example/")).send().await?,
        "port" => Request::get(&format!("http://a.example:{word}/")).send().await?,
        "path" => Request::get(&format!("{url}?{word}")).send().await?,
        "redirected" => Request::get(&format!("{url}/to/{word}")).send().await?,
        "away" => Request::get(&format!("{url}/away/{word}")).send().await?,
        "method" => {
            let request = Request::get(&url);
            request.set_method(&format!("A {word}"));
            request.send().await?
        }
        "field-name" => Request::get(&url).with_header(&format!("a {word}"), "x").send().await?,
        "field-value" => Request::get(&url).with_header("x-probe", &format!("{word}\n")).send().await?,
        "secret" => Request::get(&url).with_secret(word).send().await?,
        "source" => return Ok(format!("{:?}", Source::open(word)?)),
        "name" => return Ok(format!("{:?}", Source::open(&format!("{word}!"))?)),
        "param" => return Ok(format!("{:?}", run::param(word))),
        "extension" => {
            return Ok(Source::own()?.land_bytes(Vec::new(), Slot::new(&format!("{word}!"))).await?.path);
        }
        "mirror" => {
            let request = Request::get(&format!("http://{word}.invalid/"));
            return Ok(Source::own()?.mirror(request, Slot::new("csv")).await?.path);
        }
        "verdict" => return verdict(word).await.map(|()| String::new()),
        other => return Err(Error::new(format_args!("there is no way {other:?} to guess"))),
    };
    Ok(format!("{} {:?}", told.url(), told.headers()))
}
