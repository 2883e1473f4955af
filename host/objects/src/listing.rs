//! What a store has below a place, page by page: a listing that breaks goes on behind the last object that it named.

use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, Fuse};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use crate::error::{Meaning, meaning};
use crate::retrying::Retrying;
use crate::{Listed, Objects, ObjectsError};

/// What a listing names, page by page.
pub struct Listing<'a> {
    pub(crate) objects: &'a Objects,
    pub(crate) location: Path,
    pub(crate) after: Option<Path>,
    pub(crate) stream: Option<Fuse<BoxStream<'static, object_store::Result<ObjectMeta>>>>,
    pub(crate) retrying: Retrying,
}

impl Iterator for Listing<'_> {
    type Item = Result<Listed, ObjectsError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (objects, prefix) = (self.objects, Some(&self.location).filter(|path| !path.as_ref().is_empty()));
            let stream = self.stream.get_or_insert_with(|| match &self.after {
                Some(after) => objects.store.list_with_offset(prefix, after).fuse(),
                None => objects.store.list(prefix).fuse(),
            });
            match objects.runtime.block_on(stream.next())? {
                Ok(meta) => {
                    let path = objects.below(&meta.location);
                    self.after = Some(meta.location);
                    return Some(Ok(Listed { path, size: meta.size }));
                }
                Err(error) => {
                    self.stream = None;
                    if meaning(&error) != Meaning::Unclear || !objects.runtime.block_on(self.retrying.pause()) {
                        return Some(Err(objects.failed("list", &self.location, error)));
                    }
                }
            }
        }
    }
}
