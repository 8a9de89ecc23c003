//! Looking up what names stand for, in one long-lived `git cat-file --batch-check` for each repository: it is asked some
//! ten times for every ticket, and a process for each would take longer than the rest of that ticket's git.

use super::Repository;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// The process, started with the first question.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    process: Mutex<Option<Process>>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    /// `None` only while it is ended.
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    configured: Option<SystemTime>,
}

/// An object of git.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) id: String,
    /// In bytes.
    pub(super) size: u64,
}

impl Lookup {
    /// The object that a name stands for; `None` when there is none.
    pub(super) fn object(&self, repository: &Repository, name: &str) -> io::Result<Option<Object>> {
        crate::os::check_may_block("git");
        if name.contains('\n') {
            return Ok(None);
        }
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        // It knows the repository as it was when it began, the format of its refs for example.
        let configured = changed_at(&repository.common.join("config"));
        if process.as_ref().is_some_and(|running| running.configured != configured) {
            *process = None;
        }
        let running = match process.as_mut() {
            Some(running) => running,
            None => process.insert(Process::start(repository, configured)?),
        };
        let answer = running.ask(name);
        if answer.is_err() {
            *process = None;
        }
        answer
    }
}

impl Process {
    fn start(repository: &Repository, configured: Option<SystemTime>) -> io::Result<Self> {
        let mut command = repository.git().command(&["cat-file", "--batch-check"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("git has no pipes"));
        };
        Ok(Self { child, questions: Some(questions), answers: BufReader::new(answers), configured })
    }

    fn ask(&mut self, name: &str) -> io::Result<Option<Object>> {
        let Some(questions) = &mut self.questions else { return Err(io::ErrorKind::BrokenPipe.into()) };
        questions.write_all(format!("{name}\n").as_bytes())?;
        let mut answer = String::new();
        if self.answers.read_line(&mut answer)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // `<id> <type> <size>`; of what is not there the name itself comes back, with one word.
        let mut words = answer.split_whitespace();
        let (Some(id), Some(_kind), Some(size), None) = (words.next(), words.next(), words.next(), words.next()) else {
            return Ok(None);
        };
        Ok(size.parse().ok().map(|size| Object { id: id.to_owned(), size }))
    }
}

/// It ends when nobody can ask it any more.
impl Drop for Process {
    fn drop(&mut self) {
        drop(self.questions.take());
        let _ended = self.child.wait();
    }
}

fn changed_at(file: &Path) -> Option<SystemTime> {
    file.metadata().and_then(|m| m.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Git;

    fn repository() -> (tempfile::TempDir, Repository) {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::at(folder.path());
        git.run(&["init", "--quiet", "--initial-branch=main"]).unwrap();
        commit(folder.path(), "one");
        let found = Repository::discover(folder.path()).unwrap();
        (folder, found)
    }

    fn commit(folder: &Path, message: &str) -> String {
        let git = Git::at(folder).by("test");
        git.run(&["commit", "--quiet", "--allow-empty", "-m", message]).unwrap();
        git.run(&["rev-parse", "HEAD"]).unwrap()
    }

    #[test]
    fn what_moved_since_the_last_question_is_seen() {
        let (folder, found) = repository();
        let first = found.branch("main").unwrap();
        assert_eq!(found.branch("other"), None);
        let second = commit(folder.path(), "two");
        assert_eq!(found.branch("main").unwrap().as_str(), second);
        found.git().run(&["branch", "other", first.as_str()]).unwrap();
        found.git().run(&["pack-refs", "--all"]).unwrap();
        assert_eq!(found.branch("other"), Some(first));
        found.git().run(&["branch", "--delete", "--force", "other"]).unwrap();
        assert_eq!(found.branch("other"), None);
    }

    #[test]
    fn a_ref_whose_commit_is_lost_stands_for_nothing() {
        let (_folder, found) = repository();
        std::fs::write(found.common.join("refs/heads/broken"), format!("{}\n", "1".repeat(40))).unwrap();
        assert_eq!(found.branch("broken"), None);
        assert_eq!(found.resolve("two words and more"), None);
        assert!(found.branch("main").is_some());
    }

    #[test]
    fn a_process_that_was_killed_is_replaced() {
        let (_folder, found) = repository();
        assert!(found.branch("main").is_some());
        found.lookup.process.lock().unwrap().as_mut().unwrap().child.kill().unwrap();
        assert!(found.branch("main").is_some());
    }

    #[test]
    fn a_changed_configuration_is_read_by_another_process() {
        let (_folder, found) = repository();
        let process = || found.lookup.process.lock().unwrap().as_ref().map(|p| p.child.id());
        let main = found.branch("main");
        let before = process();
        found.git().run(&["config", "core.abbrev", "12"]).unwrap();
        assert_eq!(found.branch("main"), main);
        assert_ne!(process(), before);
        // The format of the refs, known to git since 2.46; an older one has nothing to change.
        if found.git().holds(&["refs", "migrate", "--ref-format=reftable"]) {
            assert_eq!(found.branch("main"), main);
        }
    }
}
