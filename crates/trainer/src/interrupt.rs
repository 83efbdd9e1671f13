//! Ctrl-C: the first asks the training to stop after its step, the second ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of a process that a user interrupted.
const INTERRUPTED: i32 = 130;

/// Watches for Ctrl-C and the termination signal; the flag is raised by the first.
///
/// Where no handler can be installed the flag stays down, and Ctrl-C ends the process as usual:
/// the last checkpoint is then the state that is kept.
#[must_use]
pub fn watch() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    let installed = ctrlc::set_handler(move || {
        if raised.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED);
        }
        eprintln!("finishing the step and saving; press Ctrl-C again to stop at once");
    });
    if installed.is_err() {
        eprintln!("warning: Ctrl-C cannot be caught here; it will stop without saving");
    }
    flag
}
