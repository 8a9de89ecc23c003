//! The configuration: defaults, the user's file, the project's file, `GANGER_*`, flags.

mod agents;
mod alerts;
mod blocks;
mod detect;
mod gate;
mod guard;
mod judging;
mod layers;
mod limits;
mod messages;
mod model;
mod own;
mod policies;
mod presets;
mod prices;
mod programs;
mod routes;
mod sandbox;
mod unset;

pub(crate) use alerts::{AlertKind, Alerts, Channel};
pub(crate) use blocks::Block;
pub(crate) use detect::{Detected, Detection, detect};
pub(crate) use gate::Gate;
pub(crate) use guard::GuardPreset;
pub(crate) use layers::{ConfigError, Layered, load, load_own};
pub(crate) use model::{Agent, Config, Project, RuntimeKind, Surface};
pub(crate) use policies::Tests;
pub(crate) use presets::Preset;
pub(crate) use programs::commands_in;
pub(crate) use sandbox::{Sandbox, SandboxMode};

/// The project's file, at the root of the repository.
pub(crate) const PROJECT_FILE: &str = "ganger.toml";
