//! A stream: what is requested, what of the answers is a record, and how far it has come.

use std::rc::Rc;

use super::{Cursor, Decoder, Fields, Paginator, Requester, Router, Selector, Transformation};
use crate::manifest::ManifestError;

/// A stream.
pub(crate) struct Stream {
    pub(crate) name: Rc<str>,
    /// The source that it lands in.
    pub(crate) source: String,
    pub(crate) retriever: Retriever,
    pub(crate) cursor: Option<Cursor>,
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
}

impl Stream {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let name = fields.text("name")?.unwrap_or_default();
        if name.is_empty() {
            return Err(fields.missing("name"));
        }
        for unsupported in ["file_uploader"] {
            if fields.given(unsupported).is_some() {
                return Err(fields.wrong(unsupported, "it is not carried out here"));
            }
        }
        let transformations = fields.components("transformations", Transformation::read)?;
        let mut retriever = fields.needed("retriever", |fields| match fields.kind() {
            "SimpleRetriever" => Retriever::read(fields),
            _ => Err(fields.unsupported()),
        })?;
        retriever.selector.transformations = transformations;
        let cursor = fields.component("incremental_sync", Cursor::read)?;
        Ok(Self { source: String::new(), name, retriever, cursor })
    }
}

impl Retriever {
    fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        for unsupported in ["pagination_reset", "page_size_reduction", "request_window_splitting"] {
            if fields.given(unsupported).is_some() {
                return Err(fields.wrong(unsupported, "it is not carried out here"));
            }
        }
        Ok(Self {
            requester: fields.needed("requester", Requester::read)?,
            decoder: fields.component("decoder", Decoder::read)?.unwrap_or(Decoder::Json),
            selector: fields.needed("record_selector", Selector::read)?,
            paginator: fields.component("paginator", Paginator::read)?.flatten(),
            routers: fields.components("partition_router", Router::read)?,
            slice_on_first_page: fields.flag("ignore_stream_slicer_parameters_on_paginated_requests")?,
        })
    }
}
