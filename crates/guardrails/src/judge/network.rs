//! What is sent to other machines.

use super::Command;
use super::dotenv::is_env_file;
use super::secrets::{is_secret_path, shows_secret};
use super::written::values;
use crate::Kind;
use crate::shell::{Feed, Shell};
use crate::text::{Origin, has_origin};

const WHY: &str = "It sends secrets to another machine.";

/// Options of `curl` and `wget` that send something.
const SENDS: [&str; 15] = [
    "-d",
    "--data",
    "--data-binary",
    "--data-raw",
    "--data-urlencode",
    "--json",
    "-F",
    "--form",
    "-T",
    "--upload-file",
    "--post-file",
    "--post-data",
    "--body-file",
    "--body-data",
    "--data-ascii",
];

/// Judges what is sent.
pub(super) fn judge(shell: &mut Shell<'_>, command: &Command<'_>) {
    match command.program {
        "curl" | "wget" | "http" | "https" | "xh" => web(shell, command),
        "nc" | "ncat" | "netcat" | "socat" | "telnet" => socket(shell, command),
        "scp" | "rsync" | "sftp" | "rclone" => {
            let leaves = command.plain().last().is_some_and(|target| target.contains(':'));
            if leaves && command.plain().iter().any(|word| is_secret_path(shell, word) || is_env_file(word)) {
                shell.report(Kind::SecretLeak, command.argv, WHY);
            }
        }
        "gh" if command.begins(&["gist", "create"])
            && command.plain().iter().any(|word| is_secret_path(shell, word) || is_env_file(word)) =>
        {
            shell.report(Kind::SecretLeak, command.argv, WHY);
        }
        "dig" | "nslookup" | "host" | "ping"
            if command.args().iter().any(|word| has_origin(word, Origin::Secret) || shows_secret(word)) =>
        {
            shell.report(Kind::SecretLeak, command.argv, WHY);
        }
        "mail" | "mailx" | "sendmail" | "aws" if is_secret_feed(command.stdin) => {
            shell.report(Kind::SecretLeak, command.argv, WHY);
        }
        "iex" | "Invoke-Expression" if *command.stdin == Feed::Network => {
            shell.report(Kind::RemoteCode, command.argv, "It runs code that comes over the network, unread.");
        }
        _ => {}
    }
}

const fn is_secret_feed(feed: &Feed) -> bool {
    matches!(feed, Feed::Secret | Feed::Environment)
}

fn is_local(word: &str) -> bool {
    let address = word.split("://").last().unwrap_or_default();
    ["localhost", "127.0.0.1", "0.0.0.0", "[::1]", "host.docker.internal"].iter().any(|host| address.starts_with(host))
}

fn web(shell: &mut Shell<'_>, command: &Command<'_>) {
    // What is downloaded to a file and run later is known by it.
    for file in values(command, &["-o", "--output", "-O", "--output-document"]) {
        let path = shell.path(&file);
        shell.scope.files.insert(path, Feed::Network);
    }
    let addresses: Vec<String> = command
        .args()
        .iter()
        .filter(|word| word.contains("://") || (word.contains('.') && !word.starts_with('-')))
        .cloned()
        .collect();
    let by_name =
        command.program == "wget" || command.has_letter('O') || command.has(&["--remote-name", "--remote-name-all"]);
    if by_name {
        for address in &addresses {
            let name = address.split(['?', '#']).next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
            let path = shell.path(name);
            shell.scope.files.insert(path, Feed::Network);
        }
    }
    // `-so file`, and `wget -P folder`.
    let args = command.args();
    for (at, word) in args.iter().enumerate() {
        let is_group = command.program == "curl" && word.starts_with('-') && !word.starts_with("--") && word.len() > 2;
        if let Some(file) = args.get(at + 1).filter(|_| is_group && word.ends_with('o')) {
            let path = shell.path(file);
            shell.scope.files.insert(path, Feed::Network);
        }
    }
    for folder in values(command, &["-P", "--directory-prefix"]) {
        for address in &addresses {
            let path = shell.path(&format!("{folder}/{}", address.rsplit('/').next().unwrap_or_default()));
            shell.scope.files.insert(path, Feed::Network);
        }
    }
    let sent = values(command, &SENDS);
    let is_here = addresses.iter().any(|address| is_local(address)) || command.args().iter().any(|word| is_local(word));
    let files = sent.iter().filter_map(|value| value.rsplit_once('@').map(|(_, file)| file).or(Some(value)));
    let leaks_file = files.into_iter().any(|file| {
        let file = file.split(';').next().unwrap_or_default();
        is_secret_path(shell, file) || is_env_file(file) || file == "/etc/passwd"
    });
    let is_body = |word: &String| has_origin(word, Origin::Secret) || shows_secret(word);
    let is_header = |at: usize| {
        at > 0
            && matches!(command.args()[at - 1].as_str(), "-H" | "--header" | "-u" | "--user" | "-b" | "--oauth2-bearer")
    };
    let in_words =
        command.args().iter().enumerate().any(|(at, word)| {
            !is_header(at) && !word.starts_with("-H") && !word.starts_with("--header") && is_body(word)
        });
    let from_stdin = is_secret_feed(command.stdin) && sent.iter().any(|value| value.ends_with('-') || value.is_empty());
    let copies = |word: &String| {
        crate::text::unknown_parts(word).any(|part| part.contains("/etc/passwd") || part.contains(".env"))
    };
    if leaks_file || (!is_here && args.iter().any(copies)) || (!is_here && in_words) || from_stdin {
        shell.report(Kind::SecretLeak, command.argv, WHY);
    }
    let method = values(command, &["-X", "--request", "--method"]);
    let deletes = method.iter().any(|word| word.eq_ignore_ascii_case("delete"));
    let index =
        command.args().iter().any(|word| word.ends_with("/_all") || word.contains(":9200/") || word.ends_with("/*"));
    if deletes && (!is_here || index) {
        shell.report(Kind::Deploy, command.argv, "It deletes something on another machine.");
    }
}

fn socket(shell: &mut Shell<'_>, command: &Command<'_>) {
    let runs = command.has(&["-e", "-c", "--exec", "--sh-exec"])
        || command.args().iter().any(|word| word.to_lowercase().contains("exec:"));
    if runs {
        shell.report(Kind::RemoteCode, command.argv, "It gives another machine a shell.");
    }
    let is_here = command.plain().iter().any(|word| is_local(word));
    if !is_here && (is_secret_feed(command.stdin) || *command.stdin == Feed::Decoded) {
        shell.report(Kind::SecretLeak, command.argv, WHY);
    }
}
