//! What an answer means, and how long to wait before asking again.

use std::rc::Rc;

use super::{Expression, Fields};
use crate::manifest::ManifestError;
use expressions::Value;

/// What a response comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Success,
    Retry,
    Fail,
    Ignore,
    RateLimited,
    RefreshToken,
    /// Read the pages from the first one on.
    ResetPages,
    /// Ask for the same page, and fewer records.
    ReducePages,
    /// Read the slice in halves.
    SplitSlice,
}

/// The handlers of a requester, asked in their order.
#[derive(Default)]
pub(crate) struct Handlers(pub(crate) Vec<Handler>);

/// One of them.
pub(crate) struct Handler {
    pub(crate) filters: Vec<Filter>,
    pub(crate) backoff: Vec<Backoff>,
    pub(crate) max_retries: Option<Expression>,
}

/// Which responses something is said of.
pub(crate) struct Filter {
    pub(crate) action: Option<Action>,
    pub(crate) statuses: Vec<u16>,
    pub(crate) predicate: Option<Expression>,
    pub(crate) contains: Option<Rc<str>>,
    pub(crate) message: Option<Expression>,
}

/// How long to wait.
pub(crate) enum Backoff {
    Constant { seconds: Expression, jitter: f64 },
    Exponential { factor: Option<Expression>, jitter: f64 },
    Header { name: Expression, regex: Option<Expression>, most: Option<Expression> },
    UntilHeader { name: Expression, regex: Option<Expression>, least: Option<Expression>, most: Option<Expression> },
    Response { seconds: Expression, most: Option<Expression> },
}

impl Handlers {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        match fields.kind() {
            "DefaultErrorHandler" => Ok(Self(vec![Handler::read(fields)?])),
            "CompositeErrorHandler" => {
                let nested = fields.components("error_handlers", Self::read)?;
                if nested.is_empty() {
                    return Err(fields.missing("error_handlers"));
                }
                Ok(Self(nested.into_iter().flat_map(|handlers| handlers.0).collect()))
            }
            _ => Err(fields.unsupported()),
        }
    }
}

impl Handlers {
    /// Whether an answer may come to this.
    pub(crate) fn can(&self, action: Action) -> bool {
        self.0.iter().flat_map(|handler| &handler.filters).any(|filter| filter.action == Some(action))
    }
}

impl Handler {
    fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        Ok(Self {
            filters: fields.components("response_filters", Filter::read)?,
            backoff: fields.components("backoff_strategies", Backoff::read)?,
            max_retries: fields.expression("max_retries")?,
        })
    }
}

impl Filter {
    fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        if fields.kind() != "HttpResponseFilter" {
            return Err(fields.unsupported());
        }
        let action = match fields.text("action")?.as_deref() {
            None => None,
            Some("SUCCESS") => Some(Action::Success),
            Some("RETRY") => Some(Action::Retry),
            Some("FAIL") => Some(Action::Fail),
            Some("IGNORE") => Some(Action::Ignore),
            Some("RATE_LIMITED") => Some(Action::RateLimited),
            Some("REFRESH_TOKEN_THEN_RETRY") => Some(Action::RefreshToken),
            Some("RESET_PAGINATION") => Some(Action::ResetPages),
            Some("REDUCE_PAGE_SIZE") => Some(Action::ReducePages),
            Some("SPLIT_REQUEST_WINDOW") => Some(Action::SplitSlice),
            Some(other) => return Err(fields.wrong("action", format!("{other} is not carried out here"))),
        };
        let statuses = fields.items("http_codes")?.iter().map(|code| match code {
            Value::Int(code) => {
                u16::try_from(*code).map_err(|_| fields.wrong("http_codes", format!("{code} is no status")))
            }
            other => other.to_text().trim().parse().map_err(|_| fields.wrong("http_codes", "each has to be a number")),
        });
        Ok(Self {
            action,
            statuses: statuses.collect::<Result<_, _>>()?,
            predicate: fields.filled("predicate")?,
            contains: fields.text("error_message_contains")?.filter(|text| !text.is_empty()),
            message: fields.filled("error_message")?,
        })
    }
}

impl Backoff {
    fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let jitter = || match fields.given("jitter_range_in_seconds") {
            None => Ok(0.0),
            Some(Value::Int(value)) => Ok(*value as f64),
            Some(Value::Float(value)) => Ok(*value),
            Some(_) => Err(fields.wrong("jitter_range_in_seconds", "it has to be a number")),
        };
        let most = || fields.expression("max_waiting_time_in_seconds");
        let regex = || fields.filled("regex");
        Ok(match fields.kind() {
            "ConstantBackoff" | "ConstantBackoffStrategy" => {
                Self::Constant { seconds: fields.needed_expression("backoff_time_in_seconds")?, jitter: jitter()? }
            }
            "ExponentialBackoff" | "ExponentialBackoffStrategy" => {
                Self::Exponential { factor: fields.expression("factor")?, jitter: jitter()? }
            }
            "WaitTimeFromHeader" => {
                Self::Header { name: fields.needed_expression("header")?, regex: regex()?, most: most()? }
            }
            "WaitUntilTimeFromHeader" => Self::UntilHeader {
                name: fields.needed_expression("header")?,
                regex: regex()?,
                least: fields.expression("min_wait")?,
                most: most()?,
            },
            "WaitTimeFromResponse" => {
                Self::Response { seconds: fields.needed_expression("wait_time_in_seconds")?, most: most()? }
            }
            _ => return Err(fields.unsupported()),
        })
    }
}
