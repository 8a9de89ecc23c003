//! Skills and agents as files: `SKILL.md` of the Agent Skills standard, agents below a skill, and the agent files of
//! opencode and Claude Code. A file is taken apart ([`document`]), its frontmatter read ([`yaml`], [`definition`]), what it
//! says of tools and permissions brought into the form of Ganger's rules ([`permissions`]), and of everything that has
//! one name the nearest wins ([`places`], [`catalogue`]). What is installed is read leniently, with warnings.

mod builtin;
mod catalogue;
mod definition;
mod document;
mod origin;
mod permissions;
mod places;
#[cfg(test)]
mod tests;
mod yaml;

pub(crate) use catalogue::{Catalogue, is_of_project};
pub(crate) use definition::{Agent, Skill};
pub(crate) use origin::{Finding, Level, Origin, Severity};
pub(crate) use places::Places;
