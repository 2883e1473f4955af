//! Gzip (RFC 1952) as it arrives, in the memory of a piece.

use crate::inflate::{Feed, Inflate, Limit, MOST, Unpacker, failed, number};
use crate::{Content, Error, Response};

/// Longest header of a member, with the name of a file and a comment, in bytes.
const HEADER: usize = 64 * 1024;

/// What a gzip file holds that a response brings. All its members count, and zeros behind the last.
///
/// [`Source::mirror`](crate::Source::mirror) lands a gzip file by itself, as what it holds; this is for a look inside. A
/// `Content-Encoding` is undone by the host, so a body that came with one is not packed any more.
///
/// ```no_run
/// # async fn example() -> Result<(), landing::Error> {
/// use landing::{Gunzip, Request, Slot, Source};
///
/// let response = Request::get("https://data.example/events.ndjson.gz").send().await?.successful()?;
/// let mut events = Gunzip::of(response).at_most(4 << 30);
/// let source = Source::own()?;
/// source.land_made(Slot::new("ndjson"), async |content| events.write_to(content).await).await?;
/// # Ok(())
/// # }
/// ```
pub struct Gunzip {
    feed: Feed,
    members: Members,
}

impl Gunzip {
    /// What this response holds. More than 64 GiB of it are an error.
    pub fn of(response: Response) -> Self {
        Self { feed: Feed::of(response), members: Members::new(MOST) }
    }

    /// The same, but more than so many bytes are an error.
    #[must_use]
    pub fn at_most(self, bytes: u64) -> Self {
        Self { members: Members::new(bytes), ..self }
    }

    /// The next piece, at most 64 KiB; none at the end. What is damaged, cut off or no gzip is an error.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.feed.next(&mut self.members).await
    }

    /// Write the rest of it to content that is being made.
    pub async fn write_to(&mut self, content: &mut Content) -> Result<(), Error> {
        while let Some(piece) = self.next().await? {
            content.write(piece).await?;
        }
        Ok(())
    }
}

enum At {
    /// In a header, or in front of one, with what came of it.
    Header(Vec<u8>),
    Data(Box<Inflate>),
    /// In the eight bytes behind the data, with what came of them.
    Sums(Box<Inflate>, Vec<u8>),
    /// In zeros behind the last member.
    Zeros,
    /// Behind an error.
    Failed,
}

/// The members of a gzip file.
struct Members {
    at: At,
    limit: Limit,
    any: bool,
}

impl Members {
    fn new(most: u64) -> Self {
        Self { at: At::Header(Vec::new()), limit: Limit::new(most), any: false }
    }

    /// The state behind what a header needs of these bytes, and how many those are.
    fn header(&self, mut begun: Vec<u8>, input: &[u8]) -> Result<(usize, At), Error> {
        if begun.is_empty() && self.any && input.first() == Some(&0) {
            return Ok((0, At::Zeros));
        }
        let before = begun.len();
        begun.extend_from_slice(&input[..input.len().min(HEADER)]);
        if !begun.iter().zip(&[0x1f, 0x8b, 8]).all(|(byte, magic)| byte == magic) {
            return Err(Error::new(if self.any {
                "something that is no gzip is behind its end"
            } else {
                "it is no gzip"
            }));
        }
        match header_len(&begun) {
            Some(length) => Ok((length - before, At::Data(Box::new(Inflate::new())))),
            None if begun.len() > HEADER => Err(Error::new("its gzip header does not end")),
            None => Ok((begun.len() - before, At::Header(begun))),
        }
    }
}

/// How long the header is that these bytes begin with; none where it goes on behind them.
fn header_len(bytes: &[u8]) -> Option<usize> {
    let flags = *bytes.get(3)?;
    let mut length = 10;
    if flags & 4 != 0 {
        length += 2 + number(bytes.get(length..length + 2)?) as usize;
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            length += 1 + bytes.get(length..)?.iter().position(|byte| *byte == 0)?;
        }
    }
    if flags & 2 != 0 {
        length += 2;
    }
    (bytes.len() >= length).then_some(length)
}

impl Unpacker for Members {
    type Found = Vec<u8>;

    fn step(&mut self, input: &[u8]) -> Result<(usize, Option<Vec<u8>>), Error> {
        let (used, found, at) = match std::mem::replace(&mut self.at, At::Failed) {
            At::Header(begun) if input.is_empty() => (0, None, At::Header(begun)),
            At::Header(begun) => {
                let (used, at) = self.header(begun, input)?;
                if matches!(at, At::Zeros) {
                    self.at = at;
                    return self.step(input);
                }
                (used, None, at)
            }
            At::Data(mut inflate) => {
                let (used, piece) = inflate.step(input)?;
                self.limit.take(piece.len())?;
                let ended = inflate.ended();
                if ended && piece.is_empty() {
                    self.at = At::Sums(inflate, Vec::new());
                    let (more, found) = self.step(&input[used..])?;
                    return Ok((used + more, found));
                }
                let at = if ended { At::Sums(inflate, Vec::new()) } else { At::Data(inflate) };
                (used, (!piece.is_empty()).then_some(piece), at)
            }
            At::Sums(inflate, mut begun) => {
                let used = input.len().min(8 - begun.len());
                begun.extend_from_slice(&input[..used]);
                if begun.len() < 8 {
                    (used, None, At::Sums(inflate, begun))
                } else if (number(&begun[..4]), number(&begun[4..])) == both(inflate.sum()) {
                    self.any = true;
                    (used, None, At::Header(Vec::new()))
                } else {
                    return Err(Error::new("it is damaged: its checksum is another one"));
                }
            }
            At::Zeros => match input.iter().position(|byte| *byte != 0) {
                Some(_) => return Err(Error::new("something that is no gzip is behind its end")),
                None => (input.len(), None, At::Zeros),
            },
            At::Failed => return Err(failed()),
        };
        self.at = at;
        Ok((used, found))
    }

    fn end(&self) -> Result<(), Error> {
        match &self.at {
            At::Header(begun) if begun.is_empty() && self.any => Ok(()),
            At::Zeros => Ok(()),
            _ => Err(Error::new("its gzip ends in the middle")),
        }
    }
}

fn both((crc, size): (u32, u32)) -> (u64, u64) {
    (crc.into(), size.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(content).expect("memory");
        encoder.finish().expect("memory")
    }

    /// All of it by chunks of that size, and how long the longest piece was.
    fn unpacked(bytes: &[u8], chunk: usize, most: u64) -> Result<(Vec<u8>, usize), String> {
        let mut members = Members::new(most);
        let (mut content, mut longest) = (Vec::new(), 0);
        for chunk in bytes.chunks(chunk) {
            let mut at = 0;
            loop {
                let (used, piece) = members.step(&chunk[at..]).map_err(|error| error.to_string())?;
                at += used;
                longest = longest.max(piece.as_ref().map_or(0, Vec::len));
                let found = piece.is_some();
                content.extend(piece.into_iter().flatten());
                if used == 0 && !found {
                    break;
                }
            }
            assert_eq!(at, chunk.len());
        }
        members.end().map_err(|error| error.to_string())?;
        Ok((content, longest))
    }

    #[test]
    fn gzip_is_unpacked_whatever_the_chunks() {
        let (one, two) = (packed(b"one\n"), packed(b"two\n"));
        let mut named = one.clone();
        // An extra field, a name, a comment and a checksum of the header.
        named[3] = 2 | 4 | 8 | 16;
        named.splice(10..10, *b"\x03\0abcname\0comment\0\x12\x34");
        let cases = [
            (one.clone(), Ok("one\n")),
            ([&one[..], &two].concat(), Ok("one\ntwo\n")),
            ([&one[..], &[0; 700]].concat(), Ok("one\n")),
            (packed(b""), Ok("")),
            (named, Ok("one\n")),
            (one[..one.len() - 1].to_vec(), Err("its gzip ends in the middle")),
            (one[..15].to_vec(), Err("its gzip ends in the middle")),
            (Vec::new(), Err("its gzip ends in the middle")),
            (b"<html>".to_vec(), Err("it is no gzip")),
            ([&one[..], b"x"].concat(), Err("something that is no gzip is behind its end")),
            ([&one[..], b"\0\0x"].concat(), Err("something that is no gzip is behind its end")),
            ([&one[..one.len() - 8], &[0; 8]].concat(), Err("it is damaged: its checksum is another one")),
            ([&one[..10], &[0xff; 20]].concat(), Err("it is damaged: it holds no valid deflate")),
        ];
        for (bytes, expected) in cases {
            for chunk in [1, 2, 7, 64 * 1024] {
                let content = unpacked(&bytes, chunk, MOST).map(|(content, _)| content);
                let expected = expected.map(|text| text.as_bytes().to_vec()).map_err(str::to_owned);
                assert_eq!(content, expected, "{bytes:?} by {chunk}");
            }
        }
    }

    #[test]
    fn what_grows_stays_small_and_has_an_end() {
        let bomb = packed(&vec![0; 5_000_000]);
        for chunk in [1000, 64 * 1024] {
            let (content, longest) = unpacked(&bomb, chunk, MOST).expect("gzip");
            assert!(content.len() == 5_000_000 && longest <= 64 * 1024, "{longest}");
            let refused = unpacked(&bomb, chunk, 1_000_000).expect_err("a limit");
            assert_eq!(refused, "unpacked it is larger than the limit of 1000000 bytes");
        }
        let endless = [&[0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3], &vec![b'x'; 2 * HEADER][..]].concat();
        assert_eq!(unpacked(&endless, 1000, MOST).expect_err("a limit"), "its gzip header does not end");
    }
}
