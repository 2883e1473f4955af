//! Content to a stored file: one gzip member, the same bytes on any number of processors.
//!
//! Content is cut into blocks of one size, and each is deflated with what comes before it for a dictionary. So which
//! thread does it makes no difference.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use flate2::Crc;
use rules::gunzip::{Gunzip, Stop};

use crate::deflate::Lent;

/// Bytes of a block: small enough for several at once in constant memory, large enough that its dictionary costs little.
const BLOCK: usize = 256 * 1024;
/// How far back a match may reach (RFC 1951, 3.2.5).
const WINDOW: usize = 32 * 1024;
/// Most threads that compress one content.
const MAX_THREADS: usize = 4;
/// Magic, method, no flags, no time, no hint, an unknown system (RFC 1952, 2.3.1).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// A block on its way to a thread, and the way of what becomes of it.
struct Work {
    before: Arc<Vec<u8>>,
    block: Arc<Vec<u8>>,
    last: bool,
    done: SyncSender<Vec<u8>>,
}

/// Packs content as it comes into `output`.
pub(crate) struct Packer<W> {
    output: W,
    crc: Crc,
    before: Arc<Vec<u8>>,
    block: Vec<u8>,
    /// Used where the content is one block, or where there is one processor.
    own: Option<Lent>,
    threads: Option<Threads>,
}

/// Threads that deflate, and what they are at, in the order of the content.
struct Threads {
    work: SyncSender<Work>,
    pending: VecDeque<Receiver<Vec<u8>>>,
    most: usize,
}

impl<W: Write> Packer<W> {
    pub(crate) fn new(mut output: W) -> io::Result<Self> {
        output.write_all(&HEADER)?;
        Ok(Self { output, crc: Crc::new(), before: Arc::default(), block: Vec::new(), own: None, threads: None })
    }

    /// Where what is packed goes.
    pub(crate) fn output(&self) -> &W {
        &self.output
    }

    /// Take more content.
    pub(crate) fn push(&mut self, mut content: &[u8]) -> io::Result<()> {
        self.crc.update(content);
        while !content.is_empty() {
            if self.block.len() == BLOCK {
                self.compress(false)?;
            }
            let (now, later) = content.split_at(content.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(now);
            content = later;
        }
        Ok(())
    }

    /// The content is over; the output, whole.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.compress(true)?;
        if let Some(mut threads) = self.threads.take() {
            while !threads.pending.is_empty() {
                self.output.write_all(&threads.next()?)?;
            }
        }
        self.output.write_all(&self.crc.sum().to_le_bytes())?;
        self.output.write_all(&self.crc.amount().to_le_bytes())?;
        self.output.flush()?;
        Ok(self.output)
    }

    fn compress(&mut self, last: bool) -> io::Result<()> {
        let empty = Vec::with_capacity(if last { 0 } else { BLOCK });
        let block = Arc::new(std::mem::replace(&mut self.block, empty));
        let before = std::mem::replace(&mut self.before, Arc::clone(&block));
        // One block alone is not worth a thread.
        if self.threads.is_none() && !(last && before.is_empty()) {
            self.threads = Threads::start();
        }
        match &mut self.threads {
            Some(threads) => {
                if threads.pending.len() == threads.most {
                    self.output.write_all(&threads.next()?)?;
                }
                threads.give(before, block, last)
            }
            None => {
                let own = match &mut self.own {
                    Some(own) => own,
                    None => self.own.insert(Lent::take().ok_or(io::ErrorKind::OutOfMemory)?),
                };
                let mut deflated = Vec::new();
                own.block(tail(&before), &block, last, &mut deflated);
                self.output.write_all(&deflated)
            }
        }
    }
}

/// What a match can reach of the block before.
fn tail(before: &[u8]) -> &[u8] {
    &before[before.len().saturating_sub(WINDOW)..]
}

impl Threads {
    /// Start as many as there are processors; `None` where one alone is as good, or none can be had.
    fn start() -> Option<Self> {
        let count = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
        if count < 2 {
            return None;
        }
        let (work, waiting) = sync_channel::<Work>(count);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..count {
            let waiting = Arc::clone(&waiting);
            let mut deflater = Lent::take()?;
            let deflate = move || {
                loop {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(Work { before, block, last, done }) = next else { return };
                    let mut deflated = Vec::new();
                    deflater.block(tail(&before), &block, last, &mut deflated);
                    // Nobody waits for it where the content was given up.
                    let _ = done.send(deflated);
                }
            };
            thread::Builder::new().name("packer".into()).spawn(deflate).ok()?;
        }
        Some(Self { work, pending: VecDeque::new(), most: count + 1 })
    }

    fn give(&mut self, before: Arc<Vec<u8>>, block: Arc<Vec<u8>>, last: bool) -> io::Result<()> {
        let (done, pending) = sync_channel(1);
        self.pending.push_back(pending);
        self.work.send(Work { before, block, last, done }).map_err(|_| stopped())
    }

    /// The next piece in the order of the content.
    fn next(&mut self) -> io::Result<Vec<u8>> {
        let pending = self.pending.pop_front().ok_or_else(stopped)?;
        pending.recv().map_err(|_| stopped())
    }
}

fn stopped() -> io::Error {
    io::Error::other("a thread that compresses stopped")
}

/// Pack content that is in memory.
pub(crate) fn pack_held(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut packer = Packer::new(Vec::new())?;
    packer.push(content)?;
    packer.finish()
}

/// Pack all that `input` gives.
pub fn pack(mut input: impl Read, output: impl Write) -> io::Result<()> {
    let mut packer = Packer::new(output)?;
    let mut buffer = vec![0; BLOCK / 2];
    loop {
        match input.read(&mut buffer)? {
            0 => return packer.finish().map(drop),
            read => packer.push(&buffer[..read])?,
        }
    }
}

/// Pack the content of the gzip file that `input` gives.
pub(crate) fn repack(mut input: impl Read, output: impl Write) -> io::Result<()> {
    let (mut packer, mut decoder) = (Packer::new(output)?, Gunzip::default());
    let mut buffer = vec![0; BLOCK / 2];
    loop {
        match input.read(&mut buffer)? {
            0 => return packer.finish().map(drop),
            read => decoder.push(&buffer[..read], |piece| packer.push(piece)).map_err(|stop| match stop {
                Stop::Gzip(error) => io::Error::other(error),
                Stop::Sink(error) => error,
            })?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(content: &[u8], chunk: usize) -> Vec<u8> {
        let mut packer = Packer::new(Vec::new()).expect("memory");
        content.chunks(chunk).for_each(|piece| packer.push(piece).expect("memory"));
        packer.finish().expect("memory")
    }

    fn content(bytes: usize) -> Vec<u8> {
        (0..)
            .flat_map(|number: u64| format!("{number},{}\n", number.wrapping_mul(0x9e37_79b9) % 9973).into_bytes())
            .take(bytes)
            .collect()
    }

    #[test]
    fn what_is_packed_reads_back_as_one_member() {
        for bytes in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 5 * BLOCK + 7] {
            let content = content(bytes);
            let file = packed(&content, 70_001);
            let mut read = Vec::new();
            let mut decoder = flate2::bufread::GzDecoder::new(&file[..]);
            decoder.read_to_end(&mut read).expect("whole gzip");
            assert!(read == content && decoder.into_inner().is_empty(), "{bytes} bytes");
        }
    }

    #[test]
    fn neither_threads_nor_chunks_make_a_difference() {
        let content = content(5 * BLOCK + 7);
        let expected = packed(&content, content.len());
        assert_eq!(packed(&content, 1000), expected);
        // All by the one deflater of its own.
        let mut alone = HEADER.to_vec();
        let (mut deflater, mut before) = (Lent::take().expect("memory"), &[][..]);
        let blocks: Vec<&[u8]> = content.chunks(BLOCK).collect();
        for (at, block) in blocks.iter().enumerate() {
            deflater.block(tail(before), block, at + 1 == blocks.len(), &mut alone);
            before = block;
        }
        assert_eq!(alone, expected[..expected.len() - 8]);
    }

    #[test]
    fn what_is_given_up_stops_its_threads() {
        let mut packer = Packer::new(Vec::new()).expect("memory");
        packer.push(&content(4 * BLOCK)).expect("memory");
        drop(packer);
    }

    #[test]
    fn a_writer_that_fails_is_told() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if bytes.len() == HEADER.len() { Ok(bytes.len()) } else { Err(io::ErrorKind::StorageFull.into()) }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = pack(&content(6 * BLOCK)[..], Full).expect_err("there is no room");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
