//! Skills and agents as files: what is found, what is wrong with it, and that tickets can name it.

use crate::support::{Place, assert_shape};
use serde_json::{Value, json};

const PAINTER: &str = "---\nname: paint/painter\ndescription: Paints. Use it for colours.\nmodel: anthropic/claude-x\n\
                       temperature: 0.2\ntools:\n  edit: false\nmetadata:\n  type: executor\n  parent: paint\n---\n\
                       You are the one who paints.\n";
const AGENT_FILE: &str = ".agents/skills/paint/agents/painter/SKILL.md";

fn project() -> Place {
    let place = Place::scripted("true", &json!({}));
    place.write(AGENT_FILE, PAINTER);
    place
}

fn agent<'a>(list: &'a Value, name: &str) -> &'a Value {
    list["agents"].as_array().unwrap().iter().find(|agent| agent["name"] == name).unwrap_or_else(|| panic!("{name}"))
}

#[test]
fn agents_of_the_configuration_and_of_files_are_in_one_list() {
    let place = project();
    place.write(".agents/skills/notes.md", "# Notes\n\nNothing.\n");
    place.write(".opencode/agents/planner.md", "---\nname: sisyphus/planner\ndescription: Ours\n---\nPlan.\n");
    let list = place.ganger(&["agent", "list", "--json"]).exits(0).json();
    assert_shape("agents", &list);
    let painter = agent(&list, "paint/painter");
    assert_eq!((&painter["origin"], &painter["level"]), (&json!(AGENT_FILE), &json!("project")));
    assert_eq!((&painter["model"], &painter["type"]), (&json!("anthropic/claude-x"), &json!("executor")));
    assert_eq!(painter["runtime"], "command", "no other runtime is configured");
    assert_eq!(agent(&list, "sisyphus/planner")["shadows"], json!(["built in"]));
    assert_eq!(agent(&list, "scripted")["origin"], "ganger.toml");
    assert_eq!(agent(&list, "qa-sentinel")["level"], "built in");
    place.ganger(&["agent", "list"]).exits(0).says("Ours (shadows built in)").says("sisyphus/executor");
}

#[test]
fn an_agent_is_shown_with_what_runtimes_honour() {
    let place = project();
    let shown = place.ganger(&["agent", "show", "painter"]).exits(0);
    let shown = shown.says("deny          edit").says("You are the one who paints.").says("yes, as `claude-x`");
    shown
        .says("no: it has no `anthropic/claude-x`, and uses its own")
        .says("no: the runtime uses its own")
        .says("yes, as an agent of its own at 0.2");
    let shown = place.ganger(&["agent", "show", "sisyphus/planner", "--json"]).exits(0).json();
    assert_shape("agent", &shown);
    assert!(shown["output_schema"]["properties"]["plan"].is_object(), "{shown:#}");
    assert_shape("agent", &place.ganger(&["agent", "show", "scripted", "--json"]).exits(0).json());
    place.ganger(&["agent", "show", "plannr"]).exits(2).says("did you mean `planner`?");
}

#[test]
fn a_temperature_that_no_model_has_is_refused() {
    let place = project();
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write("ganger.toml", &format!("{config}[agent.hot]\nruntime = \"opencode\"\ntemperature = 3\n"));
    place.ganger(&["config"]).exits(2).says("`agent.hot.temperature` is 3; it must be a number between 0 and 2");
    place.write("ganger.toml", &format!("{config}[agent.\"paint/painter\"]\ntemperature = 1\n"));
    place.ganger(&["agent", "show", "painter"]).exits(0).says("yes, as an agent of its own at 1");
}

#[test]
fn skills_are_listed_and_shown() {
    let place = project();
    place.ganger(&["skill", "list"]).exits(0).says("No skills here.");
    place.write(".claude/skills/pdf/SKILL.md", "---\nname: pdf\ndescription: Reads PDF\n---\nHow.\n");
    place.write(".agents/skills/broken/SKILL.md", "---\nname: broken\n");
    let list = place.ganger(&["skill", "list", "--json"]).exits(0).json();
    assert_shape("skills", &list);
    assert_eq!((&list["skills"][0]["name"], &list["skills"][0]["level"]), (&json!("pdf"), &json!("project")));
    assert_eq!(list["warnings"][0]["file"], ".agents/skills/broken/SKILL.md");
    place
        .ganger(&["skill", "list"])
        .exits(0)
        .says("warning: .agents/skills/broken/SKILL.md:1: the frontmatter does not end");
    assert_shape("skill", &place.ganger(&["skill", "show", "pdf", "--json"]).exits(0).json());
    place.ganger(&["skill", "show", "pfd"]).exits(2).says("did you mean `pdf`?");
    place.ganger(&["skill", "show", "paint/painter"]).exits(2).says("it is an agent");
}

#[test]
fn lint_says_where_and_how_to_fix_it() {
    let place = project();
    place.ganger(&["skill", "lint"]).exits(0).says("1 file, 0 errors, 0 warnings");
    let skill = "---\nname: Pdf_Reader\ndescription: Use when: asked\nversion: 1\nallowed-tools: Raed\n---\nHow.\n";
    place.write(".agents/skills/pdf/SKILL.md", skill);
    let agent = "---\nname: paint/other\ndescription: x\nmodel: none of these\ntools:\n  bsah: true\nmetadata:\n  type: execut\n---\n";
    place.write(AGENT_FILE, agent);
    let lint = place.ganger(&["skill", "lint", "--json"]).exits(1).json();
    assert_shape("lint", &lint);
    let findings = lint["findings"].as_array().unwrap();
    for (file, line, key, message) in [
        ("pdf/SKILL.md", 2, "name", "lower-case letters"),
        ("pdf/SKILL.md", 2, "name", "not that of its folder"),
        ("pdf/SKILL.md", 3, "description", "must be in quotes"),
        ("pdf/SKILL.md", 4, "version", "no key `version`"),
        ("pdf/SKILL.md", 5, "allowed-tools", "no tool is called `Raed`"),
        ("painter/SKILL.md", 2, "name", "`paint/painter`"),
        ("painter/SKILL.md", 4, "model", "no runtime has the model"),
        ("painter/SKILL.md", 8, "metadata.type", "no type `execut`"),
    ] {
        let is_it = |f: &&Value| {
            f["file"].as_str().unwrap().ends_with(file)
                && (&f["line"], &f["key"]) == (&json!(line), &json!(key))
                && f["message"].as_str().unwrap().contains(message)
        };
        assert!(findings.iter().any(|f| is_it(&f)), "{file}:{line} {message}: {lint:#}");
    }
    place.ganger(&["skill", "lint"]).exits(1).says("hint: did you mean `Read`?").says("hint: did you mean `bash`?");
    place.ganger(&["skill", "lint", AGENT_FILE, "--profile", "skill"]).exits(1).says("the standard has no key `model`");
}

#[test]
fn what_all_skills_take_together_is_a_warning() {
    let place = project();
    for n in 0..30 {
        let skill = format!("---\nname: s{n}\ndescription: {}\n---\nHow.\n", "word ".repeat(55));
        place.write(&format!(".agents/skills/s{n}/SKILL.md"), &skill);
    }
    let lint = place.ganger(&["skill", "lint"]).exits(0);
    lint.says("Codex lists at most 5440 characters").says("31 files, 0 errors, 2 warnings");
}

#[test]
fn what_is_begun_is_clean_and_never_written_over() {
    let place = Place::new();
    place.ganger(&["skill", "new", "pdf"]).exits(0).says("Wrote .agents/skills/pdf/SKILL.md");
    place.ganger(&["skill", "new", "review/security", "--agent"]).exits(0);
    place.ganger(&["skill", "lint"]).exits(0).says("2 files, 0 errors, 0 warnings");
    place.write(".agents/skills/pdf/SKILL.md", "mine");
    place.ganger(&["skill", "new", "pdf"]).exits(2).says("exists already");
    assert_eq!(std::fs::read_to_string(place.repo().join(".agents/skills/pdf/SKILL.md")).unwrap(), "mine");
    place.ganger(&["skill", "new", "../x"]).exits(2).says("is no name for a skill");
}

#[test]
fn a_ticket_of_an_agent_file_gets_its_prompt_and_what_it_hands_back() {
    let place = project();
    place.write(".agents/skills/paint/agents/painter/output.schema.json", r#"{"title": "colours"}"#);
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    let command = config.lines().find(|line| line.starts_with("command = ") && line.contains("script-agent")).unwrap();
    place.write("ganger.toml", &config.replace(command, "command = \"cat > mission.txt\""));
    place.commit("an agent");
    place.ganger(&["run"]).exits(3).says(&format!("file {AGENT_FILE}"));
    place.ganger(&["trust", "--yes"]).exits(0);
    let id = place.add(&["Paint it", "--agent", "painter"]);
    place.ganger(&["run"]).exits(0);
    let ticket = place.ticket(&id);
    assert_eq!((&ticket["status"], &ticket["agent"]), (&json!("accepted"), &json!("paint/painter")), "{ticket:#}");
    let mission = place.git(&["show", &format!("ganger/{id}:mission.txt")]);
    assert!(mission.contains("You are the one who paints.") && mission.contains("Paint it"), "{mission}");
}

#[test]
fn the_configuration_changes_and_drops_agents_of_files() {
    let place = project();
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    let more = "[agent.\"paint/painter\"]\nprompt = \"You draw.\"\ndeny = [\"fetch\"]\n[agent.builder]\ndrop = true\n";
    place.write("ganger.toml", &format!("{config}{more}"));
    let shown = place.ganger(&["agent", "show", "painter", "--json"]).exits(0).json();
    assert_eq!((&shown["rules"]["deny"], &shown["prompt"]), (&json!(["fetch"]), &json!("You draw.")));
    place.ganger(&["agent", "show", "builder"]).exits(2).says("there is no agent `builder`");
    place.ganger(&["ticket", "add", "a", "--agent", "builder"]).exits(2).says("there is no agent `builder`");
    place.write("ganger.toml", &format!("{config}[agent.paintr]\nmodel = \"x\"\n"));
    let error = place.ganger(&["status"]).exits(2);
    error
        .says("ganger.toml:")
        .says("`agent.paintr` has no `runtime`, and needs it")
        .says("did you mean `paint/painter`?");
}

/// The project with this at the end of its configuration.
fn configured(more: &str) -> Place {
    let place = project();
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    place.write("ganger.toml", &format!("{config}{more}"));
    place
}

#[test]
fn trust_shows_what_blocks_change_of_agents_of_files() {
    let place = project();
    place.ganger(&["trust", "--yes"]).exits(0);
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    let block =
        "[agent.\"sisyphus/explore\"]\ncommand = \"./x.sh\"\nallow = [\"command\"]\ndeny = []\nsandbox = \"off\"\n";
    place.write("ganger.toml", &format!("{config}{block}"));
    let line = "command ./x.sh, sandbox off, allow command, deny nothing";
    place
        .ganger(&["run"])
        .exits(3)
        .says("has changed since you trusted it")
        .says("+ agent sisyphus/explore")
        .says(line);
    place.ganger(&["trust", "--yes"]).exits(0).says(line);
    place.write("ganger.toml", &format!("{config}{}", block.replace("x.sh", "y.sh")));
    place.ganger(&["run"]).exits(3).says("command ./y.sh");
}

#[test]
fn rules_and_aliases_of_blocks_that_change_agents_are_checked() {
    let place = configured("[agent.\"paint/painter\"]\ndeny = [\"comand(rm*)\"]\n");
    let lines = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap().lines().count();
    let error = place.ganger(&["status"]).exits(2);
    error.says(&format!("ganger.toml:{lines}: `agent.paint/painter.deny`")).says("did you mean `command`?");
    let place = configured("[agent.\"paint/painter\"]\naliases = [\"scripted\"]\n");
    place.ganger(&["status"]).exits(2).says("`scripted` is agent `scripted` already");
}

#[test]
fn rules_of_the_default_agent_hold_whatever_a_block_says() {
    let place = configured("[agent.\"paint/painter\"]\nallow = [\"command\"]\ndeny = [\"fetch\"]\n");
    let config = std::fs::read_to_string(place.repo().join("ganger.toml")).unwrap();
    let rules = "[agent.scripted]\ndeny = [\"command(rm*)\"]\nask = [\"edit\"]\n";
    place.write("ganger.toml", &config.replace("[agent.scripted]\n", rules));
    let shown = place.ganger(&["agent", "show", "painter", "--json"]).exits(0).json();
    let wanted = json!({"allow": ["command"], "ask": ["edit"], "deny": ["command(rm*)", "fetch"]});
    assert_eq!(shown["rules"], wanted);
}

#[test]
fn what_is_shown_of_an_agent_is_what_runs() {
    let block = "[agent.\"paint/painter\"]\ndescription = \"Draws\"\nmodel = \"openai/gpt-5\"\nprompt = \"You draw.\"\n\
                 tool_access = [\"note\"]\noutput = {title = \"lines\"}\n";
    let described = "[agent.told]\nruntime = \"command\"\ncommand = \"true\"\ndescription = \"Tells\"\n\
                     tool_access = [\"ask_user\"]\noutput = {title = \"tale\"}\n";
    let place = configured(&format!("{block}{described}"));
    let list = place.ganger(&["agent", "list", "--json"]).exits(0).json();
    assert_shape("agents", &list);
    for (name, description, tools) in [("paint/painter", "Draws", "note"), ("told", "Tells", "ask_user")] {
        let line = agent(&list, name);
        assert_eq!((&line["description"], &line["tool_access"]), (&json!(description), &json!([tools])), "{line:#}");
    }
    let implied = agent(&list, "claude");
    assert_eq!((&implied["runtime"], &implied["level"]), (&json!("claude"), &json!("built in")));
    let shown = |name: &str| place.ganger(&["agent", "show", name, "--json"]).exits(0).json();
    let painter = shown("painter");
    assert_eq!((&painter["prompt"], &painter["model"]), (&json!("You draw."), &json!("openai/gpt-5")));
    assert_eq!(painter["output_schema"], json!({"title": "lines"}));
    assert_eq!(shown("told")["output_schema"], json!({"title": "tale"}));
    assert_eq!(shown("claude")["runtime"], "claude");
}

#[test]
fn the_schema_that_is_read_is_the_one_that_lint_judges() {
    let place = project();
    place.write(".claude/agents/scout.md", "---\nname: scout\ndescription: Looks around\ntools: Read\n---\nLook.\n");
    place.write(".claude/agents/output.schema.json", "{");
    place.ganger(&["skill", "lint", ".claude/agents/scout.md"]).exits(0);
    place.write(".claude/agents/scout.output.schema.json", r#"{"type": "strng"}"#);
    for arguments in [&["skill", "lint", ".claude/agents/scout.md"][..], &["skill", "lint"]] {
        let lint = place.ganger(arguments).exits(1);
        lint.says("scout.output.schema.json:1: error: the output schema is no valid JSON Schema: at '/type'");
    }
    place.ganger(&["agent", "list"]).exits(0).says("warning: .claude/agents/scout.output.schema.json:1: is no valid");
    let shown = place.ganger(&["agent", "show", "scout", "--json"]).exits(0).json();
    assert_eq!(shown["output_schema"], Value::Null);
}
