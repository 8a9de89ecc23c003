//! What flows from one command to the next: what is printed, as far as it is known.

use super::Shell;
use crate::text::{Origin, from_base64, from_hex, has_origin, is_known, translated, unescaped};

/// What a command prints, or reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Feed {
    /// Nothing that is known.
    #[default]
    None,
    /// Literally this.
    Text(String),
    /// Names of files.
    Paths(Vec<String>),
    /// What came over the network.
    Network,
    /// What was decoded from something that is not known.
    Decoded,
    /// What a file with secrets holds.
    Secret,
    /// The variables of the environment.
    Environment,
    /// Every process.
    Processes,
}

/// Programs that pass on what they read, changed or not.
const FILTERS: [&str; 26] = [
    "cat", "tee", "grep", "egrep", "fgrep", "rg", "sed", "awk", "gawk", "head", "tail", "sort", "uniq", "cut", "tr",
    "xargs", "column", "fmt", "fold", "paste", "nl", "less", "more", "pv", "sponge", "dos2unix",
];
/// Programs that decode or unpack what they read.
const DECODERS: [&str; 14] = [
    "base64", "base32", "xxd", "openssl", "gunzip", "zcat", "gzip", "bunzip2", "bzcat", "xzcat", "unxz", "uudecode",
    "gpg", "zstd",
];

impl Feed {
    /// What two commands print one after the other.
    pub(crate) fn followed_by(self, next: Self) -> Self {
        match (self, next) {
            (Self::None, next) => next,
            (before, Self::None) => before,
            (Self::Text(a), Self::Text(b)) => Self::Text(format!("{a}{b}")),
            (Self::Paths(mut a), Self::Paths(b)) => {
                a.extend(b);
                Self::Paths(a)
            }
            // The graver of the two.
            (a @ (Self::Secret | Self::Network | Self::Decoded), _) => a,
            (_, b) => b,
        }
    }

    /// A text, by where its unknown parts come from.
    pub(crate) fn of_text(text: String) -> Self {
        let only = |origin| has_origin(&text, origin);
        if is_known(&text) {
            Self::Text(text)
        } else if only(Origin::Network) {
            Self::Network
        } else if only(Origin::Secret) {
            Self::Secret
        } else {
            Self::Text(text)
        }
    }
}

impl Shell<'_> {
    /// What a program prints that is judged by nobody else.
    pub(super) fn output(&mut self, program: &str, args: &[String], stdin: &Feed) -> Feed {
        let has = |option: &str| args.iter().any(|arg| arg == option);
        let plain: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
        match program {
            "echo" => {
                let options =
                    args.iter().take_while(|arg| matches!(arg.as_str(), "-n" | "-e" | "-ne" | "-en" | "-E")).count();
                let text = args[options..].join(" ");
                let text = if args[..options].iter().any(|o| o.contains('e')) { unescaped(&text) } else { text };
                Feed::of_text(text + "\n")
            }
            "printf" => printf(args),
            "pwd" => self.scope.folder.clone().map_or(Feed::None, Feed::Text),
            "mktemp" => Feed::Text("/tmp/tmp.made".to_owned()),
            "realpath" | "readlink" if plain.len() == 1 => Feed::Text(self.path(plain[0])),
            "basename" if !plain.is_empty() => Feed::Text(plain[0].rsplit('/').next().unwrap_or_default().to_owned()),
            "git" if has("--show-toplevel") => Feed::Text(self.place.workspace.clone()),
            "curl" | "wget" | "http" | "https" | "fetch" | "aria2c" | "nc" | "ncat" | "netcat" | "socat" | "telnet"
            | "iwr" | "irm" => Feed::Network,
            "env" | "printenv" | "set" | "export" | "declare" if plain.is_empty() => Feed::Environment,
            "which" | "type" if !plain.is_empty() => Feed::Text(format!("/usr/bin/{}", plain[plain.len() - 1])),
            // All that is packed goes wherever it is piped.
            "tar" | "zip" if has("-") || args.first().is_some_and(|a| a.contains('c') && !a.contains('f')) => {
                Feed::Decoded
            }
            "ps" => Feed::Processes,
            "rev" => match stdin {
                Feed::Text(text) => {
                    Feed::Text(text.lines().map(|l| l.chars().rev().collect::<String>() + "\n").collect())
                }
                other => other.clone(),
            },
            "tac" => match stdin {
                Feed::Text(text) => Feed::Text(text.lines().rev().map(|l| format!("{l}\n")).collect()),
                other => other.clone(),
            },
            "tr" => match (stdin, plain.as_slice()) {
                (Feed::Text(text), [from, to]) => Feed::Text(translated(text, from, to)),
                (Feed::Text(text), [gone]) if has("-d") => Feed::Text(text.replace(gone.as_str(), "")),
                (other, _) => other.clone(),
            },
            "sed" => match (stdin, plain.as_slice()) {
                (Feed::Text(text), [script]) => Feed::Text(substituted(text, script)),
                (other, _) => other.clone(),
            },
            // A count or a yes or no says nothing of what it counts.
            "grep" | "egrep" | "rg"
                if args.iter().any(|a| a.starts_with('-') && !a.starts_with("--") && a.contains(['q', 'c', 'l'])) =>
            {
                Feed::None
            }
            "wc" | "sha256sum" | "md5sum" | "shasum" => Feed::None,
            name if DECODERS.contains(&name) => decoded(name, args, stdin),
            "cat" | "head" | "tail" | "tac_" if !plain.is_empty() && matches!(stdin, Feed::None) => {
                self.printed(&plain)
            }
            "ls" => self.listed(&plain),
            name if FILTERS.contains(&name) => match stdin {
                // Who filters names of processes means some of them.
                Feed::Processes if name.contains("grep") && !has("-v") => Feed::None,
                other => other.clone(),
            },
            _ => Feed::None,
        }
    }

    /// `cat file`, where the line has written it.
    fn printed(&mut self, files: &[&String]) -> Feed {
        let read = |file: &&String| self.scope.files.get(&self.path(file)).cloned();
        files.iter().filter_map(read).fold(Feed::None, Feed::followed_by)
    }

    fn listed(&self, plain: &[&String]) -> Feed {
        let inside = |path: &&String| {
            let is_one = path.contains(['*', '?']);
            if is_one { (*path).clone() } else { format!("{}/*", path.trim_end_matches('/')) }
        };
        let paths: Vec<String> = plain.iter().map(inside).collect();
        Feed::Paths(if paths.is_empty() { vec!["*".to_owned()] } else { paths })
    }
}

fn printf(args: &[String]) -> Feed {
    let args = if args.first().is_some_and(|arg| arg == "--") { &args[1..] } else { args };
    let Some((format, values)) = args.split_first() else { return Feed::None };
    let format = unescaped(format);
    let mut values = values.iter();
    let mut text = String::new();
    loop {
        let mut parts = format.split('%');
        text.push_str(parts.next().unwrap_or_default());
        let mut used = 0;
        while let Some(part) = parts.next() {
            match part.chars().next() {
                None => {
                    text.push('%');
                    text.push_str(parts.next().unwrap_or_default());
                }
                Some(_) => {
                    let letter = part.find(|c: char| c.is_alphabetic()).unwrap_or(0);
                    used += 1;
                    let value = values.next().map_or("", String::as_str);
                    let value = if part[letter..].starts_with('b') { unescaped(value) } else { value.to_owned() };
                    text.push_str(&value);
                    text.push_str(part.get(letter + 1..).unwrap_or_default());
                }
            }
        }
        if used == 0 || values.len() == 0 || text.len() > 10_000 {
            return Feed::of_text(text);
        }
    }
}

fn decoded(name: &str, args: &[String], stdin: &Feed) -> Feed {
    let decodes = match name {
        "base64" | "base32" | "openssl" => args.iter().any(|a| {
            matches!(a.as_str(), "-d" | "-D" | "--decode" | "-di" | "-id" | "-A" | "--ignore-garbage") && a != "-A"
        }),
        "xxd" => args.iter().any(|a| a.starts_with('-') && a.contains('r')),
        "gzip" | "zstd" | "gpg" => args.iter().any(|a| a.starts_with('-') && a.contains('d')),
        _ => true,
    };
    match stdin {
        Feed::Network if decodes => Feed::Network,
        Feed::Text(text) if decodes => {
            let text = match name {
                "base64" => from_base64(text),
                "openssl" if args.iter().any(|a| a == "base64" || a == "-base64") => from_base64(text),
                "xxd" => from_hex(text),
                _ => None,
            };
            text.map_or(Feed::Decoded, Feed::Text)
        }
        _ if decodes => Feed::Decoded,
        // Encoded, a secret is one still.
        Feed::Secret => Feed::Secret,
        _ => Feed::None,
    }
}

/// `s/a/b/g`, without patterns.
fn substituted(text: &str, script: &str) -> String {
    let Some(rest) = script.strip_prefix('s') else { return text.to_owned() };
    let Some(separator) = rest.chars().next() else { return text.to_owned() };
    let parts: Vec<&str> = rest.split(separator).collect();
    match parts.as_slice() {
        [_, from, to, flags] if !from.is_empty() && flags.contains('g') => text.replace(from, to),
        [_, from, to, _] if !from.is_empty() => text.replacen(from, to, 1),
        _ => text.to_owned(),
    }
}
