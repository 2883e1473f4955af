//! As much of HTTP as asking a server one thing takes.

use std::fmt::Display;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs};

use crate::origin::SILENCE;

/// What a server said.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Field names in lower case, and values.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The values of a field, in the order in which they came.
    pub(crate) fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Ask a server one thing. By HTTP/1.0, so that the answer ends with the connection.
pub(crate) fn ask(
    server: impl ToSocketAddrs + Display,
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(&server)?;
    stream.set_read_timeout(Some(SILENCE))?;
    let mut head = format!("{method} {target} HTTP/1.0\r\nhost: {server}\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let no_answer = || io::Error::new(io::ErrorKind::InvalidData, "no answer of HTTP");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(no_answer)?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.get(9..12)?.parse().ok()).ok_or_else(no_answer)?;
    let fields = lines.filter_map(|line| line.split_once(':'));
    let fields = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Ok(Answer { status, fields, body: answer.split_off(end + 4) })
}
