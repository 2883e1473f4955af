//! Reads the streams of a plan: partition by partition, slice by slice, page by page.

mod answer;
mod cache;
mod choice;
mod decode;
mod dynamic;
mod extract;
mod fits;
mod fitting;
mod intervals;
mod jobs;
mod kept;
mod meaning;
mod merge;
mod needed;
mod normalise;
mod page;
mod pages;
mod partitions;
mod plain;
mod request;
mod rules;
mod select;
mod send;
mod slices;
mod track;
mod url;
mod windows;

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::HashSet;
use std::rc::Rc;

use expressions::Value;
use expressions::time::DateTime;
use landing::{Error, run};

use crate::plan::{First, Plan, Stream, World};
use cache::Cache;
use jobs::Job;
use kept::Kept;
use pages::Pages;
use partitions::Partition;
use request::Options;
use slices::Slice;
use track::{Interval, Point, Track};
use windows::Windows;

/// With more partitions than this only the stream's own point is kept.
const MAX_KEPT: usize = 10_000;
/// Most errors of partitions before a stream is given up.
const MAX_ERRORS: usize = 10;
/// How often what was read is made durable, in milliseconds.
const KEEP_EVERY: u64 = 1_000;

/// A run that reads streams.
pub(crate) struct Reading {
    pub(crate) world: World,
    /// Whether the selected records land, and not the answers as they came.
    pub(crate) records: bool,
    kept_at: Cell<u64>,
    warned: RefCell<HashSet<String>>,
    slices: Cell<u64>,
    /// Whether an answer of the stream had something where its records are to be; nothing before one.
    at_path: Cell<Option<bool>>,
    /// What is kept of parent streams once all that their records stand for was read.
    parents: RefCell<Vec<(String, Kept)>>,
    /// The streams that others need: their answers are kept, since several may ask for the same.
    needed: RefCell<HashSet<Rc<str>>>,
    cache: Cache,
}

impl Reading {
    /// One of a plan, which may change what the operator set.
    pub(crate) fn new(plan: &Plan, mut world: World, records: bool) -> Result<Self, Error> {
        rules::apply(&plan.rules, &mut world)
            .map_err(|error| Error::new(format_args!("the parameters cannot be used: {error}")))?;
        Ok(Self {
            world,
            records,
            kept_at: Cell::new(run::now()),
            warned: RefCell::default(),
            slices: Cell::new(0),
            at_path: Cell::default(),
            parents: RefCell::default(),
            needed: RefCell::default(),
            cache: Cache::default(),
        })
    }

    /// Read the streams of these names, or all. One that fails does not keep the others from being read.
    pub(crate) async fn read(&self, plan: &Plan, chosen: &str) -> Result<(), Error> {
        let mut made = Vec::new();
        for dynamic in &plan.dynamic {
            made.extend(dynamic::streams(dynamic, plan, self).await?);
        }
        let mut streams = Vec::new();
        for stream in plan.streams.iter().chain(&made) {
            let condition = stream.condition.as_ref().map(|condition| condition.holds(&self.world, &[])).transpose();
            if condition.map_err(|error| Error::new(error.to_string()))?.unwrap_or(true) {
                streams.push(stream);
            }
        }
        streams.iter().for_each(|stream| stream.needs(&mut self.needed.borrow_mut()));
        let names: Vec<&str> = streams.iter().map(|stream| &*stream.name).collect();
        let chosen = choice::of(chosen, &names).map_err(|unknown| {
            Error::new(format_args!("there is no stream `{unknown}`; the streams are {}", names.join(", ")))
        })?;
        streams.retain(|stream| chosen.is_empty() || chosen.contains(&&*stream.name));
        let mut results = Vec::new();
        for stream in streams {
            let result = match &stream.first {
                Some(first) => self.delegated(stream, first).await,
                None => self.stream(stream).await,
            };
            for (key, kept) in self.parents.take().iter().filter(|_| result.is_ok()) {
                kept::save(key, kept);
            }
            results.push(result.map_err(|error| Error::new(format_args!("{}: {error}", stream.name))));
        }
        run::keep().await;
        landing::all(results).map(drop)
    }

    /// Make durable what was read, if that is some time ago.
    async fn keep(&self) {
        if run::now().saturating_sub(self.kept_at.get()) >= KEEP_EVERY {
            run::keep().await;
            self.kept_at.set(run::now());
        }
    }

    /// Note whether a page had something where its records are to be.
    fn saw(&self, at_path: Option<bool>) {
        let before = self.at_path.get();
        self.at_path.set(at_path.map(|there| there || before == Some(true)).or(before));
    }

    /// Say something once in a run.
    fn warn(&self, message: String) {
        if self.warned.borrow_mut().insert(message.clone()) {
            landing::warn!("{message}");
        }
    }

    fn track<'a>(&self, stream: &'a Stream) -> Result<Option<Track<'a>>, Error> {
        let track = stream.cursor.as_ref().map(|cursor| Track::of(cursor, run::backfill(), &self.world));
        track.transpose().map_err(|error| Error::new(error.to_string()))
    }

    /// Read a stream in the way of the first time where nothing is known of it, or nothing that is new enough.
    async fn delegated(&self, stream: &Stream, first: &First) -> Result<(), Error> {
        let kept = kept::load(&stream.name).await;
        let Some(kept) = kept.filter(|kept| self.is_new_enough(stream, first, kept)) else {
            self.stream(&first.stream).await?;
            if first.stream.cursor.is_none() {
                kept::save(&stream.name, &Kept::default());
            }
            return Ok(());
        };
        landing::debug!("{}: goes on from {}", stream.name, kept.cursor.as_deref().unwrap_or("its start"));
        self.stream(stream).await
    }

    fn is_new_enough(&self, stream: &Stream, first: &First, kept: &Kept) -> bool {
        let Some(retention) = &first.retention else { return true };
        let Ok(Some(track)) = self.track(stream) else { return false };
        let point = kept.cursor.as_ref().and_then(|text| track.parse(&Value::from(text.as_str())));
        let oldest = DateTime::from_micros((self.world.now)()).and_then(|now| now.plus(retention, -1));
        match (point, oldest) {
            (Some(point), Ok(oldest)) => point.compare(&Point::Time(oldest)) != Ordering::Less,
            _ => false,
        }
    }

    async fn stream(&self, stream: &Stream) -> Result<(), Error> {
        let track = self.track(stream)?;
        if run::backfill().is_some() && !track.as_ref().is_some_and(Track::is_in_time) {
            landing::info!("{}: it is not read by days, so there is nothing to extract again", stream.name);
            return Ok(());
        }
        let began = run::now();
        self.at_path.set(None);
        let mut partitions = partitions::of(&stream.retriever, &stream.name, self).await?;
        // A cursor is that of a partition, which counts once. Without one each is read.
        if track.is_some() {
            partitions::distinct(&mut partitions);
        }
        // What a parent's record has of a partition is read where nothing is known yet.
        if partitions.iter().any(|partition| partition.first.is_some()) && kept::load(&stream.name).await.is_some() {
            partitions.iter_mut().for_each(|partition| partition.first = None);
        }
        let is_partitioned = !stream.retriever.routers.is_empty();
        let keeps_partitions = !is_partitioned || (partitions.len() <= MAX_KEPT && stream.has_points_of_partitions());
        let global = match &track {
            Some(_) if is_partitioned => kept::load(&stream.name).await.unwrap_or_default(),
            _ => Kept::default(),
        };
        let (mut newest, mut errors) = (None, Vec::new());
        for partition in &partitions {
            let read =
                self.partition(stream, track.as_ref(), partition, (is_partitioned, keeps_partitions), &global).await;
            match read {
                Ok(point) => newest = Point::newest(newest, point),
                Err(error) => errors.push(error),
            }
            if errors.len() >= MAX_ERRORS {
                break;
            }
        }
        if let Some(first) = errors.first() {
            return Err(match errors.len() {
                1 => Error::new(format_args!("{first}")),
                more => Error::new(format_args!("{first}; and {} more of its partitions failed", more - 1)),
            });
        }
        if self.at_path.get() == Some(false) {
            let path = extract::shown(&stream.retriever.selector.extractor);
            self.warn(format!("{}: no answer had anything at `{path}`, where its records are to be", stream.name));
        }
        if let (Some(track), true) = (&track, is_partitioned) {
            let before = global.cursor.as_ref().and_then(|text| track.parse(&Value::from(text.as_str())));
            if let Some(point) = Point::newest(before, newest) {
                let lookback = i64::try_from(run::now().saturating_sub(began).div_ceil(1000)).unwrap_or(i64::MAX);
                let lookback = if newest.is_some() { lookback } else { global.lookback };
                kept::save(&stream.name, &Kept { cursor: Some(track.write(point)), after: None, lookback });
            }
        }
        Ok(())
    }

    /// Read a partition; the newest point of its records.
    async fn partition(
        &self,
        stream: &Stream,
        track: Option<&Track<'_>>,
        partition: &Partition,
        (is_partitioned, keeps): (bool, bool),
        global: &Kept,
    ) -> Result<Option<Point>, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::new(error.to_string());
        let Some(track) = track else {
            self.slice(stream, None, partition, Interval::default(), None).await?;
            return Ok(None);
        };
        let key = kept::key(&stream.name, &partition.values);
        let known = if keeps { kept::load(&key).await } else { None };
        let is_new = known.is_none();
        let kept = known.unwrap_or_default();
        let point = |text: &Option<String>| text.as_ref().and_then(|text| track.parse(&Value::from(text.as_str())));
        let state = match (point(&kept.cursor), point(&global.cursor)) {
            // One that was read and had no records yet begins where it began before.
            (None, Some(global_point)) if is_partitioned && is_new => {
                Some(track.before(global_point, global.lookback).map_err(|error| failed(&error))?)
            }
            (own, _) => own,
        };
        let intervals = track.intervals(state, point(&kept.after)).map_err(|error| failed(&error))?;
        let mut newest = None;
        for interval in intervals {
            let end = interval.end;
            newest = Point::newest(newest, self.slice(stream, Some(track), partition, interval, state).await?);
            if keeps {
                let cursor = Point::newest(state, newest).map(|point| track.write(point));
                kept::save(&key, &Kept { cursor, after: end.map(|end| track.write(end)), lookback: 0 });
            }
            self.keep().await;
        }
        if keeps {
            let cursor = Point::newest(state, newest).map(|point| track.write(point));
            kept::save(&key, &Kept { cursor, after: None, lookback: kept.lookback });
        }
        Ok(newest)
    }

    /// Read a slice and land what it brings; the newest point of its records.
    async fn slice(
        &self,
        stream: &Stream,
        track: Option<&Track<'_>>,
        partition: &Partition,
        interval: Interval,
        state: Option<Point>,
    ) -> Result<Option<Point>, Error> {
        let pages = Windows::of(self, stream, track, partition, &interval)?.copying();
        self.slices.set(self.slices.get() + 1);
        run::progress(self.slices.get(), None);
        let limit = run::backfill().map(Point::after).transpose().map_err(|error| Error::new(error.to_string()))?;
        let slice = Slice { reading: self, stream, track, state, newest: None, limit };
        let Some(jobs) = &stream.jobs else { return slice.land(pages, &interval).await };
        let seen = slices::seen(partition, &interval);
        let job = Job::new(jobs, &seen, &partition.extra, &self.world);
        let done = job.run().await?;
        let newest = slice.land(pages.for_each(done.downloads), &interval).await?;
        job.delete(&done.names).await?;
        Ok(newest)
    }

    fn pages<'a>(
        &'a self,
        stream: &'a Stream,
        track: Option<&Track<'_>>,
        partition: &Partition,
        interval: &Interval,
    ) -> Result<Pages<'a>, Error> {
        let failed = |error: request::RequestError| Error::new(error.to_string());
        let mut added = Options::default();
        // The requests of a job say for themselves what they are about.
        if stream.jobs.is_none() {
            partitions::inject(&stream.retriever, partition, &mut added, &self.world).map_err(failed)?;
        }
        if let Some(track) = track.filter(|_| stream.jobs.is_none()) {
            let mut of_time = Options::default();
            track.inject(interval, &mut of_time, &self.world).map_err(failed)?;
            added.overlay(of_time);
        }
        let slice = slices::seen(partition, interval);
        let is_cached = stream.retriever.requester.is_cached;
        let is_cached = is_cached.unwrap_or_else(|| self.needed.borrow().contains(&stream.name));
        let pages = Pages::of(self, &stream.retriever, is_cached, slice, partition.extra.clone(), added);
        Ok(pages.given(partition.first.as_ref()))
    }
}
