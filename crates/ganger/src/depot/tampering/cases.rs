//! What weakens tests: each case is a change, and words that must be in one of its signs.

use super::{Changed, Version, signs};

/// A version by its path and text.
pub(super) type Of = Option<(&'static str, &'static str)>;

pub(super) const PY: &str =
    "def test_one():\n    assert add(1, 1) == 2\n\ndef test_two():\n    assert add(1, 2) == 3\n";
pub(super) const RS: &str = "#[test]\nfn one() {\n    assert_eq!(add(1, 1), 2);\n}\n\n#[tokio::test]\nasync fn two() {\n    assert!(up().await);\n}\n";
pub(super) const JS: &str = "describe('add', () => {\n  it('one', () => { expect(add(1)).toBe(2); });\n  test(\"two\", async () => { expect(await a()).toBe(3) });\n});\n";
const GO: &str = "package a\n\nfunc TestOne(t *testing.T) {\n\tif add(1) != 2 {\n\t\tt.Fatal(\"x\")\n\t}\n}\n\nfunc TestTwo(t *testing.T) {\n\trun(t)\n}\n";
pub(super) const JAVA: &str = "class ATest {\n  @Test\n  void one() { assertEquals(2, add(1)); }\n  @ParameterizedTest(name = \"x\")\n  @ValueSource(ints = {1})\n  void two(int x) { check(x); }\n}\n";
const UNIT: &str = "class A(unittest.TestCase):\n    def test_one(self):\n        self.assertEqual(add(1), 2)\n";

pub(super) fn changes(files: &[(Of, Of)]) -> Vec<Changed> {
    let version = |of: &Of| of.map(|(path, text)| Version { path: path.to_owned(), text: text.to_owned() });
    files.iter().map(|(old, new)| Changed { old: version(old), new: version(new) }).collect()
}

#[track_caller]
fn is_seen(what: &str, files: &[(Of, Of)], words: &str) {
    let found = signs(&changes(files));
    assert!(found.iter().any(|sign| sign.contains(words)), "{what}: {found:?} has no sign with {words:?}");
}

/// A file keeps its path.
pub(super) fn edit(path: &'static str, old: &'static str, new: &'static str) -> [(Of, Of); 1] {
    [(Some((path, old)), Some((path, new)))]
}

pub(super) fn add(path: &'static str, new: &'static str) -> [(Of, Of); 1] {
    [(None, Some((path, new)))]
}

/// A text that lives as long as the program, for cases that are made from others.
pub(super) fn made(text: String) -> &'static str {
    text.leak()
}

#[test]
fn tests_that_are_no_longer_there_are_seen() {
    is_seen("emptied", &edit("tests/test_a.py", PY, "\n"), "2 tests before, 0 now");
    is_seen("one removed", &edit("tests/test_a.py", PY, "def test_one():\n    assert add(1, 1) == 2\n"), "test_two");
    is_seen("commented out", &edit("test_a.py", PY, made(PY.replace("def ", "# def "))), "0 now");
    is_seen("in a string", &edit("test_a.py", PY, made(format!("'''\n{PY}'''\n"))), "0 now");
    is_seen(
        "under a condition that never holds",
        &edit("test_a.py", PY, "if False:\n    def test_one():\n        assert f()\n"),
        "0 now",
    );
    is_seen("renamed functions", &edit("tests/test_a.py", PY, made(PY.replace("def test", "def off_test"))), "0 now");
    is_seen("shadowed", &edit("test_a.py", PY, made(PY.replace("test_two", "test_one"))), "1 now");
    is_seen(
        "inside another function",
        &edit("test_a.py", PY, "def off():\n  def test_one():\n    f(1)\n  def test_two():\n    f(2)\n"),
        "0 now",
    );
    is_seen("deleted by name", &edit("test_a.py", PY, made(format!("{PY}del test_two\n"))), "1 now");
    is_seen(
        "class is no test case any more",
        &edit("test_a.py", UNIT, made(UNIT.replace("(unittest.TestCase)", ""))),
        "A.test_one",
    );
    is_seen("body is pass", &edit("test_a.py", PY, made(PY.replace("assert add(1, 2) == 3", "pass"))), "test_two");
    is_seen("body states what is true", &edit("test_a.py", PY, made(PY.replace("add(1, 2) == 3", "True"))), "test_two");
    is_seen(
        "body returns first",
        &edit("test_a.py", PY, made(PY.replace("    assert add(1, 2)", "    return\n    assert add(1, 2)"))),
        "test_two",
    );
    is_seen(
        "rust attribute removed",
        &edit("src/lib.rs", RS, made(RS.replace("#[test]\n", ""))),
        "2 tests before, 1 now",
    );
    is_seen("rust in a comment", &edit("src/lib.rs", RS, made(format!("/*\n{RS}*/\n"))), "0 now");
    is_seen("rust body emptied", &edit("tests/a.rs", RS, made(RS.replace("assert!(up().await);", ""))), "two");
    is_seen(
        "rust module not declared",
        &edit("src/lib.rs", "#[cfg(test)]\nmod tests;\npub fn a() {}\n", "pub fn a() {}\n"),
        "mod tests",
    );
    is_seen("js removed", &edit("a.test.ts", JS, "describe('add', () => {});\n"), "one, two");
    is_seen("js body emptied", &edit("a.test.ts", JS, made(JS.replace("expect(add(1)).toBe(2);", ""))), "one");
    is_seen("js title without a function", &edit("a.spec.js", "it('one', () => { f() })\n", "it('one')\n"), "one");
    is_seen("go renamed", &edit("a_test.go", GO, made(GO.replace("TestTwo", "Testtwo"))), "TestTwo");
    is_seen("go body emptied", &edit("a_test.go", GO, made(GO.replace("\trun(t)\n", ""))), "TestTwo");
    is_seen(
        "java annotation removed",
        &edit("src/test/java/ATest.java", JAVA, made(JAVA.replace("  @Test\n", ""))),
        "one",
    );
    is_seen("ruby", &edit("spec/a_spec.rb", "it 'adds' do\n  expect(a).to eq 1\nend\n", "# nothing\n"), "adds");
    is_seen(
        "csharp",
        &edit(
            "ATests.cs",
            "[Fact]\npublic void One() { Assert.Equal(1, A()); }\n",
            "public void One() { Assert.Equal(1, A()); }\n",
        ),
        "One",
    );
    is_seen(
        "php",
        &edit(
            "tests/ATest.php",
            "public function testOne() { $this->x(); }\n",
            "public function one() { $this->x(); }\n",
        ),
        "testOne",
    );
    is_seen("a script", &edit("tests/all.sh", "diff a b\n", "\n"), "emptied test file");
    is_seen(
        "replaced by others",
        &[
            (Some(("test_a.py", PY)), Some(("test_a.py", ""))),
            (None, Some(("test_b.py", "def test_x():\n    assert f()\ndef test_y():\n    assert f()\n"))),
        ],
        "test_a.py: 2 tests before, 0 now",
    );
    is_seen("a file with tests", &[(Some(("src/sum.rs", RS)), None)], "deleted file with tests: src/sum.rs (one, two)");
    is_seen("a test file", &[(Some(("tests/test_a.py", PY)), None)], "deleted test file: tests/test_a.py");
    is_seen("a file of tests", &[(Some(("tests/data.json", "{}")), None)], "deleted test file: tests/data.json");
}

#[test]
fn tests_out_of_the_runners_sight_are_seen() {
    is_seen("other extension", &[(Some(("tests/test_a.py", PY)), Some(("notes.md", PY)))], "no runner looks");
    is_seen("other name", &[(Some(("tests/test_a.py", PY)), Some(("tests/a.py", PY)))], "no runner looks");
    is_seen("hidden folder", &[(Some(("tests/test_a.py", PY)), Some((".old/test_a.py", PY)))], "no runner looks");
    is_seen("js name", &[(Some(("src/a.test.ts", JS)), Some(("src/a.ts", JS)))], "no runner looks");
    is_seen("go name", &[(Some(("a_test.go", GO)), Some(("a_tests.go", GO)))], "no runner looks");
    is_seen("go platform", &[(Some(("a_test.go", GO)), Some(("a_windows_test.go", GO)))], "no runner looks");
    is_seen("rust extension", &[(Some(("tests/a.rs", RS)), Some(("tests/a.rs.txt", RS)))], "no runner looks");
    is_seen(
        "moved to a helper",
        &[(Some(("test_a.py", PY)), Some(("test_a.py", ""))), (None, Some(("helper.py", PY)))],
        "0 now",
    );
    is_seen("attributes", &add(".gitattributes", "*.py -diff\n"), "`*.py` is hidden by `-diff`");
    is_seen(
        "attributes of a folder",
        &edit(".gitattributes", "*.png binary\n", "*.png binary\ntests/** linguist-generated\n"),
        "tests/**",
    );
    is_seen("all files", &add(".gitattributes", "* binary\n"), "`binary`");
    is_seen("in the place of pytest", &add("pytest.py", "print('ok')\n"), "in the place");
    is_seen("before every program", &add("sitecustomize.py", "import os\n"), "in the place");
}

#[test]
fn marks_that_skip_are_seen() {
    for (path, old, line) in [
        ("test_a.py", PY, "@pytest.mark.skip\n"),
        ("test_a.py", PY, "@pytest.mark.skipif(True, reason='x')\n"),
        ("test_a.py", PY, "@pytest.mark.xfail\n"),
        ("test_a.py", PY, "pytestmark = pytest.mark.skip\n"),
        ("test_a.py", PY, "@unittest.skipIf(True, '')\n"),
        ("test_a.py", PY, "@unittest.expectedFailure\n"),
        ("test_a.py", PY, "raise unittest.SkipTest('x')\n"),
        ("test_a.py", PY, "pytest.importorskip('nothing')\n"),
        ("test_a.py", PY, "__test__ = False\n"),
        ("tests/a.rs", RS, "#[ignore = \"slow\"]\n"),
        ("tests/a.rs", RS, "#![cfg(any())]\n"),
        ("src/a.rs", RS, "#[cfg(any())]\n"),
        ("src/a.rs", RS, "#[cfg_attr(all(), ignore)]\n"),
        ("a.test.ts", JS, "it.only('x', () => { f() });\n"),
        ("a.test.ts", JS, "it.skip('x', () => { f() });\n"),
        ("a.test.ts", JS, "fdescribe('x', () => { f() });\n"),
        ("a.test.ts", JS, "xit('x', () => { f() });\n"),
        ("a.test.ts", JS, "test.todo('x');\n"),
        ("a.test.ts", JS, "describe.skipIf(true)('x', () => { f() });\n"),
        ("a_test.go", GO, "func init() { t.SkipNow() }\n"),
        ("a_test.go", GO, "//go:build never\n"),
        ("a_test.go", GO, "func TestMain(m *testing.M) { os.Exit(0) }\n"),
        ("src/test/java/ATest.java", JAVA, "@Disabled\n"),
        ("src/test/java/ATest.java", JAVA, "{ assumeTrue(false); }\n"),
    ] {
        is_seen(line, &edit(path, old, made(format!("{line}{old}"))), "a test is skipped with");
    }
    is_seen(
        "collection",
        &add("conftest.py", "def pytest_collection_modifyitems(items):\n    items.clear()\n"),
        "pytest_collection_modifyitems",
    );
    is_seen(
        "a changed hook",
        &edit(
            "conftest.py",
            "def pytest_ignore_collect(path):\n    return None\n",
            "def pytest_ignore_collect(path):\n    return True\n",
        ),
        "pytest_ignore_collect",
    );
    is_seen("ignored files", &add("tests/conftest.py", "collect_ignore = ['test_a.py']\n"), "collect_ignore");
    is_seen(
        "results",
        &add("conftest.py", "import os\ndef pytest_sessionfinish(session):\n    os._exit(0)\n"),
        "pytest_sessionfinish",
    );
}

#[test]
fn settings_that_leave_tests_out_are_seen() {
    let package =
        "{\"scripts\": {\"test\": \"vitest run\"}, \"jest\": {\"coverageThreshold\": {\"global\": {\"lines\": 90}}}}";
    is_seen(
        "another script",
        &edit("package.json", package, made(package.replace("vitest run", "echo ok"))),
        "scripts.test",
    );
    is_seen(
        "script that cannot fail",
        &edit("package.json", package, made(package.replace("vitest run", "vitest run || true"))),
        "scripts.test",
    );
    is_seen(
        "script with a filter",
        &edit("package.json", package, made(package.replace("vitest run", "vitest run -t one"))),
        "-t",
    );
    is_seen("threshold", &edit("package.json", package, made(package.replace("90", "10"))), "lowered from 90 to 10");
    is_seen("no threshold", &edit("package.json", package, "{\"scripts\": {\"test\": \"vitest run\"}}"), "removed");
    is_seen(
        "jest in package.json",
        &edit("package.json", "{\"jest\": {}}", "{\"jest\": {\"testPathIgnorePatterns\": [\"a\"]}}"),
        "leaves out a",
    );
    is_seen(
        "jest",
        &edit("jest.config.js", "module.exports = {};", "module.exports = { testPathIgnorePatterns: ['/slow/'] };"),
        "leaves out /slow/",
    );
    is_seen(
        "vitest",
        &edit(
            "vitest.config.ts",
            "export default { test: { include: ['**/*.test.ts', 'b/*.ts'] } }",
            "export default { test: { include: ['b/*.ts'] } }",
        ),
        "include",
    );
    is_seen(
        "no tests is right",
        &edit("vitest.config.ts", "export default {}", "export default { test: { passWithNoTests: true } }"),
        "passWithNoTests",
    );
    is_seen("mocha", &add(".mocharc.yml", "grep: one\n"), "grep");
    is_seen(
        "mocha's files",
        &edit(".mocharc.json", "{\"spec\": [\"test/a.js\", \"test/b.js\"]}", "{\"spec\": [\"test/a.js\"]}"),
        "test/b.js",
    );
    is_seen(
        "pytest",
        &edit("pytest.ini", "[pytest]\naddopts = -ra\n", "[pytest]\naddopts = -ra --ignore=tests/slow\n"),
        "--ignore",
    );
    is_seen(
        "pytest folders",
        &edit("setup.cfg", "[tool:pytest]\ntestpaths = tests more\n", "[tool:pytest]\ntestpaths = tests\n"),
        "more",
    );
    is_seen("pytest names", &add("pytest.ini", "[pytest]\npython_files = check_*.py\n"), "python_files");
    is_seen(
        "pyproject",
        &edit(
            "pyproject.toml",
            "[tool.pytest.ini_options]\nnorecursedirs = []\n",
            "[tool.pytest.ini_options]\nnorecursedirs = ['tests']\n",
        ),
        "leaves out tests",
    );
    is_seen(
        "deselect",
        &add("pyproject.toml", "[tool.pytest.ini_options]\naddopts = \"--deselect tests/a.py::b\"\n"),
        "--deselect",
    );
    is_seen(
        "coverage",
        &edit(
            "pyproject.toml",
            "[tool.coverage.report]\nfail_under = 90\n",
            "[tool.coverage.report]\nfail_under = 20\n",
        ),
        "lowered from 90 to 20",
    );
    is_seen(
        "coverage option",
        &edit("tox.ini", "[pytest]\naddopts = --cov-fail-under=90\n", "[pytest]\naddopts = --cov-fail-under=9\n"),
        "--cov-fail-under=90",
    );
    is_seen(
        "cargo",
        &edit("Cargo.toml", "[package]\nname = 'a'\n[lib]\n", "[package]\nname = 'a'\n[lib]\ntest = false\n"),
        "lib.test",
    );
    is_seen(
        "cargo finds none",
        &edit("Cargo.toml", "[package]\nname = 'a'\n", "[package]\nname = 'a'\nautotests = false\n"),
        "autotests",
    );
    is_seen(
        "cargo members",
        &edit("Cargo.toml", "[workspace]\nmembers = ['a', 'b']\n", "[workspace]\nmembers = ['a']\n"),
        "members",
    );
    is_seen(
        "nextest",
        &add(".config/nextest.toml", "[profile.default]\ndefault-filter = 'test(one)'\n"),
        "default-filter",
    );
    is_seen("cargo's runner", &add(".cargo/config.toml", "[target.'cfg(all())']\nrunner = 'true'\n"), "runner");
    is_seen("make", &edit("Makefile", "test:\n\tpytest -q\n", "test:\n\ttrue\n"), "recipe.test");
    is_seen("make that cannot fail", &edit("Makefile", "test:\n\tpytest -q\n", "test:\n\t-pytest -q\n"), "recipe.test");
}

/// Whatever the text, a look at it ends and panics nowhere.
#[test]
fn any_text_can_be_read() {
    let parts = [
        "\"",
        "'",
        "/*",
        "#[",
        "#[test]",
        "(",
        "é",
        "def test_",
        "it(",
        "r#\"",
        "\\",
        "`",
        "fn ",
        "[",
        "{",
        "=>",
        "\n",
        "func ",
        "@Test",
        "日",
    ];
    for path in [
        "test_a.py",
        "a.rs",
        "a.test.js",
        "a_test.go",
        "ATest.java",
        "a_spec.rb",
        "ATest.php",
        "ATest.cs",
        "jest.config.js",
        "Makefile",
        "setup.cfg",
    ] {
        for first in parts {
            for second in parts {
                for third in parts {
                    let text = made(format!("{first}{second}{third}"));
                    let _any = signs(&changes(&edit(path, text, third)));
                }
            }
        }
    }
}
