//! Named faults, for the proof that the simulation finds them. Only the feature `mutants` compiles them in; a build
//! without it has the normal expression and nothing else.

/// The normal expression; with the feature `mutants`, and while that mutant is active, the faulty one.
#[cfg(not(feature = "mutants"))]
macro_rules! mutant {
    ($name:ident, $normal:expr, $faulty:expr) => {
        $normal
    };
}

/// The normal expression, or the faulty one while that mutant is active.
#[cfg(feature = "mutants")]
macro_rules! mutant {
    ($name:ident, $normal:expr, $faulty:expr) => {
        if crate::mutant::Mutant::$name.is_active() { $faulty } else { $normal }
    };
}

pub(crate) use mutant;

#[cfg(feature = "mutants")]
pub use named::Mutant;

#[cfg(feature = "mutants")]
mod named {
    use std::cell::Cell;

    thread_local! {
        static ACTIVE: Cell<Option<Mutant>> = Cell::new(Mutant::of_environment());
    }

    macro_rules! mutants {
        ($($(#[$doc:meta])* $name:ident,)*) => {
            /// A fault.
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub enum Mutant {
                $($(#[$doc])* $name,)*
            }

            impl Mutant {
                /// Every fault.
                pub const ALL: &[Self] = &[$(Self::$name,)*];

                /// Its name.
                #[must_use]
                pub fn name(self) -> &'static str {
                    match self {
                        $(Self::$name => stringify!($name),)*
                    }
                }
            }
        };
    }

    mutants! {
        /// A cancelled attempt is granted.
        ClaimOfCancelled,
        /// A check that was green without the work counts as verification.
        NeverRedAccepted,
        /// A ticket starts before what it depends on is accepted.
        DependenciesIgnored,
        /// Tickets that change the same files run at once.
        OverlapIgnored,
        /// Attempts are offered whatever was spent.
        BudgetIgnored,
        /// A red gate counts as green.
        RedAccepted,
        /// Evidence of one commit counts for another.
        EvidenceOfAnyCommit,
        /// A landing is confirmed whether or not it is still approved.
        ConfirmAlways,
        /// A lost attempt is given away while its processes may live.
        LostClearedAtOnce,
        /// A workspace is removed while an agent works in it.
        RetireWhileRunning,
        /// A host works on after it has lost its lease.
        LeaseIgnored,
        /// A host starts an agent although its claim was refused.
        RefusedClaimStarts,
        /// The end of an attempt that could not be stored is not sent again.
        UnstoredEndForgotten,
        /// A session does not hear a cancel.
        CancelNotHeard,
        /// Inputs are decided while an append is under way.
        DecideWhileAppending,
        /// Inputs are acknowledged before their outcome is durable.
        AcknowledgeBeforeDurable,
        /// Senders are answered before the outcome is durable.
        AnswerBeforeDurable,
        /// Orders are sent from a state that is not durable.
        ActBeforeDurable,
        /// A writer that was overtaken goes on.
        OvertakenIgnored,
        /// A keyed input that comes again is decided again.
        RepeatDecidedAgain,
        /// A message that comes again is said again.
        MessageSaidTwice,
        /// The first prompt goes out before the session is journaled.
        PromptBeforeRecorded,
        /// A request for permission stays open when its process is gone.
        PermissionOutlivesProcess,
        /// An answered question does not resume its ticket.
        AnswerDoesNotResume,
        /// Work that weakens tests, deletes much or holds secrets is verified without a person.
        HazardsIgnored,
        /// An agent is not told of secrets in its work before a person is.
        HazardNotSentBack,
        /// A claim counts although items of the definition of done are open.
        DoneNotChecked,
        /// A claim without a change counts.
        NoChangeAccepted,
        /// Green work is accepted without the review that the policy asks for.
        ReviewSkipped,
            /// Whoever wrote the work may review it.
            AuthorReviews,
            /// A review of an earlier commit counts.
            OldReviewCounts,
            /// Work that a reviewer sent back is accepted.
            FailedReviewAccepted,
            /// A plan becomes tickets without a person's approval.
            PlanNotApproved,
            /// Tickets of a plan start before a person was asked about them.
            BatchIgnored,
            /// What a check refused is taken.
            FailedCheckPasses,
            /// Findings need no answer.
            FindingsNotAnswered,
        /// A contest takes a second entry.
        ContestTakesTwo,
        /// Entries of contests are merged by themselves.
        EntryLands,
        /// The entries of a contest do not share its budget.
        EntriesNotCounted,
        /// Work is accepted without a gate and without a person.
        NoGateAccepted,
        /// A ticket lands before what it builds on.
        MergedOutOfOrder,
        /// Two commits are landed at once.
        TwoLandings,
        /// An input is carried out after its sender gave up.
        ExpiredCarriedOut,
        /// A new foreman writes under the epoch of the one before.
        EpochNotRaised,
        /// Two attempts have the same fencing token.
        TokenUsedAgain,
        /// Work is looked at while its agent may still change it.
        InspectedBeforeKilled,
        /// Agents call each other without limits.
        CallLimitsIgnored,
        /// Agents write to each other without limits.
        MailLimitsIgnored,
        /// Mail that waits for its ticket waits for ever.
        MailForgotten,
        /// The calls of a closed ticket go on.
        CallsOutliveCaller,
        /// A caller goes on without the results of its calls.
        ResultsNotSaid,
        /// Nobody is asked about tickets whose dependency was closed.
        OrphansNotAsked,
        /// Accepted work stays accepted when its mission changes.
        EditKeepsAcceptance,
        /// Agents are started on a runtime that is not logged in.
        LoggedOutDispatched,
        /// A ticket is routed again although an agent has worked on it.
        RoutedAfterWork,
        /// A ticket goes back to an agent that said that it cannot do it.
        BlockedAskedAgain,
        /// New work starts before a person has answered what agents assume.
        SurfacingIgnored,
        /// Agents go on with an assumption that a person rejected.
        CorrectionNotTold,
    }

    impl Mutant {
        /// The one that `GANGER_MUTANT` names: for test runs, whose threads nobody asks.
        #[expect(clippy::disallowed_methods, reason = "there is no other way into the threads of a test run")]
        fn of_environment() -> Option<Self> {
            let name = std::env::var("GANGER_MUTANT").ok()?;
            Self::ALL.iter().find(|mutant| mutant.name() == name).copied()
        }

        /// Whether this thread runs with it.
        #[must_use]
        pub fn is_active(self) -> bool {
            ACTIVE.get() == Some(self)
        }

        /// Runs this thread with a mutant, or without.
        pub fn activate(mutant: Option<Self>) {
            ACTIVE.set(mutant);
        }
    }
}
