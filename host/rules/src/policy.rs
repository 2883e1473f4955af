//! Grants to decisions: which URL may be asked, where a redirect may lead, which address may be dialled.
//!
//! Pure: it must not resolve, connect or wait. Every hop of every request comes here first.

mod grant;
mod mapping;

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

pub use grant::OriginGrant;
pub use mapping::Mapping;

use super::address;
use crate::domain::{FetchError, Grant};
use crate::text;

/// Longest URL, in bytes.
const MAX_URL: usize = 16 * 1024;

/// Scheme, host and port (RFC 6454), in the form that the URL standard normalises to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    https: bool,
    host: Host<String>,
    port: u16,
}

impl Origin {
    /// The origin of a URL; `None` where its scheme is neither http nor https.
    pub fn of(url: &Url) -> Option<Self> {
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        Some(Self { https, host: url.host()?.to_owned(), port: url.port_or_known_default()? })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default) = if self.https { ("https", 443) } else { ("http", 80) };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == default { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is no request that could ever be sent.
    Invalid(String),
    /// The policy says no, and what would change its mind.
    Denied(String, Option<Grant>),
}

impl From<Refusal> for FetchError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(reason) => Self::Invalid(reason),
            Refusal::Denied(reason, grant) => Self::Denied { reason, grant },
        }
    }
}

/// What an extractor may reach.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    grants: Vec<OriginGrant>,
    /// What the extractor asks for; `None` is whatever is granted.
    asked: Option<Vec<OriginGrant>>,
}

impl Policy {
    /// Open the origins that are both granted and asked for, and nothing else. `None` asks for whatever is granted.
    pub fn new(grants: Vec<OriginGrant>, asked: Option<Vec<OriginGrant>>) -> Self {
        Self { grants, asked }
    }

    /// What is granted, whether it is asked for or not.
    pub fn granted(&self) -> impl Iterator<Item = &OriginGrant> {
        self.grants.iter()
    }

    /// Check the URL of a request's first hop.
    pub fn first_hop(&self, text: &str) -> Result<Url, Refusal> {
        let shown = text::quoted(text);
        if text.len() > MAX_URL {
            return Err(Refusal::Invalid(format!("the URL {shown}… is longer than {MAX_URL} bytes")));
        }
        let url =
            Url::parse(text).map_err(|error| Refusal::Invalid(format!("`{shown}` is no absolute URL: {error}")))?;
        self.check(url)
    }

    /// Check where a redirect from `from` leads; `hop` counts from 1.
    pub fn redirect(&self, from: &Url, location: &[u8], hop: u32) -> Result<Url, Refusal> {
        let on_hop = |reason: String| format!("{reason} (redirect {hop} from {})", shown_url(from));
        let location = std::str::from_utf8(location)
            .map_err(|_| Refusal::Invalid(on_hop("the Location field is not ASCII".into())))?;
        let url = from
            .join(location)
            .map_err(|error| Refusal::Invalid(on_hop(format!("the Location field is no URL: {error}"))))?;
        if url.as_str().len() > MAX_URL {
            return Err(Refusal::Invalid(on_hop(format!("the Location field is longer than {MAX_URL} bytes"))));
        }
        if from.scheme() == "https" && url.scheme() == "http" {
            return Err(Refusal::Denied(on_hop("https never redirects to http".into()), None));
        }
        self.check(url).map_err(|refusal| match refusal {
            Refusal::Invalid(reason) => Refusal::Denied(on_hop(reason), None),
            Refusal::Denied(reason, grant) => Refusal::Denied(on_hop(reason), grant),
        })
    }

    fn check(&self, mut url: Url) -> Result<Url, Refusal> {
        let Some(origin) = Origin::of(&url) else {
            return Err(Refusal::Invalid(format!("the scheme `{}` is not http or https", url.scheme())));
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Denied(format!("a URL for {origin} carries a user name or password"), None));
        }
        if self.asked.as_ref().is_some_and(|asked| !asked.iter().any(|asked| asked.covers(&origin))) {
            let reason = format!("the extractor's manifest does not ask for {origin}, so that no grant opens it");
            return Err(Refusal::Denied(reason, None));
        }
        if !self.grants.iter().any(|grant| grant.covers(&origin)) {
            let grant = Grant::Origin(origin.to_string());
            return Err(Refusal::Denied(format!("{origin} is not granted"), Some(grant)));
        }
        url.set_fragment(None);
        Ok(url)
    }

    /// Check an address that `host` resolved to. Special addresses are open only to a grant that names them literally,
    /// `localhost` being the one name that means an address; private ones also to a grant of the name that says so.
    pub fn address(&self, host: &Host<String>, port: u16, address: IpAddr) -> Result<(), Refusal> {
        let Some(what) = address::special(address) else { return Ok(()) };
        let private = address::is_private(address);
        if names(host, address) && self.grants.iter().any(|grant| grant.names(host, port)) {
            return Ok(());
        }
        if private && self.grants.iter().any(|grant| grant.names(host, port) && grant.is_private()) {
            return Ok(());
        }
        let by =
            if private { "only a grant with `private = true` opens it" } else { "only a grant that names it opens it" };
        Err(Refusal::Denied(format!("{host} resolves to {address}, which is a {what} address: {by}"), None))
    }
}

/// What the address is that a host names, where it is no public one.
fn special(host: &Host<String>) -> Option<&'static str> {
    match host {
        Host::Ipv4(address) => address::special(IpAddr::V4(*address)),
        Host::Ipv6(address) => address::special(IpAddr::V6(*address)),
        Host::Domain(name) => (name == "localhost").then_some("loopback"),
    }
}

/// Whether a host names an address that is no public one.
pub fn is_special(host: &Host<String>) -> bool {
    special(host).is_some()
}

/// Whether a host is the literal spelling of an address.
fn names(host: &Host<String>, address: IpAddr) -> bool {
    match (host, address) {
        (Host::Ipv4(literal), IpAddr::V4(address)) => *literal == address,
        (Host::Ipv6(literal), IpAddr::V6(address)) => *literal == address,
        (Host::Domain(name), address) => name == "localhost" && address.is_loopback(),
        _ => false,
    }
}

/// A URL's origin.
pub fn shown_origin(url: &Url) -> String {
    Origin::of(url).map(|origin| origin.to_string()).unwrap_or_default()
}

/// A URL as it is shown: as many segments and parameters as fit, each of them whole. Half of one may be half a secret,
/// which nobody recognises any more; whole ones are taken out by whoever shows or records it.
pub fn shown_url(url: &Url) -> String {
    const MOST: usize = 500;
    let mut shown = shown_origin(url);
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    for part in url.path().split_inclusive('/').chain(query.split_inclusive('&')) {
        if shown.len() + part.len() > MOST {
            shown.push('…');
            break;
        }
        shown.push_str(part);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(grants: &[&str]) -> Policy {
        Policy::new(grants.iter().map(|grant| grant.parse().expect(grant)).collect(), None)
    }

    fn denied<T: fmt::Debug>(result: Result<T, Refusal>) -> String {
        match result.expect_err("a refusal") {
            Refusal::Denied(reason, _) | Refusal::Invalid(reason) => reason,
        }
    }

    #[test]
    fn only_granted_origins_pass() {
        let policy = policy(&["https://example.org", "https://*.example.net", "http://127.0.0.1:8080"]);
        for open in [
            "https://example.org/x?y",
            "https://EXAMPLE.org:443/",
            "https://a.example.net/",
            "https://a.b.example.net/",
            "http://127.0.0.1:8080/",
            "http://0x7f.1:8080/",
            "http://2130706433:8080/",
            "http://１２７.0.0.1:8080/",
        ] {
            assert!(policy.first_hop(open).is_ok(), "{open}");
        }
        for closed in [
            "http://example.org/",
            "https://example.org:444/",
            "https://example.org./",
            "https://xexample.org/",
            "https://example.org.evil.test/",
            "https://example.net/",
            "https://.example.net/",
            "https://xexample.net/",
            "http://a.example.net/",
            "http://127.0.0.1/",
            "http://127.0.0.2:8080/",
            "http://[::ffff:127.0.0.1]:8080/",
            "https://user@example.org/",
            "https://user:pass@example.org/",
            "https://@evil.test#@example.org/",
            "https://example.org\\@evil.test/",
            "file:///etc/passwd",
            "data:,x",
            "/x",
            "",
            "https://",
        ] {
            assert!(policy.first_hop(closed).is_err() || closed.starts_with("https://example.org\\"), "{closed}");
        }
        // A backslash is a slash in the URL standard, so this one stays on the granted host.
        let url = policy.first_hop("https://example.org\\@evil.test/").expect("granted");
        assert_eq!(url.host_str(), Some("example.org"));
    }

    #[test]
    fn what_is_not_asked_for_is_not_opened() {
        let parse = |text: &str| text.parse::<OriginGrant>().expect(text);
        let policy = Policy::new(vec![parse("https://*.example.org")], Some(vec![parse("https://a.example.org")]));
        assert!(policy.first_hop("https://a.example.org/").is_ok());
        assert!(denied(policy.first_hop("https://b.example.org/")).contains("manifest does not ask for https://b"));
        assert!(denied(policy.first_hop("https://example.net/")).contains("manifest does not ask for"));
    }

    #[test]
    fn a_missing_grant_is_named() {
        let refusal = policy(&[]).first_hop("https://example.org:8443/x").expect_err("a refusal");
        assert_eq!(
            refusal,
            Refusal::Denied(
                "https://example.org:8443 is not granted".into(),
                Some(Grant::Origin("https://example.org:8443".into()))
            )
        );
    }

    #[test]
    fn every_redirect_is_checked() {
        let policy = policy(&["https://example.org", "http://example.org", "https://cdn.example.org"]);
        let from = Url::parse("https://example.org/a/b").expect("a URL");
        for (location, to) in [
            (&b"c"[..], "https://example.org/a/c"),
            (b"/c#fragment", "https://example.org/c"),
            (b"//cdn.example.org/x", "https://cdn.example.org/x"),
        ] {
            assert_eq!(policy.redirect(&from, location, 1).expect("a URL").as_str(), to);
        }
        assert!(denied(policy.redirect(&from, b"http://example.org/", 1)).contains("never redirects to http"));
        assert!(
            denied(policy.redirect(&from, b"https://evil.test/", 2)).contains("evil.test is not granted (redirect 2")
        );
        assert!(denied(policy.redirect(&from, b"file:///etc/passwd", 1)).contains("file"));
        assert!(denied(policy.redirect(&from, b"https://u:p@example.org/", 1)).contains("password"));
        assert!(denied(policy.redirect(&from, b"\xff", 1)).contains("ASCII"));
    }

    #[test]
    fn private_addresses_open_to_the_one_name_that_says_so() {
        let grant = |text: &str| text.parse::<OriginGrant>().expect(text);
        let internal = grant("https://db.internal:8443").also_private().expect("a name");
        let grants = vec![internal, grant("https://db.internal:9000"), grant("https://*.internal.example")];
        let policy = Policy::new(grants, None);
        let open = |host: &str, port: u16, address: &str| {
            let host = Host::parse(host).expect("a host");
            policy.address(&host, port, address.parse().expect("an address")).is_ok()
        };
        for private in ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.7.1", "100.64.0.1", "fc00::1", "fd00::1"] {
            assert!(open("db.internal", 8443, private), "{private}");
            for (host, port) in
                [("db.internal", 9000), ("db.internal", 443), ("a.internal.example", 443), ("db2.internal", 8443)]
            {
                assert!(!open(host, port, private), "{host}:{port} {private}");
            }
        }
        for closed in [
            "127.0.0.1",
            "::1",
            "0.0.0.0",
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "192.0.0.192",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "fe80::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "fd00:c1::a9fe:a9fe",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2a00:1450:1:1:0:5efe:a00:1",
        ] {
            assert!(!open("db.internal", 8443, closed), "{closed}");
        }
        assert!(open("db.internal", 8443, "93.184.216.34"));
        let host = Host::parse("db.internal").expect("a host");
        let said = denied(policy.address(&host, 9000, "10.0.0.1".parse().expect("an address")));
        assert!(said.contains("10.0.0.1, which is a private address: only a grant with `private = true`"), "{said}");
    }

    #[test]
    fn special_addresses_open_only_to_their_own_literal_grant() {
        let policy = policy(&["http://127.0.0.1:8080", "http://localhost:9000", "https://example.org"]);
        let loopback: IpAddr = "127.0.0.1".parse().expect("an address");
        let host = |text: &str| Host::parse(text).expect("a host");
        assert!(policy.address(&host("127.0.0.1"), 8080, loopback).is_ok());
        assert!(policy.address(&host("localhost"), 9000, loopback).is_ok());
        assert!(policy.address(&host("localhost"), 9000, "::1".parse().expect("an address")).is_ok());
        assert!(policy.address(&host("example.org"), 443, "93.184.216.34".parse().expect("an address")).is_ok());
        assert!(policy.address(&host("127.0.0.1"), 8081, loopback).is_err());
        assert!(policy.address(&host("localhost"), 9000, "10.0.0.1".parse().expect("an address")).is_err());
        assert!(denied(policy.address(&host("example.org"), 443, loopback)).contains("loopback"));
    }
}
