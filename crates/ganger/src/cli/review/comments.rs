//! Comments on a diff: where in the diff each line of it is, and what was written between them.

use crate::git::unquoted;

/// What a person wrote about a line, a file, or the whole of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comment {
    pub(super) place: Option<Place>,
    pub(super) text: String,
}

/// Where in the changed files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: String,
    /// Of the file as it is with the work; for a line that was removed, of the file before.
    pub(super) line: Option<u32>,
    /// The line of the diff, where it is known.
    pub(super) quote: Option<String>,
}

/// The comments in an edited diff: lines that begin with `#`, each run of them about the line of the diff above. Lines of
/// `head`, which stood above the diff, are none. Lines of the diff may have been deleted.
pub(super) fn parse(head: &str, diff: &str, edited: &str) -> Vec<Comment> {
    let instructions: Vec<&str> = head.lines().map(str::trim_end).collect();
    let lines = places(diff);
    let mut at = 0;
    let mut place: Option<Place> = None;
    let mut found: Vec<Comment> = Vec::new();
    let mut goes_on = false;
    for line in edited.lines().map(|line| line.strip_suffix('\r').unwrap_or(line)) {
        let Some(words) = line.strip_prefix('#').filter(|_| !instructions.contains(&line.trim_end())) else {
            if let Some(n) = lines[at..].iter().position(|(text, _)| *text == line) {
                place.clone_from(&lines[at + n].1);
                at += n + 1;
                goes_on = false;
            }
            continue;
        };
        let words = words.strip_prefix(' ').unwrap_or(words).trim_end();
        match found.last_mut().filter(|_| goes_on) {
            Some(comment) => comment.text.push_str(&format!("\n{words}")),
            None => found.push(Comment { place: place.clone(), text: words.to_owned() }),
        }
        goes_on = true;
    }
    found.iter_mut().for_each(|comment| comment.text = comment.text.trim().to_owned());
    found.retain(|comment| !comment.text.is_empty());
    found
}

/// The files that a diff changes.
pub(super) fn files(diff: &str) -> Vec<String> {
    let mut files: Vec<String> = places(diff).into_iter().filter_map(|(_, place)| Some(place?.file)).collect();
    files.dedup();
    files
}

/// Whether a diff shows this line of a file.
pub(super) fn shows(diff: &str, file: &str, line: u32) -> bool {
    places(diff).into_iter().any(|(_, place)| place.is_some_and(|p| p.file == file && p.line == Some(line)))
}

/// Each line of a diff with its place.
fn places<'a>(diff: &'a str) -> Vec<(&'a str, Option<Place>)> {
    let mut file: Option<String> = None;
    // How many lines of the hunk are still to come, and the numbers of the next ones.
    let (mut old, mut new) = ((0, 0), (0, 0));
    let place = |diff_line: &'a str| {
        let mut line = None;
        if old.1 == 0 && new.1 == 0 {
            if let Some(rest) = diff_line.strip_prefix("diff --git ") {
                file = Some(named_twice(rest));
            } else if let Some(name) = named_once(diff_line) {
                file = Some(name);
            } else if let Some(hunk) = diff_line.strip_prefix("@@ ") {
                let mut ranges = hunk.split(' ').map(range);
                (old, new) = (ranges.next().unwrap_or_default(), ranges.next().unwrap_or_default());
            }
        } else {
            let in_old = !diff_line.starts_with(['+', '\\']);
            let in_new = !diff_line.starts_with(['-', '\\']);
            line = if in_new { Some(new.0) } else { Some(old.0).filter(|_| in_old) };
            if in_old {
                old = (old.0 + 1, old.1.saturating_sub(1));
            }
            if in_new {
                new = (new.0 + 1, new.1.saturating_sub(1));
            }
        }
        let quote = line.map(|_| diff_line.to_owned());
        (diff_line, file.clone().map(|file| Place { file, line, quote }))
    };
    diff.lines().map(place).collect()
}

/// `--- a/NAME` or `+++ b/NAME`; `/dev/null` names nothing.
fn named_once(line: &str) -> Option<String> {
    let name = line.strip_prefix("+++ ").or_else(|| line.strip_prefix("--- "))?;
    let name = unquoted(name.trim_end_matches('\t'));
    name.strip_prefix("a/").or_else(|| name.strip_prefix("b/")).map(str::to_owned)
}

/// `a/NAME b/NAME`: names may have spaces, and may be in quotes.
fn named_twice(names: &str) -> String {
    if names.ends_with('"')
        && let Some(at) = names.rfind(" \"b/")
    {
        let second = unquoted(&names[at + 1..]);
        return second.strip_prefix("b/").unwrap_or(&second).to_owned();
    }
    let half = names.len() / 2;
    let second = names.get(half + 1..).and_then(|second| second.strip_prefix("b/"));
    second.unwrap_or_else(|| names.rsplit(" b/").next().unwrap_or(names)).to_owned()
}

/// `-12,7`: the first line and how many.
fn range(words: &str) -> (u32, u32) {
    let words = words.trim_start_matches(['-', '+']);
    let (first, count) = words.split_once(',').unwrap_or((words, "1"));
    (first.parse().unwrap_or(0), count.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::{Comment, files, parse};

    const DIFF: &str = "diff --git a/src/a b.rs b/src/a b.rs\nindex 1..2 100644\n--- a/src/a b.rs\t\n+++ b/src/a b.rs\t\n\
                        @@ -10,3 +10,4 @@ fn x()\n one\n-two\n+2\n+--- a/not a header\n three\n\
                        diff --git a/gone.txt b/gone.txt\ndeleted file mode 100644\n--- a/gone.txt\n+++ /dev/null\n\
                        @@ -1 +0,0 @@\n-last\n";
    const HEAD: &str = "# Review of T-1\n#\n";

    fn shown(comments: &[Comment]) -> Vec<String> {
        let place = |c: &Comment| match &c.place {
            None => "-".to_owned(),
            Some(place) => format!("{}:{:?}", place.file, place.line),
        };
        comments.iter().map(|c| format!("{} {:?}", place(c), c.text)).collect()
    }

    #[test]
    fn a_comment_belongs_to_the_line_above_it() {
        let edited = format!("{HEAD}# in all, good\n{DIFF}")
            .replace(" one\n", " one\n# why\n#   not?\n")
            .replace("-two\n", "-two\n# keep it\n")
            .replace("+--- a/not a header\n", "+--- a/not a header\r\n#\n# odd\n")
            .replace("-last\n", "-last\n# sure?\n");
        assert_eq!(
            shown(&parse(HEAD, DIFF, &edited)),
            [
                "- \"in all, good\"",
                "src/a b.rs:Some(10) \"why\\n  not?\"",
                "src/a b.rs:Some(11) \"keep it\"",
                "src/a b.rs:Some(12) \"odd\"",
                "gone.txt:Some(1) \"sure?\"",
            ]
        );
        assert_eq!(parse(HEAD, DIFF, &format!("{HEAD}{DIFF}")), []);
        assert_eq!(files(DIFF), ["src/a b.rs", "gone.txt"]);
    }

    #[test]
    fn names_in_quotes_are_read() {
        let diff = "diff --git \"a/a\\tb\" \"b/a\\tb\"\nnew file mode 100644\n--- /dev/null\n+++ \"b/a\\tb\"\n@@ -0,0 +1 @@\n+x\n\
                    diff --git \"a/\\303\\244\" \"b/\\303\\244\"\nold mode 100644\nnew mode 100755\n";
        assert_eq!(files(diff), ["a\tb", "ä"]);
    }

    #[test]
    fn lines_of_the_diff_may_be_deleted_and_files_commented_as_a_whole() {
        let edited = "+++ b/src/a b.rs\t\n# split this file\n three\n# and this\n";
        assert_eq!(
            shown(&parse(HEAD, DIFF, edited)),
            ["src/a b.rs:None \"split this file\"", "src/a b.rs:Some(13) \"and this\""]
        );
    }
}
