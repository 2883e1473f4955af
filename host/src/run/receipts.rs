//! What became of each content: a few of them for a person, all of them for a program.

use std::io::{self, Read as _, Write};

use crate::report::Preview;
use rules::domain::{LandError, Outcome, Receipt};
use zone::{DiskError, Scratch};

/// Most new files that a person is shown.
const MAX_LISTED: usize = 20;
/// Bytes of JSON that are held in memory before they go to a file that has no name.
const HELD: usize = 256 * 1024;

/// The receipts of a run.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    /// The first files that the run wrote: path and stored size.
    pub(crate) listed: Vec<(String, u64)>,
    /// All receipts as JSON, separated by commas, where they are wanted.
    all: Option<Vec<u8>>,
    /// What came before them.
    spooled: Option<Scratch>,
}

impl Receipts {
    /// Keep all of them, or only those that are listed.
    pub(crate) fn new(all: bool) -> Self {
        Self { all: all.then(Vec::new), ..Self::default() }
    }

    /// Keep one more. `scratch` makes a file for those that do not fit into memory.
    pub(crate) fn push(
        &mut self,
        receipt: &Receipt,
        scratch: impl FnOnce() -> Result<Scratch, DiskError>,
    ) -> Result<(), LandError> {
        if receipt.outcome == Outcome::Written && self.listed.len() < MAX_LISTED {
            self.listed.push((receipt.path.clone(), receipt.stored_size));
        }
        let Some(all) = &mut self.all else { return Ok(()) };
        if !all.is_empty() || self.spooled.is_some() {
            all.push(b',');
        }
        let failed = |error: io::Error| LandError::Storage(rules::domain::Fault::new(error));
        serde_json::to_writer(&mut *all, receipt).map_err(|error| failed(error.into()))?;
        if all.len() >= HELD {
            let file = match &mut self.spooled {
                Some(file) => file,
                None => self.spooled.insert(scratch()?),
            };
            file.write_all(all).map_err(failed)?;
            all.clear();
        }
        Ok(())
    }

    /// The first of all, to be shown.
    pub(crate) fn first(&self, most: usize) -> Vec<Preview> {
        let mut json = Vec::new();
        // They are the host's own, and a dry run shows what it can.
        let _ = self.write(&mut json);
        let mut all: Vec<Preview> = serde_json::from_slice(&json).unwrap_or_default();
        all.truncate(most);
        all
    }

    /// Write all of them as a JSON array.
    pub(crate) fn write(&self, output: &mut impl Write) -> io::Result<()> {
        output.write_all(b"[")?;
        if let Some(file) = &self.spooled {
            let mut buffer = vec![0; HELD];
            let mut file = file.reader();
            loop {
                match file.read(&mut buffer)? {
                    0 => break,
                    read => output.write_all(&buffer[..read])?,
                }
            }
        }
        output.write_all(self.all.as_deref().unwrap_or_default())?;
        output.write_all(b"]")
    }
}
