//! What holds for every URL, redirect, address, wait and name, whatever the bytes. For tests and fuzzing only.
//!
//! It judges by means of its own: the URL as the connector reads it, and the standard library's view of addresses.

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use http::Uri;
use jiff::civil::Date;
use sha2::{Digest as _, Sha256};
use url::{Host, Url};

use super::domain::Digest;
use super::framing::Framing;
use super::name::{self, EntityTag, Place};
use super::policy::{OriginGrant, Policy, Refusal};
use super::{address, retry};

/// Longest name that file systems take, in bytes.
const MAX_FILE_NAME: usize = 255;

/// Three lines, a grant, a URL and where a redirect leads: what passes is covered by the grant, and the connector, which
/// parses it anew, reads the same host and port in it.
pub fn policy(bytes: &[u8]) {
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    let mut text = || str::from_utf8(lines.next().unwrap_or_default()).unwrap_or_default();
    let (grant, url, location) = (text(), text(), text());
    let Ok(parsed) = grant.parse::<OriginGrant>() else { return };
    assert!(parsed.includes(&parsed));
    // The same by http as well, so that the grant alone does not keep a redirect from going there.
    let plain = grant.replacen("https://", "http://", 1).replacen(":443", ":80", 1);
    let grants: Vec<OriginGrant> = std::iter::once(parsed.clone()).chain(plain.parse()).collect();
    let policy = open(grants.clone());
    let granted = [grant, &plain];
    let first = policy.first_hop(url);
    shown(&first);
    let Ok(first) = first else { return };
    check(&policy, &granted, &first);
    // What is not asked for stays closed, whatever is granted.
    assert!(Policy::new(grants.clone(), Some(Vec::new())).first_hop(url).is_err(), "{first}");
    let asked = Policy::new(grants, Some(vec![parsed])).first_hop(url).is_ok();
    assert_eq!(asked, covered(grant, &first), "{grant} {first}");
    let next = policy.redirect(&first, location.as_bytes(), 1);
    shown(&next);
    if let Ok(next) = next {
        check(&policy, &granted, &next);
        assert!(first.scheme() != "https" || next.scheme() == "https", "{first} leads to {next}");
    }
}

fn open(grants: Vec<OriginGrant>) -> Policy {
    Policy::new(grants, None)
}

fn shown(decision: &Result<Url, Refusal>) {
    if let Err(Refusal::Invalid(reason) | Refusal::Denied(reason, _)) = decision {
        assert!(!reason.chars().any(|character| character.is_control() && character != '\t'), "{reason:?}");
    }
}

fn check(policy: &Policy, granted: &[&str], url: &Url) {
    assert!(matches!(url.scheme(), "http" | "https"), "{url}");
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{url}");
    assert_eq!(policy.first_hop(url.as_str()).as_ref(), Ok(url), "what passed must pass again, as it is");
    assert!(granted.iter().any(|grant| covered(grant, url)), "{granted:?} does not cover {url}");
    let host = url.host().map(|host| host.to_owned());
    if let Ok(uri) = url.as_str().parse::<Uri>() {
        let dialled = uri.host().and_then(|host| Host::parse(host).ok());
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        assert_eq!((dialled, Some(port)), (host, url.port_or_known_default()), "{url} is dialled elsewhere");
        assert!(!uri.authority().is_some_and(|authority| authority.as_str().contains('@')), "{url}");
    }
}

/// The rule of the book, in other words than the policy's.
fn covered(grant: &str, url: &Url) -> bool {
    let below = grant.contains("://*.");
    let Ok(granted) = Url::parse(&grant.replacen("://*.", "://", 1)) else { return false };
    if !below {
        return granted.origin() == url.origin();
    }
    let same = (granted.scheme(), granted.port_or_known_default()) == (url.scheme(), url.port_or_known_default());
    let (parent, name) = (granted.host_str().unwrap_or("?"), url.host_str().unwrap_or_default());
    same && name.len() > parent.len() + 1 && name.ends_with(&format!(".{parent}"))
}

/// Sixteen bytes or four, an address: a grant of a name opens only addresses that the standard library, too, takes for
/// none of this machine or its networks, and no IPv6 address that holds such an IPv4 address. One with `private` opens
/// those of its networks as well, and no other.
pub fn addresses(bytes: &[u8]) {
    let address = match (<[u8; 16]>::try_from(bytes), <[u8; 4]>::try_from(bytes)) {
        (Ok(bits), _) => IpAddr::from(bits),
        (_, Ok(bits)) => IpAddr::from(bits),
        _ => return,
    };
    let Ok(grant) = "https://example.org".parse::<OriginGrant>() else { return };
    let Ok(private) = grant.clone().also_private() else { return };
    let passes = |grant| open(vec![grant]).address(&Host::Domain("example.org".to_owned()), 443, address).is_ok();
    let open = passes(grant);
    assert_eq!(open, address::special(address).is_none(), "{address}");
    assert!(!(open && inside(address)), "{address} is open");
    let shared = match address {
        IpAddr::V4(v4) => v4.is_private() || (v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64),
        IpAddr::V6(v6) => v6.is_unique_local(),
    };
    assert!(!passes(private) || open || shared, "{address} is open by `private`");
}

fn inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let reserved = v4.octets()[0] == 0 || v4.octets()[0] >= 240;
            let carrier = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            reserved || carrier || v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_multicast()
        }
        IpAddr::V6(v6) => {
            let within = v6.to_ipv4().or(carried(v6)).is_some_and(|v4| inside(v4.into()));
            let local = v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_multicast();
            within || local || v6.is_loopback() || v6.is_unspecified()
        }
    }
}

/// The IPv4 address that 6to4 or NAT64 would send to.
fn carried(address: Ipv6Addr) -> Option<std::net::Ipv4Addr> {
    let bits = address.to_bits();
    match bits >> 96 {
        0x64_ff9b => Some(std::net::Ipv4Addr::from_bits(bits as u32)),
        high if high >> 16 == 0x2002 => Some(std::net::Ipv4Addr::from_bits((bits >> 80) as u32)),
        _ => None,
    }
}

/// A `Retry-After` field: whatever it says, the wait has a bound, and no attempt too many is made.
pub fn retry_after(field: &[u8]) {
    for seconds in [0, 784_111_777, 4_102_444_800] {
        let asked = retry::retry_after(field, SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        for attempt in 1..=4 {
            let wait = retry::wait(attempt, 3, asked, seconds);
            assert!(wait.is_none_or(|wait| wait <= Duration::from_secs(300)), "{wait:?}");
            assert!(attempt <= 3 || wait.is_none());
        }
    }
}

/// A byte that says how an answer is cut, then the answer: how it comes makes no difference, and up to where it may be
/// read its head has no line end but CRLF.
pub fn framing(bytes: &[u8]) {
    let Some((chunk, answer)) = bytes.split_first() else { return };
    let asked = || {
        let mut framing = Framing::default();
        framing.sent(b"GET / HTTP/1.1\r\nhost: example.org\r\n\r\n");
        framing
    };
    let whole = asked().received(answer);
    let (mut parts, mut at) = (asked(), 0);
    let in_parts = answer.chunks(usize::from(*chunk).max(1)).try_for_each(|part| {
        parts.received(part).map_err(|(good, lax)| (at + good, lax))?;
        at += part.len();
        Ok(())
    });
    assert_eq!(in_parts, whole, "chunks of {chunk} make a difference");
    let good = whole.map_or_else(|(good, _)| good, |()| answer.len());
    assert!(good <= answer.len() && whole.is_ok() == (good == answer.len()));
    let starts = answer[..good].iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(good);
    let ends = answer.windows(4).skip(starts).position(|four| four == b"\r\n\r\n").map_or(good, |at| starts + at);
    let head = &answer[..ends.min(good)];
    for pair in head.windows(2) {
        assert_eq!(pair[0] == b'\r', pair[1] == b'\n', "{head:?}");
    }
}

/// Bytes as an entity tag, as a name, as an extension and as a path: what is taken makes safe names only.
pub fn names(bytes: &[u8]) {
    let digest = Digest(Sha256::digest(bytes).into());
    let text = str::from_utf8(bytes).unwrap_or_default();
    assert!(!name::fingerprint(text).contains('/'));
    if name::check_name(text).is_ok() {
        plain(text, 64, b"_-");
    }
    if name::check_extension(text).is_ok() {
        plain(text, 20, b".");
    }
    let place = Place::new("x", Date::constant(2025, 3, 9), text).or_else(|_| {
        let source = if name::check_name(text).is_ok() { text } else { "x" };
        Place::new(source, Date::constant(1, 1, 1), "csv")
    });
    let Ok(place) = place else { unreachable!("both parts were checked") };
    let tag = EntityTag::parse(bytes);
    for candidate in place.candidates(tag.as_ref(), &digest) {
        let path = format!("{}/{candidate}", place.directory(tag.is_some()));
        assert!(place.fits(&path), "{path}");
        assert!(candidate.len() <= MAX_FILE_NAME && !candidate.starts_with('.'), "{candidate}");
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._+=-~".contains(&byte);
        assert!(candidate.bytes().all(safe), "{candidate}");
    }
    if let Some(tag) = tag {
        assert_eq!(tag.as_bytes(), bytes);
        assert!(!bytes.iter().any(|byte| *byte < 0x20 || *byte == 0x7f), "{tag:?} would break a field");
    }
}

fn plain(text: &str, longest: usize, more: &[u8]) {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    assert!((1..=longest).contains(&text.len()) && word(text.as_bytes()[0]), "{text}");
    assert!(text.bytes().all(|byte| word(byte) || more.contains(&byte)) && !text.contains(".."), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::bent;

    #[test]
    fn what_passes_the_policy_is_granted_and_dialled_as_it_was_judged() {
        let seeds: [&[u8]; 5] = [
            b"https://example.org\nhttps://example.org/a?b#c\nhttp://example.org/x",
            b"https://*.example.org:8443\nhttps://a.b.example.org:8443/\n../x",
            b"http://127.0.0.1:80\nhttp://2130706433/\nhttp://0x7f.1",
            b"http://[::1]:9\nhttp://[0:0::1]:9/x\n/\\y",
            b"https://xn--bcher-kva.example\nhttps://B\xc3\xbccher.example/\nhttps://user@xn--bcher-kva.example",
        ];
        bent(&seeds, 20_000, policy);
    }

    #[test]
    fn no_address_of_this_machine_or_its_networks_is_open_to_a_name() {
        let v6 = |text: &str| text.parse::<Ipv6Addr>().expect(text).octets();
        let listed = ["2001:db8::1", "2002:7f00:1::", "64:ff9b::7f00:1", "::ffff:10.0.0.1", "fd00::1", "2606:4700::1"];
        listed.iter().for_each(|address| addresses(&v6(address)));
        bent(&[&[127, 0, 0, 1], &[172, 16, 0, 1], &v6("2002:a00:1::"), &v6("2a00::1")], 20_000, addresses);
    }

    #[test]
    fn no_server_asks_for_a_wait_without_end() {
        bent(&[b"120", b"18446744073709551615", b"Sun, 06 Nov 1994 08:49:37 GMT"], 5_000, retry_after);
    }

    #[test]
    fn an_answer_is_judged_however_it_is_cut() {
        let seeds: [&[u8]; 5] = [
            b"\x07HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na,b\nHTTP/1.1 200 OK\r\n\r\n",
            b"\x01HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 204 None\r\n\r\n",
            b"\x09HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=\"y\"\r\na,b\n\r\n0\r\nX: y\r\n\r\n",
            b"\x03HTTP/1.1 200 OK\nContent-Length: 4\n\n",
            b"\x05\r\nHTTP/1.1 200 OK\r\nX: \ry\r\n\r\n",
        ];
        bent(&seeds, 20_000, framing);
    }

    #[test]
    fn any_bytes_make_safe_names_or_none() {
        bent(
            &[b"\"66f0a1b2-4e20\"", b"W/\"a/../b\"", b"overpass", b"csv.sdmx", b"x/2025-03-09_abcdef01.csv.gz"],
            20_000,
            names,
        );
    }
}
