//! Room for data that the host puts into the component, as `host add` does.
#![expect(unsafe_code, reason = "the data is where the host says that it put it, which no safe code can express")]

use std::ptr;
use std::slice;

/// What the host looks for in the module, and where it writes the place and the length of the data.
#[repr(C)]
struct Room {
    mark: [u8; 16],
    at: u32,
    length: u32,
}

#[used]
static ROOM: Room = Room { mark: *b"landing:data\0\0\0\x01", at: 0, length: 0 };

/// The data, where there is some.
pub(crate) fn data() -> Option<&'static [u8]> {
    // SAFETY: it is a valid static; read so that the compiler does not take it for the zeros that are written here.
    let Room { at, length, .. } = unsafe { ptr::read_volatile(&raw const ROOM) };
    if length == 0 {
        return None;
    }
    // SAFETY: the host puts `length` bytes at `at`, behind the memory that the module begins with, where no allocator
    // gives any out, and nothing ever writes to them.
    Some(unsafe { slice::from_raw_parts(ptr::without_provenance(at as usize), length as usize) })
}
