//! Answers: what an origin says when it is asked, right or wrong.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::origin::{Asked, Gate};
use crate::wire::Wire;

/// When every answer says that it was made.
pub const DATE: &str = "Sun, 15 Jun 2025 08:00:00 GMT";
/// Bytes written at a time of a generated body.
const CHUNK: usize = 64 * 1024;

/// How an answer says where its body ends.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Framing {
    Length,
    Chunked,
    Close,
}

/// What an answer's body is.
#[derive(Debug, Clone)]
enum Content {
    Bytes(Vec<u8>),
    /// That many lines of CSV, made as they are sent.
    Lines(u64),
}

/// One step of an answer that is told byte by byte.
#[derive(Debug, Clone)]
pub enum Part {
    /// These bytes.
    Bytes(Vec<u8>),
    /// These bytes that many times, or until nobody takes them any more.
    Repeat(Vec<u8>, u64),
    /// Nothing, until this opens.
    Hold(Gate),
    /// Word to whoever waits for this.
    Open(Gate),
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    content: Content,
    framing: Framing,
    etag: Option<String>,
    last_modified: Option<String>,
    cut: Option<usize>,
    reached: Option<Gate>,
    hold: Option<Gate>,
    parts: Option<Vec<Part>>,
    kept: bool,
    reset: bool,
    unannounced: bool,
    pause: Option<Duration>,
}

impl Reply {
    /// A 200 with this content.
    pub fn new(content: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            content: Content::Bytes(content.into()),
            framing: Framing::Length,
            etag: None,
            last_modified: None,
            cut: None,
            reached: None,
            hold: None,
            parts: None,
            kept: false,
            reset: false,
            unannounced: false,
            pause: None,
        }
    }

    /// An empty answer of that status.
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::new("") }
    }

    /// A redirect.
    pub fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self::status(status).header("Location", location)
    }

    /// A 200 with that many lines of CSV, each of [`LINE`] bytes, which the origin never holds as a whole.
    pub fn lines(lines: u64) -> Self {
        Self { content: Content::Lines(lines), ..Self::new("") }
    }

    /// These very bytes, and then the end of the connection.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::parts(vec![Part::Bytes(bytes.into())])
    }

    /// These steps one after the other, and then the end of the connection.
    pub fn parts(parts: Vec<Part>) -> Self {
        Self { parts: Some(parts), ..Self::new("") }
    }

    /// With the connection left open at its end, for what is asked next.
    pub fn kept(mut self) -> Self {
        self.kept = true;
        self
    }

    /// With the connection reset, and not closed, at its end.
    pub fn reset(mut self) -> Self {
        self.reset = true;
        self
    }

    /// With no word of TLS that this is the end, where it ends the connection: as one that was cut off.
    pub fn unannounced(mut self) -> Self {
        self.unannounced = true;
        self
    }

    /// With another status.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// With one more field.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With an ETag, quotes included; a request with the same one gets a 304.
    pub fn etag(mut self, etag: &str) -> Self {
        self.etag = Some(etag.to_owned());
        self
    }

    /// With a Last-Modified; a request with the same date gets a 304.
    pub fn last_modified(mut self, date: &str) -> Self {
        self.last_modified = Some(date.to_owned());
        self
    }

    /// In chunks.
    pub fn chunked(mut self) -> Self {
        self.framing = Framing::Chunked;
        self
    }

    /// Without a length, ended by closing.
    pub fn unframed(mut self) -> Self {
        self.framing = Framing::Close;
        self
    }

    /// With the content gzipped in transport.
    pub fn gzipped(mut self) -> Self {
        if let Content::Bytes(bytes) = &mut self.content {
            *bytes = gzip(bytes);
        }
        self.header("Content-Encoding", "gzip")
    }

    /// With the content gzipped in transport as it is.
    pub fn gzip_encoded(self) -> Self {
        self.header("Content-Encoding", "gzip")
    }

    /// With the connection closed after so many bytes of the body.
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self
    }

    /// With `reached` opened once the request is in, and nothing sent before `hold` is open.
    pub fn gated(mut self, reached: &Gate, hold: &Gate) -> Self {
        self.reached = Some(reached.clone());
        self.hold = Some(hold.clone());
        self
    }

    /// With a pause after each byte of the body: it is the server that is slow, not the test that waits.
    pub fn dripping(mut self, pause: Duration) -> Self {
        self.pause = Some(pause);
        self
    }

    fn is_unchanged(&self, asked: &Asked) -> bool {
        let matches = |name, ours: &Option<String>| ours.is_some() && asked.header(name) == ours.as_deref();
        matches("if-none-match", &self.etag) || matches("if-modified-since", &self.last_modified)
    }

    /// Send it; whether the connection stays open for what is asked next.
    pub(crate) fn send(&self, asked: &Asked, stream: &mut Wire) -> std::io::Result<bool> {
        let kept = self.send_all(asked, stream)? && !self.unannounced;
        if !kept {
            self.say_the_end(stream)?;
        }
        Ok(kept)
    }

    fn say_the_end(&self, stream: &mut Wire) -> std::io::Result<()> {
        if self.reset || self.unannounced { Ok(()) } else { stream.say_the_end() }
    }

    fn send_all(&self, asked: &Asked, stream: &mut Wire) -> std::io::Result<bool> {
        if let Some(reached) = &self.reached {
            reached.open();
        }
        if let Some(hold) = &self.hold {
            hold.wait();
        }
        if let Some(parts) = &self.parts {
            return self.send_parts(parts, stream);
        }
        let status = if self.is_unchanged(asked) { 304 } else { self.status };
        let bodiless = asked.method == "HEAD" || matches!(status, 204 | 304);
        let mut head = format!("HTTP/1.1 {status} Told\r\nDate: {DATE}\r\n");
        let validators = [("ETag", &self.etag), ("Last-Modified", &self.last_modified)];
        let validators = validators.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        for (name, value) in self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(validators)
        {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match self.framing {
            _ if bodiless => {}
            Framing::Length => head.push_str(&format!("Content-Length: {}\r\n", self.length())),
            Framing::Chunked => head.push_str("Transfer-Encoding: chunked\r\n"),
            Framing::Close => head.push_str("Connection: close\r\n"),
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes())?;
        if !bodiless {
            self.send_body(stream)?;
        }
        Ok(self.cut.is_none() && self.framing != Framing::Close)
    }

    fn send_parts(&self, parts: &[Part], stream: &mut Wire) -> std::io::Result<bool> {
        // The last bytes and the end go out together, so that no request can come in between and be lost.
        let at_once = !self.kept && !self.reset && matches!(parts, [Part::Bytes(_)]);
        #[cfg(target_os = "linux")]
        rustix::net::sockopt::set_tcp_cork(stream.socket(), at_once)?;
        for part in parts {
            part.send(stream)?;
        }
        if self.reset {
            // Closing a socket that does not linger resets its connection.
            rustix::net::sockopt::set_socket_linger(stream.socket(), Some(Duration::ZERO))?;
        } else if at_once {
            self.say_the_end(stream)?;
            stream.shut()?;
        }
        Ok(self.kept)
    }

    fn length(&self) -> u64 {
        match &self.content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Lines(lines) => lines * LINE as u64,
        }
    }

    fn send_body(&self, stream: &mut Wire) -> std::io::Result<()> {
        let mut left = self.cut.unwrap_or(usize::MAX);
        let mut send = |bytes: &[u8]| {
            let bytes = &bytes[..bytes.len().min(left)];
            left -= bytes.len();
            if bytes.is_empty() {
                return Ok(());
            }
            if self.framing == Framing::Chunked {
                stream.write_all(format!("{:x}\r\n", bytes.len()).as_bytes())?;
            }
            stream.write_all(bytes)?;
            if self.framing == Framing::Chunked {
                stream.write_all(b"\r\n")?;
            }
            Ok::<(), std::io::Error>(())
        };
        match (&self.content, self.pause) {
            (Content::Bytes(bytes), Some(pause)) => {
                for byte in bytes {
                    send(std::slice::from_ref(byte))?;
                    std::thread::sleep(pause);
                }
            }
            (Content::Bytes(bytes), None) => send(bytes)?,
            (Content::Lines(lines), _) => {
                let mut chunk = Vec::with_capacity(CHUNK + LINE);
                for number in 0..*lines {
                    chunk.extend_from_slice(&line(number));
                    if chunk.len() >= CHUNK {
                        send(&chunk)?;
                        chunk.clear();
                    }
                }
                send(&chunk)?;
            }
        }
        if self.framing == Framing::Chunked && self.cut.is_none() {
            stream.write_all(b"0\r\n\r\n")?;
        }
        Ok(())
    }
}

impl Part {
    pub(crate) fn send(&self, stream: &mut Wire) -> std::io::Result<()> {
        match self {
            Self::Bytes(bytes) => stream.write_all(bytes),
            Self::Repeat(bytes, times) => {
                let many = (CHUNK / bytes.len().max(1)).max(1) as u64;
                let batch = bytes.repeat(many as usize);
                (0..times / many).try_for_each(|_| stream.write_all(&batch))?;
                (0..times % many).try_for_each(|_| stream.write_all(bytes))
            }
            Self::Hold(gate) => {
                gate.wait();
                Ok(())
            }
            Self::Open(gate) => {
                gate.open();
                Ok(())
            }
        }
    }
}

/// Bytes of a generated line.
pub const LINE: usize = 64;

/// Line `number` of a generated CSV file: it compresses about as well as real ones.
pub fn line(number: u64) -> [u8; LINE] {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) ^ number;
    let text = format!(
        "{number:012},court-{:08x},{:03}.{:05},city-{:04},padel,open",
        mixed as u32,
        mixed % 180,
        mixed % 99991,
        mixed % 7919
    );
    let mut line = [b' '; LINE];
    line[..text.len()].copy_from_slice(text.as_bytes());
    line[LINE - 1] = b'\n';
    line
}

/// A gzip file of this content.
pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}
