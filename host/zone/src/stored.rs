//! Names in an object store: an object is there as a whole or not at all, and is durable as soon as it is there.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use objects::{Begun, Content, Listed, Objects, Put};
use rules::domain::Digest;
use rules::findings::is_listed;
use rules::name::Quarantined;
use rules::text;

use crate::disk::{self, Entry, Found, Met, Removed, Root, Seen, Unnamed};
use crate::shelf::{Shelf, Unplaced};
use crate::{DiskError, LandingError, content};

/// Below what the states of extractors are.
pub const STATES: &str = ".state/";
/// How deep the files of a source are: source, year, month, name.
const DEPTH: usize = 4;

/// How many files are remembered to be there.
const MAX_FOUND: usize = 10_000;

/// A place in an object store, and where files are until they are sent.
pub(crate) struct Stored {
    objects: Arc<Objects>,
    spool: Arc<Root>,
    /// What was found to be there, and its size: a file is looked at once for a conditional request and once for its answer.
    /// Nothing that landed is removed while a run goes on.
    found: Mutex<HashMap<String, u64>>,
}

fn unreadable(error: io::Error) -> LandingError {
    LandingError::Io("read a landed object", error)
}

fn spool(error: io::Error) -> LandingError {
    LandingError::Io("use the spool", error)
}

/// A file in the spool, which is durable nowhere: a body that is lost with the machine comes again.
fn unnamed(spool: &Root) -> Result<Unnamed, DiskError> {
    spool.unnamed_in("")?.ok_or_else(|| disk::gone("the spool"))
}

impl Stored {
    pub(crate) fn new(objects: Arc<Objects>, spool: Arc<Root>) -> Self {
        Self { objects, spool, found: Mutex::default() }
    }

    fn create(&self, path: &str, content: &Content) -> Result<Option<u64>, LandingError> {
        let put = self.objects.create(path, content)?;
        Ok(matches!(put, Put::Done(_)).then(|| content.size()))
    }
}

impl Shelf for Stored {
    fn entry(&self, path: &str) -> Result<Entry, LandingError> {
        Ok(self.objects.head(path)?.map_or(Entry::Missing, |head| Entry::File(head.size)))
    }

    fn holds(&self, path: &str, stored_size: u64) -> Result<bool, LandingError> {
        let found = || self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found().get(path) == Some(&stored_size) {
            return Ok(true);
        }
        let holds = self.entry(path)? == Entry::File(stored_size);
        if holds {
            let mut found = found();
            if found.len() >= MAX_FOUND {
                found.clear();
            }
            found.insert(path.to_owned(), stored_size);
        }
        Ok(holds)
    }

    fn list(&self, source: &str) -> Result<Vec<Found>, LandingError> {
        let mut files = Vec::new();
        for listed in self.objects.list(source)? {
            let listed = listed?;
            let hidden = listed.path.split('/').any(|part| part.starts_with('.'));
            if !hidden && listed.path.split('/').count() <= DEPTH {
                files.push(Found { path: listed.path, stored_size: listed.size });
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    fn walk(&self) -> Result<Box<dyn Iterator<Item = Result<Seen, LandingError>> + Send + '_>, LandingError> {
        let seen = |listed: Listed| Seen { path: listed.path.into_bytes(), met: Met::File(listed.size) };
        let all = self.objects.list("")?.map(move |listed| Ok(seen(listed?)));
        let is_own = |seen: &Seen| seen.path.starts_with(STATES.as_bytes());
        Ok(Box::new(all.filter(move |seen: &Result<Seen, LandingError>| !seen.as_ref().is_ok_and(is_own))))
    }

    fn read(&self, path: &str) -> Result<Option<Box<dyn Read + Send>>, LandingError> {
        Ok(self.objects.get(path)?.map(|(_, reader)| Box::new(reader) as _))
    }

    fn identify(&self, path: &str) -> Result<Option<(Digest, u64)>, LandingError> {
        match self.objects.get(path)? {
            Some((_, reader)) => content::identify(reader).map_err(unreadable),
            None => Ok(None),
        }
    }

    fn file(&self, _: &str) -> Result<Unnamed, LandingError> {
        Ok(unnamed(&self.spool)?)
    }

    fn begin(&self, directory: &str, name: &str, file: &Unnamed) -> Result<Option<Begun>, LandingError> {
        let file = file.content().try_clone().map_err(spool)?;
        Ok(self.objects.begin(&format!("{directory}/{name}"), file)?)
    }

    fn put(&self, content: &mut Unplaced, directory: &str, name: &str) -> Result<Option<u64>, LandingError> {
        let path = format!("{directory}/{name}");
        if let Some(content) = content.hold()? {
            return self.create(&path, content);
        }
        let packed = content.pack(|| unnamed(&self.spool))?;
        let content = Content::of_file(packed.file.content()).map_err(spool)?;
        // What was begun of it under another name is given up.
        match packed.begun.take().filter(|begun| begun.path() == path) {
            Some(begun) => {
                let put = self.objects.finish(begun, &content)?;
                Ok(matches!(put, Put::Done(_)).then_some(packed.stored_size))
            }
            None => self.create(&path, &content),
        }
    }

    /// A store cannot rename under a condition, so there are two objects for a moment, and the second is whole.
    fn give(&self, quarantined: &str, directory: &str, name: &str) -> Result<bool, LandingError> {
        let Some((_, mut reader)) = self.objects.get(quarantined)? else { return Ok(false) };
        let mut copy = self.spool.scratch()?;
        io::copy(&mut reader, &mut copy).map_err(unreadable)?;
        let content = Content::of_file(copy.reader()).map_err(spool)?;
        let given = self.create(&format!("{directory}/{name}"), &content)?.is_some();
        if given {
            self.drop_quarantined(quarantined)?;
        }
        Ok(given)
    }

    fn drop_quarantined(&self, quarantined: &str) -> Result<(), LandingError> {
        if Quarantined::parse(quarantined).is_none() {
            return Err(DiskError::refused("touch", text::quoted(quarantined), "it is no path in quarantine").into());
        }
        Ok(self.objects.remove(quarantined)?)
    }

    fn erase(&self, recorded: &str) -> Result<Removed, LandingError> {
        if !is_listed(recorded) {
            let reason = "it is no path of a file that landed";
            return Err(DiskError::refused("erase", text::quoted(recorded), reason).into());
        }
        if self.objects.head(recorded)?.is_none() {
            return Ok(Removed::Missing);
        }
        self.found.lock().unwrap_or_else(PoisonError::into_inner).remove(recorded);
        self.objects.remove(recorded)?;
        Ok(Removed::File(0))
    }

    /// What is not whole is nowhere in a store, so that nothing is left.
    fn sweep(&self, _: &str) -> Result<bool, LandingError> {
        Ok(false)
    }

    fn is_settled(&self, _: &str) -> bool {
        true
    }

    fn settle(&self, _: &str) {}

    fn count_on(&self, _: &str) {}

    fn sync(&self) -> Result<(), LandingError> {
        Ok(())
    }
}
