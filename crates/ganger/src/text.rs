//! Foreign text: capped, without control characters, before it is stored, shown or sent to a model.

use std::path::Path;

/// Removes control characters but line breaks and tabs, and escape sequences of terminals.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\n' | '\t' => out.push(c),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' => out.push('\n'),
            c if c.is_control() => {}
            // Marks that reorder text on screens hide what it says.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c => out.push(c),
        }
    }
    out
}

/// As [`clean`], for every text in a value.
pub(crate) fn clean_json(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => *text = clean(text),
        serde_json::Value::Array(items) => items.iter_mut().for_each(clean_json),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(clean_json),
        _ => {}
    }
}

fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        // CSI: parameters until a final byte.
        Some('[') => while chars.next().is_some_and(|c| !('\u{40}'..='\u{7e}').contains(&c)) {},
        // OSC: until BEL or ST.
        Some(']') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                    break;
                }
            }
        }
        _ => {}
    }
}

/// The first characters of a text on one line.
pub(crate) fn line(text: &str, max: usize) -> String {
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

/// At most so many bytes from the front, on a character border.
pub(crate) fn cap(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let mut end = bytes;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}\n… ({} bytes more)", &text[..end], text.len() - end)
}

/// The cleaned end of a file; empty when it cannot be read.
pub(crate) fn tail_of_file(path: &Path, bytes: usize) -> String {
    crate::os::tail(path, bytes as u64).map_or_else(|_| String::new(), |tail| clean(&String::from_utf8_lossy(&tail)))
}

/// A time of day in the local zone, for people.
pub(crate) fn clock(at: u64) -> String {
    let time = i64::try_from(at).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(String::new, |t| t.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::{cap, clean, line};

    #[test]
    fn terminal_sequences_and_controls_are_removed() {
        assert_eq!(clean("\u{1b}[31mred\u{1b}[0m\r\n\u{1b}]0;title\u{7}x\u{0}\u{202e}y"), "red\nxy");
    }

    #[test]
    fn long_text_is_cut_on_character_borders() {
        assert_eq!(line("a  b\nc", 10), "a b c");
        assert_eq!(line("äöüäöü", 4), "äöü…");
        assert_eq!(cap("äö", 3), "ä\n… (2 bytes more)");
    }
}
