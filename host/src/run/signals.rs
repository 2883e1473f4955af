//! The signals that a run answers to.

use std::fmt;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinError;

use crate::error::Kind;

/// How long work that has to hurry is waited for: what it waits and computes may take a second each.
const PATIENCE: Duration = Duration::from_millis(1800);

/// A signal that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caught {
    Interrupt,
    Terminate,
}

impl Caught {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Interrupt => Kind::Interrupted,
            Self::Terminate => Kind::Terminated,
        }
    }
}

impl fmt::Display for Caught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupt => "interrupted by SIGINT",
            Self::Terminate => "ended by SIGTERM",
        })
    }
}

/// The signals, from when they are listened to.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// Handled so that it does not kill: the write that caused it fails with EFBIG and is reported.
    _file_too_large: Signal,
}

impl Signals {
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            _file_too_large: signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?,
        })
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Caught {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => Caught::Interrupt,
            _ = self.terminate.recv() => Caught::Terminate,
        }
    }

    /// The end of `work`, unless a signal comes first: then `work` is dropped.
    pub(super) async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Caught> {
        tokio::select! {
            biased;
            caught = self.next() => Err(caught),
            done = work => Ok(done),
        }
    }

    /// Do `work`, which asks the state, on a blocking thread. After `time` or a signal it has to hurry, and where even
    /// that does not help, nothing comes of it: a database may be made so that nothing ends what it computes.
    pub(super) async fn during_at_most<T: Send + 'static>(
        &mut self,
        time: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> (Option<T>, Option<Caught>) {
        let mut job = tokio::task::spawn_blocking(work);
        let caught = match self.unless(tokio::time::timeout(time, &mut job)).await {
            Ok(Ok(done)) => return (Some(finished(done)), None),
            Ok(Err(_)) => None,
            Err(caught) => Some(caught),
        };
        hurry();
        (tokio::time::timeout(PATIENCE, job).await.ok().map(finished), caught)
    }

    /// Do `work`, which asks the state, on a blocking thread. After a signal it has to hurry, and is waited for.
    pub(super) async fn during<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> (T, Option<Caught>) {
        let mut job = tokio::task::spawn_blocking(work);
        let (done, caught) = match self.unless(&mut job).await {
            Ok(done) => (done, None),
            Err(caught) => {
                hurry();
                (job.await, Some(caught))
            }
        };
        (finished(done), caught)
    }
}

/// Have whatever this process still asks come to an end soon.
pub(super) fn hurry() {
    state::hurry();
    objects::hurry();
}

/// What a job gave. A panic over there is one here, too.
fn finished<T>(done: Result<T, JoinError>) -> T {
    done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}
