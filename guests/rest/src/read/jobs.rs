//! Has a server do a job, and waits for it.

use expressions::{Map, Value};
use landing::{Error, run};

use super::answer::Answer;
use super::decode;
use super::extract::extract;
use super::meaning::number_of;
use super::request::{self, Options};
use super::send::{self, Sent};
use crate::plan::{Decoder, Extractor, JobStatus, Jobs, Requester, World};

/// How often a job is asked after, in milliseconds.
const POLL: u64 = 5_000;
/// How often a job that failed is created again.
const ATTEMPTS: u32 = 3;
/// How long a job may take where the manifest does not say, in minutes.
const TIMEOUT: f64 = 60.0;
/// Most things that one job has to download.
const MAX_TARGETS: usize = 100_000;

/// What expressions see of a job that is done, for each thing that is to be downloaded.
pub(crate) struct Done {
    pub(crate) downloads: Vec<Map>,
    /// The names that a request to delete it sees.
    pub(crate) names: Map,
}

/// A job's slice as expressions see it.
pub(crate) struct Job<'a> {
    jobs: &'a Jobs,
    decoder: &'a Decoder,
    slice: &'a Value,
    extra: &'a Map,
    world: &'a World,
}

impl<'a> Job<'a> {
    /// The job of a slice.
    pub(crate) fn new(jobs: &'a Jobs, slice: &'a Value, extra: &'a Map, world: &'a World) -> Self {
        Self { jobs, decoder: &Decoder::Json, slice, extra, world }
    }

    /// Have the job done.
    pub(crate) async fn run(&self) -> Result<Done, Error> {
        let number = |expression: &Option<crate::plan::Expression>| {
            let value = expression.as_ref().map(|expression| expression.eval(self.world, &[])).transpose();
            value.map(|value| value.as_ref().and_then(number_of)).map_err(|error| Error::new(&error))
        };
        let (minutes, wait) = (number(&self.jobs.timeout)?.unwrap_or(TIMEOUT), number(&self.jobs.wait)?);
        for attempt in 1..=ATTEMPTS {
            let created = self.ask(&self.jobs.creation, &Map::new()).await?;
            let created = created.ok_or_else(|| Error::new("the answer to the request for a job is to be ignored"))?;
            let mut names = Map::from_iter([("creation_response".into(), seen(&created))]);
            match self.wait_for(&mut names, minutes).await? {
                (JobStatus::Completed, answer) => return self.done(names, answer).await,
                (JobStatus::Skipped, _) => return Ok(Done { downloads: Vec::new(), names }),
                (JobStatus::TimedOut, _) => {
                    if let Some(abort) = &self.jobs.abort {
                        self.ask(abort, &names).await?;
                    }
                    landing::warn!("a job took more than {minutes} minutes, attempt {attempt} of {ATTEMPTS}");
                }
                (status, _) => landing::warn!("a job ended as {status:?}, attempt {attempt} of {ATTEMPTS}"),
            }
            if attempt < ATTEMPTS {
                run::wait((wait.unwrap_or(0.0) * 1000.0).clamp(0.0, f64::from(u32::MAX)) as u64).await;
            }
        }
        Err(Error::new(format_args!("the job failed {ATTEMPTS} times")))
    }

    /// Delete a job whose results were read.
    pub(crate) async fn delete(&self, names: &Map) -> Result<(), Error> {
        match &self.jobs.delete {
            Some(delete) => self.ask(delete, names).await.map(drop),
            None => Ok(()),
        }
    }

    /// Ask after the job until it has ended; how, and the last answer.
    async fn wait_for(&self, names: &mut Map, minutes: f64) -> Result<(JobStatus, Answer), Error> {
        let began = run::now();
        loop {
            let answer = self.ask(&self.jobs.polling, names).await?;
            let answer = answer.ok_or_else(|| Error::new("the answer about a job is to be ignored"))?;
            let status = self.found(&self.jobs.status, &answer)?.first().map(Value::to_text).unwrap_or_default();
            match self.jobs.meaning(&status) {
                Some(JobStatus::Running) => {}
                Some(status) => {
                    names.insert("polling_response".into(), seen(&answer));
                    return Ok((status, answer));
                }
                None => {
                    return Err(Error::new(format_args!(
                        "the status of a job is {status:?}, which is none of those in `status_mapping`"
                    )));
                }
            }
            if run::now().saturating_sub(began) as f64 > minutes * 60_000.0 {
                return Ok((JobStatus::TimedOut, answer));
            }
            run::wait(POLL).await;
        }
    }

    /// What there is to be downloaded.
    async fn done(&self, names: Map, answer: Answer) -> Result<Done, Error> {
        let targets = match (&self.jobs.targets, &self.jobs.target) {
            (None, _) => vec![Value::from("")],
            (Some(extractor), None) => self.found(extractor, &answer)?,
            (Some(extractor), Some(requester)) => match self.ask(requester, &names).await? {
                Some(answer) => self.found(extractor, &answer)?,
                None => return Err(Error::new("the answer about what to download is to be ignored")),
            },
        };
        if targets.len() > MAX_TARGETS {
            return Err(Error::new(format_args!("a job has more than {MAX_TARGETS} things to download")));
        }
        let of = |target: Value| {
            let mut names = names.clone();
            names.insert("download_target".into(), target);
            names
        };
        Ok(Done { downloads: targets.into_iter().map(of).collect(), names })
    }

    fn found(&self, extractor: &Extractor, answer: &Answer) -> Result<Vec<Value>, Error> {
        let bodies = decode::decode(self.decoder, &answer.body)
            .map_err(|reason| Error::new(format_args!("{}: {reason}", answer.shown())))?;
        let found = extract(extractor, &bodies, self.world).map_err(|error| Error::new(error.to_string()))?;
        Ok(found.records)
    }

    async fn ask(&self, requester: &Requester, names: &Map) -> Result<Option<Answer>, Error> {
        let mut all = vec![("stream_slice", self.slice.clone()), ("next_page_token", Value::None)];
        all.extend(self.extra.iter().chain(names).map(|(name, value)| (&**name, value.clone())));
        let outgoing = request::outgoing(requester, None, None, Options::default(), self.world, &all)
            .map_err(|error| Error::new(error.to_string()))?;
        Ok(match send::send(requester, &outgoing, self.world).await? {
            Sent::Page(answer) => Some(answer),
            // A requester that is no retriever's has no such handler.
            Sent::Ignored | Sent::Turned(..) => None,
        })
    }
}

/// An answer as later requests see it: the members of its JSON, and its fields.
fn seen(answer: &Answer) -> Value {
    let mut members = answer.json().as_dict().cloned().unwrap_or_default();
    members.entry("headers".into()).or_insert_with(|| Value::from(answer.fields()));
    Value::from(members)
}
