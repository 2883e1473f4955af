//! The way through a proxy: which hosts take it, and what is said for a tunnel (RFC 9110, 9.3.6).
//!
//! A proxy resolves names itself, so that the rules for addresses are its own there; those for origins hold as ever. Pure:
//! whoever has the connection sends and reads the bytes.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use crate::policy::is_special;
use crate::{retry, text};

/// Longest answer to the request for a tunnel, in bytes.
const MAX_ANSWER: usize = 8 * 1024;

/// A proxy, by its host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Its host.
    pub host: Host<String>,
    /// Its port.
    pub port: u16,
}

impl FromStr for Proxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('@') {
            // Not shown, since there may be a password in it.
            return Err("a proxy takes no user and no password, only a host and a port".into());
        }
        let shape = || format!("`{text}` is not a proxy such as http://proxy.example:3128");
        let url = Url::parse(text).map_err(|error| format!("{}: {error}", shape()))?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        match (url.scheme(), url.host(), url.port_or_known_default()) {
            ("http", Some(host), Some(port)) if bare => Ok(Self { host: host.to_owned(), port }),
            _ => Err(shape()),
        }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

impl<'de> serde::Deserialize<'de> for Proxy {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Proxy {
    /// Whether it is the way to a host. What is on this machine or in its own network is not behind it.
    pub fn leads_to(host: &Host<String>) -> bool {
        // These names are this machine's as well (RFC 6761, 6.3; what Google's machines ask for their role), and the proxy
        // would take them for its own.
        let is_local = |name: &str| name.ends_with(".localhost") || name == "metadata.google.internal";
        let local = matches!(host, Host::Domain(name) if is_local(name));
        !local && !is_special(host)
    }
}

/// Why a proxy gives no tunnel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTunnel {
    /// It says more than it may.
    #[error("the proxy's answer is longer than {MAX_ANSWER} bytes")]
    TooLong,
    /// It says something else.
    #[error("the proxy does not speak HTTP/1.1")]
    NotHttp,
    /// Its status, and what it says of it.
    #[error("the proxy refused: {1}")]
    Refused(u16, String),
}

impl NoTunnel {
    /// Whether another attempt may do better.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::TooLong | Self::NotHttp => false,
            Self::Refused(status, _) => retry::is_transient(*status),
        }
    }
}

/// What is said to a proxy for a tunnel to a host.
pub fn tunnel_request(host: &Host<String>, port: u16) -> String {
    format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n")
}

/// What a proxy says to that.
#[derive(Default)]
pub struct TunnelAnswer(Vec<u8>);

impl TunnelAnswer {
    /// Take one more byte; something once it is clear what the answer is. Byte by byte, so that nothing is read of what
    /// comes after: that is the other host's.
    pub fn take(&mut self, byte: u8) -> Option<Result<(), NoTunnel>> {
        self.0.push(byte);
        if !self.0.ends_with(b"\r\n\r\n") {
            return (self.0.len() >= MAX_ANSWER).then_some(Err(NoTunnel::TooLong));
        }
        let line = self.0.split(|byte| *byte == b'\r').next().unwrap_or_default();
        Some(match status(line) {
            None => Err(NoTunnel::NotHttp),
            Some((200..=299, _)) => Ok(()),
            Some((status, said)) => Err(NoTunnel::Refused(status, text::quoted(&String::from_utf8_lossy(said)))),
        })
    }
}

/// The status of a status line, and the line from there on (RFC 9112, 4).
fn status(line: &[u8]) -> Option<(u16, &[u8])> {
    let rest = line.strip_prefix(b"HTTP/1.1 ").or_else(|| line.strip_prefix(b"HTTP/1.0 "))?;
    let (digits, after) = rest.split_at_checked(3)?;
    let whole = digits.iter().all(u8::is_ascii_digit) && matches!(after, [] | [b' ', ..]);
    let number = std::str::from_utf8(digits).ok().filter(|_| whole)?.parse().ok()?;
    Some((number, rest))
}

#[cfg(test)]
mod tests {
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
    fn it_does_not_lead_to_what_is_near() {
        let leads = |host: &str| Proxy::leads_to(&Host::parse(host).expect(host));
        for near in [
            "localhost",
            "registry.localhost",
            "metadata.google.internal",
            "127.0.0.1",
            "10.0.0.1",
            "192.168.7.1",
            "169.254.169.254",
            "[::1]",
            "[fe80::1]",
        ] {
            assert!(!leads(near), "{near}");
        }
        for far in ["data.example", "localhost.example", "93.184.216.34", "[2606:2800:21f:cb07:6820:80da:af6b:8b2c]"] {
            assert!(leads(far), "{far}");
        }
    }

    #[test]
    fn a_proxy_is_asked_for_a_host_and_a_port_as_urls_write_them() {
        for (host, asked) in [("data.example", "data.example:443"), ("[2606:4700::1111]", "[2606:4700::1111]:443")] {
            let request = tunnel_request(&Host::parse(host).expect(host), 443);
            assert_eq!(request, format!("CONNECT {asked} HTTP/1.1\r\nHost: {asked}\r\n\r\n"));
        }
    }

    #[test]
    fn a_tunnel_is_open_after_a_2xx_and_nothing_of_it_is_read() {
        let open = |answer: &[u8]| {
            let (mut taken, mut bytes) = (TunnelAnswer::default(), answer.iter());
            let opened = bytes.find_map(|byte| taken.take(*byte));
            (opened.expect("an answer"), bytes.as_slice().to_vec())
        };
        assert_eq!(open(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nTLS"), (Ok(()), b"TLS".to_vec()));
        for (answer, reason) in [
            (&b"HTTP/1.1 407 Who are you\r\n\r\n"[..], "407 Who are you"),
            (b"SSH-2.0-x\r\n\r\n", "does not speak HTTP"),
            (&[b'x'; 9000], "longer than"),
            (b"HTTP/1.1 2000 OK\r\n\r\n", "does not speak HTTP"),
            (b"HTTP/1.1 100 Continue\r\n\r\n", "100 Continue"),
        ] {
            let error = open(answer).0.expect_err(reason);
            assert!(error.to_string().contains(reason), "{error}");
        }
        assert_eq!(TunnelAnswer::default().take(b'H'), None);
    }
}
