//! One block of content, deflated: the only place that sets the compressor's search by hand.
//!
//! flate2 offers the levels alone. Its level 6 makes files up to 4% larger than those of `gzip -6`, its level 7 takes
//! twice the time; level 7 with a shorter search is faster than the one and smaller than the other.

use std::ffi::c_int;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use libz_rs_sys::{
    Z_DEFAULT_STRATEGY, Z_DEFLATED, Z_FINISH, Z_OK, Z_STREAM_END, Z_SYNC_FLUSH, deflate, deflateEnd, deflateInit2_,
    deflateReset, deflateSetDictionary, deflateTune, z_stream, zlibVersion,
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

    /// Append a block, deflated, to `output`. `before` is what comes before it, at most 32 KiB of which are looked at. The
    /// last block ends the stream; any other ends on a byte, so that the next can be put behind it.
    #[expect(unsafe_code, reason = "the functions have C's interface")]
    pub(crate) fn block(&mut self, before: &[u8], block: &[u8], last: bool, output: &mut Vec<u8>) {
        let stream = &mut *self.0;
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
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

impl Drop for Deflater {
    #[expect(unsafe_code, reason = "the functions have C's interface")]
    fn drop(&mut self) {
        // SAFETY: the stream was made by `deflateInit2_` and is ended once.
        unsafe { deflateEnd(&mut *self.0) };
    }
}
