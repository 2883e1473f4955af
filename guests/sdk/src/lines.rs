//! Lines and records of content as it arrives, in the memory of one of them: NDJSON, CSV.

use std::collections::VecDeque;

use wit_bindgen::StreamReader;

use crate::{Error, Response, http};

/// How much is taken at a time, in bytes.
const CHUNK: usize = 64 * 1024;
/// Longest line or record, in bytes.
const LONGEST: usize = 16 << 20;

/// The lines of a response's body, as they arrive.
///
/// ```no_run
/// # async fn example() -> Result<(), landing::Error> {
/// use landing::{Lines, Request, Slot, Source};
///
/// let response = Request::get("https://data.example/events.ndjson").send().await?.successful()?;
/// let mut lines = Lines::of(response);
/// let source = Source::own()?;
/// let landed = source.land_made(Slot::new("ndjson"), async |content| {
///     while let Some(mut line) = lines.next().await? {
///         line.push(b'\n');
///         content.write(line).await?;
///     }
///     Ok(())
/// });
/// landed.await?;
/// # Ok(())
/// # }
/// ```
pub struct Lines {
    body: StreamReader<u8>,
    whole: Option<http::Whole>,
    cutter: Cutter,
}

impl Lines {
    /// Lines, which a line feed ends, or CR and line feed. What is behind the last one is a line too.
    pub fn of(response: Response) -> Self {
        Self::cut_by(response, false)
    }

    /// Records of CSV (RFC 4180): lines, but a line feed between quotation marks ends none.
    pub fn records_of(response: Response) -> Self {
        Self::cut_by(response, true)
    }

    fn cut_by(response: Response, quotes: bool) -> Self {
        let (body, whole) = response.into_body();
        Self { body, whole: Some(whole), cutter: Cutter { quotes, ..Cutter::default() } }
    }

    /// The next one without its end; none behind the last. A body that did not arrive whole is an error.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        loop {
            if let Some(line) = self.cutter.ready.pop_front() {
                return Ok(Some(line));
            }
            let Some(whole) = self.whole.take() else { return Ok(None) };
            let (_, chunk) = self.body.read(Vec::with_capacity(CHUNK)).await;
            if chunk.is_empty() {
                whole.await?;
                return Ok(self.cutter.rest());
            }
            self.whole = Some(whole);
            self.cutter.take(&chunk)?;
        }
    }
}

/// Cuts what comes into lines; pure.
#[derive(Default)]
struct Cutter {
    /// Whether quotation marks protect line feeds.
    quotes: bool,
    quoted: bool,
    begun: Vec<u8>,
    ready: VecDeque<Vec<u8>>,
}

impl Cutter {
    fn take(&mut self, chunk: &[u8]) -> Result<(), Error> {
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            if self.quotes {
                // Two marks inside a field stand for one, and change nothing.
                self.quoted ^= part.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
            }
            self.begun.extend_from_slice(part);
            if self.begun.len() > LONGEST {
                return Err(Error::new(format_args!("a line is longer than {} MiB", LONGEST >> 20)));
            }
            if part.ends_with(b"\n") && !self.quoted {
                let line = self.rest();
                self.ready.extend(line);
            }
        }
        Ok(())
    }

    /// What was begun, without its end.
    fn rest(&mut self) -> Option<Vec<u8>> {
        let mut line = std::mem::take(&mut self.begun);
        let begun = !line.is_empty();
        if line.ends_with(b"\n") {
            line.pop();
            if line.ends_with(b"\r") {
                line.pop();
            }
        }
        begun.then_some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(quotes: bool, text: &str, chunk: usize) -> Vec<String> {
        let mut cutter = Cutter { quotes, ..Cutter::default() };
        for chunk in text.as_bytes().chunks(chunk) {
            cutter.take(chunk).expect("short lines");
        }
        let rest = cutter.rest();
        cutter.ready.into_iter().chain(rest).map(|line| String::from_utf8(line).expect("text")).collect()
    }

    #[test]
    fn lines_and_records_whatever_the_chunks() {
        let cases = [
            (false, "", vec![]),
            (false, "a\nb", vec!["a", "b"]),
            (false, "a\r\n\nb\n", vec!["a", "", "b"]),
            (false, "\"a\nb\"\n", vec!["\"a", "b\""]),
            (true, "x,y\r\n\"a\nb\",1\nc,2", vec!["x,y", "\"a\nb\",1", "c,2"]),
            (true, "\"a\"\"\n\"\"b\"\nc\n", vec!["\"a\"\"\n\"\"b\"", "c"]),
        ];
        for (quotes, text, expected) in cases {
            for chunk in [1, 2, 3, 100] {
                assert_eq!(cut(quotes, text, chunk), expected, "{text:?} by {chunk}");
            }
        }
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut cutter = Cutter::default();
        let error = (0..=LONGEST / CHUNK).find_map(|_| cutter.take(&[b'x'; CHUNK]).err());
        assert_eq!(error, Some(Error::new("a line is longer than 16 MiB")));
    }
}
