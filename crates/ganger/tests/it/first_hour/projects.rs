//! The repositories.

use super::Project;

fn python(name: &'static str, lock: &[(&'static str, &'static str)], tools: &[&'static str]) -> Project {
    let pyproject = "[project]\nname = \"greet\"\nversion = \"1\"\n\n[dependency-groups]\ndev = [\n  \"pytest\",\n]\n";
    let files = [
        ("pyproject.toml", pyproject),
        ("greet.py", "def greet():\n    return 'Hello'\n"),
        ("tests/test_greet.py", "def test_greet():\n    assert True\n"),
        (".gitignore", ".venv/\n"),
    ];
    Project {
        name,
        files: files.iter().chain(lock).copied().collect(),
        tools: tools.to_vec(),
        work: &[
            ("esperanto.py", "def greet():\n    return 'Saluton'\n"),
            ("tests/test_esperanto.py", "def test_esperanto():\n    assert greet()\n"),
        ],
    }
}

pub(super) fn uv() -> Project {
    python("python-uv", &[("uv.lock", "version = 1\n")], &["uv"])
}

pub(super) fn missing_tools() -> Project {
    Project { name: "tools-missing", tools: Vec::new(), ..uv() }
}

pub(super) fn poetry() -> Project {
    python("python-poetry", &[("poetry.lock", "# locked\n")], &["poetry"])
}

pub(super) fn unittest() -> Project {
    Project {
        name: "python-unittest",
        files: vec![
            ("greet.py", "def greet():\n    return 'Hello'\n"),
            ("tests/__init__.py", ""),
            (
                "tests/test_greet.py",
                "import unittest\n\nclass TestGreet(unittest.TestCase):\n    def test_it(self):\n        pass\n",
            ),
        ],
        tools: vec!["python3"],
        work: &[
            ("esperanto.py", "def greet():\n    return 'Saluton'\n"),
            (
                "tests/test_esperanto.py",
                "import unittest\n\nclass TestEsperanto(unittest.TestCase):\n    def test_it(self):\n        import esperanto\n        self.assertEqual(esperanto.greet(), 'Saluton')\n",
            ),
        ],
    }
}

const PACKAGE: &str =
    "{\n  \"name\": \"greet\",\n  \"scripts\": {\n    \"lint\": \"eslint .\",\n    \"test\": \"mocha\"\n  }\n}\n";

fn node(name: &'static str, more: &[(&'static str, &'static str)], tool: &'static str) -> Project {
    let files =
        [("package.json", PACKAGE), ("index.js", "exports.greet = () => 'Hello'\n"), (".gitignore", "node_modules/\n")];
    Project {
        name,
        files: files.iter().chain(more).copied().collect(),
        tools: vec![tool],
        work: &[("esperanto.js", "exports.greet = () => 'Saluton'\n")],
    }
}

pub(super) fn npm() -> Project {
    node("node-npm", &[("package-lock.json", "{\"lockfileVersion\": 3}\n")], "npm")
}

pub(super) fn pnpm() -> Project {
    let more = [
        ("pnpm-workspace.yaml", "packages:\n  - 'packages/*'\n"),
        ("pnpm-lock.yaml", "lockfileVersion: '9.0'\n"),
        ("packages/words/package.json", "{\"name\": \"words\"}\n"),
    ];
    node("node-pnpm-workspace", &more, "pnpm")
}

pub(super) fn no_lock_file() -> Project {
    node("node-no-lock-file", &[], "npm")
}

pub(super) fn rust() -> Project {
    Project {
        name: "rust-workspace",
        files: vec![
            ("Cargo.toml", "[workspace]\nmembers = [\"greet\"]\n"),
            ("greet/Cargo.toml", "[package]\nname = \"greet\"\nversion = \"0.1.0\"\n"),
            ("greet/src/lib.rs", "pub fn greet() -> &'static str {\n    \"Hello\"\n}\n"),
        ],
        tools: vec!["cargo"],
        work: &[("greet/src/esperanto.rs", "pub fn greet() -> &'static str {\n    \"Saluton\"\n}\n")],
    }
}

pub(super) fn go() -> Project {
    Project {
        name: "go",
        files: vec![("go.mod", "module example.org/greet\n"), ("greet.go", "package greet\n")],
        tools: vec!["go"],
        work: &[("esperanto.go", "package greet\n")],
    }
}

pub(super) fn make() -> Project {
    Project {
        name: "makefile",
        files: vec![("Makefile", "test:\n\t./check\n"), ("greet.c", "/* greets */\n")],
        tools: vec!["make"],
        work: &[("esperanto.c", "/* Saluton */\n")],
    }
}

pub(super) fn red_main() -> Project {
    let files = vec![("Makefile", "test:\n\t./check\n"), ("greet.c", "/* FIXME: greets nobody */\n")];
    Project { name: "main-is-red", files, ..make() }
}
