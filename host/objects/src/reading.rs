//! An object as it comes, by `Read`: a connection that breaks is made again where it broke, for the same version.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};

use crate::Objects;
use crate::error::{Meaning, meaning};
use crate::retrying::Retrying;

/// The bytes of an object, from its start.
pub struct Reader {
    pub(crate) objects: Arc<Objects>,
    pub(crate) location: Path,
    pub(crate) etag: Option<String>,
    pub(crate) stream: Option<BoxStream<'static, object_store::Result<Bytes>>>,
    pub(crate) chunk: Bytes,
    pub(crate) at: u64,
    pub(crate) size: u64,
    pub(crate) retrying: Retrying,
}

impl Reader {
    fn next(&mut self) -> io::Result<()> {
        while self.chunk.is_empty() && self.at < self.size {
            let objects = Arc::clone(&self.objects);
            let stream = match &mut self.stream {
                Some(stream) => stream,
                None => {
                    let range = Some(GetRange::Offset(self.at));
                    let options = GetOptions { range, if_match: self.etag.clone(), ..GetOptions::default() };
                    match objects.runtime.block_on(objects.store.get_opts(&self.location, options)) {
                        Ok(got) => self.stream.insert(got.into_stream()),
                        Err(error) => {
                            self.again(error)?;
                            continue;
                        }
                    }
                }
            };
            match objects.runtime.block_on(stream.next()) {
                Some(Ok(chunk)) => {
                    self.at += chunk.len() as u64;
                    self.chunk = chunk;
                }
                Some(Err(error)) => self.again(error)?,
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the store sent less than it has")),
            }
        }
        Ok(())
    }

    /// Whether to ask again from where it broke.
    fn again(&mut self, error: object_store::Error) -> io::Result<()> {
        self.stream = None;
        match meaning(&error) {
            Meaning::Unclear if self.objects.runtime.block_on(self.retrying.pause()) => Ok(()),
            _ => Err(io::Error::other(self.objects.failed("read", &self.location, error))),
        }
    }
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.next()?;
        let count = into.len().min(self.chunk.len());
        self.chunk.copy_to_slice(&mut into[..count]);
        Ok(count)
    }
}
