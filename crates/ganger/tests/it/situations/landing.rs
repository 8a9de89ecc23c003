//! Landing, whatever the person's settings are and whatever lies in their checkout.

use super::turns;
use crate::support::Place;

fn accepted(agent: &str) -> Place {
    let place = Place::new();
    place.write(".gitignore", "*.local\n");
    place.make_project("true", &turns(&[agent]));
    place.add(&["work"]);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
    place
}

#[test]
fn files_of_the_person_are_never_overwritten() {
    let all = "echo agents > work.txt; echo agents > settings.local; mkdir sub; echo agents > sub/deep.txt; git add -f .; \
               git commit -qm all";
    for in_the_way in ["work.txt", "settings.local", "sub/deep.txt", "sub", "work.txt/inner"] {
        let place = accepted(all);
        place.write(in_the_way, "the person's\n");
        let main = place.git(&["rev-parse", "main"]);
        let name = in_the_way.strip_suffix("/inner").unwrap_or(in_the_way);
        place.ganger(&["merge", "--all"]).exits(1).says(name);
        assert_eq!(std::fs::read_to_string(place.repo().join(in_the_way)).unwrap(), "the person's\n");
        assert_eq!(place.git(&["rev-parse", "main"]), main);
        std::fs::rename(place.repo().join(name), place.path("elsewhere")).unwrap();
        place.ganger(&["merge", "--all"]).exits(0);
        assert_eq!(place.git(&["status", "--porcelain"]), "");
        place.assert_status("T-1", "merged");
    }
}

#[test]
fn changes_that_git_was_told_to_overlook_are_never_overwritten() {
    let place = accepted("echo agents > README.md");
    place.git(&["update-index", "--assume-unchanged", "README.md"]);
    place.write("README.md", "the person's\n");
    place.ganger(&["merge", "--all"]).exits(1).says("README.md (marked assume-unchanged)");
    assert_eq!(std::fs::read_to_string(place.repo().join("README.md")).unwrap(), "the person's\n");
    place.git(&["update-index", "--no-assume-unchanged", "README.md"]);
    place.git(&["checkout", "--quiet", "README.md"]);
    // A mark alone is no change.
    place.git(&["update-index", "--assume-unchanged", "README.md"]);
    place.ganger(&["merge", "--all"]).exits(0);
    assert_eq!(place.git(&["show", "main:README.md"]), "agents");
    assert_eq!(std::fs::read_to_string(place.repo().join("README.md")).unwrap(), "agents\n");
}

#[test]
fn settings_of_the_person_do_not_change_what_landing_means() {
    for (key, value) in [
        ("branch.main.mergeOptions", "--squash"),
        ("branch.main.mergeOptions", "--no-commit"),
        ("merge.ff", "false"),
        ("merge.verifySignatures", "true"),
        ("commit.gpgSign", "true"),
        ("pull.rebase", "true"),
        ("merge.autoStash", "true"),
        ("diff.noprefix", "true"),
        ("core.hooksPath", "/nowhere"),
        ("core.logAllRefUpdates", "false"),
    ] {
        let place = accepted("echo work > work.txt");
        place.git(&["config", key, value]);
        place.ganger(&["merge", "--all"]).exits(0);
        let merged = place.ticket("T-1")["merged"].as_str().unwrap().to_owned();
        assert_eq!(place.git(&["rev-parse", "main"]), merged, "{key}={value}");
        assert_eq!(place.git(&["status", "--porcelain"]), "", "{key}={value}");
    }
}

#[test]
fn what_a_person_is_in_the_middle_of_is_not_disturbed() {
    let place = accepted("echo work > work.txt");
    place.git(&["checkout", "--quiet", "-b", "side"]);
    place.write("README.md", "side\n");
    place.commit("side");
    place.git(&["checkout", "--quiet", "main"]);
    place.git(&["cherry-pick", "--no-commit", "side"]);
    place.git(&["reset", "--quiet", "--hard"]);
    place.git(&["bisect", "start"]);
    place.ganger(&["merge", "--all"]).exits(1).says("a bisect");
    place.git(&["bisect", "reset"]);
    place.ganger(&["merge", "--all"]).exits(0);
}

#[test]
fn a_branch_of_the_same_name_that_is_not_this_boards_is_never_taken_over() {
    let place = Place::new();
    place.git(&["branch", "ganger/T-1"]);
    place.make_project("true", &turns(&["echo work > work.txt"]));
    let before = place.git(&["rev-parse", "ganger/T-1"]);
    place.add(&["work"]);
    place.ganger(&["run"]).exits(3).says("not of this board's making");
    assert_eq!(place.git(&["rev-parse", "ganger/T-1"]), before);
    assert_eq!(place.ticket("T-1")["attempts"], 1, "it cannot become better by itself");
    place.git(&["branch", "--quiet", "-m", "ganger/T-1", "old"]);
    place.ganger(&["answer", "C-1", "retry"]).exits(0);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
}

#[test]
fn a_branch_in_the_way_is_named_with_the_setting_that_helps() {
    let place = Place::new();
    place.git(&["branch", "ganger"]);
    place.make_project("true", &turns(&["echo work > work.txt"]));
    place.add(&["work"]);
    place.ganger(&["run"]).exits(3);
    place.ganger(&["inbox"]).says("project.branch");
    assert_eq!(place.ticket("T-1")["attempts"], 1);
}

#[test]
fn what_a_person_commits_to_a_branch_is_joined_with_what_its_agent_goes_on_to_do() {
    let place = Place::new();
    place.make_project("test -f done.txt", &turns(&["echo 1 > first.txt", "echo 2 > done.txt"]));
    place.work_makes_gates_green();
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write("ganger.toml", &config.replace("parallel = 4", "parallel = 4\nrejections = 1"));
    place.commit("one rejection is enough");
    place.add(&["work"]);
    place.ganger(&["run"]).exits(3);
    place.git(&["checkout", "--quiet", "ganger/T-1"]);
    place.write("persons.txt", "3\n");
    place.commit("a person's");
    place.git(&["checkout", "--quiet", "main"]);
    place.ganger(&["answer", "C-1", "retry"]).exits(0);
    place.ganger(&["run"]).exits(0);
    place.assert_status("T-1", "accepted");
    let files = place.git(&["ls-tree", "--name-only", "ganger/T-1"]);
    for file in ["first.txt", "done.txt", "persons.txt"] {
        assert!(files.lines().any(|line| line == file), "{file} is not in {files}");
    }
}
