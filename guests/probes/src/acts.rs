//! Probes that use one function of the contract each, in the plainest way.

use futures_util::future::{join, join_all};
use landing::{Content, Context, Date, Error, Receipt, Request, Slot, Source, concurrent, params, run};

use crate::rewrite::Rewriter;

/// How much `made` hands over at a time, and how much `rewrite` reads at a time, in bytes.
const CHUNK: usize = 64 * 1024;
/// How many lines `many` writes to each content.
const LINES: usize = 50;
/// What `count` is where the manifest gives no default.
const COUNT: usize = 40;

/// Fetches `url`, takes the whole body and lands it by `land-bytes`. The host must name it by its hash.
pub(crate) async fn fetch() -> Result<(), Error> {
    take("fetch", &params::required("url")?).await.map(|receipt| log(&receipt))
}

/// Fetches `url` and passes its body on to `land-stream`. The host must land nothing where the body breaks off, and
/// should move the bytes past the guest.
pub(crate) async fn stream() -> Result<(), Error> {
    take("stream", &params::required("url")?).await.map(|receipt| log(&receipt))
}

/// Fetches `url` and lands the response, host to host.
pub(crate) async fn land() -> Result<(), Error> {
    take("land", &params::required("url")?).await.map(|receipt| log(&receipt))
}

/// Mirrors `url`, host to host and conditionally.
pub(crate) async fn mirror() -> Result<(), Error> {
    take("mirror", &params::required("url")?).await.map(|receipt| log(&receipt))
}

/// Fetches `url` with `secret`, and tells all that it gets to see: the URL that answered, the fields, the body. The host
/// must show the secret in none of it that is logged, and give it to the guest in the body at most.
pub(crate) async fn secret() -> Result<(), Error> {
    let response = with_secrets(Request::get(&params::required("url")?)).send().await?;
    let mut seen = response.url();
    for (name, value) in response.headers() {
        landing::info!("{name}: {value}");
        seen.push_str(&name);
        seen.push_str(&value);
    }
    let secret = params::get("text").unwrap_or_default();
    if !secret.is_empty() && seen.contains(&secret) {
        return Err(Error::new("the guest got to see the secret"));
    }
    landing::info!("{}", response.into_text().await?);
    Ok(())
}

/// Fetches `url` with `secret`, and does with the body what it can: fails with it, or keeps it as the cursor, or lands it
/// under it. The host must record it nowhere.
pub(crate) async fn echo() -> Result<(), Error> {
    let body = with_secrets(Request::get(&params::required("url")?)).send().await?.into_text().await?;
    match params::get("name").as_deref() {
        Some("cursor") => run::checkpoint(&body).await,
        Some("extension") => drop(Source::own()?.land_bytes(Vec::new(), Slot::new(&body)).await?),
        Some("url") => drop(Request::get(&format!("{}?{body}", params::required("url")?)).send().await?),
        Some("land") => {
            let request = Request::get(&format!("{}?{body}", params::required("url")?));
            drop(Source::own()?.mirror(request, wanted_slot()?).await?);
        }
        _ => return Err(Error::new(body)),
    }
    Ok(())
}

/// A request with every secret that `secret` names.
fn with_secrets(request: Request) -> Request {
    params::words("secret").iter().fold(request, |request, name| request.with_secret(name))
}

/// Does what `how` says to every word of `url`, at most `count` at once, logs what came of each, and ends well. The
/// host must let no answer spill into another, nor one failure into the others.
pub(crate) async fn each() -> Result<(), Error> {
    let how = params::required("how")?;
    concurrent(count()?, params::words("url"), async |url| match take(&how, &url).await {
        Ok(receipt) => landing::info!("{url} landed at {}", receipt.path),
        Err(error) => landing::info!("{url} failed: {error}"),
    })
    .await;
    Ok(())
}

/// Lands what a URL holds, in one of the ways that there are.
async fn take(how: &str, url: &str) -> Result<Receipt, Error> {
    let (source, slot) = (Source::own()?, wanted_slot()?);
    if how == "mirror" {
        return Ok(source.mirror(with_secrets(Request::get(url)), slot).await?);
    }
    let response = Request::get(url).send().await?;
    landing::info!("status {} from {}", response.status(), response.url());
    match how {
        "fetch" => Ok(source.land_bytes(response.into_bytes().await?, slot).await?),
        "stream" => {
            let (body, whole) = response.into_body();
            Ok(source.land_stream(body, whole, slot).await?)
        }
        "land" => Ok(source.land(response, slot).await?),
        other => Err(Error::new(format_args!("there is no way {other:?} to land a URL"))),
    }
}

/// Lands `size` bytes that it makes as it goes. The host must keep its memory constant whatever the size.
pub(crate) async fn made() -> Result<(), Error> {
    let size = params::parsed("size")?.unwrap_or(CHUNK);
    log(&Source::own()?.land_made(wanted_slot()?, async |content| make(content, size).await).await?);
    Ok(())
}

/// Lands one content in each of `count` years, and so in as many directories. The host must not keep them all open.
pub(crate) async fn years() -> Result<(), Error> {
    let source = Source::own()?;
    for number in 0..count()? {
        let year = 1700 + u16::try_from(number).context("more years than there are")?;
        let slot = Slot::new("csv").on(Date { year, month: 1, day: 1 });
        source.land_bytes(format!("{number}\n").into_bytes(), slot).await?;
    }
    Ok(())
}

/// Mirrors `url` with each day of the window behind it, or with `now` where there is none, and keeps the last day as the
/// cursor. The host must let windows that share no day do so at the same time.
pub(crate) async fn days() -> Result<(), Error> {
    let (source, url) = (Source::own()?, params::required("url")?);
    let Some(window) = run::backfill() else {
        return take("mirror", &format!("{url}now")).await.map(|receipt| log(&receipt));
    };
    for day in window.days() {
        log(&source.mirror(Request::get(&format!("{url}{day}")), Slot::new("csv").on(day)).await?);
    }
    run::checkpoint(&window.end.to_string()).await;
    Ok(())
}

/// Fetches `url`, rewrites its lines as they come and lands them. The host must keep its memory constant whatever the
/// size, and land nothing where the body breaks off.
pub(crate) async fn rewrite() -> Result<(), Error> {
    let (mut body, whole) = Request::get(&params::required("url")?).send().await?.into_body();
    let source = Source::own()?;
    let landed = source.land_made(wanted_slot()?, async |content| {
        let (mut rewriter, mut chunk) = (Rewriter::default(), Vec::with_capacity(CHUNK));
        loop {
            chunk.clear();
            (_, chunk) = body.read(chunk).await;
            if chunk.is_empty() {
                break;
            }
            let mut lines = Vec::with_capacity(CHUNK);
            rewriter.push(&chunk, &mut lines);
            content.write(lines).await?;
        }
        let mut rest = Vec::new();
        rewriter.finish(&mut rest);
        content.write(rest).await?;
        Ok(whole.await?)
    });
    log(&landed.await?);
    Ok(())
}

/// Lands `count` contents at once and writes a line to each in turn. The host must take them all without waiting for
/// the end of any, and land each with its own lines.
pub(crate) async fn many() -> Result<(), Error> {
    let (source, slot) = (Source::own()?, wanted_slot()?);
    let (mut contents, mut landings) = (Vec::new(), Vec::new());
    for _ in 0..count()? {
        let (content, stream, whole) = Content::new();
        contents.push(content);
        landings.push(source.land_stream(stream, whole, slot.clone()));
    }
    let making = async move {
        for line in 0..LINES {
            for (number, content) in contents.iter_mut().enumerate() {
                // A landing that failed says so itself; the others go on.
                let _ = content.write(format!("{number},{line}\n")).await;
            }
        }
        for content in contents {
            content.finish().await;
        }
    };
    let (landed, ()) = join(join_all(landings), making).await;
    landing::all(landed.into_iter().map(|landed| landed.map_err(Error::from)))?.iter().for_each(log);
    Ok(())
}

/// Fetches `url` `count` times, one after the other, each with its body. The host must not count the waiting as
/// computing, nor keep anything of what is done.
pub(crate) async fn waits() -> Result<(), Error> {
    let url = params::required("url")?;
    let mut size = 0;
    for _ in 0..count()? {
        size += Request::get(&url).send().await?.into_bytes().await?.len();
    }
    landing::info!("{size} bytes");
    Ok(())
}

/// Mirrors `url` twice at once. The host must end both well, and land the content once.
pub(crate) async fn twice() -> Result<(), Error> {
    let (source, slot, url) = (Source::own()?, wanted_slot()?, params::required("url")?);
    let mirror = || source.mirror(Request::get(&url), slot.clone());
    let (one, other) = join(mirror(), mirror()).await;
    log(&one?);
    log(&other?);
    Ok(())
}

/// Opens the source `name` and lands `content` in it. The host must refuse names that are invalid or not granted.
pub(crate) async fn source() -> Result<(), Error> {
    // Not `params::get`: white space around the name, or no name at all, is for the host to refuse.
    let source = Source::open(&run::param("name").unwrap_or_default())?;
    log(&source.land_bytes(content(), wanted_slot()?).await?);
    Ok(())
}

/// Lands `content` with `extension` and `date` as they are given. The host must refuse what names no valid file.
pub(crate) async fn slot() -> Result<(), Error> {
    log(&Source::own()?.land_bytes(content(), wanted_slot()?).await?);
    Ok(())
}

/// Logs the cursor it finds, then keeps `cursor`. The host must give it back in the next run, and land nothing.
pub(crate) async fn cursor() -> Result<(), Error> {
    match run::cursor() {
        Some(cursor) => landing::info!("the cursor was {cursor:?}"),
        None => landing::info!("there was no cursor"),
    }
    if let Some(cursor) = run::param("cursor") {
        run::checkpoint(&cursor).await;
    }
    Ok(())
}

/// Posts `content` with a header field to `url`, and logs status and answer. The host must send both, once.
pub(crate) async fn post() -> Result<(), Error> {
    let request = with_secrets(Request::post(&params::required("url")?, &content()).with_header("x-probe", "post"));
    let response = request.send().await?;
    let status = response.status();
    landing::info!("status {status}: {}", response.into_text().await?);
    Ok(())
}

fn content() -> Vec<u8> {
    run::param("content").unwrap_or_default().into_bytes()
}

fn wanted_slot() -> Result<Slot, Error> {
    let slot = Slot::new(&run::param("extension").unwrap_or_default());
    Ok(match params::get("date") {
        Some(text) => slot.on(unchecked_date(&text).context(format_args!("the date {text:?}"))?),
        None => slot,
    })
}

/// Three numbers as a date, whether the day exists or not.
fn unchecked_date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let date = Date {
        year: parts.next()?.parse().ok()?,
        month: parts.next()?.parse().ok()?,
        day: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some(date)
}

/// Writes lines of digits, until the size is reached.
async fn make(content: &mut Content, size: usize) -> Result<(), Error> {
    let line = b"0123456789,abcdefghijklmnopqrstuvwxyz\n";
    let mut left = size;
    while left > 0 {
        let chunk: Vec<u8> = line.iter().copied().cycle().take(left.min(CHUNK)).collect();
        left -= chunk.len();
        content.write(chunk).await?;
    }
    Ok(())
}

/// The parameter `count`.
pub(crate) fn count() -> Result<usize, Error> {
    Ok(params::parsed("count")?.unwrap_or(COUNT))
}

fn log(receipt: &Receipt) {
    landing::info!("{:?} {} {} {}", receipt.outcome, receipt.path, receipt.sha256, receipt.size);
}

/// Land what time it is before and after waiting, and random bytes.
pub(crate) async fn time() -> Result<(), Error> {
    let before = run::now();
    landing::concurrent(2, &[3_600_000, 1_800_000], async |milliseconds| run::wait(*milliseconds).await).await;
    run::wait(1_000).await;
    let content = format!("{before} {} {:?}\n", run::now(), run::random_bytes(16));
    Source::own()?.land_bytes(content.into_bytes(), Slot::new("txt")).await?;
    Ok(())
}
