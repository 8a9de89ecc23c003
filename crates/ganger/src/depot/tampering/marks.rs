//! Marks in source by which a test is not run, or by which its failure does not count.

use super::language::{Blank, Language, Sight, code, is_word};
use std::collections::BTreeMap;

/// The marks of a file with their numbers.
pub(super) fn marks(language: Language, path: &str, text: &str) -> BTreeMap<String, usize> {
    let code = code(language, text, Blank::CommentsAndStrings);
    let mut found = BTreeMap::new();
    // Names as short as `fit(` mean something else elsewhere.
    let anywhere = matches!(language, Language::Rust | Language::Python);
    if anywhere || language.sight(path) > Sight::None {
        for mark in of_language(language) {
            let number = count(language, &code, mark);
            if number > 0 {
                found.insert(mark.trim().to_owned(), number);
            }
        }
    }
    match language {
        Language::Go if path.ends_with("_test.go") => {
            let constraints =
                text.lines().map(str::trim).filter(|l| l.starts_with("//go:build") || l.starts_with("// +build"));
            constraints.for_each(|line| *found.entry(line.to_owned()).or_default() += 1);
        }
        Language::Python => hooks(&code).into_iter().for_each(|hook| *found.entry(hook).or_default() += 1),
        Language::Rust if path.split('/').any(|part| part == "tests") => {
            let number = count(language, &code, "#![cfg(");
            found.extend((number > 0).then(|| ("#![cfg(".to_owned(), number)));
        }
        _ => {}
    }
    found
}

fn count(language: Language, code: &str, mark: &str) -> usize {
    let bytes = code.as_bytes();
    let places = code.match_indices(mark).filter(|(at, _)| {
        let before = at.checked_sub(1).map_or(b' ', |at| bytes[at]);
        let after = bytes.get(at + mark.len()).copied().unwrap_or(b' ');
        let is_word_of_its_own =
            |edge: Option<char>, beside: u8| !edge.is_some_and(char::is_alphanumeric) || !is_word(beside);
        is_word_of_its_own(mark.chars().next(), before)
            && is_word_of_its_own(mark.chars().next_back(), after)
            && !(before == b'.' && language == Language::JavaScript)
    });
    places.count()
}

/// Hooks of pytest that decide what is collected and what counts as passed, with their text: a change is a new one.
fn hooks(code: &str) -> Vec<String> {
    const HOOKS: [&str; 13] = [
        "pytest_collection_modifyitems",
        "pytest_ignore_collect",
        "pytest_collect_file",
        "pytest_collect_directory",
        "pytest_pycollect_makeitem",
        "pytest_itemcollected",
        "pytest_runtest_protocol",
        "pytest_runtest_call",
        "pytest_runtest_makereport",
        "pytest_runtestloop",
        "pytest_pyfunc_call",
        "pytest_sessionfinish",
        "pytest_cmdline_main",
    ];
    let lines: Vec<&str> = code.lines().collect();
    let found = lines.iter().enumerate().filter_map(|(at, line)| {
        let name = HOOKS.iter().find(|hook| line.contains(&format!("def {hook}(")))?;
        let indent = line.len() - line.trim_start().len();
        let body =
            lines[at + 1..].iter().take_while(|l| l.trim().is_empty() || l.len() - l.trim_start().len() > indent);
        let body: String = body.flat_map(|l| l.split_whitespace()).collect::<Vec<_>>().join(" ");
        Some(format!("{name}\0{body}"))
    });
    found.collect()
}

fn of_language(language: Language) -> &'static [&'static str] {
    match language {
        Language::Rust => &[
            "#[ignore",
            "#[cfg(any())",
            "#![cfg(any())",
            "#[cfg(false)",
            "#[cfg(FALSE)",
            ", ignore)",
            ", ignore =",
            "prop_assume!(false",
        ],
        Language::Python => &[
            "pytest.mark.skip",
            "pytest.mark.skipif",
            "pytest.mark.xfail",
            "mark.skip(",
            "unittest.skip",
            "unittest.skipIf",
            "unittest.skipUnless",
            "unittest.expectedFailure",
            "@expectedFailure",
            "@skip",
            "@skipIf",
            "@skipUnless",
            "pytest.skip(",
            "pytest.xfail(",
            "pytest.importorskip(",
            "self.skipTest(",
            "SkipTest",
            "__test__",
            "pytest.exit(",
            "os._exit(",
            "collect_ignore",
            "collect_ignore_glob",
            "assume(False",
        ],
        Language::JavaScript => &[
            "it.skip",
            "test.skip",
            "describe.skip",
            "suite.skip",
            "context.skip",
            "it.only",
            "test.only",
            "describe.only",
            "suite.only",
            "context.only",
            "it.todo",
            "test.todo",
            "it.fails",
            "test.fails",
            "it.failing",
            "test.failing",
            "test.fixme",
            "test.describe.skip",
            "test.describe.only",
            "test.describe.fixme",
            "it.skipIf",
            "test.skipIf",
            "describe.skipIf",
            "it.runIf",
            "test.runIf",
            "describe.runIf",
            "xit(",
            "xtest(",
            "xdescribe(",
            "xcontext(",
            "xspecify(",
            "xit.each",
            "xtest.each",
            "fit(",
            "fdescribe(",
            "fcontext(",
            "this.skip(",
            "t.skip(",
            "t.todo(",
            "ctx.skip(",
            "pending(",
            "skip: true",
            "todo: true",
            "only: true",
            "process.exit(",
        ],
        Language::Go => &[".Skip(", ".SkipNow(", ".Skipf(", "os.Exit(0"],
        Language::Java => &[
            "@Disabled",
            "@DisabledIf",
            "@DisabledOnOs",
            "@DisabledIfEnvironmentVariable",
            "@EnabledIf",
            "@Ignore",
            "@Ignored",
            "assumeTrue(",
            "assumeFalse(",
            "assumeThat(",
            "assumingThat(",
            "enabled = false",
            "enabled=false",
        ],
        Language::CSharp => {
            &["Skip =", "Skip=", "[Ignore", ", Ignore", "[Explicit", "Assert.Ignore(", "Assert.Inconclusive("]
        }
        Language::Ruby => &["skip", "pending", "xit", "xdescribe", "xcontext", "fit", "fdescribe", "fcontext"],
        Language::Php => &["markTestSkipped(", "markTestIncomplete(", "doesNotPerformAssertions"],
    }
}
