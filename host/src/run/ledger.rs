//! What a run found, on top of what the state knew before it: facts wait here until their files are durable.
//!
//! Everything that was recorded can be looked up at once. Its calls may wait for other processes, so they are made on
//! blocking threads only.

mod error;

use std::collections::{HashMap, HashSet};

use rules::domain::{Asked, Digest, LandError, Outcome, Receipt, Resource};
use rules::name::Names;
use rules::validators::Validators;
use zone::{DiskError, Scratch};

use super::doubled::DoubledContents;
use super::receipts::Receipts;
use super::values::Values;
use crate::remote::{Held, RemoteError};
use error::LedgerError;
use state::{
    Counters, CursorKey, DerivationKey, Derived, End, ErasedRow, Fact, FileRow, FoundRow, Kept, Known, New,
    QuarantinedFact, State, StateError,
};

/// Most facts that wait to be written down: a run of any number of contents has constant memory.
const MAX_PENDING: usize = 2000;

/// The state and what the run adds to it.
pub(super) struct Ledger {
    state: State,
    /// Where the state is sent whenever it has to be durable, if it is one of an object store.
    held: Option<Held>,
    extractor: String,
    pub(super) run_id: i64,
    cursor_key: CursorKey,
    pending: Vec<Fact>,
    /// Sources whose files the state knows.
    opened: HashSet<String>,
    by_digest: HashMap<(String, Digest), Vec<FileRow>>,
    /// What this run knows of the content and size of files, whatever the state says of them.
    by_path: HashMap<String, (Digest, u64)>,
    /// Sources in which the state has files that nobody read yet.
    unread: HashSet<String>,
    /// Sources of which something was erased.
    erased: HashSet<String>,
    /// Directories of which it was asked whether anything has landed there.
    asked_directories: HashSet<String>,
    by_resource: HashMap<(String, Resource), Known>,
    /// What this run found that resources stand for.
    current: HashMap<(String, Resource), String>,
    /// Whether files may have got their names without being recorded.
    list_again: bool,
    pub(super) counters: Counters,
    pub(super) receipts: Receipts,
    /// Whether the row of this run is durable.
    announced: bool,
    /// Sources that this run wrote something new into.
    written_into: HashSet<String>,
    /// What landed twice, since another run landed it at the same time.
    pub(super) doubled: DoubledContents,
    /// Sizes of what landed last, by source and extension.
    last_sizes: HashMap<(String, String), Option<u64>>,
}

impl Ledger {
    pub(super) fn new(
        state: State,
        held: Option<Held>,
        run_id: i64,
        cursor_key: CursorKey,
        receipts: Receipts,
    ) -> Self {
        Self {
            state,
            held,
            extractor: cursor_key.extractor().to_owned(),
            run_id,
            cursor_key,
            pending: Vec::new(),
            opened: HashSet::new(),
            by_digest: HashMap::new(),
            by_path: HashMap::new(),
            unread: HashSet::new(),
            erased: HashSet::new(),
            asked_directories: HashSet::new(),
            by_resource: HashMap::new(),
            current: HashMap::new(),
            list_again: false,
            counters: Counters::default(),
            receipts,
            announced: false,
            written_into: HashSet::new(),
            doubled: DoubledContents::default(),
            last_sizes: HashMap::new(),
        }
    }

    /// The last durable cursor of earlier runs.
    pub(super) fn earlier_cursor(&self) -> Result<Option<String>, StateError> {
        self.state.cursor(&self.cursor_key)
    }

    /// Get to know a source: from the state, or by `list`, which is called only for a source that the state does not know.
    pub(super) fn open<E: From<LedgerError>>(
        &mut self,
        source: &str,
        list: impl FnOnce() -> Result<Vec<FoundRow>, E>,
    ) -> Result<(), E> {
        if self.opened.contains(source) {
            return Ok(());
        }
        if !self.state.knows(source, &self.extractor).map_err(LedgerError::from)? {
            // Whoever erases a file of it while it is listed finds this run, and waits for it.
            if self.held.is_some() {
                self.state.meet(source, &self.extractor).map_err(LedgerError::from)?;
                self.renew().map_err(LedgerError::from)?;
            }
            let mut found = Vec::new();
            if !self.state.is_indexed(source).map_err(LedgerError::from)? {
                let known = self.state.paths(source).map_err(LedgerError::from)?;
                found = list()?;
                found.retain(|file| !known.contains(&file.path));
            }
            self.state.index(source, &self.extractor, self.run_id, &found).map_err(LedgerError::from)?;
        }
        if self.state.has_unread(source).map_err(LedgerError::from)? {
            self.unread.insert(source.to_owned());
        }
        if self.state.has_erased(source).map_err(LedgerError::from)? {
            self.erased.insert(source.to_owned());
        }
        self.opened.insert(source.to_owned());
        Ok(())
    }

    /// Files that hold this content, this run's first.
    pub(super) fn with_digest(&self, source: &str, digest: &Digest) -> Result<Vec<FileRow>, StateError> {
        let mut files = self.by_digest.get(&(source.to_owned(), *digest)).cloned().unwrap_or_default();
        files.extend(self.state.with_digest(source, digest)?);
        Ok(files)
    }

    /// The validators that a resource came with last.
    pub(super) fn validators(&self, source: &str, resource: &Resource) -> Result<Option<Known>, StateError> {
        match self.by_resource.get(&(source.to_owned(), resource.clone())) {
            Some(known) => Ok(Some(known.clone())),
            None => self.state.validators(source, resource),
        }
    }

    /// Files of a source that were not read yet and whose names tell one of these fingerprints.
    pub(super) fn unread(&self, source: &str, fingerprints: &[String]) -> Result<Vec<FileRow>, StateError> {
        if !self.unread.contains(source) {
            return Ok(Vec::new());
        }
        let mut files = self.state.unread(source, fingerprints)?;
        files.retain(|file| !self.by_path.contains_key(&file.path));
        Ok(files)
    }

    /// A file that held this content and was erased.
    pub(super) fn erased(&self, source: &str, digest: &Digest) -> Result<Option<ErasedRow>, StateError> {
        if self.erased.contains(source) { self.state.erased_content(source, digest) } else { Ok(None) }
    }

    /// Leave out the names of files that were erased: what was recorded under one goes on being about that file.
    pub(super) fn free(&self, source: &str, mut names: Names) -> Result<Names, StateError> {
        if self.erased.contains(source) {
            self.state.leave_out_erased(&mut names)?;
        }
        Ok(names)
    }

    /// Record what a file holds, and where this run wrote it, what it went by.
    pub(super) fn file(&mut self, source: &str, file: FileRow, url: Option<&str>, new: Option<New>) {
        if let Some(digest) = file.sha256 {
            self.by_digest.entry((source.to_owned(), digest)).or_default().push(file.clone());
            self.by_path.insert(file.path.clone(), (digest, file.stored_size));
        }
        let (url, new) = (url.map(str::to_owned), new.map(Box::new));
        self.pending.push(Fact::File { source: source.to_owned(), file, url, new });
    }

    /// Record what the answer of a resource stands for. One that says nothing of itself does not replace what an earlier
    /// one said.
    pub(super) fn answered(&mut self, source: &str, asked: &Asked, file: &FileRow) {
        let Asked { resource, url, validators } = asked;
        let silent = || Validators { url: url.clone(), etag: None, last_modified: None };
        let key = (source.to_owned(), resource.clone());
        if validators.is_none() && self.by_resource.contains_key(&key) {
            return;
        }
        let validators = validators.clone().unwrap_or_else(silent);
        self.pending.push(Fact::Seen {
            source: source.to_owned(),
            resource: resource.clone(),
            validators: validators.clone(),
            path: file.path.clone(),
        });
        self.by_resource.insert(key, Known { validators, file: file.clone() });
    }

    /// Record that a file holds what a resource is now, unless that is known: a tick that finds nothing new writes nothing.
    pub(super) fn stands_for(&mut self, source: &str, subject: &Resource, path: &str) -> Result<(), StateError> {
        let key = (source.to_owned(), subject.clone());
        let is_known = match self.current.get(&key) {
            Some(known) => known == path,
            None => self.state.current(source, subject)?.as_deref() == Some(path),
        };
        if !is_known {
            let (resource, path) = (subject.clone(), path.to_owned());
            self.pending.push(Fact::Changed { source: source.to_owned(), resource, path: path.clone() });
            self.current.insert(key, path);
        }
        Ok(())
    }

    /// Count what became of a content.
    pub(super) fn count(
        &mut self,
        source: &str,
        receipt: &Receipt,
        scratch: impl FnOnce() -> Result<Scratch, DiskError>,
    ) -> Result<(), LandError> {
        match receipt.outcome {
            Outcome::Written => {
                self.counters.files_written += 1;
                self.counters.bytes_written += receipt.stored_size;
                self.written_into.insert(source.to_owned());
            }
            Outcome::Unchanged | Outcome::Erased => self.counters.files_skipped += 1,
        }
        self.receipts.push(receipt, scratch)
    }

    /// Whether this run wrote anything new into a source.
    pub(super) fn has_written_into(&self, source: &str) -> bool {
        self.written_into.contains(source)
    }

    /// Which run brought the newest content of a source, and when that started at the latest.
    pub(super) fn newest(&self, source: &str) -> Result<Option<(i64, String)>, StateError> {
        self.state.newest(source)
    }

    /// The size of what landed last in a source under an extension before this run.
    pub(super) fn last_size(&mut self, source: &str, extension: &str) -> Result<Option<u64>, StateError> {
        let key = (source.to_owned(), extension.to_owned());
        if let Some(known) = self.last_sizes.get(&key) {
            return Ok(*known);
        }
        let last = self.state.last_size(source, extension, self.run_id)?;
        self.last_sizes.insert(key, last);
        Ok(last)
    }

    /// Record a content in quarantine.
    pub(super) fn quarantine(&mut self, fact: QuarantinedFact) {
        let fact = QuarantinedFact { extractor: self.extractor.clone(), ..fact };
        self.pending.push(Fact::Quarantined(Box::new(fact)));
    }

    /// What a file of that path and size in quarantine is known to hold. An error is as good as not knowing.
    pub(super) fn in_quarantine(&self, path: &str, stored_size: u64) -> Option<Digest> {
        let known = self.state.quarantined_digest(path).unwrap_or(None);
        known.filter(|(_, size)| *size == stored_size).map(|(digest, _)| digest)
    }

    /// Make the row of this run durable, once: from now on there may be files that no row tells of.
    pub(super) fn announce(&mut self) -> Result<(), StateError> {
        if !self.announced {
            self.state.make_durable()?;
            self.announced = true;
        }
        Ok(())
    }

    /// Whether an earlier run counted on a file in this directory.
    pub(super) fn has_landed_in(&mut self, directory: &str) -> Result<bool, StateError> {
        // What this run lands there says nothing of the names above it.
        let first = self.asked_directories.insert(directory.to_owned());
        if first { self.state.has_landed_in(directory) } else { Ok(false) }
    }

    /// What a file of that path and size is known to hold. An error is as good as not knowing.
    pub(super) fn recorded(&self, path: &str, stored_size: u64) -> Option<Digest> {
        let known = self.by_path.get(path).copied();
        let known = known.or_else(|| self.state.recorded(path).unwrap_or(None));
        known.filter(|(_, size)| *size == stored_size).map(|(digest, _)| digest)
    }

    /// Whether so much was found that it should be written down.
    pub(super) fn is_full(&self) -> bool {
        self.pending.len() >= MAX_PENDING
    }

    /// Write down what was found so far. The caller has made its files durable.
    pub(super) fn write_down(&mut self) -> Result<(), StateError> {
        let doubled = self.state.write_down(self.run_id, &self.pending, self.counters)?;
        self.doubled.add(doubled);
        self.forget();
        Ok(())
    }

    /// From now on the state is asked for what is recorded there.
    fn forget(&mut self) {
        self.pending.clear();
        self.by_digest.clear();
        self.by_resource.clear();
        self.current.clear();
        self.by_path.clear();
    }

    /// What was made of a resource before by the same maker, and the validators that it came with then.
    pub(super) fn derived(
        &self,
        source: &str,
        resource: &Resource,
        maker: &Digest,
    ) -> Result<Option<Derived>, StateError> {
        self.state.derived(&self.derivation_key(source, resource), maker)
    }

    /// Record what was made of a resource, whose answer said this of itself.
    pub(super) fn derive(&mut self, source: &str, asked: Asked, maker: Digest, paths: Vec<String>) {
        let validators = asked.validators;
        let key = self.derivation_key(source, &asked.resource);
        self.pending.push(Fact::Derived { key, validators, maker, paths });
    }

    fn derivation_key(&self, source: &str, resource: &Resource) -> DerivationKey {
        DerivationKey { source: source.to_owned(), extractor: self.extractor.clone(), resource: resource.clone() }
    }

    /// The value that the state has for a key.
    pub(super) fn value(&self, key: &str) -> Result<Option<String>, StateError> {
        self.state.value(&self.cursor_key, key)
    }

    /// The first keys that start with `prefix`, behind `after`.
    pub(super) fn keys(&self, prefix: &str, after: &str, most: usize) -> Result<Vec<String>, StateError> {
        self.state.keys(&self.cursor_key, prefix, after, most)
    }

    /// Make the facts so far durable, and with them the values and the cursor. The caller has made their files durable.
    pub(super) fn checkpoint(&mut self, cursor: Option<&str>, values: &Values) -> Result<(), LedgerError> {
        self.keep(cursor, values)?;
        Ok(self.renew()?)
    }

    /// Keep a lease that this run has, with all that is written down so far.
    pub(super) fn renew(&mut self) -> Result<(), RemoteError> {
        self.held.as_mut().map_or(Ok(()), |held| held.publish(&mut self.state))
    }

    /// What to tell of a state that has become large.
    pub(super) fn told_large(&self) -> Option<String> {
        self.held.as_ref().and_then(Held::told_large)
    }

    /// Have the run find a cursor.
    pub(super) fn seed(&mut self, cursor: &str) -> Result<(), StateError> {
        self.keep(Some(cursor), &Values::default())
    }

    fn keep(&mut self, cursor: Option<&str>, values: &Values) -> Result<(), StateError> {
        let kept = Kept { key: &self.cursor_key, cursor, values: values.pending() };
        let doubled = self.state.checkpoint(self.run_id, &self.pending, self.counters, kept)?;
        self.doubled.add(doubled);
        self.forget();
        Ok(())
    }

    /// A sync failed: forget what was found and is not recorded, since its files may not be durable.
    pub(super) fn sync_failed(&mut self) {
        self.pending.clear();
        self.list_again = true;
    }

    /// End the run. Where a file may still get its name unrecorded, the sources are to be listed again. `log` gives what
    /// was said in it, once all contents are known that another run landed at the same time; it must not wait.
    pub(super) fn finish(
        &mut self,
        now: &str,
        failure: Option<&str>,
        (budgets, details): (&str, &str),
        list_again: bool,
        log: impl FnOnce(&DoubledContents) -> Option<String>,
    ) -> Result<(), LedgerError> {
        let forget = (list_again || self.list_again).then_some(self.extractor.as_str());
        let end = End { now, failure, budgets, details, forget };
        let known = &mut self.doubled;
        self.state.finish(self.run_id, &self.pending, self.counters, &end, |doubled| {
            known.add(doubled);
            log(known)
        })?;
        Ok(self.held.as_mut().map_or(Ok(()), |held| held.end(&mut self.state))?)
    }
}
