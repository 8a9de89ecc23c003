//! What is left to do: tickets, what they wait for, and which of them may not run side by side.

use super::experience::{Estimate, Experience};
use super::size::Size;
use crate::model::ticket::covers;
use crate::ready::shared_files;
use crate::{Kind, Millis, Phase, Priority, State, Ticket, TicketId};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A ticket that is not accepted yet.
pub(super) struct Item<'a> {
    pub(super) id: &'a TicketId,
    pub(super) priority: Priority,
    pub(super) order: u64,
    pub(super) size: (Size, bool),
    pub(super) estimate: Rc<Estimate>,
    /// It is at work now, or being judged.
    pub(super) is_live: bool,
    pub(super) waits_for_you: bool,
    /// How long it has been at work.
    pub(super) done: Millis,
    /// Other items that come first.
    pub(super) after: Vec<usize>,
    /// Other items on the same files.
    pub(super) beside: Vec<usize>,
}

pub(super) struct Board<'a> {
    pub(super) items: Vec<Item<'a>>,
    pub(super) unplanned: Vec<TicketId>,
    pub(super) counts_files: bool,
}

/// More pairs that share files take too long to look at.
const MOST_PAIRS: usize = 200_000;

impl<'a> Board<'a> {
    pub(super) fn of(state: &'a State, now: Millis, experience: &Experience) -> Self {
        let open = |ticket: &Ticket| !ticket.phase.is_over() && ticket.spec.kind.work().lands && !ticket.is_delegated();
        let left: Vec<(&TicketId, &Ticket)> = state.tickets.iter().filter(|(_, t)| open(t)).collect();
        let index: BTreeMap<&TicketId, usize> = left.iter().enumerate().map(|(i, (id, _))| (*id, i)).collect();
        let mut estimates: BTreeMap<(&str, Size), Rc<Estimate>> = BTreeMap::new();
        let mut items: Vec<Item<'_>> = Vec::with_capacity(left.len());
        for (id, ticket) in &left {
            let (agent, size) = (state.agent_of(ticket), Size::of(&ticket.spec));
            let estimate = estimates.entry((agent, size.0));
            let estimate = estimate.or_insert_with(|| Rc::new(experience.estimate(agent, size.0)));
            let mut after = Vec::new();
            ticket.spec.after.iter().for_each(|needed| needs(state, &index, needed, &mut after));
            items.push(Item {
                id,
                priority: ticket.spec.priority,
                order: ticket.order,
                size,
                estimate: Rc::clone(estimate),
                is_live: matches!(ticket.phase, Phase::Running | Phase::Verifying | Phase::Reviewing),
                waits_for_you: state.waits_for_person(id) || ticket.phase == Phase::Stopped,
                done: ticket.worked + at_work(state, now, ticket),
                after,
                beside: Vec::new(),
            });
        }
        let pairs = side_by_side(state, &left);
        for (a, b) in pairs.iter().flatten() {
            items[*a].beside.push(*b);
            items[*b].beside.push(*a);
        }
        let is_unplanned = |t: &Ticket| t.spec.kind == Kind::Goal && !t.phase.is_over() && t.parts().is_empty();
        let unplanned = state.tickets.iter().filter(|(_, t)| is_unplanned(t)).map(|(id, _)| id.clone()).collect();
        Self { items, unplanned, counts_files: pairs.is_some() }
    }

    /// The chain of items that takes longest, by the middle of each.
    pub(super) fn critical_path(&self) -> Vec<usize> {
        let mut longest: Vec<Option<(f64, Option<usize>)>> = vec![None; self.items.len()];
        for start in 0..self.items.len() {
            self.measure(start, &mut longest);
        }
        let length = |i: &usize| longest[*i].map_or(0.0, |(length, _)| length);
        let last = (0..self.items.len()).max_by(|a, b| length(a).total_cmp(&length(b)).then(b.cmp(a)));
        let mut path: Vec<usize> =
            std::iter::successors(last, |i| longest[*i].and_then(|(_, before)| before)).collect();
        path.reverse();
        path
    }

    /// How long the chain is that ends with an item. Without recursion: chains are as long as boards.
    fn measure(&self, start: usize, longest: &mut [Option<(f64, Option<usize>)>]) {
        let mut stack = vec![start];
        while let Some(i) = stack.last().copied() {
            let open = self.items[i].after.iter().copied().find(|before| longest[*before].is_none());
            if let (Some(before), None) = (open, longest[i]) {
                stack.push(before);
                continue;
            }
            stack.pop();
            let item = &self.items[i];
            let before = item.after.iter().filter_map(|b| longest[*b].map(|(length, _)| (length, *b)));
            let before = before.max_by(|(a, _), (b, _)| a.total_cmp(b));
            let own = (item.estimate.middle() - item.done as f64).max(0.0);
            longest[i] = Some((own + before.map_or(0.0, |(length, _)| length), before.map(|(_, b)| b)));
        }
    }
}

/// The items that have to be accepted before whatever needs this ticket.
fn needs(state: &State, index: &BTreeMap<&TicketId, usize>, needed: &TicketId, after: &mut Vec<usize>) {
    let Some(ticket) = state.tickets.get(needed) else { return };
    match index.get(needed) {
        Some(found) => after.push(*found),
        None => ticket.parts().iter().for_each(|part| needs(state, index, part, after)),
    }
}

/// How long the attempt that runs now has been at work.
fn at_work(state: &State, now: Millis, ticket: &Ticket) -> Millis {
    let granted = ticket.live.as_ref().and_then(|attempt| state.attempts.get(attempt)?.granted);
    granted.map_or(0, |granted| now.saturating_sub(granted))
}

/// Pairs that may not run at once; `None` when there are too many. Only those are compared that name the same file, or a
/// folder and what is in it.
fn side_by_side(state: &State, left: &[(&TicketId, &Ticket)]) -> Option<BTreeSet<(usize, usize)>> {
    let mut by_path: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, (_, ticket)) in left.iter().enumerate() {
        ticket.files().for_each(|file| by_path.entry(file).or_default().push(i));
    }
    let (mut seen, mut pairs) = (BTreeSet::new(), BTreeSet::new());
    for (path, here) in &by_path {
        let below = by_path.range(*path..).take_while(|(other, _)| *other == path || covers(path, other));
        for (a, b) in below.flat_map(|(_, there)| here.iter().flat_map(move |a| there.iter().map(move |b| (*a, *b)))) {
            let pair = (a.min(b), a.max(b));
            if a == b || !seen.insert(pair) {
                continue;
            }
            if seen.len() > MOST_PAIRS {
                return None;
            }
            if shared_files(state, left[a].1, left[b].1).is_some() {
                pairs.insert(pair);
            }
        }
    }
    Some(pairs)
}
