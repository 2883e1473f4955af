//! Where the heads and the chunk lines of HTTP/1 answers are in a connection's bytes, and that they end as RFC 9112 says.
//!
//! Pure. The HTTP library reads messages; this reads the same bytes before it and refuses what it lets pass: lines that
//! end in a line feed alone, and chunk lines that are not of the grammar. What lies between two readings of such bytes is
//! how answers are smuggled. What the library or the rules for heads refuse anyway is not judged here again.

mod chunk;

use chunk::Chunk;

/// Bytes of a line that are looked at. Fields that frame a body are much shorter.
const MAX_KEPT: usize = 256;
/// How a request that asks by HEAD starts.
const BY_HEAD: &[u8] = b"HEAD ";

/// What breaks HTTP in a way that the HTTP library lets pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lax {
    /// A line feed without a carriage return (RFC 9112, 2.2).
    #[error("a line ends in a line feed alone")]
    LineFeed,
    /// A carriage return without a line feed.
    #[error("a carriage return stands alone in a line")]
    CarriageReturn,
    /// RFC 9112, 7.1.
    #[error("the line before a chunk is not its size in hexadecimal digits, and well-formed extensions")]
    ChunkLine,
    /// Bytes behind an answer, or before the first request.
    #[error("the connection is used again after bytes that belong to no answer")]
    Unasked,
}

/// The bytes of one connection, both ways, as they pass.
#[derive(Debug, Default)]
pub struct Framing {
    request: Request,
    answer: Answer,
}

impl Framing {
    /// What the client sent.
    pub fn sent(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if let Some(by_head) = self.request.read(&mut bytes) {
                self.answer.expect(by_head);
            }
        }
    }

    /// What the server sent. The error says how many of these bytes may still be read.
    pub fn received(&mut self, bytes: &[u8]) -> Result<(), (usize, Lax)> {
        let mut left = bytes;
        while !left.is_empty() {
            let good = bytes.len() - left.len();
            self.answer.read(&mut left).map_err(|lax| (good, lax))?;
        }
        Ok(())
    }
}

/// A line as it comes. It ends with CRLF and with nothing else.
#[derive(Debug, Default)]
struct Line {
    /// Its first bytes.
    kept: Vec<u8>,
    /// Whether there were more.
    longer: bool,
    returned: bool,
}

impl Line {
    /// Take one byte; whether it was the line's last.
    fn take(&mut self, byte: u8) -> Result<bool, Lax> {
        match (self.returned, byte) {
            (true, b'\n') => return Ok(true),
            (true, _) => return Err(Lax::CarriageReturn),
            (false, b'\n') => return Err(Lax::LineFeed),
            (false, b'\r') => self.returned = true,
            (false, _) if self.kept.len() < MAX_KEPT => self.kept.push(byte),
            (false, _) => self.longer = true,
        }
        Ok(false)
    }

    /// A field's name and value, where it is one.
    fn field(&self) -> Option<(&[u8], &[u8])> {
        let colon = self.kept.iter().position(|byte| *byte == b':')?;
        Some((&self.kept[..colon], self.kept[colon + 1..].trim_ascii()))
    }
}

/// A head as far as it frames what follows.
#[derive(Debug, Default)]
struct Head {
    line: Line,
    first: Option<Vec<u8>>,
    length: Option<u64>,
    chunked: bool,
    /// Whether it frames its body in another way than the rules for heads take.
    unclear: bool,
}

impl Head {
    /// Take one byte; whether it was the head's last.
    fn take(&mut self, byte: u8) -> Result<bool, Lax> {
        if !self.line.take(byte)? {
            return Ok(false);
        }
        let line = std::mem::take(&mut self.line);
        if line.kept.is_empty() {
            // Empty lines may be in front of the first one.
            return Ok(self.first.is_some());
        }
        if self.first.is_none() {
            self.first = Some(line.kept);
        } else if let Some((name, value)) = line.field() {
            if name.eq_ignore_ascii_case(b"content-length") {
                let length = str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
                self.unclear |= self.length.is_some() || line.longer;
                self.length = length.and_then(|text| text.parse().ok());
                self.unclear |= self.length.is_none();
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                self.unclear |= self.chunked || line.longer || !value.eq_ignore_ascii_case(b"chunked");
                self.chunked = true;
            }
        }
        Ok(false)
    }

    fn first(&self) -> &[u8] {
        self.first.as_deref().unwrap_or_default()
    }
}

/// Requests, which are the library's own and right; only where one starts and whether it is a HEAD is of interest.
#[derive(Debug, Default)]
struct Request {
    head: Head,
    /// Of the content.
    left: u64,
}

impl Request {
    /// Whether a request starts in these bytes, and if so, whether it asks by HEAD. An answer may come before its end.
    fn read(&mut self, bytes: &mut &[u8]) -> Option<bool> {
        if self.left > 0 {
            skip(bytes, &mut self.left);
            return None;
        }
        let byte = bytes.split_off_first()?;
        if self.head.take(*byte).unwrap_or(false) {
            self.left = std::mem::take(&mut self.head).length.unwrap_or(0);
            return None;
        }
        let Head { first, line, .. } = &self.head;
        (first.is_none() && line.kept.len() == BY_HEAD.len()).then(|| line.kept == BY_HEAD)
    }
}

/// Answers, one after the other.
#[derive(Debug)]
struct Answer {
    at: At,
    head: Head,
    /// For each request without an answer, whether it asks by HEAD.
    asked: std::collections::VecDeque<bool>,
}

/// Where in an answer the next byte is.
#[derive(Debug)]
enum At {
    Head,
    /// In content of which this much is left.
    Content(u64),
    Chunk(Chunk),
    /// In a chunk of which this much is left.
    Data(u64),
    /// In the line end behind a chunk's data.
    AfterData(Line),
    Trailers(Head),
    /// Behind all that can be told apart. Nothing more is judged, and nothing more may be asked.
    Lost,
}

impl Default for Answer {
    fn default() -> Self {
        Self { at: At::Head, head: Head::default(), asked: std::collections::VecDeque::new() }
    }
}

impl Answer {
    fn expect(&mut self, by_head: bool) {
        self.asked.push_back(by_head);
    }

    fn read(&mut self, bytes: &mut &[u8]) -> Result<(), Lax> {
        match &mut self.at {
            At::Lost if self.asked.is_empty() => *bytes = &[],
            At::Lost => return Err(Lax::Unasked),
            // What nobody asked for is the library's to refuse, unless it were to take it for an answer later.
            At::Head if self.asked.is_empty() => self.at = At::Lost,
            At::Content(left) => {
                skip(bytes, left);
                if *left == 0 {
                    self.at = At::Head;
                }
            }
            At::Data(left) => {
                skip(bytes, left);
                if *left == 0 {
                    self.at = At::AfterData(Line::default());
                }
            }
            _ => {
                let Some(byte) = bytes.split_off_first() else { return Ok(()) };
                self.step(*byte)?;
            }
        }
        Ok(())
    }

    /// Take one byte of a line.
    fn step(&mut self, byte: u8) -> Result<(), Lax> {
        match &mut self.at {
            At::Head => {
                if self.head.take(byte)? {
                    self.at = self.behind_head();
                }
            }
            At::Chunk(chunk) => match chunk.take(byte)? {
                None => {}
                Some(0) => self.at = At::Trailers(Head { first: Some(Vec::new()), ..Head::default() }),
                Some(size) => self.at = At::Data(size),
            },
            At::AfterData(line) => {
                if line.take(byte)? {
                    self.at = At::Chunk(Chunk::default());
                }
            }
            At::Trailers(head) => {
                if head.take(byte)? {
                    self.at = At::Head;
                }
            }
            At::Content(_) | At::Data(_) | At::Lost => {}
        }
        Ok(())
    }

    /// What follows the head that ends here (RFC 9112, 6.3).
    fn behind_head(&mut self) -> At {
        let head = std::mem::take(&mut self.head);
        let status = head.first().get(9..12).and_then(|digits| str::from_utf8(digits).ok()?.parse::<u16>().ok());
        let by_head = match status {
            Some(100 | 102..=199) => return At::Head,
            _ => self.asked.pop_front().unwrap_or(false),
        };
        match status {
            None | Some(101) => At::Lost,
            _ if head.unclear => At::Lost,
            Some(204 | 304) => At::Head,
            _ if by_head => At::Head,
            _ if head.chunked && head.length.is_some() => At::Lost,
            _ if head.chunked => At::Chunk(Chunk::default()),
            _ => head.length.map_or(At::Lost, |length| if length == 0 { At::Head } else { At::Content(length) }),
        }
    }
}

/// Leave out as much of this as there is.
fn skip(bytes: &mut &[u8], left: &mut u64) {
    let part = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    *bytes = &bytes[part..];
    *left -= part as u64;
}

#[cfg(test)]
mod tests;
