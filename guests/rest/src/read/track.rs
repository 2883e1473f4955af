//! How far a stream has come: its slices of time, and the newest record of each. Pure.

use std::cmp::Ordering;
use std::rc::Rc;

use expressions::time::{self, DateTime, Span};
use expressions::{EvalError, Map, Value};
use landing::Window;

use super::intervals::{Clamp, IntervalError, Plan, later};
use super::request::{Options, RequestError};
use crate::plan::{Boundary, Cursor, CursorKind, Expression, Times, World};

/// Why a stream's cursor cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrackError {
    #[error(transparent)]
    Eval(#[from] EvalError),
    #[error(transparent)]
    Interval(#[from] IntervalError),
    #[error(transparent)]
    Time(#[from] time::TimeError),
    #[error("`{0}` came to {1:?}, which is no {2}")]
    Not(&'static str, String, &'static str),
}

/// A point that a stream has come to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Point {
    Time(DateTime),
    Count(i128),
}

impl Point {
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Time(one), Self::Time(other)) => one.micros().cmp(&other.micros()),
            (Self::Count(one), Self::Count(other)) => one.cmp(other),
            (Self::Time(_), Self::Count(_)) => Ordering::Greater,
            (Self::Count(_), Self::Time(_)) => Ordering::Less,
        }
    }

    /// The first that is no more in a window.
    pub(crate) fn after(window: Window) -> Result<Self, TrackError> {
        Ok(Self::Time(midnight(window.end)?))
    }

    pub(crate) fn newest(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(if one.compare(&other) == Ordering::Less { other } else { one }),
            (one, other) => one.or(other),
        }
    }
}

/// A cursor with all that its manifest leaves to the configuration.
pub(crate) struct Track<'a> {
    field: Rc<str>,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Time(Box<InTime<'a>>),
    Count { start: i128, inject: Option<&'a crate::plan::Inject> },
}

struct InTime<'a> {
    times: &'a Times,
    plan: Plan,
    lookback: Option<Span>,
    start_field: Rc<str>,
    end_field: Rc<str>,
}

/// One slice of a stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interval {
    /// What expressions see of it.
    pub(crate) members: Map,
    /// The last point that is in it.
    pub(crate) end: Option<Point>,
    /// The day that it begins on.
    pub(crate) day: Option<(i32, u32, u32)>,
}

impl<'a> Track<'a> {
    /// Compute what the manifest leaves open. A window of a backfill is what is read, whatever the manifest says.
    pub(crate) fn of(cursor: &'a Cursor, window: Option<Window>, world: &World) -> Result<Self, TrackError> {
        let field = cursor.field.eval(world, &[])?.to_text();
        let kind = match &cursor.kind {
            CursorKind::Count { start, inject } => {
                let start = start.as_ref().map(|start| start.eval(world, &[])).transpose()?.unwrap_or(Value::Int(0));
                let count = whole(&start)
                    .ok_or_else(|| TrackError::Not("start_value", start.to_text().to_string(), "whole number"))?;
                Kind::Count { start: count, inject: inject.as_ref() }
            }
            CursorKind::Time(times) => Kind::Time(Box::new(InTime::of(times, window, world)?)),
        };
        Ok(Self { field, kind })
    }

    /// Whether it can be read by days.
    pub(crate) fn is_in_time(&self) -> bool {
        matches!(self.kind, Kind::Time(_))
    }

    /// The point of a record; none where it has none that can be read.
    pub(crate) fn point(&self, record: &Value) -> Option<Point> {
        self.parse(&record.member(&self.field))
    }

    pub(crate) fn field(&self) -> &str {
        &self.field
    }

    /// The point that a value is.
    pub(crate) fn parse(&self, value: &Value) -> Option<Point> {
        match &self.kind {
            Kind::Count { .. } => whole(value).map(Point::Count),
            Kind::Time(in_time) => in_time.parse(value).map(Point::Time),
        }
    }

    /// A point as the state keeps it.
    pub(crate) fn write(&self, point: Point) -> String {
        match (point, &self.kind) {
            (Point::Time(time), Kind::Time(in_time)) => time::format(time, &in_time.times.format),
            (Point::Time(time), Kind::Count { .. }) => time.iso('T'),
            (Point::Count(count), _) => count.to_string(),
        }
    }

    /// The point that is so many seconds before another.
    pub(crate) fn before(&self, point: Point, seconds: i64) -> Result<Point, TrackError> {
        Ok(match point {
            Point::Time(time) => Point::Time(time.plus(&Span::from_micros(i128::from(seconds) * 1_000_000)?, -1)?),
            count => count,
        })
    }

    /// Where reading goes on after this state; the beginning of all where there is none.
    fn from(&self, state: Option<Point>) -> Point {
        let start = match &self.kind {
            Kind::Time(in_time) => Point::Time(in_time.plan.start),
            Kind::Count { start, .. } => Point::Count(*start),
        };
        Point::newest(state, Some(start)).unwrap_or(start)
    }

    /// The slices that are to be read after this state. `after` leaves out those that end no later.
    pub(crate) fn intervals(&self, state: Option<Point>, after: Option<Point>) -> Result<Vec<Interval>, TrackError> {
        let from = self.from(state);
        let in_time = match (&self.kind, from) {
            (Kind::Time(in_time), Point::Time(from)) => {
                let lower = match &in_time.lookback {
                    Some(lookback) => from.plus(lookback, -1)?,
                    None => from,
                };
                in_time.plan.slices(lower)?.into_iter().map(|slice| in_time.interval(slice)).collect()
            }
            _ => vec![Interval {
                members: Map::from_iter([("start".into(), Value::from(self.write(from)))]),
                ..Interval::default()
            }],
        };
        let is_after = |interval: &Interval| match (interval.end, after) {
            (Some(end), Some(after)) => end.compare(&after) == Ordering::Greater,
            _ => true,
        };
        Ok(in_time.into_iter().filter(is_after).collect())
    }

    /// A slice from the newest record on.
    pub(crate) fn onward(&self, interval: &Interval, newest: Point) -> Interval {
        let mut onward = interval.clone();
        if let Kind::Time(in_time) = &self.kind {
            onward.members.insert(Rc::clone(&in_time.start_field), Value::from(self.write(newest)));
        }
        onward
    }

    /// A slice in halves; none where it is too short for that.
    pub(crate) fn halves(&self, interval: &Interval, least: Option<&Span>) -> Option<[Interval; 2]> {
        let Kind::Time(in_time) = &self.kind else { return None };
        let unit = in_time.plan.granularity.filter(Span::is_fixed)?.micros();
        let at = |name: &Rc<str>| in_time.parse(interval.members.get(name)?);
        let (start, end) = (at(&in_time.start_field)?, at(&in_time.end_field)?);
        let span = i128::from(end.micros()) - i128::from(start.micros());
        if span <= 0 || unit <= 0 || least.is_some_and(|least| span <= least.micros()) {
            return None;
        }
        let half = (span / unit + 1) / 2;
        let after = |units: i128| start.plus(&Span::from_micros(units * unit).ok()?, 1).ok();
        let (first_end, second_start) = (after(half - 1)?, after(half)?);
        let is_shorter = half > 0 && second_start.micros() <= end.micros();
        is_shorter.then(|| [in_time.interval((start, first_end)), in_time.interval((second_start, end))])
    }

    /// Whether a record is between what is known and the end.
    pub(crate) fn takes(&self, record: &Value, state: Option<Point>) -> bool {
        let (Some(point), Point::Time(from), Kind::Time(in_time)) = (self.point(record), self.from(state), &self.kind)
        else {
            return match self.point(record) {
                Some(point) => point.compare(&self.from(state)) != Ordering::Less,
                None => true,
            };
        };
        let lowest = match &in_time.lookback {
            Some(lookback) => match from.plus(lookback, -1) {
                Ok(earlier) => {
                    later(earlier, if from.micros() < in_time.plan.start.micros() { from } else { in_time.plan.start })
                }
                Err(_) => from,
            },
            None => from,
        };
        point.compare(&Point::Time(lowest)) != Ordering::Less
            && point.compare(&Point::Time(in_time.plan.end)) != Ordering::Greater
    }

    /// Whether pages end at the first record that is known.
    pub(crate) fn is_data_feed(&self) -> bool {
        matches!(&self.kind, Kind::Time(in_time) if in_time.times.is_data_feed)
    }

    /// Whether records that are known are left out.
    pub(crate) fn is_client_side(&self) -> bool {
        matches!(&self.kind, Kind::Time(in_time) if in_time.times.client_side)
    }

    /// Add to a request what a slice says.
    pub(crate) fn inject(&self, interval: &Interval, options: &mut Options, world: &World) -> Result<(), RequestError> {
        let pairs = match &self.kind {
            Kind::Time(in_time) => vec![
                (in_time.times.start_option.as_ref(), &in_time.start_field),
                (in_time.times.end_option.as_ref(), &in_time.end_field),
            ],
            Kind::Count { inject, .. } => {
                let start: Rc<str> = "start".into();
                if let (Some(inject), Some(value)) = (inject, interval.members.get(&start)) {
                    options.inject(inject, value, world)?;
                }
                Vec::new()
            }
        };
        for (inject, field) in pairs {
            if let (Some(inject), Some(value)) = (inject, interval.members.get(field)) {
                options.inject(inject, value, world)?;
            }
        }
        Ok(())
    }
}

impl<'a> InTime<'a> {
    fn of(times: &'a Times, window: Option<Window>, world: &World) -> Result<Self, TrackError> {
        let span = |name: &'static str, text: &str| {
            time::parse_span(text).map_err(|_| TrackError::Not(name, text.to_owned(), "duration, such as P1D"))
        };
        let computed = |name: &'static str, expression: &Option<Expression>| {
            let Some(expression) = expression else { return Ok(None) };
            let value = expression.eval(world, &[])?;
            if value.is_true() { span(name, &value.to_text()).map(Some) } else { Ok(None) }
        };
        let granularity = times.granularity.as_ref().map(|text| span("cursor_granularity", text)).transpose()?;
        let now = DateTime::from_micros((world.now)())?;
        let mut end = match &times.end {
            Some(end) => boundary("end_datetime", end, &times.format, world)?,
            None => now,
        };
        let clamp = match &times.clamping {
            None => None,
            Some(clamping) => {
                let target = clamping.target.eval(world, &[])?.to_text();
                Some(match (&*target, clamping.weekday) {
                    ("DAY", _) => Clamp::Day,
                    ("MONTH", _) => Clamp::Month,
                    ("WEEK", Some(day)) => Clamp::Week(day.into()),
                    _ => {
                        return Err(TrackError::Not(
                            "clamping.target",
                            target.to_string(),
                            "DAY, MONTH, or WEEK with its weekday",
                        ));
                    }
                })
            }
        };
        if let Some(clamp) = clamp {
            let unit = match granularity {
                Some(granularity) => granularity,
                None => span("cursor_granularity", if clamp == Clamp::Day { "PT1S" } else { "P1D" })?,
            };
            end = clamp.round(end, false)?.plus(&unit, -1)?;
        }
        let mut start = boundary("start_datetime", &times.start, &times.format, world)?;
        if let Some(window) = window {
            start = midnight(window.start)?;
            let last = midnight(window.end)?;
            end = match &granularity {
                Some(granularity) => last.plus(granularity, -1)?,
                None => last.plus(&Span::from_micros(1)?, -1)?,
            };
        }
        let name = |expression: &Expression| Ok::<_, TrackError>(expression.eval(world, &[])?.to_text());
        Ok(Self {
            times,
            plan: Plan {
                start,
                end,
                step: computed("step", &times.step)?,
                granularity,
                clamp,
                strictly: times.strictly,
            },
            // A window is read as it is.
            lookback: if window.is_some() { None } else { computed("lookback_window", &times.lookback)? },
            start_field: name(&times.start_field)?,
            end_field: name(&times.end_field)?,
        })
    }

    fn parse(&self, value: &Value) -> Option<DateTime> {
        if !value.is_given() {
            return None;
        }
        let parse = |format: &Rc<str>| match value {
            Value::Str(text) => time::parse(text, format).ok(),
            number => time::parse_number(number.as_float()?, format).ok(),
        };
        self.times.formats.iter().find_map(parse)
    }

    fn interval(&self, (start, end): (DateTime, DateTime)) -> Interval {
        let write = |time: DateTime| Value::from(time::format(time, &self.times.format));
        let members = [(Rc::clone(&self.start_field), write(start)), (Rc::clone(&self.end_field), write(end))];
        Interval { members: Map::from_iter(members), end: Some(Point::Time(end)), day: Some(start.date().parts()) }
    }
}

fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Str(text) => text.trim().parse().ok(),
        value => value.as_int(),
    }
}

fn midnight(date: landing::Date) -> Result<DateTime, time::TimeError> {
    let date = time::Date::new(date.year.into(), date.month.into(), date.day.into())?;
    DateTime::new(date, time::Clock::default(), Some(0))
}

/// Where time begins or ends, by the manifest.
fn boundary(name: &'static str, boundary: &Boundary, format: &Rc<str>, world: &World) -> Result<DateTime, TrackError> {
    let format = boundary.format.as_ref().unwrap_or(format);
    let parse = |text: &str| {
        time::parse(text, format).map_err(|_| TrackError::Not(name, text.to_owned(), "time of its format"))
    };
    let at = |expression: &Expression| Ok::<_, TrackError>(expression.eval(world, &[])?.to_text());
    let mut time = parse(&at(&boundary.time)?)?;
    if let Some(least) = boundary.min.as_ref().map(at).transpose()?.filter(|text| !text.is_empty()) {
        time = later(time, parse(&least)?);
    }
    if let Some(most) = boundary.max.as_ref().map(at).transpose()?.filter(|text| !text.is_empty()) {
        let most = parse(&most)?;
        time = if most.micros() < time.micros() { most } else { time };
    }
    // One that does not say counts as UTC.
    Ok(time.utc()?)
}
