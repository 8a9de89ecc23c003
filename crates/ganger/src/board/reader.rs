//! A reader of the board beside a run: in a thread and an event loop of its own, so that whatever holds it up, be it a
//! terminal or a service, holds up nothing else.

use super::follow::Follow;
use super::open::Board;
use crate::failure::Failure;
use crate::os;
use ganger_engine::State;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// A reader at work.
pub(crate) struct Reader {
    thread: JoinHandle<Result<(), Failure>>,
    end: oneshot::Sender<()>,
}

impl Reader {
    /// Reads from now on: it gets the state, what comes after that, and what tells it to end.
    pub(crate) async fn start<F>(
        board: &Board,
        name: &str,
        read: impl FnOnce(State, Follow, oneshot::Receiver<()>) -> F + Send + 'static,
    ) -> Result<Self, Failure>
    where
        F: Future<Output = Result<(), Failure>>,
    {
        // The place is taken before the state: nothing is between them, and what is in both is left out.
        let follow = Follow::from_now(&board.bus).await?;
        let state = board.state().await?;
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name(name.to_owned());
        let thread = thread.spawn(move || runtime.block_on(read(state, follow, ended)))?;
        Ok(Self { thread, end })
    }

    /// Lets it read what is left, and end.
    ///
    /// # Errors
    /// Why it ended before.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        // It may have ended before, because nobody reads its output.
        let _ended = self.end.send(());
        os::blocking(move || self.thread.join()).await.unwrap_or(Ok(()))
    }
}
