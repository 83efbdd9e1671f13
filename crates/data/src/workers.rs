//! Work on many items by all processors, whose results do not depend on how many there are.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Threads that work: one for each processor.
pub(crate) fn num_workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// `work` on each item, the results in the order of the items.
pub(crate) fn map<T: Sync, R: Send>(
    items: &[T],
    num_workers: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let run = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            match items.get(index) {
                Some(item) => done.push((index, work(item))),
                None => return done,
            }
        }
    };
    let num_workers = num_workers.clamp(1, items.len().max(1));
    let mut results: Vec<(usize, R)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..num_workers).map(|_| scope.spawn(run)).collect();
        let mut results = run();
        for other in others {
            match other.join() {
                Ok(done) => results.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    });
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_come_in_order_whatever_the_number_of_workers() {
        let items: Vec<usize> = (0..1000).collect();
        for num_workers in [0, 1, 3, 16] {
            let squares = super::map(&items, num_workers, |item| item * item);
            assert!(
                squares
                    .iter()
                    .enumerate()
                    .all(|(i, &square)| square == i * i)
            );
        }
        assert!(super::map(&[] as &[usize], 4, |item| *item).is_empty());
    }
}
