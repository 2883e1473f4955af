//! Every fault of a network at every request of a run: it ends well all the same, and so does the next one.

use harness::between::Fault;
use harness::soak::times;
use harness::stores::Make;

use super::Place;
use super::landing::MIRRORED;

/// One after the other, without those that take until the store's time is over.
pub(super) fn faults() -> Vec<Fault> {
    let mut all = vec![Fault::Lost, Fault::Torn, Fault::Unanswered, Fault::HalfAnswered, Fault::Twice];
    for status in [409, 412, 429, 500, 503] {
        all.extend([Fault::Before(status), Fault::After(status)]);
    }
    all
}

/// How many requests a first run makes, and a repeated one.
fn requests(make: Make) -> Option<[usize; 2]> {
    let place = Place::new(make)?;
    Some([(); 2].map(|()| {
        place.between.script([]);
        place.mirror().exits(0);
        place.between.asked().len()
    }))
}

/// Whether a fault answers a question as no store does: nothing was to be written, so that no condition can fail.
pub(super) fn no_answer_of_a_store(method: &str, fault: &Fault) -> bool {
    method != "PUT" && matches!(fault, Fault::Before(409 | 412) | Fault::After(409 | 412))
}

/// A run that meets a fault, and one that does not. `warm` is whether one went before.
fn once(make: Make, warm: bool, number: usize, fault: &Fault) {
    let Some(place) = Place::new(make) else { return };
    let when = format!("{make:?}, warm: {warm}, request {number}, {fault:?}");
    if warm {
        place.mirror().exits(0);
    }
    let before = place.store.landed();
    place.between.script([(number, fault.clone())]);
    let ran = place.mirror();
    assert!(place.between.asked().len() > number, "{when}");
    if no_answer_of_a_store(&place.between.asked()[number].method, fault) {
        // It says so, and nothing that is left counts as landed.
        assert!(ran.code == Some(1) && ran.stderr.starts_with("error: "), "{when}: {ran:?}");
    } else {
        assert_eq!(ran.code, Some(0), "{when}: {ran:?}");
        place.holds(&MIRRORED, &when);
    }
    assert_eq!(place.store.wrong(), [""; 0], "{when}");
    place.between.script([]);
    place.mirror().exits(0);
    place.holds(&MIRRORED, &when);
    let after = place.store.landed();
    assert!(before.iter().all(|(path, content)| after.get(path) == Some(content)), "{when}");
    let statuses = place.statuses("mirror");
    assert!(!statuses.contains(&"running".to_owned()), "{when}: {statuses:?}");
    assert_eq!(statuses.last().map(String::as_str), Some("success"), "{when}");
}

#[test]
fn each_fault_at_each_request_costs_nothing_but_the_run() {
    for (turn, make) in Make::ALL.into_iter().enumerate() {
        let Some(counts) = requests(make) else { continue };
        let faults = faults();
        for (warm, count) in [(false, counts[0]), (true, counts[1])] {
            for number in 0..count {
                // One of them in its turn, or each of them in `cargo soak`.
                let some = faults.iter().cycle().skip(number * 4 + turn).take(times(1, faults.len()));
                some.for_each(|fault| once(make, warm, number, fault));
            }
        }
    }
}
