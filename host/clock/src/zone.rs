//! The machine's time zones.

use jiff::tz::TimeZone;

/// The time zone of that name, such as `Europe/Berlin`; `None` where the machine has no file of it.
pub fn zone(name: &str) -> Option<TimeZone> {
    match name {
        "UTC" => Some(TimeZone::UTC),
        name => TimeZone::get(name).ok(),
    }
}

/// The machine's own time zone, by `TZ` or `/etc/localtime`; UTC where neither says.
pub fn local_zone() -> TimeZone {
    TimeZone::try_system().unwrap_or(TimeZone::UTC)
}
