//! The pages of one slice, one after the other.

use std::collections::VecDeque;

use expressions::{Map, Value};
use landing::Error;

use super::answer::Answer;
use super::decode;
use super::request::{self, Options};
use super::select::{self, Selected};
use super::send::{self, Sent};
use crate::plan::{Paginator, Retriever, Strategy, Token, World};

/// Most pages of one slice.
const MAX_PAGES: u64 = 1_000_000;

/// One page.
pub(crate) struct Page {
    pub(crate) answer: Answer,
    pub(crate) records: Vec<Value>,
}

/// The token of the first page.
fn first(retriever: &Retriever) -> Option<Value> {
    match retriever.paginator.as_ref()?.strategy {
        Strategy::Offset { on_first: true, .. } => Some(Value::Int(0)),
        Strategy::Page { on_first: true, first, .. } => Some(Value::Int(first.into())),
        _ => None,
    }
}

/// The pages of a slice.
pub(crate) struct Pages<'a> {
    retriever: &'a Retriever,
    world: &'a World,
    /// What the slice is, as expressions see it.
    slice: Value,
    /// Other names that the slice gives them.
    extra: Map,
    /// What the slice adds to its requests.
    added: Options,
    token: Option<Value>,
    count: u64,
    ended: bool,
    /// What follows once these pages have ended: the names that requests see then.
    more: VecDeque<Map>,
}

impl<'a> Pages<'a> {
    pub(crate) fn of(retriever: &'a Retriever, slice: Value, extra: Map, added: Options, world: &'a World) -> Self {
        let token = first(retriever);
        Self { retriever, world, slice, extra, added, token, count: 0, ended: false, more: VecDeque::new() }
    }

    /// The same once for each of these, whose names requests see as well. None at all where there are none.
    pub(crate) fn for_each(mut self, downloads: Vec<Map>) -> Self {
        self.more = downloads.into();
        self.ended = true;
        self
    }

    /// The next page; none after the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<Page>, Error> {
        while self.ended {
            let Some(names) = self.more.pop_front() else { return Ok(None) };
            self.extra.extend(names);
            (self.ended, self.token) = (false, first(self.retriever));
        }
        if self.count >= MAX_PAGES {
            return Err(Error::new(format_args!("it has more than {MAX_PAGES} pages")));
        }
        self.count += 1;
        let failed = |error: &dyn std::fmt::Display| Error::new(error.to_string());
        let outgoing = self.outgoing().map_err(|error| failed(&error))?;
        let answer = match send::send(&self.retriever.requester, &outgoing, self.world).await? {
            Sent::Page(answer) => answer,
            Sent::Ignored => {
                self.ended = true;
                return Box::pin(self.next()).await;
            }
        };
        let bodies = decode::decode(&self.retriever.decoder, &answer.body)
            .map_err(|reason| Error::new(format_args!("{} {}: {reason}", outgoing.method, answer.shown())))?;
        let Selected { records, extracted } =
            select::select(&self.retriever.selector, &bodies, &self.slice, &self.names()[3].1, self.world)
                .map_err(|error| failed(&error))?;
        let last = records.last().cloned().unwrap_or(Value::None);
        let next = self.following(&answer, &bodies, extracted, records.len(), &last)?;
        if next.is_some() && next == self.token {
            return Err(Error::new(format_args!(
                "{} {}: the next page would be this one again, by the token {}",
                outgoing.method,
                answer.shown(),
                next.unwrap_or_default().to_text()
            )));
        }
        self.ended = next.is_none();
        self.token = next;
        Ok(Some(Page { answer, records }))
    }

    /// End with the page that came last.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// The names that the parts of a request see.
    fn names(&self) -> [(&'static str, Value); 4] {
        let token = match &self.token {
            Some(token) => Value::from(Map::from_iter([("next_page_token".into(), token.clone())])),
            None => Value::None,
        };
        [
            ("stream_slice", self.slice.clone()),
            ("stream_interval", self.slice.clone()),
            ("stream_partition", self.slice.clone()),
            ("next_page_token", token),
        ]
    }

    fn outgoing(&self) -> Result<request::Outgoing, request::RequestError> {
        let mut names: Vec<(&str, Value)> = self.names().into();
        names.extend(self.extra.iter().map(|(name, value)| (&**name, value.clone())));
        let (mut options, mut path) = (Options::default(), None);
        if let Some(paginator) = &self.retriever.paginator {
            match (&paginator.token, &self.token) {
                (Some(Token::Path), Some(token)) => path = Some(token.to_text().to_string()),
                (Some(Token::Inject(inject)), Some(token)) => options.inject(inject, token, self.world)?,
                _ => {}
            }
            if let (Some(inject), Some(size)) = (&paginator.size, self.size(paginator)?) {
                options.inject(inject, &size, self.world)?;
            }
        }
        if self.token.is_none() || !self.retriever.slice_on_first_page {
            options.extend(self.added.clone())?;
        }
        request::outgoing(&self.retriever.requester, path.as_deref(), options, self.world, &names)
    }

    /// The size of a page.
    fn size(&self, paginator: &Paginator) -> Result<Option<Value>, expressions::EvalError> {
        let size = paginator.strategy.size().map(|size| size.eval(self.world, &[])).transpose()?;
        Ok(size.filter(Value::is_true))
    }

    /// The token of the next page.
    fn following(
        &self,
        answer: &Answer,
        bodies: &[Value],
        extracted: usize,
        kept: usize,
        last: &Value,
    ) -> Result<Option<Value>, Error> {
        let Some(paginator) = &self.retriever.paginator else { return Ok(None) };
        let failed = |error: expressions::EvalError| Error::new(&error);
        let size = self.size(paginator).map_err(failed)?;
        let whole = |size: &Value| {
            size.as_int().ok_or_else(|| {
                Error::new(format_args!("the `page_size` came to {:?}, which is no whole number", size.to_text()))
            })
        };
        let count = i128::try_from(extracted).unwrap_or(i128::MAX);
        let current = match &self.token {
            None => None,
            Some(token) => token.as_int(),
        };
        match &paginator.strategy {
            Strategy::Offset { .. } | Strategy::Page { .. } => {
                let short = size.as_ref().map(whole).transpose()?.is_some_and(|size| count < size);
                if short || count == 0 {
                    return Ok(None);
                }
                Ok(Some(Value::Int(match paginator.strategy {
                    Strategy::Page { first, .. } => current.unwrap_or(first.into()) + 1,
                    _ => current.unwrap_or(0) + count,
                })))
            }
            Strategy::Cursor { value, stop, .. } => {
                let names = [
                    ("response", bodies.first().cloned().unwrap_or_default()),
                    ("headers", answer.fields_with_links()),
                    ("last_record", last.clone()),
                    ("last_page_size", Value::Int(i128::try_from(kept).unwrap_or(i128::MAX))),
                    ("page_size", size.unwrap_or(Value::None)),
                    ("stream_slice", self.slice.clone()),
                    ("stream_interval", self.slice.clone()),
                    ("stream_partition", self.slice.clone()),
                ];
                if let Some(stop) = stop
                    && stop.holds(self.world, &names).map_err(failed)?
                {
                    return Ok(None);
                }
                Ok(Some(value.eval(self.world, &names).map_err(failed)?).filter(Value::is_true))
            }
        }
    }
}
