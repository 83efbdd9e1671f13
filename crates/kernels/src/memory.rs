//! The allocator of a program that trains.
#![allow(unsafe_code)]

use std::ffi::c_long;

use libmimalloc_sys::{mi_option_set_default, mi_option_t};

/// Each step frees and asks for large buffers: this allocator keeps them instead of returning them to the
/// system at once.
pub use mimalloc::MiMalloc as Allocator;

/// `mi_option_purge_delay` of `mimalloc.h`, in ms, for which the crate has no name.
const PURGE_DELAY: mi_option_t = 15;

/// Many steps, and short enough for a program that waits to give back what it needs no more.
const KEPT_MS: c_long = 10_000;

/// Lets [`Allocator`], where it is the program's, keep what is free for 10 s.
///
/// By itself it returns each second what happens to be free, which the next steps get back page by page, each
/// cleared by the system. A program calls this once, first of all. `MIMALLOC_PURGE_DELAY` in the environment,
/// in ms, goes before it.
pub fn keep_freed_memory() {
    // SAFETY: the option is a number, which nobody else sets.
    unsafe { mi_option_set_default(PURGE_DELAY, KEPT_MS) };
}

#[cfg(test)]
mod tests {
    use libmimalloc_sys::mi_option_get;

    use super::*;

    #[test]
    fn the_option_is_the_one_of_a_second() {
        // SAFETY: reads a number.
        let delay = || unsafe { mi_option_get(PURGE_DELAY) };
        assert_eq!(delay(), 1000);
        keep_freed_memory();
        assert_eq!(delay(), KEPT_MS);
    }
}
