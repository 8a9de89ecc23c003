//! Ganger: the foreman for gangs of coding agents.

mod agents;
mod alerts;
mod board;
mod cli;
mod client;
mod config;
mod depot;
mod digest;
mod failure;
mod foreman;
mod gates;
mod git;
mod host;
mod log;
mod mcp;
mod os;
mod project;
mod sandbox;
mod secrets;
mod setup;
mod skills;
mod text;
mod tools;
mod wire;

/// A board of ten thousand tickets is a million small allocations, read by every command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    os::own_program();
    secrets::remember(os::credentials());
    cli::main()
}
