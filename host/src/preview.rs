//! The first lines of a file in the landing zone, fit to be shown once nothing in them acts upon a terminal.

use std::io::Read;

use rules::gunzip::Gunzip;
use rules::text;
use zone::Zone;

/// Most lines that are shown, and most bytes of them.
const MAX_LINES: usize = 5;
const MAX_BYTES: usize = 2048;

/// The first lines; none where they are no text. Of what cannot be read there is nothing to show.
pub fn lines(zone: &Zone, path: &str) -> Option<Vec<String>> {
    raw_lines(zone, path).map(|lines| lines.iter().map(|line| text::line(line)).collect())
}

/// The same as they are.
pub fn raw_lines(zone: &Zone, path: &str) -> Option<Vec<String>> {
    let start = match zone.read(path) {
        Ok(Some(file)) => start(file),
        _ => Vec::new(),
    };
    let text = std::str::from_utf8(&start[..whole(&start)]).ok()?;
    Some(text.lines().take(MAX_LINES).map(str::to_owned).collect())
}

/// The first bytes of what a file of gzip holds.
fn start(file: impl Read) -> Vec<u8> {
    let (mut decoder, mut start, mut packed) = (Gunzip::default(), Vec::new(), Vec::new());
    let _ = file.take(MAX_BYTES as u64 * 4).read_to_end(&mut packed);
    // An error is that there is enough, or that this is not all of it.
    let _ = decoder.push(&packed, |piece| {
        start.extend_from_slice(&piece[..piece.len().min(MAX_BYTES - start.len())]);
        if start.len() < MAX_BYTES { Ok(()) } else { Err(()) }
    });
    start
}

/// How many of these bytes are whole characters, where only the last one may be cut.
fn whole(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
}
