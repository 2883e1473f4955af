//! The server does what the tests of tokens rely on.

use std::collections::BTreeMap;
use std::thread;

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
