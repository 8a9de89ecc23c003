//! Where git and the disk may be waited for: never on a worker thread of the async runtime, or everything that it
//! drives (leases, signals, permissions) stands still meanwhile.

#![expect(clippy::disallowed_methods, reason = "this is the place that the lint names")]

use std::cell::Cell;
use tokio::sync::oneshot;

thread_local! {
    static MAY_BLOCK: Cell<bool> = const { Cell::new(false) };
}

/// Runs what waits for git or the disk in a thread that is made for waiting. A panic in it is passed on.
pub(crate) async fn blocking<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(move || in_blocking_context(job)).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is shutting down: nobody is left who could use an answer.
        Err(_) => std::future::pending().await,
    }
}

/// As [`blocking`], in a thread of low priority, which its child processes inherit.
pub(crate) async fn at_low_priority<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> std::io::Result<T> {
    let (sender, done) = oneshot::channel();
    let run = move || {
        super::process::lower_priority();
        let _gone = sender.send(in_blocking_context(job));
    };
    std::thread::Builder::new().name("low-priority".to_owned()).spawn(run)?;
    done.await.map_err(|_| std::io::Error::other("the job panicked"))
}

/// As [`blocking`], for short work amid an async function: other tasks move to another worker meanwhile, but the rest
/// of this task stands still.
pub(crate) fn block_in_place<T>(job: impl FnOnce() -> T) -> T {
    if may_block() { job() } else { tokio::task::block_in_place(|| in_blocking_context(job)) }
}

fn in_blocking_context<T>(job: impl FnOnce() -> T) -> T {
    let before = MAY_BLOCK.replace(true);
    let done = job();
    MAY_BLOCK.set(before);
    done
}

/// Called by whatever waits for a process or the disk. In debug builds, which all tests run, it panics on a worker
/// thread of the async runtime; the main thread and threads of our own may wait.
#[track_caller]
pub(crate) fn check_may_block(what: &str) {
    debug_assert!(may_block(), "{what} was called on an async worker thread: wrap it in `os::blocking`");
}

fn may_block() -> bool {
    MAY_BLOCK.get() || std::thread::current().name() == Some("main") || tokio::runtime::Handle::try_current().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_thread_may_not_wait_and_a_blocking_thread_may() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let (on_worker, in_blocking, at_low, in_place) = runtime.block_on(async {
            let worker = tokio::spawn(async { may_block() });
            let in_place = tokio::spawn(async { block_in_place(may_block) });
            let at_low = at_low_priority(may_block).await.unwrap();
            (worker.await.unwrap(), blocking(may_block).await, at_low, in_place.await.unwrap())
        });
        assert_eq!((on_worker, in_blocking, at_low, in_place), (false, true, true, true));
        assert!(may_block(), "a thread outside of the runtime");
    }
}
