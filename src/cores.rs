//! Work on all cores: plain data goes in, plain data comes out, in the same order.

use std::sync::{Mutex, OnceLock, PoisonError};

/// More threads than this would wait for the one folder that they write to.
const MOST: usize = 16;

/// So many jobs are worth threads where each is a line to be read or printed, a microsecond or two.
pub const LINES: usize = 512;

/// So many jobs in one go, at most: what takes a microsecond is not worth a lock each, and what takes long is
/// not to be left to one thread at the end.
const AT_ONCE: usize = 32;

/// Finding out reads the files of control groups, ten calls each time.
static CORES: OnceLock<usize> = OnceLock::new();

/// Where a thread takes its next jobs from.
#[derive(Clone, Copy)]
enum End {
    First,
    Last,
}

/// Does `work` for each job, on all cores if there are `worth` jobs or more: below that, a thread costs
/// more than it saves. Gives the results in the order of the jobs.
///
/// # Panics
/// If `work` does: a thread that panicked has done nothing, which must not look like success.
pub fn each<T: Send, R: Send>(jobs: Vec<T>, worth: usize, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    if jobs.len() < worth {
        return jobs.into_iter().map(work).collect();
    }
    let cores = *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from));
    let at_once = (jobs.len() / 256).clamp(1, AT_ONCE);
    let count = jobs.len();
    let done = Mutex::new(Vec::new());
    let queue = Mutex::new((0, jobs.into_iter()));
    // The jobs that were taken, behind the number of the first of them. Neighbours often lie in one folder, which
    // only one thread at a time can make files in.
    let next = |from: End| -> (usize, Vec<T>) {
        let mut queue = lock(&queue);
        let (first, jobs) = &mut *queue;
        match from {
            End::First => {
                let taken: Vec<T> = jobs.take(at_once).collect();
                *first += taken.len();
                (*first - taken.len(), taken)
            }
            End::Last => {
                let mut taken: Vec<T> = jobs.rev().take(at_once).collect();
                taken.reverse();
                (*first + jobs.len(), taken)
            }
        }
    };
    let drain = &|from: End| {
        loop {
            let (number, jobs) = next(from);
            if jobs.is_empty() {
                break;
            }
            let worked: Vec<R> = jobs.into_iter().map(&work).collect();
            lock(&done).push((number, worked));
        }
    };
    std::thread::scope(|scope| {
        for number in 1..cores.min(MOST) {
            let from = if number % 2 == 0 {
                End::First
            } else {
                End::Last
            };
            // Where there are no more threads to be had, this one does it all.
            drop(std::thread::Builder::new().spawn_scoped(scope, move || drain(from)));
        }
        drain(End::First);
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(number, _)| *number);
    let mut all = Vec::with_capacity(count);
    all.extend(done.into_iter().flat_map(|(_, worked)| worked));
    all
}

/// Does `aside` on another core while this one does `here`.
///
/// # Panics
/// If one of them does.
pub fn both<A: Send, B>(aside: impl Fn() -> A + Sync, here: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, &aside);
        let here = here();
        let aside = match thread {
            Ok(thread) => thread.join(),
            // Where there are no more threads to be had, this one does both.
            Err(_) => Ok(aside()),
        };
        (
            aside.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            here,
        )
    })
}

/// Takes what threads share. What a thread that panicked held is whole; the panic itself goes on where it is
/// joined.
pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        for (worth, count) in [(0, 500), (1000, 500), (0, 10_007), (0, 1), (0, 0)] {
            let jobs: Vec<u32> = (0..count).collect();
            let doubled: Vec<u32> = jobs.iter().map(|job| job * 2).collect();
            assert_eq!(each(jobs, worth, |job| job * 2), doubled);
        }
    }

    #[test]
    fn both_are_done_at_a_time() {
        let met = std::sync::Barrier::new(2);
        let meet = || met.wait().is_leader();
        let (aside, here) = both(meet, meet);
        assert!(aside != here);
    }

    #[test]
    #[should_panic = "a scoped thread panicked"]
    fn a_panic_in_a_thread_is_a_panic() {
        let main = std::thread::current().id();
        // The first job of this thread waits until another one has taken the second.
        let met = std::sync::Barrier::new(2);
        each(vec![(); 2], 0, |()| {
            met.wait();
            assert_eq!(std::thread::current().id(), main, "in a thread");
        });
    }
}
