//! As much of HTTP as asking a server one thing takes.

use std::fmt::Display;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
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

/// Ask a server one thing. By HTTP/1.0, so that an answer without a length ends with the connection.
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
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let no_answer = || io::Error::new(io::ErrorKind::InvalidData, "no answer of HTTP");
    let status = lines.first().and_then(|line| line.get(9..12)?.parse().ok()).ok_or_else(no_answer)?;
    let fields = lines.iter().filter_map(|line| line.split_once(':'));
    let fields: Vec<_> = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let mut answer = Answer { status, fields, body: Vec::new() };
    let length = answer.fields("content-length").next().and_then(|length| length.parse().ok());
    match length {
        // Some servers keep the connection all the same.
        Some(length) => {
            answer.body.resize(length, 0);
            reader.read_exact(&mut answer.body)?;
        }
        None => drop(reader.read_to_end(&mut answer.body)?),
    }
    Ok(answer)
}
