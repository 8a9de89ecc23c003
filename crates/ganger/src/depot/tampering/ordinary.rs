//! Ordinary work on tests, which must pass without a word.

use super::cases::{JAVA, JS, Of, PY, RS, add, changes, edit, made};
use super::signs;

#[track_caller]
fn is_ordinary(what: &str, files: &[(Of, Of)]) {
    assert_eq!(signs(&changes(files)), Vec::<String>::new(), "{what}");
}

#[test]
fn ordinary_work_is_no_sign() {
    is_ordinary(
        "tests are added",
        &edit("tests/test_a.py", PY, made(format!("{PY}\ndef test_three():\n    assert f()\n"))),
    );
    is_ordinary("a test is renamed", &edit("tests/test_a.py", PY, made(PY.replace("test_two", "test_adds_two"))));
    is_ordinary(
        "a test is rewritten",
        &edit("test_a.py", PY, made(PY.replace("assert add(1, 2) == 3", "check(add, 1, 2)"))),
    );
    is_ordinary("a test file is renamed", &[(Some(("tests/test_a.py", PY)), Some(("tests/test_sum.py", PY)))]);
    is_ordinary("a test file moves", &[(Some(("a.test.ts", JS)), Some(("src/__tests__/a.ts", JS)))]);
    is_ordinary("a rust module moves", &[(Some(("src/a.rs", RS)), Some(("src/b/a.rs", RS)))]);
    is_ordinary(
        "functions become a class",
        &edit(
            "test_a.py",
            PY,
            "class TestA:\n    def test_one(self):\n        f(1)\n    def test_two(self):\n        f(2)\n",
        ),
    );
    is_ordinary(
        "a test moves to another file",
        &[
            (Some(("test_a.py", PY)), Some(("test_a.py", "def test_one():\n    assert add(1, 1) == 2\n"))),
            (None, Some(("test_b.py", "class TestB:\n    def test_two(self):\n        assert add(1, 2) == 3\n"))),
        ],
    );
    is_ordinary(
        "a file is split",
        &[
            (Some(("tests/a.rs", RS)), None),
            (
                None,
                Some(("tests/b.rs", made(RS.replace("#[test]\nfn one() {\n    assert_eq!(add(1, 1), 2);\n}\n", "")))),
            ),
            (None, Some(("tests/c.rs", "#[test]\nfn one() {\n    assert_eq!(add(1, 1), 2);\n}\n"))),
        ],
    );
    is_ordinary(
        "a skipped test moves",
        &[
            (Some(("tests/a.rs", "#[test]\n#[ignore]\nfn one() {\n    f();\n}\n")), None),
            (None, Some(("tests/b.rs", "#[test]\n#[ignore]\nfn one() {\n    f();\n}\n"))),
        ],
    );
    is_ordinary("a mark is in a text", &edit("README.md", "", "Use `@pytest.mark.skip` for slow tests.\n"));
    is_ordinary(
        "a mark is in a string",
        &edit("src/a.rs", RS, made(format!("const MARK: &str = \"#[ignore\";\nconst C: char = '\"';\n{RS}"))),
    );
    is_ordinary("a mark is removed", &edit("test_a.py", made(format!("@pytest.mark.skip\n{PY}")), PY));
    is_ordinary(
        "fitting is no test",
        &edit("src/model.ts", "", "model.fit(x); fit(y); const only = { only: true };\n"),
    );
    is_ordinary(
        "fixtures",
        &add(
            "tests/conftest.py",
            "import pytest\n@pytest.fixture\ndef client():\n    return make()\n\ndef pytest_configure(config):\n    config.addinivalue_line('markers', 'slow')\n",
        ),
    );
    is_ordinary(
        "a dependency",
        &edit(
            "package.json",
            "{\"scripts\": {\"test\": \"jest\"}}",
            "{\"scripts\": {\"test\": \"jest\", \"lint\": \"eslint\"}, \"dependencies\": {\"left-pad\": \"1\"}}",
        ),
    );
    is_ordinary(
        "more of a script",
        &edit("package.json", "{\"scripts\": {\"test\": \"jest\"}}", "{\"scripts\": {\"test\": \"jest --coverage\"}}"),
    );
    is_ordinary(
        "a first script",
        &edit(
            "package.json",
            "{\"scripts\": {\"test\": \"echo \\\"Error: no test specified\\\" && exit 1\"}}",
            "{\"scripts\": {\"test\": \"vitest run\"}}",
        ),
    );
    is_ordinary(
        "a dependency of cargo",
        &edit(
            "Cargo.toml",
            "[package]\nname = 'a'\n",
            "[package]\nname = 'a'\n[dependencies]\nserde = '1'\n[[bench]]\nname = 'x'\nharness = false\n",
        ),
    );
    is_ordinary(
        "a member",
        &edit("Cargo.toml", "[workspace]\nmembers = ['a']\n", "[workspace]\nmembers = ['a', 'b']\n"),
    );
    is_ordinary(
        "settings of pytest",
        &edit(
            "pyproject.toml",
            "[project]\nname = 'a'\n",
            "[project]\nname = 'a'\n[tool.pytest.ini_options]\ntestpaths = ['tests']\naddopts = '-ra -q'\nasyncio_mode = 'auto'\n",
        ),
    );
    is_ordinary(
        "a higher threshold",
        &edit(".coveragerc", "[report]\nfail_under = 80\n", "[report]\nfail_under = 85\n"),
    );
    is_ordinary(
        "settings of the compiler",
        &edit(
            "vite.config.ts",
            "export default { build: { target: 'es2020' }, optimizeDeps: {} }",
            "export default { build: { target: 'es2022' }, optimizeDeps: { exclude: ['a'] } }",
        ),
    );
    is_ordinary(
        "attributes of data",
        &add(
            ".gitattributes",
            "*.png binary\n*.lock -diff\ntests/fixtures/** linguist-generated\n* text=auto\n*.sh text eol=lf\n",
        ),
    );
    is_ordinary(
        "a longer recipe",
        &edit("Makefile", "test:\n\tpytest -q\n", "test: build\n\tpytest -q\n\truff check\n\nrun:\n\tpython -m a\n"),
    );
    is_ordinary(
        "a first test with a table",
        &add(
            "src/a.test.js",
            "it.each([[1, 2]])('adds %i', (a, b) => { expect(a).toBe(b) });\nconst re = /[\"']/;\nit('b', () => { f(re) });\n",
        ),
    );
    is_ordinary(
        "lifetimes and raw strings",
        &edit(
            "src/a.rs",
            made(format!("fn a<'a>(x: &'a str) -> &'a str {{ x }}\nconst R: &str = r#\"\"/*\"#;\n{RS}")),
            made(format!("fn a<'a>(x: &'a str) -> &'a str {{ x }}\nfn b() {{}}\nconst R: &str = r#\"\"/*\"#;\n{RS}")),
        ),
    );
    is_ordinary(
        "a match on a word",
        &edit("src/a.rs", RS, made(format!("{RS}fn a() {{ match 1 {{ 1 => ignore(), _ => ignore }} }}"))),
    );
    is_ordinary(
        "a new package",
        &add("fuzz/Cargo.toml", "[workspace]\nmembers = ['a']\n[[bin]]\nname = 'a'\ntest = false\n"),
    );
    is_ordinary(
        "other commands of tox",
        &edit("tox.ini", "[testenv:docs]\ncommands = sphinx-build a b\n", "[testenv:docs]\ncommands = mkdocs\n"),
    );
    is_ordinary("a module of the program", &[(Some(("src/sum.py", "def add(a, b):\n    return a + b\n")), None)]);
    is_ordinary("a package of tests", &edit("tests/__init__.py", "import os\n", ""));
    is_ordinary(
        "java tests get a helper",
        &edit(
            "src/test/java/ATest.java",
            JAVA,
            made(
                JAVA.replace(
                    "class ATest {",
                    "class ATest {\n  private void check(int x) { assertEquals(2, add(x)); }",
                ),
            ),
        ),
    );
}
