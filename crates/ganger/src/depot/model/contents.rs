//! What contents there are: in the files of a workspace, in the object stores of an agent, in the depot.

use super::world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Whole contents of files that an agent wrote.
pub(super) type Contents = BTreeSet<Vec<u8>>;

/// By this word the contents of agents are known among all others: each is written once.
const WORD: &[u8] = b"written";

/// Folders that Ganger names in a rescue and does not keep: ignored, and large.
const TOO_LARGE: &str = "big";

/// All files of a folder but what is in git directories and too large to be kept, with their contents.
pub(super) fn files(top: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if entry.file_name() == ".git" || entry.file_name() == TOO_LARGE {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_symlink() {
                let target = std::fs::read_link(&path).unwrap();
                found.insert(path, target.into_os_string().into_encoded_bytes());
            } else if kind.is_file() {
                found.insert(path.clone(), std::fs::read(&path).unwrap_or_default());
            }
        }
    }
    found
}

/// Of these, what an agent wrote. What was there before the first step has the number 0. Line endings are git's to
/// change.
pub(super) fn written(contents: impl IntoIterator<Item = Vec<u8>>) -> Contents {
    let is_written = |part: &[u8]| part.starts_with(WORD) && !part[WORD.len()..].starts_with(b" 0.");
    let contents = contents.into_iter().filter(|content| content.windows(WORD.len() + 3).any(is_written));
    contents.map(|content| content.into_iter().filter(|byte| *byte != b'\r').collect()).collect()
}

/// What the refs of the depot reach.
pub(super) fn in_depot(world: &World) -> Contents {
    let ids = world.depot.git().run(&["rev-list", "--objects", "--no-object-names", "--all"]).unwrap();
    read(world.depot.path(), None, &ids)
}

/// What the person's main reaches: there lies what has landed.
pub(super) fn landed(world: &World) -> Contents {
    let ids = world.depot.person.git().run(&["rev-list", "--objects", "--no-object-names", "main"]).unwrap();
    read(&world.depot.person.common, None, &ids)
}

/// What one commit reaches.
pub(super) fn reached_by(world: &World, commit: &str) -> Contents {
    let args = ["rev-list", "--objects", "--no-object-names", commit];
    let ids = world.depot.git().run(&args).unwrap();
    read(world.depot.path(), None, &ids)
}

/// What the agent's own git reaches: by its refs, its reflogs and its index. Nothing when it cannot say, or when it lies
/// outside of the workspace: there it stays.
pub(super) fn reached_by_agent(world: &World) -> Contents {
    if !world.workspace.path.join(".git").symlink_metadata().is_ok_and(|found| found.is_dir()) {
        return Contents::new();
    }
    let list =
        "GIT_NO_REPLACE_OBJECTS=1 git rev-list --objects --no-object-names --all --reflog --indexed-objects HEAD";
    let Some(ids) = world.ask_agents_git(list) else { return Contents::new() };
    read(world.depot.path(), Some(&world.workspace.path.join(".git/objects")), &ids)
}

/// All that lies in the object stores of the agent's git directories, whether anything names it or not.
pub(super) fn in_stores(world: &World) -> Contents {
    let mut found = in_stores_below(world, &world.workspace.path);
    found.extend(set_aside(world));
    found
}

/// What lies in git directories of the agent's that Ganger set aside.
pub(super) fn set_aside(world: &World) -> Contents {
    in_stores_below(world, &world.depot.path().join("worktrees").join(world.workspace.ticket.as_str()))
}

fn in_stores_below(world: &World, top: &Path) -> Contents {
    let read = |store: PathBuf| read(world.depot.path(), Some(&store), &ids_in(&store));
    stores(top).into_iter().flat_map(read).collect()
}

/// Folders of objects inside of git directories.
fn stores(top: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let path = entry.path();
            if !entry.file_type().unwrap().is_dir() {
                continue;
            }
            let is_of_git = path.components().any(|part| {
                let part = part.as_os_str().to_string_lossy();
                part == ".git" || part.starts_with("broken-")
            });
            if is_of_git && entry.file_name() == "objects" && path.join("pack").is_dir() {
                found.push(path);
            } else {
                folders.push(path);
            }
        }
    }
    found
}

/// The objects that a folder itself has, loose or packed; not those that it borrows.
fn ids_in(store: &Path) -> String {
    let mut ids = String::new();
    for entry in store.read_dir().into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.len() == 2 {
            for object in entry.path().read_dir().into_iter().flatten().flatten() {
                ids.push_str(&format!("{name}{}\n", object.file_name().to_string_lossy()));
            }
        }
    }
    for pack in store.join("pack").read_dir().into_iter().flatten().flatten() {
        if pack.path().extension().is_some_and(|e| e == "idx") {
            let index = std::fs::File::open(pack.path()).unwrap();
            let shown = Command::new("git").arg("show-index").stdin(index).output().unwrap();
            let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
            shown.lines().filter_map(|line| line.split(' ').nth(1)).for_each(|id| ids.push_str(&format!("{id}\n")));
        }
    }
    ids
}

/// The written ones of these objects, read through the depot, with another folder of objects beside its own.
fn read(depot: &Path, beside: Option<&Path>, ids: &str) -> Contents {
    if ids.is_empty() {
        return Contents::new();
    }
    let mut command = Command::new("git");
    command.args(["cat-file", "--batch", "--buffer"]).env("GIT_DIR", depot).env("GIT_NO_REPLACE_OBJECTS", "1");
    if let Some(store) = beside {
        command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", store);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let ids = ids.to_owned();
    let feeding = std::thread::spawn(move || input.write_all(format!("{ids}\n").as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ended_early = feeding.join().unwrap();
    written(blobs(&output.stdout))
}

/// The blobs of `cat-file --batch`.
fn blobs(mut output: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Some(end) = output.iter().position(|b| *b == b'\n') {
        let head = String::from_utf8_lossy(&output[..end]).into_owned();
        output = &output[end + 1..];
        let mut words = head.split(' ').skip(1);
        let (Some(kind), Some(Ok(size))) = (words.next(), words.next().map(str::parse::<usize>)) else { continue };
        if kind == "blob" {
            found.push(output[..size].to_vec());
        }
        output = &output[size + 1..];
    }
    found
}

/// Some of what is missing, to be read by a person.
pub(super) fn missing(wanted: &Contents, kept: &[&Contents]) -> Option<String> {
    let lost = wanted.iter().filter(|content| kept.iter().all(|some| !some.contains(*content)));
    let told: Vec<String> = lost.take(3).map(|c| format!("{:?}", String::from_utf8_lossy(c))).collect();
    (!told.is_empty()).then(|| told.join(", "))
}
