//! Tests of signatures: those that openssl made, and our own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use rules::domain::Digest;

use crate::signature::{Attached, PrivateKey, PublicKey, Signature, Subject, Unsigned, added, listed};

/// Made by `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` and `openssl pkey -pubout`, and so for the others.
const P256: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEY7UfXoj9bndhjDR8wlYZ3rBtQndx
xPaNob22uJRl4zqdWfwTdzIU0DD2OvZAIiAllwRUCCvhkVWSNfiplkoGKQ==
-----END PUBLIC KEY-----
";
const EDWARDS: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEACe2oyBFf2N92vhzWpeQYNruM3wmeI1AMFfzyTTBfFyc=
-----END PUBLIC KEY-----
";
const P384: &str = "-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEVLwmPI8qMCVM9exdZynG6X39odzVkaOJ
CgyVdz9xRH2ZreBEIgsmo9htzUJc3gAnl1YMT87K2KkQ5ip379bQrcu8bHjjxEE4
7feYMUMKesVA64//pTwy5y8MNIVCa9jJ
-----END PUBLIC KEY-----
";
/// What was signed, and by `openssl dgst -sha256 -sign` and `openssl pkeyutl -sign -rawin`.
const PAYLOAD: &str = "{\"critical\":{\"identity\":{\"docker-reference\":\"ghcr.io/acme/weather\"},\"image\":{\"docker-manifest-digest\":\
    \"sha256:0707070707070707070707070707070707070707070707070707070707070707\"},\
    \"type\":\"cosign container image signature\"},\"optional\":null}";
const BY_P256: &str =
    "MEUCIDlgfZU5BAmjq/reUIIafS3MKrky7kUZ94ap8Ja8jVdDAiEAq3ww+BSdYkZonXm127AB1Rs1ktjDFqj4HMwslfl1Cvo=";
const BY_EDWARDS: &str = "NSf5dTbqe5fLSjr/+G+f5eO2U0eGNGW/01FpKIgEdTGyDecVulMIV+RqD7RLyaFrW1AXV5O18YrEYRto5EBtDQ==";
const NAME: &str = "ghcr.io/acme/weather";

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// A new key of each kind, with its public half.
fn pairs() -> Vec<(PrivateKey, Vec<PublicKey>)> {
    let random = SystemRandom::new();
    let ecdsa = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).expect("a key");
    let point = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, ecdsa.as_ref(), &random).expect("a key");
    let edwards = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
    let edwards_point = Ed25519KeyPair::from_pkcs8(edwards.as_ref()).expect("a key");
    let public = |like: &str, point: &[u8]| {
        // What stands before the point is that of openssl's.
        let known = like.lines().filter(|line| !line.starts_with('-')).collect::<String>();
        let known = STANDARD.decode(known).expect("Base64");
        let der = [&known[..known.len() - point.len()], point].concat();
        PublicKey::read(&pem("PUBLIC KEY", &der)).expect("a public key")
    };
    let private = |der: &[u8]| PrivateKey::read(&pem("PRIVATE KEY", der)).expect("a private key");
    vec![
        (private(ecdsa.as_ref()), public(P256, point.public_key().as_ref())),
        (private(edwards.as_ref()), public(EDWARDS, edwards_point.public_key().as_ref())),
    ]
}

fn of(payload: &str, signature: &str) -> Signature {
    Signature { payload: payload.into(), signature: signature.into() }
}

fn check(signatures: &[Signature], keys: &[PublicKey], name: &str, digest: Digest) -> Result<(), Unsigned> {
    let attached: Vec<Attached> = signatures.iter().cloned().map(Attached::Simple).collect();
    crate::signature::check(&attached, keys, &Subject { name, digest, manifest: b"" })
}

#[test]
fn what_openssl_signed_is_signed() {
    let (ecdsa, edwards) = (PublicKey::read(P256).expect("a key"), PublicKey::read(EDWARDS).expect("a key"));
    let digest = Digest([7; 32]);
    for (keys, signature) in [(&ecdsa, BY_P256), (&edwards, BY_EDWARDS)] {
        assert_eq!(check(&[of(PAYLOAD, signature)], keys, NAME, digest), Ok(()));
    }
    let both = PublicKey::read(&format!("{P256}{EDWARDS}")).expect("two keys");
    for (signatures, keys, name, digest, expected) in [
        (vec![], &both, NAME, digest, Err(Unsigned::Nobody)),
        (vec![of(PAYLOAD, BY_EDWARDS)], &both, NAME, digest, Ok(())),
        (vec![of(PAYLOAD, BY_EDWARDS)], &ecdsa, NAME, digest, Err(Unsigned::Others)),
        (vec![of(PAYLOAD, BY_EDWARDS), of(PAYLOAD, BY_P256)], &ecdsa, NAME, digest, Ok(())),
        (vec![of(PAYLOAD, BY_P256)], &ecdsa, NAME, Digest([8; 32]), Err(Unsigned::Others)),
        (vec![of(&PAYLOAD.replace("07", "08"), BY_P256)], &ecdsa, NAME, Digest([8; 32]), Err(Unsigned::Others)),
        (vec![of(PAYLOAD, "")], &ecdsa, NAME, digest, Err(Unsigned::Others)),
        (vec![of(PAYLOAD, "not Base64")], &ecdsa, NAME, digest, Err(Unsigned::Others)),
        (vec![of(PAYLOAD, BY_P256)], &Vec::new(), NAME, digest, Err(Unsigned::Others)),
        (
            vec![of(PAYLOAD, BY_P256)],
            &ecdsa,
            "ghcr.io/acme/other",
            digest,
            Err(Unsigned::OtherName(NAME.into(), "ghcr.io/acme/other".into())),
        ),
    ] {
        assert_eq!(check(&signatures, keys, name, digest), expected);
    }
}

#[test]
fn what_is_signed_here_is_signed_for_one_name_and_one_digest() {
    for (private, public) in pairs() {
        let digest = Digest([9; 32]);
        for (signed, name, good) in [
            ("ghcr.io/acme/weather", "ghcr.io/acme/weather", true),
            ("ghcr.io/acme/weather:1.2", "ghcr.io/acme/weather", true),
            ("localhost:5000/weather", "localhost:5000/weather", true),
            ("localhost:5000/weather:1", "localhost:5000/weather", true),
            ("ghcr.io/acme/weather", "ghcr.io/acme/weath", false),
            ("localhost", "localhost:5000/weather", false),
        ] {
            let signature = private.sign(signed, digest).expect("a signature");
            let all = [signature];
            assert_eq!(check(&all, &public, name, digest).is_ok(), good, "{signed} for {name}");
            assert!(check(&all, &public, name, Digest([1; 32])).is_err());
        }
        let others = pairs().remove(0).1;
        let signature = private.sign(NAME, digest).expect("a signature");
        assert_eq!(check(&[signature], &others, NAME, digest), Err(Unsigned::Others));
    }
}

#[test]
fn a_manifest_of_signatures_takes_more_of_them() {
    let (first, second) = (of("{\"a\":1}", "QQ=="), of("{\"b\":2}", "Qg=="));
    let (one, _) = added(None, &first).expect("a manifest");
    let (two, config) = added(Some(&one), &second).expect("a manifest");
    let found = listed(&two).expect("signatures");
    let signatures: Vec<&str> = found.iter().map(|(_, signature)| &**signature).collect();
    assert_eq!(signatures, ["QQ==", "Qg=="]);
    assert_eq!(found[1].0.size, 7);
    assert!(String::from_utf8(config).expect("text").contains(&found[0].0.digest));
    let large = String::from_utf8(two).expect("text").replace("\"size\":7", "\"size\":99999");
    assert!(listed(large.as_bytes()).expect("signatures").is_empty());
}

#[test]
fn a_key_that_cannot_be_used_is_told_without_showing_it() {
    let random = SystemRandom::new();
    let other = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, &random).expect("a key");
    for (text, says) in [
        (P384, "neither of ECDSA P-256 nor of Ed25519"),
        ("", "there is no `PUBLIC KEY` in it"),
        ("-----BEGIN PUBLIC KEY-----\nMFkw", "it is not a whole PEM file"),
    ] {
        assert!(PublicKey::read(text).is_err_and(|reason| reason.contains(says)), "{says}");
    }
    for (text, says) in [
        (pem("PRIVATE KEY", other.as_ref()), "neither of ECDSA P-256 nor of Ed25519"),
        (pem("PRIVATE KEY", b"rubbish"), "its key cannot be used"),
        (pem("ENCRYPTED PRIVATE KEY", b"rubbish"), "it is encrypted"),
        (P256.to_owned(), "there is no `PRIVATE KEY` in it"),
    ] {
        assert!(PrivateKey::read(&text).is_err_and(|reason| reason.contains(says)), "{says}");
    }
}
