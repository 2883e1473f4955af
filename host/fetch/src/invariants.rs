//! What holds for every recording, whatever the bytes. For tests and fuzzing only.

use http::Method;
use url::Url;

use super::exchange::{Arriving, Shown};
use super::har::{self, Entry};
use super::replay::{HarError, Replay};
use rules::text;

/// Longest error, in bytes: what it quotes of the file is cut.
const LONGEST: usize = 16 * 1024;

/// Reading ends, and says nothing that a terminal acts upon. Asked for all that it holds, in its order, a recording
/// gives each exchange its own answer; written again, it gives the same ones.
pub fn har(bytes: &[u8]) {
    let replay = match Replay::parse(bytes) {
        Ok(replay) => replay,
        Err(error) => return told(&error),
    };
    for origin in replay.origins() {
        assert!(!text::is_tricky(&origin), "{origin:?}");
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Ok(file) = serde_json::from_slice::<har::File>(bytes) else { panic!("it was read, and is no HAR") };
    let Ok(written) = serde_json::to_vec(&file) else { panic!("it was read, and cannot be written") };
    let again = Replay::parse(&written).unwrap_or_else(|error| panic!("written again, it is refused: {error}"));
    assert_eq!((again.started(), again.origins()), (replay.started(), replay.origins()));

    // A 304 that nothing asked for answers nothing, and so may stand in the way of others.
    let plain = file.log.entries.iter().all(|entry| entry.response.status != 304);
    for entry in &file.log.entries {
        let Some(asked) = asked(entry) else { panic!("it was read, and cannot be asked for") };
        let answer = given(&replay, &asked);
        assert_eq!(given(&again, &asked), answer, "{asked:?}");
        if plain {
            let status = u16::try_from(entry.response.status).ok().filter(|status| (100..1000).contains(status));
            assert_eq!(answer.map(|(status, _)| status).ok(), status, "{asked:?}");
        }
    }
    let nowhere = Shown { url: "https://nowhere.example/".into(), ..shown() };
    if let Err(message) = given(&replay, &nowhere) {
        assert!(message.len() < LONGEST && !text::is_tricky(&message), "{message:?}");
    }
}

fn told(error: &HarError) {
    let error = error.to_string();
    assert!(error.len() < LONGEST, "{} bytes of an error", error.len());
    assert!(!text::is_tricky(&error), "{error:?}");
}

fn shown() -> Shown {
    Shown { method: Method::GET, url: String::new(), headers: Vec::new(), own: Vec::new(), body: Vec::new() }
}

/// The request of an exchange, as an extractor would send it again.
fn asked(entry: &Entry) -> Option<Shown> {
    let request = &entry.request;
    let mut url = Url::parse(&request.url).ok()?;
    url.set_fragment(None);
    let fields = request.headers.iter().map(|pair| (pair.name.to_ascii_lowercase(), pair.value.clone()));
    let headers: Vec<_> = fields.filter(|(name, _)| !name.starts_with(':')).collect();
    let body = match &request.post_data {
        Some(data) => super::replay::decoded(data.text.clone(), &data.encoding).ok()?.to_vec(),
        None => Vec::new(),
    };
    Some(Shown {
        method: Method::from_bytes(request.method.as_bytes()).ok()?,
        url: url.into(),
        own: headers.iter().map(|(name, _)| name.clone()).collect(),
        headers,
        body,
    })
}

/// The status of the answer, and what it holds; or what is said in its place.
fn given(replay: &Replay, asked: &Shown) -> Result<(u16, String), String> {
    let response = replay.answer(asked).map_err(|failure| failure.error.to_string())?;
    let (head, body) = response.into_parts();
    let Arriving::Recorded(body, then) = body else { panic!("a recording has no network") };
    Ok((head.status.as_u16(), format!("{:?} {body:?} {then:?}", head.headers)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules::fuzzing::bent;

    #[test]
    fn any_recording_is_read_or_refused() {
        let seeds: [&[u8]; 5] = [
            include_bytes!("../../../tests/fuzz/corpus/har/seed-recorded"),
            include_bytes!("../../../tests/fuzz/corpus/har/seed-browser"),
            include_bytes!("../../../tests/fuzz/corpus/har/seed-failed"),
            include_bytes!("../../../tests/fuzz/corpus/har/seed-unchanged"),
            b"\xef\xbb\xbf{\"log\":{\"entries\":null}}",
        ];
        bent(&seeds, 5_000, har);
    }
}
