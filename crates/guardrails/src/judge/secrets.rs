//! Keys, tokens and passwords: who shows them.

use super::Command;
use super::dotenv::is_env_file;
use crate::Kind;
use crate::shell::{Feed, Shell};
use crate::text::{unknown_parts, variable_of};

/// Why a file is stopped.
pub(super) const WHY_FILE: &str = "It reads a file that holds keys or passwords.";
const WHY_VARIABLE: &str = "It prints a variable that holds a key or a password.";

/// Files and folders of a home.
const HOME: [&str; 38] = [
    ".ssh/id_",
    ".ssh/*",
    ".aws",
    ".config/gcloud",
    ".kube/config",
    ".docker/config.json",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".git-credentials",
    ".gnupg",
    ".pgpass",
    ".my.cnf",
    ".config/gh",
    ".config/hub",
    ".cargo/credentials",
    ".vault-token",
    ".bash_history",
    ".zsh_history",
    ".python_history",
    ".psql_history",
    ".config/op",
    ".password-store",
    ".azure",
    ".terraform.d/credentials",
    ".claude/.credentials",
    ".codex/auth",
    ".config/git/credentials",
    ".s3cfg",
    ".boto",
    ".heroku",
    ".config/rclone",
    ".local/share/keyrings",
    ".mozilla",
    ".config/google-chrome",
    ".gem/credentials",
    "Library/Keychains",
    ".sops",
];
/// Files of the machine.
const MACHINE: [&str; 8] = [
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/sudoers",
    "/etc/ssh/ssh_host",
    "/run/secrets",
    "/var/run/secrets",
    "/etc/ssl/private",
    "/etc/krb5.keytab",
];
/// Names that a file with a private key has.
const NAMES: [&str; 9] = [
    "id_rsa",
    "id_ed25519",
    "id_ecdsa",
    "id_dsa",
    "private.pem",
    "privkey.pem",
    "private.key",
    "server.key",
    "application_default_credentials.json",
];
/// Programs that show what a file holds.
const READERS: [&str; 35] = [
    "cat", "less", "more", "head", "tail", "bat", "batcat", "nl", "tac", "rev", "strings", "xxd", "hexdump", "od",
    "base64", "base32", "grep", "egrep", "fgrep", "rg", "ag", "awk", "gawk", "sed", "cut", "sort", "uniq", "paste",
    "column", "fold", "view", "jq", "yq", "pr", "openssl",
];
/// Programs that carry files away or into an archive.
const CARRIERS: [&str; 9] = ["cp", "tar", "zip", "7z", "scp", "rsync", "gzip", "install", "sftp"];
/// Words in names of variables with secrets.
const WORDS: [&str; 14] = [
    "SECRET",
    "TOKEN",
    "PASSWORD",
    "PASSWD",
    "APIKEY",
    "API_KEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
    "CREDENTIAL",
    "AUTH_KEY",
    "PASSPHRASE",
    "ENCRYPTION_KEY",
    "DEPLOY_KEY",
    "DATABASE_URL",
];

/// Whether a path names a file with secrets, `.env` files left out.
pub(super) fn is_secret_path(shell: &Shell<'_>, word: &str) -> bool {
    if word.is_empty() || word.ends_with(".pub") || word.len() > 300 || word.contains('\n') {
        return false;
    }
    let tilde = word.strip_prefix("~/").map(|rest| format!("{}/{rest}", shell.place.home));
    let path = tilde.unwrap_or_else(|| shell.path(word));
    let homes = [shell.place.home.as_str(), "/root", "/home/user"];
    let of_home = homes
        .iter()
        .filter(|home| !home.is_empty())
        .find_map(|home| path.strip_prefix(home)?.strip_prefix('/'))
        .map(str::to_owned);
    let of_home = of_home.or_else(|| {
        let rest = path.strip_prefix("/home/").or_else(|| path.strip_prefix("/Users/"))?;
        rest.split_once('/').map(|(_, rest)| rest.to_owned())
    });
    let is_harmless =
        path.ends_with("/known_hosts") || path.ends_with("/.aws/config") || path.ends_with(".gnupg/gpg.conf");
    let in_home = of_home.is_some_and(|rest| {
        rest == ".ssh" || HOME.iter().any(|known| rest.starts_with(known) || fits_key(&rest, known))
    });
    let of_machine = MACHINE.iter().any(|known| path.starts_with(known))
        || (path.starts_with("/proc/") && path.ends_with("/environ"));
    let name = path.rsplit('/').next().unwrap_or_default();
    !is_harmless && (in_home || of_machine || NAMES.contains(&name))
}

/// `id_rs?` may be `id_rsa`.
fn fits_key(rest: &str, known: &str) -> bool {
    known == ".ssh/id_"
        && crate::text::is_glob(rest)
        && ["id_rsa", "id_ed25519"].iter().any(|key| crate::text::fits(rest, &format!(".ssh/{key}")))
}

/// Whether a variable of this name holds a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_uppercase();
    let is_public = name.contains("PUBLIC")
        || name.ends_with("_COUNT")
        || name.ends_with("_FILE")
        || name.ends_with("_PATH")
        || name.contains("TOKENS");
    !is_public && WORDS.iter().any(|word| name.contains(word))
}

/// Whether a word has the value of a variable with a secret in it.
pub(super) fn shows_secret(word: &str) -> bool {
    unknown_parts(word).any(|part| variable_of(part).is_some_and(is_secret_name))
}

/// Judges what is shown, and says whether what is printed is a secret.
pub(super) fn judge(shell: &mut Shell<'_>, command: &Command<'_>) -> Option<Feed> {
    let plain = command.plain();
    match command.program {
        "echo" | "printf" if command.args().iter().any(|word| shows_secret(word)) => {
            if !shell.is_captured() && !shell.is_piped() {
                shell.report(Kind::SecretRead, command.argv, WHY_VARIABLE);
            }
            return Some(Feed::Secret);
        }
        "printenv" if plain.iter().any(|name| is_secret_name(name)) => {
            shell.report(Kind::SecretRead, command.argv, WHY_VARIABLE);
            return Some(Feed::Secret);
        }
        "grep" | "egrep" | "rg" | "awk" | "sed" if *command.stdin == Feed::Environment => {
            let is_secret = |word: &&str| {
                word.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| {
                    is_secret_name(part)
                        || matches!(part.to_uppercase().as_str(), "KEY" | "PASS" | "PWD_SECRET" | "AWS")
                })
            };
            let quiet = command.has_letter('q') || command.has_letter('c') || command.has_letter('v');
            if plain.iter().any(is_secret) && !quiet {
                shell.report(Kind::SecretRead, command.argv, WHY_VARIABLE);
                return Some(Feed::Secret);
            }
        }
        _ => {}
    }
    if shows(command) {
        if shell.is_captured() {
            return Some(Feed::Secret);
        }
        shell.report(Kind::SecretRead, command.argv, "It prints a key, a token or a password.");
        return Some(Feed::Secret);
    }
    files(shell, command, &plain)
}

fn files(shell: &mut Shell<'_>, command: &Command<'_>, plain: &[&str]) -> Option<Feed> {
    let reads = READERS.contains(&command.program);
    let carries = CARRIERS.contains(&command.program);
    if !reads && !carries {
        return None;
    }
    let names: Vec<&str> = if matches!(command.program, "cp" | "scp" | "rsync" | "install" | "sftp") && plain.len() > 1
    {
        plain[..plain.len() - 1].to_vec()
    } else {
        plain.to_vec()
    };
    // The pattern of a search is no file.
    let searches = matches!(command.program, "grep" | "egrep" | "fgrep" | "rg" | "ag" | "awk" | "gawk" | "sed");
    let from = usize::from(searches && !command.has(&["-e", "-f"]));
    let quiet = searches
        && (command.has_letter('q') || command.has_letter('c') || command.has_letter('l') || command.has_letter('L'));
    let changes = command.program == "sed" && command.has_letter('i');
    let mut secret = false;
    for name in names.iter().skip(from) {
        if is_secret_path(shell, name) && !quiet {
            shell.report(Kind::SecretRead, command.argv, WHY_FILE);
            secret = true;
        } else if reads && is_env_file(name) && !quiet && !changes {
            if !shell.is_captured() {
                shell.report(Kind::SecretRead, command.argv, "It prints a .env file, which holds secrets.");
            }
            secret = true;
        }
    }
    secret.then_some(Feed::Secret)
}

/// Programs whose job is to print a secret.
fn shows(command: &Command<'_>) -> bool {
    let begins = |words: &[&str]| command.begins(words);
    match command.program {
        "gh" => begins(&["auth", "token"]) || (begins(&["auth", "status"]) && command.has(&["--show-token", "-t"])),
        "aws" => {
            let plain = command.plain();
            let has = |word: &str| plain.contains(&word);
            (has("configure") && plain.iter().any(|word| word.contains("secret") || *word == "export-credentials"))
                || has("get-secret-value")
                || (has("ssm")
                    && plain.iter().any(|w| w.starts_with("get-parameter"))
                    && command.has(&["--with-decryption"]))
        }
        "gcloud" => {
            command.plain().iter().any(|word| matches!(*word, "print-access-token" | "print-identity-token"))
                || begins(&["secrets", "versions", "access"])
        }
        "az" => begins(&["keyvault", "secret", "show"]) || begins(&["account", "get-access-token"]),
        "kubectl" | "oc" => {
            let plain = command.plain();
            let names = plain
                .iter()
                .any(|word| word.split('/').next().is_some_and(|kind| matches!(kind, "secret" | "secrets")));
            let outputs = command.args().iter().any(|word| word.starts_with("-o") || word.starts_with("--output"));
            plain.contains(&"get") && names && outputs
        }
        "vault" => begins(&["kv", "get"]) || begins(&["read"]) || begins(&["token", "lookup"]),
        "op" => begins(&["read"]) || begins(&["item", "get"]),
        "pass" | "gopass" => begins(&["show"]),
        "bw" | "lpass" => begins(&["get"]) || begins(&["show"]),
        "security" => command.plain().first().is_some_and(|word| word.starts_with("find-") || *word == "dump-keychain"),
        "gpg" | "gpg2" => command.args().iter().any(|word| word.starts_with("--export-secret")),
        "heroku" => {
            command.plain().first().is_some_and(|word| word.starts_with("config"))
                && command.plain().get(1).is_none_or(|w| !w.contains('='))
        }
        "ssh-keygen" => command.has_letter('y') && !command.has_letter('t'),
        "secret-tool" => begins(&["lookup"]),
        "docker" => begins(&["compose", "config"]) && command.has(&["--environment"]),
        _ => false,
    }
}

impl Shell<'_> {
    /// A file that a redirection reads.
    pub(crate) fn judge_read(&mut self, target: &str, argv: &[String]) -> Feed {
        if is_secret_path(self, target) {
            self.report(Kind::SecretRead, argv, WHY_FILE);
            return Feed::Secret;
        }
        if is_env_file(target) { Feed::Secret } else { Feed::None }
    }
}
