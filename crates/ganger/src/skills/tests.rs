//! What is found where, and what of it wins.

use super::*;
use std::path::Path;

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// Everything but what is built in.
fn read(files: &[(&str, &str)]) -> Catalogue {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), files);
    read_in(folder.path())
}

fn read_in(folder: &Path) -> Catalogue {
    let mut catalogue = Catalogue::read(&Places::below(folder));
    catalogue.agents.retain(|agent| agent.origin.level != Level::BuiltIn);
    catalogue.skills.retain(|skill| skill.origin.level != Level::BuiltIn);
    catalogue
}

fn names(catalogue: &Catalogue) -> (Vec<&str>, Vec<&str>) {
    let agents = catalogue.agents.iter().map(|agent| agent.name.as_str());
    (agents.collect(), catalogue.skills.iter().map(|skill| skill.name.as_str()).collect())
}

fn warnings(catalogue: &Catalogue) -> Vec<String> {
    catalogue.warnings.iter().map(|w| format!("{}: {}", w.place(), w.message)).collect()
}

#[test]
fn all_dialects_are_read_from_all_places() {
    let catalogue = read(&[
        ("project/.agents/skills/pdf/SKILL.md", "---\nname: pdf\ndescription: Reads PDF\n---\nHow\n"),
        (
            "project/.agent/skills/sis/agents/plan/SKILL.md",
            "---\nname: sis/plan\ndescription: Plans\nmodel: google/g\ntemperature: 0.1\ntools:\n  write: false\nmetadata:\n  \
             type: planner\n  parent: sis\n  tool_access: [read, bash, \"lsp_*\"]\n---\nPlan.\n",
        ),
        (
            "project/.opencode/agents/rev.md",
            "---\ndescription: Reviews\nmode: subagent\npermission:\n  edit: deny\n---\nR\n",
        ),
        (
            "home/.config/opencode/agent/second.md",
            "---\ndescription: V2\nmodel: a/b#high\npermissions:\n- {action: shell, resource: \"*\", effect: deny}\n---\nS\n",
        ),
        (
            "home/.claude/agents/scout.md",
            "---\nname: scout\ndescription: Looks\ntools: Read, Grep\nmodel: haiku\n---\nL\n",
        ),
        ("home/.agents/skills/mine/SKILL.md", "---\nname: mine\ndescription: Mine\n---\n"),
    ]);
    assert_eq!(names(&catalogue), (vec!["rev", "scout", "second", "sis/plan"], vec!["mine", "pdf"]));
    assert!(catalogue.warnings.is_empty(), "{:?}", catalogue.warnings);
    let plan = catalogue.agent("plan").unwrap();
    assert_eq!(
        (plan.model.as_deref(), plan.temperature, plan.kind.as_deref()),
        (Some("google/g"), Some(0.1), Some("planner"))
    );
    assert_eq!(plan.tool_access.as_deref().unwrap(), ["read", "bash", "lsp_*"]);
    assert_eq!(plan.rules.deny, ["edit", "fetch", "agent", "websearch", "WebSearch"]);
    assert_eq!((plan.prompt.as_str(), plan.description.as_str()), ("Plan.", "Plans"));
    assert_eq!(catalogue.agent("rev").unwrap().rules.deny, ["edit"]);
    let second = catalogue.agent("second").unwrap();
    assert_eq!((second.model.as_deref(), second.rules.deny.as_slice()), (Some("a/b"), &["command".to_owned()][..]));
    assert!(catalogue.agent("scout").unwrap().rules.deny.contains(&"edit".to_owned()));
}

#[test]
fn the_nearer_wins_and_says_what_it_shadows() {
    let skill = |what: &str| format!("---\nname: pdf\ndescription: {what}\n---\n");
    let catalogue = read(&[
        ("home/.claude/skills/pdf/SKILL.md", &skill("user")),
        ("project/.opencode/skills/pdf/SKILL.md", &skill("far")),
        ("project/.agents/skills/pdf/SKILL.md", &skill("near")),
    ]);
    let pdf = catalogue.skill("pdf").unwrap();
    assert_eq!(pdf.description, "near");
    let shadows: Vec<String> = pdf.shadows.iter().map(ToString::to_string).collect();
    assert_eq!(shadows, [".opencode/skills/pdf/SKILL.md", "~/.claude/skills/pdf/SKILL.md"]);
}

#[test]
fn what_is_installed_is_read_leniently() {
    let folder = tempfile::tempdir().unwrap();
    let large = "x".repeat(300 << 10);
    write(
        folder.path(),
        &[
            (
                "project/.agents/skills/a/SKILL.md",
                "\u{feff}---\r\nname: a\r\ndescription: Use when: asked\r\n---\r\nA\r\n",
            ),
            ("project/.agents/skills/b/SKILL.md", "---\nname: b\ndescription: [\n---\n"),
            ("project/.agents/skills/c/SKILL.md", "---\nname: c\n"),
            ("project/.agents/skills/d/SKILL.md", "# Nothing\n"),
            ("project/.agents/skills/e/SKILL.md", "---\nname: e\n---\n"),
            ("project/.agents/skills/f/SKILL.md", &large),
            ("project/.agents/skills/README.md", "---\nname: readme\ndescription: None\n---\n"),
            ("secret/s/SKILL.md", "---\nname: secret\ndescription: Secret\n---\n"),
        ],
    );
    crate::os::symlink(&folder.path().join("secret/s"), &folder.path().join("project/.agents/skills/s")).unwrap();
    let catalogue = read_in(folder.path());
    assert_eq!(names(&catalogue), (vec![], vec!["a"]));
    assert_eq!(catalogue.skill("a").unwrap().description, "Use when: asked");
    let warnings = warnings(&catalogue);
    for (place, words) in [
        ("a/SKILL.md:3", "`description` must be in quotes"),
        ("b/SKILL.md:3", "no valid YAML"),
        ("c/SKILL.md:1", "does not end"),
        ("d/SKILL.md:1", "no frontmatter"),
        ("e/SKILL.md:2", "no `description`"),
        ("f/SKILL.md:1", "larger than"),
        ("skills/s:1", "leads out of the project"),
    ] {
        assert!(warnings.iter().any(|w| w.contains(place) && w.contains(words)), "{place} {words}: {warnings:#?}");
    }
}

#[test]
fn a_document_may_define_several_agents() {
    let document = "# SPEC: All\n\n```yaml\n---\nname: s/one\ndescription: First\ntools:\n  edit: false\n---\nOne\n```\n\n\
                    ---\n\ntext\n\n---\ndescription: Second\n---\nTwo\n";
    let catalogue = read(&[
        ("project/.agents/skills/all.md", document),
        ("project/.opencode/agents/orchestrator-v1.md", "# Agent: Work Router\n\n**Character:** Routes\n\nText\n"),
    ]);
    assert_eq!(names(&catalogue).0, ["all", "all-2", "s/one", "work-router"]);
    assert_eq!(catalogue.agent("one").unwrap().rules.deny, ["edit"]);
    assert_eq!(catalogue.agent("all-2").unwrap().prompt, "Two");
    assert_eq!(catalogue.agent("work-router").unwrap().description, "Routes");
}

#[test]
fn every_agent_that_is_built_in_is_complete() {
    let catalogue = Catalogue::read(&Places::default());
    let warnings: Vec<String> = catalogue.warnings.iter().map(|w| format!("{}: {}", w.place(), w.message)).collect();
    assert!(warnings.is_empty(), "{warnings:#?}");
    for name in [
        "sisyphus/oracle",
        "sisyphus/planner",
        "sisyphus/validator",
        "sisyphus/executor",
        "sisyphus/explore",
        "sisyphus/librarian",
        "sisyphus/memory-catcher",
        "sisyphus/frontend-ui-ux-engineer",
        "sisyphus/interviewer",
        "sisyphus/spec-writer",
        "sisyphus/chief-of-staff",
        "the-side-hustle",
        "repo-profiler",
        "skill_forge",
        "qa-sentinel",
        "roy",
        "jen",
        "database",
        "documentation",
        "senior-review",
        "release-manager",
        "staff-engineer",
        "builder",
    ] {
        let agent = catalogue.agents.iter().find(|agent| agent.name == name).unwrap_or_else(|| panic!("{name}"));
        assert!(agent.output_schema.is_some() && !agent.prompt.is_empty() && agent.tool_access.is_some(), "{name}");
        assert!(agent.parent.is_some() && agent.kind.is_some() && agent.ignored.is_empty(), "{name}");
    }
    assert_eq!(catalogue.agents.len(), 23);
    assert_eq!(catalogue.agent("planner").unwrap().name, "sisyphus/planner");
    assert_eq!(catalogue.agent("crew/roy").unwrap().name, "roy");
    assert_eq!(catalogue.agent_like("planer"), Some("sisyphus/planner"));
    assert!(catalogue.agent("sisyphus/interviewer").unwrap().rules.deny.contains(&"command".to_owned()));
}

#[test]
fn every_folder_of_an_agent_is_built_in() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("skills");
    let folders = |path: &Path| path.read_dir().unwrap().map(|e| e.unwrap().path()).collect::<Vec<_>>();
    let on_disk: usize = folders(&root).iter().map(|skill| folders(&skill.join("agents")).len()).sum();
    assert_eq!(Catalogue::read(&Places::default()).agents.len(), on_disk);
}

#[test]
fn what_comes_with_ganger_has_nothing_wrong_in_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("skills");
    let lint = Lint::of_path(&root, None).unwrap();
    let found: Vec<String> = lint.findings.iter().map(|f| format!("{}: {}", f.place(), f.message)).collect();
    assert!(lint.files == 23 && found.is_empty(), "{found:#?}");
}

#[test]
fn what_is_begun_has_nothing_wrong_in_it() {
    let folder = tempfile::tempdir().unwrap();
    for begun in [skeleton::skill(folder.path(), "pdf"), skeleton::agent(folder.path(), "review", "security")] {
        write(folder.path(), &[(begun.path.to_str().unwrap(), &begun.text)]);
        let lint = Lint::of_path(&folder.path().join(&begun.path), None).unwrap();
        assert!(lint.findings.is_empty(), "{:?}", lint.findings);
    }
}
