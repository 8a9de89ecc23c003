//! Files that a command writes, moves or removes, whatever the program: `.env` files and files of the machine.

use super::Command;
use super::dotenv::{WHY_WRITTEN, is_env_file};
use crate::Kind;
use crate::shell::{Feed, Shell};

/// Folders of the machine.
const MACHINE: [&str; 17] = [
    "/etc/",
    "/usr/",
    "/boot/",
    "/bin/",
    "/sbin/",
    "/lib/",
    "/lib64/",
    "/proc/",
    "/sys/",
    "/root/.ssh",
    "/System/",
    "/Library/",
    "/var/spool/cron",
    "/var/lib/",
    "/var/log/",
    "/opt/",
    "/srv/",
];
/// Files of a home that decide what runs there.
const HOME: [&str; 13] = [
    ".ssh/authorized_keys",
    ".ssh/id_",
    ".bashrc",
    ".zshrc",
    ".profile",
    ".bash_profile",
    ".zprofile",
    ".zshenv",
    ".gitconfig",
    ".config/autostart",
    ".ssh/config",
    ".config/systemd",
    "Library/LaunchAgents",
];

/// Judges what a command writes.
pub(super) fn judge(shell: &mut Shell<'_>, command: &Command<'_>) {
    let names = written(command);
    for (name, is_gone) in &names {
        if is_env_file(name) {
            shell.report(Kind::EnvFile, command.argv, WHY_WRITTEN);
        } else if is_device(name) {
            shell.report(Kind::MassDelete, command.argv, "It writes to a disk past its file system.");
        } else if is_machine(shell, name) && !is_gone && !is_installed(command, name) {
            shell.report(Kind::System, command.argv, "It changes files of the machine, not of the project.");
        }
    }
    if let ("tee" | "sponge", Some(file)) = (command.program, command.plain().first()) {
        let path = shell.path(file);
        shell.scope.files.insert(path, command.stdin.clone());
    }
    if matches!(command.program, "cp" | "mv" | "install") {
        let plain = command.plain();
        if let [from, to] = plain.as_slice()
            && let Some(made) = shell.scope.files.get(&shell.path(from)).cloned()
        {
            let path = shell.path(to);
            shell.scope.files.insert(path, made);
        }
    }
}

/// `/usr/local` is for what people install; programs that everybody calls are not replaced there.
fn is_installed(command: &Command<'_>, name: &str) -> bool {
    let known = ["git", "rm", "sh", "bash", "python", "python3", "node", "npm", "docker", "sudo", "curl", "ssh"];
    let is_copy = matches!(command.program, "cp" | "mv" | "install" | "tar" | "curl" | "wget");
    is_copy && name.starts_with("/usr/local/") && !known.iter().any(|program| name.ends_with(&format!("/{program}")))
}

fn is_machine(shell: &Shell<'_>, name: &str) -> bool {
    let path = shell.path(name);
    let in_home = path.strip_prefix(&shell.place.home).and_then(|rest| rest.strip_prefix('/'));
    let workspace = path.starts_with(&shell.place.workspace);
    let in_folder = MACHINE.iter().any(|folder| path.starts_with(folder) || path == folder.trim_end_matches('/'));
    !workspace && (in_folder || in_home.is_some_and(|rest| HOME[..2].iter().any(|file| rest.starts_with(file))))
}

/// Files that a command writes; whether what is there is only removed.
fn written(command: &Command<'_>) -> Vec<(String, bool)> {
    let plain = command.plain();
    let all = |gone: bool| plain.iter().map(|word| ((*word).to_owned(), gone)).collect::<Vec<_>>();
    let last = || plain.last().map(|word| ((*word).to_owned(), false)).into_iter().collect::<Vec<_>>();
    let after = |options: &[&str]| values(command, options).into_iter().map(|word| (word, false)).collect::<Vec<_>>();
    match command.program {
        "rm" | "unlink" | "shred" | "rimraf" | "srm" | "trash" => all(true),
        "mv" => plain.iter().map(|word| ((*word).to_owned(), false)).collect(),
        "cp" | "ln" | "install" | "rsync" | "scp" => {
            let mut written = after(&["-t", "--target-directory"]);
            // `cp x/.env .` leaves a `.env` here.
            let into_folder = plain.last().is_some_and(|to| matches!(*to, "." | "./") || to.ends_with('/'));
            let is_local = plain.last().is_some_and(|to| !to.contains(':'));
            if into_folder && is_local && command.program != "scp" {
                let sources = plain.iter().take(plain.len() - 1).filter(|from| is_env_file(from));
                written.extend(sources.map(|from| ((*from).to_owned(), false)));
            }
            written.extend(last());
            written
        }
        "tee" | "sponge" | "touch" | "truncate" | "nano" | "vim" | "vi" | "nvim" | "emacs" | "ed" | "ex"
        | "dotenv-vault" => all(false),
        "sed" | "gsed" if command.has_letter('i') || command.has(&["--in-place"]) => all(false),
        "perl" | "ruby"
            if command.args().iter().any(|w| {
                w.starts_with('-') && !w.starts_with("--") && w.contains('i') && w.len() < 8 && !w.starts_with("-I")
            }) =>
        {
            all(false)
        }
        "awk" | "gawk" if command.has(&["-i"]) => all(false),
        "yq" | "jq" if command.has_letter('i') => all(false),
        "dd" => command
            .args()
            .iter()
            .filter_map(|word| word.strip_prefix("of="))
            .map(|word| (word.to_owned(), false))
            .collect(),
        "curl" => after(&["-o", "--output"]),
        "wget" => after(&["-O", "--output-document"]),
        "openssl" | "sort" | "gpg" | "age" | "sops" => after(&["-out", "-o", "--output"]),
        "vercel" if command.begins(&["env", "pull"]) => last(),
        "git" if command.begins(&["checkout"]) || command.begins(&["restore"]) || command.begins(&["add"]) => all(true),
        "patch" | "dos2unix" => last(),
        _ => Vec::new(),
    }
}

/// The values of an option, written apart, with `=`, or right behind it.
pub(super) fn values(command: &Command<'_>, options: &[&str]) -> Vec<String> {
    let args = command.args();
    let mut values = Vec::new();
    for (at, word) in args.iter().enumerate() {
        for option in options {
            if word == option {
                values.extend(args.get(at + 1).cloned());
            } else if let Some(value) = word.strip_prefix(option) {
                let is_long = option.starts_with("--");
                match value.strip_prefix('=') {
                    Some(value) => values.push(value.to_owned()),
                    None if !is_long => values.push(value.to_owned()),
                    None => {}
                }
            }
        }
    }
    values
}

impl Shell<'_> {
    /// What a redirection writes.
    pub(crate) fn judge_written(&mut self, target: &str, appends: bool, output: &Feed) {
        let argv = [if appends { ">>" } else { ">" }.to_owned(), target.to_owned()];
        let path = self.path(target);
        let home = format!("{}/", self.place.home);
        let is_home_file = path.strip_prefix(&home).is_some_and(|rest| HOME.iter().any(|file| rest.starts_with(file)));
        if is_env_file(target) {
            self.report(Kind::EnvFile, &argv, WHY_WRITTEN);
        } else if target.starts_with("/dev/tcp/") || target.starts_with("/dev/udp/") {
            let kind = if *output == Feed::None { Kind::RemoteCode } else { Kind::SecretLeak };
            self.report(kind, &argv, "It opens a connection to another machine past every program for that.");
        } else if is_device(target) {
            self.report(Kind::MassDelete, &argv, "It writes to a disk past its file system.");
        } else if is_machine(self, target) {
            self.report(Kind::System, &argv, "It changes files of the machine, not of the project.");
        } else if is_home_file && (!appends || contains_danger(output)) {
            self.report(Kind::System, &argv, "It replaces a file that decides what runs for you.");
        }
    }

    /// A command that talks through a socket of the shell.
    pub(crate) fn judge_socket(&mut self, argv: &[String], _stdin: &Feed) {
        self.report(Kind::RemoteCode, argv, "It gives another machine a shell, or reads commands from there.");
    }
}

fn contains_danger(output: &Feed) -> bool {
    matches!(output, Feed::Text(text) if text.contains("alias ") || text.contains("rm -") || text.contains("curl"))
}

fn is_device(target: &str) -> bool {
    let disks =
        ["sd", "hd", "nvme", "vd", "xvd", "disk", "rdisk", "mapper/", "mmcblk", "md", "loop", "mem", "kmem", "port"];
    target.strip_prefix("/dev/").is_some_and(|rest| disks.iter().any(|disk| rest.starts_with(disk)))
}
