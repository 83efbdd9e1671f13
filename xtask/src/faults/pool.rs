//! Work on several threads, in the order in which it comes, with a bar.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

/// Does `work` for every item; the results are in the order of the items.
pub(super) fn each<T: Sync, R: Send>(
    what: &'static str,
    items: &[T],
    num_threads: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta} left")
        .expect("the template is well formed");
    let bar = ProgressBar::new(items.len() as u64)
        .with_style(style)
        .with_message(what);
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..num_threads {
            scope.spawn(|| {
                while let Some((index, item)) = take(&next, items) {
                    let result = work(item);
                    let mut results = results.lock().expect("no thread panics with the results");
                    results.push((index, result));
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    let mut results = results
        .into_inner()
        .expect("no thread panics with the results");
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

fn take<'a, T>(next: &AtomicUsize, items: &'a [T]) -> Option<(usize, &'a T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((index, items.get(index)?))
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_are_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..100).collect();
        let doubled = super::each("doubling", &items, 3, |item| 2 * item);
        assert_eq!(doubled, (0..100).map(|item| 2 * item).collect::<Vec<u64>>());
    }
}
