//! What is left to do: tickets, what they wait for, and which of them may not run side by side.

use super::experience::{Estimate, Experience};
use super::size::Size;
use crate::ready::shared_files;
use crate::{Kind, Millis, Phase, Priority, State, Ticket, TicketId};
use std::collections::BTreeMap;
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
}

impl<'a> Board<'a> {
    pub(super) fn of(state: &'a State, experience: &Experience) -> Self {
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
                done: ticket.worked,
                after,
                beside: Vec::new(),
            });
        }
        for (a, b) in side_by_side(state, &left) {
            items[a].beside.push(b);
            items[b].beside.push(a);
        }
        let is_unplanned = |t: &Ticket| t.spec.kind == Kind::Goal && !t.phase.is_over() && t.parts().is_empty();
        let unplanned = state.tickets.iter().filter(|(_, t)| is_unplanned(t)).map(|(id, _)| id.clone()).collect();
        Self { items, unplanned }
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

/// Pairs that may not run at once. Only tickets that name a file or folder in common can be: the others are not compared.
fn side_by_side(state: &State, left: &[(&TicketId, &Ticket)]) -> Vec<(usize, usize)> {
    let mut by_top: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, (_, ticket)) in left.iter().enumerate() {
        for file in ticket.files() {
            let top = file.split('/').next().unwrap_or(file);
            let here = by_top.entry(top).or_default();
            if here.last() != Some(&i) {
                here.push(i);
            }
        }
    }
    let mut pairs = Vec::new();
    for together in by_top.values() {
        for (at, a) in together.iter().enumerate() {
            for b in &together[at + 1..] {
                if shared_files(state, left[*a].1, left[*b].1).is_some() {
                    pairs.push((*a, *b));
                }
            }
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}
