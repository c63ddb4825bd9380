//! Work sharing over scoped threads: tasks are handed out by an atomic counter, results come back in order.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::OnceLock;

/// The number of worker threads: the processors this process may use.
pub fn threads() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| std::thread::available_parallelism().map_or(1, NonZeroUsize::get))
}

/// Runs `task(0..count)` on all threads and returns the results in index order. Each worker has its own
/// `scratch`, so that buffers are reused between tasks.
pub fn map_with<S, T, F, M>(count: usize, scratch: F, task: M) -> Vec<T>
where
    T: Send,
    F: Fn() -> S + Sync,
    M: Fn(&mut S, usize) -> T + Sync,
{
    let workers = threads().min(count);
    if workers <= 1 {
        let mut local = scratch();
        return (0..count).map(|index| task(&mut local, index)).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut local = scratch();
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return done;
            }
            done.push((index, task(&mut local, index)));
        }
    };
    let mut results: Vec<Option<T>> = (0..count).map(|_| None).collect();
    std::thread::scope(|scope| {
        let handles: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
        let mut store = |done: Vec<(usize, T)>| {
            for (index, value) in done {
                results[index] = Some(value);
            }
        };
        store(work());
        for handle in handles {
            match handle.join() {
                Ok(done) => store(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    results.into_iter().flatten().collect()
}

/// [`map_with`] without scratch.
pub fn map<T: Send>(count: usize, task: impl Fn(usize) -> T + Sync) -> Vec<T> {
    map_with(count, || (), |(), index| task(index))
}

/// Cuts a slice into one piece per thread (none smaller than `least`) and runs `task(offset, piece)` on each.
pub fn for_pieces<T: Send>(values: &mut [T], least: usize, task: impl Fn(usize, &mut [T]) + Sync) {
    let size = values.len().div_ceil(threads()).max(least).max(1);
    if size >= values.len() {
        return task(0, values);
    }
    std::thread::scope(|scope| {
        let mut pieces = values.chunks_mut(size).enumerate();
        let first = pieces.next();
        for (index, piece) in pieces {
            let task = &task;
            scope.spawn(move || task(index * size, piece));
        }
        if let Some((_, piece)) = first {
            task(0, piece);
        }
    });
}

/// Runs two closures at once.
pub fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    if threads() == 1 {
        return (a(), b());
    }
    std::thread::scope(|scope| {
        let handle = scope.spawn(b);
        let first = a();
        match handle.join() {
            Ok(second) => (first, second),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
