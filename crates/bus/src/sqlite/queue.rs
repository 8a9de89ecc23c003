//! Jobs on their way to the thread that writes: it takes all that wait at once.

use super::job::Queued;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Jobs>,
    /// Tells the thread, while it sleeps.
    pushed: Condvar,
    /// Jobs that are not done yet.
    undone: AtomicUsize,
}

#[derive(Default)]
struct Jobs {
    jobs: VecDeque<Queued>,
    sleeps: bool,
    is_closed: bool,
}

impl Queue {
    /// False when the thread has ended, or is about to.
    pub(super) fn push(&self, job: Queued) -> bool {
        let mut waiting = self.lock();
        if waiting.is_closed {
            return false;
        }
        self.undone.fetch_add(1, Ordering::Relaxed);
        waiting.jobs.push_back(job);
        let sleeps = std::mem::take(&mut waiting.sleeps);
        drop(waiting);
        if sleeps {
            self.pushed.notify_one();
        }
        true
    }

    /// Takes one; those behind it are left where they need no lock.
    pub(super) fn take(&self, into: &mut VecDeque<Queued>) -> Option<Queued> {
        if into.is_empty() {
            std::mem::swap(&mut self.lock().jobs, into);
        }
        into.pop_front()
    }

    /// Sleeps until there are some; false when there will be none.
    pub(super) fn wait(&self, into: &mut VecDeque<Queued>) -> bool {
        if !into.is_empty() {
            return true;
        }
        let mut waiting = self.lock();
        while waiting.jobs.is_empty() && !waiting.is_closed {
            waiting.sleeps = true;
            waiting = self.pushed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut waiting.jobs, into);
        !into.is_empty()
    }

    /// Whether some are on their way.
    pub(super) fn is_used(&self) -> bool {
        self.undone.load(Ordering::Relaxed) > 0
    }

    pub(super) fn are_done(&self, jobs: usize) {
        self.undone.fetch_sub(jobs, Ordering::Relaxed);
    }

    /// Takes no more; the thread ends when it has taken what waits.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.pushed.notify_one();
    }

    /// Nobody will take what waits: its callers learn that when it is dropped.
    pub(super) fn clear(&self) {
        self.close();
        let left = std::mem::take(&mut self.lock().jobs);
        drop(left);
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
