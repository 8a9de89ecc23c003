//! What occurred in a run: each event of the journal by the phase of its ticket, each fault, and each variant of what
//! machines are told and answer. A new variant does not compile before it is named here, and the seeds of CI fail
//! before something produces it.

use ganger_engine::foreman::{Action as ForemanAction, Appended, Ending, Event as ForemanEvent, Stop};
use ganger_engine::host::{Action as HostAction, Event as HostEvent};
use ganger_engine::session::{Action as SessionAction, Control, Event as SessionEvent, RuntimeEvent, TurnEnd};
use ganger_engine::{
    ApprovalReason, AttemptOutcome, CardAnswer, CardKind, CardOption, DeliveryEvidence, DeliveryKind, EscalationReason,
    Event, FailureClass, Input, NoticeReason, Order, Record, Scope, State, Urgency,
};
use std::collections::BTreeMap;

/// Counts by name.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// `phase event`, how often.
    pub events: BTreeMap<String, u64>,
    /// Faults, how often.
    pub faults: BTreeMap<&'static str, u64>,
    /// Variants, how often.
    pub variants: BTreeMap<&'static str, u64>,
}

/// A closed enum whose variants are counted.
pub(crate) trait Named {
    const NAMES: &'static [&'static str];
    fn name(&self) -> &'static str;
}

macro_rules! named {
    ($($type:ident: $($variant:ident)*;)*) => {
        $(impl Named for $type {
            const NAMES: &'static [&'static str] = &[$(concat!(stringify!($type), "::", stringify!($variant)),)*];

            fn name(&self) -> &'static str {
                match self {
                    $($type::$variant { .. } => concat!(stringify!($type), "::", stringify!($variant)),)*
                }
            }
        })*

        const ALL: &[&[&str]] = &[$(<$type as Named>::NAMES,)*];
    };
}

named! {
    Input: Elect SetPolicy Trust AddTickets EditTicket NoteTicket CloseTicket ReopenTicket Answer Tell StopTicket
        ResumeTicket ApproveMerge HostReport HostLapsed Claim Decline SessionStarted Delivered Usage AgentReport Revoke
        Ask Assume AgentNote Seen AskPermission PermissionDelivered PermissionLapsed AttemptEnded Evidence
        VerificationFailed HeadMoved ConfirmMerge MergeDone MergeFailed WorktreeRemoved WorktreeKept Tick;
    AttemptOutcome: Finished Failed Interrupted BaseConflict TooLarge;
    FailureClass: Transient Auth Stalled Runaway Crashed SessionLost Setup;
    CardKind: Question Permission Approval Escalation Orphaned Notice;
    ApprovalReason: NoGate Review Tampering;
    EscalationReason: Failed Rejected Unverifiable Budget TooLarge Stopped;
    NoticeReason: WorktreeKept;
    CardAnswer: Option Deny Text;
    CardOption: Once Ticket Agent Project Deny Accept Reject Retry Resume Continue Cancel Ok;
    Scope: Once Ticket Agent Project;
    DeliveryKind: Answer Rejection Revision Message;
    DeliveryEvidence: SentUnchecked SentOnce FoundInTranscript;
    Urgency: Idle Now Interrupt;
    Order: Offer Cancel Verify Deliver AnswerPermission Retire Prepare;
    ForemanEvent: Received Appended Next End HostStarted LandingEnded Stop Tick;
    ForemanAction: Append ReadNext CheckEnd Show Reply Acknowledge Send Land FreeBallast Finish;
    Appended: Stored Unclear Full Failed;
    Ending: Still Stopped Overtaken DiskFull StoreFailed Breach;
    Stop: No Drain Now;
    HostEvent: Drain Order Reply Prepared SessionEnded Killed EverythingKilled Inspected EndPublished GatesPrepared GateEnded
        Retired Tick;
    HostAction: Ask Tell Stamp TakeUp Forget Prepare StartSession Session Kill KillEverything Inspect PublishEnd
        PrepareGates RunGate PublishEvidence ReleaseGates Retire PrepareAhead;
    SessionEvent: Runtime DriverGone Cancel Message PermissionAnswered HookRequested HookWithdrawn Reported Replied
        Worktree Cpu Processes Wrote Tick;
    SessionAction: Control Ask Tell AnswerHook Note WriteMission WriteSessionFile InspectWorktree MeasureCpu
        InspectProcesses EndProcesses Prompted End;
    Control: Prompt Steer Permit Interrupt Release Close;
    RuntimeEvent: Opening Session Transcript Prompted Text ToolStarted ToolEnded SubAgent OfSubAgent Background Usage
        PermissionRequested PermissionWithdrawn Steered NotSteered Retrying Report Alive TurnEnded;
    TurnEnd: Completed Interrupted Failed;
}

/// What no run of the simulation can show, and why.
const IMPOSSIBLE: &[&str] = &[
    // The machine's own inputs: their effects are counted as events.
    "Input::HostLapsed",
    "Input::Tick",
    // Denials have an answer of their own.
    "CardOption::Deny",
    // A bug: it ends the run as a failure.
    "Ending::Breach",
    // Foremen of the simulation go on for ever, and nobody tells them not to stop.
    "Ending::Still",
    "Stop::No",
];

impl Coverage {
    pub(crate) fn fault(&mut self, name: &'static str) {
        *self.faults.entry(name).or_insert(0) += 1;
    }

    pub(crate) fn saw(&mut self, value: &impl Named) {
        *self.variants.entry(value.name()).or_insert(0) += 1;
    }

    /// An input, with what is in it.
    pub(crate) fn input(&mut self, input: &Input) {
        self.saw(input);
        match input {
            Input::AttemptEnded { end, .. } => {
                self.saw(&end.outcome);
                if let AttemptOutcome::Failed { class, .. } = &end.outcome {
                    self.saw(class);
                }
            }
            Input::Answer(answer) => {
                self.saw(&answer.answer);
                if let CardAnswer::Option(option) = &answer.answer {
                    self.saw(option);
                }
            }
            _ => {}
        }
    }

    /// A fact, with what is in it.
    fn fact(&mut self, event: &Event) {
        match event {
            Event::CardOpened { card, .. } => {
                self.saw(&card.kind);
                match &card.kind {
                    CardKind::Approval { why, .. } => self.saw(why),
                    CardKind::Escalation { why } => self.saw(why),
                    CardKind::Notice { why } => self.saw(why),
                    CardKind::Question { .. } | CardKind::Permission { .. } | CardKind::Orphaned { .. } => {}
                }
            }
            Event::PermitGranted { permit, .. } => self.saw(&permit.scope),
            Event::DeliveryQueued { delivery, .. } => {
                self.saw(&delivery.kind);
                self.saw(&delivery.urgency);
            }
            Event::Delivered { evidence, .. } => self.saw(evidence),
            _ => {}
        }
    }

    /// Counts the events of a record against the state before it, and applies it.
    pub(crate) fn record(&mut self, state: &mut State, record: &Record) -> Result<(), String> {
        for event in &record.events {
            self.fact(event);
            let value = serde_json::to_value(event).unwrap_or_default();
            let name = value.get("event").and_then(|e| e.as_str()).unwrap_or("?");
            let phase = phase_of(state, &value);
            *self.events.entry(format!("{phase} {name}")).or_insert(0) += 1;
            state.apply(record.now, event).map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    /// Adds what another run counted.
    pub fn add(&mut self, other: &Self) {
        for (name, n) in &other.events {
            *self.events.entry(name.clone()).or_insert(0) += n;
        }
        for (name, n) in &other.faults {
            *self.faults.entry(name).or_insert(0) += n;
        }
        for (name, n) in &other.variants {
            *self.variants.entry(name).or_insert(0) += n;
        }
    }

    /// Variants that never occurred although they can.
    #[must_use]
    pub fn missing_variants(&self) -> Vec<&'static str> {
        let possible = ALL.iter().flat_map(|names| names.iter()).filter(|name| !IMPOSSIBLE.contains(name));
        possible.filter(|name| !self.variants.contains_key(**name)).copied().collect()
    }

    /// Everything, rarest first.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let events = self.events.iter().map(|(name, n)| (*n, format!("event   {name}")));
        let faults = self.faults.iter().map(|(name, n)| (*n, format!("fault   {name}")));
        let variants = self.variants.iter().map(|(name, n)| (*n, format!("variant {name}")));
        let mut all: Vec<(u64, String)> = events.chain(faults).chain(variants).collect();
        all.sort();
        all.into_iter().map(|(n, name)| format!("{n:>9} {name}")).collect()
    }
}

/// The phase of the ticket that an event is about, before it.
fn phase_of(state: &State, value: &serde_json::Value) -> &'static str {
    let text = |key: &str| value.get(key).and_then(|v| v.as_str());
    let inner = |key: &str| value.get(key).and_then(|v| v.get("ticket")).and_then(|v| v.as_str());
    let by_attempt = || state.attempts.get(&text("attempt")?.into()).map(|a| a.ticket.clone());
    let by_card = || state.cards.get(&text("card")?.into()).map(|c| c.ticket.clone());
    let within = || ["card", "delivery", "evidence"].into_iter().find_map(inner).map(Into::into);
    let ticket = text("ticket").map(Into::into).or_else(by_attempt).or_else(by_card).or_else(within);
    ticket.and_then(|id| state.tickets.get(&id)).map_or("-", |t| t.phase.as_str())
}
