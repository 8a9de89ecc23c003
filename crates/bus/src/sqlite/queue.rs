//! Jobs on their way into a transaction. One of those who queue them leads: it runs all that wait.

use super::job::Queued;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What becomes of a job that was queued.
pub(super) enum Pushed {
    /// Nobody leads: whoever queued it has to.
    Leads,
    /// The leader runs it.
    Follows,
}

#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    /// Tells the thread that leadership is handed to it.
    handed_over: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Queued>,
    has_leader: bool,
    /// The thread is to lead.
    is_handed_over: bool,
    is_closed: bool,
}

impl Queue {
    /// `None` when the writer has ended, or is about to.
    pub(super) fn push(&self, job: Queued) -> Option<Pushed> {
        let mut waiting = self.lock();
        if waiting.is_closed {
            return None;
        }
        waiting.jobs.push_back(job);
        let follows = std::mem::replace(&mut waiting.has_leader, true);
        Some(if follows { Pushed::Follows } else { Pushed::Leads })
    }

    pub(super) fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    /// For the leader: what has waited longest.
    pub(super) fn take(&self, max: usize) -> Vec<Queued> {
        let mut waiting = self.lock();
        let count = waiting.jobs.len().min(max);
        waiting.jobs.drain(..count).collect()
    }

    /// For the leader: hands leadership to the thread, if there is anything left to do.
    pub(super) fn step_down(&self) {
        let mut waiting = self.lock();
        waiting.has_leader = !waiting.jobs.is_empty();
        waiting.is_handed_over = waiting.has_leader;
        // Waking the thread for nothing would cost a caller more than its write.
        if waiting.is_handed_over {
            self.handed_over.notify_one();
        }
    }

    /// For the thread: waits until it has to lead; false when it never will again.
    pub(super) fn wait(&self) -> bool {
        let mut waiting = self.lock();
        while !waiting.is_handed_over && !waiting.is_closed {
            waiting = self.handed_over.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::take(&mut waiting.is_handed_over)
    }

    /// Takes no more; the thread ends when what waits for it is done.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.handed_over.notify_one();
    }

    /// Nobody will run what waits: its callers learn that when it is dropped.
    pub(super) fn clear(&self) {
        self.close();
        let left = std::mem::take(&mut self.lock().jobs);
        drop(left);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
