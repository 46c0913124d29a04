//! One wait for the disk, shared by all who have something to be written at the same moment.
//!
//! A disk takes as long for a hundred lines as for one, and seconds where others keep it busy. So the wait is
//! on a thread of its own, while the runtime's goes on with all hosts; and what is added meanwhile waits for
//! the next one.

use std::cell::Cell;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::error::{Code, Error, Problem};

/// What one thread writes, and has synced for all who wait.
pub(in crate::deploy) struct Syncing {
    sync: Arc<dyn Fn() -> Result<(), Error> + Send + Sync>,
    /// How often something was written.
    written: Cell<u64>,
    /// Whoever holds it waits for the disk, and for all others.
    disk: Mutex<Disk>,
}

struct Disk {
    /// How much of what was written is there. A disk says once that it failed, so that after a failure
    /// nothing is known any more.
    synced: Result<u64, Problem>,
    /// What is on its way, and how much that is; also where nobody waits for it any more.
    syncing: Option<(u64, JoinHandle<Result<(), Error>>)>,
}

impl Syncing {
    /// `sync` waits until all that was written before is on the disk.
    pub(in crate::deploy) fn new(
        sync: impl Fn() -> Result<(), Error> + Send + Sync + 'static,
    ) -> Self {
        Self {
            sync: Arc::new(sync),
            written: Cell::new(0),
            disk: Mutex::new(Disk {
                synced: Ok(0),
                syncing: None,
            }),
        }
    }

    /// Waits until what was written just now is on the disk. The waiting can be left at any point.
    ///
    /// # Errors
    /// That of the sync, for all who waited for it and all who come later.
    pub(in crate::deploy) async fn wait(&self) -> Result<(), Error> {
        let mine = self.written.get() + 1;
        self.written.set(mine);
        let mut disk = self.disk.lock().await;
        loop {
            match &disk.synced {
                Ok(synced) if *synced >= mine => return Ok(()),
                Ok(_) => {}
                Err(failed) => return Err(failed.clone().into()),
            }
            let begin = || {
                let sync = Arc::clone(&self.sync);
                (self.written.get(), spawn_blocking(move || sync()))
            };
            let (all, syncing) = disk.syncing.get_or_insert_with(begin);
            let (all, done) = (*all, syncing.await);
            disk.syncing = None;
            disk.synced = match done {
                Ok(Ok(())) => Ok(all),
                Ok(Err(error)) => Err(Problem::of(&error)),
                Err(_) => Err(Problem::new(Code::Bug, "the disk was not waited for")),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use futures_util::future::join_all;
    use tokio::time::{sleep, timeout};

    use super::*;

    fn run<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(work)
    }

    /// A file as a slow disk has it: how many lines were written, and how many are there.
    #[derive(Clone, Default)]
    struct Slow {
        written: Arc<AtomicUsize>,
        there: Arc<AtomicUsize>,
        syncs: Arc<AtomicUsize>,
    }

    impl Slow {
        fn sync(&self) -> Result<(), Error> {
            self.syncs.fetch_add(1, Ordering::SeqCst);
            let written = self.written.load(Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(100));
            self.there.fetch_max(written, Ordering::SeqCst);
            Ok(())
        }
    }

    #[test]
    fn many_who_wait_share_a_sync_and_none_goes_on_before_its_own_is_there() {
        let slow = Slow::default();
        let disk = slow.clone();
        let syncing = Syncing::new(move || disk.sync());
        run(async {
            let hosts = (0..50).map(|number| {
                let (slow, syncing) = (&slow, &syncing);
                async move {
                    // Half of them come while the first sync is on its way.
                    sleep(Duration::from_millis(50 * (number % 2))).await;
                    let line = slow.written.fetch_add(1, Ordering::SeqCst) + 1;
                    syncing.wait().await.unwrap();
                    assert!(slow.there.load(Ordering::SeqCst) >= line);
                }
            });
            let ticking = async {
                let mut ticks = 0;
                loop {
                    sleep(Duration::from_millis(10)).await;
                    ticks += 1;
                    if slow.there.load(Ordering::SeqCst) == 50 {
                        return ticks;
                    }
                }
            };
            let (_, ticks) = tokio::join!(join_all(hosts), ticking);
            // The runtime's own thread went on meanwhile.
            assert!(ticks >= 10, "{ticks}");
        });
        assert_eq!(slow.syncs.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_sync_that_nobody_waits_for_any_more_is_waited_for_by_the_next() {
        let (go, gone) = mpsc::channel();
        let gone = Arc::new(std::sync::Mutex::new(gone));
        let runs = Arc::new(AtomicBool::new(false));
        let (waits, at_once) = (Arc::clone(&gone), Arc::clone(&runs));
        let syncing = Syncing::new(move || {
            assert!(!at_once.swap(true, Ordering::SeqCst), "two at once");
            let failed: bool = waits.lock().unwrap().recv().unwrap();
            at_once.store(false, Ordering::SeqCst);
            match failed {
                true => Err(Problem::new(Code::Audit, "a bad disk").into()),
                false => Ok(()),
            }
        });
        run(async {
            let moment = Duration::from_millis(50);
            assert!(timeout(moment, syncing.wait()).await.is_err());
            assert!(timeout(moment, syncing.wait()).await.is_err());
            go.send(false).unwrap();
            go.send(false).unwrap();
            syncing.wait().await.unwrap();
            // Whose sync failed is told so, also where it was begun by somebody who left.
            assert!(timeout(moment, syncing.wait()).await.is_err());
            go.send(true).unwrap();
            for _ in 0..2 {
                let error = syncing.wait().await.unwrap_err();
                assert_eq!(
                    (error.code(), error.message().as_str()),
                    (Code::Audit, "a bad disk")
                );
            }
        });
    }
}
