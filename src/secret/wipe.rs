//! Memory is wiped when it is given back.
//!
//! `Zeroizing` reaches what we hold ourselves. Parsers, the SSH library and a growing `Vec` leave
//! copies behind that nobody can name; an allocator that wipes each block before it is freed reaches
//! them all.

use std::alloc::{GlobalAlloc, Layout, System};

use rustix::mm::{Advice, madvise};
use zeroize::optimization_barrier;

/// A block of this size or more lies in huge pages, where the kernel gives any: 2 MiB, those of x86-64 and
/// arm64.
///
/// A page of 4 KiB is 3 us when it is touched first. So a document of 4 MB cost as much to lie in memory,
/// 3 ms, as to be read and scanned; in two huge pages it is 0.6 ms.
const HUGE: usize = 2 * 1024 * 1024;

/// The system's allocator, with every block wiped before it is freed.
///
/// `realloc` is left at its default, which allocates, copies and frees, so that a block that grows
/// is wiped too.
#[derive(Debug)]
pub struct WipingAllocator;

#[expect(
    unsafe_code,
    reason = "an allocator cannot be written without; it adds the wiping and huge pages"
)]
// SAFETY: every block comes from the system's allocator and goes back to it, both with the layout of `aligned`,
// which is at least what was asked for. Before `dealloc` the block of `layout.size()` bytes is still ours,
// so writing to it is allowed. What the kernel is told of a block changes no byte of it.
unsafe impl GlobalAlloc for WipingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        let block = unsafe { System.alloc(aligned(layout)) };
        if layout.size() >= HUGE && !block.is_null() {
            // Whole pages alone, so that no more memory is taken than was asked for.
            let whole = layout.size() - layout.size() % HUGE;
            // SAFETY: the block has so many bytes and begins with a page.
            let told = unsafe { madvise(block.cast(), whole, Advice::LinuxHugepage) };
            // A kernel without huge pages gives small ones.
            let _ = told;
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() < HUGE {
            // SAFETY: as above.
            return unsafe { System.alloc_zeroed(layout) };
        }
        // SAFETY: as above.
        let block = unsafe { self.alloc(layout) };
        if !block.is_null() {
            // SAFETY: the block is new and has so many bytes.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // Not `zeroize`, which writes byte by byte: a document of 3 MB took 1.5 ms.
        // SAFETY: the block is ours until the last line.
        unsafe { block.write_bytes(0, layout.size()) };
        // Somebody might read the zeros, as far as the compiler knows, so it writes them.
        // SAFETY: as above, and its bytes were just written.
        optimization_barrier(unsafe { std::slice::from_raw_parts(block, layout.size()) });
        // SAFETY: as above.
        unsafe { System.dealloc(block, aligned(layout)) }
    }
}

/// The same with room for huge pages: they begin at multiples of their size.
fn aligned(layout: Layout) -> Layout {
    match layout.size() >= HUGE {
        true => layout.align_to(HUGE).unwrap_or(layout),
        false => layout,
    }
}

#[cfg(test)]
#[expect(
    unsafe_code,
    reason = "blocks are taken, written and given back as a collection does it"
)]
mod tests {
    use super::*;

    #[test]
    fn a_block_begins_with_a_page_if_it_is_large_and_keeps_its_bytes_when_it_grows() {
        let layout = |size| Layout::from_size_align(size, 8).unwrap();
        for size in [16, HUGE - 1, HUGE, HUGE + 1, 5 * HUGE / 2] {
            // SAFETY: no layout is empty; each block is written within its bounds, and given back as it was taken.
            unsafe {
                let block = WipingAllocator.alloc_zeroed(layout(size));
                assert!(block.addr().is_multiple_of(HUGE) || size < HUGE, "{size}");
                let bytes = std::slice::from_raw_parts_mut(block, size);
                assert!(bytes.iter().all(|byte| *byte == 0), "{size}");
                bytes.fill(7);
                let more = size + HUGE;
                let block = WipingAllocator.realloc(block, layout(size), more);
                assert!(block.addr().is_multiple_of(HUGE), "{size}");
                let bytes = std::slice::from_raw_parts(block, size);
                assert!(bytes.iter().all(|byte| *byte == 7), "{size}");
                let less = WipingAllocator.realloc(block, layout(more), size);
                let bytes = std::slice::from_raw_parts(less, size);
                assert!(bytes.iter().all(|byte| *byte == 7), "{size}");
                WipingAllocator.dealloc(less, layout(size));
            }
        }
    }
}
