//! What a command checks, as far as its words tell.

use std::collections::BTreeSet;

/// What a gate is for, in the order in which gates run: what is cheap and often red comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Format,
    Build,
    Lint,
    Types,
    Check,
    Docs,
    Test,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Build => "build",
            Self::Lint => "lint",
            Self::Types => "typecheck",
            Self::Check => "check",
            Self::Docs => "docs",
            Self::Test => "test",
        }
    }

    /// Of a gate by its name, which may have a number.
    pub(super) fn of_gate(name: &str) -> Option<Self> {
        let bare = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-');
        if bare == Self::Format.as_str() { Some(Self::Format) } else { Self::named(bare) }
    }

    /// By the name of a script, a target or an environment.
    pub(super) fn named(name: &str) -> Option<Self> {
        let parts: Vec<&str> = name.split(['-', ':', '_', '.', '/']).collect();
        let has = |words: &[&str]| parts.iter().any(|part| words.contains(part));
        let is_check = has(&["check", "ci", "verify"]);
        if has(&CHANGES) {
            return None;
        }
        Some(if has(&["typecheck", "types", "typing", "tsc", "mypy", "pyright"]) || (is_check && has(&["type"])) {
            Self::Types
        } else if has(&["lint", "eslint", "clippy", "style", "ruff", "flake8"]) {
            Self::Lint
        } else if has(&["fmt", "format", "prettier"]) {
            // Without a word of checking it would change files.
            return is_check.then_some(Self::Format);
        } else if has(&["test", "tests", "unit", "runtest", "runtests"]) {
            Self::Test
        } else if has(&["docs"]) {
            Self::Docs
        } else if has(&["build"]) {
            Self::Build
        } else if is_check {
            Self::Check
        } else {
            return None;
        })
    }
}

/// Words in the name of what makes or changes something, and checks nothing.
const CHANGES: [&str; 16] = [
    "fix", "watch", "dev", "serve", "publish", "release", "deploy", "update", "write", "debug", "gen", "generate",
    "setup", "install", "clean", "upload",
];

/// What is known of a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// It brings along what it needs, from files that are checked in.
    pub(super) is_complete: bool,
    /// It is run by the package manager of Node.
    pub(super) is_node: bool,
    /// The tool of Python that a manager is to bring along.
    pub(super) python_tool: Option<String>,
}

/// What the repository names itself.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) scripts: BTreeSet<String>,
    pub(super) targets: BTreeSet<String>,
    pub(super) recipes: BTreeSet<String>,
}

/// `None` for what checks nothing, is not known, or cannot be run as it stands.
pub(super) fn of(command: &str, names: &Names) -> Option<Check> {
    const SHELL: [char; 9] = ['$', '`', '|', '>', '<', ';', '&', '\\', '('];
    const CHANGING: [&str; 7] = ["--fix", "--write", "--watch", "-w", "--update-snapshots", "-u", "sudo"];
    let words: Vec<&str> = command.split_whitespace().collect();
    if command.contains(SHELL) || words.iter().any(|w| CHANGING.contains(w)) {
        return None;
    }
    let (managed, words) = without_manager(&words);
    let (program, args) = words.split_first()?;
    let has = |word: &str| args.contains(&word);
    let first = args.iter().copied().find(|a| !a.starts_with(['-', '+'])).unwrap_or_default();
    let by_managed = managed == Managed::Python;
    // Toolchains and targets that a machine need not have.
    let needs_more = args.iter().any(|a| a.starts_with('+') || a.starts_with("--target"));
    let python_tool = by_managed.then(|| (*program).to_owned());
    let new = |kind, name: &str, is_complete, is_node| {
        let python_tool = python_tool.clone();
        Some(Check { kind, name: name.to_owned(), is_complete: is_complete && !needs_more, is_node, python_tool })
    };
    let check = |kind: Kind, is_complete| new(kind, kind.as_str(), is_complete, managed == Managed::Node);
    match (*program, first) {
        ("cargo", "test" | "nextest") => check(Kind::Test, true),
        ("cargo", "build" | "check") => check(Kind::Build, true),
        ("cargo", "fmt") if has("--check") => check(Kind::Format, true),
        ("cargo", "clippy") => check(Kind::Lint, true),
        ("cargo", "doc") => check(Kind::Docs, true),
        ("go", "test") => check(Kind::Test, true),
        ("go", "build") => check(Kind::Build, true),
        ("go", "vet") => check(Kind::Lint, true),
        ("golangci-lint", "run") => check(Kind::Lint, false),
        ("npm" | "pnpm" | "yarn" | "bun", _) => script(args, names),
        ("make" | "just", target) if args.len() == 1 => {
            let known = if *program == "make" { &names.targets } else { &names.recipes };
            let kind = Kind::named(target)?;
            new(kind, target, true, false).filter(|_| known.contains(target))
        }
        ("pytest" | "py.test", _) => check(Kind::Test, by_managed),
        ("ruff", "check") => check(Kind::Lint, by_managed),
        ("ruff", "format") if has("--check") || has("--diff") => check(Kind::Format, by_managed),
        ("black" | "isort", _) if has("--check") || has("--check-only") => check(Kind::Format, by_managed),
        ("flake8" | "pylint", _) => check(Kind::Lint, by_managed),
        ("mypy" | "pyright" | "basedpyright", _) | ("ty" | "pyre", "check") => check(Kind::Types, by_managed),
        ("tox" | "nox" | "pre-commit", _) => {
            let flags = ["-e", "-s", "--session", "--sessions"];
            let of = args.windows(2).find(|pair| flags.contains(&pair[0])).map(|pair| pair[1]);
            let kind = of.and_then(Kind::named).unwrap_or(Kind::Check);
            let name = of.map_or_else(|| (*program).to_owned(), |of| format!("{program}-{of}"));
            let is_check = *program != "pre-commit" || has("run");
            new(kind, &name, false, false).filter(|_| is_check)
        }
        ("turbo", "run") | ("nx", "run-many" | "affected" | "run") => {
            let kind = args.iter().flat_map(|a| a.split(',')).find_map(Kind::named)?;
            // What is affected is found by comparing with a branch that a gate does not have.
            let is_complete = !has("affected") && managed == Managed::Node;
            new(kind, &format!("{program}-{}", kind.as_str()), is_complete, true)
        }
        ("eslint", _) | ("biome", "check" | "ci" | "lint") => check(Kind::Lint, managed == Managed::Node),
        ("prettier", _) if has("--check") || has("-c") => check(Kind::Format, managed == Managed::Node),
        ("tsc", _) if has("--noEmit") => check(Kind::Types, managed == Managed::Node),
        ("vitest", "run") | ("jest", _) => check(Kind::Test, managed == Managed::Node),
        ("./gradlew" | "gradle", "test") | ("./mvnw" | "mvn", "test" | "verify") => check(Kind::Test, true),
        ("./gradlew" | "gradle", "check") => check(Kind::Check, true),
        (own, _) if own.contains('/') && !own.starts_with('/') => {
            let name = own.rsplit('/').next()?;
            let name = name.split_once('.').map_or(name, |(name, _)| name);
            new(Kind::named(name)?, name, false, false)
        }
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Managed {
    No,
    Node,
    Python,
}

/// A command without the manager that runs it.
fn without_manager<'a>(words: &'a [&'a str]) -> (Managed, &'a [&'a str]) {
    /// Options that take a value.
    const TAKES: [&str; 8] =
        ["--group", "--extra", "--with", "--python", "-p", "--only-group", "--package", "--directory"];
    match words {
        ["uv" | "poetry" | "pdm" | "pipenv" | "hatch", "run", rest @ ..] => {
            let mut rest = rest;
            while let [option, more @ ..] = rest
                && option.starts_with('-')
                && *option != "-m"
            {
                rest = if TAKES.contains(option) { more.get(1..).unwrap_or_default() } else { more };
            }
            (Managed::Python, without_python(rest))
        }
        ["npx" | "bunx", rest @ ..] | ["pnpm" | "yarn" | "npm", "exec" | "dlx", rest @ ..] => {
            (Managed::Node, rest.strip_prefix(&["--"]).unwrap_or(rest))
        }
        // Tools by their own names; whatever else it is, is a script.
        ["pnpm" | "yarn", "turbo" | "nx" | "eslint" | "tsc" | "vitest" | "jest" | "prettier" | "biome", ..] => {
            (Managed::Node, &words[1..])
        }
        // They bring the tool along, but not what the project depends on.
        ["pipx", "run", rest @ ..] | ["uvx", rest @ ..] | ["uv", "tool", "run", rest @ ..] => (Managed::No, rest),
        words => (Managed::No, without_python(words)),
    }
}

fn without_python<'a>(words: &'a [&'a str]) -> &'a [&'a str] {
    match words {
        ["python" | "python3", "-m", rest @ ..] | ["-m", rest @ ..] => rest,
        words => words,
    }
}

/// `npm test`, `npm run lint`, `pnpm lint`: where package.json has such a script.
fn script(args: &[&str], names: &Names) -> Option<Check> {
    let rest = match args {
        ["run" | "run-script", rest @ ..] => rest,
        ["t", ..] => &["test"],
        args => args,
    };
    let name = *rest.first().filter(|name| !name.starts_with('-'))?;
    let kind = Kind::named(name)?;
    // What it is called with is a part of it.
    let is_known = names.scripts.contains(name);
    let check = || Check { kind, name: name.to_owned(), is_complete: true, is_node: true, python_tool: None };
    is_known.then(check)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(command: &str) -> String {
        let all = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        let names = Names {
            scripts: all(&["lint", "test-ci", "fmt:check", "format"]),
            targets: all(&["lint"]),
            recipes: all(&["ci"]),
        };
        super::of(command, &names).map_or(String::new(), |check| {
            let complete = if check.is_complete { "" } else { "?" };
            format!("{} {}{complete}", check.kind.as_str(), check.name)
        })
    }

    #[test]
    fn commands_that_check_are_known() {
        for (command, check) in [
            ("cargo fmt --all --check", "format format"),
            ("cargo fmt --all -- --check", "format format"),
            ("cargo clippy --workspace -- -D warnings", "lint lint"),
            ("cargo +nightly fmt --check", "format format?"),
            ("cargo test --target wasm32-wasip1", "test test?"),
            ("npm run lint", "lint lint"),
            ("pnpm run test-ci", "test test-ci"),
            ("yarn fmt:check", "format fmt:check"),
            ("uv run --locked --no-default-groups --group dev tox run -e typing", "typecheck tox-typing?"),
            ("uv run pre-commit run --all-files", "check pre-commit?"),
            ("uv run mypy src", "typecheck typecheck"),
            ("poetry run python -m pytest -q", "test test"),
            ("pytest", "test test?"),
            ("make lint", "lint lint"),
            ("just ci", "check ci"),
            ("npx nx run-many -t lint test", "lint nx-lint"),
            ("npx nx affected -t test", "test nx-test?"),
            ("pnpm turbo run test", "test turbo-test"),
            ("nox -s lint", "lint nox-lint?"),
            ("pipx run nox -s lint -- --verbose", "lint nox-lint?"),
            ("uvx ruff check", "lint lint?"),
            ("scripts/check", "check check?"),
            ("./ci/run-tests.sh", "test run-tests?"),
            ("./runtest --verbose", "test runtest?"),
            ("./gradlew check", "check check"),
        ] {
            assert_eq!(of(command), check, "{command}");
        }
    }

    #[test]
    fn what_checks_nothing_or_depends_on_its_surroundings_is_not() {
        for command in [
            "",
            "npm ci",
            "npm install",
            "npm run build",
            "npm run format",
            "npm publish",
            "cargo fmt",
            "cargo build $FLAGS",
            "cargo publish",
            "${{ env.CARGO }} test",
            "ruff check --fix",
            "ruff format",
            "pytest | tee log",
            "pytest || true",
            "sudo make lint",
            "make install",
            "make test",
            "eslint --watch",
            "scripts/install",
            "scripts/release-check",
            "./utils/gen-test-certs.sh",
            "echo test",
            "/usr/bin/check",
        ] {
            assert_eq!(of(command), "", "{command}");
        }
    }
}
