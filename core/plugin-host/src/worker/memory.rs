//! How much memory a test's thread takes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    /// Bytes held now and at most since the beginning, counted from there.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

/// Begins to count for this thread.
pub(super) fn begin() {
    HELD.set((0, 0));
}

/// The most bytes that were held at the same time since then.
pub(super) fn peak() -> usize {
    HELD.get().1.unsigned_abs()
}

fn count(bytes: isize) {
    // A thread that ends has no counter any more.
    let _ = HELD.try_with(|held| {
        let (now, most) = held.get();
        held.set((now + bytes, most.max(now + bytes)));
    });
}

// SAFETY: hands everything to the system's allocator, and only counts beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: passed on to the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: passed on to the caller.
        unsafe { System.dealloc(place, layout) }
    }
}
