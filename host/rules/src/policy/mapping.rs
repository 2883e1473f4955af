//! One origin that is answered by another, because the operator says so for one run.
//!
//! Pure. What may be asked is still decided by the original URL; this only says who answers.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use super::{Origin, OriginGrant};

/// An origin, and the one that answers in its place: `https://prices.example=http://127.0.0.1:8080`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    from: OriginGrant,
    to: OriginGrant,
}

impl Mapping {
    /// The URL that answers in the place of this one; `None` where it is of another origin.
    pub fn apply(&self, url: &Url) -> Option<Url> {
        if !self.from.covers(&Origin::of(url)?) {
            return None;
        }
        let mut to: Url = self.to.to_string().parse().ok()?;
        to.set_path(url.path());
        to.set_query(url.query());
        Some(to)
    }

    /// Whether what is sent to the one that answers is read by nobody on the way.
    pub fn is_confidential(&self) -> bool {
        self.to.is_confidential()
    }

    /// Whether this is the host and port of the one that answers.
    pub fn leads_to(&self, host: &Host<String>, port: u16) -> bool {
        self.to.names(host, port)
    }

    /// The origin that is answered by another.
    pub fn from(&self) -> &OriginGrant {
        &self.from
    }

    /// The origin that answers.
    pub fn to(&self) -> &OriginGrant {
        &self.to
    }
}

impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is answered by {}", self.from, self.to)
    }
}

impl FromStr for Mapping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text
            .split_once('=')
            .ok_or("a mapping is written FROM=TO, such as https://a.example=http://127.0.0.1:80")?;
        let (from, to): (OriginGrant, OriginGrant) = (from.parse()?, to.parse()?);
        if let Some(many) = [&from, &to].into_iter().find(|origin| origin.is_for_many()) {
            return Err(format!("`{many}` is for many origins, and a mapping leads from one to one"));
        }
        Ok(Self { from, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_all_but_its_origin() {
        let mapping: Mapping = "https://prices.example=http://127.0.0.1:8080".parse().expect("a mapping");
        assert_eq!(mapping.to_string(), "https://prices.example is answered by http://127.0.0.1:8080");
        for (url, expected) in [
            ("https://prices.example/a%2Fb?c=%20d&e", Some("http://127.0.0.1:8080/a%2Fb?c=%20d&e")),
            ("https://prices.example:443/", Some("http://127.0.0.1:8080/")),
            ("https://prices.example:444/", None),
            ("http://prices.example/", None),
            ("https://a.prices.example/", None),
        ] {
            let applied = mapping.apply(&Url::parse(url).expect(url)).map(String::from);
            assert_eq!(applied.as_deref(), expected, "{url}");
        }
        let host = |text: &str| Host::parse(text).expect("a host");
        assert!(mapping.leads_to(&host("127.0.0.1"), 8080) && !mapping.leads_to(&host("127.0.0.1"), 80));
        assert!(mapping.is_confidential());
    }

    #[test]
    fn a_mapping_leads_from_one_origin_to_one() {
        for (text, reason) in [
            ("https://a.example", "FROM=TO"),
            ("https://*.a.example=http://127.0.0.1", "is for many origins"),
            ("https://a.example=https://*.b.example", "is for many origins"),
            ("https://a.example/x=http://127.0.0.1", "leave out what follows the host and port"),
            ("a=b", "is not an origin"),
        ] {
            assert!(text.parse::<Mapping>().is_err_and(|error| error.contains(reason)), "{text}");
        }
        let open: Mapping = "https://a.example=http://b.example".parse().expect("a mapping");
        assert!(!open.is_confidential());
    }
}
