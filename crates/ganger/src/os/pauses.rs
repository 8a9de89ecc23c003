//! Pauses between tries of what may work later: each is twice as long as the one before.

use std::time::Duration;

/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(15);

/// The pauses of one piece of work, with the reason why it did not work last.
#[derive(Debug)]
pub(crate) struct Pauses {
    first: Duration,
    next: Duration,
    why: String,
}

impl Pauses {
    /// Beginning with one of this length.
    pub(crate) fn from(first: Duration) -> Self {
        Self { first, next: first, why: String::new() }
    }

    /// Notes why it did not work. `true` when that is another reason than before: it is worth telling then.
    pub(crate) fn is_new(&mut self, why: &str) -> bool {
        let is_new = self.why != why;
        why.clone_into(&mut self.why);
        is_new
    }

    pub(crate) async fn wait(&mut self) {
        tokio::time::sleep(self.take()).await;
    }

    fn take(&mut self) -> Duration {
        let now = self.next;
        self.next = (now * 2).min(LONGEST);
        now
    }

    /// It worked: what comes next begins as this did.
    pub(crate) fn end(&mut self) {
        *self = Self::from(self.first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_begin_anew() {
        let mut pauses = Pauses::from(Duration::from_secs(4));
        assert!(pauses.is_new("away") && !pauses.is_new("away") && pauses.is_new("refused"));
        assert_eq!([(); 4].map(|()| pauses.take().as_secs()), [4, 8, 15, 15]);
        pauses.end();
        assert!(pauses.is_new("refused"));
        assert_eq!(pauses.take().as_secs(), 4);
    }
}
