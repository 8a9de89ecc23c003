//! Texts that a command reads: from a file, from standard input, or from an editor.

use crate::failure::{Code, Failure};
use std::io::{IsTerminal, Read, Write};
use std::path::Path;

/// No text that anybody wrote is larger.
const MOST_BYTES: u64 = 64 << 20;

/// A file, or standard input for `-`, without the byte order mark that some editors write.
pub(super) fn read(file: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let opened: Box<dyn Read> = match file.as_os_str() == "-" {
        true => Box::new(std::io::stdin()),
        false => Box::new(std::fs::File::open(file).map_err(|e| Failure::usage(format!("{}: {e}", file.display())))?),
    };
    let read = opened.take(MOST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|e| Failure::usage(format!("{}: {e}", file.display())))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Failure::usage(format!("{} is larger than 64 MiB", file.display())).hint("split it"));
    }
    decode(bytes).map_err(|why| {
        Failure::usage(format!("{}: {why}", file.display())).hint("save it as UTF-8, then run the command again")
    })
}

/// UTF-8, or UTF-16 where a byte order mark says so.
fn decode(bytes: Vec<u8>) -> Result<String, String> {
    let wide = |rest: &[u8], read: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest.chunks(2).map(|pair| read([pair[0], *pair.get(1).unwrap_or(&0)])).collect();
        String::from_utf16(&units).map_err(|_| "it is not valid UTF-16".to_owned())
    };
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => decode(rest.to_vec()),
        _ => String::from_utf8(bytes).map_err(|e| {
            let line = e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
            format!("line {line} is not valid UTF-8")
        }),
    }
}

/// Opens the text in the editor of the environment and reads what it becomes.
pub(super) fn edit(text: &str, suffix: &str, otherwise: &str) -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::of(Code::NoTerminal, "cannot open an editor: stdin is not a terminal").hint(otherwise));
    }
    let named = |name: &str| std::env::var(name).ok().filter(|editor| !editor.trim().is_empty());
    let editor = named("VISUAL").or_else(|| named("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    let file = tempfile::Builder::new().suffix(suffix).tempfile()?;
    std::fs::write(file.path(), text)?;
    let status = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!("{editor} \"$1\""))
        .arg("sh")
        .arg(file.path())
        .status()?;
    let edited = match status.success() {
        true => std::fs::read_to_string(file.path()).map_err(|e| Failure::failed(format!("what you typed: {e}"))),
        false => Err(Failure::failed(format!("`{editor}` failed with {status}; nothing was changed"))),
    };
    edited.map_err(|failure| kept(file, text, failure))
}

/// What was typed stays when it cannot be used.
fn kept(file: tempfile::NamedTempFile, text: &str, failure: Failure) -> Failure {
    if std::fs::read(file.path()).is_ok_and(|now| now == text.as_bytes()) {
        return failure;
    }
    match file.keep() {
        Ok((_, path)) => failure.hint(format!("what you typed is in {}", path.display())),
        Err(e) => failure.hint(format!("what you typed could not be kept: {e}")),
    }
}

/// Asks, and reads a line.
pub(super) fn line(question: &str) -> Result<String, Failure> {
    let mut err = anstream::stderr();
    write!(err, "{question}")?;
    err.flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

/// Asks, and waits for the answer; anything but yes is no.
pub(super) fn confirm(question: &str, otherwise: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(
            Failure::of(Code::NoTerminal, "cannot ask for confirmation: stdin is not a terminal").hint(otherwise)
        );
    }
    let answer = line(&format!("{question} [y/N] "))?;
    Ok(matches!(answer.to_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn byte_order_marks_are_no_text() {
        assert_eq!(decode(b"\xef\xbb\xbfa\xc3\xa4".to_vec()).unwrap(), "aä");
        assert_eq!(decode(b"\xff\xfea\0\xe4\0".to_vec()).unwrap(), "aä");
        assert_eq!(decode(b"\xfe\xff\0a".to_vec()).unwrap(), "a");
        assert_eq!(decode(b"a\nb\xe4".to_vec()).unwrap_err(), "line 2 is not valid UTF-8");
    }
}
