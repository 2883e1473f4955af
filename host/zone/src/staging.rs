//! Bodies on their way: looked at while they arrive, and kept until it is decided whether they are new.

use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use objects::Begun;
use rules::domain::Digest;
use rules::gunzip::MAGIC;

use crate::content::{Content, Intake, Limits, Packing};
use crate::disk::{DiskError, Scratch, Unnamed, Writer};
use crate::packer::{self, Packer};
use crate::shelf::Unplaced;
use crate::{LandingError, Zone};

/// Bodies up to this many bytes are held in memory.
const HELD: usize = 256 * 1024;
/// Bytes of packed content that are written at a time.
const OUTPUT: usize = 128 * 1024;

fn write(error: io::Error) -> LandingError {
    LandingError::Io("write a temporary file in the landing directory", error)
}

/// A body of which some came: what it is, and its bytes. The two are independent, so that they can be worked on at once.
pub struct Staging {
    /// What it is.
    pub intake: Intake,
    /// Its bytes.
    pub bytes: Bytes,
}

impl Staging {
    /// A body of which nothing came yet. `likely` is where it will land, if it is most likely new: it is packed while it
    /// comes then. One that turns out unchanged would have been packed for nothing.
    pub fn new(limits: Limits, likely: Option<Likely>) -> Self {
        Self { intake: Intake::new(limits), bytes: Bytes { kept: Kept::Memory(Vec::new()), likely } }
    }

    /// The body is over.
    pub fn finish(self) -> Result<Staged, LandingError> {
        let content = self.intake.finish()?;
        let kept = match self.bytes.kept {
            Kept::Packing(packing) => {
                let Eager { packer, file, begun } = *packing;
                packer.finish().map_err(write)?;
                Kept::Packed(file, begun)
            }
            kept => kept,
        };
        Ok(Staged { content, kept })
    }
}

/// Where a body is most likely to land.
pub struct Likely {
    /// The directory.
    pub directory: String,
    /// The name below it, where that does not depend on the content. A store is sent the file from its first bytes on then.
    pub name: Option<String>,
}

/// The bytes of a body, in constant memory.
pub struct Bytes {
    kept: Kept,
    likely: Option<Likely>,
}

enum Kept {
    Memory(Vec<u8>),
    /// As it came: compressing what turns out unchanged would cost more than writing it.
    Scratch(Scratch),
    /// What is most likely new, packed while it comes.
    Packing(Box<Eager>),
    Packed(Unnamed, Option<Begun>),
}

struct Eager {
    packer: Packer<BufWriter<Writer<std::fs::File>>>,
    file: Unnamed,
    /// What is being sent of it already.
    begun: Option<Begun>,
}

impl Bytes {
    /// Take the next chunk.
    pub fn push(&mut self, zone: &Zone, chunk: &[u8]) -> Result<(), LandingError> {
        match &mut self.kept {
            Kept::Memory(held) if held.len() + chunk.len() <= HELD => held.extend_from_slice(chunk),
            Kept::Memory(held) => {
                let held = std::mem::take(held);
                self.kept = match self.likely.as_ref().filter(|_| !held.starts_with(&MAGIC)) {
                    Some(likely) => Kept::Packing(Box::new(Eager::new(zone, likely)?)),
                    None => Kept::Scratch(zone.spool.scratch()?),
                };
                self.push(zone, &held)?;
                self.push(zone, chunk)?;
            }
            Kept::Scratch(file) => file.write_all(chunk).map_err(write)?,
            Kept::Packing(eager) => eager.push(chunk).map_err(write)?,
            Kept::Packed(..) => unreachable!("only `finish` makes it, and takes the rest away"),
        }
        Ok(())
    }
}

impl Eager {
    fn new(zone: &Zone, Likely { directory, name }: &Likely) -> Result<Self, LandingError> {
        // The directory is made only once it is certain that something goes into it.
        let above = Path::new(directory).ancestors().filter_map(Path::to_str);
        let file = above.map(|path| zone.spool.unnamed_in(path)).find_map(Result::transpose);
        let file = file.unwrap_or_else(|| Err(crate::disk::gone(directory)))?;
        let begun = name.as_ref().map(|name| zone.shelf.begin(directory, name, &file)).transpose()?.flatten();
        let output = BufWriter::with_capacity(OUTPUT, file.own_writer().map_err(write)?);
        Ok(Self { packer: Packer::new(output).map_err(write)?, file, begun })
    }

    fn push(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.packer.push(chunk)?;
        if let Some(begun) = &self.begun {
            // Without what waits to be written.
            begun.grown_to(self.packer.output().get_ref().written());
        }
        Ok(())
    }
}

/// A whole body, looked at, not yet in the zone.
pub struct Staged {
    content: Content,
    kept: Kept,
}

/// A file that is whole and has no name yet.
pub(crate) struct Packed {
    pub(crate) file: Unnamed,
    pub(crate) stored_size: u64,
    /// What is being sent of it already.
    pub(crate) begun: Option<Begun>,
}

impl Packed {
    /// A file as it is stored elsewhere, in a new one.
    pub(crate) fn copy(mut from: impl Read, file: Unnamed) -> Result<Self, LandingError> {
        let stored_size = io::copy(&mut from, &mut file.writer()).map_err(write)?;
        Ok(Self { file, stored_size, begun: None })
    }
}

impl Staged {
    /// Over the content before compression.
    pub fn digest(&self) -> Digest {
        self.content.digest
    }

    /// Bytes before compression.
    pub fn size(&self) -> u64 {
        self.content.size
    }

    /// The first bytes before compression, as many as the limits say.
    pub fn head(&self) -> &[u8] {
        &self.content.head
    }

    /// Whether it is in memory.
    pub(crate) fn is_held(&self) -> bool {
        matches!(self.kept, Kept::Memory(_))
    }

    /// The file as it will be stored, in memory where it is there already.
    pub(crate) fn hold(self) -> Result<Unplaced, LandingError> {
        let Kept::Memory(held) = self.kept else { return Ok(Unplaced::Staged(self)) };
        let packed =
            pack_held(held, self.content.packing).map_err(|error| LandingError::Io("pack a content", error))?;
        Ok(Unplaced::Held(packed.into()))
    }

    /// The file as it will be stored, in what `new` makes where it is in none yet.
    pub(crate) fn pack(self, new: impl FnOnce() -> Result<Unnamed, DiskError>) -> Result<Packed, LandingError> {
        let new_file = |error| LandingError::Io("write a new file", error);
        let packed = |file: Unnamed, begun| {
            let stored_size = file.size().map_err(new_file)?;
            Ok(Packed { file, stored_size, begun })
        };
        let file = match self.kept {
            Kept::Packed(file, begun) => return packed(file, begun),
            Kept::Packing(_) => unreachable!("`finish` has made a file of it"),
            Kept::Memory(held) => {
                let file = new()?;
                let packed = pack_held(held, self.content.packing);
                packed.and_then(|bytes| file.writer().write_all(&bytes)).map_err(new_file)?;
                file
            }
            Kept::Scratch(scratch) => {
                let file = new()?;
                let (input, mut output) = (scratch.reader(), BufWriter::with_capacity(OUTPUT, file.writer()));
                let written = match self.content.packing {
                    Packing::Compress => packer::pack(input, &mut output),
                    Packing::Repack => packer::repack(input, &mut output),
                    Packing::AsItCame => copy(input, &mut output),
                };
                written.and_then(|()| output.flush()).map_err(new_file)?;
                drop(output);
                file
            }
        };
        packed(file, None)
    }
}

fn pack_held(held: Vec<u8>, packing: Packing) -> io::Result<Vec<u8>> {
    match packing {
        Packing::Compress => packer::pack_held(&held),
        Packing::Repack => {
            let mut output = Vec::new();
            packer::repack(&held[..], &mut output).map(|()| output)
        }
        Packing::AsItCame => Ok(held),
    }
}

fn copy(mut input: impl Read, output: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; OUTPUT];
    loop {
        match input.read(&mut buffer)? {
            0 => return Ok(()),
            read => output.write_all(&buffer[..read])?,
        }
    }
}
