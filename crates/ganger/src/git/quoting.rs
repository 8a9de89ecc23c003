//! Names in what git prints for people: in quotes, with C's escapes, where a character would break the line.

/// The name behind git's quotes; what is not quoted is as it is.
pub(crate) fn unquoted(name: &str) -> String {
    let Some(inner) = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return name.to_owned();
    };
    let (mut bytes, mut rest) = (Vec::new(), inner.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = if *first == b'\\' { escaped(after) } else { (*first, after) };
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What follows a backslash: a letter, or three octal digits.
fn escaped(rest: &[u8]) -> (u8, &[u8]) {
    if let [high @ b'0'..=b'3', middle @ b'0'..=b'7', low @ b'0'..=b'7', after @ ..] = rest {
        return ((high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0'), after);
    }
    let Some((letter, after)) = rest.split_first() else { return (b'\\', rest) };
    let byte = match letter {
        b'a' => 7,
        b'b' => 8,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 11,
        b'f' => 12,
        b'r' => b'\r',
        other => *other,
    };
    (byte, after)
}

#[cfg(test)]
mod tests {
    use super::unquoted;

    #[test]
    fn quotes_and_escapes_are_taken_off() {
        for (shown, name) in [
            ("a b.txt", "a b.txt"),
            (r#""\303\244.txt""#, "ä.txt"),
            (r#""a\tb\"c\\d""#, "a\tb\"c\\d"),
            (r#""ö\n""#, "ö\n"),
            (r#""half"#, r#""half"#),
            (r#""\""#, "\\"),
        ] {
            assert_eq!(unquoted(shown), name, "{shown}");
        }
    }
}
