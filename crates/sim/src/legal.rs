//! In which phase a ticket may be when a fact about it is recorded. A run fails when another pair occurs; the seeds of CI
//! fail when a pair never does.

use ganger_engine::Phase::{
    self, Accepted, Cancelled, Done, Merged, NeedsYou, Open, Reviewing, Running, Stopped, Suspended, Verifying,
};
use ganger_engine::{Event, State};

macro_rules! legal {
    ($($event:ident: $($phase:ident)*;)*) => {
        /// Every fact by name, with the phases.
        pub(crate) const LEGAL: &[(&str, &[Phase])] = &[$((stringify!($event), &[$($phase),*]),)*];

        /// The name of a fact and its phases.
        fn row(event: &Event) -> (&'static str, &'static [Phase]) {
            match event {
                $(Event::$event { .. } => (stringify!($event), &[$($phase),*]),)*
            }
        }
    };
}

// Without a phase: what is about the board, or about a ticket that is not on it yet.
legal! {
    ForemanElected: ;
    PolicySet: ;
    TrustRecorded: ;
    HostReported: ;
    HostLapsed: ;
    RuntimePaused: ;
    PermitGranted: ;
    PermitUsed: ;
    PermitRevoked: ;
    DirectionAdded: ;
    DirectionRemoved: ;
    TicketAdded: ;

    TicketEdited: Open Running Suspended Verifying Reviewing Accepted NeedsYou Stopped;
    // Before anybody worked on it.
    TicketRouted: Open NeedsYou Stopped;
    TicketBlocked: Open NeedsYou;
    TicketNoted: Open Running Suspended Verifying Reviewing Accepted NeedsYou Stopped Merged Done Cancelled;
    TicketClosed: Open Running Suspended Verifying Reviewing Accepted NeedsYou Stopped;
    TicketReopened: Reviewing Accepted NeedsYou Cancelled;
    TicketStopped: Open Running Suspended Verifying Reviewing NeedsYou;
    StopLifted: Running Suspended Verifying Reviewing NeedsYou Stopped;
    HazardSentBack: Open;
    // Work that is rejected too often while a person has stopped its ticket.
    TicketHeld: Open Verifying Stopped;
    TicketResumed: Suspended NeedsYou Stopped;

    // A closed ticket has a live attempt until its processes are gone.
    AttemptOffered: Open;
    AttemptGranted: Running;
    AttemptDeclined: Running Cancelled;
    AttemptCancelled: Running Cancelled;
    AttemptEnded: Running Cancelled;
    AttemptLost: Running Cancelled;
    AttemptCleared: Running Cancelled;
    SessionStarted: Running Cancelled;
    Delivered: Running Cancelled;
    MessageSeen: Running Cancelled;
    UsageReported: Running Cancelled;
    ReportMade: Running Cancelled;
    AssumptionLogged: Running Cancelled;
    AssumptionSettled: Open Running Suspended Verifying Reviewing Accepted NeedsYou Stopped Merged Done Cancelled;

    VerificationStarted: Verifying;
    VerificationLost: Verifying;
    VerificationNeeded: Verifying Reviewing Accepted NeedsYou;
    // A landing runs the gates on the merged result.
    EvidenceRecorded: Verifying Accepted;
    EvidenceDiscarded: NeedsYou;
    ReviewRequested: Verifying;
    ReviewFailed: Reviewing;
    TicketRejected: Open Verifying Reviewing Accepted NeedsYou;
    // A person takes an entry of a contest.
    ApprovedByPerson: Suspended Reviewing NeedsYou;
    TicketAccepted: Verifying Reviewing NeedsYou;

    CallEnded: Open Verifying;
    // An agent that is being stopped may still look at its calls.
    CallResultsRead: Running Cancelled;
    CallsReturned: Open Suspended Reviewing Verifying Running NeedsYou Accepted Stopped Cancelled;

    StagePassed: Suspended;
    StageApproved: Suspended;
    StageReturned: Suspended;
    GoalExpanded: Suspended;
    GoalReached: Suspended;

    ContestBegun: Suspended;
    EntryGaveUp: Open Suspended Stopped;
    EntryTaken: Suspended;

    DeliveryQueued: Open Running Suspended Verifying Reviewing Accepted NeedsYou Stopped;
    DeliveryReturned: Open Suspended NeedsYou Stopped Cancelled;
    MailSent: Open Running Suspended Verifying Reviewing Accepted NeedsYou Stopped Merged Done Cancelled;
    MailRead: Open Running Suspended Verifying Reviewing Accepted NeedsYou Stopped Merged Done Cancelled;
    MailReturned: Accepted Merged Cancelled;
    CardOpened: Open Running Suspended Verifying Reviewing Accepted NeedsYou Stopped Merged Done Cancelled;
    CardAnswered: Open Running Suspended Verifying Reviewing Accepted NeedsYou Stopped Merged Done Cancelled;
    CardWithdrawn: Open Running Suspended Verifying Reviewing Accepted NeedsYou Stopped Merged Done Cancelled;
    PermissionLapsed: Running;
    PermissionAnswered: Running;
    PermissionDelivered: Running Cancelled;

    MergeApproved: Accepted;
    Merged: Accepted;
    MergeUndone: Merged;
    MergeFailed: Accepted;
    WorkspaceRemoved: Open Suspended Verifying Reviewing Accepted NeedsYou Stopped Merged Done Cancelled;
    WorkspaceKept: Open Suspended Verifying Reviewing Accepted NeedsYou Stopped Merged Done Cancelled;
}

/// Pairs that can be, but so rarely that no number of seeds in CI promises them: a stop that is lifted
/// after the gates have said that a person is to look, an answer that is corrected while something else holds the ticket, the removal of a workspace after the ticket has been through another attempt, the
/// question about a closed dependency that is settled just while the gates run.
const RARE: &[Pair] = &[
    // One workspace in a hundred is kept, and most of these before the ticket is merged.
    ("WorkspaceKept", Some(Merged)),
    ("WorkspaceKept", Some(Done)),
    ("MailReturned", Some(Merged)),
    ("CallResultsRead", Some(Cancelled)),
    // A model request of a ticket that was closed in that moment.
    ("MessageSeen", Some(Cancelled)),
    ("TicketHeld", Some(Stopped)),
    // An entry that used up the budget of its contest while it waits for calls, or that a person stopped.
    ("EntryGaveUp", Some(Suspended)),
    ("EntryGaveUp", Some(Stopped)),
    ("CardOpened", Some(Merged)),
    ("CardOpened", Some(Done)),
    // Cards about assumptions outlive the ticket that they name.
    ("CardWithdrawn", Some(Merged)),
    ("CardWithdrawn", Some(Done)),
    ("CardAnswered", Some(Done)),
    // A review is over while its ticket moves on, or a person reopens it in that moment.
    ("CallsReturned", Some(Running)),
    ("CallsReturned", Some(NeedsYou)),
    ("CallsReturned", Some(Accepted)),
    ("CallsReturned", Some(Stopped)),
    ("CardWithdrawn", Some(Accepted)),
    ("StopLifted", Some(Reviewing)),
    ("StopLifted", Some(NeedsYou)),
    ("CardWithdrawn", Some(Verifying)),
    ("DeliveryReturned", Some(Suspended)),
    ("DeliveryReturned", Some(NeedsYou)),
    ("DeliveryReturned", Some(Stopped)),
    ("WorkspaceRemoved", Some(Suspended)),
    ("WorkspaceRemoved", Some(Reviewing)),
    ("WorkspaceRemoved", Some(NeedsYou)),
    ("WorkspaceRemoved", Some(Stopped)),
    ("WorkspaceKept", Some(Suspended)),
    ("WorkspaceKept", Some(Verifying)),
    ("WorkspaceKept", Some(Reviewing)),
    ("WorkspaceKept", Some(NeedsYou)),
    ("WorkspaceKept", Some(Stopped)),
];

/// A fact and the phase of its ticket before it, where there is one.
pub(crate) type Pair = (&'static str, Option<Phase>);

/// The pair that a fact makes.
///
/// # Errors
/// With the pair as text when it must not be.
pub(crate) fn pair(before: &State, event: &Event) -> Result<Pair, String> {
    let (name, phases) = row(event);
    let ticket = before.ticket_of(event).and_then(|id| before.tickets.get(&id));
    let phase = ticket.map(|t| t.phase);
    let is_legal = phase.map_or(phases.is_empty(), |phase| phases.contains(&phase));
    if is_legal { Ok((name, phase)) } else { Err(format!("{name} of a ticket that is {}", shown(phase))) }
}

/// Every pair that the seeds of CI have to show.
pub(crate) fn pairs() -> impl Iterator<Item = Pair> {
    let all = LEGAL.iter().flat_map(|(name, phases)| {
        let board = phases.is_empty().then_some((*name, None));
        board.into_iter().chain(phases.iter().map(|phase| (*name, Some(*phase))))
    });
    all.filter(|pair| !RARE.contains(pair))
}

/// A phase, as a column.
pub(crate) fn shown(phase: Option<Phase>) -> &'static str {
    phase.map_or("-", Phase::as_str)
}
