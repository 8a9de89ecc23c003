//! Files of the person that git ignores, such as `.env.local`: named by patterns in the trusted configuration, copied
//! from the person's checkout into each fresh tree, and never over anything that is there.

use super::made::extent_of;
use crate::git::{Git, GitResult, zero_separated};
use crate::os;
use std::io;
use std::path::{Path, PathBuf};

/// Which files of a checkout are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnFiles {
    /// The checkout of the person.
    root: PathBuf,
    /// As in `.gitignore`.
    patterns: Vec<String>,
}

/// What the patterns name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Files, and folders as a whole, that git ignores.
    pub(crate) ignored: Vec<String>,
    /// Those that it does not: an agent's commit would take them along.
    pub(crate) not_ignored: Vec<String>,
}

impl OwnFiles {
    pub(crate) fn new(root: &Path, patterns: &[String]) -> Self {
        Self { root: root.to_owned(), patterns: patterns.to_vec() }
    }

    /// Looks them up, in the order of their names.
    pub(crate) fn find(&self) -> GitResult<Named> {
        if self.patterns.is_empty() {
            return Ok(Named::default());
        }
        let git = Git::at(&self.root);
        let patterns: Vec<String> = self.patterns.iter().map(|pattern| format!("--exclude={pattern}")).collect();
        let list = ["ls-files", "--others", "--ignored", "--directory", "-z"].map(str::to_owned);
        let listed = git.run(&[&list[..], &patterns].concat())?;
        let mut named: Vec<String> =
            zero_separated(&listed).map(|name| name.trim_end_matches('/').to_owned()).collect();
        named.sort();
        let fed: String = named.iter().map(|name| format!("{name}\0")).collect();
        let answer = git.output_fed(&["check-ignore", "--stdin", "-z"], fed.as_bytes())?;
        // 1: it ignores none of them.
        if !matches!(answer.status.code(), Some(0 | 1)) {
            let why = String::from_utf8_lossy(&answer.stderr);
            return Err(git.error(&["check-ignore"], &why, answer.status.code()));
        }
        let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
        let ignored: Vec<&str> = zero_separated(&answer).collect();
        let (ignored, not_ignored): (Vec<String>, Vec<String>) =
            named.into_iter().partition(|name| ignored.contains(&name.as_str()));
        // Git names a folder too in which it ignores all that is wanted.
        let is_covered = |name: &String| {
            let path = self.root.join(name);
            path.is_dir()
                && os::files_below(&path, name).iter().all(|file| ignored.iter().any(|other| is_in(file, other)))
        };
        let not_ignored = not_ignored.into_iter().filter(|name| !is_covered(name)).collect();
        Ok(Named { ignored, not_ignored })
    }

    /// The files of one that is named, which may be a folder.
    pub(crate) fn files_of(&self, name: &str) -> Vec<String> {
        let mut files = os::files_at(&self.root, name);
        files.sort();
        files
    }

    /// Copies them into a tree, where nothing of their name is yet, and says which.
    pub(crate) fn copy_to(&self, tree: &Path) -> io::Result<Vec<String>> {
        let mut copied = Vec::new();
        for name in self.find().map_err(io::Error::other)?.ignored {
            if is_free(tree, Path::new(&name))? {
                os::copy_tree(&self.root.join(&name), &tree.join(&name))?;
                copied.push(name);
            }
        }
        Ok(copied)
    }

    /// Others of the same checkout.
    pub(crate) fn others(&self, patterns: &[String]) -> Self {
        Self::new(&self.root, patterns)
    }

    /// Changes when one of them does.
    pub(super) fn stamp(&self, names: &[String]) -> String {
        let stamp = |name: &String| format!("{name} {:?}\n", extent_of(&self.root.join(name)).ok());
        names.iter().map(stamp).collect()
    }
}

fn is_in(file: &str, named: &str) -> bool {
    file.strip_prefix(named).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a name is not taken in a tree. Makes the folders on the way to it; through a link of the tree's there is none.
fn is_free(tree: &Path, name: &Path) -> io::Result<bool> {
    let mut at = tree.to_owned();
    for part in name.parent().into_iter().flat_map(Path::components) {
        at.push(part);
        match at.symlink_metadata() {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Ok(false),
            Err(e) if e.kind() == io::ErrorKind::NotFound => std::fs::create_dir(&at)?,
            Err(e) => return Err(e),
        }
    }
    Ok(tree.join(name).symlink_metadata().is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkout(files: &[&str], ignored: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        Git::at(folder.path()).run(&["init", "--quiet"]).unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file).unwrap();
        }
        std::fs::write(folder.path().join(".gitignore"), ignored).unwrap();
        folder
    }

    fn wanted(folder: &tempfile::TempDir, patterns: &[&str]) -> OwnFiles {
        OwnFiles::new(folder.path(), &patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn ignored_files_are_found_by_patterns_as_git_reads_them() {
        let folder = checkout(
            &[".env.local", "web/.env.local", "web/.env.example", "keys/a", "keys/b", "note"],
            ".env.*\nkeys/\n",
        );
        let found = wanted(&folder, &[".env.*", "!.env.example", "/keys/", "note"]).find().unwrap();
        assert_eq!(found.ignored, [".env.local", "keys", "web/.env.local"]);
        assert_eq!(found.not_ignored, ["note"]);
        assert_eq!(wanted(&folder, &["nothing"]).find().unwrap(), Named::default());
    }

    #[test]
    fn nothing_is_overwritten_and_no_link_is_followed() {
        let folder = checkout(&["a", "b/c", "d/e", "f/g"], "*\n");
        let (tree, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(tree.path().join("a"), "of the commit").unwrap();
        os::symlink(outside.path(), &tree.path().join("b")).unwrap();
        let copied = wanted(&folder, &["a", "c", "e", "/f/"]).copy_to(tree.path()).unwrap();
        assert_eq!(copied, ["d", "f"]);
        let text = |name: &str| os::read_text(&tree.path().join(name), 99).unwrap();
        assert_eq!((text("a"), text("d/e"), text("f/g")), ("of the commit".into(), "d/e".into(), "f/g".into()));
        assert_eq!(outside.path().read_dir().unwrap().count(), 0);
    }
}
