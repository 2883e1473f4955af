//! Whether a content is as expected, what becomes of one that is not, and whether anything new has come of late.

use clock::Moment;
use rules::budget::{Budget, Reserved};
use rules::domain::{FetchError, LandError};
use rules::expectation::{Broken, Sample};
use rules::name::EntityTag;
use state::{QuarantinedFact, StateError};
use zone::{Landed, Staged};

use super::ledger::Ledger;
use super::storing::{EndState, Landing, Store};
use crate::config::Expected;
use crate::error::Kind;
use crate::report::{Failure, Rejection};

/// Most rejections that are kept to be told, beside their number.
const MAX_REJECTIONS: usize = 100;

impl Store {
    /// Judge a content that is new to its source.
    pub(super) fn judge(&self, staged: &Staged, landing: &Landing) -> Result<Result<(), Broken>, LandError> {
        let place = &landing.place;
        let Some(expected) = self.expected.get(place.source()) else { return Ok(Ok(())) };
        let last = if expected.compares() { self.last_size(landing)? } else { None };
        let sample = Sample {
            extension: place.extension(),
            size: staged.size(),
            head: staged.head(),
            content_type: landing.content_type.as_ref().map(Option::as_deref),
            last,
        };
        Ok(expected.check(&sample))
    }

    /// The size of the last file of the same resource, else of the same source and extension.
    fn last_size(&self, landing: &Landing) -> Result<Option<u64>, LandError> {
        let (place, mut ledger) = (&landing.place, self.ledger());
        if let Some(asked) = &landing.asked
            && let Some(known) = ledger.validators(place.source(), &asked.resource)?
        {
            return Ok(known.file.size);
        }
        Ok(ledger.last_size(place.source(), place.extension())?)
    }

    /// Keep a content out of its source, where somebody can look at it; what to tell the extractor.
    pub(super) fn quarantine(
        &self,
        staged: Staged,
        reserved: Reserved,
        landing: &Landing,
        broken: &Broken,
    ) -> Result<LandError, LandError> {
        let place = &landing.place;
        let (source, sha256, size) = (place.source().to_owned(), staged.digest(), staged.size());
        let mut counted = self.budgets.reserve(Budget::Files);
        counted.grow_to(1).map_err(FetchError::from)?;
        let names = place.quarantine_names(&sha256);
        self.before_a_name(&names.directory)?;
        let landed = self.zone.commit(staged, names, |path, size| self.ledger().in_quarantine(path, size))?;
        if landed.written {
            reserved.keep();
            counted.keep();
        }
        let Landed { path, stored_size, taken, .. } = landed;
        self.note_taken(&source, taken);
        // What it quotes of the content goes to the operator alone.
        let reason = self.redactor.text(&broken.sentence()).into_owned();
        let (code, url) = (broken.code, landing.url.clone());
        self.note_rejected(Rejection { path: path.clone(), source: source.clone(), code, reason: reason.clone(), url });
        let fact = QuarantinedFact {
            path,
            source,
            sha256,
            size,
            stored_size,
            day: place.date().to_string(),
            etag: landing.tag.as_ref().map(|tag| EntityTag::as_bytes(tag).to_owned()),
            url: landing.url.clone(),
            code: code.to_owned(),
            reason,
            extractor: String::new(),
        };
        let mut ledger = self.ledger();
        ledger.quarantine(fact);
        if ledger.is_full() {
            self.flush(&mut ledger)?;
        }
        Ok(LandError::Rejected { code, what: broken.what.clone() })
    }

    fn note_rejected(&self, rejection: Rejection) {
        let mut end = self.end();
        // Granting what is missing would not be enough.
        end.failed_otherwise = true;
        end.rejected += 1;
        if end.rejections.len() < MAX_REJECTIONS {
            end.rejections.push(rejection);
        }
    }
}

/// What to say of a run with contents that were not as expected, whatever its extractor made of it: `failure` is what
/// there is to say otherwise.
pub(super) fn rejected(end: &EndState, failure: Option<Failure>, rehearsed: bool) -> Option<Failure> {
    let Some(first) = end.rejections.first() else { return failure };
    let Rejection { path, source, reason, url, .. } = first;
    let whose = url.as_deref().unwrap_or(source);
    let (more, hint) = match end.rejected - 1 {
        0 => (String::new(), format!("`host quarantine show {path}` shows it")),
        1 => (", and 1 more is not".to_owned(), "`host quarantine list` shows both".to_owned()),
        more => (format!(", and {more} more are not"), "`host quarantine list` shows them".to_owned()),
    };
    let sentence = format!("{whose}: the content is not as expected{more}: {reason}");
    let hints = match rehearsed {
        true => Vec::new(),
        false => vec![format!("{hint}; `host quarantine accept` lands it after all, `drop` removes it")],
    };
    Some(match failure {
        None => Failure { kind: Kind::Failed, message: sentence, hints },
        // What the extractor says of one is said better here; what it says of several stays.
        Some(Failure { kind: Kind::Failed | Kind::NotGranted, message, hints: others })
            if end.fault.is_none() && end.rejections.iter().any(|it| message.contains(it.what())) =>
        {
            let alone = end.rejected == 1 && message.ends_with(first.what());
            let message = if alone { sentence } else { message };
            Failure { kind: Kind::Failed, message, hints: [hints, others].concat() }
        }
        Some(Failure { kind, message, hints: others }) => {
            Failure { kind, message: format!("{message}; before that: {sentence}"), hints: [others, hints].concat() }
        }
    })
}

/// What to say where nothing new has landed in a source for longer than its operator expects.
pub(super) fn stale(
    ledger: &Ledger,
    expected: &Expected,
    now: Moment,
    extractor: &str,
) -> Result<Option<Failure>, StateError> {
    for (source, expected) in expected {
        let Some(most) = expected.max_age().filter(|_| !ledger.has_written_into(source)) else { continue };
        let Some((run, at_latest)) = ledger.newest(source)? else { continue };
        // Both are texts that sort as the moments do.
        if at_latest < now.earlier(most.0).iso8601() {
            let message =
                format!("{source}: nothing new has landed for more than {most}; the newest content is of run {run}");
            let hint = format!(
                "see whether the source is still kept up; `max-age` under [extractor.{extractor}.expect] says how long"
            );
            return Ok(Some(Failure { kind: Kind::Failed, message, hints: vec![hint] }));
        }
    }
    Ok(None)
}
