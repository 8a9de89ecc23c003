//! Objects on their way: from a workspace or the person's repository into the depot, and from the depot to the person's
//! repository. One git packs what is wanted and reads nothing but objects of the other side; another one checks each
//! object by its content and by what it refers to, and writes it. No repository of the other side is opened.

use super::Depot;
use crate::git::{Git, GitError, GitResult, pass_pack};
use ganger_engine::Commit;
use std::ffi::OsString;
use std::path::Path;

/// More objects than this stay in their pack.
const LOOSE_AT_MOST: u32 = 500;

/// No pack of one attempt is larger.
const MAX_BYTES: u64 = 4 << 30;

/// Brings what these ids reach into the depot. What `known` reaches is there.
pub(super) fn bring_in(depot: &Depot, from: &Path, wanted: &[Commit], known: &[Commit]) -> GitResult<()> {
    // Synced with all else of an attempt.
    pass(&beside(depot, from), &depot.git(), wanted, known, false)
}

/// As [`bring_in`], for what nobody syncs later.
pub(super) fn bring_in_synced(depot: &Depot, from: &Path, wanted: &[Commit], known: &[Commit]) -> GitResult<()> {
    pass(&beside(depot, from), &depot.git(), wanted, known, true)
}

/// Git in the depot that reads another folder of objects, too.
pub(super) fn beside(depot: &Depot, from: &Path) -> Git {
    depot.git().env("GIT_ALTERNATE_OBJECT_DIRECTORIES", in_list(from))
}

/// As [`bring_in`], though some of it is damaged, or lacks something: the rest must not be lost with that.
pub(super) fn bring_in_what_is_whole(depot: &Depot, from: &Path, wanted: &[Commit]) {
    if bring_in(depot, from, wanted, &[]).is_err() {
        for one in wanted {
            let _damaged = bring_in(depot, from, std::slice::from_ref(one), &[]);
        }
    }
}

/// Sends what these ids reach from the depot to a folder of objects, which has all that `known` reaches.
pub(super) fn send_out(depot: &Depot, to: &Path, wanted: &[Commit], known: &[Commit]) -> GitResult<()> {
    pass(&depot.git(), &depot.git().env("GIT_OBJECT_DIRECTORY", to), wanted, known, true)
}

fn pass(pack: &Git, unpack: &Git, wanted: &[Commit], known: &[Commit], synced: bool) -> GitResult<()> {
    let mut ids: String = wanted.iter().map(|id| format!("{id}\n")).collect();
    ids.push_str("--not\n");
    known.iter().for_each(|id| ids.push_str(&format!("{id}\n")));
    // Caches of the other side say what they like; objects say what they are.
    let plain = ["-c", "core.commitGraph=false", "-c", "core.multiPackIndex=false", "-c", "pack.useBitmaps=false"];
    let packing = [&plain[..], &["pack-objects", "--revs", "--stdout", "--quiet", "--delta-base-offset"]].concat();
    let limit = format!("--max-input-size={MAX_BYTES}");
    let sync = if synced { "core.fsync=all" } else { "core.fsync=none" };
    let unpacking = |count: u32| {
        let how = ["-c", sync, "-c", "core.fsyncMethod=batch"];
        if count <= LOOSE_AT_MOST {
            [&how[..], &["unpack-objects", "-q", "--strict", &limit]].concat()
        } else {
            [&how[..], &["index-pack", "--stdin", "--strict", &limit]].concat()
        }
    };
    crate::os::check_may_block("git");
    let mut packed = 0;
    let passed = pass_pack(&mut pack.command(&packing), ids.as_bytes(), |count| {
        packed = count;
        unpack.command(&unpacking(count))
    });
    let (wrote, read) = passed.map_err(|e| GitError::new("pack commits in", pack.dir(), e))?;
    if !wrote.status.success() {
        return Err(pack.error(&["pack-objects"], &crate::git::text(&wrote.stderr), wrote.status.code()));
    }
    match read {
        Some(read) if !read.status.success() => {
            let args = unpacking(packed);
            Err(unpack.error(&args[4..5], &crate::git::text(&read.stderr), read.status.code()))
        }
        _ => Ok(()),
    }
}

/// One entry of a list that colons separate.
pub(super) fn in_list(folder: &Path) -> OsString {
    let text = folder.to_string_lossy();
    if text.contains([':', '"']) || text.starts_with('"') {
        return format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")).into();
    }
    folder.as_os_str().to_owned()
}
