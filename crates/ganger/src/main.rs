//! Ganger: the foreman for gangs of coding agents.

mod agents;
mod cli;
mod client;
mod config;
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
mod protocol;
mod text;
mod tools;

fn main() -> std::process::ExitCode {
    cli::main()
}
