//! A day of many extractors on many machines, on one bucket that is played: the real code of states and leases, in a time that
//! nobody waits for. Machines are killed, stall, have clocks that are wrong and start the same extractor twice; answers are
//! lost, late, or refused.
//!
//! In the end every success that was acknowledged is recorded, and no other, and every recorded file is there. Without the
//! conditions of the store that does not hold, which is the control.

mod world;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Moment};
use harness::soak::{Numbers, times};
use objects::{Objects, Put};
use rules::domain::{Digest, Scope};
use state::{Counters, End, Fact, FileRow, State};

use super::{Held, Remote, RemoteError, Wanted, object_of};
use crate::error::Kind;
use world::{Prices, World};

/// How long a lease holds, and how often it is renewed in that time.
const LEASE: Duration = Duration::from_secs(60);
const RENEWALS: u64 = 3;
const HOUR: u64 = 3_600_000;
/// When the day begins, in milliseconds since 1970.
const BEGINNING: u64 = 1_790_000_000_000;
/// How wrong the clock of a machine may be, to either side.
const MAX_SKEW: u64 = 300_000;

/// What happens next, and to which run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Begin(usize),
    Renew(u64),
    End(u64),
}

/// A run that goes on.
struct Going {
    state: State,
    held: Held,
    extractor: usize,
    /// Whether it says and does nothing until its end.
    stalls: bool,
}

#[derive(Debug, Default)]
struct Told {
    runs: u64,
    succeeded: u64,
    busy: u64,
    killed: u64,
    fenced: u64,
    failed: u64,
    /// What each run waited for the store, in milliseconds.
    waited: Vec<u64>,
}

/// What is played.
struct Day {
    world: Arc<World>,
    objects: Arc<Objects>,
    numbers: Numbers,
    queue: BinaryHeap<Reverse<(u64, Event)>>,
    going: BTreeMap<u64, Going>,
    next: u64,
    skews: Vec<i64>,
    told: Told,
    /// The successes that were acknowledged, of each extractor.
    acknowledged: BTreeMap<usize, BTreeSet<i64>>,
}

fn name(extractor: usize) -> String {
    format!("e{extractor}")
}

impl Day {
    fn new(extractors: usize, machines: usize, hours: u64, fenced: bool) -> Self {
        let world = Arc::new(World::new(7, fenced, BEGINNING));
        let objects = Objects::over(Arc::clone(&world) as _, world.date()).expect("a thread");
        let mut numbers = Numbers::new(11);
        let mut queue = BinaryHeap::new();
        for extractor in 0..extractors {
            let minute = numbers.below(HOUR);
            for hour in 0..hours {
                let at = BEGINNING + hour * HOUR + minute;
                queue.push(Reverse((at, Event::Begin(extractor))));
                // Two machines have it in their crontabs.
                if numbers.below(20) == 0 {
                    queue.push(Reverse((at + numbers.below(5_000), Event::Begin(extractor))));
                }
            }
        }
        let skew = |numbers: &mut Numbers| numbers.below(2 * MAX_SKEW).cast_signed() - MAX_SKEW.cast_signed();
        let skews = (0..machines).map(|_| skew(&mut numbers)).collect();
        Self {
            world,
            objects: Arc::new(objects),
            numbers,
            queue,
            going: BTreeMap::new(),
            next: 0,
            skews,
            told: Told::default(),
            acknowledged: BTreeMap::new(),
        }
    }

    fn play(&mut self) {
        while let Some(Reverse((at, event))) = self.queue.pop() {
            self.world.set_time(at);
            match event {
                Event::Begin(extractor) => self.begin(at, extractor),
                Event::Renew(run) => self.renew(at, run),
                Event::End(run) => self.end(run),
            }
        }
    }

    fn clock(&mut self, at: u64) -> Clock {
        let machine = self.numbers.below(self.skews.len() as u64) as usize;
        let at = at.saturating_add_signed(self.skews[machine]);
        let moment = Moment::parse("1970-01-01T00:00:00Z").expect("a moment");
        Clock::starting_at(moment.later(Duration::from_millis(at)))
    }

    fn begin(&mut self, at: u64, extractor: usize) {
        self.told.runs += 1;
        let clock = self.clock(at);
        let remote = Arc::new(Remote::over(Arc::clone(&self.objects), LEASE).expect("a directory"));
        let wanted = Wanted { extractor: name(extractor), scope: Scope::default(), wait: Some(Duration::ZERO) };
        let taken = match remote.take(&wanted, &clock) {
            Ok(taken) => taken,
            Err(error) if error.kind == Kind::Locked => {
                self.told.busy += 1;
                return;
            }
            Err(_) => {
                self.told.failed += 1;
                return;
            }
        };
        let waited = self.world.take_waited();
        self.told.waited.push(waited);
        let run = self.next;
        self.next += 1;
        let (fate, begun) = (self.numbers.below(100), at + waited);
        if fate < 2 {
            self.told.killed += 1;
            return;
        }
        let stalls = fate < 7;
        let lasts = if stalls { 45_000 + self.numbers.below(60_000) } else { 500 + self.numbers.below(90_000) };
        self.queue.push(Reverse((begun + lasts, Event::End(run))));
        if !stalls {
            self.queue.push(Reverse((begun + LEASE.as_millis() as u64 / RENEWALS, Event::Renew(run))));
        } else if self.numbers.below(2) == 0 {
            // Somebody starts it by hand meanwhile, as soon as its lease is over.
            let over = begun + LEASE.as_millis() as u64 + self.numbers.below(5_000);
            self.queue.push(Reverse((over, Event::Begin(extractor))));
        }
        self.going.insert(run, Going { state: taken.state, held: taken.held, extractor, stalls });
    }

    fn renew(&mut self, at: u64, run: u64) {
        let Some(going) = self.going.get_mut(&run).filter(|going| !going.stalls) else { return };
        // That it did not work is told at the end.
        let _ = going.held.publish(&mut going.state);
        self.world.take_waited();
        self.queue.push(Reverse((at + LEASE.as_millis() as u64 / RENEWALS, Event::Renew(run))));
    }

    /// Land one content, record it, and end as a success.
    fn end(&mut self, run: u64) {
        let Some(Going { mut state, mut held, extractor, .. }) = self.going.remove(&run) else { return };
        let run_id = held.run_id();
        let path = format!("{}/2026/{run_id}.csv.gz", name(extractor));
        let content = run_id.to_string().into_bytes();
        let digest = Digest::of([&content[..]]);
        let size = content.len() as u64;
        let landed = self.objects.create(&path, &content.into());
        if !matches!(landed, Ok(Put::Done(_))) {
            self.told.failed += 1;
            return;
        }
        let file = FileRow { path, sha256: Some(digest), size: Some(size), stored_size: size };
        let facts = [Fact::File { source: name(extractor), file, url: None, new: None }];
        let end = End { now: "2026-09-21T00:00:00Z", failure: None, budgets: "{}", details: "{}", forget: None };
        state.finish(run_id, &facts, Counters::default(), &end, |_| None).expect("a database");
        match held.end(&mut state) {
            Ok(()) => {
                self.told.succeeded += 1;
                self.acknowledged.entry(extractor).or_default().insert(run_id);
            }
            Err(RemoteError::Fenced) => self.told.fenced += 1,
            Err(_) => self.told.failed += 1,
        }
        let waited = self.world.take_waited();
        if let Some(last) = self.told.waited.last_mut() {
            *last += waited;
        }
    }

    /// The successes that are recorded and were not acknowledged, those that were and are not recorded, and recorded files
    /// that are not there.
    fn damage(&self, extractors: usize) -> (usize, usize, usize) {
        let (mut unacknowledged, mut lost, mut missing) = (0, 0, 0);
        self.world.calm();
        let none = BTreeSet::new();
        for extractor in 0..extractors {
            let remote = Remote::over(Arc::clone(&self.objects), LEASE).expect("a directory");
            let object = object_of(&name(extractor), &Scope::default());
            if remote.fetch(&object).expect("a state").is_none() {
                continue;
            }
            let state = State::open_copy(&remote.database(), None).expect("a state");
            let mut recorded = BTreeSet::new();
            let wanted = state::WantedRuns { status: Some("success".into()), ..Default::default() };
            let see = |row: state::RunRow| {
                recorded.insert(row.run_id);
                Ok::<_, state::StateError>(())
            };
            state.runs(&wanted, see).expect("rows");
            let told = self.acknowledged.get(&extractor).unwrap_or(&none);
            unacknowledged += recorded.difference(told).count();
            lost += told.difference(&recorded).count();
            let paths = state.paths(&name(extractor)).expect("rows");
            missing += paths.iter().filter(|path| !self.world.has(path)).count();
        }
        (unacknowledged, lost, missing)
    }
}

#[test]
fn of_a_day_on_a_bucket_every_success_is_recorded_and_no_other() {
    let (extractors, machines, hours) = (times(30, 10_000), times(10, 100), times(8, 24) as u64);
    let mut day = Day::new(extractors, machines, hours, true);
    day.play();
    let (unacknowledged, lost, missing) = day.damage(extractors);
    let Told { runs, succeeded, busy, killed, fenced, failed, waited } = &mut day.told;
    waited.sort_unstable();
    let at = |part: usize| waited[(waited.len() - 1) * part / 100];
    eprintln!(
        "{runs} starts of {extractors} extractors on {machines} machines in {hours} h: {succeeded} succeeded, {busy} were told 75, \
         {killed} were killed, {fenced} were fenced, {failed} failed; {}; the store was waited for {} ms in the middle, {} ms of 99 %",
        day.world.bill(Prices::of_the_environment()),
        at(50),
        at(99),
    );
    assert_eq!((unacknowledged, lost, missing), (0, 0, 0));
    assert!(*succeeded > 0 && *busy > 0 && *killed > 0 && *fenced > 0, "the day was too quiet: {:?}", day.told);
}

#[test]
fn without_the_conditions_of_the_store_successes_are_lost() {
    let extractors = 30;
    let mut day = Day::new(extractors, 10, 8, false);
    day.play();
    let (unacknowledged, lost, _) = day.damage(extractors);
    assert!(lost > 0, "nothing was lost ({unacknowledged} unacknowledged), so that the other test shows nothing");
}
