//! A write is certain under every fault of a network: tried one by one, and in pairs, over a store in memory.

mod parted;

use std::fmt;
use std::io::Read as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::*;

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It does not arrive.
    Lost,
    /// It arrives, and its answer does not.
    Unanswered,
    /// It arrives twice; the second answer is the one that is seen.
    Twice,
    /// An error in its place.
    Before(u16),
    /// An error in the place of its answer.
    After(u16),
}

const FAULTS: [Fault; 11] = [
    Fault::Lost,
    Fault::Unanswered,
    Fault::Twice,
    Fault::Before(409),
    Fault::After(409),
    Fault::Before(429),
    Fault::Before(500),
    Fault::After(500),
    Fault::Before(503),
    Fault::After(503),
    Fault::After(412),
];

/// A store whose requests meet faults, in this order.
struct Faulty {
    store: Arc<InMemory>,
    faults: Mutex<Vec<Fault>>,
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

fn cut() -> Error {
    Error::Generic { store: "test", source: format!("{}: cut", connector::SOURCE).into() }
}

fn status(status: u16) -> Error {
    let source = format!("Server returned non-2xx status code: {status} X: ").into();
    match status {
        409 => Error::AlreadyExists { path: "x".into(), source },
        412 => Error::Precondition { path: "x".into(), source },
        _ => Error::Generic { store: "test", source },
    }
}

impl Faulty {
    /// The next fault of a request, and what it is instead of being sent.
    fn next(&self) -> Option<Fault> {
        self.faults.lock().expect("no panic").pop()
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let put = || self.store.put_opts(location, payload.clone(), options.clone());
        match self.next() {
            None => put().await,
            Some(Fault::Lost) => Err(cut()),
            Some(Fault::Before(code)) => Err(status(code)),
            Some(Fault::Unanswered) => put().await.and(Err(cut())),
            Some(Fault::After(code)) => put().await.and(Err(status(code))),
            Some(Fault::Twice) => {
                let _first = put().await;
                put().await
            }
        }
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(Error::NotImplemented { operation: "parts".into(), implementer: "test".into() })
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.store.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.store.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}

/// Objects over one store in memory, whose first requests to write meet these faults.
fn objects(store: &Arc<InMemory>, faults: &[Fault]) -> Arc<Objects> {
    let faults = Mutex::new(faults.iter().rev().copied().collect());
    let faulty = Arc::new(Faulty { store: Arc::clone(store), faults });
    let opened = settings::Opened { store: faulty, parts: None, date: ServerDate::default() };
    let mut objects =
        Objects::of("memory".into(), "pre/fix".into(), opened, Duration::from_secs(60)).expect("a thread");
    objects.retries.waits = false;
    Arc::new(objects)
}

fn content(objects: &Arc<Objects>, path: &str) -> Option<Vec<u8>> {
    let (head, mut reader) = objects.get(path).expect("a store")?;
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).expect("a store");
    assert_eq!(bytes.len() as u64, head.size);
    Some(bytes)
}

fn text(text: &str) -> Content {
    text.as_bytes().to_vec().into()
}

/// No fault, every fault, and every pair of them.
fn scripts() -> impl Iterator<Item = Vec<Fault>> {
    let pairs = FAULTS.into_iter().flat_map(|one| FAULTS.map(|two| vec![one, two]));
    std::iter::once(vec![]).chain(FAULTS.map(|one| vec![one])).chain(pairs)
}

#[test]
fn what_is_made_is_there_and_what_is_taken_is_somebody_elses() {
    for faults in scripts() {
        let store = Arc::new(InMemory::new());
        let (ours, theirs) = (objects(&store, &faults), objects(&store, &faults));
        let Put::Done(tag) = ours.create("a~b/c", &text("one")).expect("a store") else { panic!("{faults:?}") };
        assert_eq!(ours.head("a~b/c").expect("a store").expect("an object").tag, tag, "{faults:?}");
        let Put::Taken(Some(head)) = theirs.create("a~b/c", &text("other")).expect("a store") else {
            panic!("{faults:?}")
        };
        assert_eq!((head.size, head.tag), (3, tag), "{faults:?}");
        assert_eq!(content(&ours, "a~b/c"), Some(b"one".to_vec()), "{faults:?}");
    }
}

#[test]
fn one_version_is_replaced_and_no_other() {
    for faults in scripts() {
        let store = Arc::new(InMemory::new());
        let first = match objects(&store, &[]).create("state", &text("first")).expect("a store") {
            Put::Done(tag) => tag,
            taken => panic!("{taken:?}"),
        };
        let (ours, late) = (objects(&store, &faults), objects(&store, &faults));
        let Put::Done(second) = ours.replace("state", &text("second"), &first).expect("a store") else {
            panic!("{faults:?}")
        };
        let Put::Taken(Some(head)) = late.replace("state", &text("late"), &first).expect("a store") else {
            panic!("{faults:?}")
        };
        assert_eq!(head.tag, second, "{faults:?}");
        assert_eq!(content(&ours, "state"), Some(b"second".to_vec()), "{faults:?}");
        late.remove("state").expect("a store");
        late.remove("state").expect("a store");
        let Put::Taken(None) = ours.replace("state", &text("gone"), &second).expect("a store") else {
            panic!("{faults:?}")
        };
    }
}

#[test]
fn a_store_that_always_fails_is_given_up() {
    let faults = [Fault::Before(503); 50];
    let store = Arc::new(InMemory::new());
    let error = objects(&store, &faults).create("a", &text("one")).expect_err("a failure").to_string();
    assert_eq!(error, "cannot write a in memory: the store answered with status 503, again and again");
}

#[test]
fn what_large_objects_are_made_of_is_seen_only_as_a_whole() {
    let memory = Arc::new(InMemory::new());
    let opened = settings::Opened { store: Arc::clone(&memory) as _, parts: Some(memory), date: ServerDate::default() };
    let objects = Objects::of("memory".into(), String::new(), opened, Duration::from_secs(60));
    let objects = Arc::new(objects.expect("a thread"));
    let large = vec![7; usize::try_from(parts::PART).expect("a size") + 1];
    let Put::Done(tag) = objects.create("large", &large.clone().into()).expect("a store") else {
        panic!("it is taken")
    };
    let head = objects.head("large").expect("a store").expect("an object");
    assert_eq!((head.size, head.tag), (large.len() as u64, tag));
    assert!(content(&objects, "large") == Some(large));
}

#[test]
fn a_listing_has_everything_below_and_nothing_beside() {
    let store = Arc::new(InMemory::new());
    let all = objects(&store, &[]);
    for path in ["a/2", "a/1", "ab/3", "b/4", "a/c/5"] {
        all.create(path, &text(path)).expect("a store");
    }
    let listed = |below: &str| -> Vec<String> {
        all.list(below).expect("a name").map(|listed| listed.expect("a store").path).collect()
    };
    assert_eq!(listed("a"), ["a/1", "a/2", "a/c/5"]);
    assert_eq!(listed(""), ["a/1", "a/2", "a/c/5", "ab/3", "b/4"]);
    assert_eq!(listed("none"), [""; 0]);
    let mut listing = all.list("b").expect("a name");
    assert!(
        listing.next().is_some_and(|listed| listed.is_ok()) && listing.next().is_none() && listing.next().is_none()
    );
}
