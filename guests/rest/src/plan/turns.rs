//! What follows where an answer says that a request was too much: pages from the first one on, smaller ones, shorter slices.

use std::rc::Rc;

use expressions::time::{self, Span};

use super::{Action, Cursor, CursorKind, Fields, Paginator, Requester, Strategy, Token};
use crate::manifest::ManifestError;

/// How pages are begun again.
#[derive(Debug, Default)]
pub(crate) struct Reset {
    /// Whether they go on from the newest record; else they are all read again, once.
    pub(crate) by_cursor: bool,
    /// So many records are enough as well.
    pub(crate) limit: Option<u64>,
}

/// How pages are made smaller.
#[derive(Debug)]
pub(crate) struct Reduction {
    pub(crate) factor: f64,
    pub(crate) least: i128,
    /// How often in a row.
    pub(crate) attempts: u32,
    /// Seconds to wait, times the attempts in a row.
    pub(crate) wait: f64,
    /// Whether the next page is as large as before.
    pub(crate) restores: bool,
    /// How often a page is asked for again that can be no smaller.
    pub(crate) attempts_at_least: u32,
    pub(crate) message: Rc<str>,
}

/// How slices of time are made shorter: in halves.
#[derive(Debug)]
pub(crate) struct Splitting {
    /// What is no longer than this stays whole.
    pub(crate) least: Option<Span>,
    pub(crate) message: Rc<str>,
}

impl Reset {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let by_cursor = match &*fields.needed_text("action")? {
            "SPLIT_USING_CURSOR" => true,
            "RESET" => false,
            other => return Err(fields.wrong("action", format!("{other} is no way to begin again"))),
        };
        let limit = fields.component("limits", |limits| limits.integer("number_of_records"))?.flatten();
        let limit = limit.map(u64::try_from).transpose();
        Ok(Self { by_cursor, limit: limit.map_err(|_| fields.wrong("limits", "there cannot be less than no record"))? })
    }
}

impl Reduction {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let count = |name: &str, least: i64, default: i64| match fields.integer(name)?.unwrap_or(default) {
            count if count >= least => Ok(count),
            _ => Err(fields.wrong(name, format!("it has to be {least} at least"))),
        };
        let small = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
        let factor = fields.number("reduction_factor")?.unwrap_or(2.0);
        if factor <= 1.0 {
            return Err(fields.wrong("reduction_factor", "it has to be more than 1"));
        }
        let wait = fields.number("backoff_seconds")?.unwrap_or(0.5);
        if wait < 0.0 {
            return Err(fields.wrong("backoff_seconds", "it cannot be less than 0"));
        }
        let restores = match fields.text("reset_policy")?.as_deref() {
            None | Some("NEVER") => false,
            Some("AFTER_SUCCESSFUL_PAGE") => true,
            Some(other) => return Err(fields.wrong("reset_policy", format!("{other} is nothing to do"))),
        };
        Ok(Self {
            factor,
            least: count("minimum_page_size", 1, 1)?.into(),
            attempts: small(count("max_attempts", 1, 5)?),
            wait,
            restores,
            attempts_at_least: small(count("retries_at_minimum_page_size", 0, 0)?),
            message: fields.text("failure_message")?.unwrap_or_default(),
        })
    }

    /// That pages of this paginator can be smaller and lose no record.
    pub(crate) fn check(paginator: Option<&Paginator>, fields: &Fields<'_>) -> Result<(), ManifestError> {
        let wrong = |reason: &str| Err(fields.wrong("page_size_reduction", reason));
        let Some(paginator) = paginator.filter(|paginator| paginator.size.is_some()) else {
            return wrong("it needs a paginator with a `page_size_option`, by which smaller pages are asked for");
        };
        match &paginator.strategy {
            _ if matches!(paginator.token, Some(Token::Path)) => {
                wrong("the URL of a next page has the size of a page already: it cannot be smaller")
            }
            Strategy::Page { .. } => wrong("pages that are counted cannot become smaller: records would be left out"),
            Strategy::Cursor { stop: Some(stop), .. } => {
                let reads = |name: &str| stop.template().reads().iter().any(|way| &*way[0] == name);
                match reads("last_page_size") && !reads("page_size") {
                    true => {
                        wrong("the `stop_condition` takes a smaller page for the last one: compare with `page_size`")
                    }
                    false => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

impl Splitting {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let least = fields.text("min_split_window")?.filter(|text| !text.is_empty()).map(|text| {
            let span = time::parse_span(&text).ok().filter(|span| span.is_fixed() && span.micros() > 0);
            span.ok_or_else(|| {
                fields.wrong("min_split_window", format!("{text} is no duration in days, hours or less"))
            })
        });
        Ok(Self { least: least.transpose()?, message: fields.text("failure_message")?.unwrap_or_default() })
    }

    /// That the slices of a stream can be split.
    pub(crate) fn check(cursor: Option<&Cursor>, fields: &Fields<'_>) -> Result<(), ManifestError> {
        let times = match cursor.map(|cursor| &cursor.kind) {
            Some(CursorKind::Time(times)) => times,
            _ => return Err(fields.error("slices are split by time, and the stream has no `DatetimeBasedCursor`")),
        };
        let granularity = times.granularity.as_deref().and_then(|text| time::parse_span(text).ok());
        if !granularity.is_some_and(|span| span.is_fixed() && span.micros() > 0) {
            return Err(fields.error("slices are split by the `cursor_granularity`, which is no duration above 0"));
        }
        if times.client_side {
            return Err(
                fields.error("the server does not know of slices that are made by `is_client_side_incremental`")
            );
        }
        Ok(())
    }
}

/// What a retriever does in each case.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    pub(crate) reset: Reset,
    pub(crate) reduction: Option<Reduction>,
    pub(crate) splitting: Option<Splitting>,
}

impl Turns {
    /// Those of a retriever, whose requester and paginator were read.
    pub(crate) fn read(
        fields: &Fields<'_>,
        requester: &Requester,
        paginator: Option<&Paginator>,
        filters: bool,
    ) -> Result<Self, ManifestError> {
        let turns = Self {
            reset: fields.component("pagination_reset", Reset::read)?.unwrap_or_default(),
            reduction: fields.component("page_size_reduction", Reduction::read)?,
            splitting: fields.component("request_window_splitting", Splitting::read)?,
        };
        if turns.reset.limit.is_some() && filters {
            return Err(fields.wrong("pagination_reset", "records cannot be both counted and filtered"));
        }
        for (action, name, is_there) in [
            (Action::ReducePages, "page_size_reduction", turns.reduction.is_some()),
            (Action::SplitSlice, "request_window_splitting", turns.splitting.is_some()),
        ] {
            if requester.handlers.can(action) && !is_there {
                return Err(fields.missing(name));
            }
            if is_there && requester.properties.is_some() {
                return Err(fields.wrong(name, "it cannot be used together with a list of properties"));
            }
        }
        if turns.reduction.is_some() {
            Reduction::check(paginator, fields)?;
        }
        Ok(turns)
    }
}
