//! Forecasts: what they rest on, what they say, and how often they are right.

use crate::support::{NOW, add, after, board, claim, given, host, tick};
use ganger_engine::forecast::{Basis, Bottleneck, Experience, Forecast, Size, Spread, forecast};
use ganger_engine::{Phase, Priority, State, TicketId, TicketSpec, Usage};

const MINUTE: u64 = 60_000;

fn state(inputs: Vec<ganger_engine::Input>) -> State {
    given(&inputs).into_state()
}

/// A board with these tickets, T-1 first.
fn with(changes: &[&dyn Fn(&mut TicketSpec)]) -> State {
    let tickets = changes.iter().map(|change| add("t", |spec| change(spec)));
    state(after(board()[..3].to_vec(), tickets))
}

/// Says of a ticket that it was merged after so much work.
fn finish(state: &mut State, id: &str, minutes: u64, tokens: u64) {
    let ticket = state.tickets.get_mut(&TicketId::from(id)).unwrap();
    ticket.phase = Phase::Merged;
    ticket.worked = minutes * MINUTE;
    ticket.usage = Usage { output: tokens, micro_usd: Some(tokens * 10), ..Usage::default() };
}

fn look(state: &State, slots: usize) -> Forecast {
    forecast(state, NOW, &Experience::of(state, |_, _| None), slots)
}

fn plain(_: &mut TicketSpec) {}

/// A board on which every ticket took ten minutes and 1,000 tokens so far, and these are open.
fn ten_minutes_each(open: &[&dyn Fn(&mut TicketSpec)]) -> State {
    let finished: Vec<&dyn Fn(&mut TicketSpec)> = vec![&plain; 8];
    let mut state = with(&[&finished[..], open].concat());
    (1..=8).for_each(|n| finish(&mut state, &format!("T-{n}"), 10, 1_000));
    state
}

fn ids(tickets: &[TicketId]) -> Vec<&str> {
    tickets.iter().map(TicketId::as_str).collect()
}

#[track_caller]
fn about(spread: Spread, minutes: u64) {
    let (likely, wanted) = (spread.likely as f64, (minutes * MINUTE) as f64);
    assert!((likely / wanted - 1.0).abs() < 0.15, "{} min, not {minutes}", spread.likely / MINUTE);
    assert!(spread.at_most >= spread.likely);
}

#[test]
fn what_nobody_knows_is_a_guess() {
    let state = with(&[&plain]);
    let found = look(&state, 1);
    assert_eq!(found.tickets[0].basis, Basis::Guess);
    assert_eq!(found.tickets[0].size, (Size::M, false));
    about(found.board, 20);
    assert_eq!(found.micro_usd, None, "nobody said what it costs");
}

#[test]
fn finished_work_says_how_long_the_next_takes() {
    let found = look(&ten_minutes_each(&[&plain, &plain]), 1);
    about(found.board, 20);
    about(found.tickets[0].after, 10);
    assert_eq!(found.tickets[0].basis, Basis::AgentAndSize(8));
    assert!((1_800..2_300).contains(&found.tokens.unwrap().likely), "{:?}", found.tokens);
    assert!((18_000..23_000).contains(&found.micro_usd.unwrap().likely));
    about(look(&ten_minutes_each(&[&plain, &plain]), 2).board, 10);
}

/// What a runtime does not report is not nothing.
#[test]
fn tokens_that_nobody_reports_are_unknown() {
    let mut state = ten_minutes_each(&[&plain]);
    state.tickets.values_mut().for_each(|ticket| ticket.usage = Usage::default());
    let found = look(&state, 1);
    assert_eq!((found.tokens, found.micro_usd), (None, None));
}

/// Large work of this agent is not like its small work, as soon as there is enough of it.
#[test]
fn the_most_alike_counts() {
    let large = |spec: &mut TicketSpec| drop(spec.metadata.insert("size".into(), "XL".into()));
    let mut state = ten_minutes_each(&[&large, &large, &large, &large, &large, &large, &plain]);
    assert_eq!(look(&state, 1).tickets[0].basis, Basis::Agent(8), "no large one is finished yet");
    (9..=13).for_each(|n| finish(&mut state, &format!("T-{n}"), 100, 50_000));
    let found = look(&state, 9);
    let of = |id: &str| found.tickets.iter().find(|t| t.ticket.as_str() == id).unwrap();
    assert_eq!((of("T-14").size, of("T-14").basis), ((Size::Xl, true), Basis::AgentAndSize(5)));
    about(of("T-14").after, 100);
    about(of("T-15").after, 10);
}

#[test]
fn dependencies_make_the_critical_path() {
    let after_nine = |spec: &mut TicketSpec| spec.after = vec!["T-9".into()];
    let after_ten = |spec: &mut TicketSpec| spec.after = vec!["T-10".into()];
    let found = look(&ten_minutes_each(&[&plain, &after_nine, &after_ten, &plain]), 4);
    about(found.board, 30);
    assert_eq!(ids(&found.critical_path), ["T-9", "T-10", "T-11"]);
    assert_eq!(found.bottleneck, Some(Bottleneck::Dependencies));
}

#[test]
fn slots_and_files_hold_work_up() {
    let found = look(&ten_minutes_each(&[&plain, &plain]), 1);
    let Some(Bottleneck::Slots { one_more_saves }) = found.bottleneck else { panic!("{:?}", found.bottleneck) };
    about(Spread { likely: one_more_saves, at_most: one_more_saves }, 10);
    let file = |spec: &mut TicketSpec| spec.files = vec!["a.rs".into()];
    let folder = |spec: &mut TicketSpec| spec.files = vec!["a.rs".into(), "src/".into()];
    let found = look(&ten_minutes_each(&[&file, &folder]), 2);
    about(found.board, 20);
    assert_eq!(found.bottleneck, Some(Bottleneck::Files));
    assert_eq!(look(&ten_minutes_each(&[&plain, &plain]), 2).bottleneck, None);
    let large = |spec: &mut TicketSpec| drop(spec.metadata.insert("size".into(), "XL".into()));
    assert_eq!(look(&with(&[&large, &plain, &plain]), 2).bottleneck, None, "one more slot brings nothing");
}

#[test]
fn urgent_work_ends_first() {
    let low = |spec: &mut TicketSpec| spec.priority = Priority::Low;
    let critical = |spec: &mut TicketSpec| spec.priority = Priority::Critical;
    let found = look(&ten_minutes_each(&[&low, &critical]), 1);
    let order: Vec<&str> = found.tickets.iter().map(|t| t.ticket.as_str()).collect();
    assert_eq!(order, ["T-10", "T-9"]);
}

/// What has been at work for long is nearly done, and what waits for a person is named.
#[test]
fn work_that_was_begun_counts() {
    let mut state = ten_minutes_each(&[&plain, &plain]);
    let begun = state.tickets.get_mut(&TicketId::from("T-9")).unwrap();
    (begun.phase, begun.worked) = (Phase::Stopped, 9 * MINUTE);
    let found = look(&state, 2);
    assert_eq!(ids(&found.wait_for_you), ["T-9"]);
    assert_eq!(found.tickets[0].ticket.as_str(), "T-9");
    assert!(found.tickets[0].after.likely < 3 * MINUTE, "{:?}", found.tickets[0].after);
}

/// The attempt that runs now counts, too.
#[test]
fn the_time_of_an_attempt_that_runs_counts() {
    let mut inputs = after(board()[..3].to_vec(), (0..9).map(|_| add("t", plain)));
    inputs.extend([host("i-1"), tick(), claim("T-1-a1", 1)]);
    let mut state = state(inputs);
    (2..=9).for_each(|n| finish(&mut state, &format!("T-{n}"), 10, 1_000));
    let granted = state.attempts.values().next().unwrap().granted.unwrap();
    let at = |now: u64| forecast(&state, now, &Experience::of(&state, |_, _| None), 1).board;
    about(at(granted), 10);
    assert!(at(granted + 9 * MINUTE).likely < 3 * MINUTE);
}

/// Two thousand tickets on one folder are answered, without their files.
#[test]
fn many_tickets_on_the_same_files_take_no_minutes() {
    let file = |spec: &mut TicketSpec| spec.files = vec!["src/".into()];
    let found = look(&with(&vec![&file as &dyn Fn(&mut TicketSpec); 2_000]), 4);
    assert_eq!((found.tickets.len(), found.counts_files), (2_000, false));
}

#[test]
fn accepted_work_is_done_and_an_empty_board_takes_nothing() {
    let mut state = ten_minutes_each(&[&plain]);
    state.tickets.get_mut(&TicketId::from("T-9")).unwrap().phase = Phase::Accepted;
    let found = look(&state, 1);
    assert!(found.tickets.is_empty());
    assert_eq!((found.board, found.bottleneck), (Spread::default(), None));
}

#[test]
fn the_same_board_gives_the_same_forecast() {
    let state = ten_minutes_each(&[&plain, &plain]);
    assert_eq!(look(&state, 1), look(&state, 1));
}

/// Of tickets whose work differs as people's does, nine of ten end before their ninetieth percentile: with histories of
/// 250 finished tickets, and 250 to come that depend on each other.
#[test]
fn nine_of_ten_end_in_time() {
    let shares: Vec<f64> = (0..12).map(calibrated).collect();
    let share = shares.iter().sum::<f64>() / shares.len() as f64;
    assert!((0.85..=0.95).contains(&share), "{share} of all, {shares:?}");
}

/// The share of tickets of one made up history that end before their ninetieth percentile.
fn calibrated(seed: u64) -> f64 {
    const EACH: usize = 250;
    const SLOTS: usize = 6;
    let mut dice = Dice(seed + 1);
    let mut state = with(&vec![&plain as &dyn Fn(&mut TicketSpec); 2 * EACH]);
    let ids: Vec<TicketId> = (1..=2 * EACH).map(|n| TicketId::new(format!("T-{n}"))).collect();
    let mut truth = Vec::new();
    for (n, id) in ids.iter().enumerate() {
        let size = Size::ALL[dice.below(4)];
        let middle = [5.0, 15.0, 45.0, 120.0][size as usize] * MINUTE as f64;
        let work = (middle * (dice.bell() * 0.6).exp()) as u64;
        let ticket = state.tickets.get_mut(id).unwrap();
        ticket.spec.metadata.insert("size".into(), size.as_str().into());
        if n < EACH {
            (ticket.phase, ticket.worked) = (Phase::Merged, work);
        } else {
            let before = [dice.below(n), dice.below(n)].into_iter().filter(|before| before % 3 == 0 && *before >= EACH);
            ticket.spec.after = before.map(|before| ids[before].clone()).collect();
        }
        truth.push(work);
    }
    let found = look(&state, SLOTS);
    let ended = really(&state, &ids[EACH..], &truth[EACH..], SLOTS);
    let in_time = found.tickets.iter().filter(|t| {
        let n = ids[EACH..].iter().position(|id| *id == t.ticket).unwrap();
        ended[n] <= t.after.at_most
    });
    in_time.count() as f64 / found.tickets.len() as f64
}

/// When each really ends: the first that may starts in the slot that is free first.
fn really(state: &State, ids: &[TicketId], work: &[u64], slots: usize) -> Vec<u64> {
    let mut free = vec![0_u64; slots];
    let mut ended: Vec<Option<u64>> = vec![None; ids.len()];
    while ended.iter().any(Option::is_none) {
        free.sort_unstable();
        let at = free[0];
        let is_over =
            |id: &TicketId| ids.iter().position(|i| i == id).is_some_and(|n| ended[n].is_some_and(|e| e <= at));
        let may = |n: &usize| ended[*n].is_none() && state.tickets[&ids[*n]].spec.after.iter().all(is_over);
        match (0..ids.len()).find(may) {
            Some(n) => {
                ended[n] = Some(at + work[n]);
                free[0] = at + work[n];
            }
            // The slot is idle until something ends.
            None => free[0] = ended.iter().flatten().filter(|e| **e > at).min().copied().unwrap(),
        }
    }
    ended.into_iter().flatten().collect()
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit
    }

    fn bell(&mut self) -> f64 {
        (0..12).map(|_| self.below(10_000) as f64 / 10_000.0).sum::<f64>() - 6.0
    }
}

#[test]
fn a_size_follows_from_what_is_asked_for() {
    let size = |change: &dyn Fn(&mut TicketSpec)| {
        let mut spec = TicketSpec::default();
        change(&mut spec);
        Size::of(&spec)
    };
    assert_eq!(size(&plain), (Size::M, false));
    assert_eq!(size(&|s| s.files = vec!["a".into()]), (Size::S, false));
    assert_eq!(size(&|s| s.files = vec!["src/".into(), "docs/".into(), "tests/".into()]), (Size::L, false));
    assert_eq!(size(&|s| s.estimated_tokens = Some(200_000)), (Size::L, false));
    assert_eq!(size(&|s| drop(s.metadata.insert("size".into(), "xl".into()))), (Size::Xl, true));
}
