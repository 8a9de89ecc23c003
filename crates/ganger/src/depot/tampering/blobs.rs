//! Both versions of each changed file, from the depot: no attribute and no setting decides what is read.

use super::{Changed, Version, is_read, is_test_file};
use crate::depot::Depot;
use crate::git::GitResult;
use std::collections::BTreeMap;

/// A larger file is no source that a person wrote.
const MAX_FILE: u64 = 1 << 20;
/// Of all files of a change together.
const MAX_ALL: u64 = 64 << 20;

/// A file in a version, with the id of its content; `None` where it is no regular file.
pub(in crate::depot) type Named<'a> = (&'a str, Option<&'a str>);

/// Reads the files of a change that may tell something of tests, and says what could not be looked at.
pub(in crate::depot) fn read(
    depot: &Depot,
    changes: &[(Option<Named<'_>>, Option<Named<'_>>)],
) -> GitResult<(Vec<Changed>, Vec<String>)> {
    let (mut wanted, mut sum, mut passed_over) = (Vec::new(), 0, Vec::new());
    let seen: Vec<_> =
        changes.iter().filter(|(old, new)| [old, new].iter().any(|v| v.is_some_and(|v| is_read(v.0)))).collect();
    for (path, id) in seen.iter().flat_map(|(old, new)| [old, new]).flatten() {
        let Some(id) = id else { continue };
        let size = depot.repository.size(id).unwrap_or(0);
        if size <= MAX_FILE && sum + size <= MAX_ALL {
            sum += size;
            wanted.push(*id);
        } else if is_test_file(path) {
            passed_over.push(format!("{path}: too large to be looked at"));
        }
    }
    let texts = texts(depot, &wanted)?;
    let version = |named: &Option<Named<'_>>| {
        named.map(|(path, id)| Version {
            path: path.to_owned(),
            text: id.and_then(|id| texts.get(id)).cloned().unwrap_or_default(),
        })
    };
    let read = seen.into_iter().map(|(old, new)| Changed { old: version(old), new: version(new) }).collect();
    Ok((read, passed_over))
}

fn texts(depot: &Depot, ids: &[&str]) -> GitResult<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    const COMMAND: [&str; 2] = ["cat-file", "--batch"];
    let input: String = ids.iter().map(|id| format!("{id}\n")).collect();
    let output = depot.git().output_fed(&COMMAND, input.as_bytes())?;
    if !output.status.success() {
        return Err(depot.git().error(&COMMAND, &crate::git::text(&output.stderr), output.status.code()));
    }
    // `<id> blob <size>`, the content, a line break.
    let mut rest = output.stdout.as_slice();
    while let Some(end) = rest.iter().position(|b| *b == b'\n') {
        let line = String::from_utf8_lossy(&rest[..end]);
        let mut words = line.split(' ');
        let (id, size) = (words.next().unwrap_or_default(), words.nth(1).and_then(|size| size.parse::<usize>().ok()));
        let size = size.unwrap_or(0).min(rest.len() - end - 1);
        found.insert(id.to_owned(), String::from_utf8_lossy(&rest[end + 1..end + 1 + size]).into_owned());
        rest = rest.get(end + size + 2..).unwrap_or_default();
    }
    Ok(found)
}
