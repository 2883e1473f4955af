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
mod listing;
mod parts;
mod profile;
mod reading;
mod retrying;
mod settings;
#[cfg(test)]
mod tests;
mod writing;

use std::convert::Infallible;
use std::fs::File;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::StreamExt as _;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{GetOptions, ObjectMeta, ObjectStore, PutMode, PutOptions, PutResult, UpdateVersion};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot};

pub use address::{Address, AddressError, Kind};
pub use connector::ServerDate;
pub use content::Content;
pub use error::ObjectsError;
pub use listing::Listing;
pub use parts::Begun;
pub use reading::Reader;
pub use retrying::hurry;
pub use settings::{Settings, counts};
pub use writing::{Put, Tag};

use error::{Meaning, meaning};
use parts::{Grown, Sender, Source};
use retrying::{Retries, Retrying};
use writing::{Condition, Mark, Next, judge};

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
    /// Bytes of a part.
    part: u64,
    /// Turns to send one.
    turns: Arc<Semaphore>,
    date: ServerDate,
    retries: Retries,
    /// Where everything asynchronous happens: a thread that ends once this is dropped.
    runtime: Handle,
    thread: Option<JoinHandle<()>>,
    running: Option<oneshot::Sender<()>>,
    /// Each upload in parts has one too.
    alive: Option<mpsc::Sender<Infallible>>,
}

impl Drop for Objects {
    /// What was given up is removed from the store before a run ends, if the store is quick enough.
    fn drop(&mut self) {
        (self.alive, self.running) = (None, None);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say, and nothing of it panics.
            let _ = thread.join();
        }
    }
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
        objects.retries.waits = false;
        Ok(objects)
    }

    /// Objects in a store that somebody else plays, whose time `date` tells. For tests; no failure is waited for.
    pub fn over(store: Arc<dyn ObjectStore>, date: ServerDate) -> Result<Self, ObjectsError> {
        let opened = settings::Opened { store, parts: None, date };
        let mut objects = Self::of("a store that is played".into(), String::new(), opened, Duration::from_secs(60))?;
        objects.retries.waits = false;
        Ok(objects)
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
        let (handle, (running, over)) = (runtime.handle().clone(), oneshot::channel::<()>());
        let (alive, mut all) = mpsc::channel(1);
        let run = move || {
            runtime.block_on(async {
                // The other halves say nothing, and are dropped with the objects and with the last upload.
                let _ = over.await;
                let _ = tokio::time::timeout(retrying::clearing(), all.recv()).await;
            });
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("objects".into()).spawn(run).map_err(cannot)?;
        Ok(Self {
            store,
            parts,
            shown,
            prefix,
            part: parts::PART,
            turns: Arc::new(Semaphore::new(parts::AT_ONCE)),
            date,
            retries: Retries::new(u64::from_le_bytes(seed), timeout * 2),
            runtime: handle,
            thread: Some(thread),
            running: Some(running),
            alive: Some(alive),
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

    /// How long something goes on that lasts for so long after an object was written, by the store's own clock; `None` where
    /// it is over.
    pub fn left(&self, written: &Head, lasts: Duration) -> Option<Duration> {
        let now = self.server_time().unwrap_or_else(clock::system);
        let age = now.duration_since(written.modified).unwrap_or_default();
        lasts.checked_sub(age).filter(|left| !left.is_zero())
    }

    fn retrying(&self) -> Retrying {
        self.retries.begin()
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
        self.runtime.block_on(self.put(path, content, Condition::Absent, None))
    }

    /// Begin to write such an object while its content is still being made, in a file that has no name: [`Begun::grown_to`]
    /// says how far. Nothing is seen of it before [`Objects::finish`]. `None` where that is not possible.
    pub fn begin(&self, path: &str, file: File) -> Result<Option<Begun>, ObjectsError> {
        let Some(parts) = &self.parts else { return Ok(None) };
        let (location, mark) = (self.location(path)?, mark(path)?);
        let sender = self.sender(parts, &location, mark, Source::Growing(file));
        Ok(Some(sender.start(path, Grown { size: 0, whole: false }, &self.runtime)))
    }

    /// Write an object that was begun, whose content is whole now.
    pub fn finish(&self, begun: Begun, content: &Content) -> Result<Put, ObjectsError> {
        let path = begun.path().to_owned();
        self.runtime.block_on(self.put(&path, content, Condition::Absent, Some(begun)))
    }

    /// Write an object in the place of just that version.
    pub fn replace(&self, path: &str, content: &Content, tag: &Tag) -> Result<Put, ObjectsError> {
        self.runtime.block_on(self.put(path, content, Condition::Is(tag.clone()), None))
    }

    async fn put(
        &self,
        path: &str,
        content: &Content,
        condition: Condition,
        begun: Option<Begun>,
    ) -> Result<Put, ObjectsError> {
        let location = self.location(path)?;
        let mut begun = begun.filter(|begun| content.size() > self.part && begun.holds(content.size()));
        let mark = begun.as_ref().map_or_else(|| mark(path), |begun| Ok(begun.mark().clone()))?;
        let mut retrying = self.retrying();
        loop {
            let ended = match (&self.parts, &condition) {
                (Some(parts), Condition::Absent) if content.size() > self.part => {
                    let size = content.size();
                    let whole = || {
                        let sender = self.sender(parts, &location, mark.clone(), Source::Whole(content.0.clone()));
                        sender.start(path, Grown { size, whole: true }, &self.runtime)
                    };
                    begun.take().unwrap_or_else(whole).finish(size).await
                }
                _ => self.at_once(&location, content, &condition, &mark).await,
            };
            let error = match ended {
                Ok(put) => return Ok(Put::Done(Tag(UpdateVersion { e_tag: put.e_tag, version: put.version }))),
                Err(error) => error,
            };
            let (meaning, error) = (meaning(&error), self.failed("write", &location, error));
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

    fn sender(&self, parts: &Arc<dyn MultipartStore>, location: &Path, mark: Mark, source: Source) -> Sender {
        Sender {
            store: Arc::clone(parts),
            location: location.clone(),
            mark,
            source,
            part: self.part,
            retries: self.retries.clone(),
            turns: Arc::clone(&self.turns),
            _alive: self.alive.clone(),
        }
    }

    async fn at_once(
        &self,
        location: &Path,
        content: &Content,
        condition: &Condition,
        mark: &Mark,
    ) -> object_store::Result<PutResult> {
        let mode = match condition {
            Condition::Absent => PutMode::Create,
            Condition::Is(tag) => PutMode::Update(tag.0.clone()),
        };
        let options = PutOptions { mode, attributes: mark.attributes(), ..PutOptions::default() };
        self.store.put_opts(location, content.0.clone().into(), options).await
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

fn mark(path: &str) -> Result<Mark, ObjectsError> {
    let mut random = [0; 16];
    clock::randomise(&mut random).map_err(|error| ObjectsError::because("write", path, error))?;
    Ok(Mark::new(random))
}

fn head_of(meta: &ObjectMeta, mark: Option<Mark>) -> Head {
    let tag = Tag(UpdateVersion { e_tag: meta.e_tag.clone(), version: meta.version.clone() });
    Head { size: meta.size, tag, modified: meta.last_modified.into(), mark }
}
