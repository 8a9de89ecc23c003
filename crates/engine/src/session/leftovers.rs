//! What a shell command left running: a background process that holds its output keeps the tool call open although its
//! shell has ended, in runtimes that wait for the end of the output.

use super::{Action, Control, Machine, Phase, ToolProcesses};
use crate::text::{self, Clean};

impl Machine {
    /// Ends what holds the output of a command whose shell has ended. While any shell is at work it may be the one
    /// that is waited for, and nothing is ended.
    pub(super) fn processes_inspected(&mut self, processes: ToolProcesses) {
        let ToolProcesses { shells_alive, holding_output } = processes;
        let is_held = self.watch.processes_inspected() && !shells_alive && !holding_output.is_empty();
        if !is_held || self.phase != Phase::Turn || self.second_chance.is_some() {
            return;
        }
        let commands: Vec<String> =
            holding_output.iter().map(|p| format!("`{}`", text::line(&p.command, 200))).collect();
        let commands = commands.join(", ");
        self.note(format!("ended {commands}: its shell has ended, but it held the output of the tool call open"));
        self.actions.push(Action::EndProcesses(holding_output));
        self.remark(format!(
            "Ganger ended {commands}: the shell that started it has ended, but it held the output of the tool call open. \
             Redirect the output of what you start in the background to a file."
        ));
    }

    /// Says something of Ganger's own: in the current turn where the runtime takes it, else with the next prompt.
    fn remark(&mut self, remark: String) {
        if self.setup.capabilities.steer && self.permissions.is_empty() {
            let id = format!("remark-{}", self.next_question());
            self.outbox.steering_remarks.insert(id.clone(), remark.clone());
            self.control(Control::Steer { id, text: Clean::of(&remark) });
        } else {
            self.outbox.remark(remark);
        }
    }
}
