//! Work that may hang or panic, done where it can do neither to us.

use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::Duration;

/// Name of the threads that work is tried in.
const THREAD: &str = "fornax-probe";

/// How the names of the threads begin in which the GPU backends keep their devices.
const DEVICE_THREAD: &str = "DS";

/// One probe at a time: they share the panic hook.
static TURN: Mutex<()> = Mutex::new(());
static RUNNING: AtomicBool = AtomicBool::new(false);
/// What the first panic of the running probe said. A later one only reports that an earlier one
/// was.
static SAID: Mutex<Option<String>> = Mutex::new(None);

/// Why work did not come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// It panicked, and said this.
    Panic(String),
    /// It took too long; its thread is left to itself.
    Timeout,
}

/// Does `work` in another thread and waits at most `limit` for it. A panic ends up in the result,
/// and nothing of it on the terminal.
pub(super) fn attempt<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    hush();
    said().take();
    RUNNING.store(true, Ordering::SeqCst);
    let (sender, receiver) = mpsc::channel();
    let spawned = thread::Builder::new()
        .name(THREAD.to_owned())
        .spawn(move || {
            // Nobody listens any more once the time is over.
            let _ = sender.send(work());
        });
    let outcome = match spawned {
        Err(error) => Err(Failure::Panic(error.to_string())),
        Ok(_) => receiver.recv_timeout(limit).map_err(|error| match error {
            RecvTimeoutError::Timeout => Failure::Timeout,
            RecvTimeoutError::Disconnected => Failure::Panic(
                said()
                    .take()
                    .unwrap_or_else(|| "it gave no reason".to_owned()),
            ),
        }),
    };
    RUNNING.store(false, Ordering::SeqCst);
    outcome
}

/// Puts a panic hook before the one there is, which keeps the panics of probes to itself.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if is_of_probe() {
                note(info);
            } else {
                before(info);
            }
        }));
    });
}

/// Whether this thread is a probe, or one that a driver started for it.
fn is_of_probe() -> bool {
    match thread::current().name() {
        Some(THREAD) => true,
        Some(name) => RUNNING.load(Ordering::SeqCst) && name.starts_with(DEVICE_THREAD),
        None => RUNNING.load(Ordering::SeqCst),
    }
}

fn note(info: &PanicHookInfo) {
    let text = info.payload_as_str().unwrap_or("it gave no reason");
    let line = text.lines().next().unwrap_or_default().trim();
    said().get_or_insert_with(|| line.to_owned());
}

fn said() -> std::sync::MutexGuard<'static, Option<String>> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn work_that_ends_gives_its_result() {
        assert_eq!(attempt(LIMIT, || 6 * 7), Ok(42));
    }

    #[test]
    fn panic_becomes_its_first_line() {
        let outcome: Result<(), _> = attempt(LIMIT, || panic!("no adapter\nand more"));
        assert_eq!(outcome, Err(Failure::Panic("no adapter".to_owned())));
    }

    #[test]
    fn panic_of_a_device_thread_is_the_reason() {
        let outcome: Result<(), _> = attempt(LIMIT, || {
            let device = thread::Builder::new().name("DSD-0-0".to_owned());
            let device = device.spawn(|| panic!("no driver")).unwrap();
            device.join().expect("the device has ended");
        });
        assert_eq!(outcome, Err(Failure::Panic("no driver".to_owned())));
    }

    #[test]
    fn work_that_hangs_is_given_up() {
        let outcome = attempt(Duration::from_millis(20), || thread::sleep(LIMIT));
        assert_eq!(outcome, Err(Failure::Timeout));
    }
}
