//! Cards: what waits for a person, and what a person may answer.

use crate::{
    AttemptId, CardAnswer, CardId, CardOption, Commit, Contender, FailureClass, Hazard, MailId, Millis,
    PendingPermission, RejectCode, Rejected, SurfacingReason, TicketId,
};
use serde::{Deserialize, Serialize};

/// What a card is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum CardKind {
    /// An agent asks.
    Question {
        /// The tool call that asked: the same call finds the same card.
        call: String,
        /// Answers that the agent suggests; any other text is an answer, too.
        suggestions: Vec<String>,
    },
    /// A runtime asks for permission and waits.
    Permission {
        /// The request.
        permission: PendingPermission,
    },
    /// A person's approval is needed to accept this commit.
    Approval {
        /// The commit.
        commit: Commit,
        /// Why gates are not enough.
        why: ApprovalReason,
    },
    /// A limit was reached: a person decides how to continue.
    Escalation {
        /// What happened.
        why: EscalationReason,
    },
    /// A person's approval of what a stage of a goal wrote.
    Stage {
        /// The stage.
        stage: String,
        /// The ticket that holds its output.
        by: TicketId,
    },
    /// Every entry of a contest is over: which is taken?
    Contest {
        /// The agents of those that are accepted; `entries` has the rest in the same order.
        agents: Vec<String>,
        /// Those that are accepted; none: every entry gave up.
        entries: Vec<Contender>,
    },
    /// A ticket that this one depends on was closed.
    Orphaned {
        /// The closed ticket.
        closed: TicketId,
    },
    /// What agents assumed. It is about the whole project; its ticket is one of those concerned.
    Surfacing {
        /// Why it is shown now.
        why: SurfacingReason,
    },
    /// An agent filed the ticket: is it wanted?
    Proposal,
    /// Something that a person should know; nothing waits for it.
    Notice {
        /// What happened.
        why: NoticeReason,
    },
}

/// Why a person's approval is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum ApprovalReason {
    /// No gate is configured that could verify the work.
    NoGate,
    /// The policy asks for a review.
    Review,
    /// The change deletes much, touches `.env` files, or holds secrets.
    Hazards {
        /// Which, and where.
        hazards: Vec<Hazard>,
        /// What looks like weakened tests in it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        signs: Vec<String>,
    },
    /// The change seems to weaken tests.
    Tampering {
        /// What it looks like.
        signs: Vec<String>,
    },
    /// Checks of the ticket were never seen red.
    ProvesNothing {
        /// Their commands.
        checks: Vec<String>,
    },
}

/// Why a ticket cannot continue by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum EscalationReason {
    /// Attempts failed.
    Failed {
        /// How the last one failed.
        class: FailureClass,
        /// How many in a row.
        times: u32,
    },
    /// Claims were rejected.
    Rejected {
        /// How many in a row.
        times: u32,
        /// Whether the gates alone, run again, could settle it.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        retry_gates: bool,
    },
    /// Gates could not be run.
    Unverifiable {
        /// How many times in a row.
        times: u32,
    },
    /// The ticket's budget is used up.
    Budget {
        /// Tokens used.
        spent: u64,
        /// Tokens allowed.
        limit: u64,
    },
    /// An attempt left too much to commit without a look.
    TooLarge {
        /// Files left.
        files: u64,
        /// Bytes left.
        bytes: u64,
    },
    /// Nobody whose route matches can do it.
    Blocked {
        /// Who said so.
        agents: Vec<String>,
    },
    /// A person stopped it. Only in journals from before the phase `stopped`.
    Stopped,
    /// A gate is red without the work, too. One card for all tickets that meet the same.
    RedBase {
        /// Digest of the gate.
        gate: String,
        /// Where it is red.
        commit: Commit,
    },
    /// A stage of a goal failed.
    Stage {
        /// Which.
        stage: String,
    },
    /// A runtime's login was refused. One card for everybody who would work on it.
    LoggedOut {
        /// The runtime.
        runtime: String,
    },
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_yes(so: &bool) -> bool {
    *so
}

/// What a notice is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum NoticeReason {
    /// A workspace could not be removed without losing something.
    WorkspaceKept,
    /// An agent moved branches or tags of the person's repository.
    RepositoryTouched,
    /// An agent wrote to the person.
    Mail {
        /// What it wrote.
        mail: MailId,
    },
}

impl CardKind {
    /// Its name on screens and in JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Question { .. } => "question",
            Self::Permission { .. } => "permission",
            Self::Approval { .. } | Self::Stage { .. } => "approval",
            Self::Escalation { .. } => "escalation",
            Self::Contest { .. } => "contest",
            Self::Orphaned { .. } => "orphaned",
            Self::Surfacing { .. } => "surfacing",
            Self::Proposal => "proposal",
            Self::Notice { .. } => "notice",
        }
    }

    /// The options. The first ones are the usual ones.
    #[must_use]
    pub fn options(&self) -> &'static [CardOption] {
        use crate::CardOption::{
            Accept, Agent, Cancel, Continue, Deny, No, Ok, Once, Project, Reject, Resume, Retry, RetryGates, Ticket,
            Yes,
        };
        match self {
            Self::Question { .. } => &[],
            Self::Permission { .. } => &[Once, Ticket, Agent, Project, Deny],
            Self::Approval { why: ApprovalReason::NoGate, .. } | Self::Stage { .. } => &[Accept, Cancel],
            Self::Approval { why: ApprovalReason::Review, .. } => &[Accept],
            Self::Approval { why: ApprovalReason::Tampering { .. } | ApprovalReason::Hazards { .. }, .. } => {
                &[Accept, Reject]
            }
            Self::Approval { why: ApprovalReason::ProvesNothing { .. }, .. } => &[Accept],
            Self::Escalation { why: EscalationReason::Stopped } => &[Resume, Cancel],
            Self::Escalation { why: EscalationReason::RedBase { .. } } => &[Retry, Continue],
            Self::Escalation { why: EscalationReason::LoggedOut { .. } } => &[Retry],
            Self::Escalation {
                why: EscalationReason::Rejected { retry_gates: true, .. } | EscalationReason::Unverifiable { .. },
            } => &[Retry, RetryGates, Cancel],
            Self::Escalation { .. } => &[Retry, Cancel],
            Self::Contest { entries, .. } if !entries.is_empty() => &[Cancel],
            Self::Contest { .. } => &[Retry, Cancel],
            Self::Orphaned { .. } => &[Continue, Cancel],
            Self::Surfacing { why: SurfacingReason::Conflict { .. } } => &[],
            Self::Surfacing { .. } => &[Continue],
            Self::Proposal => &[Yes, No],
            Self::Notice { .. } => &[Ok],
        }
    }

    /// What free text means as an answer, where it is one.
    #[must_use]
    pub fn free_text(&self) -> Option<&'static str> {
        match self {
            Self::Question { .. } => Some("<your answer>"),
            Self::Surfacing { why } if why.is_summary() => Some("<direction for all agents>"),
            Self::Surfacing { .. } => Some("<what is true instead>"),
            Self::Approval { why: ApprovalReason::Review | ApprovalReason::ProvesNothing { .. }, .. }
            | Self::Stage { .. } => Some("<what to change>"),
            Self::Proposal => Some("<what to add to it>"),
            Self::Contest { entries, .. } if !entries.is_empty() => Some("<agent>"),
            Self::Approval { .. }
            | Self::Permission { .. }
            | Self::Escalation { .. }
            | Self::Contest { .. }
            | Self::Orphaned { .. }
            | Self::Notice { .. } => None,
        }
    }

    /// Whether an answer is one of those that this kind of card takes.
    #[must_use]
    pub fn takes(&self, answer: &CardAnswer) -> bool {
        match answer {
            CardAnswer::Option(CardOption::Deny) => false,
            CardAnswer::Option(option) => self.options().contains(option),
            CardAnswer::Deny(_) => matches!(self, Self::Permission { .. }),
            CardAnswer::Text(agent) if matches!(self, Self::Contest { .. }) => self.contender(agent).is_some(),
            CardAnswer::Text(text) => self.free_text().is_some() && !text.trim().is_empty(),
        }
    }

    /// Whether the ticket of such a card waits for the answer. A request for permission holds a process, no ticket.
    #[must_use]
    pub fn holds_ticket(&self) -> bool {
        match self {
            Self::Question { .. }
            | Self::Approval { .. }
            | Self::Stage { .. }
            | Self::Escalation { .. }
            | Self::Contest { .. }
            | Self::Orphaned { .. }
            | Self::Proposal => true,
            Self::Permission { .. } | Self::Surfacing { .. } | Self::Notice { .. } => false,
        }
    }

    /// The entry of a contest that is meant by its agent, or by its id.
    #[must_use]
    pub fn contender(&self, word: &str) -> Option<&Contender> {
        let Self::Contest { agents, entries } = self else { return None };
        let is_meant = |(agent, entry): &(&String, &Contender)| {
            agent.eq_ignore_ascii_case(word.trim()) || entry.entry.as_str().eq_ignore_ascii_case(word.trim())
        };
        agents.iter().zip(entries).find(is_meant).map(|(_, entry)| entry)
    }

    /// What plain words say where any text is an answer: nobody wants `yes` changed.
    fn meant_by(&self, typed: &str) -> Option<CardOption> {
        let words = typed.to_lowercase();
        let words = words.trim_end_matches(['.', '!']);
        let agrees = ["yes", "y", "ok", "okay", "approve", "approved", "accepted", "lgtm"].contains(&words);
        let declines = ["n", "nope", "no thanks", "no, thanks", "no thank you", "never"].contains(&words);
        match self {
            Self::Stage { .. } | Self::Approval { .. } if agrees => {
                Some(CardOption::Accept).filter(|accept| self.options().contains(accept))
            }
            Self::Proposal if agrees => Some(CardOption::Yes),
            Self::Proposal if declines => Some(CardOption::No),
            _ => None,
        }
    }

    /// Answers in words that the card suggests.
    fn suggestions(&self) -> &[String] {
        match self {
            Self::Question { suggestions, .. } => suggestions,
            Self::Surfacing { why: SurfacingReason::Conflict { values, .. } } => values,
            Self::Contest { agents, .. } => agents,
            _ => &[],
        }
    }
}

/// Whether a card still waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum CardState {
    /// It waits.
    Open,
    /// A person answered.
    Answered {
        /// The answer.
        answer: CardAnswer,
        /// Who.
        by: String,
        /// When.
        at: Millis,
    },
    /// It no longer matters.
    Withdrawn {
        /// Why.
        why: String,
    },
}

/// A card in the inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Its id.
    pub id: CardId,
    /// The ticket.
    pub ticket: TicketId,
    /// The attempt that caused it, if one did.
    pub attempt: Option<AttemptId>,
    /// What it is about.
    pub kind: CardKind,
    /// The question in one line.
    pub question: String,
    /// The brief: what led here, with the evidence.
    pub brief: String,
    /// The usual answer, where there is one.
    pub default: Option<CardOption>,
    /// What the default leads to, or what happens without an answer.
    pub consequence: String,
    /// When it was opened.
    pub opened: Millis,
    /// Whether it waits.
    pub state: CardState,
}

impl Card {
    /// Whether it still waits.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == CardState::Open
    }

    /// Whether an agent asks on it.
    #[must_use]
    pub fn is_question(&self) -> bool {
        matches!(self.kind, CardKind::Question { .. })
    }

    /// Whether any words are an answer to it, with others suggested: whoever means others has to say so.
    #[must_use]
    pub fn takes_other(&self) -> bool {
        let suggests = !self.kind.suggestions().is_empty() && !matches!(self.kind, CardKind::Contest { .. });
        self.is_question() || suggests
    }

    /// Why assumptions are shown on it, if it is about them.
    #[must_use]
    pub fn surfacing(&self) -> Option<&SurfacingReason> {
        match &self.kind {
            CardKind::Surfacing { why } => Some(why),
            _ => None,
        }
    }

    /// The gate that is red without the work, and where, if the card is about that.
    #[must_use]
    pub fn red_base(&self) -> Option<(&str, &Commit)> {
        match &self.kind {
            CardKind::Escalation { why: EscalationReason::RedBase { gate, commit } } => Some((gate, commit)),
            _ => None,
        }
    }

    /// The runtime that is not logged in, if the card is about that.
    #[must_use]
    pub fn logged_out(&self) -> Option<&str> {
        match &self.kind {
            CardKind::Escalation { why: EscalationReason::LoggedOut { runtime } } => Some(runtime),
            _ => None,
        }
    }

    /// What looks like weakened tests, line by line: the brief has only the first ones.
    #[must_use]
    pub fn signs(&self) -> &[String] {
        match &self.kind {
            CardKind::Approval {
                why: ApprovalReason::Tampering { signs } | ApprovalReason::Hazards { signs, .. },
                ..
            } => signs,
            _ => &[],
        }
    }

    /// The request on a permission card.
    #[must_use]
    pub fn permission(&self) -> Option<&PendingPermission> {
        match &self.kind {
            CardKind::Permission { permission } => Some(permission),
            _ => None,
        }
    }

    /// The answers to choose from, as a person types them.
    #[must_use]
    pub fn choices(&self) -> Vec<String> {
        let suggestions = self.kind.suggestions();
        let options = self.kind.options().iter().map(|o| o.as_str().to_owned());
        let text = self.kind.free_text().filter(|_| suggestions.is_empty() && !self.is_question());
        suggestions.iter().cloned().chain(options).chain(text.map(str::to_owned)).collect()
    }

    /// Reads an answer as a person types it.
    ///
    /// # Errors
    /// When it is empty, or no option of a card that takes no free text.
    pub fn parse_answer(&self, typed: &str) -> Result<CardAnswer, Rejected> {
        let typed = typed.trim();
        if typed.is_empty() {
            return Err(Rejected::new(RejectCode::EmptyAnswer, format!("the answer to {} is empty", self.id)));
        }
        let named = |word: &str| {
            let options = self.kind.options().iter().copied();
            options.into_iter().find(|o| o.as_str().eq_ignore_ascii_case(word))
        };
        let (word, rest) = typed.split_once([' ', ':']).unwrap_or((typed, ""));
        if let Some(option) = self.kind.meant_by(typed) {
            return Ok(CardAnswer::Option(option));
        }
        match (named(typed), named(word), self.kind.free_text()) {
            (_, Some(CardOption::Deny), _) => Ok(CardAnswer::Deny(rest.trim_start_matches([' ', ':']).to_owned())),
            (Some(option), ..) => Ok(CardAnswer::Option(option)),
            (None, _, Some(_)) => self.parse_text(typed),
            (None, _, None) => Err(self.refuse(typed)),
        }
    }

    /// An answer in words: one of those that the agent suggests, where it suggests any.
    fn parse_text(&self, typed: &str) -> Result<CardAnswer, Rejected> {
        if self.kind.contender(typed).is_some() {
            return Ok(CardAnswer::Text(typed.to_owned()));
        }
        match self.kind.suggestions() {
            suggestions if !suggestions.is_empty() => {
                let meant = suggestions.iter().find(|s| s.trim().eq_ignore_ascii_case(typed));
                let refusal = || match self.takes_other() {
                    false => self.refuse(typed),
                    true => self.refuse(typed).hint(format!(
                        "answer with one of: {}; `--other` takes any other answer",
                        self.choices().join(", ")
                    )),
                };
                meant.map(|s| CardAnswer::Text(s.clone())).ok_or_else(refusal)
            }
            _ => Ok(CardAnswer::Text(typed.to_owned())),
        }
    }

    /// The refusal of an answer that the card does not take.
    pub(crate) fn refuse(&self, answer: &str) -> Rejected {
        Rejected::new(RejectCode::NotAnOption, format!("`{answer}` is not an answer to {}", self.id))
            .hint(format!("answer with one of: {}", self.choices().join(", ")))
    }
}
