//! Memory is wiped when it is given back.
//!
//! `Zeroizing` reaches what we hold ourselves. Parsers, the SSH library and a growing `Vec` leave
//! copies behind that nobody can name; an allocator that wipes each block before it is freed reaches
//! them all.

use std::alloc::{GlobalAlloc, Layout, System};

use zeroize::Zeroize as _;

/// The system's allocator, with every block wiped before it is freed.
///
/// `realloc` is left at its default, which allocates, copies and frees, so that a block that grows
/// is wiped too.
#[derive(Debug)]
pub struct WipingAllocator;

#[expect(
    unsafe_code,
    reason = "an allocator cannot be written without; it only adds the wiping"
)]
// SAFETY: every call goes to the system's allocator unchanged. Before `dealloc` the block of
// `layout.size()` bytes is still ours, so writing to it is allowed.
unsafe impl GlobalAlloc for WipingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is ours until the last line.
        let bytes = unsafe { std::slice::from_raw_parts_mut(block, layout.size()) };
        // Sixteen bytes a store: one by one, wiping took half the time of sealing small files.
        // SAFETY: every pattern of bits is a `u128`, and nothing of the content is read.
        let (before, words, after) = unsafe { bytes.align_to_mut::<u128>() };
        before.zeroize();
        words.zeroize();
        after.zeroize();
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}
