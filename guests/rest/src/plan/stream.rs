//! A stream: what is requested, what of the answers is a record, and how far it has come.

use std::collections::HashSet;
use std::rc::Rc;

use expressions::time::{self, Span};

use super::{
    Cursor, CursorKind, Decoder, Expression, Extractor, Fields, Fitting, Jobs, Paginator, Requester, Router, Selector,
    Splitting, Transformation, Turns,
};
use crate::manifest::ManifestError;

/// A stream.
pub(crate) struct Stream {
    pub(crate) name: Rc<str>,
    /// The source that it lands in.
    pub(crate) source: String,
    /// Where it does not hold, the stream is not there.
    pub(crate) condition: Option<Expression>,
    pub(crate) retriever: Retriever,
    /// What has to be done before there is something to retrieve.
    pub(crate) jobs: Option<Jobs>,
    pub(crate) cursor: Option<Cursor>,
    /// What is read in its place as long as nothing is known of it.
    pub(crate) first: Option<Box<First>>,
}

/// A stream that is read until something is known of it.
pub(crate) struct First {
    pub(crate) stream: Stream,
    /// What is known counts as nothing once it is older than this.
    pub(crate) retention: Option<Span>,
}

/// How its records are got.
pub(crate) struct Retriever {
    pub(crate) requester: Requester,
    pub(crate) decoder: Decoder,
    pub(crate) selector: Selector,
    pub(crate) paginator: Option<Paginator>,
    pub(crate) routers: Vec<Router>,
    /// Whether only the first page is asked for by what belongs to its slice.
    pub(crate) slice_on_first_page: bool,
    pub(crate) turns: Turns,
}

impl Stream {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let stream = Self::read_template(fields)?;
        if stream.name.is_empty() { Err(fields.missing("name")) } else { Ok(stream) }
    }

    /// The same of a template, which may have no name yet.
    pub(crate) fn read_template(fields: Fields<'_>) -> Result<Self, ManifestError> {
        match fields.kind() {
            "DeclarativeStream" => Self::plain(fields),
            "StateDelegatingStream" => Self::delegating(fields),
            _ => Err(fields.unsupported()),
        }
    }

    /// One that is read in another way as long as nothing is known of it.
    fn delegating(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let name = fields.text("name")?.unwrap_or_default();
        let named = |stream: Self| Self { name: Rc::clone(&name), ..stream };
        let retention = fields.text("api_retention_period")?.map(|period| {
            time::parse_span(&period)
                .map_err(|_| fields.wrong("api_retention_period", format!("{period} is no duration")))
        });
        let first = First {
            stream: named(fields.needed("full_refresh_stream", Self::plain)?),
            retention: retention.transpose()?,
        };
        let stream = named(fields.needed("incremental_stream", Self::plain)?);
        Ok(Self { first: Some(Box::new(first)), ..stream })
    }

    fn plain(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let name = fields.text("name")?.unwrap_or_default();
        for unsupported in ["file_uploader"] {
            if fields.given(unsupported).is_some() {
                return Err(fields.wrong(unsupported, "it is not carried out here"));
            }
        }
        let transformations = fields.components("transformations", Transformation::read)?;
        let (mut retriever, jobs) = fields.needed("retriever", |fields| match fields.kind() {
            "SimpleRetriever" => Ok((Retriever::read(fields)?, None)),
            "AsyncRetriever" => Ok((Retriever::of_jobs(&fields)?, Some(Jobs::read(fields)?))),
            _ => Err(fields.unsupported()),
        })?;
        retriever.selector.transformations = transformations;
        if retriever.selector.normalises {
            retriever.selector.fitting = Fitting::read(&fields)?;
        }
        let cursor = fields.component("incremental_sync", Cursor::read)?;
        retriever.check_first_pages(cursor.as_ref(), &fields)?;
        if retriever.turns.splitting.is_some() {
            Splitting::check(cursor.as_ref(), &fields)?;
        }
        Ok(Self { source: String::new(), condition: None, name, retriever, jobs, cursor, first: None })
    }

    /// Whether each of its partitions has a point of its own: groups are others in each run.
    pub(crate) fn has_points_of_partitions(&self) -> bool {
        let is_grouped = matches!(self.retriever.routers[..], [Router::Group { .. }]);
        !is_grouped && self.cursor.as_ref().is_none_or(|cursor| !cursor.is_global)
    }

    /// The names of the streams that it needs.
    pub(crate) fn needs(&self, names: &mut HashSet<Rc<str>>) {
        for parent in self.retriever.routers.iter().flat_map(Router::parents) {
            names.insert(Rc::clone(&parent.stream.name));
            parent.stream.needs(names);
        }
        self.first.iter().for_each(|first| first.stream.needs(names));
    }

    /// Let it land in a source.
    pub(crate) fn land_in(&mut self, source: String) {
        if let Some(first) = &mut self.first {
            first.stream.source.clone_from(&source);
        }
        self.source = source;
    }
}

impl Retriever {
    /// That partitions can begin with a page that is in a record of their parent.
    fn check_first_pages(&mut self, cursor: Option<&Cursor>, fields: &Fields<'_>) -> Result<(), ManifestError> {
        let parents = self.routers.iter().flat_map(Router::parents);
        if parents.into_iter().all(|parent| parent.first_page.is_empty()) {
            return Ok(());
        }
        let wrong = |reason: &str| Err(fields.error(format!("by a `lazy_read_pointer` {reason}")));
        if !matches!(self.decoder, Decoder::Json) {
            return wrong("pages are JSON, and the decoder is another one");
        }
        if self.turns.reduction.is_some() || self.turns.splitting.is_some() {
            return wrong("pages are as large as they are, and slices as long");
        }
        match cursor.map(|cursor| &cursor.kind) {
            None => Ok(()),
            Some(CursorKind::Time(times)) if times.step.is_none() => Ok(()),
            Some(_) => wrong("a partition is read at once, and its cursor may have no `step`"),
        }
    }

    /// What downloads the results of jobs.
    fn of_jobs(fields: &Fields<'_>) -> Result<Self, ManifestError> {
        let decoder = fields.component("download_decoder", Decoder::read)?.unwrap_or(Decoder::Json);
        // One kind of extractor reads the body itself.
        let (extractor, decoder) = fields
            .component("download_extractor", |extractor| match extractor.kind() {
                "ResponseToFileExtractor" => {
                    let keeps = extractor.flag("preserve_na_values")?;
                    Ok((Extractor::whole(), Decoder::table(keeps)))
                }
                _ => Ok((Extractor::read(extractor)?, decoder.clone())),
            })?
            .unwrap_or_else(|| (Extractor::whole(), decoder.clone()));
        let selector = fields.needed("record_selector", Selector::read)?;
        Ok(Self {
            requester: fields.needed("download_requester", Requester::read)?,
            decoder,
            selector: Selector { extractor, ..selector },
            paginator: fields.component("download_paginator", Paginator::read)?.flatten(),
            routers: fields.components("partition_router", Router::read)?,
            slice_on_first_page: false,
            turns: Turns::default(),
        })
    }

    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let requester = fields.needed("requester", Requester::of_retriever)?;
        let paginator = fields.component("paginator", Paginator::read)?.flatten();
        let selector = fields.needed("record_selector", Selector::read)?;
        let turns = Turns::read(&fields, &requester, paginator.as_ref(), selector.filter.is_some())?;
        Ok(Self {
            requester,
            decoder: fields.component("decoder", Decoder::read)?.unwrap_or(Decoder::Json),
            selector,
            paginator,
            turns,
            routers: fields.components("partition_router", Router::read)?,
            slice_on_first_page: fields.flag("ignore_stream_slicer_parameters_on_paginated_requests")?,
        })
    }
}
