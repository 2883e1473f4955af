//! What a run asked and was answered, written down at its end however it ended.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::Kind;
use crate::files;
use crate::report::{Failure, Report};
use fetch::Recorder;

/// A recording, and where it goes.
pub(super) struct Recording {
    pub(super) recorder: Arc<Recorder>,
    pub(super) path: PathBuf,
}

impl Recording {
    /// Write it. A run whose recording is lost did not do what it was started for.
    pub(super) fn write(self, report: &mut Report) {
        let shown = self.path.display();
        let har = self.recorder.har().map_err(|error| error.to_string());
        let written = har.and_then(|har| files::replace(&self.path, &har).map_err(|error| error.to_string()));
        if let Err(error) = written {
            let message = format!("nothing was recorded into {shown}: {error}");
            let hints = vec!["what landed stays; record less of the source at once, or into another place".to_owned()];
            report.failure.get_or_insert(Failure { kind: Kind::Failed, message, hints });
        }
    }
}
