//! The one decision about a staged content: whether it is there already, and under which name it lands if not.

use std::sync::Arc;

use rules::budget::{Budget, Reserved};
use rules::domain::{Asked, Digest, FetchError, LandError, Outcome, Receipt};
use rules::name::{EntityTag, Place, fingerprint};
use state::{FileRow, FoundRow, New};
use zone::{Found, Landed, Staged, Staging};

use super::storing::{Landing, Store, lock};

/// How a file stands to a content.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// It was written for it.
    New,
    /// It holds it.
    There,
    /// It held it, and somebody had it erased.
    Erased,
}

impl Store {
    /// Decide whether a staged content is new, and record what became of it.
    pub(super) fn settle(
        &self,
        staging: Staging,
        mut reserved: Reserved,
        landing: &Landing,
    ) -> Result<Receipt, LandError> {
        let staged = staging.finish()?;
        reserved.grow_to(staged.size()).map_err(FetchError::from)?;
        let digest = staged.digest();
        let key = (landing.place.source().to_owned(), digest);
        let turn = Arc::clone(lock(&self.deciding).entry(key.clone()).or_default());
        let decided = {
            let _turn = lock(&turn);
            self.decide(staged, reserved, landing)
        };
        {
            let mut deciding = lock(&self.deciding);
            // The map's own and this one: nobody else waits for the same turn.
            if Arc::strong_count(&turn) == 2 {
                deciding.remove(&key);
            }
        }
        let (file, stands) = decided?;
        // What was erased is there for nobody, so that no validator may stand for it: a 304 would say that it is there.
        let asked = landing.asked.as_ref().filter(|_| stands != Stands::Erased);
        let outcome = match stands {
            Stands::New => Outcome::Written,
            Stands::There => Outcome::Unchanged,
            Stands::Erased => Outcome::Erased,
        };
        self.record(landing, asked, &file, digest, outcome)
    }

    fn decide(&self, staged: Staged, reserved: Reserved, landing: &Landing) -> Result<(FileRow, Stands), LandError> {
        let (place, tag) = (&landing.place, landing.tag.as_ref());
        let (source, digest, size) = (place.source(), staged.digest(), staged.size());
        let known = match self.held(place, tag, &digest)? {
            Ok(file) => return Ok((file, Stands::There)),
            Err(known) => known,
        };
        // Before it is judged: what was erased is not kept in quarantine either.
        let erased = self.ledger().erased(source, &digest)?;
        if let Some(erased) = erased {
            self.note_erased(source, &erased.file.path);
            return Ok((FileRow { size: Some(size), ..erased.file }, Stands::Erased));
        }
        if let Err(broken) = self.judge(&staged, landing)? {
            return Err(self.quarantine(staged, reserved, landing, &broken)?);
        }
        // Before the file gets its name: what goes beyond the budget must not be there.
        let mut counted = self.budgets.reserve(Budget::Files);
        counted.grow_to(1).map_err(FetchError::from)?;
        let names = self.ledger().free(source, place.names(tag, &digest))?;
        self.before_a_name(&names.directory)?;
        let landed = self.zone.commit(staged, names, |path, stored_size| self.ledger().recorded(path, stored_size))?;
        if landed.written {
            reserved.keep();
            counted.keep();
        }
        let Landed { path, stored_size, written, taken } = landed;
        self.note_taken(source, taken);
        let file = FileRow { path, sha256: Some(digest), size: Some(size), stored_size };
        let new = written.then(|| New { place: place.clone(), known });
        self.ledger().file(source, file.clone(), landing.url.as_deref(), new);
        Ok((file, if written { Stands::New } else { Stands::There }))
    }

    /// What has to be known, and to be durable, before a file gets a name in a directory.
    pub(super) fn before_a_name(&self, directory: &str) -> Result<(), LandError> {
        // A power cut may leave the file, and then it must leave the row that says that there may be such files.
        self.ledger().announce()?;
        if !self.zone.is_settled(directory) && self.ledger().has_landed_in(directory)? {
            self.zone.settle(directory);
        }
        Ok(())
    }

    /// Count names that hold other content, or something unreadable.
    pub(super) fn note_taken(&self, source: &str, taken: Vec<String>) {
        let count = taken.len() as u64;
        if let Some(first) = taken.into_iter().next() {
            self.end().taken.entry(source.to_owned()).or_insert((0, first)).0 += count;
        }
    }

    /// Count a content that somebody had erased.
    fn note_erased(&self, source: &str, path: &str) {
        self.end().erased.entry(source.to_owned()).or_insert_with(|| (0, path.to_owned())).0 += 1;
    }

    /// The file that holds this content already, going by the state, or by files that were found and not read yet; else
    /// the paths that are recorded with it, and stand for nothing here.
    fn held(
        &self,
        place: &Place,
        tag: Option<&EntityTag>,
        digest: &Digest,
    ) -> Result<Result<FileRow, Vec<String>>, LandError> {
        let source = place.source();
        self.open(source)?;
        let known = self.ledger().with_digest(source, digest)?;
        let mut others = Vec::new();
        for file in known {
            if self.stands_for(place, &file)? {
                return Ok(Ok(file));
            }
            others.push(file.path);
        }
        let unread = self.ledger().unread(source, &place.fingerprints(tag, digest))?;
        for mut file in unread {
            // What cannot be read is no file of ours to count on; `commit` leaves it alone.
            let Ok(Some((found, size))) = self.zone.identify(&file.path) else { continue };
            file.sha256 = Some(found);
            file.size = Some(size);
            self.zone.count_on(&file.path);
            self.ledger().file(source, file.clone(), None, None);
            if found == *digest {
                if place.fits(&file.path) {
                    return Ok(Ok(file));
                }
                others.push(file.path);
            }
        }
        Ok(Err(others))
    }

    /// Get to know a source before anything is looked up in it.
    pub(super) fn open(&self, source: &str) -> Result<(), LandError> {
        self.ledger().open(source, || {
            let found = |Found { path, stored_size }| FoundRow { fingerprint: fingerprint(&path), path, stored_size };
            Ok(self.zone.list(source)?.into_iter().map(found).collect())
        })
    }

    /// Whether a recorded file can stand for a content: it is there, and of the extension asked for.
    pub(super) fn stands_for(&self, place: &Place, file: &FileRow) -> Result<bool, LandError> {
        let there = self.zone.holds(&file.path, file.stored_size)?;
        Ok(there && place.fits(&file.path) && file.sha256.is_some())
    }

    /// Record that a content is in `file`, and count it; `asked` is what the file answers from now on.
    pub(super) fn record(
        &self,
        landing: &Landing,
        asked: Option<&Asked>,
        file: &FileRow,
        digest: Digest,
        outcome: Outcome,
    ) -> Result<Receipt, LandError> {
        let receipt = Receipt {
            path: file.path.clone(),
            sha256: digest,
            size: file.size.unwrap_or_default(),
            stored_size: file.stored_size,
            outcome,
            url: landing.url.clone(),
        };
        let mut ledger = self.ledger();
        if let Some(asked) = asked {
            ledger.answered(landing.place.source(), asked, file);
        }
        if let Some(subject) = &landing.subject {
            ledger.stands_for(landing.place.source(), subject, &file.path)?;
        }
        ledger.count(landing.place.source(), &receipt, || self.zone.scratch())?;
        // Under the ledger's lock, so that no fact comes in between whose file was not synced.
        if ledger.is_full() {
            self.flush(&mut ledger)?;
        }
        Ok(receipt)
    }

    /// Make durable what was found so far.
    pub(super) fn flush(&self, ledger: &mut super::ledger::Ledger) -> Result<(), LandError> {
        if let Err(error) = self.zone.sync() {
            ledger.sync_failed();
            return Err(error.into());
        }
        Ok(ledger.write_down()?)
    }
}
