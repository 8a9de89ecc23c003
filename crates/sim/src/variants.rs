//! The closed enums whose variants are counted. A new variant does not compile before it is named here, and the seeds
//! of CI fail before something produces it.

use ganger_engine::foreman::{Action as ForemanAction, Appended, Ending, Event as ForemanEvent, Stop};
use ganger_engine::host::{Action as HostAction, Event as HostEvent};
use ganger_engine::session::{Action as SessionAction, Control, Event as SessionEvent, RuntimeEvent, Setback, TurnEnd};
use ganger_engine::{
    ApprovalReason, AssumptionStatus, AttemptCount, AttemptOutcome, CallError, CallResult, CardAnswer, CardKind,
    CardOption, DeliveryEvidence, DeliveryKind, DirectionKind, EscalationReason, FailureClass, Hazard, Impact, Input,
    MailStatus, NoticeReason, Order, RouteMatch, RoutingReason, Scope, Surfacing, SurfacingReason, Urgency,
};

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
        Ask Call Gather Assume AgentNote SendMail ReadMail LookAtMail FileTicket LookAtTickets Seen AskPermission PermissionDelivered PermissionLapsed AttemptEnded Evidence
        VerificationFailed HeadMoved ConfirmMerge MergeDone MergeFailed Undone WorkspaceRemoved WorkspaceKept
        RepositoryTouched Tick AnswerAlways AddDirection RemoveDirection ConfirmAssumption RejectAssumption;
    AttemptOutcome: Finished Failed Interrupted BaseConflict TooLarge;
    AttemptCount: Nothing Claim Transient PersistentTransient Failure;
    FailureClass: Transient Disconnected Auth Stalled Runaway Crashed SessionLost Setup Refused;
    CardKind: Question Permission Approval Stage Escalation Contest Orphaned Surfacing Proposal Notice;
    ApprovalReason: NoGate Review Hazards Tampering ProvesNothing;
    Hazard: Deletions EnvFiles Secrets Untested;
    EscalationReason: Failed Rejected Unverifiable Budget TooLarge Blocked Stopped RedBase Stage LoggedOut;
    NoticeReason: WorkspaceKept RepositoryTouched Mail;
    SurfacingReason: Completions Decisions HighImpact Conflict;
    Surfacing: Off Notify Pause;
    Impact: Low High;
    AssumptionStatus: Open Confirmed Rejected;
    DirectionKind: Goal Constraint Priority;
    RoutingReason: Match Part Default;
    RouteMatch: Path Word Type;
    CardAnswer: Option Deny Text;
    CardOption: Once Ticket Agent Project Deny Accept Reject Retry RetryGates Resume Continue Cancel Ok Yes No;
    Scope: Once Ticket Agent Project;
    DeliveryKind: Answer Rejection Revision Message Result Direction Mail;
    MailStatus: Queued Delivered Read Returned;
    CallResult: Success Failure;
    CallError: Failed Rejected Cancelled Budget;
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
        Workspace Cpu Processes Wrote Tick;
    SessionAction: Control Ask Tell AnswerHook Note WriteMission WriteSessionFile InspectWorkspace MeasureCpu
        InspectProcesses EndProcesses Prompted End;
    Control: Prompt Steer Permit Interrupt Release Close;
    RuntimeEvent: Opening Session Transcript Prompted Text ToolStarted ToolEnded SubAgent OfSubAgent Background Usage
        PermissionRequested PermissionWithdrawn Steered NotSteered Retrying Report Alive TurnEnded;
    Setback: Limit Connection Other;
    TurnEnd: Completed Interrupted Failed;
}

/// What no run of the simulation can show, and why.
const IMPOSSIBLE: &[&str] = &[
    // The machine's own inputs: their effects are counted as events.
    "Input::HostLapsed",
    "Input::Tick",
    // Denials have an answer of their own.
    "CardOption::Deny",
    // Of journals from before the phase `stopped`.
    "EscalationReason::Stopped",
    "CardOption::Resume",
    // Nobody takes back what they said; they say the contrary.
    "AssumptionStatus::Open",
    // A bug: it ends the run as a failure.
    "Ending::Breach",
    // Foremen of the simulation go on for ever, and nobody tells them not to stop.
    "Ending::Still",
    "Stop::No",
];

/// Every variant that a run can show.
pub(crate) fn possible() -> impl Iterator<Item = &'static str> {
    ALL.iter().flat_map(|names| names.iter().copied()).filter(|name| !IMPOSSIBLE.contains(name))
}
