//! What Ganger does between the verbs, with the promises checked around it: the end of a turn, an honest repair, the
//! retirement, a landing.

use super::contents::{self, Contents};
use super::person::Person;
use super::world::World;
use crate::config::GuardPreset;
use crate::depot::{Collected, Guard, Landing, Order, Rescue, Retired, collect, land, merge_commit};
use ganger_engine::{AttemptId, Commit};
use std::time::{Duration, Instant};

/// No call of Ganger's takes longer with so few files, however slow the machine is.
const BOUND: Duration = Duration::from_secs(60);

/// Calls of Ganger's fail as a whole, or what they promise is checked.
pub(super) type Checked<T> = Result<T, String>;

impl World {
    /// One call of Ganger's: nothing that an agent configured is run, the person's repository stays, it ends.
    fn call<T>(&self, what: &str, landed: Option<&[String]>, call: impl FnOnce() -> T) -> Checked<T> {
        let _none = std::fs::remove_file(self.marker());
        let (before, begun) = (Person::of(self), Instant::now());
        let result = call();
        if begun.elapsed() > BOUND {
            return Err(format!("{what} took {:?}", begun.elapsed()));
        }
        if let Ok(executed) = std::fs::read_to_string(self.marker()) {
            return Err(format!("{what} ran {}", executed.trim().replace('\n', ", ")));
        }
        match Person::of(self).changed_since(&before, landed) {
            Some(changed) => Err(format!("{what}: {changed}")),
            None => Ok(result),
        }
    }

    /// The end of a turn.
    pub(super) fn collect(&self) -> Checked<Collected> {
        let (ticket, attempt) = (self.workspace.ticket.clone(), AttemptId::new(format!("T-1/{}", self.step)));
        let main = self.depot.person.branch("main");
        let order = Order {
            ticket: &ticket,
            attempt: &attempt,
            agent: "agent",
            title: "the title",
            max_files: 250,
            max_bytes: 1 << 20,
            main: main.as_ref(),
            guard: Guard { preset: GuardPreset::Standard, deleted_files: 50, needs_tests: true },
        };
        let lying = contents::written(contents::files(&self.workspace.path).into_values());
        let reached = contents::reached_by_agent(self);
        let stored = contents::in_stores(self);
        let collected = self.call("collect", None, || collect(&self.depot, &self.workspace, &self.base, &order))?;
        let collected = collected.map_err(|e| format!("collect failed: {e}"))?;
        self.check_kept("collect", &lying, &reached, &stored)?;
        if let Collected::Committed { head, .. } = &collected {
            self.check_committed(head)?;
            let _taken = self
                .call("publish", None, || self.depot.publish(&self.workspace.branch, head, Some(&self.base)).is_ok())?;
        }
        Ok(collected)
    }

    /// What lay there still does, or is in the depot; what the agent's git reached it still reaches, or the depot does.
    fn check_kept(&self, what: &str, lying: &Contents, reached: &Contents, stored: &Contents) -> Checked<()> {
        let lies = contents::written(contents::files(&self.workspace.path).into_values());
        let depot = contents::in_depot(self);
        if let Some(lost) = contents::missing(lying, &[&lies, &depot]) {
            return Err(format!("{what}: lay in the workspace and is gone: {lost}"));
        }
        if let Some(lost) = contents::missing(stored, &[&lies, &depot, &contents::in_stores(self)]) {
            return Err(format!("{what}: was in an object store of the agent's and is gone: {lost}"));
        }
        let reaches = contents::reached_by_agent(self);
        if let Some(lost) = contents::missing(reached, &[&lies, &depot, &reaches, &contents::set_aside(self)]) {
            return Err(format!("{what}: the agent's git reached it, and nothing does now: {lost}"));
        }
        Ok(())
    }

    /// All that lies in the workspace, but for what is ignored, is on the branch, and the agent's git says so.
    fn check_committed(&self, head: &Commit) -> Checked<()> {
        let files = contents::files(&self.workspace.path);
        let is_taken = |path: &std::path::Path| {
            let name = path.strip_prefix(&self.workspace.path).unwrap_or(path).to_string_lossy().into_owned();
            !(name.starts_with("ignored/")
                || name.ends_with(".log")
                || name.starts_with("hidden-")
                || name.contains("setup"))
        };
        if files
            .get(&self.workspace.path.join(".gitignore"))
            .is_some_and(|ignore| ignore.split(|b| *b == b'\n').any(|line| line == b"*"))
        {
            return Ok(());
        }
        let inner: Vec<_> =
            files.keys().filter_map(|file| file.ancestors().skip(1).find(|f| self.is_inner(f))).collect();
        let lying = files.iter().filter(|(path, _)| is_taken(path) && !inner.iter().any(|i| path.starts_with(i)));
        let lying = contents::written(lying.map(|(_, content)| content.clone()));
        match contents::missing(&lying, &[&contents::reached_by(self, head.as_str())]) {
            Some(lost) => Err(format!("committed, but not on the branch: {lost}")),
            None => Ok(()),
        }
    }

    fn is_inner(&self, folder: &std::path::Path) -> bool {
        folder != self.workspace.path
            && folder.starts_with(&self.workspace.path)
            && folder.join(".git").symlink_metadata().is_ok()
    }

    /// An agent that does what the reasons say, until nothing is left to be done.
    pub(super) fn repair(&mut self) -> Checked<()> {
        let mut told = Vec::new();
        for round in 0..12 {
            let reasons = match self.collect()? {
                Collected::Unfit(reasons) => reasons,
                Collected::TooLarge { .. } | Collected::Committed { .. } => return Ok(()),
            };
            told.push(format!("round {round}: {}", reasons.join("; ")));
            self.step += 1;
            for reason in &reasons {
                self.agent(&format!("{HEAL}\n{}", repair_of(reason, &self.workspace.branch)), 0);
            }
        }
        Err(format!("repaired, and still unfit:\n  {}", told.join("\n  ")))
    }

    /// The workspace goes, and everything in it is kept.
    pub(super) fn retire(&self) -> Checked<()> {
        let mut wanted = contents::written(contents::files(&self.workspace.path).into_values());
        wanted.extend(contents::in_stores(self));
        let main = self.depot.person.branch("main");
        let retired = self.call("retire", None, || {
            main.iter().try_for_each(|main| self.depot.bring_from_person(main))?;
            self.workspace.retire(&self.depot, main.as_ref())
        })?;
        let retired = retired.map_err(|e| format!("retire failed: {e}"))?;
        if self.workspace.path.symlink_metadata().is_ok() {
            return Err("retire left the folder".to_owned());
        }
        if let Some(lost) = contents::missing(&wanted, &[&contents::in_depot(self), &contents::landed(self)]) {
            return Err(format!("retire lost {lost}"));
        }
        let Retired::Removed { rescue: Some(name) } = retired else { return Ok(()) };
        let into = self.root().join(format!("restored-{}", self.step));
        Rescue::restore(&self.depot, &name, &into).map_err(|e| format!("{name} cannot be restored: {e}"))?;
        let listed = Rescue::list(&self.depot).map_err(|e| format!("rescues cannot be listed: {e}"))?;
        match listed.iter().find(|rescue| Rescue::show(&self.depot, &rescue.name).is_err()) {
            Some(rescue) => Err(format!("{} cannot be shown", rescue.name)),
            None => Ok(()),
        }
    }

    /// The person's main moves to a merge of the branch, or stays where it is.
    pub(super) fn land(&mut self) -> Checked<()> {
        let (Some(head), Some(main)) = (self.workspace.head(&self.depot), self.depot.person.branch("main")) else {
            return Err("there is no branch, or no main".to_owned());
        };
        let told = |e: crate::git::GitError| format!("landing failed: {e}");
        self.depot.bring_from_person(&main).map_err(told)?;
        let Ok(merge) = merge_commit(&self.depot.repository, &main, &head, "Merge T-1").map_err(told)? else {
            return Ok(());
        };
        let args = ["diff", "--name-only", "-z", "--no-renames", main.as_str(), merge.as_str()];
        let changed = self.depot.git().run(&args).map_err(told)?;
        let changed: Vec<String> = crate::git::zero_separated(&changed).map(str::to_owned).collect();
        let status = || self.depot.person.git().run(&["status", "--porcelain", "--untracked-files=no"]).ok();
        let before = status();
        let landing = self.call("land", Some(&changed), || land(&self.depot, "main", &main, &merge))?.map_err(told)?;
        let (now, status) = (self.depot.person.branch("main"), status());
        match landing {
            Landing::Landed if now.as_ref() != Some(&merge) => Err("landed, and main is not there".to_owned()),
            Landing::Landed if status != before => Err(format!("landed, and the person's status is {status:?}")),
            Landing::Landed => Ok(()),
            _ if now.as_ref() != Some(&main) => Err("not landed, and main moved".to_owned()),
            _ => Ok(()),
        }
    }
}

/// What an agent does first whose git does not work at all: in the end it begins anew.
const HEAL: &str = r#"
works() { git status > /dev/null 2>&1; }
works || for setting in core.bare core.worktree; do git config -f .git/config --unset-all $setting; done
find .git -name '*.lock' -delete
git rev-parse -q --verify refs/heads/ganger/T-1 > /dev/null || rm -rf .git/refs/heads/ganger
works || rm -rf .git/index
works || rm -rf .git
"#;

/// What an agent does that is told this.
fn repair_of(reason: &str, branch: &str) -> String {
    let named = |end: &str| reason.split(end).next().unwrap_or_default().replace('\'', "'\\''");
    let between = |begin: &str, end: &str| {
        let rest = reason.split_once(begin).map_or("", |(_, rest)| rest);
        rest.split(end).next().unwrap_or_default().replace('\'', "'\\''")
    };
    if reason.contains("is in progress") {
        return "git rebase --abort || git merge --abort || git cherry-pick --abort || git revert --abort || git am --abort
                git rebase --quit; git merge --quit; git cherry-pick --quit; git revert --quit
                git bisect reset || git bisect reset HEAD || rm -f .git/BISECT_*"
            .to_owned();
    }
    if reason.contains("are not merged yet") {
        return "sed -i '/^[<=>]\\{7\\}/d' README; git add -A".to_owned();
    }
    if reason.contains("is a repository of its own") {
        return format!("rm -rf '{}'/.git", named(" is a repository of its own"));
    }
    if reason.contains("is recorded as a submodule") {
        let path = named(" is recorded as a submodule");
        return format!("git rm -q -f --cached '{path}'; git add -A; git commit -q -m repaired");
    }
    if reason.contains("was added as a repository") {
        let path = named(" was added as a repository");
        return format!("git rm -q -f --cached '{path}'; rm -rf '{path}/.git'; git add -A; git commit -q -m repaired");
    }
    if reason.contains("the submodule ") {
        let path = between("the submodule ", " is at");
        return format!(
            "git -C '{path}' fetch -q; git -C '{path}' checkout -q -f origin/main; git add -A; git commit -q -m repaired"
        );
    }
    if reason.contains("holds conflict markers") {
        let path = named(" holds conflict markers");
        return format!("sed -i '/^[<=>]\\{{7\\}}/d' '{path}'; git add -A; git commit -q -m repaired");
    }
    if reason.contains("leads outside") {
        let path = between("the link ", " leads outside");
        return format!("rm -f '{path}'; git add -A; git commit -q -m repaired");
    }
    if reason.contains("does not hold the work") {
        return format!(
            "old=$(git rev-parse HEAD); git stash -q -u; git checkout -q -f {branch} && \
             git merge -q --no-edit -s ours --allow-unrelated-histories $old"
        );
    }
    if reason.contains("does not begin where") {
        let reset = between("run `", "`");
        return format!("{reset} && git add -A && {{ git commit -q -m again || true; }} || rm -rf .git");
    }
    if reason.contains("not a git repository: ") {
        return format!("rm -rf '{}/.git'", between("not a git repository: ", "/../"));
    }
    if reason.contains("names no commit") {
        return format!("git symbolic-ref HEAD refs/heads/{branch} || echo 'ref: refs/heads/{branch}' > .git/HEAD");
    }
    if reason.contains("reftables") {
        return format!("git refs migrate --ref-format=files || {{ {}; }}", between("because of reflogs, run `", "`"));
    }
    // What git cannot read, an agent begins anew.
    "rm -rf .git".to_owned()
}
