//! Telling by a request: one POST of JSON to an address of the operator's.

use std::sync::Arc;
use std::time::Duration;

use super::Message;
use crate::config::{Notifications, Notifier};
use crate::run::Signals;
use fetch::{Egress, FetchLimits, Fetcher, Until};
use rules::budget::{Budgets, Settings};
use rules::domain::Request;
use rules::policy::{OriginGrant, Policy};
use rules::redact::Redactor;
use rules::retry::Attempts;
use rules::text;
use rules::validators::Conditions;

/// Largest answer that is read, in bytes; nothing of it is wanted.
const MAX_ANSWER: u64 = 64 * 1024;
/// How often a request that failed temporarily is sent again.
const RETRIES: u32 = 2;

/// Send it; why not, if it did not work. A URL that is kept as a secret is not shown.
pub(super) fn send(
    notifications: &Notifications,
    notifier: &Notifier,
    (url, is_kept): (&str, bool),
    message: &Message,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    let redactor = Arc::new(redactor(url, is_kept));
    let sent = runtime.block_on(async {
        let mut signals = Signals::listen().map_err(|error| error.to_string())?;
        tokio::select! {
            sent = post(notifications, notifier, (url, &redactor), message) => sent,
            caught = signals.next() => Err(caught.to_string()),
            () = tokio::time::sleep(notifier.timeout) => Err(format!("it took longer than {}", text::span(notifier.timeout))),
        }
    });
    runtime.shutdown_background();
    sent.map_err(|reason| text::line(&redactor.line(&reason)))
}

/// What takes the URL out of a text, where it is kept as a secret: all of it but the origin, which says too much to be
/// left out.
fn redactor(url: &str, is_kept: bool) -> Redactor {
    let behind = url.splitn(4, '/').nth(3).filter(|behind| is_kept && !behind.is_empty());
    Redactor::new(behind.map(|behind| ("webhook", vec![behind.to_owned()])))
}

async fn post(
    notifications: &Notifications,
    notifier: &Notifier,
    (url, redactor): (&str, &Arc<Redactor>),
    message: &Message,
) -> Result<(), String> {
    let origin = origin(url)?;
    let limits = FetchLimits {
        connect: Duration::from_secs(15),
        idle: notifier.timeout,
        speed: 0,
        body: MAX_ANSWER,
        retries: RETRIES,
        redirects: 0,
        concurrency: 1,
        interval: None,
        unframed: true,
    };
    let egress = Egress {
        policy: Policy::new(vec![origin], None),
        authorities: notifications.authorities.clone(),
        proxy: notifications.proxy.clone(),
        ..Egress::default()
    };
    let budgets = Budgets::new(Settings::default().amounts());
    let fetcher =
        Fetcher::new(egress, (limits, budgets), Arc::clone(redactor), "notification", u64::from(std::process::id()));
    let request = Request {
        method: "POST".into(),
        headers: vec![("content-type".into(), b"application/json".to_vec())],
        body: Some(message.json().into_bytes().into()),
        follow: Some(0),
        ..Request::get(url)
    };
    let checked = fetcher.check(&request).map_err(|error| error.to_string())?;
    let sent = fetcher.send(checked, &Conditions::new(), Until::Head, &mut Attempts::default()).await;
    let response = sent.map_err(|error| error.to_string())?;
    match response.status {
        200..=299 => Ok(()),
        status => Err(format!("it answered with status {status}")),
    }
}

/// The one origin that is open. The operator names it, so that a name of it may resolve to private addresses.
fn origin(url: &str) -> Result<OriginGrant, String> {
    let grant = OriginGrant::of_url(url)?;
    Ok(grant.clone().also_private().unwrap_or(grant))
}
