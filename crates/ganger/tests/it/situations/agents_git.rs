//! What an agent does to the git of its workspace.

use super::{is_kept, rescues, turns, worked};
use crate::support::Place;

const WORK: &str = "echo work > work.txt";

#[test]
fn what_git_is_in_the_middle_of_goes_back_to_the_same_session() {
    let sides = "echo mine > README.md; git commit -qam mine; git checkout -q -b side HEAD~1; echo theirs > README.md; \
                 git commit -qam theirs; git checkout -q ganger/T-1";
    let finish = "grep -q \"$WHAT is in progress\" \"$GANGER_MISSION\" || exit 1; echo both > README.md; git add .; \
                  git -c core.editor=true $NEXT";
    for (what, begin, next) in [
        ("a merge", "git merge side || true", "commit -q --no-edit"),
        ("a rebase", "git rebase side || true", "rebase --continue"),
        ("a cherry-pick", "git cherry-pick side || true", "cherry-pick --continue"),
        ("a revert", "git revert --no-edit HEAD~1 || true", "revert --continue"),
        ("`git am`", "git format-patch -q -1 --stdout side > ../../patch; git am ../../patch || true", "am --continue"),
    ] {
        let begin = if what == "a revert" {
            "echo 1 > README.md; git commit -qam 1; echo 2 > README.md; git commit -qam 2; git revert --no-edit HEAD~1 || true"
                .to_owned()
        } else {
            format!("{sides}; {begin}")
        };
        let finish = finish.replace("$WHAT", what).replace("$NEXT", next);
        let place = worked("! grep -rq '<<<<<<<' README.md", &[&begin, &finish]);
        place.assert_status("T-1", "accepted");
        assert_eq!(place.ticket("T-1")["attempts"], 2, "{what}");
        assert_eq!(place.git(&["show", "ganger/T-1:README.md"]), "both", "{what}");
    }
}

#[test]
fn conflicts_that_nobody_resolved_are_not_accepted() {
    let sides = "echo mine > README.md; git commit -qam mine; git checkout -q -b side HEAD~1; echo theirs > README.md; \
                 git commit -qam theirs; git checkout -q ganger/T-1; git merge side";
    for end in ["true", "git add .", "git add .; git commit -qm merged", "git checkout -q -m side"] {
        let place = worked("true", &[&format!("{sides}; {end}; true"), "true"]);
        let status = place.ticket("T-1")["status"].clone();
        assert_ne!(status, "accepted", "{end}");
        assert!(is_kept(&place, "mine\n") || place.workspace("T-1").exists(), "{end}");
    }
}

#[test]
fn a_git_directory_that_is_damaged_is_made_again_and_no_file_is_lost() {
    for damage in [
        "rm -rf .git",
        "rm -rf .git; echo nonsense > .git",
        "rm .git/HEAD",
        "echo nonsense > .git/HEAD",
        "rm .git/index",
        "echo nonsense > .git/index",
        ": > .git/index.lock",
        "rm -rf .git/refs .git/packed-refs",
        "git config core.bare true",
        "git config core.worktree /nowhere",
        "echo '[broken' > .git/config",
        "rm -rf .git; git init -q; git add .; git commit -qm own",
        "rm -rf .git/objects",
    ] {
        let place = worked("test -f work.txt", &[&format!("{WORK}; {damage}"), "true"]);
        assert_eq!(place.ticket("T-1")["status"], "accepted", "{damage}: {}", place.ganger(&["log", "T-1"]).stdout);
        assert_eq!(place.git(&["show", "ganger/T-1:work.txt"]), "work", "{damage}");
    }
}

#[test]
fn commits_beside_the_branch_are_the_work_or_go_back_and_are_kept() {
    let commit = format!("{WORK}; git add .; git commit -qm work");
    for (how, status) in [
        (format!("git checkout -q --detach; {commit}"), "accepted"),
        (format!("git checkout -q -b feature/own; {commit}"), "accepted"),
        (format!("{commit}; git branch -q -m renamed"), "accepted"),
        (format!("{commit}; git checkout -q --detach; git branch -q -D ganger/T-1"), "accepted"),
        (format!("git checkout -q main; {commit}"), "accepted"),
        (format!("{commit}; git commit -q --amend -m amended"), "accepted"),
        // Two lines of work: only the agent knows which one it means.
        (
            format!("{commit}; git checkout -q -b other HEAD~1; echo 2 > 2.txt; git add .; git commit -qm 2"),
            "needs-you",
        ),
        // Thrown away: nothing is claimed.
        (format!("{commit}; git reset -q --hard HEAD~1"), "needs-you"),
        (format!("{commit}; git checkout -q HEAD~1; git branch -q -D ganger/T-1"), "needs-you"),
    ] {
        let place = worked("test -f work.txt", &[&how, "true", "true"]);
        place.assert_status("T-1", status);
        place.ganger(&["ticket", "close", "T-1"]).exits(0);
        let _retires = place.ganger(&["run"]);
        assert!(!place.workspace("T-1").exists(), "{how}");
        assert!(is_kept(&place, "work\n"), "{how}");
    }
}

#[test]
fn nothing_that_an_agent_configured_is_run_by_ganger() {
    let place = Place::new();
    let ran = place.path("ran");
    let evil = place.path("evil");
    std::fs::write(&evil, format!("#!/bin/sh\necho $0 >> {}\ncat\n", ran.display())).unwrap();
    let evil = evil.display();
    let configure = format!(
        "chmod +x {evil}; for k in core.fsmonitor core.sshCommand core.pager core.editor diff.external credential.helper \
         gpg.program core.askPass core.alternateRefsCommand uploadpack.packObjectsHook filter.x.clean filter.x.smudge \
         merge.x.driver diff.x.textconv sequence.editor; do git config $k {evil}; done; git config filter.x.required true; \
         for h in pre-commit post-checkout post-commit reference-transaction post-index-change pre-auto-gc fsmonitor-watchman \
         post-merge pre-push; do cp {evil} .git/hooks/$h 2>/dev/null || {{ mkdir -p .git/hooks; cp {evil} .git/hooks/$h; }}; done; \
         git config core.hooksPath .git/hooks; git config include.path {evil}; echo '*.txt filter=x diff=x merge=x' > .gitattributes; \
         cp .gitattributes .git/info/attributes; echo work > work.txt; rm -f {}",
        ran.display()
    );
    place.make_project("test -f work.txt", &turns(&[&configure]));
    place.add(&["work"]);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
    place.ganger(&["merge", "--all"]).exits(0);
    let said = std::fs::read_to_string(&ran).unwrap_or_default();
    assert_eq!(said, "", "Ganger ran what an agent configured");
}

#[test]
fn the_repository_of_the_person_is_out_of_an_agents_reach() {
    let place = Place::new();
    let everything = "git stash; git stash pop; git config user.email bot@agents.invalid; git config core.bare true; \
                      GIT_DIR=$(git rev-parse --absolute-git-dir) git init -q; git tag v9; git branch mine; \
                      git update-ref refs/heads/main HEAD; git config --unset core.bare; echo work > work.txt; \
                      git gc -q --prune=now; git worktree add -q ../../elsewhere; git remote remove origin; true";
    place.make_project("true", &turns(&[everything]));
    place.write("README.md", "the person's own work\n");
    place.git(&["stash", "--quiet"]);
    let state = || {
        let refs = place.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
        let refs: Vec<String> = refs.lines().filter(|l| !l.contains("refs/heads/ganger/")).map(str::to_owned).collect();
        let config = std::fs::read_to_string(place.repo().join(".git/config")).unwrap();
        (refs, config, place.git(&["stash", "list"]), place.git(&["status", "--porcelain"]))
    };
    let before = state();
    place.add(&["work"]);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
    assert_eq!(state(), before);
}

#[test]
fn what_an_agent_rewrote_is_kept_as_it_was() {
    let place = Place::scripted(
        "test -f second.txt",
        &turns(&[
            "echo first > first.txt; git add .; git commit -qm first",
            "git reset -q --hard HEAD~1; echo second > second.txt; git add .; git commit -qm second",
        ]),
    );
    place.work_makes_gates_green();
    place.add(&["work"]);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
    assert!(is_kept(&place, "first\n"), "evidence speaks of it");
}

#[test]
fn files_that_a_sparse_checkout_leaves_out_are_not_deleted() {
    for how in [
        "git sparse-checkout set --no-cone /work.txt",
        "git sparse-checkout set --cone --sparse-index src",
        "git update-index --skip-worktree README.md; rm README.md",
        "mkdir src; echo a > src/a; git add .; git commit -qm a; git sparse-checkout set src",
    ] {
        let place = worked("test -f README.md && test -f work.txt", &[&format!("{how}; echo work > work.txt")]);
        place.assert_status("T-1", "accepted");
        let deleted = place.git(&["diff", "--name-only", "--diff-filter=D", "main", "ganger/T-1"]);
        assert_eq!(deleted, "", "{how}");
        assert_eq!(rescues(&place), Vec::<String>::new(), "{how}");
    }
    let place = worked("true", &["git sparse-checkout set --no-cone /README.md; rm README.md; echo work > work.txt"]);
    place.assert_status("T-1", "accepted");
    assert_eq!(place.git(&["diff", "--name-only", "--diff-filter=D", "main", "ganger/T-1"]), "README.md");
}
