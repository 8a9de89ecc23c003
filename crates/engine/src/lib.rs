#![warn(missing_docs)]
//! The rules of Ganger.
//!
//! Pure: no IO, no clock, no randomness, no async. Three functions are all there is to it:
//!
//! ```text
//! decide(&State, now, Input) -> Result<Decision, Rejected>   may refuse, never acts
//! apply(&mut State, &Event)                                  total; replay never panics
//! plan(&State, now) -> Plan                                  what should be so, and the next deadline
//! ```
//!
//! [`Ledger`] puts them in the one order that is safe: decide, apply to a working state, check the
//! invariants, and hand out the records to append before anybody acts on them.

mod comparison;
mod decide;
mod event;
pub mod forecast;
pub mod foreman;
mod holding;
pub mod host;
mod ids;
mod input;
mod invariants;
mod ledger;
mod model;
mod mutant;
mod order;
mod plan;
mod ready;
mod record;
mod rejected;
pub mod rules;
pub mod session;
mod state;
pub mod text;
mod verdict;

pub use comparison::{Comparison, EntrySummary, GateSummary, of as comparison_of};
pub use decide::{Objection, decide, mailbox, objection, plan_of, review_id, tickets_seen};
pub use event::Event;
pub use holding::Reach;
pub use ids::{
    AttemptId, CardId, Commit, DecisionId, DeliveryId, Digest, HostId, IdError, MailId, SessionId, TicketId,
};
pub use input::{Answer, AttemptEnd, Decision, Envelope, Input, NewTicket, Outcome, TicketChange};
pub use invariants::{Breach, check_all, check_tickets};
pub use ledger::{Ledger, Refusal};
pub use model::{
    agent::{AgentPolicy, Budget, FILED_PER_ATTEMPT, GatePolicy, Pause, Policy, RedBase},
    answer::{CardAnswer, CardOption},
    assumption::{
        Assumption, AssumptionId, AssumptionStatus, Impact, NewAssumption, Settlement, is_same as is_same_word,
    },
    attempt::{Attempt, AttemptCount, AttemptOutcome, AttemptStage, FailureClass, Session},
    call::{CallChanges, CallError, CallLimits, CallResult, CallSpec, CallStatus, Calls, NewCall},
    card::{ApprovalReason, Card, CardKind, CardState, EscalationReason, NoticeReason},
    check::{Check, Expects},
    chief::{Chief, Correction, Surfacing, SurfacingPolicy, SurfacingReason},
    contest::{Contender, ContestProgress, Lines, Take, Taken},
    delivery::{Delivery, DeliveryEvidence, DeliveryKind, Message, Urgency},
    direction::{DirectionKind, Directive, DirectiveRemoval, texts_of},
    evidence::{Evidence, EvidenceKey},
    goal::{Clarification, GoalProgress, GoalRules, Interview, Interviewed, StagePolicy, StageRole, StageVerdict},
    hazard::Hazard,
    host::{Host, HostReport},
    mail::{
        Author, Importance, Mail, MailCopy, MailLimits, MailQuery, MailStatus, Mailbox, NewMail, Receipt, ReceiptLine,
        Speaker,
    },
    permission::{PendingPermission, PermissionAnswer, PermissionRequest, Permit, Scope},
    phase::{IllegalTransition, Phase},
    plan::{PlanDependency, PlanPhase, PlanTicket, WorkPlan},
    review::{
        Finding, FindingAnswer, FindingStatus, ItemVerdict, Review, ReviewRules, ReviewVerdict, Reviews, Severity,
    },
    routing::{Blocker, Route, RouteMatch, Routing, RoutingReason},
    ticket::{DoneAnswer, Note, Priority, Report, Ticket, TicketSpec},
    usage::Usage,
    view::{TicketPage, TicketQuery, TicketView},
    work::{Acceptance, Bases, Claim, Directory, Kind, Verification, Work},
};
#[cfg(feature = "mutants")]
pub use mutant::Mutant;
pub use order::{Offer, Order, SessionMessage, VerifyJob};
pub use plan::{Effect, Plan, cancel_all, plan, plan_by_full_scan};
pub use ready::{Reason, obstacle_of_agent, status_of, why};
pub use record::{RECORD_VERSION, Record, RecordError};
pub use rejected::{RejectCode, Rejected};
pub use state::{Changes, Parts, SNAPSHOT_VERSION, SnapshotError, State, StateError, day_of};
pub use verdict::CheckResult;

/// Milliseconds since the Unix epoch. The only notion of time in the engine.
pub type Millis = u64;
