//! A manifest as something that can be carried out: each component read and checked, before anything is requested. Pure.
//!
//! What is not carried out here is refused with its name and its place, never skipped.

mod authenticator;
mod cursor;
mod decoder;
mod dynamic;
mod expression;
mod fields;
mod fitting;
mod handler;
mod jobs;
mod paginator;
mod properties;
mod requester;
mod router;
mod rules;
mod schema;
mod secrets;
mod selector;
mod stream;
#[cfg(test)]
mod tests;
mod token;
mod transformation;
mod turns;

use std::collections::HashSet;

use expressions::Value;

use crate::manifest::{self, ManifestError, Place};

pub(crate) use authenticator::Authenticator;
pub(crate) use cursor::{Boundary, Cursor, Kind as CursorKind, Times};
pub(crate) use decoder::{Decoder, Encoding};
pub(crate) use dynamic::{Dynamic, Mapping, Resolver};
pub(crate) use expression::{Expression, Names, Nested, World};
pub(crate) use fields::Fields;
pub(crate) use fitting::{Fetched, Fitting, Loader, simple_schema};
pub(crate) use handler::{Action, Backoff, Handler, Handlers};
pub(crate) use jobs::{Jobs, Status as JobStatus};
pub(crate) use paginator::{Paginator, Strategy, Token};
pub(crate) use properties::{List as PropertyList, Properties};
pub(crate) use requester::{Body, Inject, Input, Inputs, Into, Method, Requester};
pub(crate) use router::{Parent, Router, Values};
pub(crate) use rules::{Rule, Rules};
pub(crate) use schema::Check;
pub(crate) use secrets::{Ask, Placement, Secrets, Way, is_about, setting};
pub(crate) use selector::{Expander, Extractor, Selector};
pub(crate) use stream::{First, Retriever, Stream};
pub(crate) use token::OAuth;
pub(crate) use transformation::{Added, Change, Transformation};
pub(crate) use turns::{Splitting, Turns};

/// A manifest that can be carried out.
pub(crate) struct Plan {
    pub(crate) streams: Vec<Stream>,
    pub(crate) dynamic: Vec<Dynamic>,
    /// What is made of the configuration first.
    pub(crate) rules: Rules,
    /// The extractor's name, which its sources begin with.
    name: String,
    secrets: Secrets,
}

/// Longest name of a source (FORMAT.md), in bytes.
const MAX_SOURCE: usize = 64;

impl Plan {
    /// Read one that was unfolded, for an extractor of this name. Values of the configuration that are `marked` are
    /// secrets, and so is what its authenticators send; `described` are all that its specification names.
    pub(crate) fn read(manifest: &Value, name: &str, marked: &[Way], described: &[Way]) -> Result<Self, ManifestError> {
        let finding = Self::with(manifest, name, Secrets::finding(marked, described))?;
        let mut plan = Self::with(manifest, name, finding.secrets.found())?;
        let mut taken = HashSet::new();
        for stream in &mut plan.streams {
            let wanted = source(name, &stream.name);
            let mut others = (2..).map(|count: u32| format!("{}-{count}", &wanted[..wanted.len().min(MAX_SOURCE - 8)]));
            let free = if taken.contains(&wanted) { others.find(|other| !taken.contains(other)) } else { None };
            let source = free.unwrap_or(wanted);
            taken.insert(source.clone());
            stream.land_in(source);
        }
        Ok(plan)
    }

    fn with(manifest: &Value, name: &str, secrets: Secrets) -> Result<Self, ManifestError> {
        let fields = Fields::of(manifest, Place::Root, &secrets)?;
        let rules = fields.component("config_normalization_rules", rules::read)?.unwrap_or_default();
        secrets.note_changed(rules.changed());
        let dynamic = fields.components("dynamic_streams", Dynamic::read)?;
        let groups = fields.components("streams", |fields| match fields.kind() {
            "ConditionalStreams" => conditional(&fields),
            _ => Ok(vec![Stream::read(fields)?]),
        })?;
        let streams: Vec<Stream> = groups.into_iter().flatten().collect();
        if streams.is_empty() && dynamic.is_empty() {
            return Err(fields.error("it has no streams"));
        }
        Ok(Self { streams, dynamic, rules, name: name.to_owned(), secrets })
    }

    /// What it asks for of secrets, and what it reads beside them.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// A stream made of a template.
    pub(crate) fn stream(&self, filled: &Value, outer_win: bool) -> Result<Stream, ManifestError> {
        let filled = manifest::filled(filled, outer_win)?;
        let mut stream = Stream::read(Fields::of(&filled, Place::Root, &self.secrets)?)?;
        stream.land_in(source(&self.name, &stream.name));
        Ok(stream)
    }

    /// All requesters, those of parent streams too.
    pub(crate) fn requesters(&self) -> Vec<&Requester> {
        fn of<'a>(stream: &'a Stream, all: &mut Vec<&'a Requester>) {
            of_retriever(&stream.retriever, all);
            stream.first.iter().for_each(|first| of(&first.stream, all));
            all.extend(stream.jobs.iter().flat_map(Jobs::requesters));
        }
        fn of_retriever<'a>(retriever: &'a Retriever, all: &mut Vec<&'a Requester>) {
            all.push(&retriever.requester);
            if let Some(Properties { list: PropertyList::Fetched { retriever, .. }, .. }) =
                &retriever.requester.properties
            {
                of_retriever(retriever, all);
            }
            let fitting = retriever.selector.fitting.iter();
            fitting.flat_map(Fitting::retrievers).for_each(|retriever| of_retriever(retriever, all));
            for router in &retriever.routers {
                router.parents().into_iter().for_each(|parent| of(&parent.stream, all));
            }
        }
        let mut all = Vec::new();
        self.streams.iter().for_each(|stream| of(stream, &mut all));
        for dynamic in &self.dynamic {
            of(&dynamic.shape, &mut all);
            if let Resolver::Http(retriever) = &dynamic.resolver {
                of_retriever(retriever, &mut all);
            }
        }
        all
    }
}

/// Streams that are there only where a condition holds.
fn conditional(fields: &Fields<'_>) -> Result<Vec<Stream>, ManifestError> {
    let condition = fields.needed_expression("condition")?;
    let mut streams = fields.components("streams", Stream::read)?;
    streams.iter_mut().for_each(|stream| stream.condition = Some(condition.clone()));
    Ok(streams)
}

/// The source that a stream lands in: the extractor's name, then the stream's, in letters that a source may have.
fn source(extractor: &str, stream: &str) -> String {
    let mut source = extractor.to_owned();
    source.push('_');
    for letter in stream.chars() {
        match letter.to_ascii_lowercase() {
            plain @ ('a'..='z' | '0'..='9' | '-') => source.push(plain),
            _ if source.ends_with('_') => {}
            _ => source.push('_'),
        }
    }
    source.truncate(MAX_SOURCE);
    source.trim_end_matches('_').to_owned()
}
