//! Who may write a state: one run at a time, for its lease, and nobody who comes late.

use std::process::Child;

use harness::soak::times;
use harness::stores::Make;
use harness::{Gate, Ran, Reply};

use super::landing::MIRRORED;
use super::{Place, end_of, ended};
use crate::signals::signal;
use crate::until;

/// Where a run waits for its origin, with a lease of this time.
fn place(make: Make, lease: &str) -> Option<Place> {
    let place = Place::new(make)?;
    place.environment.write("host.toml", format!("[store]\nlease = \"{lease}\"\n"));
    Some(place)
}

/// Have the origin answer a path only once the second gate is open; the first one opens when it is asked for.
pub(super) fn held(place: &Place, path: &str, content: &str) -> (Gate, Gate) {
    let (reached, hold) = (Gate::default(), Gate::default());
    place.origin.route(path, Reply::new(content).gated(&reached, &hold));
    (reached, hold)
}

/// A mirror that waits for its second file, and the gate that lets it go on.
pub(super) fn waiting(place: &Place) -> (Child, Gate) {
    let (reached, hold) = held(place, "/plain.csv", MIRRORED[1]);
    let child = place.mirror_command().spawn().expect("the program");
    assert!(reached.wait(), "the run never asked");
    (child, hold)
}

fn wait_for(place: &Place) -> Ran {
    let mut command = place.mirror_command();
    command.arg("--wait=60s");
    ended(command)
}

#[test]
fn a_second_run_is_told_of_the_lease_and_another_extractor_is_not_kept_waiting() {
    for make in Make::ALL {
        let Some(place) = place(make, "1h") else { continue };
        let (child, hold) = waiting(&place);
        let refused = place.mirror().exits(75);
        let (before, after) = ("error: another run of mirror has its lease, for ", " s more unless it renews it\n");
        let first = refused.stderr.split_inclusive('\n').next().unwrap_or_default();
        let left = first.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).unwrap_or_default();
        assert!((3500..=3600).contains(&left.parse().unwrap_or(0)), "{refused:?}");
        assert!(
            refused.stderr.ends_with("hint: wait for it with `--wait`; `host runs` shows when it started\n"),
            "{refused:?}"
        );
        place.days(None).exits(0);
        hold.open();
        end_of(child).exits(0);
        assert_eq!(place.statuses("mirror"), ["success"], "{make:?}");
        place.mirror().exits(0);
    }
}

#[test]
fn a_killed_run_keeps_others_out_for_its_lease_and_no_longer() {
    for make in Make::ALL {
        let Some(place) = place(make, "3s") else { continue };
        let (mut child, hold) = waiting(&place);
        child.kill().expect("a signal");
        child.wait().expect("an end");
        hold.open();
        place.mirror().exits(75).says("another run of mirror has its lease, for ");
        place.origin.route("/plain.csv", Reply::new(MIRRORED[1]));
        wait_for(&place)
            .exits(0)
            .says("an earlier run was killed, or the machine stopped, before it ended; it is marked as failed");
        assert_eq!(place.statuses("mirror"), ["failed", "success"], "{make:?}");
        place.holds(&MIRRORED, "after the take-over");
    }
}

#[test]
fn a_run_that_comes_back_late_is_fenced_and_says_so() {
    for make in Make::ALL {
        let Some(place) = place(make, "3s") else { continue };
        let (child, hold) = waiting(&place);
        signal("STOP", child.id());
        place.origin.route("/plain.csv", Reply::new("somebody else's turn\n"));
        wait_for(&place).exits(0);
        let between = place.store.objects();
        signal("CONT", child.id());
        hold.open();
        let late = end_of(child).exits(1);
        let why = "another run took over the lease of this one, which did not renew it in time, so that its end does not count";
        assert!(late.stderr.contains(why), "{make:?}: {late:?}");
        assert_eq!(late.json()["status"], "failed", "{late:?}");
        // What it landed is whole, and nothing that was there is another.
        let after = place.store.objects();
        assert!(between.iter().all(|(path, content)| after.get(path) == Some(content)), "{make:?}");
        assert_eq!(place.store.wrong(), [""; 0]);
        assert_eq!(place.statuses("mirror"), ["failed", "success"]);
        place.origin.route("/plain.csv", Reply::new(MIRRORED[1]));
        place.mirror().exits(0);
        place.holds(&[MIRRORED[0], MIRRORED[1], "somebody else's turn\n"], "after the late one");
    }
}

#[test]
fn a_run_that_takes_longer_than_its_lease_keeps_it() {
    let Some(place) = place(Make::S3, "3s") else { return };
    let (mut child, hold) = waiting(&place);
    let written = || place.counted().get("PUT state").copied().unwrap_or_default();
    // One a second: the fifth comes when the first has long lost its time.
    until(&mut child, |_| written() >= 6);
    place.mirror().exits(75);
    hold.open();
    end_of(child).exits(0);
    assert_eq!(place.statuses("mirror"), ["success"]);
    place.holds(&MIRRORED, "after a long run");
}

#[test]
fn windows_that_share_no_day_run_side_by_side_and_others_say_who_is_in_the_way() {
    for make in Make::ALL {
        let Some(place) = Place::new(make) else { continue };
        let (reached, hold) = held(&place, "/2025-01-02", "2\n");
        let first = place.days_command(Some("2025-01-01..2025-01-04")).spawn().expect("the program");
        assert!(reached.wait(), "the run never asked");
        place.days(Some("2025-01-04..2025-01-06")).exits(0);
        place.days(None).exits(0);
        for window in
            ["2025-01-01..2025-01-04", "2025-01-03..2025-01-05", "2025-01-01..2025-01-02", "2025-01-01..2025-01-09"]
        {
            let says = "another run of probe for 2025-01-01..2025-01-04 has its lease, for ";
            place.days(Some(window)).exits(75).says(says);
        }
        hold.open();
        end_of(first).exits(0);
        assert_eq!(place.statuses("probe/2025-01-01..2025-01-04"), ["success"]);
        // One that was refused since another was in the way has left nothing that keeps it from running now.
        place.days(Some("2025-01-03..2025-01-05")).exits(0);
        place.holds(&["1\n", "2\n", "3\n", "4\n", "5\n", "now\n"], "after all windows");
        assert_eq!(place.statuses("probe/2025-01-03..2025-01-05"), ["success"]);
    }
}

#[test]
fn of_many_at_once_one_runs() {
    let count = times(12, 50);
    for round in 0..times(1, 100) {
        for make in Make::ALL {
            let Some(place) = Place::new(make) else { continue };
            if round % 2 == 1 {
                // There is a state already.
                place.mirror().exits(0);
            }
            let (_, hold) = held(&place, "/plain.csv", "another\n");
            let mut children: Vec<Child> =
                (0..count).map(|_| place.mirror_command().spawn().expect("the program")).collect();
            // The one that runs waits for its origin.
            let mut ended = Vec::new();
            while children.len() > 1 {
                children.retain_mut(|child| match child.try_wait().expect("a child") {
                    Some(status) => {
                        ended.push(status.code());
                        false
                    }
                    None => true,
                });
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            assert_eq!(ended, vec![Some(75); count - 1], "{make:?}, round {round}");
            hold.open();
            end_of(children.remove(0)).exits(0);
            assert_eq!(place.statuses("mirror").last().map(String::as_str), Some("success"));
            assert_eq!(place.statuses("mirror").len(), round % 2 + 1, "{make:?}, round {round}");
            assert_eq!(place.store.wrong(), [""; 0], "{make:?}, round {round}");
        }
    }
}
