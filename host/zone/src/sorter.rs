//! Records in order, however many there are: sorted in memory up to a limit, and beyond it in runs that wait in a
//! nameless file and are merged while they are read.
//!
//! It must not know what a record means. Records are compared byte by byte.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use crate::disk::{DiskError, Root, Scratch, spilled};

/// Least bytes of a run that are read at once.
const LEAST_BUFFER: usize = 4 * 1024;
/// Most bytes of a run that are read at once.
const MOST_BUFFER: usize = 64 * 1024;

/// Takes records in any order.
pub struct Sorter<'a> {
    root: &'a Root,
    /// About how many bytes of records are held in memory.
    limit: usize,
    held: Held,
    runs: Option<Runs>,
}

/// Records in memory: their bytes, one after the other, and where each of them is.
#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    records: Vec<Range<usize>>,
}

/// Records in a file, in runs of which each is in order.
struct Runs {
    file: Scratch,
    ends: Vec<u64>,
}

impl<'a> Sorter<'a> {
    /// An empty one that holds about `limit` bytes in memory, and at its end a buffer for each run.
    pub fn new(root: &'a Root, limit: usize) -> Self {
        Self { root, limit, held: Held::default(), runs: None }
    }

    /// Take a record.
    pub fn push(&mut self, record: &[u8]) -> Result<(), DiskError> {
        if !self.held.records.is_empty() && self.held.size() + record.len() > self.limit {
            self.spill()?;
        }
        let start = self.held.bytes.len();
        self.held.bytes.extend_from_slice(record);
        self.held.records.push(start..self.held.bytes.len());
        Ok(())
    }

    /// Whether no record was taken.
    pub fn is_empty(&self) -> bool {
        self.held.records.is_empty() && self.runs.is_none()
    }

    /// All records in order, equal ones as often as they were taken.
    pub fn sorted(mut self) -> Result<Sorted, DiskError> {
        if self.runs.is_some() {
            self.spill()?;
        }
        let Some(runs) = self.runs else {
            self.held.sort();
            return Ok(Sorted(Inner::Held(self.held, 0)));
        };
        let buffer = (self.limit / runs.ends.len()).clamp(LEAST_BUFFER, MOST_BUFFER);
        let file = Arc::new(runs.file.into_file());
        let mut merge = Merge { runs: Vec::with_capacity(runs.ends.len()), next: BinaryHeap::new() };
        let mut start = 0;
        for end in runs.ends {
            let run = Run { file: Arc::clone(&file), rest: start..end };
            merge.runs.push(BufReader::with_capacity(buffer, run));
            merge.advance(merge.runs.len() - 1).map_err(spilled)?;
            start = end;
        }
        Ok(Sorted(Inner::Merge(merge)))
    }

    fn spill(&mut self) -> Result<(), DiskError> {
        self.held.sort();
        let runs = match &mut self.runs {
            Some(runs) => runs,
            None => self.runs.insert(Runs { file: self.root.spill_file()?, ends: Vec::new() }),
        };
        let mut output = BufWriter::with_capacity(MOST_BUFFER, &mut runs.file);
        let written = self.held.records.iter().try_for_each(|record| {
            output.write_all(&(record.len() as u64).to_le_bytes())?;
            output.write_all(&self.held.bytes[record.clone()])
        });
        written.and_then(|()| output.flush()).map_err(spilled)?;
        drop(output);
        runs.ends.push(runs.file.written());
        self.held.bytes.clear();
        self.held.records.clear();
        Ok(())
    }
}

impl Held {
    fn size(&self) -> usize {
        self.bytes.len() + self.records.len() * size_of::<Range<usize>>()
    }

    fn sort(&mut self) {
        let Self { bytes, records } = self;
        records.sort_unstable_by(|one, other| bytes[one.clone()].cmp(&bytes[other.clone()]));
    }
}

/// All records in order.
pub struct Sorted(Inner);

enum Inner {
    Held(Held, usize),
    Merge(Merge),
}

impl Iterator for Sorted {
    type Item = Result<Vec<u8>, DiskError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

impl Sorted {
    fn step(&mut self) -> Result<Option<Vec<u8>>, DiskError> {
        match &mut self.0 {
            Inner::Held(held, at) => {
                let record = held.records.get(*at).map(|record| held.bytes[record.clone()].to_vec());
                *at += 1;
                Ok(record)
            }
            Inner::Merge(merge) => {
                let Some(Reverse((record, run))) = merge.next.pop() else { return Ok(None) };
                merge.advance(run).map_err(spilled)?;
                Ok(Some(record))
            }
        }
    }
}

/// All runs, and the first record of each that has one left.
struct Merge {
    runs: Vec<BufReader<Run>>,
    next: BinaryHeap<Reverse<(Vec<u8>, usize)>>,
}

impl Merge {
    /// Put the next record of a run among those to choose from.
    fn advance(&mut self, at: usize) -> io::Result<()> {
        let run = &mut self.runs[at];
        if run.buffer().is_empty() && run.get_ref().rest.is_empty() {
            return Ok(());
        }
        let mut length = [0; 8];
        run.read_exact(&mut length)?;
        let length = usize::try_from(u64::from_le_bytes(length)).map_err(io::Error::other)?;
        let mut record = vec![0; length];
        run.read_exact(&mut record)?;
        self.next.push(Reverse((record, at)));
        Ok(())
    }
}

/// A part of a file.
struct Run {
    file: Arc<File>,
    rest: Range<u64>,
}

impl Read for Run {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.rest.end - self.rest.start).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(&mut buffer[..left], self.rest.start)?;
        self.rest.start += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(limit: usize, records: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = Root::open(directory.path()).expect("a root");
        let mut sorter = Sorter::new(&root, limit);
        assert!(sorter.is_empty());
        records.iter().for_each(|record| sorter.push(record).expect("a push"));
        assert_eq!(sorter.is_empty(), records.is_empty());
        let all = sorter.sorted().expect("records").map(|record| record.expect("a record")).collect();
        // Nothing of it has a name.
        assert_eq!(root.walk().expect("a walk").count(), 0);
        all
    }

    #[test]
    fn records_come_in_order_whatever_fits_into_memory() {
        let long = vec![b'x'; 3 * MOST_BUFFER];
        let mut records: Vec<Vec<u8>> =
            (0u32..5000).map(|number| (number * 7919 % 5000).to_be_bytes().to_vec()).collect();
        records.extend([vec![], vec![0], vec![0], b"a/".to_vec(), b"a-b".to_vec(), b"a".to_vec(), long]);
        let mut expected = records.clone();
        expected.sort();
        for limit in [0, 100, 10_000, usize::MAX] {
            assert_eq!(sorted(limit, &records), expected, "{limit}");
        }
        assert_eq!(sorted(0, &[]), [[0; 0]; 0]);
    }
}
