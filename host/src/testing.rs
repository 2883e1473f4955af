//! Cases: what an extractor lands from recorded answers, compared with what it should.
//!
//! A case is a directory: `case.toml` says how the extractor is run, `exchanges.har` what it is answered, and `expected/`
//! what must land. Each case is run by a process of its own, as `host run --replay`, in a zone that is removed.

mod case;
mod expected;
mod junit;
mod making;
mod running;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub use case::{Case, CaseError, find};
pub use junit::junit;
pub use making::{Making, make};
pub use running::Extractor;

use clock::Stopwatch;
use expected::Tree;

/// Most cases that are run at once.
const MOST_AT_ONCE: usize = 8;

/// Why cases cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// One of its files is not as it should be.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// A file could not be read or written.
    #[error("cannot {0} {1}: {2}")]
    File(&'static str, PathBuf, #[source] std::io::Error),
    /// The program could not be started.
    #[error("cannot start a run: {0}")]
    Start(#[source] std::io::Error),
    /// No run came about.
    #[error("the case {case} could not be run: {reason}")]
    NotRun {
        /// Which one.
        case: String,
        /// What the program said.
        reason: String,
    },
    /// What landed is more than a person would compare.
    #[error("the case {0} lands more than the limit of {limit} MiB", limit = expected::MAX_TREE >> 20)]
    TooLarge(String),
    /// A case of that name is there already.
    #[error("{0} is there already")]
    Exists(PathBuf),
}

/// What came of a case.
#[derive(Debug)]
pub struct Verdict {
    /// Its name.
    pub case: String,
    /// How long it took.
    pub took: Duration,
    /// What differs, by path below `expected/`; none where it passed.
    pub differences: Vec<(String, String)>,
    /// Whether what came out is what is expected from now on.
    pub blessed: bool,
    /// Why it could not be run.
    pub broken: Option<String>,
}

impl Verdict {
    /// One word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self { broken: Some(_), .. } => "broken",
            Self { blessed: true, .. } => "blessed",
            Self { differences, .. } if differences.is_empty() => "passed",
            _ => "failed",
        }
    }

    /// Whether it is as it should be.
    pub fn is_good(&self) -> bool {
        matches!(self.word(), "passed" | "blessed")
    }
}

/// Run cases side by side; what came of each, in their order.
pub fn run(extractor: &Extractor<'_>, cases: &[Case], bless: bool) -> Vec<Verdict> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Verdict>>> = Mutex::new(cases.iter().map(|_| None).collect());
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_AT_ONCE).min(cases.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((index, case)) = {
                    let index = next.fetch_add(1, Ordering::SeqCst);
                    cases.get(index).map(|case| (index, case))
                } {
                    let verdict = one(extractor, case, bless);
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[index] = Some(verdict);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).into_iter().flatten().collect()
}

fn one(extractor: &Extractor<'_>, case: &Case, bless: bool) -> Verdict {
    let watch = Stopwatch::start();
    let compared = compare(extractor, case, bless);
    let (differences, broken) = match compared {
        Ok(differences) => (differences, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let blessed = bless && broken.is_none();
    Verdict { case: case.name.clone(), took: watch.elapsed(), differences, blessed, broken }
}

fn compare(extractor: &Extractor<'_>, case: &Case, bless: bool) -> Result<Vec<(String, String)>, TestError> {
    let landed = running::run(extractor, case)?;
    let directory = case.directory.join("expected");
    if bless {
        expected::write(&directory, &landed)?;
    }
    let wanted = expected::read(&directory, &case.name)?;
    Ok(differences(&wanted, &landed, &directory))
}

fn differences(wanted: &Tree, landed: &Tree, directory: &Path) -> Vec<(String, String)> {
    let mut paths: Vec<&String> = wanted.keys().chain(landed.keys()).collect();
    paths.sort_unstable();
    paths.dedup();
    let differing = paths.into_iter().filter(|path| wanted.get(*path) != landed.get(*path));
    differing
        .map(|path| {
            let (old, new) = (wanted.get(path).map(Vec::as_slice), landed.get(path).map(Vec::as_slice));
            let name = directory.join(path).display().to_string();
            (path.clone(), crate::diff::unified(&name, "landed: ", old, new))
        })
        .collect()
}
