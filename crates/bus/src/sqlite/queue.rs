//! Jobs on their way into a transaction. One of those who queue them leads: it runs all that wait, without a pause, so
//! that nobody waits for a caller who is not polled.

use super::job::Queued;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

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
    /// False when the writer has ended, or is about to.
    pub(super) fn push(&self, job: Queued) -> bool {
        let mut waiting = self.lock();
        let is_open = !waiting.is_closed;
        if is_open {
            waiting.jobs.push_back(job);
        }
        is_open
    }

    /// Whether the caller leads from here on: jobs wait, and nobody else does.
    pub(super) fn lead(&self) -> bool {
        let mut waiting = self.lock();
        let leads = !waiting.has_leader && !waiting.jobs.is_empty();
        waiting.has_leader |= leads;
        leads
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

    /// For the leader.
    pub(super) fn step_down(&self) {
        self.lock().has_leader = false;
        self.hand_over();
    }

    /// Has the thread lead, if jobs wait and nobody does: those whose callers follow, or went away.
    pub(super) fn hand_over(&self) {
        let mut waiting = self.lock();
        if waiting.has_leader || waiting.jobs.is_empty() {
            // Waking the thread for nothing would cost a caller more than its write.
            return;
        }
        (waiting.has_leader, waiting.is_handed_over) = (true, true);
        self.handed_over.notify_one();
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
