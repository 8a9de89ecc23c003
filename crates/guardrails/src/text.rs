//! Small work on text: what is not known inside of a word, globs, and the codes in which commands are hidden.

/// Begins and ends a part of a word that is not known. The character after the first says where it comes from.
const OPEN: char = '\u{E000}';
const CLOSE: char = '\u{E001}';

/// Where an unknown part of a word comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A variable or a program that is not understood.
    Unknown,
    /// The network.
    Network,
    /// Something that was decoded.
    Decoded,
    /// A file with secrets.
    Secret,
}

impl Origin {
    const fn mark(self) -> char {
        match self {
            Self::Unknown => 'u',
            Self::Network => 'n',
            Self::Decoded => 'd',
            Self::Secret => 's',
        }
    }
}

/// A part of a word that is not known; `shown` is its source.
pub(crate) fn unknown(origin: Origin, shown: &str) -> String {
    let shown: String = shown.chars().filter(|c| !matches!(*c, OPEN | CLOSE)).collect();
    format!("{OPEN}{}{shown}{CLOSE}", origin.mark())
}

/// Whether all of a word is known.
pub(crate) fn is_known(word: &str) -> bool {
    !word.contains(OPEN)
}

/// Whether a part of a word comes from there.
pub(crate) fn has_origin(word: &str, origin: Origin) -> bool {
    word.contains(&format!("{OPEN}{}", origin.mark()))
}

/// The sources of the unknown parts of a word.
pub(crate) fn unknown_parts(word: &str) -> impl Iterator<Item = &str> {
    word.split(OPEN).skip(1).filter_map(|rest| rest.split(CLOSE).next()?.get(1..))
}

/// As a person reads it.
pub(crate) fn shown(word: &str) -> String {
    let mut shown = String::new();
    let mut parts = word.split(OPEN);
    shown.push_str(parts.next().unwrap_or_default());
    for part in parts {
        shown.extend(part.chars().skip(1).filter(|c| *c != CLOSE));
    }
    shown
}

/// The name of a variable that is all of an unknown part: `$X`, `${X}`.
pub(crate) fn variable_of(part: &str) -> Option<&str> {
    let name = part.strip_prefix('$')?;
    let name = name.strip_prefix('{').and_then(|n| n.strip_suffix('}')).unwrap_or(name);
    let name = name.trim_start_matches('!');
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    let (name, rest) = name.split_at(end);
    // A length or an alternative value shows nothing of the variable itself.
    (!name.is_empty() && !rest.starts_with(":+") && !rest.starts_with('+')).then_some(name)
}

/// Whether a text fits a pattern of the shell, of which `*`, `?` and `[…]` are read.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        let step = match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => class_length(&pattern[p..]),
            Some(c) if *c == text[t] => Some(1),
            _ => None,
        };
        match (step, star) {
            (Some(length), _) => {
                p += length;
                t += 1;
            }
            (None, Some((at, from))) => {
                star = Some((at, from + 1));
                (p, t) = (at + 1, from + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// `[…]` fits any character: it is read for names of programs only.
fn class_length(pattern: &[char]) -> Option<usize> {
    pattern.iter().position(|c| *c == ']').map(|end| end + 1)
}

/// Whether the shell would look for names that fit.
pub(crate) fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Base64, as far as it decodes to text.
pub(crate) fn from_base64(text: &str) -> Option<String> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut held, mut bytes) = (0_u32, 0_u32, Vec::new());
    for c in text.bytes().filter(|c| !c.is_ascii_whitespace() && *c != b'=') {
        let value = ALPHABET.iter().position(|a| *a == c)?;
        bits = (bits << 6) | u32::try_from(value).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Pairs of hexadecimal digits.
pub(crate) fn from_hex(text: &str) -> Option<String> {
    let digits: Vec<u8> = text.bytes().filter(|c| !c.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    String::from_utf8(digits.chunks(2).map(byte).collect::<Option<_>>()?).ok()
}

/// Escapes of `printf`, `echo -e` and `$'…'`.
pub(crate) fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at + 1..];
        let Some(c) = rest.chars().next() else {
            bytes.push(b'\\');
            break;
        };
        let digits = |from: usize, most: usize, radix: u32| {
            let digits = rest[from..].chars().take(most).take_while(|c| c.is_digit(radix)).count();
            let value = u32::from_str_radix(&rest[from..from + digits], radix).ok();
            value.map(|value| (value, from + digits))
        };
        let numbered = match c {
            'x' => digits(1, 2, 16),
            'u' => digits(1, 4, 16),
            'U' => digits(1, 8, 16),
            '0' => digits(0, 4, 8),
            '1'..='7' => digits(0, 3, 8),
            _ => None,
        };
        if let Some((value, length)) = numbered {
            match (c, u8::try_from(value)) {
                ('x' | '0'..='7', Ok(byte)) => bytes.push(byte),
                _ => bytes.extend(char::from_u32(value).unwrap_or('?').to_string().bytes()),
            }
            rest = &rest[length..];
            continue;
        }
        let plain = match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'e' | 'E' => '\u{1b}',
            'a' | 'b' | 'f' | 'v' => ' ',
            '\\' | '\'' | '"' => c,
            other => {
                bytes.push(b'\\');
                other
            }
        };
        bytes.extend(plain.to_string().bytes());
        rest = &rest[c.len_utf8()..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `tr`: each character of one set becomes that of the other.
pub(crate) fn translated(text: &str, from: &str, to: &str) -> String {
    let (from, to) = (ranges(from), ranges(to));
    let last = to.last().copied();
    let one = |c: char| match from.iter().position(|f| *f == c) {
        Some(at) => to.get(at).copied().or(last).unwrap_or(c),
        None => c,
    };
    text.chars().map(one).collect()
}

fn ranges(set: &str) -> Vec<char> {
    let chars: Vec<char> = unescaped(set).chars().collect();
    let (mut all, mut at) = (Vec::new(), 0);
    while let Some(first) = chars.get(at) {
        match (chars.get(at + 1), chars.get(at + 2)) {
            (Some('-'), Some(last)) => {
                all.extend(*first..=*last);
                at += 3;
            }
            _ => {
                all.push(*first);
                at += 1;
            }
        }
    }
    all
}

/// The parts of a text between quotes of any kind, as a program in another language writes its strings.
pub(crate) fn quoted(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(char, String)> = None;
    let mut chars = source.chars();
    while let Some(c) = chars.next() {
        match &mut open {
            None if matches!(c, '\'' | '"' | '`') => open = Some((c, String::new())),
            None => {}
            Some((quote, text)) if *quote == c => {
                found.push(std::mem::take(text));
                open = None;
            }
            Some((_, text)) if c == '\\' => text.extend(chars.next()),
            Some((_, text)) => text.push(c),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read() {
        assert_eq!(from_base64("cm0gLXJmIH4=").as_deref(), Some("rm -rf ~"));
        assert_eq!(from_hex("726d").as_deref(), Some("rm"));
        assert_eq!(unescaped(r"\x72\155\n\u0041\q"), "rm\nA\\q");
        assert_eq!(translated("ez -es", "a-z", "n-za-m"), "rm -rf");
        assert_eq!(quoted(r#"f("a b", 'c\'d')"#), ["a b", "c'd"]);
    }

    #[test]
    fn patterns_of_the_shell_fit_names() {
        assert!(fits("*.p?c", "x.pyc") && fits("r[m]", "rm") && fits("*", "") && !fits("*.o", "x.c"));
    }

    #[test]
    fn unknown_parts_are_kept_apart() {
        let word = format!("a{}b", unknown(Origin::Network, "$(curl x)"));
        assert!(!is_known(&word) && has_origin(&word, Origin::Network) && !has_origin(&word, Origin::Secret));
        assert_eq!(shown(&word), "a$(curl x)b");
        assert_eq!(unknown_parts(&word).collect::<Vec<_>>(), ["$(curl x)"]);
        assert_eq!(variable_of("${X:0:2}"), Some("X"));
        assert_eq!(variable_of("${X:+yes}"), None);
        assert_eq!(variable_of("${#X}"), None);
    }
}
