//! Landing in an object store: the real program against stores that other people wrote, through a proxy that plays a bad
//! network.

mod credentials;
mod decided;
mod faulty;
mod killed;
mod landing;
mod late;
mod leases;
mod moved;
mod parts;
mod proxied;
mod refused;
mod tokens;
mod told;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::process::{Child, Command};

use harness::between::{Between, Habit, Sent};
use harness::stores::{Make, Store};
use harness::{Environment, Origin, Ran, Reply, guest};

use crate::environment;

/// A landing zone in a bucket of its own, with a proxy before the store, and something to land.
struct Place {
    environment: Environment,
    store: Store,
    between: Between,
    origin: Origin,
}

impl Place {
    /// One in such a store; `None`, with the reason printed, where it cannot be had.
    fn new(make: Make) -> Option<Self> {
        Self::with_habit(make, Habit::Honest)
    }

    fn with_habit(make: Make, habit: Habit) -> Option<Self> {
        let store = Store::new(make)?;
        let between = Between::with_habit(store.server(), habit);
        let origin = Origin::start();
        origin.route("/tagged.csv", Reply::new("a,b\n1,2\n").etag("\"one\""));
        origin.route("/plain.csv", Reply::new("c,d\n3,4\n"));
        origin.route("/now", Reply::new("now\n"));
        for day in 1..=9 {
            origin.route(&format!("/2025-01-{day:02}"), Reply::new(format!("{day}\n")));
        }
        Some(Self { environment: environment(), store, between, origin })
    }

    /// The program with arguments and credentials, not started.
    fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.environment.command(arguments);
        command
            .env("LANDING_DIR", self.store.address())
            .env("HOME", self.environment.path())
            .envs(self.store.variables(self.between.address()));
        command
    }

    /// Run the program with arguments.
    fn host<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        ended(self.command(arguments))
    }

    /// A run that lands two files, one after the other.
    fn mirror_command(&self) -> Command {
        let urls = ["/tagged.csv", "/plain.csv"].map(|path| self.origin.url(path)).join(" ");
        let mut command = self.command(["run"]);
        command.arg(guest("mirror")).args(["--json", "--allow-http", &self.origin.grant()]);
        command.args(["--param", &format!("url={urls}"), "--param", "concurrency=1"]);
        command
    }

    fn mirror(&self) -> Ran {
        ended(self.mirror_command())
    }

    /// A run that lands a file for each day of a window, or one for now, and keeps a cursor.
    fn days_command(&self, window: Option<&str>) -> Command {
        let mut command = self.command(["run"]);
        command.arg(guest("probe")).args(["--json", "--allow-http", &self.origin.grant(), "--param", "do=days"]);
        command.args(["--param", &format!("url={}", self.origin.url("/"))]);
        command.args(window.map(|window| ["--backfill", window]).into_iter().flatten());
        command
    }

    fn days(&self, window: Option<&str>) -> Ran {
        ended(self.days_command(window))
    }

    /// The status of each run of an extractor, or of one of its windows as `NAME/WINDOW`.
    fn statuses(&self, name: &str) -> Vec<String> {
        let state = self.store.state(name);
        let sql = "SELECT status FROM extraction_runs ORDER BY run_id";
        let mut statement = state.prepare(sql).expect(sql);
        statement.query_map([], |row| row.get(0)).expect(sql).map(|row| row.expect(sql)).collect()
    }

    /// How often each method was used of each kind of object.
    fn counted(&self) -> BTreeMap<String, usize> {
        let mut counted = BTreeMap::new();
        for Sent { method, target, .. } in self.between.asked() {
            let kind = match &*target {
                target if target.contains(".state/.conditions") => "marker",
                target if target.contains(".sqlite.gz") => "state",
                target if target.contains("list") => "list",
                _ => "file",
            };
            *counted.entry(format!("{method} {kind}")).or_default() += 1;
        }
        counted
    }

    /// Insist that what landed is just this, and that everything that is recorded is there.
    #[track_caller]
    fn holds(&self, contents: &[&str], when: &str) {
        assert_eq!(self.store.wrong(), [""; 0], "{when}");
        let mut landed: Vec<_> = self.store.landed().into_values().collect();
        landed.sort();
        let landed: Vec<_> = landed.iter().map(|content| String::from_utf8_lossy(content)).collect();
        assert_eq!(landed, contents, "{when}");
    }
}

fn ended(mut command: Command) -> Ran {
    Ran::new(command.output().expect("the program"))
}

fn end_of(child: Child) -> Ran {
    Ran::new(child.wait_with_output().expect("the program"))
}
