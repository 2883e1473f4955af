//! The rules for addresses and URLs against what others know of both: the URL standard's own tests, a list of attacks,
//! and tables. Nothing is ever sent: the rules are pure, and the resolver is a fake that only says loopback.
#![expect(clippy::disallowed_methods, reason = "the vectors are files")]

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::time::Duration;

use futures::future::BoxFuture;
use harness::packages;
use serde_json::Value;
use tower_service::Service as _;
use url::{Host, Url};

use super::connect::{Connector, Resolve};
use rules::address::special;
use rules::domain::FetchError;
use rules::policy::{OriginGrant, Policy, Refusal};

fn policy(grants: &[String]) -> Policy {
    // What is no grant opens nothing either.
    Policy::new(grants.iter().filter_map(|grant| grant.parse::<OriginGrant>().ok()).collect(), None)
}

/// The origin that a text names, as an operator would grant it.
fn origin(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

/// What is sent is an URI of another library, which reads its host and port again: both must read the same.
fn sent_as_it_was_checked(url: &Url) {
    let Ok(uri) = url.as_str().parse::<http::Uri>() else { return };
    let host = Host::parse(uri.host().expect("a host")).expect("a host");
    assert_eq!(Some(host), url.host().map(|host| host.to_owned()), "{url}");
    let port = uri.port_u16().or_else(|| url.port_or_known_default().filter(|_| uri.port().is_none()));
    assert_eq!(port, url.port_or_known_default(), "{url}");
    assert_eq!(uri.scheme_str(), Some(url.scheme()), "{url}");
}

#[test]
fn urls_are_read_as_the_standard_says() {
    let path = packages::of_cargo("url").join("tests/urltestdata.json");
    let entries: Vec<Value> = serde_json::from_str(&fs::read_to_string(path).expect("the vectors")).expect("JSON");
    let (mut open, mut closed) = (0, 0);
    for entry in entries.iter().filter(|entry| entry.is_object()) {
        let text = |key: &str| entry[key].as_str().unwrap_or_default();
        let policy = policy(&[text("origin").to_owned(), format!("{}//{}", text("protocol"), text("host"))]);
        let from = Url::parse(text("base")).ok().filter(|base| matches!(base.scheme(), "http" | "https"));
        let read = match &from {
            Some(from) => policy.redirect(from, text("input").as_bytes(), 1),
            None => policy.first_hop(text("input")),
        };
        // What is relative to a page is no absolute URL, but it must not be a panic either.
        let _ = policy.first_hop(text("input"));
        let web = matches!(text("protocol"), "http:" | "https:");
        let bare = text("username").is_empty() && text("password").is_empty();
        let safer = from.is_none_or(|from| from.scheme() == "http" || text("protocol") == "https:");
        // A star in a name is no grant, though it is a name.
        let wanted = web && bare && safer && !text("host").contains('*');
        match read {
            Ok(url) => {
                let href = text("href").split('#').next().unwrap_or_default();
                assert_eq!((url.as_str(), url.host_str()), (href, Some(text("hostname"))), "{entry}");
                assert!(wanted, "{entry}");
                sent_as_it_was_checked(&url);
                open += 1;
            }
            Err(refusal) => {
                assert!(!wanted, "{entry}: {refusal:?}");
                closed += 1;
            }
        }
    }
    assert!(open > 150 && closed > 500, "{open} open, {closed} closed");
}

/// Whether a URL is refused by what it says alone, with all that it names granted; or else by its address, unless a
/// grant spells that out, or else by the address that its name resolves to.
fn refused(text: &str) -> &'static str {
    let Ok(url) = Url::parse(text) else { return "no URL" };
    match (policy(&[origin(&url)]).first_hop(text), url.host()) {
        (Err(Refusal::Invalid(_)), _) => "another scheme",
        (Err(Refusal::Denied(..)), _) => "a user name",
        (Ok(_), Some(Host::Ipv4(address))) => special(address.into()).map_or("open", |_| "an address"),
        (Ok(_), Some(Host::Ipv6(address))) => special(address.into()).map_or("open", |_| "an address"),
        (Ok(_), Some(Host::Domain(_))) => "a name",
        (Ok(_), None) => "open",
    }
}

#[test]
fn known_attacks_are_refused() {
    let Some(package) = packages::of_npm("ssrfcheck", "1.4.0") else { return };
    let list = |name: &str| -> Vec<String> {
        serde_json::from_value(packages::exported(&package.join("tests/data").join(name))).expect("texts")
    };
    let mut addresses = 0;
    let mut names = Vec::new();
    for attack in list("should-not-pass.js") {
        // As that package reads them: some have no scheme.
        for text in [attack.clone(), format!("http://{attack}"), format!("https://{attack}"), format!("http:{attack}")]
        {
            let why = refused(&text);
            assert_ne!(why, "open", "{text}");
            addresses += usize::from(why == "an address");
            names.extend(Url::parse(&text).ok().filter(|_| why == "a name"));
        }
    }
    assert!(addresses > 150, "only {addresses} addresses");
    let hosts: Vec<String> = names.iter().filter_map(|url| url.host_str()).map(str::to_owned).collect();
    assert!(hosts.iter().any(|host| host == "localhost"), "{hosts:?}");
    never_dialled(&hosts.iter().map(String::as_str).filter(|host| *host != "localhost").collect::<Vec<_>>());
    // It is no attack to be somewhere else.
    for address in list("valid-ips-list.js") {
        assert_eq!(special(address.parse().expect("an address")), None, "{address}");
    }
}

#[test]
fn known_special_networks_are_special() {
    let Some(package) = packages::of_npm("ssrfcheck", "1.4.0") else { return };
    let code = fs::read_to_string(package.join("src/is-private-ip.js")).expect("the lists");
    let mut networks = 0;
    for part in code.split('\'').skip(1).step_by(2) {
        let Some((network, length)) = part.split_once('/') else { continue };
        let (Ok(network), Ok(length)) = (network.parse::<Ipv4Addr>(), length.parse::<u32>()) else { continue };
        let size = u32::MAX.checked_shr(length).unwrap_or(0);
        for offset in [0, 1, size / 3, size / 2, size - size.min(1), size] {
            let address = Ipv4Addr::from_bits(network.to_bits() | offset.min(size));
            assert!(special(address.into()).is_some(), "{address} in {part}");
        }
        networks += 1;
    }
    for line in code.lines() {
        let Some((_, rest)) = line.split_once("addSubnet('") else { continue };
        let mut parts = rest.split(['\'', ',', ' ']).filter(|part| !part.is_empty());
        let (network, length) = (parts.next().expect("a network"), parts.next().expect("a length"));
        let (network, length): (Ipv6Addr, u32) = (network.parse().expect(line), length.parse().expect(line));
        for offset in [0, 1, u128::MAX >> length >> 1, u128::MAX >> length] {
            let address = Ipv6Addr::from_bits(network.to_bits() | offset & (u128::MAX >> length));
            assert!(special(address.into()).is_some(), "{address} in {line}");
        }
        networks += 1;
    }
    assert!(networks > 30, "only {networks} networks");
}

/// One address for each way of being special.
const SPECIAL: &str = "\
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.254 127.0.0.1 \
    127.0.0.53 127.255.255.254 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.192 \
    192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.51.100.1 203.0.113.1 \
    224.0.0.251 240.0.0.1 255.255.255.255";

/// Every spelling of an IPv4 address that URLs know.
fn spellings(address: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = address.octets();
    let bits = address.to_bits();
    let (low, lower) = (bits & 0xff_ffff, bits & 0xffff);
    let plain = [
        format!("{a}.{b}.{c}.{d}"),
        format!("{a}.{b}.{c}.{d}."),
        format!("{bits}"),
        format!("0x{bits:x}"),
        format!("0X{bits:08X}"),
        format!("0{bits:o}"),
        format!("{a}.{low}"),
        format!("{a}.{b}.{lower}"),
        format!("0x{a:x}.{low}"),
        format!("0{a:o}.0{low:o}"),
        format!("{a}.0x{b:x}.0{lower:o}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("0000{a:o}.0000{b:o}.0000{c:o}.0000{d:o}"),
        format!("0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"),
        format!("0x000{a:x}.{b}.0{c:o}.{d}"),
    ];
    let wide = |text: &String| text.chars().map(|character| wider(character, '\u{ff10}')).collect::<String>();
    let mathematical = |text: &String| text.chars().map(|character| wider(character, '\u{1d7d8}')).collect();
    let percent = |text: &String| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let broken = |text: &String| text.chars().flat_map(|character| ['\t', character, '\n']).collect::<String>();
    let stops = |text: &String| text.replace('.', "。");
    let hidden = |text: &String| text.replace('.', "\u{ad}.\u{200b}");
    let odd: Vec<String> = plain
        .iter()
        .flat_map(|text| [wide(text), mathematical(text), percent(text), broken(text), stops(text), hidden(text)])
        .collect();
    plain.into_iter().chain(odd).collect()
}

/// A digit in another script, `zero` being its first.
fn wider(character: char, zero: char) -> char {
    character.to_digit(10).and_then(|digit| char::from_u32(u32::from(zero) + digit)).unwrap_or(character)
}

#[test]
fn no_spelling_hides_a_special_address() {
    for address in SPECIAL.split(' ') {
        let address: Ipv4Addr = address.parse().expect(address);
        for spelling in spellings(address) {
            for text in [format!("http://{spelling}/"), format!("https:\\\\{spelling}:8080")] {
                let url = Url::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
                assert_eq!(url.host(), Some(Host::Ipv4(address)), "{text}");
                assert_eq!(refused(&text), "an address", "{text}");
                // Nothing that was granted opens it but the address itself.
                let others = ["http://example.org".to_owned(), "https://*.example.org:8080".to_owned()];
                assert!(policy(&others).first_hop(&text).is_err(), "{text}");
                sent_as_it_was_checked(&url);
            }
        }
    }
}

#[test]
fn no_ipv6_address_hides_an_ipv4_address() {
    // An open address hides as little: what an address means to a gateway is not known here.
    for v4 in SPECIAL.split(' ').chain(["1.1.1.1", "93.184.216.34", "223.255.255.254"]) {
        let inside: Ipv4Addr = v4.parse().expect(v4);
        let [high, low] = [inside.to_bits() >> 16, inside.to_bits() & 0xffff];
        let [not_high, not_low] = [!high & 0xffff, !low & 0xffff];
        for text in [
            format!("::ffff:{v4}"),
            format!("::ffff:{high:x}:{low:x}"),
            format!("0:0:0:0:0:FFFF:{high:04X}:{low:04X}"),
            format!("::{v4}"),
            format!("::{high:x}:{low:x}"),
            format!("::ffff:0:{v4}"),
            format!("64:ff9b::{v4}"),
            format!("64:ff9b::{high:x}:{low:x}"),
            format!("64:ff9b:1::{v4}"),
            format!("64:ff9b:1:fffe::{v4}"),
            format!("64:ff9b:1:{high:x}:{low:x}::"),
            format!("2002:{high:x}:{low:x}::"),
            format!("2002:{high:x}:{low:x}:1:2:3:4:5"),
            format!("2001:0:4136:e378:8000:63bf:{not_high:x}:{not_low:x}"),
            format!("2001::{high:x}:{low:x}"),
            format!("fe80::5efe:{v4}"),
            format!("fe80::200:5efe:{v4}"),
            format!("2a00:1450:1:1:0:5efe:{high:x}:{low:x}"),
            format!("2a00:1450:1:1:200:5efe:{high:x}:{low:x}"),
            format!("fec0::{v4}"),
        ] {
            let address: Ipv6Addr = text.parse().expect(&text);
            assert!(special(address.into()).is_some(), "{text}");
            let url = format!("http://[{text}]/");
            assert_eq!(refused(&url), "an address", "{url}");
            sent_as_it_was_checked(&Url::parse(&url).expect("a URL"));
        }
    }
    for open in ["2606:4700::1111", "2a00:1450:1:1:0:5eff::1", "2a00:1450:1:1:100:5efe:0:1", "2a00:5efe::1"] {
        assert_eq!(special(open.parse().expect(open)), None, "{open}");
    }
}

/// URLs, and how each is read where http://example.org and http://localhost:9000 are granted; `None`: it is refused.
const URLS: &[(&str, Option<&str>)] = &[
    ("http://example.org", Some("http://example.org/")),
    ("HTTP://EXAMPLE.ORG:80/", Some("http://example.org/")),
    ("http://example.org:/", Some("http://example.org/")),
    ("http://example.org:0000000080/", Some("http://example.org/")),
    ("http:example.org", Some("http://example.org/")),
    ("http:/example.org", Some("http://example.org/")),
    ("http:///example.org/", Some("http://example.org/")),
    ("http:\\\\example.org\\x", Some("http://example.org/x")),
    ("http:/\\example.org", Some("http://example.org/")),
    ("http://exam%70le.org/", Some("http://example.org/")),
    ("http://example%2eorg/", Some("http://example.org/")),
    ("http://example。org/", Some("http://example.org/")),
    ("http://ｅｘａｍｐｌｅ．ｏｒｇ/", Some("http://example.org/")),
    ("http://ⓔⓧⓐⓜⓟⓛⓔ.ⓞⓡⓖ/", Some("http://example.org/")),
    ("http://exa\u{ad}mple.org/", Some("http://example.org/")),
    ("h\ntt\tp://exam\r\nple.org/\n", Some("http://example.org/")),
    ("\u{1} http://example.org/ \u{1f}", Some("http://example.org/")),
    ("http://@example.org/", Some("http://example.org/")),
    ("http://:@example.org/", Some("http://example.org/")),
    ("http://example.org#@evil.test/", Some("http://example.org/")),
    ("http://example.org?@evil.test/", Some("http://example.org/?@evil.test/")),
    ("http://example.org\\@evil.test/", Some("http://example.org/@evil.test/")),
    ("http://example.org/../../x", Some("http://example.org/x")),
    ("http://example.org/%2e%2E/x", Some("http://example.org/x")),
    ("http://example.org/x%0d%0aHost:%20evil.test", Some("http://example.org/x%0d%0aHost:%20evil.test")),
    ("http://example.org/x\r\nHost: evil.test", Some("http://example.org/xHost:%20evil.test")),
    ("http://example.org/ HTTP/1.1", Some("http://example.org/%20HTTP/1.1")),
    ("http://localhost:9000/", Some("http://localhost:9000/")),
    ("http://example.org./", None),
    ("http://example.org%2e/", None),
    ("http://.example.org/", None),
    ("http://www.example.org/", None),
    ("http://example.org:81/", None),
    ("https://example.org/", None),
    ("http://example.org@evil.test/", None),
    ("http://example.org:@evil.test/", None),
    ("http://example.org:80@evil.test/", None),
    ("http://example.org%40evil.test/", None),
    ("http://example.org%2f@evil.test/", None),
    ("http://example.org;@evil.test/", None),
    ("http://user@example.org/", None),
    ("http://:pass@example.org/", None),
    ("http://evil.test\\@example.org/", None),
    ("http://evil.test#@example.org/", None),
    ("http://evil.test?@example.org/", None),
    ("http://evil.test%2f@example.org/", None),
    ("http://evil.test%00.example.org/", None),
    ("http://example.org%00/", None),
    ("http://example.org%0a/", None),
    ("http://example.org%20/", None),
    ("http://example.org%2f/", None),
    ("http://example.org%3a80/", None),
    ("http://example.org%5c/", None),
    ("http://example.org:80:80/", None),
    ("http://example.org:0x50/", None),
    ("http://example.org:65616/", None),
    ("http://example.org:８０/", None),
    ("http://example.org: 80/", None),
    ("http://ex ample.org/", None),
    ("http://exаmple.org/", None),
    ("http://localhost.:9000/", None),
    ("http://LOCALHOST/", None),
    ("http://127.0.0.1:9000/", None),
    ("http://[::1]:9000/", None),
    ("http://[::1%25lo]:9000/", None),
    ("http://[fe80::1%25eth0]/", None),
    ("http://[fe80::1%eth0]/", None),
    ("http://[127.0.0.1]/", None),
    ("http://[example.org]/", None),
    ("http://[::1", None),
    ("http://::1/", None),
    ("http://", None),
    ("//example.org/", None),
    ("example.org", None),
    ("view-source:http://example.org/", None),
    ("jar:http://example.org/!/", None),
    ("blob:http://example.org/1", None),
    ("httpx://example.org/", None),
    ("http+unix://example.org/", None),
    ("ws://example.org/", None),
];

#[test]
fn a_url_is_on_the_granted_host_or_refused() {
    let policy = policy(&["http://example.org".into(), "http://localhost:9000".into()]);
    for (text, read) in URLS {
        match policy.first_hop(text) {
            Ok(url) => {
                assert_eq!(Some(url.as_str()), *read, "{text}");
                sent_as_it_was_checked(&url);
            }
            Err(refusal) => assert_eq!(None, *read, "{text}: {refusal:?}"),
        }
    }
}

/// A resolver that knows one answer.
struct Fake(Vec<IpAddr>);

impl Resolve for Fake {
    fn resolve(&self, _name: String, _port: u16) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let addresses = self.0.clone();
        Box::pin(async move { Ok(addresses) })
    }
}

/// No name, granted as it is, leads to this machine. The addresses are loopback, so that even a broken rule would send
/// nothing elsewhere.
fn never_dialled(names: &[&str]) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    listener.set_nonblocking(true).expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for name in names {
        let uri = format!("http://{name}:{port}");
        let grant: OriginGrant = uri.parse().expect(&uri);
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "0.0.0.0", "::"] {
            let resolver = Fake(vec![address.parse().expect(address)]);
            let policy = Policy::new(vec![grant.clone()], None);
            let mut connector = Connector::new(
                (policy, Vec::new()),
                resolver,
                Duration::from_secs(5),
                Default::default(),
                Default::default(),
            );
            let error = runtime.block_on(connector.call(uri.parse().expect(&uri))).err().expect("a refusal");
            assert!(matches!(error.error, FetchError::Denied { grant: None, .. }), "{name} at {address}: {error}");
        }
    }
    assert_eq!(listener.accept().map(drop).map_err(|error| error.kind()), Err(io::ErrorKind::WouldBlock));
}

#[test]
fn no_name_leads_to_this_machine() {
    never_dialled(&[
        "localhost.",
        "a.localhost",
        "localhost.localdomain",
        "ip6-localhost",
        "example.org",
        "127.0.0.1.example.org",
        "127-0-0-1.example.org",
        "metadata.google.internal",
        "_dns.example.org",
    ]);
}
