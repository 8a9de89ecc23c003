//! Properties over random histories: whatever people, hosts and time do, replay gives the same state, the
//! plan needs no scan, and the invariants hold.

use crate::support::{add, board, claim, ended, evidence, host, policy, tick};
use ganger_engine::{
    Answer, Attempt, AttemptId, AttemptOutcome, AttemptStage, Envelope, FailureClass, HostId, Input, Ledger, NewMail,
    Parts, Phase, Policy, Record, Refusal, Speaker, State, TicketChange, TicketId, check_all, plan, plan_by_full_scan,
};
use proptest::prelude::*;

/// What happens next, chosen by two numbers.
fn choose(state: &State, kind: u8, pick: u8) -> Input {
    let ticket = |n: u8| state.tickets.keys().nth(usize::from(n) % state.tickets.len().max(1)).cloned();
    let id = ticket(pick).unwrap_or(TicketId::from("T-1"));
    let attempt = state.attempts.iter().nth(usize::from(pick) % state.attempts.len().max(1));
    let verifying = state.tickets.iter().find(|(_, t)| t.phase == Phase::Verifying && t.verifying.is_some());
    match (kind % 18, attempt, verifying) {
        (0, ..) => add("more", |s| {
            s.after = ticket(pick).into_iter().filter(|_| pick.is_multiple_of(2)).collect();
            s.files = vec![format!("f{}", pick % 4)];
            s.done = if pick.is_multiple_of(3) { vec!["item".into()] } else { vec![] };
        }),
        (1, Some((a, at)), _) if at.stage == AttemptStage::Offered => claim(a.as_str(), at.token),
        (2 | 3, Some((a, at)), _) => ended(a.as_str(), at.token, |e| {
            e.head = Some(format!("c{pick}").as_str().into());
            e.outcome = match pick % 5 {
                0 => AttemptOutcome::Interrupted,
                1 => AttemptOutcome::failed(FailureClass::Crashed, "m"),
                2 => AttemptOutcome::failed(FailureClass::Transient, "m"),
                _ => AttemptOutcome::Finished,
            };
        }),
        (4 | 5, _, Some((id, t))) => {
            let commit = t.head.clone().unwrap();
            evidence(id.as_str(), t.verifying.as_ref().unwrap().1, commit.as_str(), i32::from(pick.is_multiple_of(3)))
        }
        (6, ..) => match state.open_cards().next() {
            Some(card) => {
                let answer = ["retry", "accept", "cancel", "something", "continue", "reject", "ok"]
                    [usize::from(pick) % 7]
                    .to_owned();
                match card.parse_answer(&answer) {
                    Ok(answer) => Input::Answer(Answer { card: card.id.clone(), answer, by: "p".into() }),
                    Err(_) => tick(),
                }
            }
            None => tick(),
        },
        (7, ..) => Input::CloseTicket { ticket: id, reason: "r".into(), by: "p".into() },
        (8, ..) => Input::ReopenTicket { ticket: id, reason: "again".into(), by: "p".into() },
        (9, ..) => Input::ApproveMerge { tickets: vec![id], by: "p".into() },
        (10, ..) => Input::MergeDone { ticket: id, commit: "m".into(), evidence: vec![] },
        (11, ..) => host(&format!("i-{}", pick % 3)),
        (12, ..) => Input::HostLapsed { host: HostId::from("h"), incarnation: format!("i-{}", pick % 3) },
        (13, ..) if pick.is_multiple_of(4) => {
            let mut policy = Policy { max_parallel: 1 + u32::from(pick % 3), ..policy() };
            policy.gates[0].digest = format!("d{}", pick % 2);
            Input::SetPolicy { policy }
        }
        (14, ..) => {
            let done = Some(vec![format!("item {}", pick % 3)]);
            Input::EditTicket { ticket: id, change: Box::new(TicketChange { done, ..TicketChange::default() }) }
        }
        (15, _, Some((id, t))) => {
            let token = t.verifying.as_ref().unwrap().1;
            Input::VerificationFailed { ticket: id.clone(), token, why: "no folder".into() }
        }
        (17, at, _) => {
            let agent = |(a, at): (&AttemptId, &Attempt)| Speaker::Agent { attempt: a.clone(), token: at.token };
            let by = at.filter(|_| pick.is_multiple_of(2)).map(agent).unwrap_or(Speaker::Person { name: "p".into() });
            if pick.is_multiple_of(3) {
                return Input::ReadMail { by, mail: format!("M-{}", pick % 5).as_str().into() };
            }
            let to = vec![if pick.is_multiple_of(5) { "you".to_owned() } else { id.to_string() }];
            Input::SendMail { by, mail: NewMail { to, subject: "s".into(), body: "b".into(), ..NewMail::default() } }
        }
        (16, ..) => Input::WorkspaceKept { ticket: id, host: "h".into(), why: "a repository inside".into() },
        _ => tick(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn replay_plan_and_invariants_hold_over_any_history(steps in prop::collection::vec((any::<u8>(), any::<u8>(), 0_u64..20_000), 1..120)) {
        let mut ledger = Ledger::new(State::default());
        let mut records: Vec<Record> = Vec::new();
        let now = std::cell::Cell::new(1_000_000);
        let opening = board().into_iter().map(|i| (i, 0));
        let mut step = |ledger: &mut Ledger, input: Input, wait: u64| {
            now.set(now.get() + wait);
            let envelope = Envelope::new(format!("i{}", records.len()), "any", input);
            match ledger.decide(now.get(), &envelope) {
                Ok(_) | Err(Refusal::Rejected(_)) => {}
                Err(bug) => panic!("{bug} after {:?}", envelope.input),
            }
            records.extend(ledger.committed());
        };
        opening.for_each(|(input, wait)| step(&mut ledger, input, wait));
        for (kind, pick, wait) in steps {
            let input = choose(ledger.state(), kind, pick);
            step(&mut ledger, input, wait);
            prop_assert_eq!(check_all(ledger.state()), Ok(()));
            prop_assert_eq!(plan(ledger.state(), now.get()), plan_by_full_scan(ledger.state(), now.get()));
        }
        let mut replayed = State::default();
        for record in &records {
            replayed.apply_record(record).unwrap();
        }
        prop_assert_eq!(&replayed, ledger.state());
        prop_assert_eq!(&State::from_snapshot(&replayed.to_snapshot().unwrap()).unwrap(), ledger.state());
        prop_assert_eq!(&from_parts(&replayed), ledger.state());
        prop_assert_eq!(plan(&replayed, now.get()), plan(ledger.state(), now.get()));
    }
}

/// The state, put together from what a store keeps of it.
fn from_parts(state: &State) -> State {
    let parts = Parts {
        mail: state.mail.clone(),
        tickets: state.tickets.clone(),
        cards: state.cards.clone(),
        evidence: state.evidence.clone(),
        outcomes: state.newest_outcomes(usize::MAX).map(|(key, outcome)| (key.clone(), outcome.clone())).collect(),
    };
    State::from_parts(&state.to_head().unwrap(), parts).unwrap()
}
