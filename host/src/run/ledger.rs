//! What a run found, on top of what the state knew before it: facts wait here until their files are durable.
//!
//! It must not know files or requests. Everything that was recorded can be looked up at once.

use std::collections::{BTreeSet, HashMap};

use crate::clock::Moment;
use crate::domain::{Digest, Grant, Outcome, Receipt, Resource};
use crate::landing::EntityTag;
use crate::state::{Counters, CursorKey, Fact, FileRow, State, StateError, Validators};

/// The validators that a response came with.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) resource: Option<Resource>,
    pub(super) etag: Option<EntityTag>,
    pub(super) last_modified: Option<Vec<u8>>,
}

/// The state and what the run adds to it.
pub(super) struct Ledger {
    state: State,
    pub(super) run_id: i64,
    cursor_key: CursorKey,
    cursor: Option<String>,
    pending: Vec<Fact>,
    by_digest: HashMap<(String, Digest), FileRow>,
    by_resource: HashMap<(String, Resource), Validators>,
    /// Files found and not read yet, of each source that was opened.
    unread: HashMap<String, Vec<FileRow>>,
    pub(super) counters: Counters,
    pub(super) receipts: Vec<Receipt>,
    /// What was asked for and is not granted.
    pub(super) missing: BTreeSet<Grant>,
    /// The first failure of the zone or the state; the run cannot succeed after it.
    pub(super) broken: Option<String>,
}

impl Ledger {
    pub(super) fn new(state: State, run_id: i64, cursor_key: CursorKey) -> Self {
        Self {
            state,
            run_id,
            cursor_key,
            cursor: None,
            pending: Vec::new(),
            by_digest: HashMap::new(),
            by_resource: HashMap::new(),
            unread: HashMap::new(),
            counters: Counters::default(),
            receipts: Vec::new(),
            missing: BTreeSet::new(),
            broken: None,
        }
    }

    /// Whether a source's files are known, to the state or to this run.
    pub(super) fn is_open(&self, source: &str) -> bool {
        self.unread.contains_key(source)
    }

    /// Get to know a source: from the state, or by `list`, which is called only for a source that the state does not know.
    pub(super) fn open(
        &mut self,
        source: &str,
        list: impl FnOnce() -> Result<Vec<FileRow>, String>,
    ) -> Result<(), String> {
        if self.is_open(source) {
            return Ok(());
        }
        let mut unread = self.state.unread(source).map_err(|error| error.to_string())?;
        if !self.state.is_indexed(source).map_err(|error| error.to_string())? {
            let known = self.state.paths(source).map_err(|error| error.to_string())?;
            let files: Vec<FileRow> = list()?.into_iter().filter(|file| !known.contains(&file.path)).collect();
            unread.extend(files.iter().cloned());
            self.pending.push(Fact::Indexed { source: source.to_owned(), files });
        }
        self.unread.insert(source.to_owned(), unread);
        Ok(())
    }

    /// The run's last durable cursor, or the one before it.
    pub(super) fn cursor(&self) -> Result<Option<String>, StateError> {
        match &self.cursor {
            Some(cursor) => Ok(Some(cursor.clone())),
            None => self.state.cursor(&self.cursor_key),
        }
    }

    /// The cursor that this run made durable.
    pub(super) fn own_cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// Files that hold this content, the newest knowledge first.
    pub(super) fn with_digest(&self, source: &str, digest: &Digest) -> Result<Vec<FileRow>, StateError> {
        let mut files: Vec<FileRow> = self.by_digest.get(&(source.to_owned(), *digest)).cloned().into_iter().collect();
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

    /// The file that a resource's tag stands for.
    pub(super) fn with_tag(
        &self,
        source: &str,
        resource: &Resource,
        tag: &EntityTag,
    ) -> Result<Option<FileRow>, StateError> {
        self.state.with_tag(source, resource, tag.as_bytes())
    }

    /// Files of a source that were not read yet and might hold a content, by their names.
    pub(super) fn unread(&self, source: &str, may_hold: impl Fn(&str) -> bool) -> Vec<FileRow> {
        let unread = self.unread.get(source).map(Vec::as_slice).unwrap_or_default();
        unread.iter().filter(|file| may_hold(&file.path)).cloned().collect()
    }

    /// Record what a file holds.
    pub(super) fn file(&mut self, source: &str, file: FileRow, url: Option<&str>) {
        if let Some(unread) = self.unread.get_mut(source) {
            unread.retain(|other| other.path != file.path);
        }
        if let Some(digest) = file.sha256 {
            self.by_digest.insert((source.to_owned(), digest), file.clone());
        }
        self.pending.push(Fact::File { source: source.to_owned(), file, url: url.map(str::to_owned) });
    }

    /// Record what a resource's validators stand for.
    pub(super) fn seen(&mut self, source: &str, seen: Seen, file: &FileRow) {
        let Some(resource) = seen.resource else { return };
        let etag = seen.etag.map(|tag| tag.as_bytes().to_vec());
        if etag.is_none() && seen.last_modified.is_none() {
            return;
        }
        let validators =
            Validators { etag: etag.clone(), last_modified: seen.last_modified.clone(), file: file.clone() };
        self.by_resource.insert((source.to_owned(), resource.clone()), validators);
        let (source, last_modified, path) = (source.to_owned(), seen.last_modified, file.path.clone());
        self.pending.push(Fact::Seen { source, resource, etag, last_modified, path });
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
    pub(super) fn checkpoint(&mut self, cursor: String) -> Result<(), StateError> {
        let facts = std::mem::take(&mut self.pending);
        self.state.checkpoint(self.run_id, &facts, self.counters, (&self.cursor_key, &cursor))?;
        self.cursor = Some(cursor);
        Ok(())
    }

    /// End the run. After a failure the sources that it opened are listed again next time, since a file may have got
    /// its name without being recorded.
    pub(super) fn finish(&mut self, failure: Option<&str>) -> Result<(), StateError> {
        let facts = std::mem::take(&mut self.pending);
        let opened: Vec<&str> = self.unread.keys().map(String::as_str).collect();
        let forget = if failure.is_some() { &opened[..] } else { &[] };
        self.state.finish(self.run_id, &facts, self.counters, &Moment::now().iso8601(), failure, forget)
    }

    /// Forget what was found and is not recorded: its files may not be durable.
    pub(super) fn discard(&mut self) {
        self.pending.clear();
    }
}
