//! Reading the content of many files, on all processors.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{HELD, UpkeepError};
use crate::console::Console;
use rules::domain::Digest;
use rules::findings::Recorded;
use zone::{DiskError, Root, Sorted, Sorter, Zone};

/// What a file turned out to hold.
#[derive(Debug)]
pub enum Content {
    /// Whole gzip of content with that digest and size.
    Whole(Digest, u64),
    /// Anything else.
    Torn,
    /// It could not be read, and why.
    Unreadable(String),
}

/// A file that is to be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Queued {
    /// Below the root.
    pub path: String,
    /// Bytes of the file.
    pub size: u64,
    /// What is recorded of it.
    pub recorded: Option<Recorded>,
}

/// The files that are to be read.
pub struct Queue<'a> {
    zone: &'a Zone,
    sorter: Sorter<'a>,
    length: u64,
}

impl<'a> Queue<'a> {
    /// None yet.
    pub fn new(zone: &'a Zone, root: &'a Root) -> Self {
        Self { zone, sorter: Sorter::new(root, HELD), length: 0 }
    }

    /// Have a file read.
    pub fn push(&mut self, file: &Queued) -> Result<(), DiskError> {
        self.length += 1;
        self.sorter.push(&file.to_record())
    }

    /// Read them all; `see` is called from several threads.
    pub fn read(
        self,
        console: &Console,
        see: impl Fn(Queued, Content) -> Result<(), UpkeepError> + Sync,
    ) -> Result<(), UpkeepError> {
        let (zone, length) = (self.zone, self.length);
        let sorted = Mutex::new(self.sorter.sorted()?);
        let done = AtomicU64::new(0);
        let work = || {
            while let Some(file) = take(&sorted)? {
                let content = match zone.identify(&file.path) {
                    Ok(Some((digest, size))) => Content::Whole(digest, size),
                    Ok(None) => Content::Torn,
                    Err(error) => Content::Unreadable(error.to_string()),
                };
                see(file, content)?;
                console.progress(done.fetch_add(1, Ordering::Relaxed) + 1, Some(length));
            }
            Ok(())
        };
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..processors.min(length as usize)).map(|_| scope.spawn(work)).collect();
            threads.into_iter().try_for_each(|thread| {
                // A panic over there is one here, too.
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
        })
    }
}

fn take(sorted: &Mutex<Sorted>) -> Result<Option<Queued>, DiskError> {
    let record = sorted.lock().unwrap_or_else(PoisonError::into_inner).next().transpose()?;
    Ok(record.and_then(|record| Queued::from_record(&record)))
}

impl Queued {
    /// Path, NUL, size, and what is recorded: nothing, a size, or a size and a digest.
    fn to_record(&self) -> Vec<u8> {
        let mut record = [self.path.as_bytes(), &[0], &self.size.to_le_bytes()].concat();
        if let Some(recorded) = &self.recorded {
            record.extend(recorded.stored_size.to_le_bytes());
            record.extend(recorded.sha256.iter().flat_map(|digest| digest.0));
        }
        record
    }

    fn from_record(record: &[u8]) -> Option<Self> {
        let end = record.iter().position(|byte| *byte == 0)?;
        let (size, recorded) = record[end + 1..].split_first_chunk()?;
        let recorded = recorded.split_first_chunk().map(|(size, digest)| Recorded {
            stored_size: u64::from_le_bytes(*size),
            sha256: digest.try_into().ok().map(Digest),
        });
        Some(Self { path: String::from_utf8(record[..end].to_vec()).ok()?, size: u64::from_le_bytes(*size), recorded })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_queued_comes_out_as_it_went_in() {
        let digest = Digest([0; 32]);
        for sha256 in [None, Some(None), Some(Some(digest))] {
            let recorded = sha256.map(|sha256| Recorded { sha256, stored_size: 1 << 40 });
            let file = Queued { path: "x/ö".into(), size: 7, recorded };
            assert_eq!(Queued::from_record(&file.to_record()), Some(file));
        }
        assert_eq!(Queued::from_record(b"x\0short"), None);
    }
}
