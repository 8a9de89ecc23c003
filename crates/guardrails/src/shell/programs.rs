//! Programs that run other programs, and which of their options take a value.

/// Options with a value come as a word of their own after one of these.
pub(super) struct Wrapper {
    pub(super) name: &'static str,
    /// Options that take the next word.
    pub(super) with_value: &'static [&'static str],
    /// Words of its own before the command.
    pub(super) own_words: usize,
}

const fn wrapper(name: &'static str, with_value: &'static [&'static str], own_words: usize) -> Wrapper {
    Wrapper { name, with_value, own_words }
}

/// Programs that run what stands behind them.
pub(super) const WRAPPERS: [Wrapper; 49] = [
    wrapper("sudo", &["-u", "-g", "-h", "-p", "-C", "-D", "-R", "-T", "-r", "-t", "--user", "--group", "--chdir"], 0),
    wrapper("doas", &["-u", "-C"], 0),
    wrapper("run0", &["-u", "--user"], 0),
    wrapper("pkexec", &["--user"], 0),
    wrapper("command", &[], 0),
    wrapper("builtin", &[], 0),
    wrapper("exec", &["-a"], 0),
    wrapper("coproc", &[], 0),
    wrapper("nohup", &[], 0),
    wrapper("setsid", &[], 0),
    wrapper("disown", &[], 0),
    wrapper("time", &["-f", "-o", "--format", "--output"], 0),
    wrapper("gtime", &["-f", "-o"], 0),
    wrapper("timeout", &["-s", "-k", "--signal", "--kill-after"], 1),
    wrapper("gtimeout", &["-s", "-k"], 1),
    wrapper("nice", &["-n", "--adjustment"], 0),
    wrapper("ionice", &["-c", "-n", "-p", "--class", "--classdata"], 0),
    wrapper("chrt", &["-p"], 1),
    wrapper("taskset", &["-c"], 1),
    wrapper("stdbuf", &["-i", "-o", "-e"], 0),
    wrapper("unbuffer", &[], 0),
    wrapper("chronic", &[], 0),
    wrapper("caffeinate", &["-t", "-w"], 0),
    wrapper("strace", &["-e", "-o", "-p", "-s", "-u"], 0),
    wrapper("ltrace", &["-e", "-o"], 0),
    wrapper("busybox", &[], 0),
    wrapper("toybox", &[], 0),
    wrapper("chroot", &["--userspec", "--groups"], 1),
    wrapper("unshare", &[], 0),
    wrapper("nsenter", &["-t", "--target"], 0),
    wrapper("fakeroot", &[], 0),
    wrapper("proot", &["-r", "-b", "-w"], 0),
    wrapper("firejail", &[], 0),
    wrapper("npx", &["-p", "--package", "-w", "--workspace"], 0),
    wrapper("bunx", &[], 0),
    wrapper("pnpx", &[], 0),
    wrapper("cross-env", &[], 0),
    wrapper("cross-env-shell", &[], 0),
    wrapper("dotenv", &["-e", "-f", "-c", "-v"], 0),
    wrapper("envchain", &[], 1),
    wrapper("aws-vault", &[], 2),
    wrapper("systemd-run", &["-p", "--unit", "-u"], 0),
    wrapper("dbus-run-session", &[], 0),
    wrapper("xvfb-run", &["-s", "-n", "--server-args"], 0),
    wrapper("with-contenv", &[], 0),
    wrapper("ts-node-dev", &[], 0),
    wrapper("faketime", &["-f"], 1),
    wrapper("winpty", &[], 0),
    wrapper("rlwrap", &[], 0),
];

/// Programs that run what stands behind one of their own words: `bundle exec rails`.
pub(super) const RUNNERS: [(&str, &[&str]); 24] = [
    ("bundle", &["exec"]),
    ("poetry", &["run"]),
    ("pipenv", &["run"]),
    ("uv", &["run"]),
    ("uvx", &[]),
    ("pipx", &["run"]),
    ("rye", &["run"]),
    ("pdm", &["run"]),
    ("hatch", &["run"]),
    ("conda", &["run"]),
    ("npm", &["exec", "x"]),
    ("pnpm", &["exec", "dlx"]),
    ("yarn", &["exec", "dlx", "run"]),
    ("bun", &["x"]),
    ("lerna", &["exec"]),
    ("mise", &["exec", "x"]),
    ("asdf", &["exec"]),
    ("rbenv", &["exec"]),
    ("pyenv", &["exec"]),
    ("nix", &["run"]),
    ("doppler", &["run"]),
    ("op", &["run"]),
    ("direnv", &["exec"]),
    ("infisical", &["run"]),
];

/// Options of runners that take the next word.
pub(super) const RUNNER_VALUES: [&str; 14] = [
    "--with",
    "--python",
    "-p",
    "--project",
    "--directory",
    "-C",
    "--filter",
    "-F",
    "--package",
    "-n",
    "--name",
    "-e",
    "--env-file",
    "--extra",
];

/// Shells.
pub(super) const SHELLS: [&str; 12] =
    ["sh", "bash", "zsh", "dash", "ash", "ksh", "mksh", "fish", "rbash", "csh", "tcsh", "yash"];

/// Programs that are meant when a glob stands for a program.
pub(super) const LIKELY: [&str; 20] = [
    "rm", "git", "dd", "sh", "bash", "cat", "mv", "cp", "curl", "wget", "find", "chmod", "chown", "kill", "mkfs",
    "shred", "truncate", "sudo", "python3", "nc",
];

/// Other languages, with the option that takes a program and whether they read one from stdin.
pub(super) const INTERPRETERS: [(&str, &[&str]); 18] = [
    ("python", &["-c"]),
    ("python2", &["-c"]),
    ("python3", &["-c"]),
    ("pypy3", &["-c"]),
    ("node", &["-e", "--eval", "-p", "--print", "-pe"]),
    ("nodejs", &["-e", "--eval", "-p"]),
    ("bun", &["-e", "--eval"]),
    ("deno", &["eval"]),
    ("tsx", &["-e", "--eval"]),
    ("perl", &["-e", "-E", "-ne", "-pe", "-le", "-we", "-nle", "-0777e", "-pie"]),
    ("ruby", &["-e", "-ne", "-pe"]),
    ("php", &["-r"]),
    ("lua", &["-e"]),
    ("osascript", &["-e"]),
    ("pwsh", &["-c", "-command", "-Command", "-Command:"]),
    ("powershell", &["-c", "-command", "-Command"]),
    ("powershell.exe", &["-c", "-command", "-Command"]),
    ("Rscript", &["-e"]),
];

/// The program without its folder and its version.
pub(super) fn base(program: &str) -> &str {
    let name = program.rsplit('/').next().unwrap_or(program);
    match name.split_once('.') {
        Some(("python3" | "python2", _)) => "python3",
        Some((short, "exe")) => short,
        _ => name,
    }
}
