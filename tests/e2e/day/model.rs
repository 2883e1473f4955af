//! The story as it has to be: what becomes of each extractor by the script alone. It knows nothing of the host.

use sha2::{Digest as _, Sha256};

/// How long a success lasts, in hours; `stale-after` of the test's configuration.
const FRESH: u32 = 5;

/// What an extractor meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// From now on the origin has this version of the content.
    Has(u32),
    /// From now on the origin answers with status 500.
    Fails,
    /// From now on the origin sends an error page, and says that all is well.
    Lies,
    /// From now on nobody runs it.
    Rests,
    /// From now on it is run again.
    Runs,
    /// Its run of this hour is ended by SIGKILL while the body comes.
    Killed,
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With a new file of this version.
    Landed(u32),
    /// With nothing new.
    Unchanged,
    /// By what the origin answered: part of what is said of it.
    Failed(&'static str),
}

/// What is said of a run that SIGKILL ended.
pub(super) const KILLED: &str = "the run was killed, or the machine stopped, before it ended";

/// What is said of a content that is a page.
pub(super) const UNEXPECTED: &str = "the content is not as expected: it is an HTML page, and no csv";

#[derive(Debug)]
pub(super) struct Run {
    pub(super) hour: u32,
    pub(super) end: End,
}

impl Run {
    pub(super) fn succeeded(&self) -> bool {
        !matches!(self.end, End::Failed(_))
    }
}

/// What somebody is told: of a run by its place among the runs, or in an hour without one.
#[derive(Debug)]
pub(super) struct Notice {
    pub(super) event: &'static str,
    pub(super) run: Option<usize>,
    pub(super) hour: u32,
}

#[derive(Debug)]
pub(super) struct Extractor {
    pub(super) name: &'static str,
    /// What the origin does.
    pub(super) meets: Turn,
    pub(super) rests: bool,
    pub(super) runs: Vec<Run>,
    pub(super) told: Vec<Notice>,
    /// Whether somebody knows that it fails, and that it is stale.
    knows: (bool, bool),
    /// Versions that landed, and their hours.
    pub(super) files: Vec<(u32, u32)>,
    /// What it stood for in turn, and since when.
    pub(super) changes: Vec<(u32, u32)>,
}

impl Extractor {
    pub(super) fn new(name: &'static str) -> Self {
        let (runs, told, files, changes) = Default::default();
        Self { name, meets: Turn::Has(0), rests: false, runs, told, knows: (false, false), files, changes }
    }

    pub(super) fn turns(&mut self, turn: Turn) {
        match turn {
            Turn::Has(_) | Turn::Fails | Turn::Lies => self.meets = turn,
            Turn::Rests | Turn::Runs => self.rests = turn == Turn::Rests,
            Turn::Killed => {}
        }
    }

    /// One run, and who is told of it.
    pub(super) fn run(&mut self, hour: u32, killed: bool) {
        let end = match self.meets {
            _ if killed => End::Failed(KILLED),
            Turn::Fails => End::Failed("status 500"),
            Turn::Lies => End::Failed(UNEXPECTED),
            Turn::Has(version) => self.finds(version, hour),
            Turn::Rests | Turn::Runs | Turn::Killed => unreachable!("no origin does that"),
        };
        let failed_before = self.runs.last().is_some_and(|run| !run.succeeded());
        self.runs.push(Run { hour, end });
        let mut tell = |event| self.told.push(Notice { event, run: Some(self.runs.len() - 1), hour });
        match end {
            // Nobody is left to tell of it.
            End::Failed(KILLED) => {}
            End::Failed(_) => {
                if !std::mem::replace(&mut self.knows.0, true) {
                    tell("failure");
                }
            }
            End::Landed(_) | End::Unchanged => {
                tell("success");
                if failed_before || self.knows.1 {
                    tell("recovery");
                }
                if end != End::Unchanged {
                    tell("landed");
                }
                self.knows = (false, false);
            }
        }
    }

    fn finds(&mut self, version: u32, hour: u32) -> End {
        if self.changes.last().is_none_or(|(last, _)| *last != version) {
            self.changes.push((version, hour));
        }
        if self.files.iter().any(|(known, _)| *known == version) {
            return End::Unchanged;
        }
        self.files.push((version, hour));
        End::Landed(version)
    }

    /// Somebody looks half an hour later.
    pub(super) fn watched(&mut self, hour: u32) {
        if self.is_stale(hour) && !std::mem::replace(&mut self.knows.1, true) {
            self.told.push(Notice { event: "stale", run: None, hour });
        }
    }

    /// Half an hour later: its last success is too long ago, or it was due twice and did not start.
    pub(super) fn is_stale(&self, hour: u32) -> bool {
        let since = |past: Option<&Run>| past.map(|run| hour - run.hour);
        since(self.last(true)).is_some_and(|hours| hours >= FRESH) || since(self.runs.last()).is_some_and(|h| h >= 2)
    }

    /// The last run that succeeded, or that failed.
    pub(super) fn last(&self, success: bool) -> Option<&Run> {
        self.runs.iter().rfind(|run| run.succeeded() == success)
    }

    pub(super) fn is_failing(&self) -> bool {
        self.runs.last().is_some_and(|run| !run.succeeded())
    }

    pub(super) fn condition(&self, hour: u32) -> &'static str {
        match (self.is_failing(), self.is_stale(hour)) {
            (true, _) => "failing",
            (false, true) => "stale",
            (false, false) => "ok",
        }
    }

    pub(super) fn streak(&self) -> i64 {
        let failing = self.is_failing();
        let length = self.runs.iter().rev().take_while(|run| run.succeeded() != failing).count() as i64;
        if failing { -length } else { length }
    }

    /// How many of its runs ended so.
    pub(super) fn count(&self, is: impl Fn(End) -> bool) -> u64 {
        self.runs.iter().filter(|run| is(run.end)).count() as u64
    }

    /// Where the file of a version is: by its tag, or by its digest and the day on which it landed.
    pub(super) fn path(&self, version: u32) -> String {
        let landed = self.files.iter().find(|(known, _)| *known == version);
        let (_, hour) = landed.expect("a version that landed");
        match tag(self.name) {
            Some(tag) => format!("{}/2025/06/{tag}.csv.gz", self.name),
            None => {
                let digest = digest(&content(self.name, version));
                format!("{}/2025/2025-06-{}_{}.csv.gz", self.name, 15 + hour / 24, &digest[..8])
            }
        }
    }
}

/// The tag that comes with its content.
pub(super) fn tag(name: &str) -> Option<&'static str> {
    (name == "steady").then_some("steady-1")
}

/// What the origin has of an extractor: for the one that changes more than is held in memory, else a line.
pub(super) fn content(name: &str, version: u32) -> Vec<u8> {
    let lines = if name == "changing" { 6000 } else { 1 };
    let lines = (0..lines).map(|line| harness::reply::line(u64::from(version) * 10_000 + line));
    format!("{name} {version}\n").into_bytes().into_iter().chain(lines.flatten()).collect()
}

pub(super) fn digest(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}
