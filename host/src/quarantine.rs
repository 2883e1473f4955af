//! What becomes of contents in quarantine: shown, landed after all, or removed. Somebody decides that; the host never does.
//!
//! Each step may be the last one: whatever is cut short is finished by saying the same again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Kind};
use crate::upkeep;
use clock::Moment;
use rules::domain::parse_day;
use rules::name::{EntityTag, Place, QUARANTINE, Quarantined};
use rules::text;
use state::{FileRow, QuarantinedRow, State, StateError};
use zone::{LandingError, Lock, Zone};

/// Fewest digits that name a content.
const LEAST_DIGITS: usize = 4;

/// The landing directory while no run goes on in it, so that none finds what is about to leave.
pub(crate) struct Quarantine {
    _alone: Lock,
    zone: Zone,
    state: State,
}

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
    pub(crate) fn open(landing: &Path, wait: Option<Duration>) -> Result<Self, Error> {
        let root = upkeep::open(landing)?;
        let database = root.database();
        let failed = |error: StateError| Error::database(&error, &database);
        if State::open_to_read(&database).map_err(failed)?.is_none() {
            return Err(Error::usage(format!("there are no runs in {} yet", landing.display())));
        }
        let alone = upkeep::alone(&root, landing, wait)?;
        let state = State::open(&database).map_err(failed)?;
        Ok(Self { _alone: alone, zone: Zone::new(Arc::new(root)), state })
    }

    /// Give it back as it was: the state in one file.
    pub(crate) fn close(self) -> Result<(), Error> {
        self.state.settle().map_err(upset)
    }

    /// The contents that these words name.
    pub(crate) fn find(&self, entries: &[String]) -> Result<Vec<QuarantinedRow>, Error> {
        find(&self.state, entries)
    }

    /// Land a content under the name that it would have had; that name.
    pub(crate) fn accept(&mut self, row: &QuarantinedRow) -> Result<String, Error> {
        let shown = &row.path;
        let (place, tag) = named(row)?;
        self.state.list_again(&row.source).map_err(upset)?;
        let file = match self.held(row, &place)? {
            Some(file) => file,
            None => {
                let names = place.names(tag.as_ref(), &row.sha256);
                let released = self.zone.release(shown, names, &row.sha256).map_err(unsettled)?;
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
        self.zone.sync().map_err(unsettled)?;
        self.zone.drop_quarantined(shown).map_err(unsettled)?;
        self.zone.sync().map_err(unsettled)?;
        self.state.release(row, Some(&file)).map_err(upset)?;
        Ok(file.path)
    }

    /// The file of the source that holds it already, as recorded and by its digest.
    fn held(&self, row: &QuarantinedRow, place: &Place) -> Result<Option<FileRow>, Error> {
        for file in self.state.with_digest(&row.source, &row.sha256).map_err(upset)? {
            let whole = || self.zone.identify(&file.path).map_err(unsettled);
            if place.fits(&file.path) && whole()?.is_some_and(|(found, _)| found == row.sha256) {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    /// Remove a content.
    pub(crate) fn drop(&mut self, row: &QuarantinedRow) -> Result<(), Error> {
        self.zone.drop_quarantined(&row.path).map_err(unsettled)?;
        self.zone.sync().map_err(unsettled)?;
        self.state.release(row, None).map_err(upset)
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

fn upset(error: StateError) -> Error {
    Error::new(Kind::Failed, error).hint("say the same again, once that is mended")
}

fn unsettled(error: LandingError) -> Error {
    Error::new(Kind::Failed, error).hint("say the same again, once that is mended")
}
