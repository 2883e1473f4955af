//! Content in, identity out: what a body is while it streams, and what a stored file holds.
//!
//! Pure over `Read` and chunks.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use rules::domain::Digest;
use rules::gunzip::{self, BOMB, Gunzip, GzipError, Stop};

/// Bytes copied at a time.
const CHUNK: usize = 128 * 1024;
/// The only header flag that a stored member may carry, its file name (RFC 1952, 2.3.1): DuckDB refuses the others.
const FLAG_NAME: u8 = 0b0000_1000;
/// Bytes of a body that say what it is: the magic number, the method and the flags.
const HEAD: usize = 4;

/// What a body may grow to.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most decoded bytes.
    pub size: u64,
    /// How many of the first decoded bytes are kept, to be looked at.
    pub head: usize,
}

/// Why content was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// It is a gzip file that is not whole.
    #[error(transparent)]
    Gzip(#[from] GzipError),
    /// It passed the size limit.
    #[error("the content is larger than the limit of {0} bytes")]
    TooLarge(u64),
    /// It passed the ratio limit.
    #[error("{BOMB}")]
    Bomb,
}

/// What a body turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Over the content before compression.
    pub digest: Digest,
    /// Bytes before compression.
    pub size: u64,
    /// How the bytes that came become the file.
    pub packing: Packing,
    /// The first bytes before compression.
    pub head: Vec<u8>,
}

/// How the bytes that came become the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Plain content: compress it.
    Compress,
    /// A gzip file of one member with a plain header: store it as it came.
    AsItCame,
    /// A gzip file that some readers refuse: decode it, then compress it.
    Repack,
}

/// Takes a body chunk by chunk, in constant memory.
pub struct Intake {
    limits: Limits,
    hasher: Sha256,
    head: Vec<u8>,
    size: u64,
    received: u64,
    form: Form,
}

enum Form {
    Unknown(Vec<u8>),
    Plain,
    Gzip { decoder: Box<Gunzip>, flags: u8 },
}

impl Intake {
    /// Nothing taken yet.
    pub fn new(limits: Limits) -> Self {
        let form = Form::Unknown(Vec::with_capacity(HEAD));
        Self { limits, hasher: Sha256::new(), head: Vec::new(), size: 0, received: 0, form }
    }

    /// How many bytes there are so far, decoded where the body is a gzip file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Take the next chunk.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), IntakeError> {
        self.received += chunk.len() as u64;
        if let Form::Unknown(head) = &mut self.form {
            let (start, rest) = chunk.split_at(chunk.len().min(HEAD - head.len()));
            head.extend_from_slice(start);
            if head.len() < HEAD {
                return Ok(());
            }
            let head = std::mem::take(head);
            self.decide(&head)?;
            return self.take(rest);
        }
        self.take(chunk)
    }

    fn decide(&mut self, head: &[u8]) -> Result<(), IntakeError> {
        self.form = if head.starts_with(&gunzip::MAGIC) {
            Form::Gzip { decoder: Box::default(), flags: head.get(HEAD - 1).copied().unwrap_or_default() }
        } else {
            Form::Plain
        };
        self.take(head)
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), IntakeError> {
        let Self { limits, hasher, head, size, received, form } = self;
        let mut hash = |piece: &[u8], ratio: bool| {
            hasher.update(piece);
            head.extend_from_slice(&piece[..piece.len().min(limits.head.saturating_sub(head.len()))]);
            *size += piece.len() as u64;
            if *size > limits.size {
                return Err(IntakeError::TooLarge(limits.size));
            }
            if ratio && gunzip::is_bomb(*received, *size) {
                return Err(IntakeError::Bomb);
            }
            Ok(())
        };
        match form {
            Form::Gzip { decoder, .. } => decoder.push(chunk, |piece| hash(piece, true)).map_err(|stop| match stop {
                Stop::Gzip(error) => error.into(),
                Stop::Sink(error) => error,
            }),
            Form::Plain | Form::Unknown(_) => hash(chunk, false),
        }
    }

    /// The body is over.
    pub fn finish(mut self) -> Result<Content, IntakeError> {
        if let Form::Unknown(head) = &mut self.form {
            let head = std::mem::take(head);
            self.decide(&head)?;
        }
        let packing = match &self.form {
            Form::Gzip { decoder, flags } => match (decoder.finish()?, flags & !FLAG_NAME) {
                (1, 0) if !decoder.is_padded() => Packing::AsItCame,
                _ => Packing::Repack,
            },
            Form::Plain | Form::Unknown(_) => Packing::Compress,
        };
        Ok(Content { digest: Digest(self.hasher.finalize().into()), size: self.size, packing, head: self.head })
    }
}

/// The identity of a stored file's content; `None` where the file is not whole gzip.
pub fn identify(input: impl Read) -> io::Result<Option<(Digest, u64)>> {
    unpack(input, |_| Ok::<(), io::Error>(()))
}

/// The same, with its content shown piece by piece.
pub fn unpack<E: From<io::Error>>(
    mut input: impl Read,
    mut see: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<Option<(Digest, u64)>, E> {
    let mut decoder = Gunzip::default();
    let (mut hasher, mut size) = (Sha256::new(), 0);
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = input.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        let pushed = decoder.push(&buffer[..read], |piece| {
            hasher.update(piece);
            size += piece.len() as u64;
            see(piece)
        });
        match pushed {
            Ok(()) => {}
            Err(Stop::Gzip(_)) => return Ok(None),
            Err(Stop::Sink(error)) => return Err(error),
        }
    }
    Ok(decoder.finish().is_ok().then(|| (Digest(hasher.finalize().into()), size)))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, GzBuilder};

    use super::*;
    use crate::packer::{pack, repack};

    const LIMITS: Limits = Limits { size: 1 << 30, head: 10 };

    fn take(body: &[u8], chunk: usize, limits: Limits) -> Result<Content, IntakeError> {
        let mut intake = Intake::new(limits);
        body.chunks(chunk).try_for_each(|piece| intake.push(piece))?;
        intake.finish()
    }

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        pack(content, &mut file).expect("memory");
        file
    }

    #[test]
    fn a_stored_file_has_the_plain_header_and_the_same_bytes_each_time() {
        let file = packed(b"a,b\n1,2\n");
        assert_eq!(file[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
        assert_eq!(file, packed(b"a,b\n1,2\n"));
    }

    #[test]
    fn plain_and_gzipped_content_have_one_identity() {
        let content = b"city,courts\nMalaga,41\n".repeat(10_000);
        let plain = take(&content, 1000, LIMITS).expect("plain");
        assert_eq!(plain.packing, Packing::Compress);
        for chunk in [1, 3, 4, 5, 8192] {
            let gzipped = take(&packed(&content), chunk, LIMITS).expect("gzip");
            assert_eq!((gzipped.digest, gzipped.size, gzipped.packing), (plain.digest, plain.size, Packing::AsItCame));
            assert_eq!([&plain.head, &gzipped.head], [b"city,court"; 2]);
        }
        assert_eq!(identify(&packed(&content)[..]).expect("memory"), Some((plain.digest, plain.size)));
    }

    #[test]
    fn short_bodies_are_plain() {
        for body in [&b""[..], b"a", b"\x1f\x8b", b"abcd"] {
            let content = take(body, 2, LIMITS).expect("plain");
            assert_eq!((content.size, content.packing), (body.len() as u64, Packing::Compress));
            assert_eq!(content.head, body);
        }
        assert_eq!(take(b"\x1f\x8b\x08", 2, LIMITS), Err(IntakeError::Gzip(GzipError::Truncated)));
    }

    #[test]
    fn headers_that_some_readers_refuse_are_repacked() {
        let with = |builder: GzBuilder| {
            let mut encoder = builder.write(Vec::new(), Compression::fast());
            encoder.write_all(b"a,b\n").expect("memory");
            encoder.finish().expect("memory")
        };
        let two = [packed(b"a,b\n"), packed(b"")].concat();
        for (file, packing) in [
            (with(GzBuilder::new().filename("courts.csv").mtime(7)), Packing::AsItCame),
            (with(GzBuilder::new().comment("of 2025")), Packing::Repack),
            (with(GzBuilder::new().extra(vec![1, 2, 3])), Packing::Repack),
            (two, Packing::Repack),
            ([packed(b"a,b\n"), vec![0; 500]].concat(), Packing::Repack),
        ] {
            assert_eq!(take(&file, 3, LIMITS).expect("gzip").packing, packing);
            let mut repacked = Vec::new();
            repack(&file[..], &mut repacked).expect("memory");
            assert_eq!(repacked, packed(b"a,b\n"));
        }
    }

    #[test]
    fn limits_act_while_streaming() {
        let small = Limits { size: 10, head: 0 };
        assert_eq!(take(b"12345678901", 3, small), Err(IntakeError::TooLarge(10)));
        assert_eq!(take(&packed(b"12345678901"), 3, small), Err(IntakeError::TooLarge(10)));
        assert!(take(b"1234567890", 3, small).is_ok());
        let bomb = packed(&vec![0; 64 * 1024 * 1024]);
        assert_eq!(take(&bomb, 4096, LIMITS), Err(IntakeError::Bomb));
    }
}
