//! Large objects in parts, of which nothing is seen before all of them are one object (S3's multipart uploads).

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{MultipartId, PutMultipartOptions, UpdateVersion};

use crate::error::{Meaning, meaning};
use crate::writing::{Attempt, Mark};
use crate::{Content, Objects, ObjectsError, Tag};

/// Most bytes that go up in one request.
pub(crate) const MOST_AT_ONCE: u64 = 64 << 20;
/// Bytes of a part, but for the last one.
const PART: u64 = 8 << 20;
/// Most parts that S3 makes an object of.
const MAX_PARTS: u64 = 10_000;
/// How many parts go up side by side.
const SIDE_BY_SIDE: usize = 4;

impl Objects {
    /// Send an object in parts, under the condition that nothing has its name by then.
    pub(crate) async fn in_parts(
        &self,
        store: &Arc<dyn MultipartStore>,
        location: &Path,
        content: &Content,
        mark: &Mark,
    ) -> Attempt {
        let failed = |error: object_store::Error| (meaning(&error), self.failed("write", location, error));
        let upload = match self.begin(store, location, mark).await {
            Ok(upload) => upload,
            Err(error) => return not(failed(error)),
        };
        let ended = match self.send_parts(store, location, &upload, content).await {
            Ok(parts) => store.complete_multipart(location, &upload, parts).await,
            Err(error) => Err(error),
        };
        match ended {
            Ok(put) => Attempt::Done(Tag(UpdateVersion { e_tag: put.e_tag, version: put.version })),
            Err(error) => {
                // Where it is over already, or cannot be ended now, a rule of the bucket ends it (see the book).
                let _ = store.abort_multipart(location, &upload).await;
                not(failed(error))
            }
        }
    }

    async fn begin(
        &self,
        store: &Arc<dyn MultipartStore>,
        location: &Path,
        mark: &Mark,
    ) -> object_store::Result<MultipartId> {
        let mut retrying = self.retrying();
        loop {
            let options = PutMultipartOptions { attributes: mark.attributes(), ..PutMultipartOptions::default() };
            match store.create_multipart_opts(location, options).await {
                Err(error) if meaning(&error) == Meaning::Unclear && retrying.pause().await => {}
                begun => return begun,
            }
        }
    }

    async fn send_parts(
        &self,
        store: &Arc<dyn MultipartStore>,
        location: &Path,
        upload: &MultipartId,
        content: &Content,
    ) -> object_store::Result<Vec<PartId>> {
        let size = content.size();
        let part = PART.max(size.div_ceil(MAX_PARTS));
        let send = |number: u64| async move {
            let (from, until) = (number * part, ((number + 1) * part).min(size));
            let mut retrying = self.retrying();
            loop {
                let bytes = content.0.slice(from as usize..until as usize);
                match store.put_part(location, upload, number as usize, bytes.into()).await {
                    Err(error) if meaning(&error) == Meaning::Unclear && retrying.pause().await => {}
                    sent => return sent,
                }
            }
        };
        futures_util::stream::iter(0..size.div_ceil(part)).map(send).buffered(SIDE_BY_SIDE).try_collect().await
    }
}

fn not((meaning, error): (Meaning, ObjectsError)) -> Attempt {
    Attempt::Not(meaning, error)
}
