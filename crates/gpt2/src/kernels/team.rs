//! The threads of a pool on one long computation of many short stages.
//!
//! A forward pass is about a hundred stages of a few microseconds to a millisecond, each of which
//! needs all of the one before. Handing every stage to a thread pool costs more than some of them
//! take. So all threads run the whole computation side by side and take the tasks of each stage as
//! they get to it; who finds none left waits, awake, until the others are done. A thread that comes
//! late, or not at all, only leaves more to the others.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One stage: tasks handed out, tasks done. On a cache line of its own, which nobody else's counting
/// takes away.
#[derive(Default)]
#[repr(align(64))]
struct Stage {
    begun: AtomicUsize,
    done: AtomicUsize,
}

/// One thread's place in a computation.
pub struct Member<'a> {
    stages: &'a [Stage],
    /// How many of the stages lie behind it.
    passed: usize,
    threads: usize,
}

/// Runs `computation`, which has at most `stages` stages, on all threads of the current rayon pool.
/// Every thread must come by the same stages with the same tasks.
pub fn run(stages: usize, computation: impl Fn(&mut Member<'_>) + Sync) {
    let threads = rayon::current_num_threads();
    let stages: Vec<Stage> = (0..stages).map(|_| Stage::default()).collect();
    let take_part = || computation(&mut Member { stages: &stages, passed: 0, threads });
    rayon::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| take_part());
        }
        take_part();
    });
}

/// Looks at a stage's counter before a thread lets others have the processor.
const PATIENCE: usize = 4096;

impl Member<'_> {
    /// Takes tasks 0 to `tasks` until all are done, by this thread or another. What any of them wrote
    /// can be read after this.
    ///
    /// # Panics
    /// When there are more stages than [`run`] was told.
    pub fn stage(&mut self, tasks: usize, mut task: impl FnMut(usize)) {
        let stage = &self.stages[self.passed];
        self.passed += 1;
        // Several at once while many are left, so that the counter is no bottleneck.
        let batch = (tasks / (16 * self.threads)).max(1);
        let unwinding = Unwinding(self.stages);
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
        std::mem::forget(unwinding);
        if done > 0 {
            stage.done.fetch_add(done, Ordering::Release);
        }
        let mut looks = 0usize;
        while stage.done.load(Ordering::Acquire) < tasks {
            looks += 1;
            if looks.is_multiple_of(PATIENCE) {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
        assert!(stage.done.load(Ordering::Relaxed) < PANICKED, "another thread has panicked");
    }
}

/// A stage with so many tasks done has lost one of its threads.
const PANICKED: usize = usize::MAX / 2;

/// Ends everybody's waiting for a thread that panics in a task: they panic, too.
struct Unwinding<'a>(&'a [Stage]);

impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        for stage in self.0 {
            stage.done.store(PANICKED, Ordering::Release);
        }
    }
}

/// Memory that the tasks of a stage write side by side, each its own part, and that later stages read.
pub struct Shared<'a, T> {
    cells: &'a [UnsafeCell<T>],
    of: PhantomData<&'a mut [T]>,
}

// SAFETY: the cells are reached only by `write` and `read`, whose callers keep apart what is written.
unsafe impl<T: Send + Sync> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    /// Shares `memory` for as long as this lives.
    pub fn new(memory: &'a mut [T]) -> Self {
        let cells = std::ptr::from_mut(memory) as *const [UnsafeCell<T>];
        // SAFETY: an UnsafeCell has the layout of what it holds, and the exclusive borrow is held.
        Self { cells: unsafe { &*cells }, of: PhantomData }
    }

    /// A part to write.
    ///
    /// # Safety
    /// Nobody else reads or writes any of it in this stage.
    #[allow(clippy::mut_from_ref, reason = "the caller keeps the parts apart")]
    pub unsafe fn write(&self, part: Range<usize>) -> &mut [T] {
        let cells = &self.cells[part];
        // SAFETY: the range was checked, and the caller has it alone.
        unsafe { std::slice::from_raw_parts_mut(cells.as_ptr() as *mut T, cells.len()) }
    }

    /// Writes one number.
    ///
    /// # Safety
    /// Nobody else reads or writes it in this stage.
    pub unsafe fn set(&self, index: usize, value: T) {
        let cell = self.cells[index].get();
        // SAFETY: the index was checked, and the caller has it alone.
        unsafe { *cell = value };
    }

    /// What there is from `start` on, to read.
    ///
    /// # Safety
    /// Nobody writes any of it in this stage.
    pub unsafe fn read_from(&self, start: usize) -> &[T] {
        // SAFETY: as the caller says.
        unsafe { self.read(start.min(self.cells.len())..self.cells.len()) }
    }

    /// A part to read.
    ///
    /// # Safety
    /// Nobody writes any of it in this stage.
    pub unsafe fn read(&self, part: Range<usize>) -> &[T] {
        let cells = &self.cells[part];
        // SAFETY: the range was checked, and nobody writes.
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

    /// Runs `test`, which must come to an end.
    fn within_a_minute(test: impl FnOnce() + Send + 'static) {
        let (done, waiting) = mpsc::channel();
        std::thread::spawn(move || {
            test();
            done.send(()).unwrap();
        });
        let ended = waiting.recv_timeout(Duration::from_secs(60));
        assert!(ended.is_ok(), "it hangs, or has panicked");
    }

    #[test]
    fn every_task_runs_once_and_the_next_stage_sees_what_it_wrote() {
        const STAGES: usize = 200;
        for threads in [1, 2, 5] {
            for tasks in [0, 1, 3, 1000] {
                let mut numbers = vec![0u64; tasks];
                let shared = Shared::new(&mut numbers);
                pool(threads).install(|| {
                    run(STAGES, |member| {
                        for stage in 0..STAGES as u64 {
                            member.stage(tasks, |task| {
                                // SAFETY: each task has its own number.
                                let number = unsafe { shared.read(task..task + 1)[0] };
                                assert_eq!(number, stage);
                                // SAFETY: as above.
                                unsafe { shared.set(task, number + 1) };
                            });
                        }
                    });
                });
                assert!(numbers.iter().all(|number| *number == STAGES as u64));
            }
        }
    }

    #[test]
    fn a_stage_reads_what_other_threads_wrote() {
        let mut numbers = vec![0u64; 512];
        let shared = Shared::new(&mut numbers);
        pool(4).install(|| {
            run(100, |member| {
                for stage in 1..=50 {
                    // SAFETY: each task writes its own number.
                    member.stage(512, |task| unsafe { shared.set(task, stage) });
                    member.stage(64, |_| {
                        // SAFETY: nobody writes in this stage.
                        assert!(unsafe { shared.read(0..512) }.iter().all(|n| *n == stage));
                    });
                }
            });
        });
    }

    #[test]
    fn a_panic_in_a_task_ends_it_for_all() {
        within_a_minute(|| {
            for threads in [1, 2, 5] {
                let pool = pool(threads);
                let computation = || {
                    run(3, |member| {
                        for _ in 0..3 {
                            member.stage(10, |task| assert_ne!(task, 7, "the seventh"));
                        }
                    });
                };
                let result =
                    std::panic::catch_unwind(AssertUnwindSafe(|| pool.install(computation)));
                assert!(result.is_err());
                // The pool is as good as before.
                assert_eq!(pool.install(|| 1), 1);
            }
        });
    }

    #[test]
    fn more_stages_than_were_told_are_refused() {
        within_a_minute(|| {
            let refused = std::panic::catch_unwind(|| {
                run(1, |member| (0..2).for_each(|_| member.stage(1, |_| ())));
            });
            assert!(refused.is_err());
        });
    }

    #[test]
    fn two_computations_at_once_on_one_pool_both_end() {
        within_a_minute(|| {
            let pool = pool(2);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for _ in 0..50 {
                            pool.install(|| {
                                run(20, |member| (0..20).for_each(|_| member.stage(9, |_| ())));
                            });
                        }
                    });
                }
            });
        });
    }
}
