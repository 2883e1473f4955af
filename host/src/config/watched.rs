//! What is expected of each extractor: when it is due, and how long ago its last success may be.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::file::Configuration;
use clock::Moment;
use rules::schedule::Schedule;

/// What is expected of an extractor.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    /// Its name.
    pub name: String,
    /// When it is due, and in which time zone that is meant.
    pub schedule: Option<(Schedule, TimeZone)>,
    /// How long ago its last success may be.
    pub stale_after: Option<Duration>,
}

impl Configuration {
    /// All extractors that have a component or a schedule here, in the order of their names.
    pub fn watched(&self) -> Vec<Watched> {
        let defaults = &self.file.defaults;
        let expected =
            self.file.extractor.iter().filter(|(_, said)| said.component.is_some() || said.schedule.is_some());
        let watched = expected.map(|(name, said)| {
            let zone = said.time_zone.as_ref().or(defaults.time_zone.as_ref());
            let zone = || zone.map_or_else(clock::local_zone, |zone| zone.0.clone());
            Watched {
                name: name.clone(),
                schedule: said.schedule.clone().map(|schedule| (schedule, zone())),
                stale_after: said.stale_after.or(defaults.stale_after).map(|age| age.0),
            }
        });
        watched.collect()
    }
}

impl Watched {
    /// The first moment after `after` at which it is due.
    pub fn due(&self, after: Moment) -> Option<Moment> {
        let (schedule, zone) = self.schedule.as_ref()?;
        schedule.next(&after.in_zone(zone.clone())).map(|next| Moment::from(&next))
    }
}
