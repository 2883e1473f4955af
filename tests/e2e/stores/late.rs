//! Requests whose answers come too late, or that arrive themselves when nobody waits for them any more.

use harness::between::Fault;
use harness::stores::Make;
use harness::{Gate, Reply};

use super::landing::MIRRORED;
use super::{Place, end_of};
use crate::until;

/// The numbers of the requests of a run that write something.
fn writes(place: &Place) -> Vec<usize> {
    let asked = place.between.asked();
    (0..asked.len()).filter(|number| asked[*number].method == "PUT").collect()
}

#[test]
fn an_end_that_was_written_counts_though_another_run_began_before_that_was_known() {
    for make in Make::ALL {
        let Some(place) = Place::new(make) else { continue };
        place.mirror().exits(0);
        place.between.script([]);
        place.mirror().exits(0);
        let end = *writes(&place).last().expect("an end");
        let (reached, hold) = (Gate::default(), Gate::default());
        place.between.script([(end, Fault::HeldAfter(reached.clone(), hold.clone()))]);
        let first = place.mirror_command().spawn().expect("the program");
        assert!(reached.wait(), "the run never ended");
        place.mirror().exits(0);
        hold.open();
        end_of(first).exits(0);
        assert_eq!(place.statuses("mirror"), ["success"; 4], "{make:?}");
        place.holds(&MIRRORED, "after both");
    }
}

#[test]
fn a_write_that_arrives_when_it_was_written_again_changes_nothing() {
    for make in Make::ALL {
        let Some(first) = Place::new(make) else { continue };
        first.mirror().exits(0);
        std::thread::scope(|scope| {
            // Side by side, since each of them waits for an answer that does not come.
            for number in writes(&first) {
                let Some(place) = Place::new(make) else { continue };
                place.environment.write("host.toml", "[store]\ntimeout = \"1s\"\n");
                scope.spawn(move || {
                    let (hold, arrived) = (Gate::default(), Gate::default());
                    place.between.script([(number, Fault::Late(hold.clone(), arrived.clone()))]);
                    place.mirror().exits(0);
                    let before = place.store.objects();
                    hold.open();
                    assert!(arrived.wait(), "it never arrived");
                    assert_eq!(place.store.objects(), before, "{make:?}, request {number}");
                    place.holds(&MIRRORED, "after what came late");
                    place.mirror().exits(0);
                });
            }
        });
    }
}

#[test]
fn a_lease_that_was_renewed_by_a_write_that_had_been_given_up_is_still_the_same_runs() {
    for make in Make::ALL {
        let Some(place) = Place::new(make) else { continue };
        place.environment.write("host.toml", "[store]\ntimeout = \"1s\"\nlease = \"3s\"\n");
        let (reached, hold_file) = (Gate::default(), Gate::default());
        place.origin.route("/plain.csv", Reply::new(MIRRORED[1]).gated(&reached, &hold_file));
        let (hold, arrived) = (Gate::default(), Gate::default());
        let mut child = place.mirror_command().spawn().expect("the program");
        assert!(reached.wait(), "the run never asked");
        // The first renewal is on its way for long, and for that time nothing else is answered.
        let number = place.between.asked().len();
        place.between.meet(number, Fault::Late(hold.clone(), arrived.clone()));
        until(&mut child, |_| place.between.asked().len() > number);
        place.between.refuse(&[], 503, "SlowDown", &[]);
        // Where another renewal begins, the first one has been given up.
        let renewed = || writes(&place).into_iter().filter(|write| *write >= number).count();
        until(&mut child, |_| renewed() >= 2);
        hold.open();
        assert!(arrived.wait(), "it never arrived");
        place.between.relent();
        hold_file.open();
        end_of(child).exits(0);
        assert_eq!(place.statuses("mirror"), ["success"], "{make:?}");
        place.holds(&MIRRORED, "after a late renewal");
    }
}
