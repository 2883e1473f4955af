//! How the work grows with what is recorded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{fill, state};
use crate::{Counters, CursorKey, End, Fact, FileRow, Kept, Mend, New, State, StateError, Table};
use rules::domain::{Digest, Resource, Scope};
use rules::name::Place;
use rules::validators::Validators;

/// How often SQLite's machine goes round in a loop, or calls, while `work` is done.
fn rounds(state: &mut State, work: impl FnOnce(&mut State)) -> u64 {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let handler = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        false
    };
    state.connection.progress_handler(1, Some(handler)).expect("a handler");
    work(state);
    count.load(Ordering::Relaxed)
}

/// A run from its start to its end, with everything that it asks.
fn run(state: &mut State) {
    let key = CursorKey::new("x", &Scope::default());
    let (run_id, dead) = state.begin(&key, "2025-03-09T00:00:00Z", |_| false).expect("a run");
    assert_eq!(dead, 0);
    state.cursor(&key).expect("a cursor");
    state.knows("x", "x").expect("an answer");
    state.is_indexed("x").expect("an answer");
    state.index("x", "x", run_id, &[]).expect("an index");
    state.with_digest("x", &Digest([7; 32])).expect("files");
    state.unread("x", &["00000000".to_owned()]).expect("files");
    state.validators("x", &Resource("http://x/1".to_owned())).expect("validators");
    state.has_landed_in("x/2025/03").expect("an answer");
    state.make_durable().expect("a sync");
    let path = "x/2025/2025-03-09_07070707.csv.gz".to_owned();
    let file = FileRow { path: path.clone(), sha256: Some(Digest([7; 32])), size: Some(1), stored_size: 1 };
    let validators = Validators { url: "http://x/new".to_owned(), etag: None, last_modified: None };
    let day = "2025-03-09".parse().expect("a day");
    let new = New { place: Place::new("x", day, "csv").expect("a place"), known: Vec::new() };
    let facts = [
        Fact::File { source: "x".to_owned(), file, url: Some("http://x/new".to_owned()), new: Some(Box::new(new)) },
        Fact::Seen { source: "x".to_owned(), resource: Resource("http://x/new".to_owned()), validators, path },
    ];
    state.write_down(run_id, &facts, Counters::default()).expect("a transaction");
    let values = [("key".to_owned(), Some("value".to_owned()))].into();
    let kept = Kept { key: &key, cursor: Some("cursor"), values: &values };
    state.checkpoint(run_id, &[], Counters::default(), kept).expect("a transaction");
    let end = End { now: "2025-03-09T00:00:01Z", failure: None, budgets: "{}", details: "{}", forget: None };
    state.finish(run_id, &[], Counters::default(), &end, |_| None).expect("an end");
}

#[test]
fn a_run_does_as_much_whatever_was_recorded_before() {
    let of = |files, runs| {
        let (_guard, mut state) = state();
        fill(&state, files, runs);
        rounds(&mut state, run)
    };
    let (none, many) = (of(0, 0), of(20_000, 10_000));
    assert!(many * 10 <= none * 11, "{none} rounds without anything, {many} with much");
}

#[test]
fn a_repair_does_as_much_for_each_file_however_many_there_are() {
    let of = |files: u32| {
        let (_guard, mut state) = state();
        fill(&state, files, 10);
        let mut gone =
            (1..=files).map(|number| Mend::Forget(Table::Landed, format!("x/2025/03/{number:08}.csv.gz").into_bytes()));
        let rounds = rounds(&mut state, |state| {
            state.rebuild(|| Ok::<_, StateError>(gone.next()), "2025-03-09T00:00:00Z").expect("a repair");
        });
        let left: i64 = state
            .connection
            .query_row("SELECT (SELECT count(*) FROM landed_files) + (SELECT count(*) FROM validators)", [], |row| {
                row.get(0)
            })
            .expect("a count");
        assert_eq!(left, 0);
        rounds
    };
    let (few, many) = (of(500), of(2000));
    assert!(many < few * 5, "{few} rounds for 500 files, {many} for 2000");
}
