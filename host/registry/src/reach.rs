//! Where requests may go that a registry leads to: its own origin is the operator's word; others, where a redirect or the
//! place of a token leads, are the registry's, and it may not lead into the networks around this machine.
//!
//! Pure, but for what the connector tells it.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use outbound::Judge;
use rules::address::{is_private, special};
use url::{Host, Url};

/// How near something is to this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nearness {
    /// Anywhere.
    Public,
    /// In a network of the organisation's own.
    Private,
    /// On this machine.
    Loopback,
}

/// How near a registry turned out to be: the operator opened as much by naming it.
#[derive(Debug, Clone)]
pub struct Reach(Arc<Mutex<Nearness>>);

impl Default for Reach {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Nearness::Public)))
    }
}

fn nearness(address: IpAddr) -> Option<Nearness> {
    match special(address) {
        None => Some(Nearness::Public),
        Some(_) if address.is_loopback() => Some(Nearness::Loopback),
        Some(_) if is_private(address) => Some(Nearness::Private),
        // Link-local addresses, where clouds give credentials away, and the like.
        Some(_) => None,
    }
}

impl Reach {
    /// Takes any address of the registry itself, and learns how near it is.
    pub fn learning(&self) -> Judge {
        let reach = self.clone();
        Judge::by(move |addresses| {
            // The farthest of its addresses: what one name has at both is not of this machine.
            let near = addresses.iter().filter_map(|address| nearness(*address)).min().unwrap_or(Nearness::Public);
            *reach.0.lock().unwrap_or_else(PoisonError::into_inner) = near;
            Ok(())
        })
    }

    /// Takes addresses that are no nearer to this machine than the registry is.
    pub fn within(&self) -> Judge {
        let reach = self.clone();
        Judge::by(move |addresses| addresses.iter().try_for_each(|address| reach.admit(*address)))
    }

    fn admit(&self, address: IpAddr) -> Result<(), String> {
        let opened = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match nearness(address) {
            Some(near) if near <= opened => Ok(()),
            _ => {
                let what = special(address).unwrap_or("not public");
                Err(format!("a registry may not lead to {address} ({what})"))
            }
        }
    }
}

/// Whether a host is this machine, as it is written.
pub fn is_local(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Whether one may be led from there to here: by https, or from what is plain itself to this machine.
pub fn may_lead(from: &Url, to: &Url) -> Result<(), &'static str> {
    if !to.username().is_empty() || to.password().is_some() {
        return Err("it has a name or a password in it");
    }
    let local = to.host().is_some_and(|host| is_local(&host));
    match (from.scheme(), to.scheme()) {
        (_, "https") => Ok(()),
        ("http", "http") if local || to.origin() == from.origin() => Ok(()),
        (_, "http") => Err("it is not encrypted"),
        _ => Err("it is neither https nor http"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_leads_no_nearer_than_it_is() {
        let (public, private, loopback) = ("1.1.1.1", "10.0.0.7", "127.0.0.1");
        for (own, to, allowed) in [
            (&[public][..], public, true),
            (&[public], private, false),
            (&[public], loopback, false),
            (&[private], public, true),
            (&[private], "fd12::1", true),
            (&[private], loopback, false),
            (&[private, public], private, false),
            (&[loopback], loopback, true),
            (&[loopback, "::1"], private, true),
            (&[loopback], "169.254.169.254", false),
            (&[loopback], "fd00:ec2::254", false),
            (&[loopback], "100.100.100.200", false),
            (&[loopback], "::ffff:127.0.0.1", false),
            (&[loopback], "0.0.0.0", false),
            (&["169.254.169.254"], "169.254.169.254", false),
            (&[], private, false),
        ] {
            let reach = Reach::default();
            let parsed = own.iter().map(|text| text.parse::<IpAddr>().expect(text));
            let near = parsed.filter_map(nearness).min().unwrap_or(Nearness::Public);
            *reach.0.lock().expect("no panic") = near;
            assert_eq!(reach.admit(to.parse().expect(to)).is_ok(), allowed, "{own:?} to {to}");
        }
    }

    #[test]
    fn one_is_led_to_where_it_is_encrypted() {
        for (from, to, allowed) in [
            ("https://r.example", "https://cdn.example/x", true),
            ("https://r.example", "http://r.example/x", false),
            ("http://r.example:5000", "http://r.example:5000/x", true),
            ("http://r.example:5000", "http://cdn.example/x", false),
            ("http://localhost:5000", "http://127.0.0.1:5001/x", true),
            ("http://localhost:5000", "https://cdn.example/x", true),
            ("https://r.example", "http://localhost/x", false),
            ("https://r.example", "https://u:p@cdn.example/x", false),
            ("https://r.example", "file:///etc/passwd", false),
        ] {
            let (from, url): (Url, Url) = (from.parse().expect(from), to.parse().expect(to));
            assert_eq!(may_lead(&from, &url).is_ok(), allowed, "{from} to {to}");
        }
    }
}
