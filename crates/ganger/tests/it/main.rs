//! Ganger from outside: the real program on real repositories, with real processes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod alerts;
mod board;
mod calls;
mod chief;
mod commands;
mod contests;
mod exchange;
mod filing;
mod first_hour;
mod foreign;
mod goals;
mod hosts;
mod intake;
mod mail;
mod mcp_client;
mod mcp_program;
mod misuse;
mod model_server;
mod packages;
mod power;
mod recovery;
mod routing;
mod run;
mod runtimes;
mod sessions;
mod shapes;
mod situations;
mod skills;
mod store;
mod support;
mod terminal;
mod transcripts;
