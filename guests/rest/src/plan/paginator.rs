//! How one page leads to the next.

use std::rc::Rc;

use expressions::Value;

use super::{Expression, Fields, Inject};
use crate::manifest::ManifestError;

/// How pages follow each other.
pub(crate) struct Paginator {
    pub(crate) strategy: Strategy,
    pub(crate) size: Option<Inject>,
    pub(crate) token: Option<Token>,
}

/// Where the token of a page goes.
pub(crate) enum Token {
    /// It is the URL, or a path from the base.
    Path,
    Inject(Inject),
}

/// What the token of the next page is.
pub(crate) enum Strategy {
    /// So many records on.
    Offset { size: Option<Expression>, on_first: bool },
    /// One page on.
    Page { size: Option<Expression>, first: i64, on_first: bool },
    /// What an answer says.
    Cursor { value: Expression, stop: Option<Expression>, size: Option<Expression> },
}

impl Paginator {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Option<Self>, ManifestError> {
        match fields.kind() {
            "NoPagination" => return Ok(None),
            "DefaultPaginator" => {}
            _ => return Err(fields.unsupported()),
        }
        let strategy = fields.needed("pagination_strategy", Strategy::read)?;
        let token = fields.component("page_token_option", |fields| match fields.kind() {
            "RequestPath" => Ok(Token::Path),
            "RequestOption" | "" => Inject::read(fields).map(Token::Inject),
            _ => Err(fields.unsupported()),
        })?;
        let size = fields.component("page_size_option", Inject::read)?;
        if size.is_some() && strategy.size().is_none() {
            return Err(fields.wrong("page_size_option", "the strategy has no `page_size` to send"));
        }
        Ok(Some(Self { strategy, size, token }))
    }
}

impl Strategy {
    fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let size = fields.expression("page_size")?;
        Ok(match fields.kind() {
            "OffsetIncrement" => Self::Offset { size, on_first: fields.flag("inject_on_first_request")? },
            "PageIncrement" => Self::Page {
                size,
                first: fields.integer("start_from_page")?.unwrap_or(0),
                on_first: fields.flag("inject_on_first_request")?,
            },
            "CursorPagination" => {
                let stop = match fields.given("stop_condition") {
                    Some(Value::Bool(value)) => {
                        let text: Rc<str> = if *value { "True" } else { "False" }.into();
                        Some(Expression::of(&Value::Str(text), &fields.parameters(), &fields.member("stop_condition"))?)
                    }
                    _ => fields.expression("stop_condition")?,
                };
                Self::Cursor { value: fields.needed_expression("cursor_value")?, stop, size }
            }
            _ => return Err(fields.unsupported()),
        })
    }

    pub(crate) fn size(&self) -> Option<&Expression> {
        match self {
            Self::Offset { size, .. } | Self::Page { size, .. } | Self::Cursor { size, .. } => size.as_ref(),
        }
    }
}
