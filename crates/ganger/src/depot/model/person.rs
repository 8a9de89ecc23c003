//! The person's repository, byte for byte: what may change in it, and what must not.

use super::world::World;
use std::collections::BTreeMap;
use std::path::Path;

/// Every file of the repository, its git directory among them.
pub(super) struct Person(BTreeMap<String, Vec<u8>>);

impl Person {
    pub(super) fn of(world: &World) -> Self {
        let mut files = BTreeMap::new();
        read(&world.depot.person.root, "", &mut files);
        Self(files)
    }

    /// What is no longer as it was; `landed` are the files that a landing may change besides.
    pub(super) fn changed_since(&self, before: &Self, landed: Option<&[String]>) -> Option<String> {
        let allowed = |name: &str| {
            is_of_ganger(name) || landed.is_some_and(|files| is_of_landing(name) || files.iter().any(|f| f == name))
        };
        let is_object = |name: &str| name.starts_with(".git/objects/");
        for (name, content) in &before.0 {
            if !allowed(name) && self.0.get(name) != Some(content) {
                return Some(format!("the person's {name} is not what it was"));
            }
        }
        let added = self.0.keys().find(|name| !before.0.contains_key(*name) && !allowed(name) && !is_object(name));
        added.map(|name| format!("{name} is new in the person's repository"))
    }
}

fn is_of_ganger(name: &str) -> bool {
    name.starts_with(".git/refs/heads/ganger/") || name.starts_with(".git/logs/refs/heads/ganger/")
}

fn is_of_landing(name: &str) -> bool {
    let changed = [".git/index", ".git/refs/heads/main", ".git/logs/refs/heads/main", ".git/logs/HEAD"];
    changed.contains(&name)
}

fn read(folder: &Path, name: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in folder.read_dir().unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = format!("{name}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            read(&path, &format!("{name}/"), files);
        } else if let Ok(target) = std::fs::read_link(&path) {
            files.insert(name, target.into_os_string().into_encoded_bytes());
        } else {
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
}
