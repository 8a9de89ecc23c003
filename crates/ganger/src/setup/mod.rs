//! The setup command makes a fresh tree ready, a workspace as well as a tree in which gates run. What it made is kept by
//! what it depends on (`inputs.rs`) and handed to the next tree as a copy (`store.rs`), so that one `npm ci` serves
//! them all.
//!
//! What is kept was made by Ganger in a clean tree. What was made from the files of a ticket serves that ticket alone;
//! what was made from main serves all. What cannot be handed on truly is not: files that name the place they are in,
//! setups that change what is committed, and what took longer to copy than to make (`made.rs`).

mod files;
mod inputs;
mod made;
mod run;
mod store;

pub(crate) use files::{Named, OwnFiles};
pub(crate) use run::SetupRun;
pub(crate) use store::Store;

use crate::config;
use crate::os;
use crate::text;
use ganger_engine::TicketId;
use inputs::Keys;
use made::Before;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use store::{Found, Scope};

/// The setup of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setup {
    pub(crate) command: String,
    pub(crate) timeout_s: u64,
    /// Files that decide what it makes; empty: what package managers read.
    pub(crate) inputs: Vec<String>,
    /// Files of the person that it finds there.
    pub(crate) own: OwnFiles,
}

impl Setup {
    /// As it is configured, with the files of this checkout.
    pub(crate) fn of(project: &config::Project, root: &Path) -> Self {
        Self {
            command: project.setup.clone(),
            timeout_s: project.setup_timeout_s,
            inputs: project.setup_inputs.clone(),
            own: OwnFiles::new(root, &project.own_files()),
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        self.command.trim().is_empty()
    }
}

/// A tree that is to be made ready.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    pub(crate) path: &'a Path,
    /// Its committed files, with the ids of their contents.
    pub(crate) files: &'a [(String, String)],
    pub(crate) origin: Origin,
    /// The files of the person that were copied into it.
    pub(crate) own: &'a [String],
}

/// Where the files of a tree come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A commit of main.
    Main,
    /// A commit of this ticket's.
    Ticket(TicketId),
    /// Nobody knows what was done there: it neither gets anything nor gives anything.
    Unknown,
}

/// How the setup ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    Ready,
    Failed { why: String, exit_code: Option<i32>, timed_out: bool },
}

/// Makes a tree ready: by what an earlier run of the same setup made, else by running it.
pub(crate) async fn make_ready(
    store: &Store,
    setup: &Setup,
    place: &Place<'_>,
    run: SetupRun<'_>,
) -> io::Result<Ended> {
    if setup.is_none() {
        return Ok(Ended::Ready);
    }
    let scope = match &place.origin {
        Origin::Main => Scope::Everybody,
        Origin::Ticket(ticket) => Scope::Ticket(ticket.clone()),
        Origin::Unknown => return run.run(setup, place.path).await,
    };
    let keys = Keys::of(setup, place.files, place.own);
    let mut output = run.output.try_clone()?;
    let (found, first) = look(store, &keys, &scope).await?;
    let itself = |why: &str| format!("each tree runs `{}` itself: {}", setup.command, text::line(why, 300));
    match found {
        Found::Kept(kept) => {
            let (tree, began) = (place.path.to_owned(), Instant::now());
            match os::blocking(move || kept.hand_to(&tree)).await {
                Ok(()) => {
                    let took = began.elapsed().as_millis();
                    writeln!(output, "`{}` is done: a copy of what it made before, in {took} ms", setup.command)?;
                    return Ok(Ended::Ready);
                }
                Err(e) => writeln!(output, "what `{}` made before does not fit here: {e}", setup.command)?,
            }
            run.run(setup, place.path).await
        }
        Found::RunsInEach(why) => {
            writeln!(output, "{}", itself(&why))?;
            run.run(setup, place.path).await
        }
        Found::Nothing => {
            let (tree, files) = (place.path.to_owned(), place.files.to_vec());
            let before = os::blocking(move || Before::look(&tree, &files)).await?;
            let began = Instant::now();
            let ended = run.run(setup, place.path).await?;
            if ended == Ended::Ready
                && let Some(why) =
                    keep(store.clone(), keys, scope, before, place.path.to_owned(), began.elapsed()).await
            {
                writeln!(output, "{}", itself(&why))?;
            }
            drop(first);
            Ok(ended)
        }
    }
}

/// What is known of a setup; where that is nothing, with a lock: several trees may need the same at once, the first one
/// makes it, and the others wait for that.
async fn look(store: &Store, keys: &Keys, scope: &Scope) -> io::Result<(Found, Option<File>)> {
    let found = os::blocking(store.look(keys, scope)).await;
    if !matches!(found, Found::Nothing) {
        return Ok((found, None));
    }
    let lock = store.lock(keys).await?;
    let found = os::blocking(store.look(keys, scope)).await;
    let is_first = matches!(found, Found::Nothing);
    Ok((found, is_first.then_some(lock)))
}

/// Keeps what the setup made for the next tree; why it does not, if so.
async fn keep(store: Store, keys: Keys, scope: Scope, before: Before, tree: PathBuf, took: Duration) -> Option<String> {
    os::blocking(move || {
        match before.made_since(&tree) {
            // A full disk is told, and tried again with the next tree.
            Ok(made) => store.keep(&keys, &scope, &tree, &made, took).err(),
            Err(why) => {
                let noted = store.note_that_each_runs(&keys, &scope, &why);
                Some(noted.map_or_else(|e| format!("{why}, which cannot be noted: {e}"), |()| why.clone()))
            }
        }
    })
    .await
}
