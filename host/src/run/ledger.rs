//! What a run found, on top of what the state knew before it: facts wait here until their files are durable.
//!
//! It must not know files or requests. Everything that was recorded can be looked up at once. Its calls may wait for
//! other processes, so they are made on blocking threads only.

use std::collections::{HashMap, HashSet};

use clock::Moment;
use rules::domain::{Digest, Outcome, Receipt, Resource};
use rules::name::EntityTag;
use state::{Counters, CursorKey, End, Fact, FileRow, FoundRow, State, StateError, Validators};

/// The validators that a response came with.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) resource: Option<Resource>,
    /// The URL that sent them, after redirects.
    pub(super) url: String,
    /// Only where there is a resource that it can be a validator of.
    pub(super) etag: Option<EntityTag>,
    pub(super) last_modified: Option<Vec<u8>>,
}

/// The state and what the run adds to it.
pub(super) struct Ledger {
    state: State,
    extractor: String,
    pub(super) run_id: i64,
    cursor_key: CursorKey,
    pending: Vec<Fact>,
    /// Sources whose files the state knows.
    opened: HashSet<String>,
    by_digest: HashMap<(String, Digest), Vec<FileRow>>,
    /// Paths whose content this run knows, whatever the state says of them.
    identified: HashSet<String>,
    by_resource: HashMap<(String, Resource), Validators>,
    /// Whether files may have got their names without being recorded.
    list_again: bool,
    pub(super) counters: Counters,
    pub(super) receipts: Vec<Receipt>,
}

impl Ledger {
    pub(super) fn new(state: State, extractor: &str, run_id: i64, cursor_key: CursorKey) -> Self {
        Self {
            state,
            extractor: extractor.to_owned(),
            run_id,
            cursor_key,
            pending: Vec::new(),
            opened: HashSet::new(),
            by_digest: HashMap::new(),
            identified: HashSet::new(),
            by_resource: HashMap::new(),
            list_again: false,
            counters: Counters::default(),
            receipts: Vec::new(),
        }
    }

    /// The last durable cursor of earlier runs.
    pub(super) fn earlier_cursor(&self) -> Result<Option<String>, StateError> {
        self.state.cursor(&self.cursor_key)
    }

    /// Get to know a source: from the state, or by `list`, which is called only for a source that the state does not know.
    pub(super) fn open<E: From<StateError>>(
        &mut self,
        source: &str,
        list: impl FnOnce() -> Result<Vec<FoundRow>, E>,
    ) -> Result<(), E> {
        if self.opened.contains(source) {
            return Ok(());
        }
        if !self.state.knows(source, &self.extractor)? {
            let mut found = Vec::new();
            if !self.state.is_indexed(source)? {
                let known = self.state.paths(source)?;
                found = list()?;
                found.retain(|file| !known.contains(&file.path));
            }
            self.state.index(source, &self.extractor, self.run_id, &found)?;
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
    pub(super) fn validators(&self, source: &str, resource: &Resource) -> Result<Option<Validators>, StateError> {
        match self.by_resource.get(&(source.to_owned(), resource.clone())) {
            Some(validators) => Ok(Some(validators.clone())),
            None => self.state.validators(source, resource),
        }
    }

    /// The file that the tag of a response stands for, going by earlier runs.
    pub(super) fn with_tag(&self, source: &str, seen: &Seen) -> Result<Option<FileRow>, StateError> {
        match (&seen.resource, &seen.etag) {
            (Some(resource), Some(tag)) => self.state.with_tag(source, resource, &seen.url, tag.as_bytes()),
            _ => Ok(None),
        }
    }

    /// Files of a source that were not read yet and whose names tell one of these fingerprints.
    pub(super) fn unread(&self, source: &str, fingerprints: &[String]) -> Result<Vec<FileRow>, StateError> {
        let mut files = self.state.unread(source, fingerprints)?;
        files.retain(|file| !self.identified.contains(&file.path));
        Ok(files)
    }

    /// Record what a file holds.
    pub(super) fn file(&mut self, source: &str, file: FileRow, url: Option<&str>) {
        if let Some(digest) = file.sha256 {
            self.by_digest.entry((source.to_owned(), digest)).or_default().push(file.clone());
        }
        self.identified.insert(file.path.clone());
        self.pending.push(Fact::File { source: source.to_owned(), file, url: url.map(str::to_owned) });
    }

    /// Record what a resource's validators stand for.
    pub(super) fn seen(&mut self, source: &str, seen: Seen, file: &FileRow) {
        let Some(resource) = seen.resource else { return };
        let etag = seen.etag.map(|tag| tag.as_bytes().to_vec());
        if etag.is_none() && seen.last_modified.is_none() {
            return;
        }
        let validators = Validators {
            url: seen.url.clone(),
            etag: etag.clone(),
            last_modified: seen.last_modified.clone(),
            file: file.clone(),
        };
        self.by_resource.insert((source.to_owned(), resource.clone()), validators);
        let (source, path) = (source.to_owned(), file.path.clone());
        self.pending.push(Fact::Seen {
            source,
            resource,
            url: seen.url,
            etag,
            last_modified: seen.last_modified,
            path,
        });
    }

    /// Count what became of a content.
    pub(super) fn count(&mut self, receipt: &Receipt) {
        match receipt.outcome {
            Outcome::Written => {
                self.counters.files_written += 1;
                self.counters.bytes_written += receipt.stored_size;
            }
            Outcome::Unchanged => self.counters.files_skipped += 1,
        }
        self.receipts.push(receipt.clone());
    }

    /// Make the facts so far durable, and then the cursor. The caller has made their files durable.
    pub(super) fn checkpoint(&mut self, cursor: &str) -> Result<(), StateError> {
        self.state.checkpoint(self.run_id, &self.pending, self.counters, (&self.cursor_key, cursor))?;
        self.pending.clear();
        Ok(())
    }

    /// A sync failed: forget what was found and is not recorded, since its files may not be durable.
    pub(super) fn sync_failed(&mut self) {
        self.pending.clear();
        self.list_again = true;
    }

    /// End the run. Where a file may still get its name unrecorded, the sources are to be listed again.
    pub(super) fn finish(&mut self, failure: Option<&str>, budgets: &str, list_again: bool) -> Result<(), StateError> {
        let forget = (list_again || self.list_again).then_some(self.extractor.as_str());
        let end = End { now: &Moment::now().iso8601(), failure, budgets, forget };
        self.state.finish(self.run_id, &self.pending, self.counters, &end)
    }
}
