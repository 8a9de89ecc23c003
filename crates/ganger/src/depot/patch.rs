//! A patch without context, as its hunks: of one parent, or combined of several.

use crate::git::unquoted;

/// What one place of a file gains and loses.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Hunk {
    pub(super) path: String,
    /// Where the added lines begin.
    pub(super) line: u64,
    pub(super) added: String,
    pub(super) removed: String,
}

/// Reads a patch. What is no patch has no hunks.
pub(super) fn hunks(patch: &str) -> Vec<Hunk> {
    let mut found: Vec<Hunk> = Vec::new();
    // Lines of a file begin with signs: neither of these words can be one.
    let (mut path, mut signs) = (String::new(), None);
    for line in patch.lines() {
        if line.starts_with("diff ") {
            signs = None;
        } else if line.starts_with("@@") {
            let parents = line.bytes().take_while(|b| *b == b'@').count() - 1;
            signs = Some(parents);
            found.push(Hunk { path: path.clone(), line: begin(line), ..Hunk::default() });
        } else if let Some(parents) = signs {
            let (Some(hunk), Some(signs)) = (found.last_mut(), line.get(..parents)) else { continue };
            let to = match (signs.contains('-'), signs.contains('+')) {
                (true, _) => &mut hunk.removed,
                (false, true) => &mut hunk.added,
                (false, false) => continue,
            };
            to.push_str(&line[parents..]);
            to.push('\n');
        } else if let Some(name) = line.strip_prefix("+++ ").or_else(|| line.strip_prefix("--- ")) {
            // That of a deleted file is the old one.
            let name = unquoted(name.trim_end_matches('\t'));
            if let Some(name) = name.strip_prefix("b/").or_else(|| name.strip_prefix("a/")) {
                name.clone_into(&mut path);
            }
        }
    }
    found
}

/// The line of `@@ -1,2 +3,4 @@` at which the new version begins.
fn begin(header: &str) -> u64 {
    let new = header.split(' ').find_map(|word| word.strip_prefix('+')).unwrap_or_default();
    new.split(',').next().and_then(|line| line.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(patch: &str) -> Vec<(String, u64, String, String)> {
        hunks(patch).into_iter().map(|h| (h.path, h.line, h.added, h.removed)).collect()
    }

    #[test]
    fn hunks_have_their_file_and_their_line() {
        let patch = "diff --git a/a.txt b/a.txt\nindex 1..2 100644\n--- a/a.txt\n+++ b/a.txt\n@@ -3 +3,2 @@ fn x\n-old\n\
                     +new\n+++ b/not a name\n@@ -9,0 +11 @@\n+last\n\\ No newline at end of file\n\
                     diff --git \"a/ö\\t.txt\" \"b/ö\\t.txt\"\n--- /dev/null\n+++ \"b/ö\\t.txt\"\n@@ -0,0 +1 @@\n+x\n";
        let own = |a: &str, n, b: &str, c: &str| (a.to_owned(), n, b.to_owned(), c.to_owned());
        assert_eq!(
            shown(patch),
            [
                own("a.txt", 3, "new\n++ b/not a name\n", "old\n"),
                own("a.txt", 11, "last\n", ""),
                own("ö\t.txt", 1, "x\n", "")
            ]
        );
    }

    #[test]
    fn a_merge_adds_what_no_parent_has() {
        let patch = "diff --cc a.txt\nindex 1,2..3\n--- a/a.txt\n+++ b/a.txt\n@@@ -1,1 -1,1 +1,1 @@@\n- ours\n -theirs\n++both\n";
        assert_eq!(shown(patch), [("a.txt".to_owned(), 1, "both\n".to_owned(), "ours\ntheirs\n".to_owned())]);
    }
}
