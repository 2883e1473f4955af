//! Signatures of services that publish how they sign, against what other programs make of the same: Kraken's own example,
//! Akamai's client for Python, and Python's `hmac` for all others.

use std::time::{Duration, SystemTime};

use super::vectors::{signed, signer};

/// 2021-03-23T09:39:36.594Z.
fn moment() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_616_492_376_594)
}

struct Scheme {
    name: &'static str,
    place: &'static str,
    parts: &'static [(&'static str, &'static str)],
    request: (&'static str, &'static str),
    fields: &'static [(&'static str, &'static str)],
    body: &'static str,
    expected: &'static [(&'static str, &'static str)],
}

const AKAMAI: &str = r#"{"hmac": {
    "over": "{method}\t{scheme}\t{host}\t{target}\t\t{digest}\tEG1-HMAC-SHA256 client_token={id};access_token={token};timestamp={timestamp};nonce=NONCE;",
    "encoding": "base64", "derive": "{timestamp}", "timestamp": "%Y%m%dT%H:%M:%S+0000",
    "digest": {"encoding": "base64", "blank": true},
    "fields": {"authorization": "EG1-HMAC-SHA256 client_token={id};access_token={token};timestamp={timestamp};nonce=NONCE;signature={signature}"}
}}"#;

const SCHEMES: &[Scheme] = &[
    Scheme {
        name: "Kraken",
        place: r#"{"hmac": {"over": "{path}{digest}", "hash": "sha512", "encoding": "base64", "key": "base64",
            "digest": {"of": "{form.nonce}{body}", "encoding": "raw"},
            "fields": {"API-Key": "{id}", "API-Sign": "{signature}"}}}"#,
        parts: &[
            ("id", "x-1"),
            ("key", "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="),
        ],
        request: ("POST", "https://api.example/0/private/AddOrder"),
        fields: &[],
        body: "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25",
        expected: &[
            ("api-key", "x-1"),
            ("api-sign", "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="),
        ],
    },
    Scheme {
        name: "Bitfinex",
        place: r#"{"hmac": {"over": "/api{path}{nonce}{body}", "hash": "sha384",
            "fields": {"bfx-apikey": "{id}", "bfx-nonce": "{nonce}", "bfx-signature": "{signature}"}}}"#,
        parts: &[("id", "x-1"), ("key", "hush-42")],
        request: ("POST", "https://api.example/v2/auth/r/wallets"),
        fields: &[],
        body: r#"{"type":"MARKET"}"#,
        expected: &[
            ("bfx-apikey", "x-1"),
            ("bfx-nonce", "1616492376594000"),
            (
                "bfx-signature",
                "43d9796918cb8ebf3a569a9f0945fcf6ae714d5c51ebe56d290de56a1ace5b45dea9a435314c0d79a5abd3d42a34d5be",
            ),
        ],
    },
    Scheme {
        name: "Coinbase Exchange",
        place: r#"{"hmac": {"over": "{timestamp}{method}{target}{body}", "encoding": "base64", "key": "base64",
            "fields": {"CB-ACCESS-KEY": "{id}", "CB-ACCESS-SIGN": "{signature}", "CB-ACCESS-TIMESTAMP": "{timestamp}",
            "CB-ACCESS-PASSPHRASE": "{passphrase}"}}}"#,
        parts: &[("id", "x-1"), ("key", "aHVzaC1odXNoLTQy"), ("passphrase", "open")],
        request: ("GET", "https://api.example/orders?status=open&limit=5"),
        fields: &[],
        body: "",
        expected: &[
            ("cb-access-key", "x-1"),
            ("cb-access-passphrase", "open"),
            ("cb-access-sign", "5+96/prxzAyTWVaC4/AIhdnfNZt0UXt2kXdErv7evdA="),
            ("cb-access-timestamp", "1616492376"),
        ],
    },
    Scheme {
        name: "OKX",
        place: r#"{"hmac": {"over": "{timestamp}{method}{target}{body}", "encoding": "base64",
            "timestamp": "%Y-%m-%dT%H:%M:%S.%3fZ",
            "fields": {"OK-ACCESS-SIGN": "{signature}", "OK-ACCESS-TIMESTAMP": "{timestamp}"}}}"#,
        parts: &[("key", "hush-42")],
        request: ("POST", "https://api.example/api/v5/x"),
        fields: &[],
        body: r#"{"a":1}"#,
        expected: &[
            ("ok-access-sign", "sDoGLhNA+HGqNIF/lUGoJ3eRPbR0K3IP2Gc+2zWmmhY="),
            ("ok-access-timestamp", "2021-03-23T09:39:36.594Z"),
        ],
    },
    Scheme {
        name: "Gate",
        place: r#"{"hmac": {"over": "{method}\n{path}\n{query}\n{digest}\n{timestamp}", "hash": "sha512",
            "digest": {"hash": "sha512"}, "fields": {"KEY": "{id}", "SIGN": "{signature}", "Timestamp": "{timestamp}"}}}"#,
        parts: &[("id", "x-1"), ("key", "hush-42")],
        request: ("GET", "https://api.example/api/v4/orders?pair=A_B&status=x"),
        fields: &[],
        body: "",
        expected: &[
            ("key", "x-1"),
            (
                "sign",
                "1c61883a2da01ddf401c63e0f6bee474ed2c5db7b17c8e869927f2281f683972\
                 f255951ae5152fc932d6803458c29b897e127e9277b9471993c9c00de31174a6",
            ),
            ("timestamp", "1616492376"),
        ],
    },
    Scheme {
        name: "a body alone, as Shopify signs what it sends",
        place: r#"{"hmac": {"over": "{body}", "encoding": "base64", "fields": {"X-Hmac-Sha256": "{signature}"}}}"#,
        parts: &[("key", "hush-42")],
        request: ("POST", "https://api.example/x"),
        fields: &[],
        body: r#"{"id":1}"#,
        expected: &[("x-hmac-sha256", "d12P804F+IQ/xfotEsF4/eOeHC4wE1RQIbjRcFe+QbI=")],
    },
    Scheme {
        name: "Akamai, without a body",
        place: AKAMAI,
        parts: &[("id", "client-1"), ("key", "c2VjcmV0"), ("token", "access-1")],
        request: ("GET", "https://a.example/test?a=1&b=2"),
        fields: &[],
        body: "",
        expected: &[(
            "authorization",
            "EG1-HMAC-SHA256 client_token=client-1;access_token=access-1;timestamp=20210323T09:39:36+0000;nonce=NONCE;\
             signature=kaUauPjk19iMOASaIuhwvChtOKlsyvBwIRPiy/Wp1Z8=",
        )],
    },
    Scheme {
        name: "Akamai, with one",
        place: AKAMAI,
        parts: &[("id", "client-1"), ("key", "c2VjcmV0"), ("token", "access-1")],
        request: ("POST", "https://a.example:8443/test"),
        fields: &[],
        body: "datadatadata",
        expected: &[(
            "authorization",
            "EG1-HMAC-SHA256 client_token=client-1;access_token=access-1;timestamp=20210323T09:39:36+0000;nonce=NONCE;\
             signature=TM5g5bFrJrOYGH2qnzv7dwC5qie1q01BzGpWOZw4L9o=",
        )],
    },
    Scheme {
        name: "the date and a field of the request, by SHA-1",
        place: r#"{"hmac": {"over": "{method}\n{header.x-for}\n{path}\n{date}", "hash": "sha1", "encoding": "base64",
            "fields": {"Date": "{date}", "Authorization": "{{HMAC}} {signature}"}}}"#,
        parts: &[("key", "hush-42")],
        request: ("GET", "https://b.example/x"),
        fields: &[("X-For", "a.example")],
        body: "",
        expected: &[
            ("authorization", "{HMAC} 4g8KZvScxcwzZZ+N7g4oTNi9Qzk="),
            ("date", "Tue, 23 Mar 2021 09:39:36 GMT"),
            ("x-for", "a.example"),
        ],
    },
    Scheme {
        name: "a key in hexadecimal",
        place: r#"{"hmac": {"over": "{method}{port}{scheme}", "key": "hex", "fields": {"s": "{signature}"}}}"#,
        parts: &[("key", "00ffA0")],
        request: ("GET", "https://b.example:8443/x"),
        fields: &[],
        body: "",
        expected: &[("s", "31660ba790b0c55baebb7c85a9139e2b1d4b06c30568158d581d459a4f963dba")],
    },
];

#[test]
fn requests_are_signed_as_services_want_it() {
    for Scheme { name, place, parts, request, fields, body, expected } in SCHEMES {
        let signer = signer(place, parts).unwrap_or_else(|reason| panic!("{name}: {reason}"));
        let fields: Vec<_> = fields.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())).collect();
        let (url, headers) = signed(&signer, *request, &fields, body, moment()).expect(name);
        let mut all: Vec<(&str, &str)> =
            headers.iter().map(|(field, value)| (field.as_str(), value.to_str().expect("ASCII"))).collect();
        all.sort_unstable();
        assert_eq!((url.as_str(), all.as_slice()), (request.1, *expected), "{name}");
    }
}

#[test]
fn a_query_is_signed_with_what_is_added_to_it_and_the_signature_comes_last() {
    // Binance's own example, from its documentation of the interface.
    let place = r#"{"hmac": {"over": "{query}", "timestamp": "milliseconds", "fields": {"X-MBX-APIKEY": "{id}"},
        "query": {"signature": "{signature}", "timestamp": "{timestamp}"}}}"#;
    let parts = [
        ("id", "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"),
        ("key", "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"),
    ];
    let own = "https://a.example/order?symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000";
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_499_827_319_559);
    let signature = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";
    let expected = format!("{own}&timestamp=1499827319559&signature={signature}");
    let signer = signer(place, &parts).expect("a signer");
    // A redirect may lead to what an earlier signature was sent with.
    let again = own.replace("&side", "&timestamp=1&side") + "&signature=x";
    for url in [own, &again] {
        let (url, headers) = signed(&signer, ("GET", url), &[], "", at).expect("a request");
        assert_eq!((&*url, headers["x-mbx-apikey"].as_bytes()), (&*expected, parts[0].1.as_bytes()));
    }
    let (url, _) = signed(&signer, ("GET", "https://a.example/?signature=x"), &[], "", at).expect("a request");
    assert!(url.starts_with("https://a.example/?timestamp=1499827319559&signature="), "{url}");
}

#[test]
fn no_two_requests_have_the_same_nonce() {
    let of = |kind: &str| {
        let place = format!(
            "{{\"hmac\": {{\"over\": \"{{nonce}}\", \"nonce\": \"{kind}\", \"fields\": {{\"n\": \"{{nonce}}\", \"s\": \"{{signature}}\"}}}}}}"
        );
        let signer = signer(&place, &[("key", "hush")]).expect("a signer");
        let earlier = moment() - Duration::from_secs(60);
        [moment(), moment(), earlier, moment() + Duration::from_secs(60)].map(|at| {
            let (_, headers) = signed(&signer, ("GET", "https://a.example/"), &[], "", at).expect("a request");
            headers["n"].to_str().expect("ASCII").to_owned()
        })
    };
    assert_eq!(of("number"), ["1616492376594000", "1616492376594001", "1616492376594002", "1616492436594000"]);
    let mut uuids = of("uuid");
    assert_eq!(uuids, of("uuid"), "a simulated day is the same each time");
    uuids.sort_unstable();
    for (at, uuid) in uuids.iter().enumerate() {
        let dashes: Vec<usize> = uuid.match_indices('-').map(|(at, _)| at).collect();
        assert!(uuid.len() == 36 && dashes == [8, 13, 18, 23] && uuid[14..].starts_with('4'), "{uuid}");
        assert!(at == 0 || uuids[at - 1] != *uuid);
    }
}

#[test]
fn what_no_service_can_want_is_refused() {
    let fields = r#""fields": {"s": "{signature}"}"#;
    let long = format!("\"over\": \"{}\"", "x".repeat(2049));
    for (place, reason) in [
        (r#""over": "{body}", "fields": {}"#.to_owned(), "it sets 0 fields and parameters, and has to set 1 to 16"),
        (r#""over": "{body}", "fields": {"s": "x"}"#.into(), "no field or parameter of it holds `{signature}`"),
        (r#""over": "{body}", "fields": {"a b": "{signature}"}"#.into(), "no valid name"),
        (r#""over": "{body}", "fields": {"Host": "{signature}"}"#.into(), "the field `host` is the host's own"),
        (r#""over": "{body}", "fields": {"S": "{signature}", "s": "x"}"#.into(), "it sets the field `s` twice"),
        (r#""over": "{body}", "fields": {"s": "{signature}{body}"}"#.into(), "cannot have `body`"),
        (
            r#""over": "{query}", "query": {"t": "{timestamp}"}"#.into(),
            "no field or parameter of it holds `{signature}`",
        ),
        (r#""over": "", "query": {"s": "{signature}{query}"}"#.into(), "cannot have `query`"),
        (
            r#""over": "", "query": {"d": "{digest}", "s": "{signature}"}"#.into(),
            "its parameter `d` is signed, and cannot",
        ),
        (format!(r#""over": "{{signature}}", {fields}"#), "its template `{signature}` cannot have `signature`"),
        (format!(r#""over": "{{key}}", {fields}"#), "cannot have `key`"),
        (format!(r#""over": "{{methd}}", {fields}"#), "cannot have `methd`"),
        (format!(r#""over": "{{header.}}", {fields}"#), "cannot have `header.`"),
        (format!(r#""over": "a{{method", {fields}"#), "a brace of its template `a{method` stands alone"),
        (format!(r#""over": "a}}", {fields}"#), "a brace of its template `a}` stands alone"),
        (format!("{long}, {fields}"), "longer than 2048 bytes"),
        (format!(r#""over": "", "encoding": "raw", {fields}"#), "raw bytes fit into no field"),
        (format!(r#""over": "", "timestamp": "hours", {fields}"#), "its `timestamp` is `seconds`"),
        (format!(r#""over": "", "timestamp": "%Q%", {fields}"#), "no pattern of strftime"),
        (format!(r#""over": "", "key": "hex", {fields}"#), "its part `key` is not hexadecimal"),
        (format!(r#""over": "", "key": "base64", {fields}"#), "its part `key` is no Base64"),
        (format!(r#""over": "", "derive": "{{digest}}", {fields}"#), "cannot have `digest`"),
        (format!(r#""over": "", "digest": {{"of": "{{digest}}"}}, {fields}"#), "cannot have `digest`"),
        (
            r#""over": "", "digest": {"encoding": "raw"}, "fields": {"s": "{signature}{digest}"}"#.into(),
            "its digest is raw bytes",
        ),
        (
            r#""over": "", "digest": {"encoding": "raw"}, "query": {"s": "{signature}{digest}"}"#.into(),
            "its digest is raw bytes",
        ),
    ] {
        let error = signer(&format!("{{\"hmac\": {{{place}}}}}"), &[("key", "hush-")]).err().expect(reason);
        assert!(error.contains(reason) && !error.contains("hush"), "{error}");
    }
}

#[test]
fn what_a_request_lacks_is_said() {
    let place = r#"{"hmac": {"over": "{form.nonce}", "fields": {"s": "{signature}"}}}"#;
    let signer = signer(place, &[("key", "hush")]).expect("a signer");
    let error = signed(&signer, ("POST", "https://a.example/"), &[], "a=1", moment()).map(drop);
    assert_eq!(error, Err("it signs `nonce` of a form, and the body has none".into()));
}
