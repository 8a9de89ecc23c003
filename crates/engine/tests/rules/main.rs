//! The rules by given, when, then; by golden files; and by properties.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod acceptance;
mod calls;
mod cards;
mod chain;
mod checks;
mod chief;
mod contests;
mod dead_ends;
mod forecast;
mod goals;
mod golden;
mod hazards;
mod lifecycle;
mod live;
mod logins;
mod mail;
mod properties;
mod proposals;
mod red_base;
mod repeats;
mod reviews;
mod routing;
mod stops;
mod support;
mod surfacing;
mod work;
