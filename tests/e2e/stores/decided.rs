//! What somebody decides about files of a store: what is in quarantine, and what has to be erased.

mod faults;

use std::process::{Child, Command, Stdio};

use harness::between::{Fault, Sent};
use harness::stores::Make;
use harness::{Gate, Ran, Reply, guest};

use super::landing::MIRRORED;
use super::leases::{held, waiting};
use super::{Place, end_of, ended};

const PAGE: &str = "<!DOCTYPE html>\n<title>503</title>\n";

/// A place with one file that landed, and an HTML page in quarantine; the path of that.
fn quarantined(make: Make) -> Option<(Place, String)> {
    let place = Place::new(make)?;
    place.origin.route("/plain.csv", Reply::new(PAGE));
    place.mirror().exits(1).says("hint: `host quarantine show .quarantine/mirror/");
    let listed = place.host(["quarantine", "list", "--json"]).exits(0).json();
    let path = listed[0]["path"].as_str().expect("a path").to_owned();
    Some((place, path))
}

/// A place with both files, and the path of the first.
fn landed(make: Make) -> Option<(Place, String)> {
    let place = Place::new(make)?;
    place.mirror().exits(0);
    let path = path_of(&place, MIRRORED[0]);
    Some((place, path))
}

fn path_of(place: &Place, content: &str) -> String {
    let landed = place.store.landed().into_iter().find(|(_, found)| found == content.as_bytes());
    landed.expect("a file").0
}

fn erase(place: &Place, path: &str) -> Ran {
    place.host(["erase", "--yes", "--reason", "request 17", path])
}

#[track_caller]
fn sound(place: &Place, when: &str) {
    let found = place.host(["verify", "--read-data"]);
    assert!(found.code == Some(0) && found.stdout.ends_with("nothing wrong\n"), "{when}: {found:?}");
}

#[test]
fn a_content_in_quarantine_lands_after_all_or_is_removed() {
    for make in Make::ALL {
        let Some((place, path)) = quarantined(make) else { continue };
        let shown = place.host(["quarantine", "show", &path[".quarantine/".len()..]]).exits(0).stdout;
        assert!(shown.contains("<!DOCTYPE html>"), "{shown}");
        let accepted = place.host(["quarantine", "accept", &path]).exits(0).stdout;
        let landed = path_of(&place, PAGE);
        assert_eq!(accepted, format!("{path} has landed as {landed}\n"));
        place.holds(&[PAGE, MIRRORED[0]], "accepted");
        sound(&place, "accepted");
        assert_eq!(place.host(["quarantine", "list", "--json"]).exits(0).json(), serde_json::json!([]));
        // The next run finds that it landed.
        assert_eq!(place.mirror().exits(0).json()["files_written"], 0);
        place.origin.route("/plain.csv", Reply::new("<html>another</html>"));
        place.mirror().exits(1);
        let path = place.host(["quarantine", "list", "--json"]).exits(0).json()[0]["path"].clone();
        let path = path.as_str().expect("a path");
        assert_eq!(place.host(["quarantine", "drop", path]).exits(0).stdout, format!("{path} is removed\n"));
        place.holds(&[PAGE, MIRRORED[0]], "removed");
        sound(&place, "removed");
        assert!(!place.store.objects().contains_key(path), "{make:?}");
        place.host(["quarantine", "drop", path]).exits(2).says("nothing in quarantine is named");
    }
}

#[test]
fn erased_content_lands_again_in_no_run_of_its_extractor_until_it_may() {
    for make in Make::ALL {
        let Some((place, path)) = landed(make) else { continue };
        assert_eq!(erase(&place, &path).exits(0).stdout, format!("{path} is erased\n"));
        place.holds(&MIRRORED[1..], "erased");
        sound(&place, "erased");
        place.mirror().exits(0).says("did not land, since it was erased");
        place.holds(&MIRRORED[1..], "after a run");
        place.between.script([]);
        let said = erase(&place, &path).exits(0).stdout;
        assert_eq!(place.counted().get("PUT state"), None, "nothing was to be changed");
        assert!(said.starts_with(&format!("{path} is not there any more; its erasure is of ")), "{said}");
        place.host(["erase", "--lift", &path]).exits(0);
        place.mirror().exits(0);
        place.holds(&MIRRORED, "after it may");
        sound(&place, "after it may");
    }
}

#[test]
fn a_window_that_is_run_later_knows_what_was_erased() {
    for make in Make::ALL {
        let Some(place) = Place::new(make) else { continue };
        place.days(Some("2025-01-01..2025-01-03")).exits(0);
        place.days(Some("2025-01-05..2025-01-06")).exits(0);
        let path = path_of(&place, "2\n");
        erase(&place, &path).exits(0);
        // One that was there, one that is new beside windows alone, the newest data, and one that is new beside that.
        for (window, landed) in [
            (Some("2025-01-01..2025-01-03"), &["1\n", "5\n"][..]),
            (Some("2025-01-02..2025-01-04"), &["1\n", "3\n", "5\n"]),
            (None, &["1\n", "3\n", "5\n", "now\n"]),
            (Some("2025-01-02..2025-01-05"), &["1\n", "3\n", "4\n", "5\n", "now\n"]),
        ] {
            place.days(window).exits(0);
            place.holds(landed, &format!("{make:?}, {window:?}"));
        }
        place.host(["erase", "--lift", &path]).exits(0);
        place.days(Some("2025-01-02..2025-01-05")).exits(0);
        place.holds(&["1\n", "2\n", "3\n", "4\n", "5\n", "now\n"], "after it may");
        sound(&place, "after it may");
    }
}

#[test]
fn decisions_wait_for_runs_of_the_source_and_for_no_others() {
    for make in Make::ALL {
        let Some((place, path)) = landed(make) else { continue };
        let (reached, days) = held(&place, "/now", "now\n");
        let other = place.days_command(None).spawn().expect("the program");
        assert!(reached.wait(), "the run never asked");
        let (child, hold) = waiting(&place);
        let before = place.store.objects();
        erase(&place, &path).exits(75).says("another run of mirror has its lease, for ");
        assert_eq!(place.store.objects(), before, "{make:?}");
        let mut command = place.command(["erase", "--yes", "--reason", "request 17", "--wait", &path]);
        let erasing = command.stdout(Stdio::piped()).spawn().expect("the program");
        hold.open();
        end_of(child).exits(0);
        end_of(erasing).exits(0);
        place.holds(&MIRRORED[1..], "erased");
        days.open();
        end_of(other).exits(0);
    }
}

#[test]
fn a_first_window_knows_what_was_erased_of_the_newest_data() {
    let Some(place) = Place::new(Make::S3) else { return };
    place.origin.route("/now", Reply::new("2\n"));
    place.days(None).exits(0);
    erase(&place, &path_of(&place, "2\n")).exits(0);
    place.days(Some("2025-01-02..2025-01-04")).exits(0).says("did not land");
    place.holds(&["3\n"], "the first window");
}

#[test]
fn nothing_is_touched_where_a_run_has_one_of_the_states() {
    for make in Make::ALL {
        let Some(place) = Place::new(make) else { continue };
        place.days(Some("2025-01-01..2025-01-02")).exits(0);
        let (reached, hold) = held(&place, "/2025-01-03", "3\n");
        let window = place.days_command(Some("2025-01-03..2025-01-04")).spawn().expect("the program");
        assert!(reached.wait(), "the run never asked");
        let before = place.store.objects();
        let says = "another run of probe for 2025-01-03..2025-01-04 has its lease, for ";
        erase(&place, &path_of(&place, "1\n")).exits(75).says(says);
        assert_eq!(place.store.objects(), before, "{make:?}");
        hold.open();
        end_of(window).exits(0);
    }
}

/// An erasure that waits with its removal until the second gate is open; then that is lost.
fn removing() -> Option<(Place, Child, Gate)> {
    let (place, path) = landed(Make::S3)?;
    place.between.script([]);
    erase(&place, &path).exits(0);
    let is_removal = |sent: &Sent| sent.method == "DELETE" || sent.method == "POST" && sent.target.ends_with("?delete");
    let removal = place.between.asked().iter().position(is_removal).expect("a removal");
    let (place, path) = landed(Make::S3)?;
    let (reached, hold) = (Gate::default(), Gate::default());
    place.between.script([(removal, Fault::HeldBefore(reached.clone(), hold.clone()))]);
    let erasing = place.command(["erase", "--yes", "--reason", "request 17", &path]).spawn().expect("the program");
    assert!(reached.wait(), "nothing was removed");
    Some((place, erasing, hold))
}

#[test]
fn another_extractor_that_meets_a_file_while_it_is_erased_knows_of_it_afterwards() {
    let Some((place, erasing, hold)) = removing() else { return };
    ended(other(&place)).exits(0);
    hold.open();
    end_of(erasing).exits(0);
    place.holds(&MIRRORED[1..], "erased");
    sound(&place, "erased");
}

/// A run of another extractor that lands in the same source.
fn other(place: &Place) -> Command {
    let mut other = place.mirror_command();
    other.args(["--name", "other", "--param", "source=mirror", "--allow-source", "mirror"]);
    other
}

#[test]
fn what_another_extractor_landed_later_is_its_own() {
    for make in Make::ALL {
        let Some((place, path)) = landed(make) else { continue };
        erase(&place, &path).exits(0);
        // It never met the source, and knows nothing of it.
        ended(other(&place)).exits(0);
        place.holds(&MIRRORED, "landed by another");
        sound(&place, "landed by another");
        place.host(["repair"]).exits(0);
        place.holds(&MIRRORED, "repaired");
        place.host(["erase", "--lift", &path]).exits(0);
        place.mirror().exits(0);
        sound(&place, "lifted");
        assert_eq!(place.host(["files", "--erased", "--json"]).exits(0).json(), serde_json::json!([]), "{make:?}");
    }
}

#[test]
fn an_extractor_that_has_just_met_the_source_is_waited_for() {
    for make in Make::ALL {
        let Some((place, path)) = landed(make) else { continue };
        let (reached, hold) = held(&place, "/plain.csv", MIRRORED[1]);
        let child = other(&place).spawn().expect("the program");
        assert!(reached.wait(), "the run never asked");
        erase(&place, &path).exits(75).says("another run of other has its lease, for ");
        place.holds(&MIRRORED, "nothing is touched");
        hold.open();
        end_of(child).exits(0);
        erase(&place, &path).exits(0);
        ended(other(&place)).exits(0).says("did not land, since it was erased");
        place.holds(&MIRRORED[1..], "erased");
    }
}

#[test]
fn what_landed_while_an_erasure_waited_is_named() {
    let Some((place, path)) = landed(Make::S3) else { return };
    let (child, hold) = waiting(&place);
    place.between.script([]);
    let mut command = place.command(["erase", "--yes", "--reason", "request 17", "--wait", &path]);
    let mut erasing = command.stdout(Stdio::piped()).spawn().expect("the program");
    // It has looked at all that is recorded, and at whose lease holds.
    crate::until(&mut erasing, |_| place.counted().get("GET state").is_some_and(|count| *count >= 3));
    let mut apart = place.command(["run"]);
    let url = format!("url={}", place.origin.url("/tagged.csv"));
    apart.arg(guest("mirror")).args(["--allow-http", &place.origin.grant(), "--param", &url, "--name", "apart"]);
    ended(apart).exits(0);
    hold.open();
    end_of(child).exits(0);
    let said = end_of(erasing).exits(0).stdout;
    assert!(said.contains("the same content is still in apart/"), "{said}");
}

#[test]
fn what_was_erased_while_a_decision_waited_is_not_accepted() {
    let Some((place, path)) = quarantined(Make::S3) else { return };
    let (child, hold) = waiting(&place);
    place.between.script([]);
    let mut accepting = place.command(["quarantine", "accept", "--wait", &path]);
    let mut accepting = accepting.stderr(Stdio::piped()).spawn().expect("the program");
    crate::until(&mut accepting, |_| place.counted().get("GET state").is_some_and(|count| *count >= 3));
    // As if somebody had erased it under another extension, in the moment in which that run ended.
    let state = place.store.state("mirror");
    let sql = "INSERT INTO erased (path, source, sha256, stored_size, reason, erased_at)
               SELECT 'mirror/2025/01/x.html.gz', source, sha256, 1, 'request 17', 'then' FROM quarantined";
    assert_eq!(state.execute(sql, []).expect(sql), 1);
    state.execute("UPDATE lease SET seconds = 0, holder = 'another'", []).expect("a lease");
    let database = place.environment.path().join("changed.sqlite");
    state.execute("VACUUM INTO ?1", [database.display().to_string()]).expect("a copy");
    place.store.put_state("mirror", &database);
    end_of(accepting).exits(1).says(" holds what mirror/2025/01/x.html.gz held, and that was erased");
    hold.open();
    end_of(child).exits(1);
    place.holds(&[MIRRORED[0], MIRRORED[1]], "not accepted");
}

#[test]
fn a_state_that_is_built_anew_knows_what_was_erased() {
    let Some(place) = Place::new(Make::S3) else { return };
    place.days(None).exits(0);
    place.days(Some("2025-01-01..2025-01-03")).exits(0);
    erase(&place, &path_of(&place, "2\n")).exits(0);
    place.store.put(".state/probe.sqlite.gz", b"no state");
    place.host(["repair"]).exits(0);
    place.origin.route("/now", Reply::new("2\n"));
    place.days(None).exits(0).says("did not land, since it was erased");
    place.holds(&["1\n", "now\n"], "built anew");
}

#[test]
fn an_erasure_that_is_said_again_keeps_its_reason() {
    let prepared = || {
        let place = Place::new(Make::S3)?;
        place.days(Some("2025-01-01..2025-01-02")).exits(0);
        place.days(Some("2025-01-01..2025-01-03")).exits(0);
        place.between.script([]);
        let path = path_of(&place, "1\n");
        Some((place, path))
    };
    let Some((place, path)) = prepared() else { return };
    erase(&place, &path).exits(0);
    let asked = place.between.asked();
    let is_change = |sent: &Sent| sent.method == "PUT" && sent.target.contains(".sqlite.gz");
    let second = (0..asked.len()).filter(|at| is_change(&asked[*at])).nth(1).expect("a second state");
    let Some((place, path)) = prepared() else { return };
    let (reached, hold) = (Gate::default(), Gate::default());
    place.between.script([(second, Fault::HeldBefore(reached.clone(), hold.clone()))]);
    let mut erasing = place.command(["erase", "--yes", "--reason", "request 17", &path]).spawn().expect("the program");
    assert!(reached.wait(), "no second state");
    erasing.kill().expect("a signal");
    erasing.wait().expect("an end");
    hold.open();
    place.between.script([]);
    place.host(["erase", "--yes", "--reason", "another", &path]).exits(0);
    let erased = place.host(["files", "--erased", "--json"]).exits(0).json();
    assert_eq!(erased[0]["reason"], "request 17", "{erased}");
    place.holds(&["2\n"], "erased");
}

#[test]
fn a_repair_finishes_an_erasure_that_was_cut_short() {
    let Some((place, mut erasing, hold)) = removing() else { return };
    erasing.kill().expect("a signal");
    erasing.wait().expect("an end");
    hold.open();
    place.holds(&MIRRORED, "cut short");
    let path = path_of(&place, MIRRORED[0]);
    let found = place.host(["verify"]).exits(1).stdout;
    assert!(found.contains(&path), "{found}");
    place.mirror().exits(0).says("did not land, since it was erased");
    place.host(["repair"]).exits(0);
    place.holds(&MIRRORED[1..], "repaired");
    sound(&place, "repaired");
}
