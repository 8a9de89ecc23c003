//! A disk that forgets: what files hold after a power cut at any moment of a recorded run.
//!
//! The record is a trace of system calls. The model is the strict one of POSIX: content is on disk when its file
//! was synced, and a name (created, renamed, removed) when its folder was. Everything else is dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// One call that changes files or syncs them.
#[derive(Debug, Clone)]
enum Call {
    Open { path: PathBuf, create: bool, truncate: bool },
    Write { path: PathBuf, at: Option<usize>, bytes: Vec<u8> },
    Resize { path: PathBuf, length: usize },
    Rename { from: PathBuf, to: PathBuf, keep: bool },
    Remove { path: PathBuf },
    Sync { path: PathBuf },
}

/// Calls of all processes below a folder, in order.
pub(crate) struct Trace {
    calls: Vec<Call>,
}

/// The system calls to record.
pub(crate) const CALLS: &str = "openat,creat,write,pwrite64,writev,ftruncate,rename,renameat,renameat2,link,linkat,\
                                unlink,unlinkat,fsync,fdatasync";

impl Trace {
    /// Reads what `strace -ff -ttt -y -xx -s 100000000 -o <prefix>` wrote: a file for each thread.
    pub(crate) fn read(folder: &Path, below: &Path) -> Self {
        let mut timed: Vec<(f64, Call)> = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            // Where the thread works: names in `link` and `rename` may be relative, and only `openat` tells to what.
            let mut dir = PathBuf::new();
            timed.extend(text.lines().filter_map(|line| {
                let (time, call) = line.split_once(' ')?;
                if let Some((shown, _)) = call.split_once("AT_FDCWD<").and_then(|(_, rest)| rest.split_once('>')) {
                    dir = path_of(&unescape_bare(shown))?;
                }
                Some((time.parse().ok()?, parse(call, &dir)?))
            }));
        }
        timed.sort_by(|a, b| a.0.total_cmp(&b.0));
        let inside = |call: &Call| match call {
            Call::Open { path, .. }
            | Call::Write { path, .. }
            | Call::Resize { path, .. }
            | Call::Rename { to: path, .. }
            | Call::Remove { path }
            | Call::Sync { path } => path.starts_with(below),
        };
        Self { calls: timed.into_iter().map(|(_, call)| call).filter(inside).collect() }
    }

    /// What is on disk after each sync that changed something, beginning with what was there before.
    pub(crate) fn power_cuts(&self, before: BTreeMap<PathBuf, Vec<u8>>) -> Vec<BTreeMap<PathBuf, Vec<u8>>> {
        let mut disk = Disk::new(before);
        let mut cuts = Vec::new();
        for call in &self.calls {
            if disk.does(call) {
                let image = disk.after_power_cut();
                if cuts.last() != Some(&image) {
                    cuts.push(image);
                }
            }
        }
        cuts
    }
}

/// A file with what it holds in memory and on disk.
#[derive(Debug, Default, Clone)]
struct Node {
    memory: Vec<u8>,
    /// `None` until its first sync.
    disk: Option<Vec<u8>>,
    end: usize,
}

/// Names in memory and on disk, each for a node.
struct Disk {
    nodes: Vec<Node>,
    memory: BTreeMap<PathBuf, usize>,
    disk: BTreeMap<PathBuf, usize>,
}

impl Disk {
    fn new(before: BTreeMap<PathBuf, Vec<u8>>) -> Self {
        let mut disk = Self { nodes: Vec::new(), memory: BTreeMap::new(), disk: BTreeMap::new() };
        for (path, content) in before {
            disk.memory.insert(path, disk.nodes.len());
            disk.nodes.push(Node { disk: Some(content.clone()), memory: content, end: 0 });
        }
        disk.disk = disk.memory.clone();
        disk
    }

    /// Whether it changed what is on disk.
    fn does(&mut self, call: &Call) -> bool {
        match call {
            Call::Open { path, create, truncate } => {
                if *create && !self.memory.contains_key(path) && !path.is_dir() {
                    self.memory.insert(path.clone(), self.nodes.len());
                    self.nodes.push(Node::default());
                }
                if let Some(node) = self.node(path) {
                    node.end = 0;
                    if *truncate {
                        node.memory.clear();
                    }
                }
            }
            Call::Write { path, at, bytes } => {
                if let Some(node) = self.node(path) {
                    let begin = at.unwrap_or(node.end);
                    let end = begin + bytes.len();
                    node.memory.resize(node.memory.len().max(end), 0);
                    node.memory[begin..end].copy_from_slice(bytes);
                    node.end = end;
                }
            }
            Call::Resize { path, length } => {
                if let Some(node) = self.node(path) {
                    node.memory.resize(*length, 0);
                }
            }
            Call::Rename { from, to, keep } => {
                if let Some(node) = self.memory.get(from).copied() {
                    self.memory.insert(to.clone(), node);
                    if !keep {
                        self.memory.remove(from);
                    }
                }
            }
            Call::Remove { path } => drop(self.memory.remove(path)),
            Call::Sync { path } => return self.sync(path),
        }
        false
    }

    fn node(&mut self, path: &Path) -> Option<&mut Node> {
        let node = self.memory.get(path)?;
        self.nodes.get_mut(*node)
    }

    fn sync(&mut self, path: &Path) -> bool {
        if let Some(node) = self.node(path) {
            let changed = node.disk.as_ref() != Some(&node.memory);
            node.disk = Some(node.memory.clone());
            return changed;
        }
        let in_folder = |map: &BTreeMap<PathBuf, usize>| -> BTreeMap<PathBuf, usize> {
            map.iter().filter(|(p, _)| p.parent() == Some(path)).map(|(p, n)| (p.clone(), *n)).collect()
        };
        let (now, then) = (in_folder(&self.memory), in_folder(&self.disk));
        self.disk.retain(|p, _| p.parent() != Some(path));
        self.disk.extend(now.clone());
        now != then
    }

    fn after_power_cut(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let content = |node: &usize| self.nodes[*node].disk.clone().unwrap_or_default();
        self.disk.iter().map(|(path, node)| (path.clone(), content(node))).collect()
    }
}

/// One line of a trace; `None` for calls that failed or change nothing.
fn parse(line: &str, dir: &Path) -> Option<Call> {
    let (call, result) = line.rsplit_once(" = ")?;
    if result.starts_with('-') || result.starts_with('?') {
        return None;
    }
    let (name, arguments) = call.trim_end().strip_suffix(')')?.split_once('(')?;
    let arguments: Vec<&str> = arguments.split(", ").collect();
    let text = |i: usize| arguments.get(i).and_then(|a| unescape(a));
    let number = |i: usize| arguments.get(i).and_then(|a| a.trim().parse::<usize>().ok());
    // An open file is shown as `<number><<path>>`, and with -xx the path is escaped, too.
    let open = |i: usize| -> Option<PathBuf> {
        let shown = arguments.get(i)?.split_once('<')?.1.strip_suffix('>')?;
        path_of(&unescape_bare(shown))
    };
    let named = |i: usize| -> Option<PathBuf> { Some(clean(&dir.join(path_of(&text(i)?)?))) };
    let at = |folder: usize, name: usize| -> Option<PathBuf> {
        let name = path_of(&text(name)?)?;
        if name.is_absolute() { Some(name) } else { Some(clean(&open(folder)?.join(name))) }
    };
    Some(match name {
        "openat" => {
            let flags = arguments.get(2)?;
            let opened = path_of(&unescape_bare(result.split_once('<')?.1.strip_suffix('>')?))?;
            Call::Open { path: opened, create: flags.contains("O_CREAT"), truncate: flags.contains("O_TRUNC") }
        }
        "write" => Call::Write { path: open(0)?, at: None, bytes: text(1)? },
        "pwrite64" => Call::Write { path: open(0)?, at: number(3), bytes: text(1)? },
        "ftruncate" => Call::Resize { path: open(0)?, length: number(1)? },
        "rename" => Call::Rename { from: named(0)?, to: named(1)?, keep: false },
        "renameat" | "renameat2" => Call::Rename { from: at(0, 1)?, to: at(2, 3)?, keep: false },
        "link" => Call::Rename { from: named(0)?, to: named(1)?, keep: true },
        "linkat" => Call::Rename { from: at(0, 1)?, to: at(2, 3)?, keep: true },
        "unlink" => Call::Remove { path: named(0)? },
        "unlinkat" => Call::Remove { path: at(0, 1)? },
        "fsync" | "fdatasync" => Call::Sync { path: open(0)? },
        _ => return None,
    })
}

fn path_of(bytes: &[u8]) -> Option<PathBuf> {
    std::str::from_utf8(bytes).ok().map(|p| clean(Path::new(p)))
}

fn clean(path: &Path) -> PathBuf {
    path.components().filter(|c| *c != std::path::Component::CurDir).collect()
}

/// A quoted argument, all of it as `\x..`.
fn unescape(quoted: &str) -> Option<Vec<u8>> {
    Some(unescape_bare(quoted.trim().strip_prefix('"')?.strip_suffix('"')?))
}

fn unescape_bare(text: &str) -> Vec<u8> {
    if !text.starts_with("\\x") {
        return text.as_bytes().to_vec();
    }
    text.split("\\x").skip(1).filter_map(|hex| u8::from_str_radix(hex, 16).ok()).collect()
}

/// All files below a folder.
pub(crate) fn files_below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut rest = vec![folder.to_owned()];
    while let Some(folder) = rest.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if kind.is_dir() {
                rest.push(path);
            } else if kind.is_file() {
                found.insert(path.clone(), std::fs::read(path).unwrap());
            }
        }
    }
    found
}

/// All folders below a folder: they are made anew empty.
pub(crate) fn folders_below(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut rest = vec![folder.to_owned()];
    while let Some(folder) = rest.pop() {
        let inside = std::fs::read_dir(&folder).unwrap().flatten();
        rest.extend(inside.filter(|e| e.file_type().unwrap().is_dir()).map(|e| e.path()));
        found.insert(folder);
    }
    found
}

/// Makes a folder hold these files and nothing else.
pub(crate) fn restore(folder: &Path, folders: &BTreeSet<PathBuf>, files: &BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            std::fs::remove_dir_all(entry.path()).unwrap();
        } else {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    folders.iter().for_each(|f| std::fs::create_dir_all(f).unwrap());
    for (path, content) in files {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}
