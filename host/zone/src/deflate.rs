//! One block of content, deflated: the only place that sets the compressor's search by hand.
//!
//! flate2 offers the levels alone. Its level 6 makes files up to 4% larger than those of `gzip -6`, its level 7 takes
//! twice the time; level 7 with a shorter search is faster than the one and smaller than the other.

use std::ffi::c_int;
use std::io;

use libz_rs_sys::{
    Z_DEFAULT_STRATEGY, Z_DEFLATED, Z_FINISH, Z_OK, Z_STREAM_END, Z_SYNC_FLUSH, deflate, deflateEnd, deflateInit2_,
    deflateSetDictionary, deflateTune, z_stream, zlibVersion,
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
/// How much memory zlib takes for its tables; its default.
const MEMORY: c_int = 8;
/// Most bytes of output that are made room for at a time.
const ROOM: usize = 64 * 1024;
/// Room for what does not get smaller, and for the end of a block.
const SPARE_ROOM: usize = 64;

/// A block, deflated, behind what is in `output`. `before` is what comes before it, at most 32 KiB of which are looked at.
/// The last block ends the stream; any other ends on a byte, so that the next can be put behind it.
pub(crate) fn deflated(before: &[u8], block: &[u8], last: bool, output: &mut Vec<u8>) -> io::Result<()> {
    let deflater = Deflater::new().ok_or(io::ErrorKind::OutOfMemory)?;
    deflater.block(before, block, last, output);
    Ok(())
}

/// A compressor for one block. It is not used for another: it compares bytes behind the end of what it was given, and of
/// matches that are equally long up to there it takes the one that goes on in what an earlier block left, so that the same
/// content would not always give the same bytes.
struct Deflater(Box<z_stream>);

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

    /// See [`deflated`].
    #[expect(unsafe_code, reason = "the functions have C's interface")]
    fn block(mut self, before: &[u8], block: &[u8], last: bool, output: &mut Vec<u8>) {
        let stream = &mut *self.0;
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        // SAFETY: the stream was made by `deflateInit2_` and not ended; the dictionary is read within its length.
        let ready = unsafe {
            deflateTune(stream, GOOD_LENGTH, MAX_LAZY, NICE_LENGTH, MAX_CHAIN) == Z_OK
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

    fn alone(before: &[u8], block: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        deflated(before, block, true, &mut output).expect("memory");
        output
    }

    #[test]
    fn what_was_deflated_before_makes_no_difference() {
        let blocks: Vec<_> = (0..400).map(|it| (lines(it, it * 80), lines(it, 7 + it * 60))).collect();
        let first: Vec<_> = blocks.iter().map(|(before, block)| alone(before, block)).collect();
        for (at, (before, block)) in blocks.iter().enumerate().rev() {
            // Something of another size first, which would lie where this block ends.
            alone(&[], &lines(at + 3, 70_000));
            assert_eq!(alone(before, block), first[at], "content {at}");
        }
    }
}
