//! Skills and agents as files: `SKILL.md` of the Agent Skills standard, agents below a skill, and the agent files of
//! opencode and Claude Code. A file is taken apart ([`document`]), its frontmatter read ([`yaml`], [`definition`]), what it
//! says of tools and permissions brought into the form of Ganger's rules ([`permissions`]), and of everything that has
//! one name the nearest wins ([`places`], [`catalogue`]). What is installed is read leniently, with warnings.

mod builtin;
mod catalogue;
mod definition;
mod document;
mod lint;
mod models;
mod origin;
mod permissions;
mod places;
mod runnable;
mod schema;
pub(crate) mod skeleton;
#[cfg(test)]
mod tests;
mod yaml;

pub(crate) use catalogue::Catalogue;
pub(crate) use definition::{Agent, Skill};
pub(crate) use lint::{Lint, Profile};
#[cfg(test)]
use origin::Level;
pub(crate) use origin::{Finding, Origin, Severity};
pub(crate) use places::Places;
pub(crate) use runnable::{Honoured, complete, effective, honoured, is_dropped};
pub(crate) use schema::check as check_output;
