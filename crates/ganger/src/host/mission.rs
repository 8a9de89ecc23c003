//! The mission: one text for `MISSION.md` and for the prompt, and the first prompt.

use crate::config::Gate;
use crate::depot::Workspace;
use ganger_engine::session::{FirstPrompt, first_prompt};
use ganger_engine::{DirectionKind, Directive, Expects, Kind, Offer, TicketId, TicketSpec, texts_of};
use std::fmt::Write;

/// What the project holds all work against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standard<'a> {
    pub(crate) gates: &'a [Gate],
    /// Whether code that changes needs a test that changes with it.
    pub(crate) needs_tests: bool,
}

/// The mission of a ticket, with the headings of spec 2.
pub(crate) fn mission_text(
    standard: Standard<'_>,
    workspace: &Workspace,
    id: &TicketId,
    spec: &TicketSpec,
    revision: u32,
    direction: &[Directive],
) -> String {
    if let (Some(_), Some(caller)) = (&spec.call, &spec.parent) {
        return call_text(id, caller, spec, direction);
    }
    let mut text = format!("# Mission: {}\n\n## Objective\n{}\n\n## Context\n", spec.title, spec.title);
    let why = spec.metadata.get("why").map_or("it was asked for on the board", String::as_str);
    let related: Vec<String> = spec.after.iter().map(|d| format!("{d} (its work is in your branch)")).collect();
    let related = if related.is_empty() { "none".to_owned() } else { related.join(", ") };
    // Writing to a String cannot fail.
    let _ok = write!(
        text,
        "- Why this matters: {why}\n- Related work: {related}\n- Branch: {}\n- Ticket: {id}, revision {revision}\n",
        workspace.branch
    );
    for (key, heading) in OF_GOAL {
        for line in spec.metadata.get(key).into_iter().flat_map(|said| said.lines()) {
            let _ok = writeln!(text, "- {heading}: {line}");
        }
    }
    for link in &spec.links {
        let _ok = writeln!(text, "- Link: {link}");
    }
    for kind in DirectionKind::ALL {
        for said in texts_of(direction, kind) {
            let _ok = writeln!(text, "- {} for the whole project: {said}", kind.heading());
        }
    }
    let _ok = write!(text, "\n## Requirements\n{}\n", requirements(spec));
    let files = if spec.files.is_empty() { "not known; find out".to_owned() } else { spec.files.join(", ") };
    let _ok = write!(
        text,
        "\n## Technical Approach\n- Files to modify: {files}\n- Patterns to follow: those of the code around it, and AGENTS.md where there is one\n\
         - Constraints: stay inside this workspace ({}); do not push, do not switch branches\n",
        workspace.path.display()
    );
    if spec.kind == Kind::Join {
        let branches: Vec<String> =
            spec.after.iter().map(|d| workspace.branch.replace(id.as_str(), d.as_str())).collect();
        let _ok = writeln!(text, "- Branches to join, with `git merge`: {}", branches.join(", "));
    }
    let _ok = write!(text, "\n## Definition of Done\n{}", definition_of_done(standard, spec));
    text.push_str(NOTES);
    // Titles, descriptions and links come from anywhere.
    crate::text::shown(&text).into_string()
}

/// What a ticket of a plan knows of its goal: keys of its metadata, and what they are called.
const OF_GOAL: [(&str, &str); 2] = [("goal", "Part of the goal"), ("answers", "Decided by a person")];

/// The mission of an agent that another one called.
fn call_text(id: &TicketId, caller: &TicketId, spec: &TicketSpec, direction: &[Directive]) -> String {
    let (by, files) = match spec.kind {
        Kind::Review => (format!("Ganger, to judge the work of {caller}"), "the files of the commit that you judge"),
        Kind::Stage => (format!("Ganger, for the goal {caller}"), "the files of the main branch"),
        Kind::Call | Kind::Change | Kind::Join | Kind::Goal | Kind::Contest | Kind::Entry => {
            (format!("the agent of {caller}"), "the caller's files as they were when it called you")
        }
    };
    let text = format!(
        "# Mission: {title}\n\n## Objective\n{prompt}\n\n## Context\n- Called by: {by}\n- Ticket: {id}\n\
         {direction}\n\
         ## Notes\n\
         - You are in a copy of {files}. What you change here stays here: only your result goes back.\n\
         - When you are done, call the tool `report_result` (server `ganger`) with your result as `output`, in the form that \
         the tool asks for. Then end your turn. Nobody sees anything else of what you did or said.\n\
         - When only a person can decide something, call `ask_user` and end your turn; you will be resumed with the answer. \
         Record assumptions with `log_assumption`.\n",
        title = spec.title,
        prompt = spec.description.trim(),
        direction = explicit_direction(direction),
    );
    // Other agents wrote it.
    crate::text::shown(&text).into_string()
}

/// The direction of people, as context has it: it holds whatever the caller says.
fn explicit_direction(direction: &[Directive]) -> String {
    if direction.is_empty() {
        return String::new();
    }
    let of = |kind| texts_of(direction, kind).collect::<Vec<_>>();
    let mut said = serde_json::json!({"goals": of(DirectionKind::Goal), "constraints": of(DirectionKind::Constraint)});
    let priorities = of(DirectionKind::Priority);
    if !priorities.is_empty() {
        said["priorities"] = priorities.into();
    }
    format!("\n## explicit_direction\n{said:#}\n")
}

const NOTES: &str = "\n## Notes\n\
    - Your result is verified: what is left uncommitted is committed for you, then the gates run in a clean \
    workspace at that commit. Only what is in the commit counts.\n\
    - When you are done, call the tool `report_result` (server `ganger`) with a summary and, for every item of \
    the definition of done, how it was met. Then end your turn.\n\
    - When only a person can decide something, call `ask_user` and end your turn; you will be resumed with the \
    answer. Record assumptions with `log_assumption`.\n\
    - MISSION.md and .builder-session belong to Ganger and stay out of commits.\n";

fn requirements(spec: &TicketSpec) -> String {
    let text = spec.description.trim();
    if text.is_empty() {
        return format!("1. {}", spec.title);
    }
    let is_numbered = text.lines().any(|l| l.trim_start().starts_with("1."));
    if is_numbered { text.to_owned() } else { format!("1. {}", text.replace('\n', "\n   ")) }
}

fn definition_of_done(Standard { gates, needs_tests }: Standard<'_>, spec: &TicketSpec) -> String {
    let mut items: Vec<String> = spec.done.iter().enumerate().map(|(i, d)| format!("- ({}) {d}", i + 1)).collect();
    if needs_tests && !spec.needs_no_tests() {
        items.push(
            "- Code that changes has a test that fails without the change, where the project has tests".to_owned(),
        );
    }
    items.extend(gates.iter().map(|g| {
        let dir = if g.dir == "." { String::new() } else { format!(" in {}", g.dir) };
        format!("- Gate `{}` passes: `{}`{dir}", g.name, g.command)
    }));
    items.extend(spec.checks.iter().map(|check| match check.expects {
        Expects::RedThenGreen => format!("- Check passes, which fails without your work: `{}`", check.command),
        Expects::StaysGreen => format!("- Check still passes: `{}`", check.command),
    }));
    if gates.is_empty() && spec.checks.is_empty() {
        items.push("- A person accepts it (this project has no gates)".to_owned());
    }
    items.join("\n") + "\n"
}

/// The first prompt of an attempt.
pub(crate) fn prompt_text(mission: &str, instructions: &str, offer: &Offer, remembers: bool) -> String {
    first_prompt(&FirstPrompt {
        mission,
        instructions,
        resumes: remembers && offer.session.is_some(),
        number: offer.number,
        deliveries: &offer.deliveries,
        delivered_before: &offer.told,
    })
}

#[cfg(test)]
mod tests {
    use super::{Standard, mission_text};
    use crate::config::Gate;
    use crate::depot::Workspace;
    use ganger_engine::{CallSpec, Check, DirectionKind, Directive, Expects, TicketId, TicketSpec};

    fn direction() -> Vec<Directive> {
        let said = [(DirectionKind::Priority, "Security first"), (DirectionKind::Constraint, "No databases")];
        let directive = |(kind, text): (DirectionKind, &str)| Directive {
            number: 1,
            kind,
            text: text.into(),
            by: "you".into(),
            at: 0,
        };
        said.map(directive).into()
    }

    #[test]
    fn an_agent_that_is_called_has_the_direction_as_context() {
        let call = CallSpec { by: Some("T-1-a1".into()), snapshot: None, stage: None, depth: 1 };
        let spec = TicketSpec {
            title: "Look".into(),
            description: "Where?".into(),
            parent: Some("T-1".into()),
            call: Some(call),
            ..TicketSpec::default()
        };
        let workspace = Workspace { ticket: "T-1-c1".into(), path: "/w".into(), branch: "b".into() };
        let text =
            |direction: &[Directive]| mission_text(NOTHING, &workspace, &TicketId::from("T-1-c1"), &spec, 1, direction);
        let directed = text(&direction());
        let (_, said) = directed.split_once("## explicit_direction\n").unwrap();
        let said = said.split("\n\n").next().unwrap();
        let said: serde_json::Value = serde_json::from_str(said).unwrap();
        assert_eq!(
            said,
            serde_json::json!({"goals": [], "constraints": ["No databases"], "priorities": ["Security first"]})
        );
        assert!(!text(&[]).contains("explicit_direction"));
    }

    const NOTHING: Standard<'_> = Standard { gates: &[], needs_tests: false };

    #[test]
    fn the_mission_has_the_headings_of_the_format_in_order() {
        let spec = TicketSpec {
            title: "Add a greeting".into(),
            description: "Say hello.\nIn two languages.".into(),
            done: vec!["there is a test".into()],
            checks: vec![Check { command: "grep -q hello src/hello.rs".into(), expects: Expects::RedThenGreen }],
            files: vec!["src/hello.rs".into()],
            after: vec!["T-1".into()],
            metadata: [("goal", "Greet people (T-1)"), ("answers", "Formally? No.\nTo whom? All.")]
                .map(|(key, said)| (key.to_owned(), said.to_owned()))
                .into(),
            ..TicketSpec::default()
        };
        let gate = Gate { name: "test".into(), command: "cargo test".into(), ..Gate::plain() };
        let workspace = Workspace { ticket: "T-2".into(), path: "/w/T-2".into(), branch: "ganger/T-2".into() };
        let text = mission_text(
            Standard { gates: &[gate], needs_tests: true },
            &workspace,
            &TicketId::from("T-2"),
            &spec,
            1,
            &direction(),
        );
        let headings: Vec<&str> = text.lines().filter(|l| l.starts_with('#')).collect();
        assert_eq!(
            headings,
            [
                "# Mission: Add a greeting",
                "## Objective",
                "## Context",
                "## Requirements",
                "## Technical Approach",
                "## Definition of Done",
                "## Notes"
            ]
        );
        for line in [
            "- Branch: ganger/T-2",
            "1. Say hello.",
            "- Part of the goal: Greet people (T-1)",
            "- Decided by a person: Formally? No.",
            "- Decided by a person: To whom? All.",
            "- Files to modify: src/hello.rs",
            "- (1) there is a test",
            "- Gate `test` passes: `cargo test`",
            "- Check passes, which fails without your work: `grep -q hello src/hello.rs`",
            "- Related work: T-1 (its work is in your branch)",
            "- Constraint for the whole project: No databases",
            "- Priority for the whole project: Security first",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }
}
