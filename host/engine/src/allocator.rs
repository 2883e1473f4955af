//! A limit of the memory that a process holds, kept by its own allocator: for systems and sandboxes that set none.

#[cfg(not(target_env = "musl"))]
use std::alloc::System;
use std::alloc::{GlobalAlloc, Layout};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

// That of musl is slow, and takes one lock for all threads. `no_thp` because with huge pages it holds eight times as much.
#[cfg(target_env = "musl")]
use mimalloc::MiMalloc as System;

/// The system's allocator, which counts once there is a limit. A program that has it as its `global_allocator` limits the
/// compiler of components also where the system does not.
#[derive(Debug)]
pub struct Allocator;

/// How much there is to give, and how much was given.
struct Count {
    limit: AtomicU64,
    given: AtomicU64,
}

/// Nothing is counted.
const NONE: u64 = u64::MAX;
/// What was given before the count began, and may come back: more than that is never there.
const BEFORE: u64 = 1 << 62;

static COUNT: Count = Count::new();

/// From now on this process gets no more than so many bytes.
pub(super) fn limit(bytes: u64) {
    COUNT.begin(bytes);
}

impl Count {
    const fn new() -> Self {
        Self { limit: AtomicU64::new(NONE), given: AtomicU64::new(BEFORE) }
    }

    fn begin(&self, bytes: u64) {
        self.limit.store(BEFORE + bytes.min(BEFORE), Relaxed);
    }

    /// Whether there is so much left, which is given then.
    fn take(&self, bytes: usize) -> bool {
        let limit = self.limit.load(Relaxed);
        if limit == NONE {
            return true;
        }
        let bytes = bytes as u64;
        let fits = self.given.fetch_add(bytes, Relaxed).saturating_add(bytes) <= limit;
        if !fits {
            self.given.fetch_sub(bytes, Relaxed);
        }
        fits
    }

    fn give_back(&self, bytes: usize) {
        if self.limit.load(Relaxed) != NONE {
            self.given.fetch_sub(bytes as u64, Relaxed);
        }
    }
}

#[expect(unsafe_code, reason = "an allocator has no other interface")]
// SAFETY: memory comes from the system's allocator and goes back there; null is what an allocator gives that has no more.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the one that is asked for.
        given(layout.size(), || unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        given(layout.size(), || unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) };
        COUNT.give_back(layout.size());
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (more, less) = (size.saturating_sub(layout.size()), layout.size().saturating_sub(size));
        // SAFETY: as above.
        let moved = given(more, || unsafe { System.realloc(memory, layout, size) });
        if !moved.is_null() {
            COUNT.give_back(less);
        }
        moved
    }
}

fn given(bytes: usize, get: impl FnOnce() -> *mut u8) -> *mut u8 {
    if !COUNT.take(bytes) {
        return null_mut();
    }
    let memory = get();
    if memory.is_null() {
        COUNT.give_back(bytes);
    }
    memory
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_given_than_the_limit_and_what_comes_back_is_given_again() {
        let count = Count::new();
        assert!(count.take(usize::MAX));
        count.give_back(usize::MAX);
        count.begin(10);
        // Something from before the count.
        count.give_back(5);
        assert!(count.take(9) && count.take(6) && !count.take(1));
        count.give_back(6);
        assert!(!count.take(7) && !count.take(usize::MAX) && count.take(6));
    }
}
