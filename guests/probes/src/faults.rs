//! Probes that misbehave: each tries to harm the host or to end badly.

use std::hint::black_box;

use futures_util::FutureExt;
use futures_util::future::join;
use landing::{Content, Error, Request, Slot, Source, params, run};

use crate::acts;

/// Loops for ever. The host must stop it within a second of its deadline, and say that the time was up.
pub(crate) fn spin() -> Result<(), Error> {
    loop {
        black_box(());
    }
}

/// Takes memory until it is refused. The host must refuse at its cap, and its own memory must stay near that.
pub(crate) fn grow() -> Result<(), Error> {
    const STEP: usize = 1 << 20;
    let mut taken = Vec::new();
    loop {
        // Bytes other than zero, so that the memory is really used.
        taken.push(black_box(vec![1_u8; STEP]));
    }
}

/// Executes `unreachable`. The host must say so, with the guest's frames.
pub(crate) fn trap() -> Result<(), Error> {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    std::process::abort()
}

/// Recurses without end. The host must stop it at its stack limit and stay whole.
pub(crate) fn recurse() -> Result<(), Error> {
    #[allow(unconditional_recursion, reason = "it is what this probe is for")]
    #[inline(never)]
    fn deeper(depth: u64) -> u64 {
        black_box(deeper(black_box(depth + 1))) + 1
    }
    Err(Error::new(deeper(0)))
}

/// Writes `size` log lines, then ends well. The host must keep to its budget, count the rest in one line, and succeed.
pub(crate) fn flood() -> Result<(), Error> {
    let lines: u64 = params::parsed("size")?.unwrap_or(100_000);
    for line in 0..lines {
        landing::info!("line {line} of {lines}, and it goes on so that the lines are not short either");
    }
    Ok(())
}

/// Logs `text`, or else what clears a terminal, sets its title and forges a line. The host must escape all of it.
pub(crate) fn escape() -> Result<(), Error> {
    const TRICKS: &str = "\x1b[2J\x1b[1;1H\x1b]0;owned\x07\r\nforged: all is well\u{9b}31m\u{202e}\0\x08";
    let text = params::get("text");
    landing::info!("{}", text.as_deref().unwrap_or(TRICKS));
    Ok(())
}

/// Fails with `text`. The host must keep the text as the run's error message.
pub(crate) fn fail() -> Result<(), Error> {
    Err(Error::new(params::get("text").as_deref().unwrap_or("the probe fails, as it was told to")))
}

/// Lands `content`, keeps `cursor`, then fails. The host must keep the file and the cursor, and call the run failed.
pub(crate) async fn checkpoint_then_fail() -> Result<(), Error> {
    let content = params::required("content")?;
    Source::own()?.land_bytes(content.into_bytes(), Slot::new("csv")).await?;
    run::checkpoint(&params::required("cursor")?).await;
    fail()
}

/// Waits for `url`, which is meant to stall. The host must end the wait by its own clock.
pub(crate) async fn sleep() -> Result<(), Error> {
    let response = Request::get(&params::required("url")?).send().await?;
    landing::info!("the answer has status {}", response.status());
    let body = response.into_bytes().await?;
    landing::info!("the body has {} bytes", body.len());
    Ok(())
}

/// Writes `content`, then gives up, while the landing still waits. The host must land nothing and say who gave up.
pub(crate) async fn half() -> Result<(), Error> {
    let source = Source::own()?;
    let (mut content, stream, whole) = Content::new();
    let writing = async move { content.write(run::param("content").unwrap_or_default()).await };
    let (landed, written) = join(source.land_stream(stream, whole, Slot::new("csv")), writing).await;
    landed?;
    Ok(written?)
}

/// Adds 1500 fields of 1 MiB each to one request and sends it to `url`. The host must refuse before its memory fills.
pub(crate) async fn hoard_fields() -> Result<(), Error> {
    let request = Request::get(&params::required("url")?);
    let value = "x".repeat(1 << 20);
    for _ in 0..1500 {
        request.add_header("x-hoard", &value);
    }
    request.send().await?;
    Ok(())
}

/// Adds 50 million fields without a letter to one request. The host must count what each takes by being there.
pub(crate) fn hoard_empty_fields() -> Result<(), Error> {
    let request = Request::get("http://hoard.invalid");
    for _ in 0..25_000_000 {
        request.add_header("", "");
        request.use_secret("");
    }
    Ok(())
}

/// Keeps 150 requests with a body of 8 MiB each, and sends none. The host must refuse before its memory fills.
pub(crate) fn hoard_bodies() -> Result<(), Error> {
    let body = vec![b'x'; 8 << 20];
    let requests: Vec<Request> = (0..150).map(|_| Request::post("http://hoard.invalid", &body)).collect();
    landing::info!("{} requests are kept", requests.len());
    Ok(())
}

/// Opens its own source 50 000 times and closes none. The host must refuse at its cap of handles.
pub(crate) fn hoard_handles() -> Result<(), Error> {
    let sources = (0..50_000).map(|_| Source::own()).collect::<Result<Vec<_>, _>>()?;
    landing::info!("{} sources are open", sources.len());
    Ok(())
}

/// Fetches `url` `count` times and keeps each body open, unread. The host must count what each takes.
pub(crate) async fn hoard_streams() -> Result<(), Error> {
    let (url, mut open) = (params::required("url")?, Vec::new());
    for _ in 0..acts::count()? {
        open.push(Request::get(&url).send().await?.into_body());
    }
    landing::info!("{} bodies are open", open.len());
    Ok(())
}

/// Lands one and the same byte without end. The host must count what it keeps of each landing.
pub(crate) async fn twice_without_end() -> Result<(), Error> {
    let source = Source::own()?;
    loop {
        source.land_bytes(b"x".to_vec(), Slot::new("csv")).await?;
    }
}

/// Fetches from `count` origins that nobody granted, and ends well. The host must refuse each and stay concise.
pub(crate) async fn denied() -> Result<(), Error> {
    for number in 0..acts::count()? {
        // The refusal is what is wanted, and the host knows of it.
        let _ = Request::get(&format!("http://{number}.invalid")).send().await;
    }
    Ok(())
}

/// Begins to mirror `url`, drops that before its end, and ends well. The host must stop the download and land nothing.
pub(crate) async fn cancel() -> Result<(), Error> {
    let (source, request) = (Source::own()?, Request::get(&params::required("url")?));
    match source.mirror(request, Slot::new("csv")).now_or_never() {
        Some(_) => Err(Error::new("it ended at once, so that there was nothing to drop")),
        None => Ok(()),
    }
}
