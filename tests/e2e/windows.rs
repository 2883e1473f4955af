//! Runs of one extractor at the same time: those that share no day, those that do, and what becomes of each.

use std::collections::BTreeSet;
use std::process::Child;

use harness::soak::{Numbers, times};
use harness::{Environment, Gate, Origin, Ran, Reply};

use crate::signals::signal;
use crate::{environment, until};

/// A server with a content of its own for each of so many days of January 2025, and one for now.
fn origin(days: u32) -> Origin {
    let origin = Origin::start();
    origin.route("/now", Reply::new("now\n"));
    for day in 1..=days {
        origin.route(&path(day), Reply::new(format!("{day}\n")));
    }
    origin
}

fn path(day: u32) -> String {
    format!("/2025-01-{day:02}")
}

/// The days of January 2025 from the first on, the second not included.
fn january(start: u32, end: u32) -> String {
    format!("2025-01-{start:02}..2025-01-{end:02}")
}

fn arguments(origin: &Origin, prefix: &str, window: Option<&str>) -> Vec<String> {
    let (grant, url) = (origin.grant(), format!("url={}", origin.url(prefix)));
    let mut all = vec!["--allow-http", &grant, "--param", "do=days", "--param", &url];
    all.extend(window.map(|window| ["--backfill", window]).into_iter().flatten());
    all.into_iter().map(str::to_owned).collect()
}

fn run(environment: &Environment, origin: &Origin, window: Option<&str>) -> Ran {
    Ran::new(spawn(environment, origin, window).wait_with_output().expect("the program"))
}

fn spawn(environment: &Environment, origin: &Origin, window: Option<&str>) -> Child {
    let arguments = arguments(origin, "/", window);
    environment.spawn("probe", &arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Have a day answered only once the second gate is open; the first one opens when it is asked for.
fn held(origin: &Origin, day: u32) -> (Gate, Gate) {
    let (reached, hold) = (Gate::default(), Gate::default());
    origin.route(&path(day), Reply::new(format!("{day}\n")).gated(&reached, &hold));
    (reached, hold)
}

fn ended(child: Child) -> Ran {
    Ran::new(child.wait_with_output().expect("the program"))
}

fn findings(environment: &Environment) -> Vec<String> {
    let json = environment.host(["verify", "--read-data", "--json"]).json();
    let findings = json["findings"].as_array().expect("findings");
    findings.iter().map(|finding| finding["kind"].as_str().expect("a kind").to_owned()).collect()
}

#[test]
fn windows_that_share_no_day_run_side_by_side_and_others_say_who_is_in_the_way() {
    let environment = environment();
    let origin = origin(9);
    let (reached, hold) = held(&origin, 2);
    let first = spawn(&environment, &origin, Some(&january(1, 4)));
    assert!(reached.wait(), "the run never asked");
    run(&environment, &origin, Some(&january(4, 6))).exits(0);
    run(&environment, &origin, None).exits(0);
    run(&environment, &origin, Some(&january(1, 4)))
        .exits(75)
        .says("another run of probe for 2025-01-01..2025-01-04 holds the lock of that window in ");
    for (start, end) in [(3, 5), (1, 2), (2, 3), (1, 9)] {
        let window = january(start, end);
        run(&environment, &origin, Some(&window)).exits(75).says(&format!(
            "another run of probe for 2025-01-01..2025-01-04, which overlaps {window}, holds its lock in "
        ));
    }
    // Nobody takes a run that goes on for a dead one, and its cursor alone is its own.
    assert!(!findings(&environment).contains(&"stale".to_owned()));
    let status = environment.host(["status", "--json"]).json();
    assert!(status["extractors"][0]["running_since"].is_string(), "{status}");
    assert!(status["extractors"][0]["condition"] == "ok", "{status}");
    let set = |window: &str| environment.host(["cursor", "set", "probe", "x", "--backfill", window]);
    set(&january(1, 4)).exits(75).says("a run of probe for 2025-01-01..2025-01-04 holds the lock of that window");
    set(&january(4, 6)).exits(0);
    hold.open();
    ended(first).exits(0);
    assert_eq!(
        environment.query(
            "SELECT coalesce(period, 'now') || ' ' || status || ' ' || files_written
               FROM extraction_runs LEFT JOIN run_windows USING (run_id) ORDER BY run_id"
        ),
        ["2025-01-01..2025-01-04 success 3", "2025-01-04..2025-01-06 success 2", "now success 1"]
    );
    assert_eq!((environment.paths().len(), findings(&environment)), (6, vec![]));
}

#[test]
fn where_a_system_has_no_such_locks_one_run_of_an_extractor_goes_on_at_a_time() {
    let Some(environment) = environment().on_a_lean_kernel() else { return };
    let origin = origin(9);
    let (reached, hold) = held(&origin, 2);
    let first = spawn(&environment, &origin, Some(&january(1, 4)));
    assert!(reached.wait(), "the run never asked");
    for window in [None, Some(&*january(1, 4)), Some(&*january(5, 6))] {
        run(&environment, &origin, window).exits(75).says("another run of probe holds its lock in ");
    }
    assert!(!findings(&environment).contains(&"stale".to_owned()));
    hold.open();
    ended(first).exits(0);
    run(&environment, &origin, Some(&january(5, 6))).exits(0);
    assert_eq!((environment.paths().len(), findings(&environment)), (4, vec![]));
}

#[test]
fn a_run_for_the_newest_data_excludes_itself_and_no_window() {
    let (environment, origin) = (environment(), origin(3));
    let (reached, hold) = (Gate::default(), Gate::default());
    origin.route("/now", Reply::new("now\n").gated(&reached, &hold));
    let first = spawn(&environment, &origin, None);
    assert!(reached.wait(), "the run never asked");
    run(&environment, &origin, None).exits(75).says("another run of probe holds its lock in ");
    run(&environment, &origin, Some(&january(1, 3))).exits(0);
    hold.open();
    ended(first).exits(0);
    // Neither moved the other's cursor.
    let cursors = environment.query("SELECT period || '=' || value FROM cursors");
    assert_eq!(cursors, ["2025-01-01..2025-01-03=2025-01-03"]);
}

#[test]
fn one_window_is_killed_while_another_goes_on() {
    let (environment, origin) = (environment(), origin(9));
    let [(one_reached, one), (other_reached, other)] = [held(&origin, 2), held(&origin, 5)];
    let mut killed = spawn(&environment, &origin, Some(&january(1, 4)));
    let going_on = spawn(&environment, &origin, Some(&january(4, 7)));
    assert!(one_reached.wait() && other_reached.wait(), "they never asked");
    signal("KILL", killed.id());
    killed.wait().expect("the program");
    assert_eq!(findings(&environment).iter().filter(|kind| *kind == "stale").count(), 1);
    // Whoever comes next finds the dead one, and leaves the one that goes on alone.
    run(&environment, &origin, Some(&january(8, 9))).exits(0).says("was killed, or the machine stopped");
    let statuses = "SELECT status FROM extraction_runs ORDER BY run_id";
    let found = environment.query(statuses);
    assert_eq!(found.iter().filter(|status| *status == "failed").count(), 1, "{found:?}");
    assert_eq!(found.iter().filter(|status| *status == "running").count(), 1, "{found:?}");
    one.open();
    let again = run(&environment, &origin, Some(&january(1, 4))).exits(0);
    assert!(!again.stderr.contains("was killed"), "{again:?}");
    other.open();
    ended(going_on).exits(0);
    let mut found = environment.query(statuses);
    found.sort();
    assert_eq!(found, ["failed", "success", "success", "success"]);
    // What the dead run landed is there once, whoever recorded it.
    assert_eq!((environment.paths().len(), findings(&environment)), (7, vec![]));
}

#[test]
fn the_next_run_of_an_overlapping_window_finds_the_dead_one() {
    let (environment, origin) = (environment(), origin(9));
    let (reached, hold) = held(&origin, 2);
    let mut killed = spawn(&environment, &origin, Some(&january(1, 4)));
    assert!(reached.wait(), "the run never asked");
    signal("KILL", killed.id());
    killed.wait().expect("the program");
    hold.open();
    run(&environment, &origin, Some(&january(3, 5))).exits(0).says("was killed");
    assert_eq!(environment.query("SELECT status FROM extraction_runs ORDER BY run_id"), ["failed", "success"]);
}

#[test]
fn of_many_that_start_at_once_no_two_share_a_day_and_nobody_is_refused_for_nothing() {
    let mut numbers = Numbers::new(13);
    for round in 0..times(2, 100) {
        let (environment, origin) = (environment(), Origin::start());
        let hold = Gate::default();
        let windows: Vec<(u32, u32)> = (0..24)
            .map(|_| {
                let start = 1 + numbers.below(27) as u32;
                (start, start + 1 + numbers.below(3) as u32)
            })
            .collect();
        let start = |(number, (start, end)): (usize, &(u32, u32))| {
            for day in *start..*end {
                let content = Reply::new(format!("{number} {day}\n")).gated(&Gate::default(), &hold);
                origin.route(&format!("/{number}{}", path(day)), content);
            }
            let arguments = arguments(&origin, &format!("/{number}/"), Some(&january(*start, *end)));
            environment.spawn("probe", &arguments.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let mut children: Vec<Child> = windows.iter().enumerate().map(start).collect();
        for (number, child) in children.iter_mut().enumerate() {
            let asks = |asked: &str| asked.starts_with(&format!("/{number}/"));
            until(child, |child| {
                child.try_wait().expect("the program").is_some()
                    || origin.asked().iter().any(|asked| asks(&asked.target))
            });
        }
        // None has ended that began, so those are all that are in anybody's way.
        hold.open();
        let codes: Vec<Option<i32>> = children.into_iter().map(|child| ended(child).code).collect();
        let of = |code| windows.iter().zip(&codes).filter(move |(_, found)| **found == Some(code)).map(|(one, _)| *one);
        let (began, refused): (Vec<_>, Vec<_>) = (of(0).collect(), of(75).collect());
        assert_eq!(began.len() + refused.len(), windows.len(), "round {round}: {codes:?}");
        let days: Vec<u32> = began.iter().flat_map(|(start, end)| *start..*end).collect();
        let shared: BTreeSet<u32> = days.iter().copied().collect();
        assert_eq!(days.len(), shared.len(), "round {round}: {began:?}");
        for (start, end) in &refused {
            assert!((*start..*end).any(|day| shared.contains(&day)), "round {round}: {start}..{end} of {began:?}");
        }
        assert_eq!((environment.paths().len(), findings(&environment)), (days.len(), vec![]), "round {round}");
    }
}

#[test]
fn the_same_content_of_two_windows_at_once_is_there_twice_counted_and_told() {
    let (environment, origin) = (environment(), origin(9));
    origin.route(&path(1), Reply::new("same\n"));
    origin.route(&path(5), Reply::new("same\n"));
    let (reached, hold) = held(&origin, 2);
    let first = spawn(&environment, &origin, Some(&january(1, 3)));
    assert!(reached.wait(), "the run never asked");
    // What the first one has landed by now is not recorded yet.
    let second = run(&environment, &origin, Some(&january(5, 6))).exits(0);
    assert_eq!((&second.json()["files_written"], &second.json()["duplicates"]), (&1.into(), &0.into()));
    hold.open();
    let first = ended(first).exits(0);
    assert_eq!((&first.json()["files_written"], &first.json()["duplicates"]), (&2.into(), &1.into()));
    let said = "holds the same as probe/2025/2025-01-05_";
    let first = first.says(said).says("which another run landed at the same time");
    let log = environment.host(["show", "1"]).exits(0);
    assert!(log.stdout.contains(said), "{log:?}\n{first:?}");
    assert_eq!((environment.paths().len(), findings(&environment)), (3, vec!["duplicate".to_owned()]));
    // One after the other they know of each other.
    origin.route(&path(7), Reply::new("same\n"));
    let third = run(&environment, &origin, Some(&january(7, 8))).exits(0).json();
    assert_eq!((&third["files_written"], &third["files_skipped"]), (&0.into(), &1.into()));
}
