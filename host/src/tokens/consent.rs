//! Getting somebody to agree: in a browser on this machine (RFC 8252), or on another device (RFC 8628).

mod listener;

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::exchange;
use super::order::{Failed, Order};
use clock::Stopwatch;
use listener::Listener;
use ring::digest::{SHA256, digest};
use rules::oauth::{Proof, TokenGrant};
use rules::text;

/// How often a service is asked whether somebody has agreed, where it does not say, and how much more seldom once it says
/// that this is too often (RFC 8628, 3.5).
const INTERVAL: Duration = Duration::from_secs(5);
/// The shortest pause between two such questions, and the longest one.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
const MAX_INTERVAL: Duration = Duration::from_secs(60);

/// What a service answers to a device (RFC 8628, 3.2).
#[derive(Deserialize)]
struct DeviceAnswer {
    device_code: String,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    #[serde(alias = "verification_url_complete")]
    verification_uri_complete: Option<String>,
    interval: Option<u64>,
    expires_in: Option<u64>,
}

/// Have somebody agree within that time, and keep the first token. `tell` is given the lines that say what to do.
pub fn ask(order: &Order, port: u16, patience: Duration, tell: &mut dyn FnMut(&str)) -> Result<(), Failed> {
    match order.oauth.grant {
        TokenGrant::AuthorizationCode => in_a_browser(order, port, patience, tell),
        TokenGrant::DeviceCode => on_a_device(order, patience, tell),
        _ => Err(Failed::Refused("nobody has to agree to it: it is got with what is granted".into())),
    }
}

fn in_a_browser(order: &Order, port: u16, patience: Duration, tell: &mut dyn FnMut(&str)) -> Result<(), Failed> {
    let cannot = |error: std::io::Error| Failed::Refused(format!("cannot wait for the browser: {error}"));
    let random = |bytes: &mut [u8]| clock::randomise(bytes).map(|()| BASE64_URL_SAFE_NO_PAD.encode(bytes));
    let (verifier, state) = (random(&mut [0; 32]).map_err(cannot)?, random(&mut [0; 16]).map_err(cannot)?);
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    let listener = Listener::bind(port).map_err(cannot)?;
    let redirect = listener.redirect();
    let url = order.oauth.authorization(&order.parts, (&challenge, &state, &redirect)).map_err(Failed::Refused)?;
    tell(&format!("Open this in a browser on this machine, and agree there:\n\n  {url}\n"));
    tell(&format!("It leads back to {redirect}, which is waited for, {} at most.", text::span(patience)));
    let code = listener.code(&state, patience).map_err(Failed::Refused)?;
    exchange::get(order, Proof::Code(&code, &verifier, &redirect)).map(drop)
}

fn on_a_device(order: &Order, patience: Duration, tell: &mut dyn FnMut(&str)) -> Result<(), Failed> {
    let url = order.oauth.device_url.as_deref().unwrap_or_default();
    let client = exchange::client(order)?;
    let request = order.oauth.device_request(&order.parts, client.as_deref());
    let (status, body) = exchange::asked(order, url, request)?;
    if !(200..300).contains(&status) {
        let refusal = rules::oauth::answer(&order.oauth, status, &body).err();
        let reason = refusal.map_or_else(|| format!("it answered with status {status}"), |refusal| refusal.to_string());
        return Err(Failed::Refused(order.without_secrets(&reason, None)));
    }
    let answer: DeviceAnswer = serde_json::from_slice(&body)
        .map_err(|_| Failed::Refused("its answer to a device is not of the form that it should have".into()))?;
    let shown = |words: &str| text::cut(&text::line(words), 300);
    tell(&format!(
        "Open this in a browser on any machine, and agree there:\n\n  {}\n\n  with the code {}\n",
        shown(&answer.verification_uri),
        shown(&answer.user_code)
    ));
    if let Some(whole) = &answer.verification_uri_complete {
        tell(&format!("Or this, which has the code in it:\n\n  {}\n", shown(whole)));
    }
    let patience = answer.expires_in.map_or(patience, |seconds| patience.min(Duration::from_secs(seconds)));
    tell(&format!("It is waited for, {} at most.", text::span(patience)));
    let mut interval = answer.interval.map_or(INTERVAL, Duration::from_secs).clamp(MIN_INTERVAL, MAX_INTERVAL);
    let waited = Stopwatch::start();
    while waited.elapsed() < patience {
        std::thread::sleep(interval);
        match exchange::get(order, Proof::Device(&answer.device_code)) {
            Ok(_) => return Ok(()),
            Err(Failed::Pending(false)) => {}
            Err(Failed::Pending(true)) => interval = (interval + INTERVAL).min(MAX_INTERVAL),
            // The next one may come through (RFC 8628, 3.5).
            Err(Failed::Other(_)) => interval = (interval * 2).clamp(Duration::from_secs(1), MAX_INTERVAL),
            Err(failed) => return Err(failed),
        }
    }
    Err(Failed::Refused(format!("nobody agreed within {}", text::span(patience))))
}
