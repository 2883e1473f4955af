//! What gzip and zip have in common: deflate piece by piece, limits, and the body that feeds them.

use flate2::{Crc, Decompress, FlushDecompress, Status};
use wit_bindgen::StreamReader;

use crate::{Error, Response, http};

/// How much of a body is taken at a time, and how much is unpacked at a time, in bytes.
const CHUNK: usize = 64 * 1024;
/// How much may be unpacked of one body where nothing else is said, in bytes.
pub(crate) const MOST: u64 = 64 << 30;

/// Understands a body as it arrives; pure.
pub(crate) trait Unpacker {
    /// What it finds.
    type Found;

    /// Take some of these bytes. It takes all of them before it needs more, and then finds nothing.
    fn step(&mut self, input: &[u8]) -> Result<(usize, Option<Self::Found>), Error>;

    /// The body ends here.
    fn end(&self) -> Result<(), Error>;
}

/// A body that is fed to an unpacker.
pub(crate) struct Feed {
    body: StreamReader<u8>,
    whole: Option<http::Whole>,
    chunk: Vec<u8>,
    at: usize,
}

impl Feed {
    pub(crate) fn of(response: Response) -> Self {
        let (body, whole) = response.into_body();
        Self { body, whole: Some(whole), chunk: Vec::new(), at: 0 }
    }

    /// What the unpacker finds next; nothing at the end of a body that arrived whole.
    pub(crate) async fn next<U: Unpacker>(&mut self, unpacker: &mut U) -> Result<Option<U::Found>, Error> {
        loop {
            let (used, found) = unpacker.step(&self.chunk[self.at..])?;
            self.at += used;
            if found.is_some() {
                return Ok(found);
            }
            if used > 0 {
                continue;
            }
            let Some(whole) = self.whole.take() else { return Ok(None) };
            let (_, chunk) = self.body.read(Vec::with_capacity(CHUNK)).await;
            if chunk.is_empty() {
                whole.await?;
                unpacker.end()?;
                return Ok(None);
            }
            self.whole = Some(whole);
            (self.chunk, self.at) = (chunk, 0);
        }
    }
}

/// How much may still be unpacked.
pub(crate) struct Limit {
    pub(crate) most: u64,
    taken: u64,
}

impl Limit {
    pub(crate) fn new(most: u64) -> Self {
        Self { most, taken: 0 }
    }

    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), Error> {
        self.taken += bytes as u64;
        if self.taken > self.most {
            return Err(Error::new(format_args!("unpacked it is larger than the limit of {} bytes", self.most)));
        }
        Ok(())
    }
}

/// Deflate (RFC 1951) with what its checksums are compared to.
pub(crate) struct Inflate {
    stream: Decompress,
    crc: Crc,
    ended: bool,
}

impl Inflate {
    pub(crate) fn new() -> Self {
        Self { stream: Decompress::new(false), crc: Crc::new(), ended: false }
    }

    /// Unpack the next piece, and say how many bytes were taken for it. Without a piece it needs more, or has ended.
    pub(crate) fn step(&mut self, input: &[u8]) -> Result<(usize, Vec<u8>), Error> {
        let mut piece = Vec::with_capacity(CHUNK);
        let before = self.stream.total_in();
        let status = self.stream.decompress_vec(input, &mut piece, FlushDecompress::None);
        let status = status.map_err(|_| Error::new("it is damaged: it holds no valid deflate"))?;
        let used = usize::try_from(self.stream.total_in() - before).unwrap_or(input.len());
        self.ended = status == Status::StreamEnd;
        if used == 0 && piece.is_empty() && !input.is_empty() && !self.ended {
            return Err(Error::new("it is damaged: its deflate does not go on"));
        }
        self.crc.update(&piece);
        Ok((used, piece))
    }

    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// CRC-32 of what was unpacked, and its size modulo 2^32.
    pub(crate) fn sum(&self) -> (u32, u32) {
        (self.crc.sum(), self.crc.amount())
    }

    /// Compressed bytes taken, and bytes unpacked.
    pub(crate) fn sizes(&self) -> (u64, u64) {
        (self.stream.total_in(), self.stream.total_out())
    }
}

/// What is asked for behind a failure.
pub(crate) fn failed() -> Error {
    Error::new("it cannot be unpacked, as was told before")
}

/// The number in these bytes, the lowest first; missing ones are zeros.
pub(crate) fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
