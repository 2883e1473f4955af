//! What becomes of contents in quarantine: shown, landed after all, or removed. Somebody decides that; the host never does.
//!
//! Each step may be the last one: whatever is cut short is finished by saying the same again.

use std::time::Duration;

use crate::alone::{Alone, unsettled, upset};
use crate::error::{Error, Kind};
use crate::landing::Landing;
use clock::Moment;
use rules::domain::parse_day;
use rules::name::{EntityTag, Place, QUARANTINE, Quarantined};
use rules::text;
use state::{FileRow, QuarantinedRow, State, StateError};

/// Fewest digits that name a content.
const LEAST_DIGITS: usize = 4;

/// The landing zone while no run goes on in it, so that none finds what is about to leave.
pub(crate) struct Quarantine(Alone);

/// The contents in quarantine that these words name, in their order, each once.
pub(crate) fn find(state: &State, entries: &[String]) -> Result<Vec<QuarantinedRow>, Error> {
    let mut found: Vec<QuarantinedRow> = Vec::new();
    for entry in entries {
        let mut fitting: Vec<QuarantinedRow> = Vec::new();
        state
            .quarantined(|row| {
                if names(entry, &row) && fitting.len() < 2 {
                    fitting.push(row);
                }
                Ok::<_, StateError>(())
            })
            .map_err(|error| Error::new(Kind::Failed, error))?;
        let shown = text::quoted(entry);
        let row = match fitting.len() {
            1 => fitting.remove(0),
            0 => {
                return Err(Error::usage(format!("nothing in quarantine is named `{shown}`"))
                    .hint("`host quarantine list` shows what is there"));
            }
            _ => {
                return Err(Error::usage(format!("`{shown}` names more than one content in quarantine"))
                    .hint("give more of its digits, or its path"));
            }
        };
        if !found.contains(&row) {
            found.push(row);
        }
    }
    Ok(found)
}

/// Whether a word names a content: by its path, that path below the quarantine, or the first digits of its digest.
fn names(entry: &str, row: &QuarantinedRow) -> bool {
    let below = row.path.strip_prefix(QUARANTINE).and_then(|path| path.strip_prefix('/'));
    row.path == entry
        || below == Some(entry)
        || entry.len() >= LEAST_DIGITS && row.sha256.to_string().starts_with(entry)
}

impl Quarantine {
    /// Open it, once no run goes on; `wait` is how long to wait for that, `None` without end.
    pub(crate) fn open(landing: &Landing, wait: Option<Duration>) -> Result<Self, Error> {
        Alone::open(landing, wait).map(Self)
    }

    /// Give it back as it was.
    pub(crate) fn close(self) -> Result<(), Error> {
        self.0.close()
    }

    /// The contents that these words name.
    pub(crate) fn find(&self, entries: &[String]) -> Result<Vec<QuarantinedRow>, Error> {
        find(self.0.state(), entries)
    }

    /// Land a content under the name that it would have had; that name.
    pub(crate) fn accept(&mut self, row: &QuarantinedRow) -> Result<String, Error> {
        let shown = &row.path;
        let (place, tag) = named(row)?;
        self.0.wait_for(&row.source)?;
        if let Some(erased) = self.0.state().erased_content(&row.source, &row.sha256).map_err(upset)? {
            let path = text::line(&erased.file.path);
            let message = format!("{shown} holds what {path} held, and that was erased");
            return Err(Error::new(Kind::Failed, message).hint(format!(
                "`host quarantine drop` removes it too; `host erase --lift {path}` lets it land again"
            )));
        }
        self.settle(row, |state| state.list_again(&row.source))?;
        let file = match self.held(row, &place)? {
            Some(file) => file,
            None => {
                let mut names = place.names(tag.as_ref(), &row.sha256);
                self.0.state().leave_out_erased(&mut names).map_err(upset)?;
                let released = self.0.zone().release(shown, names, &row.sha256).map_err(unsettled)?;
                let Some((path, stored_size)) = released else {
                    let message = format!("{shown} does not hold what was put into quarantine");
                    return Err(Error::new(Kind::Failed, message)
                        .hint("`host verify --read-data` shows what is wrong; `host quarantine drop` removes it"));
                };
                let size = u64::try_from(row.size).ok();
                FileRow { path, sha256: Some(row.sha256), size, stored_size }
            }
        };
        // Where it landed before it is removed where it was: what was cut short, or landed meanwhile, is there twice.
        self.0.zone().sync().map_err(unsettled)?;
        self.0.zone().drop_quarantined(shown).map_err(unsettled)?;
        self.0.zone().sync().map_err(unsettled)?;
        self.settle(row, |state| state.release(row, Some(&file)))?;
        Ok(file.path)
    }

    /// Change what is recorded where the content is recorded.
    fn settle(
        &mut self,
        row: &QuarantinedRow,
        change: impl Fn(&mut State) -> Result<(), StateError>,
    ) -> Result<(), Error> {
        self.0.change(&row.source, |state| match state.quarantined_digest(&row.path)? {
            Some(_) => change(state),
            None => Ok(()),
        })
    }

    /// The file of the source that holds it already, as recorded and by its digest.
    fn held(&self, row: &QuarantinedRow, place: &Place) -> Result<Option<FileRow>, Error> {
        for file in self.0.state().with_digest(&row.source, &row.sha256).map_err(upset)? {
            let whole = || self.0.zone().identify(&file.path).map_err(unsettled);
            if place.fits(&file.path) && whole()?.is_some_and(|(found, _)| found == row.sha256) {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    /// Remove a content.
    pub(crate) fn drop(&mut self, row: &QuarantinedRow) -> Result<(), Error> {
        self.0.wait_for(&row.source)?;
        self.0.zone().drop_quarantined(&row.path).map_err(unsettled)?;
        self.0.zone().sync().map_err(unsettled)?;
        self.settle(row, |state| state.release(row, None))
    }
}

/// Where a content would have landed. What a repair found lands by its digest, on the day on which it is accepted.
fn named(row: &QuarantinedRow) -> Result<(Place, Option<EntityTag>), Error> {
    let parsed = Quarantined::parse(&row.path);
    let extension = parsed.map_or("", |parsed| parsed.extension);
    let day = parse_day(&row.day).unwrap_or_else(|_| Moment::now().day());
    let place = Place::new(&row.source, day, extension).map_err(|error| Error::new(Kind::Failed, error))?;
    Ok((place, row.etag.as_deref().and_then(EntityTag::parse)))
}
