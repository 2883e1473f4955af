//! Object stores: objects in, objects out, under conditions that the store itself keeps.
//!
//! A write is certain: whether it happened is known when it returns, whatever the network did with its answers. It must not
//! know what the objects are.
//!
//! Its calls block, and are made on threads that may: never from asynchronous code.

mod address;
mod connector;
mod content;
mod error;
mod parts;
mod profile;
mod reading;
mod retrying;
mod settings;
#[cfg(test)]
mod tests;
mod writing;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, Fuse};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{GetOptions, ObjectMeta, ObjectStore, PutMode, PutOptions, UpdateVersion};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

pub use address::{Address, AddressError, Kind};
pub use connector::ServerDate;
pub use content::Content;
pub use error::ObjectsError;
pub use reading::Reader;
pub use retrying::hurry;
pub use settings::Settings;
pub use writing::{Put, Tag};

use error::{Meaning, meaning};
use retrying::Retrying;
use writing::{Attempt, Condition, Mark, Next, judge};

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// In bytes.
    pub size: u64,
    /// Which version it is.
    pub tag: Tag,
    /// When it was written, by the store's clock.
    pub modified: SystemTime,
    mark: Option<Mark>,
}

/// An object that a listing names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its name below the address.
    pub path: String,
    /// In bytes.
    pub size: u64,
}

/// One place in one object store.
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    /// Where large objects go up in parts.
    parts: Option<Arc<dyn MultipartStore>>,
    shown: String,
    prefix: String,
    date: ServerDate,
    /// How long a call is tried again.
    limit: Duration,
    in_memory: bool,
    calls: AtomicU64,
    seed: u64,
    /// Where everything asynchronous happens: a thread that ends once this is dropped.
    runtime: Handle,
    _running: oneshot::Sender<()>,
}

impl Objects {
    /// Get ready to reach a place; nothing is sent yet. `tls` is asked only where the store is reached by https.
    pub fn open(
        address: &Address,
        settings: &Settings,
        tls: impl FnOnce() -> Result<rustls::ClientConfig, String>,
    ) -> Result<Self, ObjectsError> {
        let opened = settings::open(address, settings, tls)?;
        Self::of(address.to_string(), address.prefix.clone(), opened, settings.timeout)
    }

    /// Objects that nobody else sees and that are gone when this is dropped. For tests.
    pub fn in_memory() -> Result<Self, ObjectsError> {
        let memory = Arc::new(object_store::memory::InMemory::new());
        // It makes one of parts without looking whether the name is taken.
        let opened = settings::Opened { store: memory, parts: None, date: ServerDate::default() };
        let mut objects = Self::of("memory".into(), String::new(), opened, Duration::from_secs(60))?;
        objects.in_memory = true;
        Ok(objects)
    }

    /// Objects in a store that somebody else plays, whose time `date` tells. For tests; no failure is waited for.
    pub fn over(store: Arc<dyn ObjectStore>, date: ServerDate) -> Result<Self, ObjectsError> {
        let opened = settings::Opened { store, parts: None, date };
        let objects = Self::of("a store that is played".into(), String::new(), opened, Duration::from_secs(60))?;
        Ok(Self { in_memory: true, ..objects })
    }

    fn of(
        shown: String,
        prefix: String,
        settings::Opened { store, parts, date }: settings::Opened,
        timeout: Duration,
    ) -> Result<Self, ObjectsError> {
        let cannot = |error: std::io::Error| ObjectsError::because("start", "the client of the store", error);
        let mut seed = [0; 8];
        clock::randomise(&mut seed).map_err(cannot)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
        let (handle, (running, over)) = (runtime.handle().clone(), oneshot::channel());
        let run = move || {
            // Its other half says nothing, and is dropped with the objects.
            let _ = runtime.block_on(over);
            runtime.shutdown_background();
        };
        std::thread::Builder::new().name("objects".into()).spawn(run).map_err(cannot)?;
        Ok(Self {
            store,
            parts,
            shown,
            prefix,
            date,
            limit: timeout * 2,
            in_memory: false,
            calls: AtomicU64::new(0),
            seed: u64::from_le_bytes(seed),
            runtime: handle,
            _running: running,
        })
    }

    /// The place, as it was named.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The store's own time, as its newest answer told it; nothing where no answer did.
    pub fn server_time(&self) -> Option<SystemTime> {
        self.date.get()
    }

    fn retrying(&self) -> Retrying {
        let seed = self.seed.wrapping_add(self.calls.fetch_add(1, Ordering::Relaxed));
        Retrying::new(seed, self.limit, !self.in_memory)
    }

    fn failed(&self, action: &'static str, location: &Path, error: object_store::Error) -> ObjectsError {
        ObjectsError::of(action, format_args!("{} in {}", self.below(location), self.shown), error)
    }

    /// The name that the store has for a path below the address.
    fn location(&self, path: &str) -> Result<Path, ObjectsError> {
        let whole = match (self.prefix.is_empty(), path.is_empty()) {
            (true, _) => path.to_owned(),
            (false, true) => self.prefix.clone(),
            (false, false) => format!("{}/{path}", self.prefix),
        };
        Path::parse(whole).map_err(|error| ObjectsError::because("name an object", rules::text::line(path), error))
    }

    fn below(&self, location: &Path) -> String {
        let whole = location.as_ref();
        let below = whole.strip_prefix(&self.prefix).unwrap_or(whole);
        below.strip_prefix('/').unwrap_or(below).to_owned()
    }

    /// What is known of an object; `None` where there is none.
    pub fn head(&self, path: &str) -> Result<Option<Head>, ObjectsError> {
        let location = self.location(path)?;
        self.runtime.block_on(self.look(&location))
    }

    async fn look(&self, location: &Path) -> Result<Option<Head>, ObjectsError> {
        let head = GetOptions { head: true, ..GetOptions::default() };
        let got = self.ask("look at", location, &head).await?;
        Ok(got.map(|got| head_of(&got.meta, Mark::of(&got.attributes))))
    }

    /// Ask for an object as often as it takes.
    async fn ask(
        &self,
        action: &'static str,
        location: &Path,
        options: &GetOptions,
    ) -> Result<Option<object_store::GetResult>, ObjectsError> {
        let mut retrying = self.retrying();
        loop {
            let error = match self.store.get_opts(location, options.clone()).await {
                Ok(got) => return Ok(Some(got)),
                Err(error) => error,
            };
            match meaning(&error) {
                Meaning::Missing => return Ok(None),
                Meaning::Unclear if retrying.pause().await => {}
                _ => return Err(self.failed(action, location, error)),
            }
        }
    }

    /// An object, to be read; `None` where there is none.
    pub fn get(self: &Arc<Self>, path: &str) -> Result<Option<(Head, Reader)>, ObjectsError> {
        let location = self.location(path)?;
        let got = self.runtime.block_on(self.ask("read", &location, &GetOptions::default()))?;
        Ok(got.map(|got| {
            let head = head_of(&got.meta, Mark::of(&got.attributes));
            let etag = got.meta.e_tag.clone();
            let (size, stream) = (head.size, Some(got.into_stream()));
            let (objects, retrying) = (Arc::clone(self), self.retrying());
            (head, Reader { objects, location, etag, stream, chunk: Bytes::new(), at: 0, size, retrying })
        }))
    }

    /// Write an object of a name that nothing has.
    pub fn create(&self, path: &str, content: &Content) -> Result<Put, ObjectsError> {
        self.runtime.block_on(self.put(path, content, Condition::Absent))
    }

    /// Write an object in the place of just that version.
    pub fn replace(&self, path: &str, content: &Content, tag: &Tag) -> Result<Put, ObjectsError> {
        self.runtime.block_on(self.put(path, content, Condition::Is(tag.clone())))
    }

    async fn put(&self, path: &str, content: &Content, condition: Condition) -> Result<Put, ObjectsError> {
        let location = self.location(path)?;
        let mut random = [0; 16];
        clock::randomise(&mut random).map_err(|error| ObjectsError::because("write", path, error))?;
        let mark = Mark::new(random);
        let mut retrying = self.retrying();
        loop {
            let attempt = match (&self.parts, &condition) {
                (Some(parts), Condition::Absent) if content.size() > parts::MOST_AT_ONCE => {
                    self.in_parts(parts, &location, content, &mark).await
                }
                _ => self.at_once(&location, content, &condition, &mark).await,
            };
            let (meaning, error) = match attempt {
                Attempt::Done(tag) => return Ok(Put::Done(tag)),
                Attempt::Not(meaning, error) => (meaning, error),
            };
            if meaning == Meaning::Final {
                return Err(error);
            }
            if let Next::End(put) = judge(&condition, &mark, self.look(&location).await?) {
                return Ok(put);
            }
            if !retrying.pause().await {
                return Err(error);
            }
        }
    }

    async fn at_once(&self, location: &Path, content: &Content, condition: &Condition, mark: &Mark) -> Attempt {
        let mode = match condition {
            Condition::Absent => PutMode::Create,
            Condition::Is(tag) => PutMode::Update(tag.0.clone()),
        };
        let options = PutOptions { mode, attributes: mark.attributes(), ..PutOptions::default() };
        match self.store.put_opts(location, content.0.clone().into(), options).await {
            Ok(put) => Attempt::Done(Tag(UpdateVersion { e_tag: put.e_tag, version: put.version })),
            Err(error) => Attempt::Not(meaning(&error), self.failed("write", location, error)),
        }
    }

    /// Remove an object; one that is not there is left so.
    pub fn remove(&self, path: &str) -> Result<(), ObjectsError> {
        let location = self.location(path)?;
        self.runtime.block_on(async {
            let mut retrying = self.retrying();
            loop {
                let one = futures_util::stream::iter([Ok(location.clone())]).boxed();
                let error = match self.store.delete_stream(one).next().await {
                    None | Some(Ok(_)) => return Ok(()),
                    Some(Err(error)) => error,
                };
                match meaning(&error) {
                    Meaning::Missing => return Ok(()),
                    Meaning::Unclear if retrying.pause().await => {}
                    _ => return Err(self.failed("remove", &location, error)),
                }
            }
        })
    }

    /// All objects whose paths begin with `below` and a slash, in the order of their paths; all of them where it is empty.
    pub fn list(&self, below: &str) -> Result<Listing<'_>, ObjectsError> {
        let location = self.location(below)?;
        Ok(Listing { objects: self, location, after: None, stream: None, retrying: self.retrying() })
    }
}

fn head_of(meta: &ObjectMeta, mark: Option<Mark>) -> Head {
    let tag = Tag(UpdateVersion { e_tag: meta.e_tag.clone(), version: meta.version.clone() });
    Head { size: meta.size, tag, modified: meta.last_modified.into(), mark }
}

/// What a listing names, page by page.
pub struct Listing<'a> {
    objects: &'a Objects,
    location: Path,
    after: Option<Path>,
    stream: Option<Fuse<BoxStream<'static, object_store::Result<ObjectMeta>>>>,
    retrying: Retrying,
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
