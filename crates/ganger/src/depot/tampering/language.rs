//! Programming languages: which files their test runners look at, and which bytes of a file are code.

use super::is_test_file;

/// A language whose tests are found in its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Language {
    Rust,
    Python,
    JavaScript,
    Go,
    Java,
    CSharp,
    Ruby,
    Php,
}

/// How likely a runner looks into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sight {
    /// No runner does.
    None,
    /// By the folder it is in, where the project says so.
    Folder,
    /// By its name.
    Name,
}

impl Language {
    /// By the file's extension.
    pub(super) fn of(path: &str) -> Option<Self> {
        Some(match path.rsplit('/').next()?.rsplit_once('.')?.1 {
            "rs" => Self::Rust,
            "py" | "pyi" => Self::Python,
            "js" | "jsx" | "ts" | "tsx" | "mjs" | "cjs" | "mts" | "cts" | "vue" | "svelte" => Self::JavaScript,
            "go" => Self::Go,
            "java" | "kt" | "kts" | "scala" | "groovy" => Self::Java,
            "cs" => Self::CSharp,
            "rb" => Self::Ruby,
            "php" => Self::Php,
            _ => return None,
        })
    }

    /// Whether the runners of this language look into a file of this name.
    pub(super) fn sight(self, path: &str) -> Sight {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let in_folder = if is_test_file(path) { Sight::Folder } else { Sight::None };
        let by_name = |yes: bool| if yes { Sight::Name } else { in_folder };
        let passed_over = |part: &str| {
            let hidden = part.starts_with('.') || matches!(part, "node_modules" | "build" | "dist" | "venv");
            hidden || self == Self::Go && (part.starts_with('_') || matches!(part, "testdata" | "vendor"))
        };
        if self != Self::Rust && path.split('/').any(passed_over) {
            return Sight::None;
        }
        match self {
            Self::Rust => Sight::Name,
            Self::Python => by_name(
                name.ends_with(".py") && {
                    stem.starts_with("test") || stem.ends_with("_test") || stem.ends_with("_tests")
                },
            ),
            Self::JavaScript => {
                let named =
                    [".test.", ".spec.", "_test.", "_spec.", "-test.", "-spec."].iter().any(|m| name.contains(m));
                by_name(named || folder.split('/').any(|part| part == "__tests__"))
            }
            Self::Go => match stem.strip_suffix("_test") {
                Some(stem) if GO_PLATFORMS.iter().any(|p| stem.ends_with(p)) => Sight::Folder,
                Some(_) => Sight::Name,
                None => Sight::None,
            },
            Self::Java | Self::CSharp | Self::Php => {
                let ends = ["Test", "Tests", "TestCase", "IT", "Spec"].iter().any(|end| stem.ends_with(end));
                by_name(ends || stem.starts_with("Test"))
            }
            Self::Ruby => by_name(stem.ends_with("_test") || stem.ends_with("_spec") || stem.starts_with("test_")),
        }
    }
}

/// Endings by which Go builds a file on one platform only.
const GO_PLATFORMS: [&str; 14] = [
    "_windows",
    "_plan9",
    "_js",
    "_wasip1",
    "_aix",
    "_solaris",
    "_illumos",
    "_android",
    "_ios",
    "_dragonfly",
    "_netbsd",
    "_openbsd",
    "_wasm",
    "_s390x",
];

/// What is blanked in a source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blank {
    Comments,
    CommentsAndStrings,
}

/// The text with comments (and strings) as blanks. Every byte keeps its place.
pub(super) fn code(language: Language, text: &str, blank: Blank) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at, mut last) = (bytes.to_vec(), 0, b'\n');
    while at < bytes.len() {
        let (end, is_string) = match token_end(language, bytes, at, last) {
            Some(found) => found,
            None => {
                if !bytes[at].is_ascii_whitespace() {
                    last = bytes[at];
                }
                at += 1;
                continue;
            }
        };
        let end = end.clamp(at + 1, bytes.len());
        if !is_string || blank == Blank::CommentsAndStrings {
            out[at..end].iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b' ');
        }
        if is_string {
            last = b'"';
        }
        at = end;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where the comment or string ends that begins here, and whether it is a string.
fn token_end(language: Language, bytes: &[u8], at: usize, last: u8) -> Option<(usize, bool)> {
    use Language as L;
    let rest = &bytes[at..];
    let hash = matches!(language, L::Python | L::Ruby | L::Php);
    let slashes = !matches!(language, L::Python | L::Ruby);
    let line = |rest: &[u8]| rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
    // An attribute of PHP begins with `#[`.
    if hash && rest[0] == b'#' && !(language == L::Php && rest.get(1) == Some(&b'[')) {
        return Some((at + line(rest), false));
    }
    if slashes && rest.starts_with(b"//") {
        return Some((at + line(rest), false));
    }
    if slashes && rest.starts_with(b"/*") {
        return Some((at + block_end(rest, language == L::Rust), false));
    }
    let triple = [&b"\"\"\""[..], b"'''"].into_iter().find(|quote| rest.starts_with(quote));
    if let (Some(quote), L::Python | L::Java | L::CSharp) = (triple, language) {
        return Some((at + find(&rest[3..], quote).map_or(rest.len(), |end| end + 6), true));
    }
    match (rest[0], language) {
        (b'"', L::Rust) => Some((at + quoted_end(rest, true), true)),
        (b'"', _) => Some((at + quoted_end(rest, false), true)),
        (b'r', L::Rust) if !is_word(last) || at == 0 || !is_word(bytes[at - 1]) => {
            let hashes = rest[1..].iter().take_while(|b| **b == b'#').count();
            if rest.get(1 + hashes) != Some(&b'"') {
                return None;
            }
            let close = [&b"\""[..], &b"#".repeat(hashes)].concat();
            let from = 2 + hashes;
            Some((at + find(&rest[from..], &close).map_or(rest.len(), |end| from + end + close.len()), true))
        }
        (b'\'', L::Rust) => {
            // A lifetime is no string.
            let wide = rest.get(1).map_or(1, |b| if *b < 0x80 { 1 } else { b.leading_ones() as usize });
            let is_char = rest.get(1) == Some(&b'\\') || rest.get(1 + wide) == Some(&b'\'');
            is_char.then(|| (at + quoted_end(rest, false), true))
        }
        (b'\'', _) => Some((at + quoted_end(rest, false), true)),
        (b'`', L::JavaScript) => Some((at + quoted_end(rest, true), true)),
        (b'`', L::Go) => Some((at + find(&rest[1..], b"`").map_or(rest.len(), |end| end + 2), true)),
        // After a value it divides, elsewhere a regular expression begins.
        (b'/', L::JavaScript) if b"(,=:[!&|?{};\n>".contains(&last) => Some((at + quoted_end(rest, false), true)),
        _ => None,
    }
}

fn block_end(rest: &[u8], nests: bool) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") && (nests || depth == 0) {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// The end of what the first byte opens and closes. A string that may not hold line breaks ends with its line.
fn quoted_end(rest: &[u8], over_lines: bool) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b if b == rest[0] => return at + 1,
            b'\n' if !over_lines => return at,
            _ => at += 1,
        }
    }
    rest.len()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}
