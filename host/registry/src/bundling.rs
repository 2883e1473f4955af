//! Tests of bundles: those that Sigstore's own library for JavaScript made, and what is wrong with others.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use rules::domain::Digest;
use serde_json::{Value, json};

use crate::bundle::{BUNDLE, SIGNED, check};
use crate::layout::{MANIFEST as IMAGE, sha256};
use crate::referrers;
use crate::signature::{MAX_SIGNATURES, PublicKey, Subject, Unsigned};

/// What is signed.
const MANIFEST: &[u8] = b"{\"schemaVersion\":2}";
const NAME: &str = "ghcr.io/acme/weather";
/// Made by node's `crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })`, and the other one by `('ed25519')`.
const P256: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEPr8WMp8p3xsp3CZn4HlTfZoQawDQ\n\
    0D3Zx47FMjlk+jd35dXZ7FhobcQR5ZmYepL2FVpCMJPTxTKyTNy5aAlE1Q==\n\
    -----END PUBLIC KEY-----\n";
const EDWARDS: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEAzpudeLfd8GiRHik6GwNZ9M1wyaQ4FkXVboAXCTdBk/g=\n\
    -----END PUBLIC KEY-----\n";
/// By `DSSEBundleBuilder` of `@sigstore/sign` 4.1.1, of a statement in the words of cosign 3.
const BY_P256: &str = include_str!("../../../tests/fuzz/corpus/registry/seed-bundle");
const BY_EDWARDS: &str = include_str!("../../../tests/fuzz/corpus/registry/seed-bundle-edwards");
/// By its `MessageSignatureBundleBuilder`, of the manifest.
const MESSAGE: &str = include_str!("../../../tests/fuzz/corpus/registry/seed-bundle-message");
/// What that library calls it.
const OLDER: &str = "application/vnd.dev.sigstore.bundle+json;version=0.2";

fn keys(pem: &str) -> Vec<PublicKey> {
    PublicKey::read(pem).expect("a key")
}

fn component() -> Subject<'static> {
    Subject { name: NAME, digest: sha256(MANIFEST), manifest: MANIFEST }
}

#[test]
fn what_another_make_signed_is_signed() {
    let (both, edwards) = (keys(&format!("{P256}{EDWARDS}")), keys(EDWARDS));
    let newer = MESSAGE.replace(OLDER, BUNDLE);
    for bundle in [BY_P256, BY_EDWARDS, &newer] {
        assert_eq!(check(bundle, &both, &component()), Ok(()), "{bundle}");
        for other in [
            Subject { digest: Digest([7; 32]), ..component() },
            Subject { digest: sha256(b""), manifest: b"", ..component() },
        ] {
            assert_eq!(check(bundle, &both, &other), Err(Unsigned::Others), "{bundle}");
        }
    }
    assert_eq!(check(BY_EDWARDS, &edwards, &component()), Ok(()));
    for (bundle, keys) in [(BY_P256, &edwards), (&newer, &edwards), (MESSAGE, &both)] {
        assert_eq!(check(bundle, keys, &component()), Err(Unsigned::Others), "{bundle}");
    }
    // The manifest is what was signed, and not the digest that is told.
    let told = Subject { manifest: b"{}", ..component() };
    assert_eq!(check(&newer, &both, &told), Err(Unsigned::Others));
}

/// A key, and the half of it that is known.
fn pair() -> (Ed25519KeyPair, Vec<PublicKey>) {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key");
    let known = EDWARDS.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let known = STANDARD.decode(known).expect("Base64");
    let point = ring::signature::KeyPair::public_key(&pair).as_ref();
    let der = [&known[..known.len() - point.len()], point].concat();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
    (pair, keys(&pem))
}

/// A bundle with a statement, as it should be.
fn bundle(pair: &Ed25519KeyPair, statement: &Value) -> Value {
    let (kind, statement) = ("application/vnd.in-toto+json", statement.to_string());
    let text = format!("DSSEv1 {} {kind} {} {statement}", kind.len(), statement.len());
    let signature = STANDARD.encode(pair.sign(text.as_bytes()));
    let envelope = json!({
        "payload": STANDARD.encode(statement), "payloadType": kind, "signatures": [{ "sig": signature, "keyid": "" }],
    });
    json!({ "mediaType": BUNDLE, "verificationMaterial": { "publicKey": {} }, "dsseEnvelope": envelope })
}

fn statement(subjects: &Value) -> Value {
    json!({ "_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": SIGNED, "predicate": {} })
}

fn named(name: &str) -> Value {
    json!({ "name": name, "digest": { "sha256": sha256(MANIFEST).to_string() } })
}

#[test]
fn a_statement_is_of_one_digest_and_of_a_name_where_it_has_one() {
    let (pair, keys) = pair();
    let other_name = |name: &str| Err(Unsigned::OtherName(name.into(), NAME.into()));
    let other = json!({ "digest": { "sha256": "07".repeat(32) } });
    let none = json!({ "digest": { "sha256": sha256(MANIFEST).to_string() } });
    let wrong = json!({ "digest": { "sha512": sha256(MANIFEST).to_string(), "sha256": "" } });
    for (subjects, expected) in [
        (json!([none]), Ok(())),
        (json!([named("")]), Ok(())),
        (json!([named("_")]), Ok(())),
        (json!([named(NAME)]), Ok(())),
        (json!([named("ghcr.io/acme/weather:1.2")]), Ok(())),
        (json!([other, named(NAME)]), Ok(())),
        (json!([named("ghcr.io/acme/other"), named(NAME)]), Ok(())),
        (json!([named("ghcr.io/acme/other")]), other_name("ghcr.io/acme/other")),
        (json!([named("\u{1b}[31m")]), other_name("\\u{1b}[31m")),
        (json!([other]), Err(Unsigned::Others)),
        (json!([other, { "name": NAME }]), Err(Unsigned::Others)),
        (json!([wrong]), Err(Unsigned::Others)),
        (json!([]), Err(Unsigned::Others)),
    ] {
        let bundle = bundle(&pair, &statement(&subjects)).to_string();
        assert_eq!(check(&bundle, &keys, &component()), expected, "{subjects}");
    }
    for (member, value, expected) in [
        (
            "predicateType",
            "https://slsa.dev/provenance/v1",
            Unsigned::OtherPurpose("https://slsa.dev/provenance/v1".into()),
        ),
        ("_type", "https://in-toto.io/Statement/v0.1", Unsigned::Others),
    ] {
        let mut statement = statement(&json!([named(NAME)]));
        statement[member] = json!(value);
        assert_eq!(check(&bundle(&pair, &statement).to_string(), &keys, &component()), Err(expected));
    }
}

#[test]
fn what_is_not_quite_a_bundle_is_nobody_s_signature() {
    let (pair, keys) = pair();
    let good = bundle(&pair, &statement(&json!([named(NAME)])));
    let message = json!({ "signature": STANDARD.encode(pair.sign(MANIFEST)) });
    let signed = &good["dsseEnvelope"]["signatures"][0];
    let certificate = json!({ "certificate": { "rawBytes": "AAAA" } });
    let chain = json!({ "x509CertificateChain": { "certificates": [{ "rawBytes": "AAAA" }] } });
    let both = json!({ "publicKey": {}, "certificate": { "rawBytes": "AAAA" } });
    let others = &statement(&json!([{ "digest": { "sha256": "07".repeat(32) } }])).to_string();
    for (pointer, value, expected) in [
        ("/extra", json!(1), Ok(())),
        ("/mediaType", json!(OLDER), Err(Unsigned::Others)),
        ("/mediaType", json!("application/vnd.dev.sigstore.bundle.v0.4+json"), Err(Unsigned::Others)),
        ("/messageSignature", message.clone(), Err(Unsigned::Others)),
        ("/dsseEnvelope", Value::Null, Err(Unsigned::Others)),
        ("/dsseEnvelope/payloadType", json!("text/plain"), Err(Unsigned::Others)),
        ("/dsseEnvelope/payload", json!(STANDARD.encode(others)), Err(Unsigned::Others)),
        ("/dsseEnvelope/payload", json!("%"), Err(Unsigned::Others)),
        ("/dsseEnvelope/signatures", json!([]), Err(Unsigned::Others)),
        ("/dsseEnvelope/signatures", json!([signed, signed]), Err(Unsigned::Others)),
        ("/dsseEnvelope/signatures", json!([{ "sig": "" }]), Err(Unsigned::Others)),
        ("/verificationMaterial", json!({}), Err(Unsigned::Others)),
        ("/verificationMaterial", both, Err(Unsigned::Others)),
        ("/verificationMaterial", certificate.clone(), Err(Unsigned::Certified)),
        ("/verificationMaterial", chain, Err(Unsigned::Certified)),
    ] {
        let mut bundle = good.clone();
        let (parent, member) = pointer.rsplit_once('/').expect("a pointer");
        bundle.pointer_mut(parent).expect("a place")[member] = value;
        assert_eq!(check(&bundle.to_string(), &keys, &component()), expected, "{pointer}");
    }
    // Of a certificate nothing is known, so what it would say of another component is not even told.
    let mut bundle = good.clone();
    bundle["verificationMaterial"] = certificate;
    let other = Subject { name: "ghcr.io/acme/other", ..component() };
    assert_eq!(check(&bundle.to_string(), &keys, &other), Err(Unsigned::Others));
    for text in ["", "[]", "{}", "null", &good.to_string().replacen('{', "{\"mediaType\":\"x\",", 1)] {
        assert_eq!(check(text, &keys, &component()), Err(Unsigned::Others), "{text}");
    }
    let mut alone =
        json!({ "mediaType": BUNDLE, "verificationMaterial": { "publicKey": {} }, "messageSignature": message });
    assert_eq!(check(&alone.to_string(), &keys, &component()), Ok(()));
    // It says of which digest it is by what it signs alone.
    let told = Subject { digest: Digest([7; 32]), ..component() };
    assert_eq!(check(&alone.to_string(), &keys, &told), Err(Unsigned::Others));
    for (algorithm, digest, expected) in [
        ("SHA2_256", STANDARD.encode(sha256(MANIFEST).0), Ok(())),
        ("SHA2_256", STANDARD.encode([7; 32]), Err(Unsigned::Others)),
        ("SHA2_512", STANDARD.encode(sha256(MANIFEST).0), Err(Unsigned::Others)),
    ] {
        alone["messageSignature"]["messageDigest"] = json!({ "algorithm": algorithm, "digest": digest });
        assert_eq!(check(&alone.to_string(), &keys, &component()), expected, "{algorithm}");
    }
}

#[test]
fn of_what_refers_to_a_manifest_so_many_may_be_signatures() {
    let entry = |kind: &str, artifact: Value, size: u64, annotation: Option<&str>| {
        let annotations = annotation.map(|kind| json!({ "dev.sigstore.bundle.predicateType": kind }));
        json!({
            "mediaType": kind, "digest": format!("sha256:{}", Digest([7; 32])), "size": size, "artifactType": artifact,
            "annotations": annotations.unwrap_or_else(|| json!({})),
        })
    };
    let bundle = || json!(BUNDLE);
    for (entry, counts) in [
        (entry(IMAGE, bundle(), 900, Some(SIGNED)), true),
        (entry(IMAGE, bundle(), 900, None), true),
        (entry(IMAGE, Value::Null, 900, None), true),
        (entry(IMAGE, json!("application/vnd.oci.empty.v1+json"), 900, None), true),
        (entry(IMAGE, bundle(), 900, Some("https://slsa.dev/provenance/v1")), false),
        (entry(IMAGE, json!("application/spdx+json"), 900, None), false),
        (entry(referrers::INDEX, bundle(), 900, None), false),
        (entry(IMAGE, bundle(), 1 << 20, None), false),
    ] {
        let index = json!({ "schemaVersion": 2, "manifests": [entry] }).to_string();
        assert_eq!(
            referrers::listed(index.as_bytes()).map(|listed| listed.len()),
            Some(usize::from(counts)),
            "{index}"
        );
    }
    let many = vec![entry(IMAGE, bundle(), 900, None); 10_000];
    let index = json!({ "schemaVersion": 2, "manifests": many }).to_string();
    assert_eq!(referrers::listed(index.as_bytes()).map(|listed| listed.len()), Some(MAX_SIGNATURES));
    let odd = index.replacen("\"manifests\":[", "\"manifests\":[7,{\"annotations\":null},", 1);
    assert_ne!(odd, index);
    assert_eq!(referrers::listed(odd.as_bytes()).map(|listed| listed.len()), Some(MAX_SIGNATURES));
    for text in ["", "404 page not found", "{}", "{\"manifests\":{}}"] {
        assert_eq!(referrers::listed(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn a_referrer_is_one_bundle_of_one_manifest() {
    let (of, blob) = (Digest([1; 32]), Digest([2; 32]));
    let layer = |kind: &str, size: u64| json!({ "mediaType": kind, "digest": format!("sha256:{blob}"), "size": size });
    let good = layer(BUNDLE, 900);
    for (subject, layers, counts) in [
        (json!({ "digest": format!("sha256:{of}") }), json!([good]), true),
        (json!({ "digest": format!("sha256:{blob}") }), json!([good]), false),
        (Value::Null, json!([good]), false),
        (json!({ "digest": format!("sha256:{of}") }), json!([good, good]), false),
        (json!({ "digest": format!("sha256:{of}") }), json!([]), false),
        (json!({ "digest": format!("sha256:{of}") }), json!([layer("text/plain", 900)]), false),
        (json!({ "digest": format!("sha256:{of}") }), json!([layer(BUNDLE, 70_000)]), false),
    ] {
        let manifest = json!({ "schemaVersion": 2, "subject": subject, "layers": layers }).to_string();
        assert_eq!(referrers::bundle(manifest.as_bytes(), of), counts.then_some((blob, 900)), "{manifest}");
    }
}
