//! What the configuration says of extractors that run by themselves: when, for how long, with which secrets.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::SecretFrom;
use super::file::{Configuration, ExtractorConfig};
use super::notify::Written;
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
    /// How long a run may take, with all that is told of it.
    pub timeout: Duration,
    /// The credentials that its secrets and certificates are in, and those of whoever is told of it.
    pub credentials: Vec<String>,
    /// The variables of the environment that such secrets are in.
    pub variables: Vec<String>,
}

/// The credentials and the variables among places of secrets.
fn passed<'a>(kept: impl Iterator<Item = &'a SecretFrom>) -> (Vec<String>, Vec<String>) {
    let (mut credentials, mut variables) = (BTreeSet::new(), BTreeSet::new());
    for from in kept {
        match from {
            SecretFrom::Credential(credential) => credentials.insert(credential.clone()),
            SecretFrom::Env(variable) => variables.insert(variable.clone()),
            SecretFrom::File(_) | SecretFrom::Command(_) => false,
        };
    }
    (credentials.into_iter().collect(), variables.into_iter().collect())
}

impl Configuration {
    /// The extractors that can be run by name and have a schedule, in the order of their names.
    pub fn scheduled(&self) -> Vec<Scheduled> {
        let all = self.file.extractor.iter();
        all.filter_map(|(name, extractor)| self.scheduled_one(name, extractor)).collect()
    }

    /// The extractors that have a schedule, and nothing to run.
    pub fn without_component(&self) -> Vec<&str> {
        let all = self.file.extractor.iter();
        let lacking = all.filter(|(_, extractor)| extractor.schedule.is_some() && extractor.component.is_none());
        lacking.map(|(name, _)| name.as_str()).collect()
    }

    fn scheduled_one(&self, name: &str, extractor: &ExtractorConfig) -> Option<Scheduled> {
        let (Some(component), Some(schedule)) = (&extractor.component, &extractor.schedule) else { return None };
        let zone = extractor.time_zone.as_ref().or(self.file.defaults.time_zone.as_ref());
        let budget = extractor.budget.clone().or(self.file.defaults.budget.clone());
        let timeout = Budget::ALL.iter().zip(budget.amounts()).find(|(budget, _)| **budget == Budget::Time);
        let told = self.file.notify.values();
        // Telling comes after the run, one after the other at worst.
        let telling = told.clone().map(Written::time).fold(Duration::ZERO, Duration::saturating_add);
        let secrets = extractor.secret.values().flat_map(|secret| secret.source.places());
        let certificates = extractor.client_certificate.iter().flat_map(|grant| [&grant.chain, &grant.key]);
        let tokens = extractor.secret.values().any(|secret| secret.oauth.is_some());
        let key = self.file.store.token_key.iter().filter(|_| tokens);
        let kept = secrets.chain(certificates).chain(key).chain(told.filter_map(Written::kept));
        let (credentials, variables) = passed(kept);
        Some(Scheduled {
            name: name.to_owned(),
            component: component.clone(),
            schedule: schedule.clone(),
            zone: zone.and_then(|zone| zone.0.iana_name()).map(str::to_owned),
            timeout: Duration::from_millis(timeout.map_or(0, |(_, amount)| amount)).saturating_add(telling),
            credentials,
            variables,
        })
    }

    /// The credentials of whoever is told of staleness.
    pub fn told_credentials(&self) -> Vec<String> {
        passed(self.file.notify.values().filter_map(Written::kept)).0
    }

    /// Whether the file itself says where the landing directory is.
    pub fn says_landing(&self) -> bool {
        self.file.defaults.landing.is_some()
    }
}
