//! Sends requests, and waits and repeats as the manifest says. The host does neither on its own here.

use landing::http::{self, ErrorKind};
use landing::{Request, Response, run};

use super::answer::Answer;
use super::meaning::{self, Outcome};
use super::request::Outgoing;
use crate::plan::{Action, Requester, World};
use landing::Error;

/// Longest time that the attempts at one request take, in milliseconds.
const MAX_TIME: u64 = 600_000;
/// Longest message of a server that is passed on, in characters.
const MAX_MESSAGE: usize = 300;

/// What came of a request in the end.
pub(crate) enum Sent {
    Page(Answer),
    /// Nothing to read, and nothing after it: the manifest has such answers ignored.
    Ignored,
    /// Less is to be asked for at once: what the server said.
    Turned(Turn, String),
}

/// How less is asked for at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Reset,
    Reduce,
    Split,
}

/// Send a request until it is answered with something to read, or the manifest gives up on it.
pub(crate) async fn send(requester: &Requester, outgoing: &Outgoing, world: &World) -> Result<Sent, Error> {
    let began = run::now();
    let retries = retries(requester, world)?;
    let mut attempt = 1;
    loop {
        let outcome = once(requester, outgoing, world).await?;
        let seen: Outcome<'_> = outcome.as_ref().map_err(String::as_str);
        let meaning = meaning::meaning(&requester.handlers, seen, world).map_err(|error| Error::new(&error))?;
        match meaning.action {
            Action::Success | Action::Ignore => {
                if meaning.action == Action::Ignore {
                    landing::info!(
                        "{}: ignored, as the manifest says",
                        told(outgoing, seen, meaning.message.as_deref())
                    );
                }
                return Ok(match outcome {
                    Ok(answer) if answer.is_ok() => Sent::Page(answer),
                    _ => Sent::Ignored,
                });
            }
            Action::Fail => return Err(Error::new(told(outgoing, seen, meaning.message.as_deref()))),
            Action::ResetPages | Action::ReducePages | Action::SplitSlice => {
                let turn = match meaning.action {
                    Action::ResetPages => Turn::Reset,
                    Action::ReducePages => Turn::Reduce,
                    _ => Turn::Split,
                };
                return Ok(Sent::Turned(turn, told(outgoing, seen, meaning.message.as_deref())));
            }
            Action::Retry | Action::RateLimited | Action::RefreshToken => {}
        }
        let gave_up =
            |reason: String| Error::new(format_args!("{}; {reason}", told(outgoing, seen, meaning.message.as_deref())));
        if attempt > retries {
            return Err(gave_up(format!("gave up after {attempt} attempts")));
        }
        let seconds = meaning::wait(&requester.handlers, seen, attempt, chance(world), world)
            .map_err(|error| gave_up(error.to_string()))?;
        let milliseconds = (seconds * 1000.0).min(u32::MAX.into()) as u64;
        if run::now().saturating_sub(began) + milliseconds > MAX_TIME {
            return Err(gave_up(format!("it would take {seconds:.0} s more, and {} s is the most", MAX_TIME / 1000)));
        }
        landing::debug!("{}: asking again in {seconds:.1} s", told(outgoing, seen, None));
        run::wait(milliseconds).await;
        attempt += 1;
    }
}

fn retries(requester: &Requester, world: &World) -> Result<u32, Error> {
    let first = requester.handlers.0.first().and_then(|handler| handler.max_retries.as_ref());
    let Some(expression) = first else { return Ok(meaning::RETRIES) };
    let value = expression.eval(world, &[]).map_err(|error| Error::new(&error))?;
    let retries = meaning::number_of(&value).filter(|retries| retries.is_finite());
    retries
        .map(|retries| retries.max(0.0) as u32)
        .ok_or_else(|| Error::new(format_args!("`max_retries` came to {:?}, which is no number", value.to_text())))
}

/// One attempt. What may pass is text; what cannot is an error.
async fn once(requester: &Requester, outgoing: &Outgoing, world: &World) -> Result<Result<Answer, String>, Error> {
    let request = Request::get(&outgoing.url).repeated_on(&[]);
    request.set_method(outgoing.method);
    let request = outgoing.headers.iter().fold(request, |request, (name, value)| request.with_header(name, value));
    let authenticator = requester.authenticator.chosen(&world.config).map_err(Error::new)?;
    let names = authenticator.secrets().into_iter().chain(requester.secrets.iter().map(String::as_str));
    let sent = names.filter(|name| is_sent(name, world));
    let request = sent.fold(request, |request, name| request.with_secret(name));
    if let Some(body) = &outgoing.body {
        request.set_body(body);
    }
    match read(request).await {
        Ok(answer) => Ok(Ok(answer)),
        Err(error) if may_pass(error.kind) => Ok(Err(error.message)),
        Err(error) => Err(Error::from(error)),
    }
}

/// Whether a secret is sent: one that need not be there may be missing.
pub(crate) fn is_sent(secret: &str, world: &World) -> bool {
    !world.optional.contains(secret) || run::has_secret(secret)
}

async fn read(request: Request) -> Result<Answer, http::Error> {
    let response: Response = request.send().await?;
    let (status, url, headers) = (response.status(), response.url(), response.headers());
    let body = response.into_bytes().await?;
    Ok(Answer::new(status, url, headers, body))
}

fn may_pass(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Unreachable | ErrorKind::Timeout | ErrorKind::Protocol)
}

/// Between 0 and 1.
fn chance(world: &World) -> f64 {
    let mut bytes = [0; 2];
    (world.random)(&mut bytes);
    f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX)
}

/// What became of a request, in one sentence.
fn told(outgoing: &Outgoing, outcome: Outcome<'_>, message: Option<&str>) -> String {
    let target = outgoing.url.split(['?', '#']).next().unwrap_or_default();
    let what = match outcome {
        Ok(answer) => {
            let said = message.map(str::to_owned).or_else(|| answer.message()).unwrap_or_default();
            let said: String =
                said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_MESSAGE).collect();
            let colon = if said.is_empty() { "" } else { ": " };
            format!("status {}{colon}{said}", answer.status)
        }
        Err(reason) => reason.to_owned(),
    };
    format!("{} {target}: {what}", outgoing.method)
}
