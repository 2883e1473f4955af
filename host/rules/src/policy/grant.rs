//! Grants of origins: what an operator opens by one text.
//!
//! Pure.

use std::fmt;
use std::str::FromStr;

use psl::{List, Psl as _};
use url::{Host, Url};

use super::{Origin, special};

/// An origin that the operator opens, or all names below one: `https://*.example.org`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OriginGrant {
    origin: Origin,
    below: bool,
    private: bool,
}

impl OriginGrant {
    /// The origin of a URL, and nothing else.
    pub fn of_url(url: &str) -> Result<Self, String> {
        let wrong = || "it is no URL such as https://example.org/hook".to_owned();
        let parsed = Url::parse(url).map_err(|_| wrong())?;
        let origin = Origin::of(&parsed).ok_or_else(wrong)?;
        Ok(Self { origin, below: false, private: false })
    }

    /// The same at private addresses as well: only for a name, and not for all names below one.
    pub fn also_private(mut self) -> Result<Self, String> {
        match &self.origin.host {
            Host::Domain(name) if !self.below && name != "localhost" => {
                self.private = true;
                Ok(self)
            }
            Host::Domain(_) if self.below => Err(format!("`private` is for one name, and `{self}` is for many")),
            _ => Err(format!("`{self}` names its address already, so `private` would add nothing")),
        }
    }

    /// Whether it is one of https.
    pub fn is_https(&self) -> bool {
        self.origin.https
    }

    /// Whether it opens its name at private addresses too.
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// Whether it is for all names below one.
    pub(super) fn is_for_many(&self) -> bool {
        self.below
    }

    /// Whether it is for exactly this host and port.
    pub(super) fn names(&self, host: &Host<String>, port: u16) -> bool {
        !self.below && self.origin.port == port && self.origin.host == *host
    }

    /// Whether this grant opens all origins that another would, whatever their addresses are.
    pub fn includes(&self, other: &Self) -> bool {
        let same = (&self.origin, self.below) == (&other.origin, other.below);
        // All names below a name are below those that it is below itself.
        same || ((self.below || !other.below) && self.covers(&other.origin))
    }

    /// Whether what is sent there is read by nobody on the way: it is encrypted, or does not leave this machine.
    pub fn is_confidential(&self) -> bool {
        let here = match &self.origin.host {
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
            Host::Domain(name) => name == "localhost" && !self.below,
        };
        self.origin.https || here
    }

    /// What the address is that a grant opens by naming it, where it is no public one: `loopback`, `private`, ….
    pub fn special(&self) -> Option<&'static str> {
        special(&self.origin.host)
    }

    /// Whether it opens this origin.
    pub fn covers(&self, origin: &Origin) -> bool {
        if !self.below {
            return self.origin == *origin;
        }
        let (Host::Domain(parent), Host::Domain(name)) = (&self.origin.host, &origin.host) else { return false };
        (self.origin.https, self.origin.port) == (origin.https, origin.port)
            && name.strip_suffix(parent.as_str()).is_some_and(|label| label.len() > 1 && label.ends_with('.'))
    }
}

impl fmt::Display for OriginGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.origin.to_string();
        match (self.below, origin.split_once("://")) {
            (true, Some((scheme, rest))) => write!(f, "{scheme}://*.{rest}"),
            _ => f.write_str(&origin),
        }
    }
}

impl FromStr for OriginGrant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shape = || format!("`{text}` is not an origin such as https://example.org or http://127.0.0.1:8080");
        let (scheme, rest) = text.split_once("://").ok_or_else(shape)?;
        let (below, rest) = match rest.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let url = Url::parse(&format!("{scheme}://{rest}")).map_err(|error| format!("{}: {error}", shape()))?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() {
            return Err(format!("{}: leave out what follows the host and port", shape()));
        }
        let origin = Origin::of(&url).ok_or_else(shape)?;
        match &origin.host {
            Host::Domain(name) if name.contains('*') => Err(format!("{}: `*.` stands at the start only", shape())),
            Host::Domain(name) if below && !name.trim_end_matches('.').contains('.') => {
                Err(format!("`{text}` would open a whole top-level domain"))
            }
            Host::Domain(name) if below && is_above_sites(name) => {
                let name = name.trim_end_matches('.');
                Err(format!("`{text}` would open every site under {name}, whoever they belong to: name one of them"))
            }
            Host::Ipv4(_) | Host::Ipv6(_) if below => Err(shape()),
            _ => Ok(Self { origin, below, private: false }),
        }
    }
}

/// Whether anybody may have a site of their own directly below this name, by the public suffix list.
fn is_above_sites(name: &str) -> bool {
    let below = format!("a.{}", name.trim_end_matches('.'));
    let suffix = List.suffix(below.as_bytes()).filter(|suffix| suffix.is_known());
    // The suffix is this name, or one label longer where every name below this one is a suffix.
    suffix.is_some_and(|suffix| suffix.as_bytes().len() >= below.len() - 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_bare_origins() {
        for (text, shown) in [
            ("https://Example.ORG", "https://example.org"),
            ("https://example.org:443/", "https://example.org"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://2130706433", "http://127.0.0.1"),
        ] {
            assert_eq!(text.parse::<OriginGrant>().expect(text).origin.to_string(), shown);
        }
        for text in [
            "example.org",
            "ftp://example.org",
            "https://",
            "https://example.org/x",
            "https://example.org?x",
            "https://u@example.org",
            "https://*.org",
            "https://*.org.",
            "https://*",
            "https://a.*.org",
            "https://*.1.2.3.4",
            "file:///etc",
        ] {
            assert!(text.parse::<OriginGrant>().is_err(), "{text}");
        }
    }

    #[test]
    fn grants_include_each_other() {
        for (wide, narrow, includes) in [
            ("https://a.example", "https://a.example", true),
            ("https://*.a.example", "https://b.a.example", true),
            ("https://*.a.example", "https://*.b.a.example", true),
            ("https://*.a.example", "https://*.a.example", true),
            ("https://*.a.example", "https://a.example", false),
            ("https://*.b.a.example", "https://*.a.example", false),
            ("https://b.a.example", "https://*.a.example", false),
            ("https://*.a.example", "http://b.a.example", false),
            ("https://*.a.example", "https://*.ba.example", false),
        ] {
            let [wide_grant, narrow_grant] = [wide, narrow].map(|text| text.parse::<OriginGrant>().expect(text));
            assert_eq!(wide_grant.includes(&narrow_grant), includes, "{wide} {narrow}");
            assert_eq!(wide_grant.to_string(), wide);
        }
    }

    #[test]
    fn no_grant_opens_every_site_under_a_public_suffix() {
        let parse = |text: &str| text.parse::<OriginGrant>();
        for (name, under) in [
            ("co.uk", "co.uk"),
            ("CO.UK.", "co.uk"),
            ("github.io", "github.io"),
            ("s3.amazonaws.com", "s3.amazonaws.com"),
            // Every name below it is a suffix.
            ("kawasaki.jp", "kawasaki.jp"),
            ("foo.ck", "foo.ck"),
            ("公司.cn", "xn--55qx5d.cn"),
        ] {
            for wide in [format!("https://*.{name}"), format!("http://*.{name}:8080")] {
                let error = parse(&wide).expect_err(&wide);
                assert!(error.contains(&format!("would open every site under {under}, ")), "{error}");
            }
            assert!(parse(&format!("https://{name}")).is_ok(), "{name}");
            assert!(parse(&format!("https://*.mine.below.{name}")).is_ok(), "{name}");
        }
        for narrow in ["example.co.uk", "city.kawasaki.jp", "www.ck", "example.org", "b.internal", "data.example"] {
            assert!(parse(&format!("https://*.{narrow}")).is_ok(), "{narrow}");
        }
    }

    #[test]
    fn private_is_for_one_name() {
        let private = |text: &str| text.parse::<OriginGrant>().expect(text).also_private();
        let plain: OriginGrant = "https://db.internal".parse().expect("an origin");
        let internal = private("https://db.internal").expect("a name");
        assert!(internal.is_private() && !plain.is_private());
        assert!(internal.includes(&plain) && plain.includes(&internal), "a manifest asks for origins alone");
        assert_eq!(internal.to_string(), "https://db.internal");
        for (wrong, says) in [
            ("https://*.b.example", "is for many"),
            ("http://10.0.0.1", "names its address already"),
            ("http://[fd00::1]:80", "names its address already"),
            ("http://localhost", "names its address already"),
        ] {
            assert!(private(wrong).is_err_and(|reason| reason.contains(says)), "{wrong}");
        }
    }
}
