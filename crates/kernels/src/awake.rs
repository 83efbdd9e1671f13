//! Keeping the threads that share work awake from one kernel to the next.
//!
//! A thread without work goes to sleep within microseconds, and to wake it takes tens of them, as long as
//! a small product. A training has dozens of kernels a step, so its threads look for work without a pause
//! and fall asleep only when there has been none for a while, as those of `OpenMP` do.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rayon::Yield;

/// For how long a thread looks for work in vain.
const PATIENCE: Duration = Duration::from_millis(2);

/// Whether a program wants it.
static IS_WANTED: AtomicBool = AtomicBool::new(false);

/// Threads that look for work.
static NUM_AWAKE: AtomicUsize = AtomicUsize::new(0);

/// Makes the calling thread one of those that share the work of a kernel, for as long as it lives, and
/// lets the others stay awake between kernels that follow each other within 2 ms.
///
/// A program calls it once, first of all, on the thread that trains. Otherwise each operation is
/// handed over to another thread, which has to wake up, and is waited for: that costs more than a small
/// operation itself. The thread becomes one of those only where no work has been shared before.
pub fn work_on_this_thread() {
    // An error says that the threads are there already: slower, and not wrong.
    let _ = rayon::ThreadPoolBuilder::new()
        .use_current_thread()
        .build_global();
    IS_WANTED.store(true, Ordering::Relaxed);
}

/// Wakes the other threads, where a program wants them awake and they are not.
pub(crate) fn stay_awake() {
    if !IS_WANTED.load(Ordering::Relaxed) || NUM_AWAKE.load(Ordering::Relaxed) > 0 {
        return;
    }
    let Some(caller) = rayon::current_thread_index() else {
        return; // It shares no work, and would wait for those that look for some.
    };
    let num_others = rayon::current_num_threads() - 1;
    let claimed = NUM_AWAKE.compare_exchange(0, num_others, Ordering::Relaxed, Ordering::Relaxed);
    if num_others > 0 && claimed.is_ok() {
        rayon::spawn_broadcast(move |context| {
            if context.index() != caller {
                look_for_work();
            }
        });
    }
}

/// Does what work there is, until there has been none for a while.
fn look_for_work() {
    let mut last = Instant::now();
    while last.elapsed() < PATIENCE {
        if rayon::yield_now() == Some(Yield::Executed) {
            last = Instant::now();
        } else {
            thread::yield_now(); // to threads that share no work, such as one that reads files
        }
    }
    NUM_AWAKE.fetch_sub(1, Ordering::Relaxed);
}
