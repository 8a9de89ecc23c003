//! The session machine: what it does, by example and by property.

mod end;
mod messages;
mod permissions;
mod properties;
mod stage;
mod trouble;
mod turns;
