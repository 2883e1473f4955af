//! Runs that are killed at each of their requests, before it arrives and after.

use std::process::Stdio;

use harness::Gate;
use harness::between::Fault;
use harness::soak::times;
use harness::stores::Make;

use super::Place;
use super::landing::MIRRORED;

/// A run that is killed at that request, before it arrives or after; then its lease is over, and another succeeds, which
/// replaces nothing.
pub(super) fn killed_and_mended(place: &Place, number: usize, after: bool, when: &str) {
    let (reached, hold) = (Gate::default(), Gate::default());
    let held = if after { Fault::HeldAfter } else { Fault::HeldBefore };
    place.between.script([(number, held(reached.clone(), hold.clone()))]);
    let mut command = place.mirror_command();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program");
    assert!(reached.wait(), "{when}");
    child.kill().expect("a signal");
    child.wait().expect("an end");
    hold.open();
    place.between.script([]);
    assert_eq!(place.store.wrong(), [""; 0], "{when}");
    let before = place.store.landed();
    let mut command = place.mirror_command();
    command.arg("--wait=60s");
    super::ended(command).exits(0);
    let after = place.store.landed();
    assert!(before.iter().all(|(path, content)| after.get(path) == Some(content)), "{when}");
}

/// The same of small files.
fn once(place: &Place, number: usize, after: bool) {
    let when = format!("{:?}, request {number}, after: {after}", place.store.make());
    killed_and_mended(place, number, after, &when);
    place.holds(&MIRRORED, &when);
    assert_eq!(place.statuses("mirror").last().map(String::as_str), Some("success"), "{when}");
    assert!(!place.statuses("mirror").contains(&"running".to_owned()), "{when}");
}

#[test]
fn a_run_that_is_killed_at_any_request_is_mended_by_the_next() {
    let makes = &Make::ALL[..times(1, 2)];
    for make in makes {
        let Some(first) = Place::new(*make) else { continue };
        first.mirror().exits(0);
        let count = first.between.asked().len();
        std::thread::scope(|scope| {
            // Side by side, since each of them waits for a lease to be over.
            for number in 0..count {
                for after in [false, true] {
                    let Some(place) = Place::new(*make) else { continue };
                    place.environment.write("host.toml", "[store]\nlease = \"3s\"\n");
                    scope.spawn(move || once(&place, number, after));
                }
            }
        });
    }
}
