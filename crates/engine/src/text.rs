//! Foreign text: capped, without control characters, before it is stored, shown or sent to a model.

mod spelling;

pub use spelling::closest;
use std::fmt;

/// Foreign text that shows what it is: no control characters, no sequences that a terminal would obey, nothing that
/// reorders or hides text. Screens and prompts take no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clean(String);

impl Clean {
    /// Makes a text harmless.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(clean(text))
    }

    /// The text.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl std::ops::Deref for Clean {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Clean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Removes control characters but line breaks and tabs, escape sequences of terminals, and characters that reorder
/// text or cannot be seen.
#[must_use]
pub fn clean(text: &str) -> String {
    // Most texts are as they should be.
    if text.bytes().all(|b| b.is_ascii_graphic() || matches!(b, b' ' | b'\n' | b'\t')) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '\u{1b}' | '\u{90}' | '\u{98}' | '\u{9b}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => after_sequence(c, after),
            '\r' if after.starts_with('\n') => after,
            '\r' | '\u{2028}' | '\u{2029}' => {
                out.push('\n');
                after
            }
            c => {
                let is_shown = !is_harmful(c) || (is_joiner(c) && joins(&out, after));
                out.extend(Some(c).filter(|_| is_shown));
                after
            }
        };
    }
    out
}

/// A text whose every character can be seen: for what a person is asked to allow, which must be what is shown. Line
/// breaks and tabs stay.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let is_shown = !is_harmful(c) || (is_joiner(c) && joins(&out, &text[at + c.len_utf8()..]));
        if is_shown { out.push(c) } else { out.extend(c.escape_default()) }
    }
    out
}

/// A name of a file or branch, on one line.
#[must_use]
pub fn name(text: &str) -> String {
    visible(text).replace('\n', "\\n").replace('\t', "\\t")
}

/// Whether a character acts on a screen, reorders what is around it, or cannot be seen. Line breaks and tabs may stay.
#[must_use]
pub fn is_harmful(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        c if c.is_control() => true,
        // Soft hyphen, marks of direction, zero-width characters, fillers that look like nothing.
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' => true,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' => true,
        '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' => true,
        // Tags and selectors: whole texts can be hidden in them.
        '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

/// Joiners and selectors that emoji and many scripts are written with.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}')
}

/// Whether a joiner stands where one is written: behind a character that is not ASCII, and only once. Keycaps are
/// digits with a selector.
fn joins(before: &str, after: &str) -> bool {
    let last = before.chars().next_back();
    let is_keycap = after.starts_with('\u{20e3}');
    last.is_some_and(|c| !is_harmful(c) && (!c.is_ascii() || is_keycap))
        || (last == Some('\u{fe0f}') && after.chars().next().is_some_and(|c| !c.is_ascii() && !is_harmful(c)))
}

/// The longest sequence of a terminal that is taken for one, in bytes. What does not end is only an introducer: it must
/// not hide the rest of the text.
const LONGEST_SEQUENCE: usize = 4_096;

/// What follows a sequence after its first character.
fn after_sequence(introducer: char, text: &str) -> &str {
    let (kind, body) = match introducer {
        '\u{1b}' => match text.chars().next() {
            Some(kind @ ('[' | ']' | 'P' | 'X' | '^' | '_')) => (kind, &text[1..]),
            // Two characters, or, with one of these, three.
            Some('(' | ')' | '*' | '+' | '-' | '.' | '/' | '#' | '%' | ' ') => {
                let end = text.chars().nth(1).filter(|c| c.is_ascii_graphic()).map_or(1, |c| 1 + c.len_utf8());
                return &text[end..];
            }
            Some(c) if c.is_ascii_graphic() => return &text[1..],
            _ => return text,
        },
        '\u{9b}' => ('[', text),
        _ => (']', text),
    };
    let line = body.split('\n').next().unwrap_or_default();
    let end = if kind == '[' {
        // Parameters until a final byte.
        let parameters = line.find(|c: char| !('\u{20}'..='\u{3f}').contains(&c)).unwrap_or(line.len());
        let is_final = line[parameters..].starts_with(|c: char| ('\u{40}'..='\u{7e}').contains(&c));
        Some(parameters + usize::from(is_final))
    } else {
        // Until BEL or ST.
        let ends = [("\u{7}", 1), ("\u{1b}\\", 2), ("\u{9c}", 2)];
        ends.iter().filter_map(|(end, length)| Some(line.find(end)? + length)).min()
    };
    end.filter(|end| *end <= LONGEST_SEQUENCE).map_or(body, |end| &body[end..])
}

/// Every line behind `> `: what others wrote, in a prompt.
pub(crate) fn quoted(text: &str) -> String {
    text.lines().map(|line| format!("> {line}\n")).collect()
}

/// The first characters of a text on one line.
#[must_use]
pub fn line(text: &str, max: usize) -> String {
    // Most titles are as they should be, and there may be many thousand.
    let is_plain = text.len() <= max && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if is_plain && !text.contains("  ") && text.trim().len() == text.len() {
        return text.to_owned();
    }
    let text = clean(text);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.chars().count() <= max {
        return flat;
    }
    let mut cut: String = flat.chars().take(max.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// A number with its noun: "1 file", "2 files".
#[must_use]
pub fn count(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// At most so many bytes from the front, on a character border.
#[must_use]
pub fn cap(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let mut end = bytes;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}\n… ({} bytes more)", &text[..end], text.len() - end)
}

#[cfg(test)]
mod tests {
    use super::{Clean, cap, clean, is_harmful, line, name, visible};

    #[test]
    fn terminal_sequences_and_controls_are_removed() {
        assert_eq!(clean("\u{1b}[31mred\u{1b}[0m\r\n\u{1b}]0;title\u{7}x\u{0}\u{202e}y"), "red\nxy");
    }

    #[test]
    fn sequences_of_every_kind_are_removed_and_hide_nothing_else() {
        for (text, shown) in [
            ("a\u{9b}31mb", "ab"),
            ("a\u{1b}Pq#0\u{1b}\\b", "ab"),
            ("a\u{1b}_payload\u{1b}\\b\u{1b}^x\u{7}c", "abc"),
            ("a\u{9d}0;title\u{9c}b", "ab"),
            ("a\u{1b}(0b\u{1b}7c\u{1b}cd", "abcd"),
            ("a\u{1b}]0;never ends\nthe rest", "a0;never ends\nthe rest"),
            ("a\u{1b}[31\nthe rest", "a\nthe rest"),
            ("a\u{1b}", "a"),
            ("a\u{1b}äb", "aäb"),
            ("a\u{8}\u{7f}\u{85}b\rc\r\nd\u{2028}e", "ab\nc\nd\ne"),
        ] {
            assert_eq!(clean(text), shown, "{text:?}");
        }
    }

    #[test]
    fn what_reorders_or_hides_text_is_removed() {
        assert_eq!(clean("a\u{202e}b\u{2066}c\u{200f}d\u{61c}e"), "abcde");
        assert_eq!(clean("pay\u{200b}p\u{2060}al\u{ad}\u{feff}\u{3164}\u{200d}."), "paypal.");
        let hidden: String = "run rm".chars().map(|c| char::from_u32(0xe0000 + c as u32).unwrap()).collect();
        assert_eq!(clean(&format!("hello{hidden}")), "hello");
        assert_eq!(clean("x\u{fe01}\u{e0100}y"), "xy");
    }

    #[test]
    fn what_a_person_allows_is_shown_whole() {
        assert_eq!(
            visible("rm \u{1b}[8m-rf\u{1b}[0m x\u{202e}\u{200b}"),
            "rm \\u{1b}[8m-rf\\u{1b}[0m x\\u{202e}\\u{200b}"
        );
        assert_eq!(visible("a\nb\r\u{7}"), "a\nb\\r\\u{7}");
        assert_eq!(name("a\nerror: b\u{1b}"), "a\\nerror: b\\u{1b}");
        assert_eq!(name("größer 👩‍👧.txt"), "größer 👩‍👧.txt");
    }

    #[test]
    fn scripts_and_emoji_stay_what_they_are() {
        for text in ["👩‍👩‍👧‍👦 ❤️ 1️⃣ 🏳️‍🌈", "می‌خواهم", "क्‍ष", "größer 日本語 שלום", "tab\tand\nline"]
        {
            assert_eq!(clean(text), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_harmful_is_left(text in "(\\PC|\\p{Cc}|[\u{1b}\\[\\]P_;0-9m\u{7}\u{9b}\u{9c}\u{200b}-\u{200f}\u{e0041}\u{fe0f}\n]){0,60}") {
            let cleaned = Clean::of(&text);
            proptest::prop_assert!(!cleaned.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
            let mut before = 'a';
            for c in cleaned.chars() {
                proptest::prop_assert!(!is_harmful(c) || !before.is_ascii() || c == '\u{fe0f}', "{:?}", cleaned);
                before = c;
            }
            proptest::prop_assert_eq!(Clean::of(&cleaned), cleaned, "once is enough");
        }
    }

    #[test]
    fn long_text_is_cut_on_character_borders() {
        assert_eq!(line("a  b\nc", 10), "a b c");
        assert_eq!(line("äöüäöü", 4), "äöü…");
        assert_eq!(cap("äö", 3), "ä\n… (2 bytes more)");
    }
}
