//! Every fault of a network at every request of a run: it ends well or says why not, and the next run ends as if nothing
//! had happened.

use harness::between::Fault;
use harness::soak::times;
use harness::stores::Make;

use super::Place;
use super::landing::MIRRORED;

/// One after the other, without those that take until the store's time is over.
fn faults() -> Vec<Fault> {
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
    match ran.code {
        Some(0) => place.holds(&MIRRORED, &when),
        // Whatever is left does not count as landed.
        Some(1 | 75) => {
            assert!(ran.stderr.starts_with("error: ") || ran.stdout.contains("\"error\""), "{when}: {ran:?}")
        }
        _ => panic!("{when}: {ran:?}"),
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
