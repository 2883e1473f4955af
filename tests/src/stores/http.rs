//! As much of HTTP, and of Azure's way to sign, as looking at a store takes.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::origin::SILENCE;

/// What a server said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Ask a server one thing. By HTTP/1.0, so that the answer ends with the connection.
pub(crate) fn ask(
    server: SocketAddr,
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(server)?;
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
    let status = std::str::from_utf8(&answer[..end]).ok().and_then(|head| head.get(9..12)?.parse().ok());
    Ok(Answer { status: status.ok_or_else(no_answer)?, body: answer.split_off(end + 4) })
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The time, as HTTP writes it.
pub(super) fn now() -> String {
    let date = Command::new("date").args(["-u", "+%a, %d %b %Y %H:%M:%S GMT"]).env("LC_ALL", "C").output();
    String::from_utf8(date.expect("date").stdout).expect("a date").trim().to_owned()
}

/// Azure's signature of a request without content. Its fields are in alphabetical order.
pub(super) fn shared_key(
    (account, key): (&str, &[u8]),
    method: &str,
    fields: &[(&str, &str)],
    resource: &str,
    query: &str,
) -> String {
    let fields: String = fields.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let signed = format!("{method}\n\n\n\n\n\n\n\n\n\n\n\n{fields}/{account}/{account}/{resource}\n{query}");
    format!("SharedKey {account}:{}", base64(&hmac(key, signed.as_bytes())))
}

/// HMAC-SHA256 (RFC 2104) with a key of at most a block.
pub(crate) fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let pad = |with: u8| -> Vec<u8> {
        let mut block = [0; 64];
        block[..key.len()].copy_from_slice(key);
        block.iter().map(|byte| byte ^ with).collect()
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}
