//! Attributes and methods of dates, times and lengths of time.

use super::unsupported;
use crate::call::{Given, need, text, whole};
use crate::error::{EvalError, Result};
use crate::time::{self, Clock, Date, DateTime, Span};
use crate::value::Value;

const DATE: [&str; 16] = [
    "ctime",
    "fromisocalendar",
    "fromisoformat",
    "fromordinal",
    "fromtimestamp",
    "isocalendar",
    "isoformat",
    "isoweekday",
    "max",
    "min",
    "replace",
    "strftime",
    "timetuple",
    "today",
    "toordinal",
    "weekday",
];

const TIME: [&str; 30] = [
    "astimezone",
    "combine",
    "ctime",
    "date",
    "dst",
    "fromisocalendar",
    "fromisoformat",
    "fromordinal",
    "fromtimestamp",
    "isocalendar",
    "isoformat",
    "isoweekday",
    "max",
    "min",
    "now",
    "replace",
    "strftime",
    "strptime",
    "time",
    "timestamp",
    "timetuple",
    "timetz",
    "today",
    "toordinal",
    "tzname",
    "utcfromtimestamp",
    "utcnow",
    "utcoffset",
    "utctimetuple",
    "weekday",
];

pub(super) fn names(value: &Value) -> &'static [&'static str] {
    match value {
        Value::Date(_) => &DATE,
        Value::Time(_) => &TIME,
        _ => &["total_seconds", "totimedelta"],
    }
}

pub(super) fn attribute(value: &Value, name: &str) -> Option<Value> {
    let number = |number: u32| Some(Value::Int(number.into()));
    if let Value::Span(span) = value {
        return span_attribute(span, name);
    }
    let (date, time) = match value {
        Value::Date(date) => (*date, None),
        Value::Time(time) => (time.date(), Some(*time)),
        _ => return None,
    };
    let (year, month, day) = date.parts();
    match (name, time) {
        ("year", _) => Some(Value::Int(year.into())),
        ("month", _) => number(month),
        ("day", _) => number(day),
        ("hour", Some(time)) => number(time.clock().hour),
        ("minute", Some(time)) => number(time.clock().minute),
        ("second", Some(time)) => number(time.clock().second),
        ("microsecond", Some(time)) => number(time.clock().micro),
        ("fold", Some(_)) => number(0),
        // Zones have no value of their own here: this is what Python prints of them.
        ("tzinfo", Some(time)) => Some(time.offset().map_or(Value::None, |_| Value::from(time::zone_name(Some(time))))),
        _ => None,
    }
}

fn span_attribute(span: &Span, name: &str) -> Option<Value> {
    let (days, rest) = (span.micros().div_euclid(86_400_000_000), span.micros().rem_euclid(86_400_000_000));
    let (years, months) = span.calendar();
    Some(match name {
        "days" => Value::Int(days),
        "seconds" => Value::Int(rest / 1_000_000),
        "microseconds" => Value::Int(rest % 1_000_000),
        "years" if !span.is_fixed() => Value::Int(years.into()),
        "months" if !span.is_fixed() => Value::Int(months.into()),
        "tdelta" if !span.is_fixed() => Span::from_micros(span.micros()).ok()?.into(),
        _ => return None,
    })
}

pub(super) fn call(value: &Value, name: &'static str, given: Given) -> Result<Value> {
    if let Value::Span(span) = value {
        if name != "total_seconds" {
            return Err(unsupported(value, name));
        }
        let [] = given.plain(name, [])?;
        return Ok(Value::Float(span.micros() as f64 / 1e6));
    }
    let (date, moment) = match value {
        Value::Time(time) => (time.date(), Some(*time)),
        Value::Date(date) => (*date, None),
        _ => return Err(unsupported(value, name)),
    };
    match (name, moment) {
        ("strftime", _) => {
            let [format] = given.bind(name, ["format"])?;
            let format = text(&need(format), "format")?;
            return Ok(moment
                .map_or_else(|| time::strftime_date(date, &format), |time| time::strftime(time, &format))
                .into());
        }
        ("isoformat", Some(time)) => return isoformat(time, given),
        ("replace", _) => return replace(date, moment, given),
        ("astimezone", Some(time)) => {
            // There is no zone to give: the machine's own is UTC.
            let [zone] = given.bind(name, ["tz?"])?;
            return match zone {
                None | Some(Value::None) => Ok(Value::Time(time.utc()?)),
                Some(Value::Str(zone)) if &*zone == "UTC" => Ok(Value::Time(time.utc()?)),
                _ => Err(unsupported(value, name)),
            };
        }
        _ => {}
    }
    let [] = given.plain(name, [])?;
    let number = |number: u32| Value::Int(number.into());
    Ok(match (name, moment) {
        ("isoformat", None) => date.iso().into(),
        ("ctime", _) => moment
            .map_or_else(
                || time::strftime_date(date, "%a %b %e %H:%M:%S %Y"),
                |time| time::strftime(time, "%a %b %e %H:%M:%S %Y"),
            )
            .into(),
        ("weekday", _) => number(date.weekday()),
        ("isoweekday", _) => number(date.weekday() + 1),
        ("toordinal", _) => Value::Int(i128::from(date.days()) + 719_163),
        ("isocalendar", _) => {
            let (year, week, day) = date.iso_week();
            Value::Tuple(std::rc::Rc::new(vec![Value::Int(year.into()), number(week), number(day)]))
        }
        ("date", Some(_)) => Value::Date(date),
        ("timestamp", Some(time)) => Value::Float(time.micros() as f64 / 1e6),
        ("utcoffset", Some(time)) => match time.offset() {
            Some(offset) => Span::from_micros(i128::from(offset) * 1_000_000)?.into(),
            None => Value::None,
        },
        ("tzname", Some(time)) => time.offset().map_or(Value::None, |_| time::zone_name(Some(time)).into()),
        _ => return Err(unsupported(value, name)),
    })
}

fn isoformat(time: DateTime, given: Given) -> Result<Value> {
    let [separator, parts] = given.bind("isoformat", ["sep?", "timespec?"])?;
    let separator = separator.unwrap_or_else(|| "T".into());
    let separator = text(&separator, "sep")?;
    let mut letters = separator.chars();
    let (Some(separator), None) = (letters.next(), letters.next()) else {
        return Err(EvalError::Type("isoformat() argument 1 must be a unicode character".to_owned()));
    };
    let parts = parts.unwrap_or_else(|| "auto".into());
    let clock = time.clock();
    let shown = match &*text(&parts, "timespec")? {
        "auto" => return Ok(time.iso(separator).into()),
        "hours" => format!("{:02}", clock.hour),
        "minutes" => format!("{:02}:{:02}", clock.hour, clock.minute),
        "seconds" => format!("{:02}:{:02}:{:02}", clock.hour, clock.minute, clock.second),
        "milliseconds" => {
            format!("{:02}:{:02}:{:02}.{:03}", clock.hour, clock.minute, clock.second, clock.micro / 1000)
        }
        "microseconds" => {
            format!("{:02}:{:02}:{:02}.{:06}", clock.hour, clock.minute, clock.second, clock.micro)
        }
        _ => return Err(EvalError::value("Unknown timespec value")),
    };
    Ok(format!("{}{separator}{shown}{}", time.date().iso(), time.offset_text(":")).into())
}

fn replace(date: Date, moment: Option<DateTime>, given: Given) -> Result<Value> {
    let (year, month, day) = date.parts();
    let part = |value: Option<Value>, own: u32| match value {
        None => Ok(own),
        Some(value) => {
            let number = whole(&value, "a part of a date")?;
            u32::try_from(number).map_err(|_| EvalError::value("a part of a date is out of range"))
        }
    };
    let date_of = |new_year: Option<Value>, new_month, new_day| -> Result<Date> {
        let year = part(new_year, year.unsigned_abs())?;
        let year = i32::try_from(year).map_err(|_| EvalError::value("year is out of range"))?;
        Ok(Date::new(year, part(new_month, month)?, part(new_day, day)?)?)
    };
    let Some(time) = moment else {
        let [year, month, day] = given.bind("replace", ["year?", "month?", "day?"])?;
        return Ok(Value::Date(date_of(year, month, day)?));
    };
    let names = ["year?", "month?", "day?", "hour?", "minute?", "second?", "microsecond?", "tzinfo?", "fold?"];
    let [year, month, day, hour, minute, second, micro, zone, _] = given.bind("replace", names)?;
    let own = time.clock();
    let clock = Clock {
        hour: part(hour, own.hour)?,
        minute: part(minute, own.minute)?,
        second: part(second, own.second)?,
        micro: part(micro, own.micro)?,
    };
    let offset = match zone {
        None => time.offset(),
        Some(Value::None) => None,
        Some(Value::Str(zone)) if &*zone == "UTC" => Some(0),
        Some(_) => return Err(EvalError::Type("tzinfo argument must be None or of a tzinfo subclass".to_owned())),
    };
    Ok(Value::Time(DateTime::new(date_of(year, month, day)?, clock, offset)?))
}
