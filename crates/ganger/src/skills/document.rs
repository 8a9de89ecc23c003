//! A Markdown file, taken apart: the frontmatter at its top, and further blocks of frontmatter below it, as documents
//! have that define several agents, also inside code fences.

use super::yaml;
use std::ops::Range;

/// A block of frontmatter with the text that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// The line of the file on which the YAML begins.
    pub(super) line: usize,
    pub(super) yaml: String,
    pub(super) body: String,
    /// Whether it is the one at the top, and so that of the whole file.
    pub(super) leads: bool,
}

/// A file.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) text: String,
    pub(super) blocks: Vec<Block>,
    /// The frontmatter at the top begins and never ends.
    pub(super) unclosed: bool,
}

/// Byte order marks go, and line ends of other systems become ours.
fn normalize(text: &str) -> String {
    text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n")
}

impl Document {
    pub(super) fn read(text: &str) -> Self {
        let text = normalize(text);
        let lines: Vec<&str> = text.lines().collect();
        let (mut blocks, mut next, mut unclosed) = (Vec::new(), 0, false);
        if let Some(open) = lines.iter().position(|line| !line.trim().is_empty()).filter(|n| is_rule(lines[*n])) {
            match close_of(&lines, open, lines.len()) {
                Some(close) => {
                    blocks.push(block(&lines, open, close, lines.len(), true));
                    next = close + 1;
                }
                None => unclosed = true,
            }
        }
        blocks.extend(further(&lines, next));
        Self { blocks, unclosed, text }
    }

    /// Its first heading, without the marks.
    pub(super) fn title(&self) -> Option<(usize, &str)> {
        let mut lines = self.text.lines().enumerate();
        lines.find_map(|(n, line)| Some((n + 1, line.strip_prefix("# ")?.trim())))
    }

    /// The value of a line such as `**Character:** Work Router`.
    pub(super) fn labelled(&self, label: &str) -> Option<&str> {
        let begins = format!("**{label}:**");
        self.text.lines().find_map(|line| Some(line.trim_start_matches(['>', ' ']).strip_prefix(&begins)?.trim()))
    }
}

/// Blocks below the top.
fn further(lines: &[&str], from: usize) -> Vec<Block> {
    let (mut found, mut at) = (Vec::<Block>::new(), from);
    let mut open_below: Option<(usize, usize)> = None;
    while at < lines.len() {
        if let Some(fence) = Fence::opens(lines[at]) {
            let inside = at + 1;
            let opens = lines.get(inside).is_some_and(|line| is_rule(line));
            let end = fence.end(lines, inside, opens);
            if opens
                && let Some(close) = close_of(lines, inside, end)
                && is_definition(lines, inside, close)
            {
                found.push(block(lines, inside, close, end, false));
            }
            at = end + 1;
        } else if is_rule(lines[at])
            && let Some(close) = close_of(lines, at, lines.len())
            && is_definition(lines, at, close)
        {
            if let Some((open, close)) = open_below.replace((at, close)) {
                found.push(block(lines, open, close, at, false));
            }
            at = close + 1;
        } else {
            at += 1;
        }
    }
    found.extend(open_below.map(|(open, close)| block(lines, open, close, lines.len(), false)));
    found.sort_by_key(|block| block.line);
    found
}

fn block(lines: &[&str], open: usize, close: usize, end: usize, leads: bool) -> Block {
    let joined = |range: Range<usize>| lines.get(range).unwrap_or_default().join("\n");
    let body = joined(close + 1..end).trim().to_owned();
    Block { line: open + 2, yaml: joined(open + 1..close), body, leads }
}

fn is_rule(line: &str) -> bool {
    line.trim_end() == "---"
}

/// The line that ends what a rule begins.
fn close_of(lines: &[&str], open: usize, end: usize) -> Option<usize> {
    (open + 1..end).find(|n| is_rule(lines[*n]))
}

/// Rules stand between paragraphs, too: what defines something has a name or a description, and is YAML.
fn is_definition(lines: &[&str], open: usize, close: usize) -> bool {
    let named = |line: &&str| line.starts_with("name:") || line.starts_with("description:");
    let is_key = |line: &str| {
        line.split_once(':').is_some_and(|(key, _)| key.chars().all(|c| c.is_alphanumeric() || "-_".contains(c)))
    };
    let inside = &lines[open + 1..close];
    inside.first().is_some_and(|line| is_key(line))
        && inside.iter().any(named)
        && yaml::parse(&inside.join("\n")).is_ok_and(|parsed| parsed.root.map().is_some())
}

/// A code fence.
struct Fence {
    mark: char,
    length: usize,
}

impl Fence {
    fn marks(line: &str) -> Option<(Self, &str)> {
        let line = line.trim_start();
        let mark = line.chars().next().filter(|c| "`~".contains(*c))?;
        let rest = line.trim_start_matches(mark);
        let length = line.len() - rest.len();
        (length >= 3).then_some((Self { mark, length }, rest.trim()))
    }

    fn opens(line: &str) -> Option<Self> {
        Self::marks(line).filter(|(fence, info)| fence.mark == '~' || !info.contains('`')).map(|(fence, _)| fence)
    }

    /// The line that ends it. A definition shows code of its own: fences in it, which name a language, are passed over.
    fn end(&self, lines: &[&str], from: usize, nests: bool) -> usize {
        let mut depth = 0_usize;
        for (n, line) in lines.iter().enumerate().skip(from) {
            match Self::marks(line) {
                Some((fence, info)) if fence.mark == self.mark && fence.length >= self.length => match info {
                    "" if depth == 0 => return n,
                    "" => depth -= 1,
                    _ if nests => depth += 1,
                    _ => {}
                },
                _ => {}
            }
        }
        lines.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(text: &str) -> Vec<(usize, bool)> {
        Document::read(text).blocks.iter().map(|block| (block.line, block.leads)).collect()
    }

    #[test]
    fn the_top_of_a_file_is_read_whoever_wrote_it() {
        let unix = "---\nname: a\n---\n\n# A\n";
        for text in [unix.to_owned(), format!("\u{feff}{unix}"), unix.replace('\n', "\r\n")] {
            let document = Document::read(&text);
            let block = document.blocks.first().unwrap();
            assert_eq!((block.yaml.as_str(), block.body.as_str(), block.line), ("name: a", "# A", 2));
        }
        assert!(Document::read("---\nname: a\n").unclosed);
        assert!(Document::read("# A\n").blocks.is_empty());
    }

    #[test]
    fn rules_between_paragraphs_define_nothing() {
        assert_eq!(lines_of("# A\n\n---\n\n## B\nname: x\n\n---\ntext\n---\n"), []);
        assert_eq!(
            lines_of("# A\n\n---\nname: b\ndescription: d\n---\nB\n\n---\nname: c\n---\nC\n"),
            [(4, false), (10, false)]
        );
    }

    #[test]
    fn definitions_in_fences_are_found_with_the_code_that_they_show() {
        let text = "# A\n```yaml\n---\nname: b\n---\nB\n```json\n{}\n```\nmore\n```\nafter\n```sh\nname: x\n```\n";
        let document = Document::read(text);
        assert_eq!(document.blocks.len(), 1);
        assert_eq!(document.blocks[0].body, "B\n```json\n{}\n```\nmore");
        assert_eq!(document.title(), Some((1, "A")));
    }
}
