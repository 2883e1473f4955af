//! Large objects in parts, of which nothing is seen before all of them are one object (S3's multipart uploads).
//!
//! There is one way for them, whether the content is whole at the start or still being made: parts go up as far as the
//! content stays as it is, and only the word that it is whole makes an object of them. Where that word never comes, they
//! are removed.

use std::convert::Infallible;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{Error, MultipartId, PutMultipartOptions, PutResult, Result};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

use crate::content;
use crate::error::{Meaning, meaning};
use crate::retrying::Retries;
use crate::writing::Mark;

/// Bytes of a part, but for the last one. What is not larger goes up in one request.
pub(crate) const PART: u64 = 8 << 20;
/// Most parts that S3 makes an object of.
const MAX_PARTS: u64 = 10_000;
/// How many parts of an object go up side by side.
const SIDE_BY_SIDE: usize = 4;
/// The same of all objects together: each takes memory while it is sent.
pub(crate) const AT_ONCE: usize = 16;

/// Where the bytes of an object are.
pub(crate) enum Source {
    Whole(Bytes),
    /// A file without a name, which grows.
    Growing(File),
}

impl Source {
    fn bytes(&self, range: Range<u64>) -> Result<Bytes> {
        match self {
            Self::Whole(bytes) => Ok(bytes.slice(range.start as usize..range.end as usize)),
            Self::Growing(file) => content::map(file, range).map_err(|error| wrong(error.into())),
        }
    }
}

/// How much of the content stays as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grown {
    pub(crate) size: u64,
    pub(crate) whole: bool,
}

/// An object that is on its way in parts; it is given up when this is dropped.
pub struct Begun {
    path: String,
    mark: Mark,
    part: u64,
    grown: watch::Sender<Grown>,
    sent: JoinHandle<Result<PutResult>>,
}

impl Begun {
    /// The name that it gets.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn mark(&self) -> &Mark {
        &self.mark
    }

    /// So many bytes of the file will not change any more.
    pub fn grown_to(&self, size: u64) {
        self.grown.send_if_modified(|grown| {
            let more = size / self.part > grown.size / self.part;
            grown.size = size;
            more
        });
    }

    /// Whether a content of that size can be made of parts of this size.
    pub(crate) fn holds(&self, size: u64) -> bool {
        size.div_ceil(self.part) <= MAX_PARTS
    }

    /// The content is whole: send what is left, and make an object of it if nothing has its name.
    pub(crate) async fn finish(self, size: u64) -> Result<PutResult> {
        self.grown.send_replace(Grown { size, whole: true });
        self.sent.await.unwrap_or_else(|error| Err(wrong(error.into())))
    }
}

fn wrong(source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::Generic { store: "parts", source }
}

/// Nobody is there any more who could say that the content is whole.
fn given_up() -> Error {
    wrong("it was given up".into())
}

/// Sends the parts of one object.
pub(crate) struct Sender {
    pub(crate) store: Arc<dyn MultipartStore>,
    pub(crate) location: Path,
    pub(crate) mark: Mark,
    pub(crate) source: Source,
    /// Bytes of a part.
    pub(crate) part: u64,
    pub(crate) retries: Retries,
    pub(crate) turns: Arc<Semaphore>,
    /// Says that this goes on.
    pub(crate) _alive: Option<mpsc::Sender<Infallible>>,
}

impl Sender {
    /// Start at once, with so much of the content.
    pub(crate) fn start(mut self, path: &str, grown: Grown, runtime: &tokio::runtime::Handle) -> Begun {
        if grown.whole {
            self.part = self.part.max(grown.size.div_ceil(MAX_PARTS));
        }
        let (mark, part) = (self.mark.clone(), self.part);
        let (grown, growing) = watch::channel(grown);
        Begun { path: path.to_owned(), mark, part, grown, sent: runtime.spawn(Arc::new(self).send(growing)) }
    }

    async fn send(self: Arc<Self>, mut growing: watch::Receiver<Grown>) -> Result<PutResult> {
        // Until it is certain that it does not go up in one request.
        growing.wait_for(|grown| grown.size > self.part).await.map_err(|_| given_up())?;
        let upload = self.begin().await?;
        let ended = {
            let mut watched = growing.clone();
            let abandoned = std::pin::pin!(async move { while watched.changed().await.is_ok() {} });
            match select(std::pin::pin!(self.send_parts(&upload, growing)), abandoned).await {
                Either::Left((sent, _)) => sent,
                Either::Right(((), _)) => Err(given_up()),
            }
        };
        let ended = match ended {
            Ok(parts) => self.store.complete_multipart(&self.location, &upload, parts).await,
            Err(error) => Err(error),
        };
        if ended.is_err() {
            // Where it is over already, or cannot be ended now, a rule of the bucket ends it (see the book).
            let _ = self.store.abort_multipart(&self.location, &upload).await;
        }
        ended
    }

    async fn begin(&self) -> Result<MultipartId> {
        let mut retrying = self.retries.begin();
        loop {
            let options = PutMultipartOptions { attributes: self.mark.attributes(), ..PutMultipartOptions::default() };
            match self.store.create_multipart_opts(&self.location, options).await {
                Err(error) if meaning(&error) == Meaning::Unclear && retrying.pause().await => {}
                begun => return begun,
            }
        }
    }

    /// Send all parts as they come; they end with the content.
    async fn send_parts(
        self: &Arc<Self>,
        upload: &MultipartId,
        growing: watch::Receiver<Grown>,
    ) -> Result<Vec<PartId>> {
        let (end, part) = (growing.clone(), self.part);
        let next = move |(mut growing, number): (watch::Receiver<Grown>, u64)| async move {
            let (from, until) = (number * part, (number + 1) * part);
            let grown = growing.wait_for(|grown| grown.whole || grown.size >= until).await.map(|grown| *grown);
            let range = match grown {
                Ok(grown) if from < grown.size => Ok((number as usize, from..until.min(grown.size))),
                Ok(_) => return None,
                Err(_) => Err(given_up()),
            };
            Some((range, (growing, number + 1)))
        };
        let ranges = stream::unfold((growing, 0), next).take(MAX_PARTS as usize);
        let send = |(number, range)| Arc::clone(self).send_part(upload.clone(), number, range);
        let parts: Vec<PartId> = ranges.map_ok(send).try_buffered(SIDE_BY_SIDE).try_collect().await?;
        let size = end.borrow().size;
        if size.div_ceil(self.part) == parts.len() as u64 {
            Ok(parts)
        } else {
            Err(wrong("not all of it went up".into()))
        }
    }

    async fn send_part(self: Arc<Self>, upload: MultipartId, number: usize, range: Range<u64>) -> Result<PartId> {
        let _turn = self.turns.acquire().await.map_err(|error| wrong(error.into()))?;
        let bytes = self.source.bytes(range)?;
        let mut retrying = self.retries.begin();
        loop {
            match self.store.put_part(&self.location, &upload, number, bytes.clone().into()).await {
                Err(error) if meaning(&error) == Meaning::Unclear && retrying.pause().await => {}
                sent => return sent,
            }
        }
    }
}
