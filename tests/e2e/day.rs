//! Two days in the life of five extractors: their origin changes, fails, lies and recovers, and runs are killed.
//! Whoever asks the host about it afterwards hears one story, and it is the one that [`model`] tells.

mod model;
mod scraped;
mod told;

use std::collections::BTreeSet;
use std::process::Command;

use harness::{Environment, Gate, Origin, Part, Ran, Reply};

use crate::environment;
use crate::named::extractor;
use crate::signals::signal;
use model::{Extractor, Turn, content, tag};

/// From the beginning of 2025-06-15 on.
const HOURS: u32 = 48;

/// What happens at which hour; until something else does, it stays so.
const SCRIPT: [(u32, &str, Turn); 19] = [
    (6, "changing", Turn::Has(1)),
    (10, "failing", Turn::Fails),
    (12, "changing", Turn::Has(2)),
    (12, "changing", Turn::Killed),
    (16, "failing", Turn::Has(1)),
    (18, "changing", Turn::Has(1)),
    (20, "lying", Turn::Lies),
    (24, "changing", Turn::Has(3)),
    (25, "lying", Turn::Has(0)),
    (26, "resting", Turn::Rests),
    (30, "changing", Turn::Has(4)),
    (36, "resting", Turn::Runs),
    (36, "resting", Turn::Has(1)),
    (36, "changing", Turn::Has(5)),
    (40, "steady", Turn::Killed),
    (41, "resting", Turn::Rests),
    (42, "changing", Turn::Has(6)),
    (44, "failing", Turn::Fails),
    (46, "lying", Turn::Killed),
];

const NAMES: [&str; 5] = ["changing", "failing", "lying", "resting", "steady"];

const PAGE: &str = "<!DOCTYPE html>\n<title>Down for maintenance</title>\n";

/// Of all extractors: what is expected, where the numbers go, and who is told.
const ALL: &str = r#"
[defaults]
stale-after = "5h"
[metrics]
textfile = "host.prom"
[notify.log]
on = ["success", "failure", "recovery", "landed", "stale"]
command = ["sh", "-c", "echo $HOST_EXTRACTOR $HOST_EVENT $HOST_RUN_ID >> told"]
"#;

/// The extractors, their origin, and what has become of them.
struct Days {
    environment: Environment,
    origin: Origin,
    /// What has the program live at another time.
    preload: String,
    story: Vec<Extractor>,
}

impl Days {
    fn begin(preload: String) -> Self {
        let (environment, origin) = (environment(), Origin::start());
        let table = |name| extractor(name, &origin, &format!("/{name}.csv")) + "schedule = \"0 * * * *\"\n";
        environment.write("host.toml", format!("{ALL}{}", NAMES.map(table).concat()));
        let story = NAMES.map(Extractor::new).into();
        Self { environment, origin, preload, story }
    }

    /// The program by a clock that begins at this moment.
    fn command(&self, (hour, minute): (u32, u32), arguments: &[&str]) -> Command {
        let mut command = self.environment.command(arguments);
        let moment = format!("@2025-06-{} {:02}:{minute:02}:00", 15 + hour / 24, hour % 24);
        command.env("LD_PRELOAD", &self.preload).env("FAKETIME", moment).env("TZ", "UTC");
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command
    }

    fn host(&self, moment: (u32, u32), arguments: &[&str]) -> Ran {
        Ran::new(self.command(moment, arguments).output().expect("the program"))
    }

    /// One hour: what the script says, a run of everybody who is not left out, and somebody who looks half an hour later.
    fn pass(&mut self, hour: u32) {
        let mut killed = BTreeSet::new();
        for (_, name, turn) in SCRIPT.into_iter().filter(|(at, ..)| *at == hour) {
            let one = self.story.iter_mut().find(|one| one.name == name).expect(name);
            one.turns(turn);
            if turn == Turn::Killed {
                killed.insert(name);
            }
        }
        let mut run = vec!["run"];
        for one in &self.story {
            self.origin.route(&format!("/{}.csv", one.name), answer(one));
            if killed.contains(one.name) {
                self.kill(hour, one);
            } else if !one.rests {
                run.push(one.name);
            }
        }
        if run.len() > NAMES.len() {
            run = vec!["run", "--all"];
        }
        let ran = self.host((hour, 0), &run);
        for one in self.story.iter_mut().filter(|one| !one.rests) {
            one.run(hour, killed.contains(one.name));
        }
        let failed = self.story.iter().any(|one| !one.rests && !killed.contains(one.name) && one.is_failing());
        ran.exits(i32::from(failed));
        self.host((hour, 30), &["watch"]).exits(0);
        self.story.iter_mut().for_each(|one| one.watched(hour));
        self.status_agrees(hour);
    }

    /// A run that SIGKILL ends while the body comes.
    fn kill(&self, hour: u32, one: &Extractor) {
        let Turn::Has(version) = one.meets else { panic!("no body comes to {}", one.name) };
        let content = content(one.name, version);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", content.len());
        let half = content[..content.len() / 2].to_vec();
        let (reached, hold) = (Gate::default(), Gate::default());
        let parts = vec![Part::Bytes(head.into()), Part::Bytes(half), Part::Open(reached.clone())];
        self.origin.route(
            &format!("/{}.csv", one.name),
            Reply::parts(parts.into_iter().chain([Part::Hold(hold.clone())]).collect()),
        );
        let mut run = self.command((hour, 0), &["run", one.name]).spawn().expect("the program");
        assert!(reached.wait(), "the run never asked");
        signal("KILL", run.id());
        run.wait().expect("the program");
        hold.open();
    }
}

/// What the origin says to an extractor.
fn answer(one: &Extractor) -> Reply {
    match (one.meets, tag(one.name)) {
        (Turn::Has(version), Some(tag)) => Reply::new(content(one.name, version)).etag(&format!("\"{tag}\"")),
        (Turn::Has(version), None) => Reply::new(content(one.name, version)),
        (Turn::Lies, _) => Reply::new(PAGE).header("Content-Type", "text/csv"),
        _ => Reply::status(500),
    }
}

#[test]
fn after_two_days_of_trouble_everybody_tells_the_same_story() {
    let Some(preload) = crate::clock::preload() else { return };
    let mut days = Days::begin(preload);
    for hour in 0..HOURS {
        days.pass(hour);
    }
    let ids = days.runs_agree();
    days.files_agree(&ids);
    days.database_agrees(&ids);
    days.metrics_agree();
    days.page_agrees();
    days.notices_agree(&ids);
    days.origin_agrees();
    let verified = days.host((HOURS, 0), &["verify", "--read-data"]).exits(0).stdout;
    assert!(verified.ends_with("nothing wrong\n"), "{verified}");
}
