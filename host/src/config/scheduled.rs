//! What the configuration says of extractors that run by themselves: when, for how long, with which secrets.

use std::path::PathBuf;
use std::time::Duration;

use super::SecretFrom;
use super::file::{Configuration, ExtractorConfig};
use rules::budget::Budget;
use rules::schedule::Schedule;

/// An extractor with a schedule.
#[derive(Debug, Clone)]
pub struct Scheduled {
    /// Its name.
    pub name: String,
    /// Its file.
    pub component: PathBuf,
    /// When it is due.
    pub schedule: Schedule,
    /// By which clock, as an IANA name; `None` is the machine's own.
    pub zone: Option<String>,
    /// How long a run may take.
    pub timeout: Duration,
    /// The credentials that its secrets are in.
    pub credentials: Vec<String>,
    /// The variables of the environment that its secrets are in.
    pub variables: Vec<String>,
}

impl Configuration {
    /// The extractors that can be run by name and have a schedule, in the order of their names.
    pub fn scheduled(&self) -> Vec<Scheduled> {
        let all = self.file.extractor.iter();
        all.filter_map(|(name, extractor)| self.scheduled_one(name, extractor)).collect()
    }

    fn scheduled_one(&self, name: &str, extractor: &ExtractorConfig) -> Option<Scheduled> {
        let (Some(component), Some(schedule)) = (&extractor.component, &extractor.schedule) else { return None };
        let zone = extractor.time_zone.as_ref().or(self.file.defaults.time_zone.as_ref());
        let budget = extractor.budget.clone().or(self.file.defaults.budget.clone());
        let timeout = Budget::ALL.iter().zip(budget.amounts()).find(|(budget, _)| **budget == Budget::Time);
        let (mut credentials, mut variables) = (Vec::new(), Vec::new());
        for secret in extractor.secret.values() {
            match &secret.from {
                SecretFrom::Credential(credential) => credentials.push(credential.clone()),
                SecretFrom::Env(variable) => variables.push(variable.clone()),
                SecretFrom::File(_) | SecretFrom::Command(_) => {}
            }
        }
        credentials.sort();
        credentials.dedup();
        Some(Scheduled {
            name: name.to_owned(),
            component: component.clone(),
            schedule: schedule.clone(),
            zone: zone.and_then(|zone| zone.0.iana_name()).map(str::to_owned),
            timeout: Duration::from_millis(timeout.map_or(0, |(_, amount)| amount)),
            credentials,
            variables,
        })
    }

    /// Whether the file itself says where the landing directory is.
    pub fn says_landing(&self) -> bool {
        self.file.defaults.landing.is_some()
    }
}
