//! The way through a proxy: which origins take it, and how a tunnel is opened (RFC 9110, 9.3.6).
//!
//! It must not know who dials: it reads and writes a stream that is there already. A proxy resolves names itself, so
//! that the rules for addresses are its own there; those for origins hold as ever.

use std::str::FromStr;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use url::{Host, Url};

use super::policy::is_special;

/// Longest answer to the request for a tunnel, in bytes.
const MAX_ANSWER: usize = 8 * 1024;

/// A proxy, by its host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Its host.
    pub(super) host: Host<String>,
    /// Its port.
    pub(super) port: u16,
}

impl FromStr for Proxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shape = || format!("`{text}` is not a proxy such as http://proxy.example:3128");
        let url = Url::parse(text).map_err(|error| format!("{}: {error}", shape()))?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let anonymous = url.username().is_empty() && url.password().is_none();
        match (url.scheme(), url.host(), url.port_or_known_default()) {
            ("http", Some(host), Some(port)) if bare && anonymous => Ok(Self { host: host.to_owned(), port }),
            _ => Err(shape()),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Proxy {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Proxy {
    /// Whether it is the way to a host. What is on this machine or in its own network is not behind it.
    pub(super) fn leads_to(host: &Host<String>) -> bool {
        !is_special(host)
    }
}

/// Ask a proxy for a tunnel to a host; once it is open, the stream is a connection to that host.
pub(super) async fn open_tunnel<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    host: &Host<String>,
    port: u16,
) -> Result<(), String> {
    let broken = |error: std::io::Error| format!("the proxy broke off: {error}");
    let request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(broken)?;
    let mut answer = Vec::new();
    // Byte by byte, so that nothing is read of what comes after: that is the other host's.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= MAX_ANSWER {
            return Err(format!("the proxy's answer is longer than {MAX_ANSWER} bytes"));
        }
        answer.push(stream.read_u8().await.map_err(broken)?);
    }
    let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    match line {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0' | b'1', b' ', status @ ..] => match status.get(..3) {
            Some([b'2', ..]) => Ok(()),
            _ => Err(format!("the proxy refused: {}", crate::text::quoted(&String::from_utf8_lossy(status)))),
        },
        _ => Err("the proxy does not speak HTTP/1.1".into()),
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn a_proxy_is_a_host_and_a_port() {
        for (text, host, port) in
            [("http://proxy.example:3128", "proxy.example", 3128), ("http://127.0.0.1", "127.0.0.1", 80)]
        {
            let proxy: Proxy = text.parse().expect(text);
            assert_eq!((proxy.host.to_string().as_str(), proxy.port), (host, port));
        }
        for wrong in ["proxy", "https://proxy.example", "socks5://x:1", "http://u:p@x:1", "http://x:1/y", "http://"] {
            assert!(wrong.parse::<Proxy>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tunnel_is_open_after_a_2xx_and_nothing_of_it_is_read() {
        let open = |answer: &[u8]| {
            let (mut ours, mut theirs) = tokio::io::duplex(64 * 1024);
            theirs.write_all(answer).now_or_never().expect("room").expect("a stream");
            let host = Host::Domain("a.example".to_owned());
            let opened = open_tunnel(&mut ours, &host, 443).now_or_never();
            let mut left = [0; 3];
            let left = match &opened {
                Some(Ok(())) => ours.read(&mut left).now_or_never().map(|_| left),
                _ => None,
            };
            (opened, left)
        };
        assert_eq!(open(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nTLS"), (Some(Ok(())), Some(*b"TLS")));
        for (answer, reason) in [
            (&b"HTTP/1.1 407 Who are you\r\n\r\n"[..], "407 Who are you"),
            (b"SSH-2.0-x\r\n\r\n", "does not speak HTTP"),
            (&[b'x'; 9000], "longer than"),
        ] {
            let error = open(answer).0.expect("an answer").expect_err(reason);
            assert!(error.contains(reason), "{error}");
        }
    }
}
