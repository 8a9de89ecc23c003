//! Programs that are given a line, a script, or words to run.

use super::programs::{INTERPRETERS, SHELLS};
use super::run::{WHY_DECODED, WHY_REMOTE, after_options, quoted};
use super::{Feed, Shell};
use crate::{Kind, judge};

impl Shell<'_> {
    /// Runs what a program is given to run; none when it is no such program.
    pub(super) fn nested(&mut self, program: &str, argv: &[String], stdin: &Feed) -> Option<Feed> {
        let args = &argv[1..];
        if SHELLS.contains(&program) {
            return Some(self.shell(argv, stdin));
        }
        if INTERPRETERS.iter().any(|(name, _)| *name == program) {
            return self.interpreter(program, argv, stdin);
        }
        match program {
            "eval" => {
                let line = args.join(" ");
                if self.is_clear_line(&line, argv) {
                    return Some(self.line(&line, stdin));
                }
                Some(Feed::None)
            }
            "source" | "." => Some(self.source(argv, stdin)),
            "su" | "runuser" | "script" | "nix-shell" | "sg" => {
                let line = value_of(args, &["-c", "--command", "--run"])?;
                Some(self.subshell(|shell| shell.line(&line, stdin)))
            }
            "flock" => {
                let at = after_options(argv, 1, &["-w", "--timeout", "-E"]) + 1;
                let rest = argv.get(at..)?.to_vec();
                match rest.first().map(String::as_str) {
                    Some("-c" | "--command") => Some(self.line(&rest[1..].join(" "), stdin)),
                    _ => Some(self.run(rest, stdin)),
                }
            }
            "watch" | "entr" | "hyperfine" => {
                let at = after_options(argv, 1, &["-n", "--interval", "-w", "-r", "--runs", "--warmup"]);
                let rest = argv.get(at..)?;
                let lines = if program == "hyperfine" { rest.to_vec() } else { vec![rest.join(" ")] };
                lines.iter().for_each(|line| drop(self.line(line, &Feed::None)));
                Some(Feed::None)
            }
            "set" if args.iter().any(|word| word == "--") => {
                let words = args.iter().skip_while(|word| *word != "--").skip(1).cloned();
                self.scope.positional = Some(std::iter::once("sh".to_owned()).chain(words).collect());
                Some(Feed::None)
            }
            "printf" if args.first().is_some_and(|word| word == "-v") => {
                let name = args.get(1)?.clone();
                if let Feed::Text(text) = self.output("printf", args.get(2..)?, &Feed::None) {
                    self.set(&name, vec![text]);
                }
                Some(Feed::None)
            }
            "read" => {
                if let Feed::Text(text) = stdin {
                    let name = args.iter().rfind(|word| !word.starts_with('-'))?.clone();
                    self.set(&name, vec![text.trim().to_owned()]);
                }
                Some(Feed::None)
            }
            "trap" => {
                let line = args.iter().find(|word| !word.starts_with('-'))?;
                Some(self.line(line, &Feed::None))
            }
            "alias" => {
                for word in args {
                    if let Some((name, line)) = word.split_once('=') {
                        self.scope.aliases.insert(name.to_owned(), line.to_owned());
                    }
                }
                Some(Feed::None)
            }
            "at" | "batch" => match stdin {
                Feed::Text(line) => Some(self.line(&line.clone(), &Feed::None)),
                _ => None,
            },
            "cd" | "pushd" => {
                self.change_folder(args);
                Some(Feed::None)
            }
            "popd" => {
                self.scope.folder = Some(self.place.folder.clone());
                Some(Feed::None)
            }
            "xargs" => Some(self.xargs(argv, stdin)),
            "parallel" | "rush" => Some(self.parallel(argv, stdin)),
            "ssh" | "autossh" | "mosh" => {
                let with_value = ["-i", "-p", "-l", "-o", "-F", "-J", "-L", "-R", "-D", "-E", "-c", "-m", "-b", "-W"];
                let at = after_options(argv, 1, &with_value) + 1;
                let rest: Vec<String> =
                    argv.get(at..).unwrap_or_default().iter().skip_while(|w| *w == "--").cloned().collect();
                let line = match (rest.is_empty(), stdin) {
                    (true, Feed::Text(text)) => text.clone(),
                    _ => rest.join(" "),
                };
                let _elsewhere = self.elsewhere(|shell| shell.line(&line, stdin));
                Some(Feed::Network)
            }
            "docker" | "podman" | "nerdctl" | "docker-compose" | "kubectl" | "oc" | "lxc" => {
                let rest = in_container(program, args)?;
                let output = self.elsewhere(|shell| shell.run(rest, stdin));
                // What it may reach is judged besides.
                (!args.iter().any(|word| word == "run")).then_some(output)
            }
            "tmux" | "screen" => {
                for line in args.iter().filter(|word| word.contains(' ')) {
                    let _output = self.line(line, &Feed::None);
                }
                None
            }
            "vim" | "vi" | "nvim" | "ex" => {
                for line in args.iter().filter_map(|word| {
                    word.split_once('!').filter(|(before, _)| before.is_empty() || before.contains(':'))
                }) {
                    let _output = self.line(line.1, &Feed::None);
                }
                None
            }
            "awk" | "gawk" | "mawk" => {
                for call in args.iter().flat_map(|word| word.split("system(").skip(1)) {
                    if let Some(line) = crate::text::quoted(call).first() {
                        let _output = self.line(line, &Feed::None);
                    }
                }
                None
            }
            _ => None,
        }
    }

    /// A shell with a line, a script, or what it reads.
    fn shell(&mut self, argv: &[String], stdin: &Feed) -> Feed {
        let args = &argv[1..];
        let only_reads =
            args.iter().any(|a| a.starts_with('-') && !a.starts_with("--") && a.contains('n') && !a.contains('c'));
        if only_reads || args.iter().any(|a| matches!(a.as_str(), "--version" | "--help")) {
            return Feed::None;
        }
        let takes_line = |word: &String| word.starts_with('-') && !word.starts_with("--") && word.contains('c');
        if let Some(at) = args.iter().position(takes_line) {
            let Some(line) = args.get(at + 1).cloned() else { return Feed::None };
            if !self.is_clear_line(&line, argv) {
                return Feed::None;
            }
            let words = args.get(at + 2..).unwrap_or_default().to_vec();
            return self.subshell(|shell| shell.with_positional(words, &line, stdin));
        }
        let at = after_options(argv, 1, &["-o", "-O", "--rcfile", "--init-file"]);
        let reads = argv.get(at).is_none_or(|word| word == "-") || args.iter().any(|word| word == "-s");
        if !reads {
            let file = argv[at].clone();
            let made = self.scope.files.get(&self.path(&file)).cloned();
            return made.and_then(|made| self.run_made(&made, &argv[at..], stdin)).unwrap_or_default();
        }
        self.read_and_run(argv, stdin)
    }

    /// What a shell reads from stdin.
    fn read_and_run(&mut self, argv: &[String], stdin: &Feed) -> Feed {
        match stdin {
            Feed::Text(text) => {
                let text = text.clone();
                if self.is_clear_line(&text, argv) {
                    return self.subshell(|shell| shell.line(&text, &Feed::None));
                }
            }
            Feed::Network => self.report(Kind::RemoteCode, argv, WHY_REMOTE),
            Feed::Decoded => self.report(Kind::Hidden, argv, WHY_DECODED),
            _ => self.report(Kind::Unclear, argv, "What the shell reads is not known."),
        }
        Feed::None
    }

    /// Whether a line that is run can be read. Unknown words in it are judged where they stand; a line that begins with one
    /// is not known at all.
    fn is_clear_line(&mut self, line: &str, argv: &[String]) -> bool {
        use crate::text::{Origin, has_origin, shown, unknown_parts};
        let is_foreign = has_origin(line, Origin::Network) || has_origin(line, Origin::Decoded);
        let is_all = !line.is_empty()
            && unknown_parts(line).next().is_some_and(|part| shown(line).trim().len() <= part.len() + 2);
        if is_foreign || is_all {
            // What well-known programs print to be evaluated is theirs, not anybody's.
            let is_setup =
                !is_foreign && unknown_parts(line).any(|part| part.starts_with("$(") || part.starts_with('`'));
            if is_setup && self.guard != crate::Guard::Strict {
                return false;
            }
            return self.is_clear(line, argv, Kind::Unclear);
        }
        true
    }

    fn source(&mut self, argv: &[String], stdin: &Feed) -> Feed {
        let Some(file) = argv.get(1) else { return Feed::None };
        match self.scope.files.get(&self.path(file)).cloned() {
            Some(Feed::Text(text)) => self.line(&text, stdin),
            Some(made) => self.run_made(&made, argv, stdin).unwrap_or_default(),
            None => Feed::None,
        }
    }

    /// Another language: its program is searched for what it would do to files and what it would run.
    fn interpreter(&mut self, program: &str, argv: &[String], stdin: &Feed) -> Option<Feed> {
        let options = INTERPRETERS.iter().find(|(name, _)| *name == program).map_or(&[][..], |(_, options)| options);
        let args = &argv[1..];
        let mut source = String::new();
        let mut has_source = false;
        for (at, word) in args.iter().enumerate() {
            let ends = program == "perl" || program == "ruby";
            let takes = options.contains(&word.as_str())
                || (ends && word.starts_with('-') && !word.starts_with("--") && word.len() < 6 && word.ends_with('e'));
            if takes {
                has_source = true;
                let rest = if program.starts_with("p") && program.contains("shell") || program == "pwsh" {
                    args.get(at + 1..).unwrap_or_default().join(" ")
                } else {
                    args.get(at + 1).cloned().unwrap_or_default()
                };
                source.push_str(&rest);
                source.push('\n');
            }
        }
        if has_source {
            judge::scripts::judge(self, program, &source, argv);
            // `perl -pi -e` writes the files that it is given.
            return None;
        }
        if args.iter().any(|word| word == "-m") {
            let at = args.iter().position(|word| word == "-m").unwrap_or_default();
            return Some(self.run(args.get(at + 1..)?.to_vec(), stdin));
        }
        let at = after_options(argv, 1, &["-W", "-X", "-r", "--require", "-I", "--import", "--loader", "-M"]);
        match argv.get(at).map(String::as_str) {
            None | Some("-" | "/dev/stdin") => match stdin {
                Feed::Text(text) => judge::scripts::judge(self, program, &text.clone(), argv),
                Feed::Network => self.report(Kind::RemoteCode, argv, WHY_REMOTE),
                Feed::Decoded => self.report(Kind::Hidden, argv, WHY_DECODED),
                _ => {}
            },
            Some(file) => match self.scope.files.get(&self.path(file)).cloned() {
                Some(Feed::Text(text)) => judge::scripts::judge(self, program, &text, argv),
                Some(Feed::Network) => self.report(Kind::RemoteCode, argv, WHY_REMOTE),
                _ => return None,
            },
        }
        Some(Feed::None)
    }

    /// `cd`: the folder for what follows.
    fn change_folder(&mut self, args: &[String]) {
        let target = args.iter().find(|word| !word.starts_with('-') || word.as_str() == "-");
        let before = self.scope.folder.clone();
        self.scope.folder = match target.map(String::as_str) {
            None => Some(self.place.home.clone()),
            Some("-") => Some(self.place.folder.clone()),
            Some(path) if crate::text::is_known(path) && !crate::text::is_glob(path) => Some(self.path(path)),
            Some(path) if self.place.locate(before.as_deref(), path) == crate::place::Where::Rebuilt => {
                self.place.temporary.first().map(|temporary| format!("{temporary}/unknown"))
            }
            Some(_) => None,
        };
        let folder = self.scope.folder.clone();
        self.set("PWD", vec![folder.unwrap_or_else(|| crate::text::unknown(crate::text::Origin::Unknown, "$PWD"))]);
    }

    /// On another machine or in a container: its folders are not ours.
    fn elsewhere(&mut self, run: impl FnOnce(&mut Self) -> Feed) -> Feed {
        self.subshell(|shell| {
            shell.scope.folder = Some("/elsewhere".to_owned());
            run(shell)
        })
    }

    fn xargs(&mut self, argv: &[String], stdin: &Feed) -> Feed {
        let with_value = [
            "-n",
            "-L",
            "-P",
            "-s",
            "-d",
            "-E",
            "-a",
            "--max-args",
            "--max-procs",
            "--delimiter",
            "--arg-file",
            "-I",
            "-J",
            "-R",
        ];
        let at = after_options(argv, 1, &with_value);
        let options = &argv[1..at];
        let replaced = options.iter().enumerate().find_map(|(n, option)| match option.strip_prefix("-I") {
            Some("") => options.get(n + 1).cloned(),
            Some(name) => Some(name.to_owned()),
            None if option == "-i" || option.starts_with("--replace") => Some("{}".to_owned()),
            None => None,
        });
        let command = argv.get(at..).unwrap_or_default().to_vec();
        let from_file = options.iter().any(|option| option.starts_with("-a") || option.starts_with("--arg-file"));
        let words = Self::from_stdin(if from_file { &Feed::None } else { stdin });
        if command.is_empty() {
            return if words.is_empty() { Feed::None } else { stdin.clone() };
        }
        self.run_with(command, replaced.as_deref(), &words)
    }

    /// A command with words in the place of `{}`, or behind it.
    fn run_with(&mut self, command: Vec<String>, replaced: Option<&str>, words: &[String]) -> Feed {
        let Some(name) = replaced else {
            let whole = command.into_iter().chain(words.iter().cloned()).collect();
            return self.run(whole, &Feed::None);
        };
        let mut output = Feed::None;
        for word in words.iter().take(8) {
            let whole = command.iter().map(|part| part.replace(name, word)).collect();
            output = output.followed_by(self.run(whole, &Feed::None));
        }
        output
    }

    fn parallel(&mut self, argv: &[String], stdin: &Feed) -> Feed {
        let at = after_options(argv, 1, &["-j", "--jobs", "-n", "-N", "-a", "--colsep", "--delay", "--timeout"]);
        let rest = argv.get(at..).unwrap_or_default();
        let end = rest.iter().position(|word| word.starts_with(":::")).unwrap_or(rest.len());
        let words = match rest.get(end + 1..) {
            Some(words) if end < rest.len() => words.to_vec(),
            _ => Self::from_stdin(stdin),
        };
        let template = rest[..end].join(" ");
        for word in words.iter().take(16) {
            let line = match (template.is_empty(), template.contains("{}")) {
                (true, _) => word.clone(),
                (_, true) => template.replace("{}", word),
                _ => format!("{template} {}", quoted(std::slice::from_ref(word))),
            };
            let _output = self.line(&line, &Feed::None);
        }
        Feed::None
    }

    /// `find … -exec`: each command with the paths that are found.
    pub(crate) fn exec_on(&mut self, command: &[String], paths: &[String]) {
        let _output = self.run_with(command.to_vec(), Some("{}"), paths);
    }
}

/// The value of an option.
fn value_of(args: &[String], options: &[&str]) -> Option<String> {
    let at = args.iter().position(|word| options.contains(&word.as_str()))?;
    args.get(at + 1).cloned()
}

/// What runs in a container that keeps what it does, or on a cluster.
fn in_container(program: &str, args: &[String]) -> Option<Vec<String>> {
    let compose = usize::from(args.first().is_some_and(|word| word == "compose"));
    let all = [
        "-e",
        "-u",
        "-w",
        "--user",
        "--workdir",
        "--env",
        "--env-file",
        "-n",
        "-c",
        "--namespace",
        "--container",
        "--context",
        "-f",
        "--file",
        "-p",
        "--name",
        "--network",
        "--entrypoint",
        "-v",
        "--volume",
        "--mount",
        "--index",
        "-l",
        "--profile",
        "--project-name",
        "--platform",
        "-h",
        "--hostname",
        "-m",
        "--memory",
        "--cpus",
        "--kubeconfig",
    ];
    let argv: Vec<String> = args[compose..].to_vec();
    let at = after_options(&argv, 0, &all);
    let verb = argv.get(at)?.as_str();
    let after = after_options(&argv, at + 1, &all);
    match (program, verb) {
        ("kubectl" | "oc", "exec") => {
            let dashes = args.iter().position(|word| word == "--")?;
            args.get(dashes + 1..).map(<[String]>::to_vec)
        }
        (_, "exec") => argv.get(after + 1..).map(<[String]>::to_vec),
        ("docker-compose", "run") => argv.get(after + 1..).map(<[String]>::to_vec),
        (_, "run") if compose == 1 => argv.get(after + 1..).map(<[String]>::to_vec),
        // A container of its own is gone afterwards, but not what it has mounted.
        (_, "run" | "create") => {
            let mounts = argv
                .iter()
                .zip(argv.iter().skip(1))
                .filter(|(option, _)| matches!(option.as_str(), "-v" | "--volume" | "--mount"));
            let leaves = |source: &str| {
                let source = source.split(':').next().unwrap_or_default();
                source == "/"
                    || source.starts_with("/home")
                    || source.starts_with("/etc")
                    || source.starts_with("/var")
                    || source.starts_with("/root")
            };
            let mut mounts = mounts.peekable();
            mounts.peek()?;
            let is_grave = mounts.any(|(_, source)| leaves(source));
            is_grave.then(|| argv.get(after + 1..).map(<[String]>::to_vec))?
        }
        _ => None,
    }
    .filter(|rest| !rest.is_empty())
}
