//! The server does what the tests of tokens rely on.

use std::collections::BTreeMap;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SigningKey as _};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};

use super::*;
use crate::{Asked, Origin, Reply};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// Of the verifier (RFC 7636, appendix B).
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn answer(provider: &Provider, form: &str) -> (u16, Value) {
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let answer = ask(provider.address(), "POST", "/token", &kind, form.as_bytes()).expect("an answer");
    (answer.status, serde_json::from_slice(&answer.body).expect("JSON"))
}

fn opened(provider: &Provider, token: &Value) -> u16 {
    let bearer = format!("Bearer {}", text(token, "access_token"));
    ask(authority(provider.api()), "GET", "/api/1", &[("authorization", &bearer)], b"").expect("an answer").status
}

fn refreshed(provider: &Provider, token: &str) -> (u16, Value) {
    answer(provider, &format!("grant_type=refresh_token&client_id={NATIVE}&refresh_token={token}"))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name}: {value}"))
}

/// What a redirect brought to the client, by name.
fn brought(asked: &Asked) -> BTreeMap<&str, &str> {
    let query = asked.target.split_once('?').unwrap_or_default().1;
    query.split('&').filter_map(|pair| pair.split_once('=')).collect()
}

#[test]
fn a_refresh_token_that_is_used_twice_revokes_all() {
    let Some(provider) = Provider::start() else { return };
    let first = provider.refresh_token(NATIVE);
    let (status, token) = refreshed(&provider, &first);
    assert_eq!((status, opened(&provider, &token)), (200, 200), "{token}");
    let (status, refused) = refreshed(&provider, &first);
    assert_eq!((status, text(&refused, "error")), (400, "invalid_grant"));
    assert_eq!(provider.requested()[1].detail.as_deref(), Some("refresh token already used"));
    assert_eq!((refreshed(&provider, text(&token, "refresh_token")).0, opened(&provider, &token)), (400, 401));
    assert_eq!(provider.count(REFRESH_TOKEN), Count { asked: 3, given: 1 });
    assert_eq!(provider.used().iter().map(|used| used.status).collect::<Vec<_>>(), [200, 401]);
}

#[test]
fn a_token_ends_and_a_refresh_token_stays() {
    let Some(provider) = Provider::start() else { return };
    let (_, token) = refreshed(&provider, &provider.refresh_token(NATIVE));
    provider.revoke();
    assert_eq!(opened(&provider, &token), 401);
    let (status, next) = refreshed(&provider, text(&token, "refresh_token"));
    assert_eq!((status, opened(&provider, &next)), (200, 200));
    provider.withdraw();
    assert_eq!(refreshed(&provider, text(&next, "refresh_token")).0, 400);
}

#[test]
fn what_is_held_has_taken_effect_or_has_not() {
    let Some(provider) = Provider::start() else { return };
    for (when, later) in [(When::Before, 200), (When::After, 400)] {
        let first = provider.refresh_token(NATIVE);
        provider.hold(when);
        thread::scope(|scope| {
            let asked = scope.spawn(|| {
                let form = format!("grant_type=refresh_token&client_id={NATIVE}&refresh_token={first}");
                let kind = [("content-type", "application/x-www-form-urlencoded")];
                ask(provider.address(), "POST", "/token", &kind, form.as_bytes())
            });
            provider.wait_until_held(1);
            assert_eq!(provider.cut(), 1);
            assert!(asked.join().expect("a thread").is_err(), "an answer that was cut off");
        });
        assert_eq!(refreshed(&provider, &first).0, later, "{when:?}");
    }
}

#[test]
fn somebody_agrees_in_a_browser() {
    let Some(provider) = Provider::start() else { return };
    let client = Origin::answering(|_| Reply::new("done"));
    let redirect = client.url("/callback");
    let url = |more: &str| {
        format!(
            "{}?response_type=code&client_id={NATIVE}&redirect_uri={redirect}&state=here{more}",
            provider.authorization()
        )
    };
    let challenge = format!("&code_challenge={CHALLENGE}&code_challenge_method=S256");
    let page = provider.browser(&url(&challenge));
    assert_eq!((page.status, page.text.as_str()), (200, "done"), "{page:?}");
    let asked = client.asked();
    let brought_here = brought(&asked[0]);
    assert_eq!(brought_here["state"], "here");
    let code = brought_here["code"];
    let form = |verifier: &str| {
        format!(
            "grant_type=authorization_code&client_id={NATIVE}&code={code}&redirect_uri={redirect}&code_verifier={verifier}"
        )
    };
    assert_eq!(answer(&provider, &form(&"x".repeat(43))).0, 400);
    let (status, got) = answer(&provider, &form(VERIFIER));
    assert_eq!((status, opened(&provider, &got)), (200, 200), "{got}");
    assert_eq!(refreshed(&provider, text(&got, "refresh_token")).0, 200);

    client.forget();
    provider.browser(&url(""));
    assert_eq!(brought(&client.asked()[0])["error"], "invalid_request", "no challenge");
    client.forget();
    provider.set(&json!({ "refuse": true }));
    provider.browser(&url(&challenge));
    assert_eq!(brought(&client.asked()[0])["error"], "access_denied");
}

#[test]
fn somebody_agrees_on_another_device() {
    let Some(provider) = Provider::start() else { return };
    let begun = || -> Value {
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let form = format!("client_id={DEVICE}");
        let answer = ask(provider.address(), "POST", "/device/auth", &kind, form.as_bytes()).expect("an answer");
        serde_json::from_slice(&answer.body).expect("JSON")
    };
    let poll = |begun: &Value| {
        let code = text(begun, "device_code");
        let (status, answer) =
            answer(&provider, &format!("grant_type={DEVICE_CODE}&client_id={DEVICE}&device_code={code}"));
        (status, answer["error"].as_str().unwrap_or_default().to_owned(), answer)
    };
    let device = begun();
    assert_eq!(poll(&device).1, "authorization_pending");
    provider.set(&json!({ "slow_down": 1 }));
    assert_eq!(poll(&device).1, "slow_down");
    let page = provider.browser(text(&device, "verification_uri_complete"));
    assert_eq!(page.status, 200, "{page:?}");
    let (status, _, got) = poll(&device);
    assert_eq!((status, opened(&provider, &got)), (200, 200), "{got} {page:?}");
    assert_eq!(poll(&device).1, "invalid_grant", "a code is good for once");

    let device = begun();
    provider.set(&json!({ "refuse": true }));
    provider.browser(text(&device, "verification_uri_complete"));
    assert_eq!(poll(&device).1, "access_denied");
}

/// A signed assertion (RFC 7515), by a key in PEM.
fn signed(algorithm: Algorithm, pem: &str, claims: &Value) -> String {
    let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = PrivatePkcs8KeyDer::from(STANDARD.decode(der).expect("base64"));
    let (name, with) = match algorithm {
        Algorithm::Rs256 => ("RS256", &PKCS_RSA_SHA256),
        Algorithm::Es256 => ("ES256", &PKCS_ECDSA_P256_SHA256),
        other => panic!("nothing here signs by {other:?}"),
    };
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(&der, with).expect("a key");
    let [head, claims] = [&json!({ "alg": name }), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let text = format!("{head}.{claims}");
    let mut signature = pair.sign(text.as_bytes()).expect("a signature");
    if algorithm == Algorithm::Es256 {
        signature = plain(&signature);
    }
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Both numbers of a signature in DER, 32 bytes each: what a JWT has of them.
fn plain(der: &[u8]) -> Vec<u8> {
    let mut rest = &der[2..];
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let (number, after) = rest[2..].split_at(rest[1].into());
        let number = &number[number.len().saturating_sub(32)..];
        numbers.extend(std::iter::repeat_n(0, 32 - number.len()).chain(number.iter().copied()));
        rest = after;
    }
    numbers
}

#[test]
fn an_assertion_is_worth_a_token() {
    let Some(provider) = Provider::start() else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs();
    for algorithm in [Algorithm::Rs256, Algorithm::Es256] {
        let account = provider.service_account(algorithm, Form::Pkcs8, Some("boss@example"));
        let claims = |subject: &str, from: u64| {
            let (iss, aud) = (text(&account, "client_email"), text(&account, "token_uri"));
            json!({ "iss": iss, "sub": subject, "aud": aud, "scope": "read", "iat": from, "exp": from + 60 })
        };
        let asked = |claims: &Value| {
            let assertion = signed(algorithm, text(&account, "private_key"), claims);
            answer(&provider, &format!("grant_type={JWT_BEARER}&assertion={assertion}"))
        };
        let (status, token) = asked(&claims("boss@example", now));
        assert_eq!((status, opened(&provider, &token)), (200, 200), "{algorithm:?} {token}");
        for refused in
            [claims("another@example", now), claims("boss@example", now - 90), claims("boss@example", now + 90)]
        {
            let (status, answer) = asked(&refused);
            assert_eq!((status, text(&answer, "error")), (400, "invalid_grant"), "{algorithm:?} {refused}");
        }
    }
}

#[test]
fn a_client_signs_once_for_each_token() {
    let Some(provider) = Provider::start() else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs();
    for algorithm in [Algorithm::Rs256, Algorithm::Es256] {
        let Signer { client, pem, .. } = provider.signer(algorithm, Form::Pkcs8);
        let claims =
            json!({ "iss": client, "sub": client, "aud": provider.token(), "jti": "1", "iat": now, "exp": now + 60 });
        let assertion = signed(algorithm, &pem, &claims);
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let form = format!("grant_type=client_credentials&client_assertion_type={kind}&client_assertion={assertion}");
        let (status, token) = answer(&provider, &form);
        assert_eq!((status, opened(&provider, &token)), (200, 200), "{algorithm:?} {token}");
        assert_eq!(answer(&provider, &form).0, 401, "an assertion is good for once");
    }
}
