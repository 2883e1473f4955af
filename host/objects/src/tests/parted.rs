//! Objects that go up in parts, whole from the start or still growing, under every fault at every request, and every pair.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use object_store::multipart::PartId;
use object_store::{MultipartId, ObjectStoreExt as _, PutMode};

use super::*;

/// Bytes of a part here.
const PART: usize = 5000;
/// Three parts, of which the last is a short one.
const SIZE: usize = 2 * PART + 77;

/// A store that takes parts, whose requests meet faults by their numbers.
struct Parted {
    store: Arc<InMemory>,
    faults: Mutex<Vec<(usize, Fault)>>,
    /// What was asked so far.
    asked: Mutex<Vec<&'static str>>,
    open: Mutex<BTreeSet<MultipartId>>,
    /// Whether parts are never answered.
    hangs: AtomicBool,
    /// How many of those there are.
    going: AtomicUsize,
    told: mpsc::Sender<&'static str>,
}

impl fmt::Debug for Parted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parted")
    }
}

impl Parted {
    /// Do it with what the next fault makes of it.
    async fn meet<'a, T>(&self, what: &'static str, act: impl Fn() -> BoxFuture<'a, Result<T>> + Send) -> Result<T> {
        let fault = {
            let mut asked = self.asked.lock().expect("no panic");
            asked.push(what);
            let number = asked.len() - 1;
            self.faults.lock().expect("no panic").iter().find(|(at, _)| *at == number).map(|(_, fault)| *fault)
        };
        let done = match fault {
            None => act().await,
            Some(Fault::Lost) => Err(cut()),
            Some(Fault::Before(code)) => Err(status(code)),
            Some(Fault::Unanswered) => act().await.and(Err(cut())),
            Some(Fault::After(code)) => act().await.and(Err(status(code))),
            Some(Fault::Twice) => {
                let _first = act().await;
                act().await
            }
        };
        // Nobody may listen any more.
        let _ = self.told.send(what);
        done
    }

    fn is_open(&self, id: &MultipartId) -> Result<()> {
        if self.open.lock().expect("no panic").contains(id) { Ok(()) } else { Err(status(404)) }
    }
}

#[async_trait]
impl MultipartStore for Parted {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        self.create_multipart_opts(path, PutMultipartOptions::default()).await
    }

    async fn create_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<MultipartId> {
        let create = || {
            let options = options.clone();
            let act = async move {
                let id = self.store.create_multipart_opts(path, options).await?;
                self.open.lock().expect("no panic").insert(id.clone());
                Ok(id)
            };
            act.boxed()
        };
        self.meet("create", create).await
    }

    async fn put_part(&self, path: &Path, id: &MultipartId, part: usize, data: PutPayload) -> Result<PartId> {
        if self.hangs.load(Ordering::Relaxed) {
            self.going.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
        let put = || {
            let data = data.clone();
            let act = async move {
                self.is_open(id)?;
                self.store.put_part(path, id, part, data).await
            };
            act.boxed()
        };
        self.meet("part", put).await
    }

    /// On the condition that nothing has the name.
    async fn complete_multipart(&self, path: &Path, id: &MultipartId, parts: Vec<PartId>) -> Result<PutResult> {
        let complete = || {
            let parts = parts.clone();
            let act = async move {
                self.is_open(id)?;
                if self.store.head(path).await.is_ok() {
                    return Err(status(412));
                }
                self.open.lock().expect("no panic").remove(id);
                self.store.complete_multipart(path, id, parts).await
            };
            act.boxed()
        };
        self.meet("complete", complete).await
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        let abort = || {
            let act = async move {
                self.is_open(id)?;
                self.open.lock().expect("no panic").remove(id);
                self.store.abort_multipart(path, id).await
            };
            act.boxed()
        };
        self.meet("abort", abort).await
    }
}

fn parted(faults: &[(usize, Fault)]) -> (Arc<Parted>, Objects, mpsc::Receiver<&'static str>) {
    let (told, heard) = mpsc::channel();
    let memory = Arc::new(InMemory::new());
    let parted = Arc::new(Parted {
        store: Arc::clone(&memory),
        faults: Mutex::new(faults.to_vec()),
        asked: Mutex::default(),
        open: Mutex::default(),
        hangs: AtomicBool::new(false),
        going: AtomicUsize::new(0),
        told,
    });
    let opened = settings::Opened { store: memory, parts: Some(Arc::clone(&parted) as _), date: ServerDate::default() };
    let mut objects = Objects::of("memory".into(), String::new(), opened, Duration::from_secs(60)).expect("a thread");
    objects.retries.waits = false;
    objects.part = PART as u64;
    (parted, objects, heard)
}

fn bytes(seed: u8) -> Vec<u8> {
    (0..SIZE).map(|at| (at % 251) as u8 ^ seed).collect()
}

/// A nameless file that holds these bytes.
fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("a write");
    file
}

/// Write an object that was begun before its content was whole.
fn written_as_it_grows(objects: &Objects, path: &str, content: &[u8]) -> Put {
    let file = file(content);
    let begun = objects.begin(path, file.try_clone().expect("a handle")).expect("a store").expect("a store of parts");
    for size in (0..content.len()).step_by(1717) {
        begun.grown_to(size as u64);
    }
    objects.finish(begun, &Content::of_file(&file).expect("a file")).expect("a store")
}

/// No fault, each at each request, and each pair of them.
fn scripts() -> Vec<Vec<(usize, Fault)>> {
    let all: Vec<(usize, Fault)> = (0..7).flat_map(|at| FAULTS.map(|fault| (at, fault))).collect();
    let pairs = all.iter().flat_map(|one| all.iter().filter(|two| two.0 > one.0).map(|two| vec![*one, *two]));
    std::iter::once(vec![]).chain(all.iter().map(|one| vec![*one])).chain(pairs).collect()
}

async fn stored(store: &InMemory, path: &str) -> Option<Vec<u8>> {
    let got = store.get_opts(&Path::from(path), GetOptions::default()).await.ok()?;
    Some(got.bytes().await.expect("memory").to_vec())
}

#[test]
fn what_goes_up_in_parts_is_there_once_and_as_it_is_whatever_the_network_does() {
    for faults in scripts() {
        // The one way has the other in it: what was begun and fails is sent again as a whole.
        for &grows in if faults.len() < 2 { &[false, true][..] } else { &[true] } {
            let (parted, objects, _heard) = parted(&faults);
            let put = match grows {
                true => written_as_it_grows(&objects, "large", &bytes(1)),
                false => objects.create("large", &bytes(1).into()).expect("a store"),
            };
            assert!(matches!(put, Put::Done(_)), "{faults:?}, grows: {grows}: {put:?}");
            let runtime = objects.runtime.clone();
            assert!(runtime.block_on(stored(&parted.store, "large")) == Some(bytes(1)), "{faults:?}, grows: {grows}");
            // Whoever comes later sees that it is somebody else's.
            let put = written_as_it_grows(&objects, "large", &bytes(2));
            assert!(matches!(put, Put::Taken(Some(_))), "{faults:?}, grows: {grows}: {put:?}");
            assert!(runtime.block_on(stored(&parted.store, "large")) == Some(bytes(1)), "{faults:?}, grows: {grows}");
            drop(objects);
            if faults.is_empty() {
                assert_eq!(*parted.open.lock().expect("no panic"), BTreeSet::new(), "grows: {grows}");
            }
        }
    }
}

#[test]
fn parts_go_up_while_the_content_is_made_and_nothing_is_seen_before_it_is_whole() {
    let (parted, objects, heard) = parted(&[]);
    let content = bytes(1);
    let file = file(&content);
    let begun = objects.begin("large", file.try_clone().expect("a handle")).expect("a store").expect("parts");
    let next = || heard.recv_timeout(Duration::from_secs(60)).expect("a request");
    // What fits into one request does not go up before it is whole.
    begun.grown_to(PART as u64);
    begun.grown_to(2 * PART as u64);
    assert_eq!([next(), next(), next()], ["create", "part", "part"]);
    assert_eq!(objects.head("large").expect("a store"), None);
    let put = objects.finish(begun, &Content::of_file(&file).expect("a file")).expect("a store");
    assert!(matches!(put, Put::Done(_)), "{put:?}");
    assert_eq!(*parted.asked.lock().expect("no panic"), ["create", "part", "part", "part", "complete"]);
    assert!(objects.runtime.block_on(stored(&parted.store, "large")) == Some(content));
}

#[test]
fn what_is_given_up_leaves_nothing() {
    for sent in [0, PART, PART + 1, 2 * PART] {
        let (parted, objects, heard) = parted(&[]);
        let begun = objects.begin("large", file(&bytes(1))).expect("a store").expect("parts");
        begun.grown_to(sent as u64);
        if sent > PART {
            assert_eq!(heard.recv_timeout(Duration::from_secs(60)), Ok("create"));
        }
        drop(begun);
        // It waits for what is still to be removed.
        drop(objects);
        let asked = parted.asked.lock().expect("no panic").clone();
        assert_eq!(asked.last().copied(), (sent > PART).then_some("abort"), "{asked:?}");
        assert_eq!(*parted.open.lock().expect("no panic"), BTreeSet::new(), "{sent}");
    }
}

#[test]
fn no_more_parts_go_up_at_once_than_memory_allows() {
    let (parted, objects, heard) = parted(&[]);
    parted.hangs.store(true, Ordering::Relaxed);
    let many: Vec<Begun> = (0..6)
        .map(|number| {
            let begun = objects.begin(&number.to_string(), file(&bytes(1).repeat(3))).expect("a store").expect("parts");
            begun.grown_to(5 * PART as u64);
            begun
        })
        .collect();
    many.iter().for_each(|_| assert_eq!(heard.recv_timeout(Duration::from_secs(60)), Ok("create")));
    // Whatever more would go up has its turn while the store is asked something else.
    while parted.going.load(Ordering::Relaxed) < parts::AT_ONCE {
        std::thread::yield_now();
    }
    objects.head("none").expect("a store");
    assert_eq!(parted.going.load(Ordering::Relaxed), parts::AT_ONCE);
}

#[test]
fn what_is_given_up_does_not_wait_for_its_parts() {
    let (parted, objects, heard) = parted(&[]);
    parted.hangs.store(true, Ordering::Relaxed);
    let begun = objects.begin("large", file(&bytes(1).repeat(3))).expect("a store").expect("parts");
    // As many as go up side by side, and one more.
    begun.grown_to(5 * PART as u64);
    assert_eq!(heard.recv_timeout(Duration::from_secs(60)), Ok("create"));
    drop(begun);
    drop(objects);
    assert_eq!(*parted.asked.lock().expect("no panic"), ["create", "abort"]);
}

#[test]
fn what_turns_out_small_goes_up_in_one_request() {
    let (parted, objects, _heard) = parted(&[]);
    let put = written_as_it_grows(&objects, "small", &bytes(1)[..PART]);
    assert!(matches!(put, Put::Done(_)), "{put:?}");
    assert!(parted.asked.lock().expect("no panic").is_empty());
    assert!(objects.runtime.block_on(stored(&parted.store, "small")).as_deref() == Some(&bytes(1)[..PART]));
}

#[test]
fn of_two_that_are_begun_under_one_name_the_first_that_ends_has_it() {
    let (parted, objects, heard) = parted(&[]);
    let files = [1, 2].map(|seed| file(&bytes(seed)));
    let [first, second] = [0, 1].map(|number: usize| {
        let begun = objects.begin("large", files[number].try_clone().expect("a handle"));
        let begun = begun.expect("a store").expect("parts");
        begun.grown_to(2 * PART as u64);
        begun
    });
    for _ in 0..6 {
        heard.recv_timeout(Duration::from_secs(60)).expect("a request");
    }
    let [one, two] = files.each_ref().map(|file| Content::of_file(file).expect("a file"));
    assert!(matches!(objects.finish(second, &two), Ok(Put::Done(_))));
    assert!(matches!(objects.finish(first, &one), Ok(Put::Taken(Some(_)))));
    let runtime = objects.runtime.clone();
    assert!(runtime.block_on(stored(&parted.store, "large")) == Some(bytes(2)));
    drop(objects);
    assert_eq!(*parted.open.lock().expect("no panic"), BTreeSet::new());
}

#[test]
fn a_name_that_is_taken_meanwhile_stays_somebody_elses() {
    let (parted, objects, _heard) = parted(&[]);
    let whole = file(&bytes(1));
    let begun = objects.begin("large", whole.try_clone().expect("a handle")).expect("a store").expect("parts");
    begun.grown_to(2 * PART as u64);
    // Something else has the name by the time that it is whole.
    let taken = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    let put = objects.runtime.block_on(parted.store.put_opts(&Path::from("large"), "other".into(), taken));
    put.expect("memory");
    let ended = objects.finish(begun, &Content::of_file(&whole).expect("a file"));
    assert!(matches!(ended, Ok(Put::Taken(Some(_)))), "{ended:?}");
    assert_eq!(objects.runtime.block_on(stored(&parted.store, "large")).as_deref(), Some(&b"other"[..]));
}
