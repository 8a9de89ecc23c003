//! What the board is made of: plain data, all of it stored.

pub(crate) mod agent;
pub(crate) mod answer;
pub(crate) mod assumption;
pub(crate) mod attempt;
pub(crate) mod call;
pub(crate) mod card;
pub(crate) mod check;
pub(crate) mod chief;
pub(crate) mod contest;
pub(crate) mod delivery;
pub(crate) mod direction;
pub(crate) mod evidence;
pub(crate) mod goal;
pub(crate) mod hazard;
pub(crate) mod host;
pub(crate) mod mail;
pub(crate) mod permission;
pub(crate) mod phase;
pub(crate) mod plan;
pub(crate) mod review;
pub(crate) mod routing;
pub(crate) mod ticket;
pub(crate) mod usage;
pub(crate) mod view;
pub(crate) mod work;

/// What goes without saying is not stored: snapshots hold many tickets that nothing has happened to yet.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    value == &T::default()
}
