//! What a place of names promises, as one set of checks over every kind of place: a directory, objects in memory, and
//! object stores that other people wrote. A store that looks before it writes, instead of doing both at once, has to fail.

use std::io::{self, Read as _, Write as _};
use std::process::Command;
use std::sync::Arc;

use harness::between::{Between, Habit};
use harness::soak::times;
use harness::stores::{Make, Store};
use objects::{Objects, Settings};
use rules::domain::Digest;

use crate::disk::{Entry, Removed, Root};
use crate::local::Local;
use crate::shelf::{Shelf, Unplaced};
use crate::staging::Packed;
use crate::stored::Stored;
use crate::{DiskError, LandingError, content, packer};

/// How many want one name at once.
const MANY: usize = 12;
/// A content that goes to S3 in three parts.
const LARGE: usize = (16 << 20) + 1;
/// A path in quarantine.
const QUARANTINE: (&str, &str) = (".quarantine/x", "0123456789abcdef.csv.gz");
/// Tells a process of this test what it is to check.
const ADDRESS: &str = "HOST_TEST_ADDRESS";
/// How what is told of a promise that is broken begins.
const BROKEN: &str = "broken: ";

/// Why a promise is broken.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Landing(#[from] LandingError),
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}")]
    Otherwise(String),
}

type Kept = Result<(), Broken>;
/// Finds out whether a promise is kept.
type Check = fn(&Subject) -> Kept;

/// One place, as several see it who do not know of each other.
struct Subject {
    shelves: Vec<Arc<dyn Shelf>>,
    root: Arc<Root>,
}

impl Subject {
    fn one(&self) -> &dyn Shelf {
        &*self.shelves[0]
    }

    /// A content with no name yet, stored as these bytes.
    fn content(&self, bytes: &[u8]) -> Result<Unplaced, Broken> {
        let file = self.root.unnamed_in("")?.expect("the root");
        file.writer().write_all(bytes)?;
        Ok(Unplaced::Packed(Packed { file, stored_size: bytes.len() as u64, begun: None }))
    }

    /// The same, on its way there already as far as that goes.
    fn begun(&self, shelf: usize, bytes: &[u8], directory: &str, name: &str) -> Result<Unplaced, Broken> {
        let mut content = self.content(bytes)?;
        if let Unplaced::Packed(Packed { file, begun, .. }) = &mut content {
            *begun = self.shelves[shelf % self.shelves.len()].begin(directory, name, file)?;
            begun.iter().for_each(|begun| begun.grown_to(bytes.len() as u64 - 1));
        }
        Ok(content)
    }

    fn put(&self, bytes: &[u8], directory: &str, name: &str) -> Result<Option<u64>, Broken> {
        Ok(self.one().put(&mut self.content(bytes)?, directory, name)?)
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Broken> {
        let Some(mut reader) = self.one().read(path)? else { return Ok(None) };
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Have many put a content of their own each under one name at once; the one who got it is who reads it there. Half of
    /// them are on their way before.
    fn race(&self, contents: Vec<Vec<u8>>, directory: &str, name: &str) -> Kept {
        let mut ready = Vec::new();
        for (number, bytes) in contents.iter().enumerate() {
            ready.push(match number % 2 {
                0 => self.content(bytes)?,
                _ => self.begun(number, bytes, directory, name)?,
            });
        }
        let put = |(number, mut content): (usize, Unplaced)| {
            let shelf = Arc::clone(&self.shelves[number % self.shelves.len()]);
            move || shelf.put(&mut content, directory, name)
        };
        let ended: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> = ready.into_iter().enumerate().map(|one| scope.spawn(put(one))).collect();
            running.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        let mut winners = Vec::new();
        for (number, put) in ended.into_iter().enumerate() {
            if let Some(stored_size) = put? {
                same("its size", &stored_size, &(contents[number].len() as u64))?;
                winners.push(number);
            }
        }
        same("how many got the name", &winners.len(), &1)?;
        holds("what is there", self.read(&format!("{directory}/{name}"))?.as_ref() == Some(&contents[winners[0]]))
    }
}

fn holds(what: &str, holds: bool) -> Kept {
    if holds { Ok(()) } else { Err(Broken::Otherwise(format!("{what} is something else"))) }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, wanted: &T) -> Kept {
    if found == wanted { Ok(()) } else { Err(Broken::Otherwise(format!("{what} is {found:?}, not {wanted:?}"))) }
}

fn packed(text: &str) -> Vec<u8> {
    let mut packed = Vec::new();
    packer::pack(text.as_bytes(), &mut packed).expect("memory");
    packed
}

fn digest(text: &str) -> Digest {
    let found = content::identify(&*packed(text)).expect("memory");
    found.expect("a whole content").0
}

/// What is promised, and what finds out.
const PROMISES: [(&str, Check); 9] = [
    ("of many at once one gets a name", one_gets_a_name),
    ("of many large ones at once one gets a name", one_large_one_gets_a_name),
    ("what is there is never replaced", nothing_is_replaced),
    ("what is on its way is not seen", what_is_on_its_way_is_not_seen),
    ("what is read is what was put", what_is_read_is_what_was_put),
    ("what is not whole has no identity", what_is_not_whole_has_no_identity),
    ("a source is listed in the order of its paths", sources_are_listed_in_order),
    ("what is in quarantine is given a free name", quarantined_ones_are_given),
    ("what is erased is gone and nothing else is", erased_ones_are_gone),
];

fn one_gets_a_name(subject: &Subject) -> Kept {
    for round in 0..times(4, 300) {
        // Of one size, so that a size tells nothing.
        let contents = (0..MANY).map(|number| format!("{round:05} {number:05}").into_bytes()).collect();
        subject.race(contents, "raced/2025", &format!("{round}.csv.gz"))?;
    }
    Ok(())
}

fn one_large_one_gets_a_name(subject: &Subject) -> Kept {
    for round in 0..times(1, 10) {
        let contents = [1, 2].map(|byte| vec![byte; LARGE]).into();
        subject.race(contents, "large/2025", &format!("{round}.csv.gz"))?;
    }
    Ok(())
}

fn nothing_is_replaced(subject: &Subject) -> Kept {
    same("the first put", &subject.put(b"first", "kept/2025", "a~b.csv.gz")?, &Some(5))?;
    for other in [&b"other"[..], b"first", b""] {
        same("the second put", &subject.put(other, "kept/2025", "a~b.csv.gz")?, &None)?;
    }
    same("what is there", &subject.read("kept/2025/a~b.csv.gz")?, &Some(b"first".to_vec()))
}

fn what_is_on_its_way_is_not_seen(subject: &Subject) -> Kept {
    let (directory, path) = ("begun/2025", "begun/2025/a.csv.gz");
    let bytes = vec![3; LARGE];
    let given_up = subject.begun(0, &bytes, directory, "a.csv.gz")?;
    same("what is on its way", &subject.one().entry(path)?, &Entry::Missing)?;
    drop(given_up);
    same("what was given up", &subject.one().entry(path)?, &Entry::Missing)?;
    let mut elsewhere = subject.begun(0, &bytes, directory, "other.csv.gz")?;
    let mut content = subject.begun(0, &bytes, directory, "a.csv.gz")?;
    same("a list of what is on its way", &subject.one().list("begun")?.len(), &0)?;
    let size = Some(LARGE as u64);
    same("its put", &subject.one().put(&mut content, directory, "a.csv.gz")?, &size)?;
    holds("what is there", subject.read(path)?.as_ref() == Some(&bytes))?;
    // Under another name than it was to get.
    same("a name that is taken", &subject.one().put(&mut elsewhere, directory, "a.csv.gz")?, &None)?;
    same("another name", &subject.one().put(&mut elsewhere, directory, "b.csv.gz")?, &size)?;
    holds("what is there", subject.read("begun/2025/b.csv.gz")?.as_ref() == Some(&bytes))?;
    same("the name that it does not get", &subject.one().entry("begun/2025/other.csv.gz")?, &Entry::Missing)
}

fn what_is_read_is_what_was_put(subject: &Subject) -> Kept {
    let content = packed("a,b\n1,2\n");
    let size = content.len() as u64;
    for name in ["one.csv.gz", "2025-01-01_ab12cd34.csv.gz", "a~2F~b_c-d.e.gz"] {
        let path = format!("read/2025/{name}");
        let missing = (subject.one().entry(&path)?, subject.read(&path)?, subject.one().identify(&path)?);
        same("what is not there", &missing, &(Entry::Missing, None, None))?;
        same("a put", &subject.put(&content, "read/2025", name)?, &Some(size))?;
        let there = (subject.one().entry(&path)?, subject.read(&path)?, subject.one().identify(&path)?);
        let wanted = (Entry::File(size), Some(content.clone()), Some((digest("a,b\n1,2\n"), 8)));
        same("what is there", &there, &wanted)?;
        same("whether it holds it", &subject.one().holds(&path, size)?, &true)?;
        same("whether it holds another", &subject.one().holds(&path, size + 1)?, &false)?;
    }
    Ok(())
}

fn what_is_not_whole_has_no_identity(subject: &Subject) -> Kept {
    let content = packed("a,b\n1,2\n");
    for (name, bytes) in [("empty.gz", &b""[..]), ("plain.gz", b"plain"), ("cut.gz", &content[..content.len() - 4])] {
        subject.put(bytes, "torn/2025", name)?;
        same(name, &subject.one().identify(&format!("torn/2025/{name}"))?, &None)?;
    }
    Ok(())
}

fn sources_are_listed_in_order(subject: &Subject) -> Kept {
    same("a source that is not there", &subject.one().list("listed")?.len(), &0)?;
    for (directory, name) in [
        ("listed/2025", "b.gz"),
        ("listed/2025", "a~c.gz"),
        ("listed/2025/11", "c.gz"),
        ("listed/2024", "d.gz"),
        ("listed/2025", "a-c.gz"),
        ("listed2/2025", "other.gz"),
        (".quarantine/listed", "0123456789abcdef.csv.gz"),
    ] {
        subject.put(name.as_bytes(), directory, name)?;
    }
    let found: Vec<_> = subject.one().list("listed")?.into_iter().map(|file| (file.path, file.stored_size)).collect();
    let wanted = ["2024/d.gz", "2025/11/c.gz", "2025/a-c.gz", "2025/a~c.gz", "2025/b.gz"];
    let size = |path: &str| path.rsplit('/').next().map_or(0, |name| name.len() as u64);
    same("the list", &found, &wanted.map(|path| (format!("listed/{path}"), size(path))).into())
}

fn quarantined_ones_are_given(subject: &Subject) -> Kept {
    let (directory, name) = QUARANTINE;
    let own = format!("{directory}/{name}");
    same("one that is not there", &subject.one().give(&own, "given/2025", "a.gz")?, &false)?;
    subject.put(b"kept", directory, name)?;
    subject.put(b"taken", "given/2025", "taken.gz")?;
    same("a name that is taken", &subject.one().give(&own, "given/2025", "taken.gz")?, &false)?;
    same("what took it", &subject.read("given/2025/taken.gz")?, &Some(b"taken".to_vec()))?;
    same("what stays", &subject.read(&own)?, &Some(b"kept".to_vec()))?;
    same("a free name", &subject.one().give(&own, "given/2025", "free.gz")?, &true)?;
    same("what has it", &subject.read("given/2025/free.gz")?, &Some(b"kept".to_vec()))?;
    same("its own name", &subject.one().entry(&own)?, &Entry::Missing)?;
    subject.put(b"dropped", directory, name)?;
    for _ in 0..2 {
        subject.one().drop_quarantined(&own)?;
        same("what was dropped", &subject.one().entry(&own)?, &Entry::Missing)?;
    }
    holds("a path that is none in quarantine", subject.one().drop_quarantined("given/2025/free.gz").is_err())?;
    same("what it leads to", &subject.one().entry("given/2025/free.gz")?, &Entry::File(4))
}

fn erased_ones_are_gone(subject: &Subject) -> Kept {
    subject.put(b"one", "erased/2025", "one.gz")?;
    subject.put(b"two", "erased/2025", "two.gz")?;
    same("whether it is there", &subject.one().holds("erased/2025/one.gz", 3)?, &true)?;
    same("an erased one", &subject.one().erase("erased/2025/one.gz")?, &Removed::File(0))?;
    same("the same again", &subject.one().erase("erased/2025/one.gz")?, &Removed::Missing)?;
    same("whether it is there", &subject.one().holds("erased/2025/one.gz", 3)?, &false)?;
    same("the other", &subject.one().entry("erased/2025/two.gz")?, &Entry::File(3))?;
    for path in ["../x", ".state/x.sqlite.gz", ".quarantine/x/0123456789abcdef.csv.gz", "erased"] {
        holds("a path of no file that landed", subject.one().erase(path).is_err())?;
    }
    subject.put(b"new", "erased/2025", "one.gz")?;
    same("the name of an erased one", &subject.read("erased/2025/one.gz")?, &Some(b"new".to_vec()))
}

/// The promises that are broken, each with how.
fn broken(subject: &Subject) -> Vec<String> {
    let broken = |(promise, check): (&str, Check)| {
        let error = check(subject).err()?;
        Some(format!("{promise}: {error}"))
    };
    PROMISES.into_iter().filter_map(broken).collect()
}

#[test]
fn a_directory_keeps_what_is_promised() {
    let guard = tempfile::tempdir().expect("a temporary directory");
    let root = Arc::new(Root::open(guard.path()).expect("a root"));
    // Each with the handles of its own, as two processes have them.
    let shelf = || Arc::new(Local::new(Arc::clone(&root), None)) as Arc<dyn Shelf>;
    let subject = Subject { shelves: vec![shelf(), shelf()], root: Arc::clone(&root) };
    assert_eq!(broken(&subject), [""; 0]);
}

/// Objects as a place of names, with a directory of its own for what is on its way.
fn stored(objects: Vec<Objects>) -> Vec<String> {
    let guard = tempfile::tempdir().expect("a temporary directory");
    let root = Arc::new(Root::open(guard.path()).expect("a root"));
    let shelf = |objects| Arc::new(Stored::new(Arc::new(objects), Arc::clone(&root))) as Arc<dyn Shelf>;
    broken(&Subject { shelves: objects.into_iter().map(shelf).collect(), root: Arc::clone(&root) })
}

#[test]
fn objects_in_memory_keep_what_is_promised() {
    assert_eq!(stored(vec![Objects::in_memory().expect("a thread")]), [""; 0]);
}

/// What [`in_a_store_of_this_process`] says of a store, in a process that has the credentials in its environment.
fn said_of(store: &Store, between: &Between) -> Vec<String> {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.args(["--exact", "conformance::in_a_store_of_this_process", "--nocapture"]);
    command.env(ADDRESS, store.address()).envs(store.variables(between.address()));
    let output = command.output().expect("this program");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!between.asked().is_empty(), "the store was not asked: {said}");
    said.lines().filter_map(|line| line.strip_prefix(BROKEN)).map(str::to_owned).collect()
}

/// The part of the tests of stores that has a process of its own. It is nothing by itself.
#[test]
fn in_a_store_of_this_process() {
    let Ok(address) = std::env::var(ADDRESS) else { return };
    let address = address.parse().expect("an address");
    let open =
        || Objects::open(&address, &Settings::default(), || Err("there is no TLS here".into())).expect("objects");
    for line in stored(vec![open(), open()]) {
        // The name of the test may stand in the same line.
        println!("\n{BROKEN}{line}");
    }
}

#[test]
fn stores_of_other_makes_keep_what_is_promised() {
    for make in Make::ALL {
        let Some(store) = Store::new(make) else { continue };
        assert_eq!(said_of(&store, &Between::before(store.server())), [""; 0], "{make:?}");
    }
}

#[test]
fn a_store_that_looks_before_it_writes_is_found_out() {
    let Some(store) = Store::new(Make::S3) else { return };
    let said = said_of(&store, &Between::with_habit(store.server(), Habit::Racy));
    let is_of = |line: &str, number: usize| line.starts_with(PROMISES[number].0);
    assert!(said.iter().any(|line| is_of(line, 0)), "{said:?}");
    // Large ones may come one after the other by chance. Nothing else is wrong with it.
    assert!(said.iter().all(|line| is_of(line, 0) || is_of(line, 1)), "{said:?}");
}
