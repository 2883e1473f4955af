//! Decisions that are killed at each of their requests, and that meet each fault of a network.

use std::process::Stdio;

use harness::Gate;
use harness::between::Fault;
use harness::soak::times;
use harness::stores::Make;

use super::super::Place;
use super::super::faulty::{faults, no_answer_of_a_store};
use super::super::landing::MIRRORED;
use super::{PAGE, landed, quarantined, sound};

/// A decision, and what is there once it is carried out.
#[derive(Clone, Copy)]
enum Decision {
    Accept,
    Drop,
    Erase,
}

impl Decision {
    const ALL: [Self; 3] = [Self::Accept, Self::Drop, Self::Erase];

    /// Where it is to be made, and its words.
    fn place(self, make: Make) -> Option<(Place, Vec<String>)> {
        let (place, words, path) = match self {
            Self::Accept => quarantined(make).map(|(place, path)| (place, &["quarantine", "accept"][..], path))?,
            Self::Drop => quarantined(make).map(|(place, path)| (place, &["quarantine", "drop"][..], path))?,
            Self::Erase => landed(make).map(|(place, path)| (place, &["erase", "-y", "--reason", "17"][..], path))?,
        };
        place.environment.write("host.toml", "[store]\nlease = \"3s\"\n");
        place.between.script([]);
        let words = words.iter().map(|word| (*word).to_owned());
        Some((place, words.chain(["--wait=60s".into(), path]).collect()))
    }

    fn is_carried_out(self, place: &Place, when: &str) {
        place.holds(
            match self {
                Self::Accept => &[PAGE, MIRRORED[0]],
                Self::Drop => &MIRRORED[..1],
                Self::Erase => &MIRRORED[1..],
            },
            when,
        );
        sound(place, when);
    }
}

/// The same words again, where the first time was cut short: they finish it, or there is nothing left to do.
fn finish(place: &Place, decision: Decision, words: &[String], when: &str) {
    let again = place.host(words);
    let nothing_left = again.code == Some(2) && again.stderr.contains("nothing in quarantine is named");
    assert!(again.code == Some(0) || nothing_left, "{when}: {again:?}");
    decision.is_carried_out(place, when);
}

#[test]
fn a_decision_that_is_killed_at_any_request_is_finished_by_saying_it_again() {
    for make in &Make::ALL[..times(1, 2)] {
        for decision in Decision::ALL {
            let Some((first, words)) = decision.place(*make) else { continue };
            first.host(&words).exits(0);
            let count = first.between.asked().len();
            decision.is_carried_out(&first, "without a fault");
            for number in 0..count {
                for after in [false, true] {
                    let Some((place, words)) = decision.place(*make) else { continue };
                    let when = format!("{make:?}, {}, request {number}, after: {after}", words[..2].join(" "));
                    let (reached, hold) = (Gate::default(), Gate::default());
                    let fault = if after { Fault::HeldAfter } else { Fault::HeldBefore };
                    place.between.script([(number, fault(reached.clone(), hold.clone()))]);
                    let mut command = place.command(&words);
                    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
                    let mut child = command.spawn().expect("the program");
                    assert!(reached.wait(), "{when}");
                    child.kill().expect("a signal");
                    child.wait().expect("an end");
                    hold.open();
                    place.between.script([]);
                    finish(&place, decision, &words, &when);
                }
            }
        }
    }
}

#[test]
fn a_decision_that_meets_a_fault_is_carried_out_or_says_so() {
    for (turn, make) in Make::ALL.into_iter().enumerate() {
        for decision in Decision::ALL {
            let Some((first, words)) = decision.place(make) else { continue };
            first.host(&words).exits(0);
            let (count, faults) = (first.between.asked().len(), faults());
            for number in 0..count {
                for fault in faults.iter().cycle().skip(number * 4 + turn).take(times(1, faults.len())) {
                    let Some((place, words)) = decision.place(make) else { continue };
                    let when = format!("{make:?}, {}, request {number}, {fault:?}", words[..2].join(" "));
                    place.between.script([(number, fault.clone())]);
                    let ran = place.host(&words);
                    let unheard = no_answer_of_a_store(&place.between.asked()[number].method, fault);
                    assert!(ran.code == Some(0) || unheard && ran.stderr.starts_with("error: "), "{when}: {ran:?}");
                    place.between.script([]);
                    finish(&place, decision, &words, &when);
                }
            }
        }
    }
}
