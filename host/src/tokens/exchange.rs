//! The exchange itself: by whoever has the turn, and kept before anybody hears of it.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use tokio::runtime::Runtime;

use super::assertion;
use super::kept::{Held, Kept, Turn};
use super::order::{Failed, Got, MAX_MESSAGE, Order};
use crate::run::Signals;
use clock::Moment;
use rules::oauth::{Proof, Refusal, TokenGrant, TokenRequest, answer};
use rules::text;

/// How long a place of tokens may take to answer, and how long another process of this machine is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// A token is not used in the last of its seconds: a tenth of them, or this many if that is less.
const MARGIN: u64 = 60;

/// Carry out the order that comes on standard input; what to exit with.
pub fn serve() -> Result<i32, String> {
    let mut text = Vec::new();
    std::io::stdin().take(MAX_MESSAGE).read_to_end(&mut text).map_err(|error| error.to_string())?;
    let order: Order = serde_json::from_slice(&text).map_err(|_| "this is no order for a token")?;
    let runtime = runtime().map_err(|failed| failed.to_string())?;
    // A signal that ends the run must not end this: between what is sent and what is kept lies a right.
    let _deaf = {
        let _inside = runtime.enter();
        Signals::listen()
    };
    let got = get(&order, Proof::Nothing);
    // Whoever ordered it may be gone. What was got is kept.
    let _ = std::io::stdout().write_all(&serde_json::to_vec(&got).map_err(|error| error.to_string())?);
    Ok(0)
}

/// Ask a place of this order; the status and the content of its answer.
pub(super) fn asked(order: &Order, url: &str, request: TokenRequest) -> Result<(u16, Vec<u8>), Failed> {
    let runtime = runtime()?;
    let done = runtime.block_on(async { tokio::time::timeout(PATIENCE, order.network.ask(url, request)).await });
    runtime.shutdown_background();
    done.unwrap_or_else(|_| Err(Failed::Other(format!("it took longer than {}", text::span(PATIENCE)))))
}

fn runtime() -> Result<Runtime, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failed::Other(format!("cannot start: {error}")))
}

/// Get a token by what is kept and ordered, or by a proof that somebody just gave. Where it is kept is asked by calls that
/// block, so that only what goes to the place of tokens is asynchronous.
pub(super) fn get(order: &Order, proof: Proof<'_>) -> Result<Got, Failed> {
    let Some(keep) = &order.keep else {
        return sent(order, proof, None).map(|(got, _)| got);
    };
    let anew = !matches!(proof, Proof::Nothing);
    let enough = |kept: &Kept| {
        let got = kept.got.clone().filter(|_| !anew);
        got.filter(|got| got.is_good(order.refused.as_deref(), Moment::now()))
    };
    let keeper = keep.open(&order.network.trusted())?;
    let mut held = match keeper.turn(&enough) {
        Ok(Turn::Enough(got)) => return Ok(got),
        Ok(Turn::Ours(held)) => held,
        // What can be had again at any time need not be kept.
        Err(_) if !order.oauth.has_refresh_token() => return sent(order, proof, None).map(|(got, _)| got),
        Err(error) => return Err(error.into()),
    };
    match sent(order, proof, Some(&mut *held)) {
        Ok((got, refresh_token)) => {
            held.end(Some(Kept { got: Some(got.clone()), refresh_token, sent: false }))?;
            Ok(got)
        }
        Err(failed) => {
            // What is kept already says all that there is to say.
            let _ = held.end(None);
            Err(failed)
        }
    }
}

/// Send the request; the token, and what the next one is got with.
fn sent(order: &Order, proof: Proof<'_>, held: Option<&mut (dyn Held + '_)>) -> Result<(Got, Option<String>), Failed> {
    let Order { oauth, parts, .. } = order;
    let before = held.as_ref().map(|held| held.kept().clone()).unwrap_or_default();
    let refresh = before.refresh_token.clone().or_else(|| parts.get("refresh-token").cloned());
    if oauth.grant == TokenGrant::Signed {
        let now = Moment::now();
        let token = assertion::signed(oauth, parts, now).map_err(Failed::Refused)?;
        let until = now.unix_seconds().saturating_add(within_margin(oauth.lifetime().into()));
        return Ok((Got { access_token: token, good_until: Some(until) }, None));
    }
    let assertion;
    let proof = match (proof, oauth.grant, &refresh) {
        (Proof::Nothing, TokenGrant::JwtBearer, _) => {
            assertion = assertion::signed(oauth, parts, Moment::now()).map_err(Failed::Refused)?;
            Proof::Assertion(&assertion)
        }
        (Proof::Nothing, _, Some(refresh)) if oauth.has_refresh_token() => Proof::Refresh(refresh),
        (Proof::Nothing, _, None) if oauth.has_refresh_token() => {
            return Err(Failed::Refused(format!("nobody has agreed to it yet; {}", order.consent)));
        }
        (proof, ..) => proof,
    };
    if let (Proof::Refresh(refresh), Some(held)) = (proof, held) {
        // Should this process die of a power cut, the next one can say why the token is of no use any more.
        held.note(Kept { got: before.got.clone(), refresh_token: Some(refresh.to_owned()), sent: true })?;
    }
    let client = client(order)?;
    let (status, body) = asked(order, &oauth.token_url, oauth.request(parts, client.as_deref(), proof))?;
    let answer = answer(oauth, status, &body).map_err(|refusal| refused(order, &before, &refusal))?;
    let now = Moment::now().unix_seconds();
    let until = answer.expires_in.map(|seconds| now.saturating_add(within_margin(seconds)));
    let refresh_token = answer.refresh_token.or(refresh).filter(|_| oauth.has_refresh_token());
    Ok((Got { access_token: answer.access_token, good_until: until }, refresh_token))
}

/// An assertion of who the client is, where its key says so.
pub(super) fn client(order: &Order) -> Result<Option<String>, Failed> {
    assertion::of_client(&order.oauth, &order.parts, Moment::now()).map_err(Failed::Refused)
}

/// For how many of its seconds a token is used.
fn within_margin(seconds: u64) -> u64 {
    seconds.saturating_sub(MARGIN.min(seconds / 10))
}

/// Which place of tokens it is, without what may be a secret: a user, a query.
fn place(url: &str) -> String {
    let url = url::Url::parse(url).ok();
    url.map(|url| format!("{}{}", url.origin().ascii_serialization(), url.path())).unwrap_or_default()
}

/// What a refusal means for whoever runs this.
fn refused(order: &Order, before: &Kept, refusal: &Refusal) -> Failed {
    let place = place(&order.oauth.token_url);
    let clean = order.without_secrets(&refusal.to_string(), before.refresh_token.as_deref());
    match refusal.code() {
        Some("authorization_pending") => return Failed::Pending(false),
        Some("slow_down") => return Failed::Pending(true),
        _ => {}
    }
    if !refusal.is_final() {
        return Failed::Other(format!("{place}: {clean}"));
    }
    let cut = match before.sent {
        true => "; an exchange before was cut short, and its answer is lost",
        false => "",
    };
    let next = match order.oauth.has_refresh_token() && refusal.is_of_the_right() {
        true => format!("; {}", order.consent),
        false => String::new(),
    };
    Failed::Refused(format!("{place}: {clean}{cut}{next}"))
}

impl Order {
    /// A text of a service's, without what it was told.
    pub(super) fn without_secrets(&self, text: &str, refresh: Option<&str>) -> String {
        let all = self.parts.iter().map(|(part, value)| (part.as_str(), vec![value.clone()]));
        let kept = refresh.into_iter().map(|token| ("refresh-token", vec![token.to_owned()]));
        rules::redact::Redactor::new(all.chain(kept)).line(text)
    }
}
