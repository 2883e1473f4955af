//! Jobs that a server does for a stream: created, asked after, and their results downloaded.

use std::rc::Rc;

use super::{Expression, Extractor, Fields, Requester};
use crate::manifest::ManifestError;

/// How a stream's answers are made by jobs of the server.
pub(crate) struct Jobs {
    pub(crate) creation: Requester,
    pub(crate) polling: Requester,
    pub(crate) abort: Option<Requester>,
    pub(crate) delete: Option<Requester>,
    /// Asked for what to download, where the answer about the job does not say it.
    pub(crate) target: Option<Requester>,
    pub(crate) targets: Option<Extractor>,
    pub(crate) status: Extractor,
    statuses: Vec<(Rc<str>, Status)>,
    /// Minutes until a job is given up.
    pub(crate) timeout: Option<Expression>,
    /// Seconds before a job that failed is created again.
    pub(crate) wait: Option<Expression>,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Running,
    Completed,
    Failed,
    TimedOut,
    /// There is nothing to download.
    Skipped,
}

impl Jobs {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, ManifestError> {
        let target = fields.component("download_target_requester", Requester::read)?;
        let targets = fields.component("download_target_extractor", Extractor::read)?;
        if target.is_some() && targets.is_none() {
            return Err(fields.missing("download_target_extractor"));
        }
        Ok(Self {
            creation: fields.needed("creation_requester", Requester::read)?,
            polling: fields.needed("polling_requester", Requester::read)?,
            abort: fields.component("abort_requester", Requester::read)?,
            delete: fields.component("delete_requester", Requester::read)?,
            target,
            targets,
            status: fields.needed("status_extractor", Extractor::read)?,
            statuses: fields.needed("status_mapping", statuses)?,
            timeout: fields.expression("polling_job_timeout")?,
            wait: fields.expression("failed_retry_wait_time_in_seconds")?,
        })
    }

    /// What a status of the server's means; none where the manifest does not say.
    pub(crate) fn meaning(&self, status: &str) -> Option<Status> {
        self.statuses.iter().find(|(name, _)| **name == *status).map(|(_, status)| *status)
    }

    /// All requesters of it.
    pub(crate) fn requesters(&self) -> impl Iterator<Item = &Requester> {
        let optional = [&self.abort, &self.delete, &self.target].into_iter().flatten();
        [&self.creation, &self.polling].into_iter().chain(optional)
    }
}

fn statuses(fields: Fields<'_>) -> Result<Vec<(Rc<str>, Status)>, ManifestError> {
    let mut statuses: Vec<(Rc<str>, Status)> = Vec::new();
    for (name, status) in [
        ("running", Status::Running),
        ("completed", Status::Completed),
        ("failed", Status::Failed),
        ("timeout", Status::TimedOut),
        ("skipped", Status::Skipped),
    ] {
        for value in fields.items(name)? {
            let value = value.to_text();
            if statuses.iter().any(|(there, _)| *there == value) {
                return Err(fields.wrong(name, format!("the status {value} stands in two of the lists")));
            }
            statuses.push((value, status));
        }
    }
    Ok(statuses)
}
