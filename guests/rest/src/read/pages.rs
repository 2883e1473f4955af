//! The pages of one slice, one after the other.

use std::collections::VecDeque;
use std::rc::Rc;

use expressions::json::{self, Copied};
use expressions::{Map, Value};
use landing::{Error, run};

use super::answer::Answer;
use super::page::{Copying, Next, Page};
use super::request::{self, Options};
use super::select::{self, Selected};
use super::send::{self, Sent, Turn};
use super::{Reading, decode, extract, merge, url};
use crate::plan::{Paginator, Retriever, Strategy, Token};

/// Most pages of one slice.
const MAX_PAGES: u64 = 1_000_000;

/// The answer that came last, as far as the next page depends on it.
struct Last {
    bodies: Vec<Value>,
    extracted: usize,
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
    reading: &'a Reading,
    retriever: &'a Retriever,
    /// Whether its answers are kept for the run.
    is_cached: bool,
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
    smaller: Smaller,
    /// The first page, where it need not be asked for.
    given: Option<Answer>,
    copying: Option<Copying>,
}

/// How pages were made smaller.
#[derive(Default)]
struct Smaller {
    size: Option<i128>,
    /// In a row.
    attempts: u32,
    attempts_at_least: u32,
}

impl<'a> Pages<'a> {
    pub(crate) fn of(
        reading: &'a Reading,
        retriever: &'a Retriever,
        is_cached: bool,
        slice: Value,
        extra: Map,
        added: Options,
    ) -> Self {
        Self {
            reading,
            retriever,
            is_cached,
            slice,
            extra,
            added,
            token: first(retriever),
            count: 0,
            ended: false,
            more: VecDeque::new(),
            smaller: Smaller::default(),
            given: None,
            copying: None,
        }
    }

    /// The same with the records as text, wherever an answer is as plain as that.
    pub(crate) fn copying(self, copying: Option<Copying>) -> Self {
        Self { copying, ..self }
    }

    /// The same with this as the first page, in place of what would be answered.
    pub(crate) fn given(mut self, first: Option<&Value>) -> Self {
        let answer = first.map(|first| {
            let mut body = Vec::new();
            json::write(first, &mut body).map(|()| Answer::new(200, String::new(), Vec::new(), body))
        });
        self.given = answer.and_then(Result::ok);
        self
    }

    /// The same once for each of these, whose names requests see as well. None at all where there are none.
    pub(crate) fn for_each(mut self, downloads: Vec<Map>) -> Self {
        self.more = downloads.into();
        self.ended = true;
        self
    }

    /// The next page.
    pub(crate) async fn next(&mut self) -> Result<Next, Error> {
        self.reading.know_schema(self.retriever).await?;
        let parts = self.reading.properties(self.retriever).await?;
        loop {
            while self.ended {
                let Some(names) = self.more.pop_front() else { return Ok(Next::End) };
                self.extra.extend(names);
                (self.ended, self.token) = (false, first(self.retriever));
            }
            if self.count >= MAX_PAGES {
                return Err(Error::new(format_args!("it has more than {MAX_PAGES} pages")));
            }
            self.count += 1;
            match self.page(parts.as_deref()).await? {
                Some(Next::Page(page)) if page.answers.is_empty() => {}
                Some(next) => return Ok(next),
                None => {}
            }
        }
    }

    /// Ask for a page; nothing where that is to be done again.
    async fn page(&mut self, parts: Option<&[Vec<Rc<str>>]>) -> Result<Option<Next>, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::new(error.to_string());
        let (mut page, mut last, mut merged) = (Page::default(), None, Map::new());
        let keys = self.retriever.requester.properties.as_ref().and_then(|properties| properties.parts.as_ref());
        for at in 0..parts.map_or(1, <[_]>::len) {
            let part = parts.map(|parts| &parts[at][..]);
            let sent = match self.given.take() {
                Some(answer) => Sent::Page(answer),
                None => self.send(&self.outgoing(part).map_err(|error| failed(&error))?).await?,
            };
            let method = self.retriever.requester.method.name();
            let answer = match sent {
                Sent::Page(answer) => answer,
                Sent::Ignored => {
                    last = None;
                    continue;
                }
                Sent::Turned(Turn::Reset, _) => return Ok(Some(Next::Reset)),
                Sent::Turned(Turn::Split, said) => return Ok(Some(Next::Split(said))),
                Sent::Turned(Turn::Reduce, said) => return self.reduce(&said).await.map(|()| None),
            };
            if let Some(copied) = self.copied(&answer.body) {
                last = Some(Last { bodies: vec![copied.around.clone()], extracted: copied.count });
                page.found(Some(true));
                page.copied = Some(copied);
                page.answers.push(answer);
                continue;
            }
            let bodies = decode::decode(&self.retriever.decoder, &answer.body)
                .map_err(|reason| Error::new(format_args!("{method} {}: {reason}", answer.shown())))?;
            let world = &self.reading.world;
            let Selected { records, extracted } =
                select::select(&self.retriever.selector, &bodies, &self.slice, &self.token_seen(), world)
                    .map_err(|error| failed(&error))?;
            page.found(if extracted > 0 { Some(true) } else { self.at_path(&bodies)? });
            match keys {
                Some(parts) => merge::add(records, &parts.keys, &mut merged, &mut page.records),
                None => page.records.extend(records),
            }
            page.answers.push(answer);
            last = Some(Last { bodies, extracted });
        }
        page.records.extend(merged.into_values());
        let next = match &last {
            Some(last) => self.following(&page, last)?,
            None => None,
        };
        // What follows depends on the size that this page had.
        self.succeeded();
        if let (Some(token), true, Some(answer)) = (&next, next == self.token, page.answers.last()) {
            return Err(Error::new(format_args!(
                "{} {}: the next page would be this one again, by the token {}",
                self.retriever.requester.method.name(),
                answer.shown(),
                token.to_text()
            )));
        }
        self.ended = next.is_none();
        self.token = next;
        Ok(Some(Next::Page(page)))
    }

    /// Whether something is where the records are to be; nothing where there is nothing at all.
    fn at_path(&self, bodies: &[Value]) -> Result<Option<bool>, Error> {
        let mut filled = bodies.iter().filter(|body| body.is_true()).peekable();
        if filled.peek().is_none() {
            return Ok(None);
        }
        let extractor = &self.retriever.selector.extractor;
        for body in filled {
            let is_there = extract::is_there(extractor, body, &self.reading.world);
            if is_there.map_err(|error| Error::new(error.to_string()))? {
                return Ok(Some(true));
            }
        }
        Ok(Some(false))
    }

    /// The records of a body as text; nothing where they have to be values.
    fn copied(&self, body: &[u8]) -> Option<Copied> {
        let Copying { path, member } = self.copying.as_ref()?;
        let path: Vec<&str> = path.iter().map(|name| &**name).collect();
        json::copy(body, &path, member.as_deref())
    }

    async fn send(&self, outgoing: &request::Outgoing) -> Result<Sent, Error> {
        let (requester, reading) = (&self.retriever.requester, self.reading);
        if let Some(answer) = self.is_cached.then(|| reading.cache.get(requester, outgoing)).flatten() {
            return Ok(Sent::Page(answer));
        }
        let sent = send::send(requester, outgoing, &reading.world).await?;
        if let (Sent::Page(answer), true) = (&sent, self.is_cached) {
            reading.cache.put(requester, outgoing, answer);
        }
        Ok(sent)
    }

    /// End with the page that came last.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// The token as the parts of a request see it.
    fn token_seen(&self) -> Value {
        match &self.token {
            Some(token) => Value::from(Map::from_iter([("next_page_token".into(), token.clone())])),
            None => Value::None,
        }
    }

    /// Put the request for a page together; `part` has the properties that it is to ask for.
    fn outgoing(&self, part: Option<&[Rc<str>]>) -> Result<request::Outgoing, request::RequestError> {
        let world = &self.reading.world;
        let (mut slice, mut extra) = (self.slice.clone(), self.extra.clone());
        if let Some(part) = part {
            let list = Value::from(part.iter().cloned().map(Value::Str).collect::<Vec<_>>());
            extra.insert("query_properties".into(), list);
            if let Value::Dict(members) = &mut slice {
                Rc::make_mut(members).insert("extra_fields".into(), Value::from(extra.clone()));
            }
        }
        let mut names: Vec<(&str, Value)> =
            ["stream_slice", "stream_interval", "stream_partition"].map(|name| (name, slice.clone())).into();
        names.push(("next_page_token", self.token_seen()));
        names.extend(extra.iter().map(|(name, value)| (&**name, value.clone())));
        let (mut options, mut path) = (Options::default(), None);
        if let Some(paginator) = &self.retriever.paginator {
            match (&paginator.token, &self.token) {
                (Some(Token::Path), Some(token)) => path = Some(self.next_url(&token.to_text())),
                (Some(Token::Inject(inject)), Some(token)) => options.inject(inject, token, world)?,
                _ => {}
            }
            if let (Some(inject), Some(size)) = (&paginator.size, self.size(paginator)?) {
                options.inject(inject, &size, world)?;
            }
        }
        if self.token.is_none() || !self.retriever.slice_on_first_page {
            options.extend(self.added.clone())?;
        }
        let requester = &self.retriever.requester;
        let parameter = requester.properties.as_ref().and_then(|properties| properties.parameter.as_deref());
        let listed = parameter.zip(part).map(|(name, part)| (name, part.join(",")));
        request::outgoing(requester, path.as_deref(), listed, options, world, &names)
    }

    /// The URL of a next page. A secret that it says again is left out, since the host adds it.
    fn next_url(&self, url: &str) -> String {
        let added = |(_, secret): &&(String, String)| send::is_sent(secret, &self.reading.world);
        let parameters = self.retriever.requester.secret_parameters.iter().filter(added);
        url::without(url, &parameters.map(|(name, _)| &**name).collect::<Vec<_>>())
    }

    /// The size of a page.
    fn size(&self, paginator: &Paginator) -> Result<Option<Value>, expressions::EvalError> {
        if let Some(size) = self.smaller.size {
            return Ok(Some(Value::Int(size)));
        }
        let size = paginator.strategy.size().map(|size| size.eval(&self.reading.world, &[])).transpose()?;
        Ok(size.filter(Value::is_true))
    }

    /// Make pages smaller, and wait: the server said that the last one was too large.
    async fn reduce(&mut self, said: &str) -> Result<(), Error> {
        let gave_up = |reason: String| Err(Error::new(format_args!("{said}; {reason}")));
        let Some(reduction) = &self.retriever.turns.reduction else {
            return gave_up("and nothing says how pages become smaller".to_owned());
        };
        let size = self.retriever.paginator.as_ref().map(|paginator| self.size(paginator)).transpose();
        let size = size.map_err(|error| Error::new(&error))?.flatten().as_ref().and_then(Value::as_int);
        let Some(size) = size else {
            return gave_up("and the `page_size` is no whole number, which could be smaller".to_owned());
        };
        let message = &reduction.message;
        let space = if message.is_empty() { "" } else { ". " };
        let smaller = ((size as f64 / reduction.factor).floor() as i128).max(reduction.least);
        let attempts = if smaller >= size {
            self.smaller.attempts_at_least += 1;
            if self.smaller.attempts_at_least > reduction.attempts_at_least {
                return gave_up(format!("a page of {size} records is the smallest that is asked for{space}{message}"));
            }
            self.smaller.attempts_at_least
        } else {
            self.smaller.attempts += 1;
            if self.smaller.attempts > reduction.attempts {
                let times = reduction.attempts;
                return gave_up(format!("pages were made smaller {times} times, down to {size}{space}{message}"));
            }
            self.smaller.size = Some(smaller);
            self.smaller.attempts
        };
        landing::debug!("{said}: asking for a page of {} records", smaller.min(size));
        let milliseconds = reduction.wait * f64::from(attempts) * 1000.0;
        run::wait(milliseconds.clamp(0.0, f64::from(u32::MAX)) as u64).await;
        Ok(())
    }

    fn succeeded(&mut self) {
        let restores = self.retriever.turns.reduction.as_ref().is_some_and(|reduction| reduction.restores);
        let size = self.smaller.size.filter(|_| !restores);
        self.smaller = Smaller { size, ..Smaller::default() };
    }

    /// The token of the next page.
    fn following(&self, page: &Page, last: &Last) -> Result<Option<Value>, Error> {
        let (Some(paginator), Some(answer)) = (&self.retriever.paginator, page.answers.last()) else { return Ok(None) };
        let failed = |error: expressions::EvalError| Error::new(&error);
        let size = self.size(paginator).map_err(failed)?;
        let whole = |size: &Value| {
            size.as_int().ok_or_else(|| {
                Error::new(format_args!("the `page_size` came to {:?}, which is no whole number", size.to_text()))
            })
        };
        let count = i128::try_from(last.extracted).unwrap_or(i128::MAX);
        let current = self.token.as_ref().and_then(Value::as_int);
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
                let kept = i128::try_from(page.count()).unwrap_or(i128::MAX);
                let names = [
                    ("response", last.bodies.first().cloned().unwrap_or_default()),
                    ("headers", answer.fields_with_links()),
                    ("last_record", page.last()),
                    ("last_page_size", Value::Int(kept)),
                    ("page_size", size.unwrap_or(Value::None)),
                    ("stream_slice", self.slice.clone()),
                    ("stream_interval", self.slice.clone()),
                    ("stream_partition", self.slice.clone()),
                ];
                let world = &self.reading.world;
                if let Some(stop) = stop
                    && stop.holds(world, &names).map_err(failed)?
                {
                    return Ok(None);
                }
                Ok(Some(value.eval(world, &names).map_err(failed)?).filter(Value::is_true))
            }
        }
    }
}
