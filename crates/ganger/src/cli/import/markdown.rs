//! The few forms of Markdown that a roadmap is read by: fences, headings, list items and tables.

/// Columns of white space before the first character.
pub(super) fn indent(line: &str) -> usize {
    let mut columns = 0;
    for c in line.chars() {
        match c {
            ' ' => columns += 1,
            '\t' => columns += 4 - columns % 4,
            _ => break,
        }
    }
    columns
}

/// A line without its indent, up to a number of columns.
pub(super) fn dedent(line: &str, most: usize) -> &str {
    let mut columns = 0;
    for (at, c) in line.char_indices() {
        if columns >= most || !(c == ' ' || c == '\t') {
            return &line[at..];
        }
        columns += if c == '\t' { 4 - columns % 4 } else { 1 };
    }
    ""
}

/// The fence that a code block begins with.
pub(super) struct Fence {
    mark: char,
    length: usize,
}

impl Fence {
    pub(super) fn opened_by(line: &str) -> Option<Self> {
        let bare = line.trim();
        let mark = bare.chars().next().filter(|c| ['`', '~'].contains(c))?;
        let length = bare.chars().take_while(|c| *c == mark).count();
        // A span of code on one line is no block.
        (length >= 3 && !(mark == '`' && bare[length..].contains('`'))).then_some(Self { mark, length })
    }

    pub(super) fn is_closed_by(&self, line: &str) -> bool {
        let bare = line.trim();
        bare.len() >= self.length && bare.chars().all(|c| c == self.mark)
    }
}

/// Level and text of a heading.
pub(super) fn heading(line: &str) -> Option<(usize, &str)> {
    let bare = line.trim();
    let level = bare.bytes().take_while(|b| *b == b'#').count();
    if !(1..=6).contains(&level) || indent(line) > 3 {
        return None;
    }
    // What closes a heading is no part of it.
    Some((level, bare[level..].trim().trim_end_matches('#').trim_end()))
}

/// The level that a line gives to the line above it.
pub(super) fn underline(line: &str) -> Option<usize> {
    let bare = line.trim();
    let all = |c: char| bare.len() >= 2 && bare.chars().all(|b| b == c);
    if all('=') { Some(1) } else { all('-').then_some(2) }
}

/// An item of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item<'a> {
    pub(super) indent: usize,
    /// What stands in its box, if it has one.
    pub(super) tick: Option<char>,
    pub(super) text: &'a str,
}

pub(super) fn item(line: &str) -> Option<Item<'_>> {
    let bare = line.trim();
    let digits = bare.bytes().take_while(u8::is_ascii_digit).count();
    let rest = if (1..=9).contains(&digits) {
        bare[digits..].strip_prefix(['.', ')'])?
    } else {
        bare.strip_prefix(['-', '*', '+', '•'])?
    };
    if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
        return None;
    }
    let (tick, text) = ticked(rest.trim_start());
    Some(Item { indent: indent(line), tick, text })
}

/// A box and what follows it: `[ ]`, `[x]`, `[-]`.
pub(super) fn ticked(text: &str) -> (Option<char>, &str) {
    let boxed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let Some((inner, rest)) = boxed.filter(|(_, rest)| rest.is_empty() || rest.starts_with([' ', '\t'])) else {
        return (None, text);
    };
    let mut inside = inner.trim().chars();
    match (inside.next(), inside.next()) {
        (None, _) => (Some(' '), rest.trim()),
        (Some(c), None) if !c.is_alphanumeric() || c == 'x' || c == 'X' => (Some(c), rest.trim()),
        _ => (None, text),
    }
}

/// The cells of a row.
pub(super) fn cells(line: &str) -> Option<Vec<String>> {
    let bare = line.trim();
    if !bare.contains('|') {
        return None;
    }
    let inner = bare.strip_prefix('|').unwrap_or(bare);
    let (mut cells, mut cell, mut chars) = (Vec::new(), String::new(), inner.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&'|') => cell.extend(chars.next()),
            '|' => cells.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    if !cell.trim().is_empty() {
        cells.push(cell);
    }
    Some(cells.iter().map(|c| c.trim().trim_matches('*').trim().to_owned()).collect())
}

/// Whether a row only separates the names of columns from what is below.
pub(super) fn is_separator(cells: &[String]) -> bool {
    !cells.is_empty() && cells.iter().all(|c| c.contains('-') && c.chars().all(|c| "-: ".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_of_a_list_is_known() {
        for mark in ["-", "*", "+", "•", "1.", "12)", "  -", "\t*"] {
            let line = format!("{mark} [ ] Do it");
            let found = item(&line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((found.tick, found.text), (Some(' '), "Do it"), "{line}");
        }
        for (boxed, tick) in [("[]", ' '), ("[  ]", ' '), ("[x]", 'x'), ("[X]", 'X'), ("[-]", '-'), ("[~]", '~')] {
            assert_eq!(item(&format!("- {boxed} a")).unwrap().tick, Some(tick), "{boxed}");
        }
        for none in ["-[ ] a", "**bold**", "1.5 hours", "--- a", "a - [ ] b"] {
            assert_eq!(item(none), None, "{none}");
        }
        assert_eq!(item("- [a](b) c").unwrap().tick, None, "a link is no box");
    }

    #[test]
    fn a_fence_ends_with_its_own_mark() {
        let fence = Fence::opened_by("````rust").unwrap();
        assert!(!fence.is_closed_by("```") && !fence.is_closed_by("~~~~") && fence.is_closed_by("````"));
        assert!(Fence::opened_by("```a``` b").is_none() && Fence::opened_by("``x").is_none());
        assert!(Fence::opened_by("~~~").is_some());
    }

    #[test]
    fn rows_have_bars_inside_and_need_none_outside() {
        assert_eq!(cells("| a | **b** |").unwrap(), ["a", "b"]);
        assert_eq!(cells("a | b\\|c").unwrap(), ["a", "b|c"]);
        assert_eq!(cells("| a | | c |").unwrap(), ["a", "", "c"]);
        assert!(is_separator(&cells("|:--|--:|").unwrap()) && !is_separator(&cells("| - | a |").unwrap()));
    }
}
