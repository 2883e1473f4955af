//! How far a stream has come, by a field of its records.

use std::rc::Rc;

use expressions::Value;

use super::{Expression, Fields, Inject};
use crate::manifest::ManifestError;

/// How far a stream has come.
pub(crate) struct Cursor {
    pub(crate) field: Expression,
    pub(crate) kind: Kind,
    /// Whether all partitions have one point together.
    pub(crate) is_global: bool,
}

/// What it counts in.
pub(crate) enum Kind {
    Time(Box<Times>),
    Count { start: Option<Expression>, inject: Option<Inject> },
}

/// A cursor in time.
pub(crate) struct Times {
    pub(crate) start: Boundary,
    pub(crate) end: Option<Boundary>,
    pub(crate) format: Rc<str>,
    /// The formats of the records' own times, tried in this order; the format itself is the last.
    pub(crate) formats: Vec<Rc<str>>,
    pub(crate) step: Option<Expression>,
    pub(crate) granularity: Option<Rc<str>>,
    pub(crate) lookback: Option<Expression>,
    pub(crate) start_field: Expression,
    pub(crate) end_field: Expression,
    pub(crate) start_option: Option<Inject>,
    pub(crate) end_option: Option<Inject>,
    pub(crate) clamping: Option<Clamping>,
    pub(crate) is_data_feed: bool,
    pub(crate) client_side: bool,
    pub(crate) strictly: bool,
}

/// Where the time that is read begins or ends.
pub(crate) struct Boundary {
    pub(crate) time: Expression,
    pub(crate) format: Option<Rc<str>>,
    pub(crate) min: Option<Expression>,
    pub(crate) max: Option<Expression>,
}

/// To what slices are rounded.
pub(crate) struct Clamping {
    pub(crate) target: Expression,
    /// The day that a week begins on, 0 being Monday.
    pub(crate) weekday: Option<u8>,
}

impl Cursor {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let kind = match fields.kind() {
            "DatetimeBasedCursor" => Kind::Time(Box::new(Times::read(&fields)?)),
            "IncrementingCountCursor" => Kind::Count {
                start: fields.expression("start_value")?,
                inject: fields.component("start_value_option", Inject::read)?,
            },
            _ => return Err(fields.unsupported()),
        };
        let is_global = fields.flag("global_substream_cursor")?;
        Ok(Self { field: fields.needed_expression("cursor_field")?, kind, is_global })
    }
}

impl Times {
    fn read(fields: &Fields<'_>) -> Result<Self, ManifestError> {
        let step = fields.filled("step")?;
        let granularity = fields.text("cursor_granularity")?.filter(|granularity| !granularity.is_empty());
        if step.is_some() != granularity.is_some() {
            return Err(fields.error("`step` and `cursor_granularity` belong together: give both, or neither"));
        }
        let name = |member: &str, default: &str| match fields.expression(member)? {
            Some(name) => Ok::<_, ManifestError>(name),
            None => Expression::of(&Value::from(default), &fields.parameters(), &fields.member(member)),
        };
        let formats =
            fields.items("cursor_datetime_formats")?.iter().filter_map(|format| format.as_str().map(Rc::from));
        let format = fields.needed_text("datetime_format")?;
        let start = Boundary::read(fields, "start_datetime")?.ok_or_else(|| fields.missing("start_datetime"))?;
        start.check(&format).map_err(|reason| fields.wrong("start_datetime", reason))?;
        Ok(Self {
            start,
            end: Boundary::read(fields, "end_datetime")?,
            formats: formats.chain([Rc::clone(&format)]).collect(),
            format,
            step,
            granularity,
            lookback: fields.filled("lookback_window")?,
            start_field: name("partition_field_start", "start_time")?,
            end_field: name("partition_field_end", "end_time")?,
            start_option: fields.component("start_time_option", Inject::read)?,
            end_option: fields.component("end_time_option", Inject::read)?,
            clamping: fields.component("clamping", Clamping::read)?,
            is_data_feed: fields.flag("is_data_feed")?,
            client_side: fields.flag("is_client_side_incremental")?,
            strictly: fields.flag("is_compare_strictly")?,
        })
    }
}

impl Boundary {
    /// A time that nothing is computed of can be read, or no run ever will.
    fn check(&self, format: &Rc<str>) -> Result<(), String> {
        let (text, format) = (self.time.written(), self.format.as_ref().unwrap_or(format));
        if text.contains("{{") || text.contains("{%") {
            return Ok(());
        }
        expressions::time::parse(text, format)
            .map(drop)
            .map_err(|_| format!("it is {text:?}, which is no time of the format {format:?}"))
    }

    fn read(fields: &Fields<'_>, name: &str) -> Result<Option<Self>, ManifestError> {
        match fields.given(name) {
            None => Ok(None),
            Some(Value::Dict(_)) => fields.component(name, |inner| {
                Ok(Self {
                    time: inner.needed_expression("datetime")?,
                    format: inner.text("datetime_format")?.filter(|format| !format.is_empty()),
                    min: inner.filled("min_datetime")?,
                    max: inner.filled("max_datetime")?,
                })
            }),
            Some(_) => {
                let time = fields.needed_expression(name)?;
                let is_there = !time.written().is_empty();
                Ok(is_there.then_some(Self { time, format: None, min: None, max: None }))
            }
        }
    }
}

impl Clamping {
    fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        const DAYS: [&str; 7] = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];
        let details = fields.component("target_details", |details| details.text("weekday"))?.flatten();
        let weekday = match details {
            None => None,
            Some(name) => {
                let day = DAYS.iter().position(|day| **day == *name);
                Some(day.ok_or_else(|| fields.wrong("target_details", format!("{name} is no day of the week")))? as u8)
            }
        };
        Ok(Self { target: fields.needed_expression("target")?, weekday })
    }
}
