//! The texts that go into a session.

use crate::{Delivery, DeliveryId};
use std::fmt::Write;

/// When a turn ended without report and without change.
pub(super) const CONTINUE: &str = "You ended your turn, but nothing has changed in the workspace and you did not call \
    `report_result`. Continue with the mission, or call `ask_user` if only a person can decide.";

/// When nobody answered a request in time.
pub(super) const OVERDUE: &str =
    "nobody answered in time, so it is not allowed now. Find another way, or ask with `ask_user`";

/// After an interruption by Ganger.
pub(super) fn second_chance(why: &str) -> String {
    format!(
        "You were interrupted: {why}. You seem to be stuck. Continue with the mission in another way; if a command \
         does not end, do not run it in the foreground; if only a person can help, call `ask_user`."
    )
}

/// The beginning of a text as the session reads it. It makes a repetition recognisable.
fn mark_of(delivery: &DeliveryId) -> String {
    format!("[{delivery}] ")
}

/// Whether a session was told this, by all that it was told.
pub(super) fn is_in_transcript(delivery: &Delivery, transcript: &[String]) -> bool {
    let mark = mark_of(&delivery.id);
    transcript.iter().flat_map(|text| text.lines()).any(|line| line.starts_with(&mark))
}

/// A text as the session reads it.
pub(super) fn delivery_text(delivery: &Delivery) -> String {
    let by = match delivery.by.as_str() {
        "" => String::new(),
        // Whoever has no name is `you` on their own screens; to an agent that would be itself.
        "you" => "A person writes: ".to_owned(),
        name => format!("{name} writes: "),
    };
    format!("{}{by}{}", mark_of(&delivery.id), delivery.text)
}

/// What the first prompt of an attempt is made of.
#[derive(Debug, Clone, Copy)]
pub struct FirstPrompt<'a> {
    /// The text of MISSION.md.
    pub mission: &'a str,
    /// The agent's own prompt, where it does not go into the system prompt.
    pub instructions: &'a str,
    /// Whether the session knows its mission from an earlier attempt.
    pub resumes: bool,
    /// Which attempt of the ticket this is, from 1.
    pub number: u32,
    /// To be delivered with it.
    pub deliveries: &'a [Delivery],
    /// Delivered in earlier attempts.
    pub delivered_before: &'a [String],
}

/// The first prompt of an attempt.
#[must_use]
pub fn first_prompt(parts: &FirstPrompt<'_>) -> String {
    let deliveries: Vec<String> = parts.deliveries.iter().map(delivery_text).collect();
    if parts.resumes {
        return resuming_prompt(&deliveries);
    }
    let mut text = String::new();
    let instructions = parts.instructions.trim();
    if !instructions.is_empty() {
        text.push_str(instructions);
        text.push_str("\n\n");
    }
    text.push_str(parts.mission);
    let earlier: Vec<String> = parts.delivered_before.iter().cloned().chain(deliveries).collect();
    if parts.number == 1 && !earlier.is_empty() {
        let _ok = write!(text, "\n## What you were told before you began\n\n{}\n", earlier.join("\n\n"));
    } else if !earlier.is_empty() {
        // Writing to a String cannot fail.
        let _ok = write!(
            text,
            "\n## What happened so far\nThis ticket was worked on before; its commits are in your branch.\n\n{}\n",
            earlier.join("\n\n")
        );
    } else if parts.number > 1 {
        text.push_str(
            "\n## What happened so far\nAn earlier attempt was cut off. What it left is in this workspace: look at \
             `git status` and `git log`, and continue from there.\n",
        );
    }
    text.push_str(
        "\nRead AGENTS.md if there is one. Execute this mission with A+ quality; do not stop before it is done or \
         truly blocked.\n",
    );
    text
}

/// For a session that knows its mission.
fn resuming_prompt(deliveries: &[String]) -> String {
    if deliveries.is_empty() {
        return "Your last turn was cut off. The workspace is as you left it. Look at `git status`, then continue with \
                the mission in MISSION.md where you stopped."
            .to_owned();
    }
    format!("{}\n\nThe mission in MISSION.md still holds. Continue.", deliveries.join("\n\n"))
}
