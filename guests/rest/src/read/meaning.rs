//! What an answer means: a page, something to wait for, or the end. Pure.

use expressions::{EvalError, Value};

use super::answer::Answer;
use crate::plan::{Action, Backoff, Handler, Handlers, World};

/// How often a request is repeated where the manifest does not say.
pub(crate) const RETRIES: u32 = 5;

/// What an answer comes to.
pub(crate) struct Meaning {
    pub(crate) action: Action,
    /// What the manifest says of it.
    pub(crate) message: Option<String>,
}

/// What came of a request: an answer, or none for a reason that may pass.
pub(crate) type Outcome<'a> = Result<&'a Answer, &'a str>;

/// Ask the handlers what an answer means.
pub(crate) fn meaning(handlers: &Handlers, outcome: Outcome<'_>, world: &World) -> Result<Meaning, EvalError> {
    let mut last = None;
    for handler in &handlers.0 {
        let found = of(handler, outcome, world)?;
        if !matches!(found.action, Action::Fail | Action::RateLimited | Action::RefreshToken) || handlers.0.len() == 1 {
            return Ok(found);
        }
        last = Some(found);
    }
    Ok(last.unwrap_or_else(|| by_status(outcome)))
}

fn of(handler: &Handler, outcome: Outcome<'_>, world: &World) -> Result<Meaning, EvalError> {
    let Ok(answer) = outcome else { return Ok(by_status(outcome)) };
    for filter in &handler.filters {
        let mut matches = filter.statuses.contains(&answer.status);
        if let (false, Some(predicate)) = (matches, &filter.predicate) {
            matches = predicate.holds(world, &names(answer))?;
        }
        if let (false, Some(text)) = (matches, &filter.contains) {
            matches = answer.message().is_some_and(|message| message.contains(&**text));
        }
        if let (true, Some(action)) = (matches, filter.action) {
            let message = filter
                .message
                .as_ref()
                .map(|message| message.text(world, &names(answer)))
                .transpose()?
                .map(|text| text.to_string());
            return Ok(Meaning { action, message: message.filter(|message| !message.is_empty()) });
        }
    }
    Ok(by_status(outcome))
}

fn names(answer: &Answer) -> [(&'static str, Value); 3] {
    [
        ("response", answer.json().clone()),
        ("headers", Value::from(answer.fields())),
        ("request_url", Value::from(answer.shown())),
    ]
}

/// What a status means where nothing says otherwise: whatever nobody knows is asked for again.
fn by_status(outcome: Outcome<'_>) -> Meaning {
    let action = match outcome.map(|answer| answer.status) {
        Ok(..400) => Action::Success,
        Ok(400 | 401 | 403 | 404 | 405) => Action::Fail,
        Ok(429) => Action::RateLimited,
        Ok(_) | Err(_) => Action::Retry,
    };
    Meaning { action, message: None }
}

/// Why there is no telling how long to wait.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WaitError {
    #[error(transparent)]
    Eval(#[from] EvalError),
    #[error("the time to wait came to {0:?}, which is no number of seconds")]
    NoNumber(String),
    #[error("the regular expression {0:?} cannot be used: {1}")]
    Pattern(String, String),
    #[error("the server asks to wait for {0:.0} s, and the manifest allows less than {1:.0} s")]
    TooLong(f64, f64),
}

/// How long to wait before attempt `attempt + 1`, in seconds; `attempt` counts from 1. `chance` is between 0 and 1.
pub(crate) fn wait(
    handlers: &Handlers,
    outcome: Outcome<'_>,
    attempt: u32,
    chance: f64,
    world: &World,
) -> Result<f64, WaitError> {
    let strategies = handlers.0.iter().flat_map(|handler| &handler.backoff);
    for strategy in strategies {
        // A second more covers what is below one.
        if let Some(seconds) = by_strategy(strategy, outcome, attempt, chance, world)?.filter(|seconds| *seconds != 0.0)
        {
            return Ok(seconds.max(0.0) + 1.0);
        }
    }
    Ok(2_f64.powi(attempt.saturating_sub(1).min(30).cast_signed()))
}

fn by_strategy(
    strategy: &Backoff,
    outcome: Outcome<'_>,
    attempt: u32,
    chance: f64,
    world: &World,
) -> Result<Option<f64>, WaitError> {
    let number = |expression: &crate::plan::Expression| {
        let value = expression.eval(world, &[])?;
        number_of(&value).ok_or_else(|| WaitError::NoNumber(value.to_text().to_string()))
    };
    let header = |name: &crate::plan::Expression, regex: &Option<crate::plan::Expression>| {
        let Ok(answer) = outcome else { return Ok::<_, WaitError>(None) };
        let Some(text) = answer.header(&name.text(world, &[])?) else { return Ok(None) };
        let matched = match regex {
            Some(regex) => matched(&regex.text(world, &[])?, text)?,
            None => text.to_owned(),
        };
        Ok(matched.trim().parse::<f64>().ok().filter(|seconds| seconds.is_finite()))
    };
    let limited = |seconds: f64, most: &Option<crate::plan::Expression>| match most.as_ref().map(number).transpose()? {
        Some(most) if seconds != 0.0 && seconds >= most => Err(WaitError::TooLong(seconds, most)),
        _ => Ok(Some(seconds)),
    };
    match strategy {
        Backoff::Constant { seconds, jitter } => Ok(Some(number(seconds)? + 2.0 * jitter * chance)),
        Backoff::Exponential { factor, jitter } => {
            let factor = factor.as_ref().map(number).transpose()?.unwrap_or(5.0);
            Ok(Some(factor * 2_f64.powi(attempt.min(30).cast_signed()) + 2.0 * jitter * chance))
        }
        Backoff::Header { name, regex, most } => match header(name, regex)? {
            Some(seconds) => limited(seconds, most),
            None => Ok(None),
        },
        Backoff::UntilHeader { name, regex, least, most } => {
            let least = match least {
                Some(least) => Some(number(least)?).filter(|least| *least != 0.0),
                None => None,
            };
            let seconds = header(name, regex)?.map(|until| until - (world.now)() as f64 / 1e6);
            match (seconds, least) {
                (Some(seconds), Some(least)) => limited(seconds.max(least), most),
                (None, Some(least)) => limited(least, most),
                (Some(seconds), None) if seconds >= 0.0 => limited(seconds, most),
                _ => Ok(None),
            }
        }
        Backoff::Response { seconds, most } => {
            let (response, headers) = match outcome {
                Ok(answer) => (answer.json().clone(), Value::from(answer.fields())),
                Err(_) => (Value::from(expressions::Map::new()), Value::from(expressions::Map::new())),
            };
            let value = seconds.eval(world, &[("response", response), ("headers", headers)]);
            match value
                .ok()
                .and_then(|value| number_of(&value))
                .filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
            {
                Some(seconds) => limited(seconds, most),
                None => Ok(None),
            }
        }
    }
}

/// What a regular expression finds at the beginning of a text; the text where it finds nothing.
fn matched(pattern: &str, text: &str) -> Result<String, WaitError> {
    let regex = regex_lite::Regex::new(&format!("^(?:{pattern})"))
        .map_err(|error| WaitError::Pattern(pattern.to_owned(), error.to_string()))?;
    Ok(regex.find(text).map_or(text, |found| found.as_str()).to_owned())
}

/// A number, or a text that is one.
pub(crate) fn number_of(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_str()?.trim().parse().ok())
}
