//! A bucket that is played, with a network before it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use harness::soak::Numbers;
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use objects::ServerDate;

/// What requests cost: dollars for a thousand of those that write or list, and of those that read. By default those of S3
/// Standard in us-east-1; `HOST_PRICES=WRITES,READS` gives others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prices(f64, f64);

impl Prices {
    pub(super) fn of_the_environment() -> Self {
        let given = std::env::var("HOST_PRICES").ok();
        let given = given.as_deref().and_then(|text| text.split_once(','));
        let given = given.and_then(|(writes, reads)| Some(Self(writes.parse().ok()?, reads.parse().ok()?)));
        given.unwrap_or(Self(0.005, 0.0004))
    }
}

struct Object {
    bytes: Bytes,
    tag: u64,
    attributes: Attributes,
    modified: SystemTime,
}

struct Inner {
    objects: BTreeMap<Path, Object>,
    tags: u64,
    now: u64,
    numbers: Numbers,
    waited: u64,
    writes: u64,
    reads: u64,
    calm: bool,
}

/// The bucket.
pub(super) struct World {
    inner: Mutex<Inner>,
    date: ServerDate,
    /// Whether it keeps the conditions of writes.
    fenced: bool,
}

/// What becomes of a request.
#[derive(PartialEq)]
enum Fate {
    Answered,
    Unanswered,
    Before(u16),
    After(u16),
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

fn system(milliseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds)
}

fn cut() -> Error {
    Error::Generic { store: "played", source: "HTTP error: the answer did not come".into() }
}

fn refused(status: u16) -> Error {
    let source = format!("Server returned non-2xx status code: {status} X: ").into();
    match status {
        404 => Error::NotFound { path: String::new(), source },
        409 => Error::AlreadyExists { path: String::new(), source },
        412 => Error::Precondition { path: String::new(), source },
        _ => Error::Generic { store: "played", source },
    }
}

impl World {
    pub(super) fn new(seed: u64, fenced: bool, now: u64) -> Self {
        let inner = Inner {
            objects: BTreeMap::new(),
            tags: 0,
            now,
            numbers: Numbers::new(seed),
            waited: 0,
            writes: 0,
            reads: 0,
            calm: false,
        };
        Self { inner: Mutex::new(inner), date: ServerDate::default(), fenced }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn date(&self) -> ServerDate {
        self.date.clone()
    }

    pub(super) fn set_time(&self, now: u64) {
        self.inner().now = now;
    }

    /// How long the requests took since this was asked last, in milliseconds.
    pub(super) fn take_waited(&self) -> u64 {
        std::mem::take(&mut self.inner().waited)
    }

    /// From now on nothing goes wrong.
    pub(super) fn calm(&self) {
        self.inner().calm = true;
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.inner().objects.contains_key(&Path::from(path))
    }

    pub(super) fn bill(&self, Prices(write, read): Prices) -> String {
        let inner = self.inner();
        let (writes, reads) = (inner.writes, inner.reads);
        let cost = writes as f64 / 1000.0 * write + reads as f64 / 1000.0 * read;
        format!("{writes} writes and {reads} reads, {cost:.4} dollars")
    }

    /// A request takes its time, and something becomes of it.
    fn fate(&self, write: bool) -> Fate {
        let mut inner = self.inner();
        let late = inner.numbers.below(200) == 0;
        let took = if late { 2_000 + inner.numbers.below(3_000) } else { 10 + inner.numbers.below(40) };
        inner.now += took;
        inner.waited += took;
        *(if write { &mut inner.writes } else { &mut inner.reads }) += 1;
        let date = system(inner.now);
        let fate = match inner.numbers.below(200) {
            _ if inner.calm => Fate::Answered,
            0 => Fate::Unanswered,
            1 => Fate::Before(503),
            2 => Fate::After(503),
            3 if write => Fate::Before(409),
            4 => Fate::Before(429),
            5 if write => Fate::After(500),
            _ => Fate::Answered,
        };
        drop(inner);
        self.date.learn(date);
        fate
    }

    fn write(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let mut inner = self.inner();
        // Before a store is used it is tried with an object of its own.
        let fenced = self.fenced || location.as_ref().ends_with(".conditions");
        let there = inner.objects.get(location).map(|object| format!("\"{}\"", object.tag));
        match (&options.mode, there) {
            (PutMode::Create, Some(_)) if fenced => return Err(refused(412)),
            (PutMode::Update(_), None) => return Err(refused(412)),
            (PutMode::Update(version), Some(there)) if fenced && version.e_tag.as_ref() != Some(&there) => {
                return Err(refused(412));
            }
            _ => {}
        }
        inner.tags += 1;
        let (tag, modified) = (inner.tags, system(inner.now / 1000 * 1000));
        let object = Object { bytes: payload.into(), tag, attributes: options.attributes, modified };
        inner.objects.insert(location.clone(), object);
        Ok(PutResult { e_tag: Some(format!("\"{tag}\"")), version: None, extensions: Default::default() })
    }

    fn meta(location: &Path, object: &Object) -> ObjectMeta {
        ObjectMeta {
            location: location.clone(),
            last_modified: object.modified.into(),
            size: object.bytes.len() as u64,
            e_tag: Some(format!("\"{}\"", object.tag)),
            version: None,
        }
    }
}

#[async_trait]
impl ObjectStore for World {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        match self.fate(true) {
            Fate::Before(status) => Err(refused(status)),
            Fate::Answered => self.write(location, payload, options),
            Fate::Unanswered => self.write(location, payload, options).and(Err(cut())),
            Fate::After(status) => self.write(location, payload, options).and(Err(refused(status))),
        }
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(Error::NotImplemented { operation: "parts".into(), implementer: "played".into() })
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        match self.fate(false) {
            Fate::Answered => {}
            Fate::Unanswered => return Err(cut()),
            Fate::Before(status) | Fate::After(status) => return Err(refused(status)),
        }
        let inner = self.inner();
        let object = inner.objects.get(location).ok_or_else(|| refused(404))?;
        let meta = Self::meta(location, object);
        let bytes = if options.head { Bytes::new() } else { object.bytes.clone() };
        Ok(GetResult {
            range: 0..meta.size,
            meta,
            attributes: object.attributes.clone(),
            payload: GetResultPayload::Stream(stream::iter([Ok(bytes)]).boxed()),
            extensions: Default::default(),
        })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        locations
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.fate(true);
        let below = |location: &Path| prefix.is_none_or(|prefix| location.prefix_matches(prefix));
        let inner = self.inner();
        let all = inner.objects.iter().filter(|(location, _)| below(location));
        let all: Vec<_> = all.map(|(location, object)| Ok(Self::meta(location, object))).collect();
        stream::iter(all).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(Error::NotImplemented { operation: "directories".into(), implementer: "played".into() })
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(Error::NotImplemented { operation: "copies".into(), implementer: "played".into() })
    }
}
