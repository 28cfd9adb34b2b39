//! A thread team: runs a computation of many short stages on all threads of a pool, with a spin barrier
//! after each stage.
//!
//! A forward pass has about a hundred stages of a few microseconds to a millisecond each, and every
//! stage depends on the previous one. Dispatching each stage to a thread pool would cost more than some
//! stages take. Instead, all threads run the whole computation and claim tasks of each stage as they
//! reach it. A thread with no work left spins until the others finish. A thread that starts late, or
//! not at all, merely leaves more tasks to the others.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counters of a stage's claimed and finished tasks. Aligned to a cache line to avoid false sharing.
#[derive(Default)]
#[repr(align(64))]
struct StageCounters {
    begun: AtomicUsize,
    done: AtomicUsize,
}

/// One thread of the team.
pub struct Worker<'a> {
    stages: &'a [StageCounters],
    /// Number of stages that this thread has completed.
    passed: usize,
    threads: usize,
}

/// Runs `computation`, which has at most `stages` stages, on all threads of the current rayon pool.
/// Every thread must run the same stages with the same numbers of tasks.
pub fn run(stages: usize, computation: impl Fn(&mut Worker<'_>) + Sync) {
    let threads = rayon::current_num_threads();
    let stages: Vec<StageCounters> = (0..stages).map(|_| StageCounters::default()).collect();
    let work = || computation(&mut Worker { stages: &stages, passed: 0, threads });
    rayon::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| work());
        }
        work();
    });
}

/// Number of spins on a stage's counter before a thread yields the CPU.
const SPINS_PER_YIELD: usize = 4096;

impl Worker<'_> {
    /// Runs tasks `0..tasks` together with the other threads, and returns when all tasks are done.
    /// Everything that the tasks wrote is visible afterwards.
    ///
    /// # Panics
    /// Panics if there are more stages than declared to [`run`], or a task panicked on another thread.
    pub fn stage(&mut self, tasks: usize, mut task: impl FnMut(usize)) {
        let stage = &self.stages[self.passed];
        self.passed += 1;
        // Claim several tasks at once when there are many, so the counter is not a bottleneck.
        let batch = (tasks / (16 * self.threads)).max(1);
        let guard = ReleaseOnPanic(self.stages);
        let mut done = 0;
        loop {
            let begin = stage.begun.fetch_add(batch, Ordering::Relaxed);
            if begin >= tasks {
                break;
            }
            let end = tasks.min(begin + batch);
            (begin..end).for_each(&mut task);
            done += end - begin;
        }
        std::mem::forget(guard);
        if done > 0 {
            stage.done.fetch_add(done, Ordering::Release);
        }
        let mut spins = 0usize;
        while stage.done.load(Ordering::Acquire) < tasks {
            spins += 1;
            if spins.is_multiple_of(SPINS_PER_YIELD) {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
        assert!(stage.done.load(Ordering::Relaxed) < PANICKED, "another thread has panicked");
    }
}

/// Value of `done` that marks a stage in which a thread panicked.
const PANICKED: usize = usize::MAX / 2;

/// A guard that, if a task panics, releases all waiting threads and makes them panic as well.
struct ReleaseOnPanic<'a>(&'a [StageCounters]);

impl Drop for ReleaseOnPanic<'_> {
    fn drop(&mut self) {
        for stage in self.0 {
            stage.done.store(PANICKED, Ordering::Release);
        }
    }
}

/// Memory that the tasks of a stage write concurrently and later stages read. Each task writes its own
/// part.
pub struct SharedSlice<'a, T> {
    cells: &'a [UnsafeCell<T>],
    of: PhantomData<&'a mut [T]>,
}

// SAFETY: the cells are accessed only through unsafe methods, whose callers rule out data races.
unsafe impl<T: Send + Sync> Sync for SharedSlice<'_, T> {}

impl<'a, T> SharedSlice<'a, T> {
    /// Shares `memory` among the tasks of a stage.
    pub fn new(memory: &'a mut [T]) -> Self {
        let cells = std::ptr::from_mut(memory) as *const [UnsafeCell<T>];
        // SAFETY: `UnsafeCell<T>` has the layout of `T`, and the exclusive borrow lasts for `'a`.
        Self { cells: unsafe { &*cells }, of: PhantomData }
    }

    /// Returns a part of the memory for writing.
    ///
    /// # Safety
    /// No other task may access this part in this stage.
    #[allow(clippy::mut_from_ref, reason = "the caller keeps the parts apart")]
    pub unsafe fn write(&self, part: Range<usize>) -> &mut [T] {
        let cells = &self.cells[part];
        // SAFETY: slicing checked the range, and the caller guarantees exclusive access.
        unsafe { std::slice::from_raw_parts_mut(cells.as_ptr() as *mut T, cells.len()) }
    }

    /// Writes one element.
    ///
    /// # Safety
    /// No other task may access this element in this stage.
    pub unsafe fn set(&self, index: usize, value: T) {
        let cell = self.cells[index].get();
        // SAFETY: indexing checked the bounds, and the caller guarantees exclusive access.
        unsafe { *cell = value };
    }

    /// Returns the elements from `start` onwards, for reading.
    ///
    /// # Safety
    /// No task may write any of these elements in this stage.
    pub unsafe fn read_from(&self, start: usize) -> &[T] {
        // SAFETY: guaranteed by the caller.
        unsafe { self.read(start.min(self.cells.len())..self.cells.len()) }
    }

    /// Returns a part of the memory for reading.
    ///
    /// # Safety
    /// No task may write to this part during this stage.
    pub unsafe fn read(&self, part: Range<usize>) -> &[T] {
        let cells = &self.cells[part];
        // SAFETY: slicing checked the range, and the caller guarantees that no task writes to it.
        unsafe { std::slice::from_raw_parts(cells.as_ptr() as *const T, cells.len()) }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    /// Runs `test` and panics if it takes longer than a minute.
    fn within_a_minute(test: impl FnOnce() + Send + 'static) {
        let (done, waiting) = mpsc::channel();
        std::thread::spawn(move || {
            test();
            done.send(()).unwrap();
        });
        let ended = waiting.recv_timeout(Duration::from_secs(60));
        assert!(ended.is_ok(), "the test timed out or panicked");
    }

    #[test]
    fn every_task_runs_once_and_the_next_stage_sees_what_all_wrote() {
        const ROUNDS: u64 = 100;
        for threads in [1, 2, 5] {
            for tasks in [0, 1, 3, 1000] {
                let mut numbers = vec![0u64; tasks];
                let shared = SharedSlice::new(&mut numbers);
                pool(threads).install(|| {
                    run(2 * ROUNDS as usize, |worker| {
                        for round in 1..=ROUNDS {
                            worker.stage(tasks, |task| {
                                // SAFETY: each task has its own element.
                                let number = unsafe { shared.read(task..task + 1)[0] };
                                // SAFETY: as above.
                                unsafe { shared.set(task, number + 1) };
                            });
                            worker.stage(64, |_| {
                                // SAFETY: no task writes in this stage.
                                assert!(unsafe { shared.read_from(0) }.iter().all(|n| *n == round));
                            });
                        }
                    });
                });
            }
        }
    }

    #[test]
    fn a_panic_in_a_task_propagates_to_the_caller() {
        within_a_minute(|| {
            for threads in [1, 2, 5] {
                let pool = pool(threads);
                let computation = || {
                    run(3, |worker| {
                        for _ in 0..3 {
                            worker.stage(10, |task| assert_ne!(task, 7, "the seventh"));
                        }
                    });
                };
                let result =
                    std::panic::catch_unwind(AssertUnwindSafe(|| pool.install(computation)));
                assert!(result.is_err());
                // The pool remains usable.
                assert_eq!(pool.install(|| 1), 1);
            }
        });
    }

    #[test]
    fn more_stages_than_declared_panic() {
        within_a_minute(|| {
            let refused = std::panic::catch_unwind(|| {
                run(1, |worker| (0..2).for_each(|_| worker.stage(1, |_| ())));
            });
            assert!(refused.is_err());
        });
    }

    #[test]
    fn concurrent_computations_on_one_pool_all_finish() {
        within_a_minute(|| {
            let pool = pool(2);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for _ in 0..50 {
                            pool.install(|| {
                                run(20, |worker| (0..20).for_each(|_| worker.stage(9, |_| ())));
                            });
                        }
                    });
                }
            });
        });
    }
}
