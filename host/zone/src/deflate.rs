//! One block of content, deflated: the only place that sets the compressor's search by hand.
//!
//! flate2 offers the levels alone. Its level 6 makes files up to 4% larger than those of `gzip -6`, its level 7 takes
//! twice the time; level 7 with a shorter search is faster than the one and smaller than the other.

use std::ffi::c_int;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use libz_rs_sys::{
    Z_DEFAULT_STRATEGY, Z_DEFLATED, Z_FINISH, Z_NO_FLUSH, Z_OK, Z_STREAM_END, Z_SYNC_FLUSH, deflate, deflateEnd,
    deflateInit2_, deflateReset, deflateSetDictionary, deflateTune, z_stream, zlibVersion,
};

/// The level, which chooses lazy matching.
const LEVEL: c_int = 7;
/// A match of so many bytes shortens the search for a better one.
const GOOD_LENGTH: c_int = 16;
/// A match of so many bytes is not improved upon.
const MAX_LAZY: c_int = 32;
/// A match of so many bytes ends the search.
const NICE_LENGTH: c_int = 32;
/// Most earlier places that are looked at.
const MAX_CHAIN: c_int = 32;
/// No header and no trailer, and a window of 32 KiB.
const RAW_WINDOW: c_int = -15;
/// Bytes that the compressor has in view at once: twice the window.
const VIEW: usize = 64 * 1024;
/// Bytes behind the end of what it was given that it compares all the same: a longest match, and a word of eight.
const BEHIND: usize = 258 + 8;
static ZEROS: [u8; VIEW] = [0; VIEW];
/// How much memory zlib takes for its tables; its default.
const MEMORY: c_int = 8;
/// Most bytes of output that are made room for at a time.
const ROOM: usize = 64 * 1024;
/// Room for what does not get smaller, and for the end of a block.
const SPARE_ROOM: usize = 64;

/// Most compressors that are kept for later: each takes 300 KiB, and making one for every small file takes longer than
/// the file.
const SPARE: usize = 8;

static POOL: Mutex<Vec<Deflater>> = Mutex::new(Vec::new());

/// A compressor, used for one block after the other.
pub(crate) struct Deflater(Box<z_stream>);

/// A compressor that goes back to the others when it is dropped.
pub(crate) struct Lent(Option<Deflater>);

impl Lent {
    /// One that is free, or a new one; `None` where there is no memory for it.
    pub(crate) fn take() -> Option<Self> {
        let spare = POOL.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Some(Self(Some(spare.or_else(Deflater::new)?)))
    }
}

impl Deref for Lent {
    type Target = Deflater;

    fn deref(&self) -> &Deflater {
        self.0.as_ref().expect("only dropping takes it out")
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Deflater {
        self.0.as_mut().expect("only dropping takes it out")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < SPARE {
            pool.extend(self.0.take());
        }
    }
}

// SAFETY: what the stream points to is its own, and nothing else does.
#[expect(unsafe_code, reason = "the stream is a C structure")]
unsafe impl Send for Deflater {}

impl Deflater {
    /// A compressor; `None` where there is no memory for one.
    #[expect(unsafe_code, reason = "the functions have C's interface")]
    fn new() -> Option<Self> {
        let mut stream = Box::new(z_stream::default());
        let size = c_int::try_from(size_of::<z_stream>()).ok()?;
        // SAFETY: the stream is a fresh one, and the version and the size are those of the library it comes from.
        let made = unsafe {
            deflateInit2_(&mut *stream, LEVEL, Z_DEFLATED, RAW_WINDOW, MEMORY, Z_DEFAULT_STRATEGY, zlibVersion(), size)
        };
        (made == Z_OK).then_some(Self(stream))
    }

    /// Have zeros where the next `size` bytes go and behind them, in place of what an earlier block left. The compressor
    /// looks at such bytes behind the end of its input, and of matches that are equally long up to there it takes the one that
    /// goes on in them: the same content would not always give the same bytes.
    #[expect(unsafe_code, reason = "the functions have C's interface")]
    fn wash(&mut self, size: usize) {
        let stream = &mut *self.0;
        let zeros = &ZEROS[..(size + BEHIND).min(VIEW)];
        let mut room = [0; 1024];
        // SAFETY: the stream was made by `deflateInit2_` and not ended.
        let mut told = unsafe { deflateReset(stream) };
        stream.next_in = zeros.as_ptr().cast_mut();
        stream.avail_in = length(zeros);
        while told == Z_OK && stream.avail_in > 0 {
            stream.next_out = room.as_mut_ptr();
            stream.avail_out = length(&room);
            // SAFETY: the input is read and the output written within the lengths that stand beside them; both outlive
            // the call.
            told = unsafe { deflate(stream, Z_NO_FLUSH) };
        }
        debug_assert!(told == Z_OK, "a stream that is sound takes zeros");
    }

    /// Append a block, deflated, to `output`. `before` is what comes before it, at most 32 KiB of which are looked at. The
    /// last block ends the stream; any other ends on a byte, so that the next can be put behind it.
    #[expect(unsafe_code, reason = "the functions have C's interface")]
    pub(crate) fn block(&mut self, before: &[u8], block: &[u8], last: bool, output: &mut Vec<u8>) {
        self.wash(before.len() + block.len());
        let stream = &mut *self.0;
        // SAFETY: the stream was made by `deflateInit2_` and not ended; the dictionary is read within its length.
        let ready = unsafe {
            deflateReset(stream) == Z_OK
                && deflateTune(stream, GOOD_LENGTH, MAX_LAZY, NICE_LENGTH, MAX_CHAIN) == Z_OK
                && (before.is_empty() || deflateSetDictionary(stream, before.as_ptr(), length(before)) == Z_OK)
        };
        debug_assert!(ready, "a stream that is sound takes all of these");
        stream.next_in = block.as_ptr().cast_mut();
        stream.avail_in = length(block);
        let flush = if last { Z_FINISH } else { Z_SYNC_FLUSH };
        let step = (block.len() + SPARE_ROOM).min(ROOM);
        loop {
            let filled = output.len();
            output.resize(filled + step, 0);
            let room = &mut output[filled..];
            stream.next_out = room.as_mut_ptr();
            stream.avail_out = length(room);
            // SAFETY: the input is read and the output written within the lengths that stand beside them; both outlive
            // the call, and the library never writes to its input.
            let told = unsafe { deflate(stream, flush) };
            let left = stream.avail_out as usize;
            output.truncate(filled + step - left);
            // Room that is left over says that nothing is held back.
            if told == Z_STREAM_END || left > 0 {
                return;
            }
        }
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

impl Drop for Deflater {
    #[expect(unsafe_code, reason = "the functions have C's interface")]
    fn drop(&mut self) {
        // SAFETY: the stream was made by `deflateInit2_` and is ended once.
        unsafe { deflateEnd(&mut *self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines that are alike, so that matches are equally long at their end.
    fn lines(number: usize, bytes: usize) -> Vec<u8> {
        let line = |at: usize| format!("{},{}\n", at % 7, (at * (number + 1)) % 13).into_bytes();
        (0..).flat_map(line).take(bytes).collect()
    }

    /// Lines that are less alike, so that there is much to choose from.
    fn numbers(from: u64, bytes: usize) -> Vec<u8> {
        let line = |number: u64| format!("{number},{}\n", number.wrapping_mul(0x9e37_79b9) % 9973).into_bytes();
        (from..).flat_map(line).take(bytes).collect()
    }

    fn deflated(deflater: &mut Deflater, before: &[u8], block: &[u8], last: bool) -> Vec<u8> {
        let mut output = Vec::new();
        deflater.block(before, block, last, &mut output);
        output
    }

    #[test]
    fn what_was_deflated_before_makes_no_difference_to_little() {
        let (new, mut used) = (|| Deflater::new().expect("memory"), Deflater::new().expect("memory"));
        for number in 0..400 {
            // Something of another size first, which lies where the next block ends.
            deflated(&mut used, &[], &lines(number + 3, 70_000), true);
            let (before, block) = (lines(number, number * 80), lines(number, 7 + number * 60));
            let fresh = deflated(&mut new(), &before, &block, true);
            assert!(deflated(&mut used, &before, &block, true) == fresh, "content {number}");
        }
    }

    #[test]
    fn what_was_deflated_before_makes_no_difference_to_much() {
        const BLOCK: usize = 256 * 1024;
        const WINDOW: usize = 32 * 1024;
        let new = || Deflater::new().expect("memory");
        let content = numbers(0, 3 * BLOCK);
        let (before, block) = (&content[BLOCK - WINDOW..BLOCK], &content[BLOCK..2 * BLOCK]);
        let fresh = deflated(&mut new(), before, block, false);
        for round in 0..40 {
            let mut used = new();
            deflated(&mut used, &[], &numbers(round as u64 * 1000, 1 + round * 7919), false);
            if round % 2 == 0 {
                deflated(&mut used, &content[..WINDOW], &content[WINDOW..WINDOW + round * 5003], false);
            }
            assert!(deflated(&mut used, before, block, false) == fresh, "round {round}");
        }
    }
}
