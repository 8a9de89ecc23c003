//! Programs in other languages: searched for calls that delete, write or run something.

use super::Command;
use super::dotenv::{WHY_WRITTEN, is_env_file};
use crate::Kind;
use crate::shell::{Feed, Shell};
use crate::text::quoted as strings;

/// Calls that delete a folder with all in it.
const TREES: [&str; 20] = [
    "rmtree(",
    "rmtree ",
    "remove_tree(",
    "rm_rf",
    "rm_r(",
    "remove_dir_all",
    "rmSync(",
    "rmdirSync(",
    "fs.rm(",
    "rimraf(",
    "removeSync(",
    "emptyDirSync(",
    "remove_entry",
    "RemoveAll(",
    "fs.promises.rm(",
    "Deno.removeSync(",
    ").rm(",
    "remove_dir(",
    ").sync(",
    "rimraf.sync(",
];
/// Calls that delete a file.
const FILES: [&str; 11] = [
    "os.remove(",
    "os.unlink(",
    "unlink(",
    "unlinkSync(",
    "File.delete(",
    "FileUtils.rm(",
    "unlink ",
    "os.removedirs(",
    ".unlink()",
    "Deno.remove(",
    "\"unlink\"",
];
/// What names many files.
const MANY: [&str; 14] = [
    "os.walk(",
    "glob(",
    "rglob(",
    "listdir(",
    "scandir(",
    "iterdir(",
    "readdirSync(",
    "Dir[",
    "Dir.glob",
    "<*",
    "readdir(",
    "globSync(",
    "File::Find",
    "find(",
];
/// Calls that run a line.
const RUNS: [&str; 23] = [
    "os.system(",
    "run(",
    "call(",
    "os.execute(",
    "io.popen(",
    "subprocess.",
    "popen(",
    "Popen(",
    "check_call(",
    "check_output(",
    "execSync(",
    "exec(",
    "spawn(",
    "spawnSync(",
    "system(",
    "shell_exec(",
    "passthru(",
    "exec ",
    "system ",
    "do shell script",
    "execFileSync(",
    "qx",
    "`",
];
/// Calls that write a file.
const WRITES: [&str; 12] = [
    "open(",
    "writeFileSync(",
    "appendFileSync(",
    "writeFile(",
    "File.write(",
    "write_text(",
    "file_put_contents(",
    "os.rename(",
    "shutil.move(",
    "shutil.copy",
    "copyFileSync(",
    "renameSync(",
];
/// Calls that fetch something from the network, and calls that run what they fetched.
const FETCHES: [&str; 11] = [
    "urlopen(",
    "requests.get(",
    "urllib",
    "fetch(",
    "https.get(",
    "open-uri",
    "require('https')",
    "require(\"https\")",
    "LWP",
    "URI.open",
    "http.get(",
];
const EVALUATES: [&str; 6] = ["exec(", "eval(", "eval ", "compile(", "new Function(", "vm.run"];

/// Judges a program in another language.
pub(crate) fn judge(shell: &mut Shell<'_>, program: &str, source: &str, argv: &[String]) {
    if crate::text::has_origin(source, crate::text::Origin::Network) {
        shell.report(Kind::RemoteCode, argv, "It runs code that comes over the network, unread.");
    }
    let has = |words: &[&str]| words.iter().any(|word| source.contains(word));
    let literals = strings(source);
    if matches!(program, "pwsh" | "powershell") || program.starts_with("powershell") {
        return powershell(shell, source, argv);
    }
    if has(&TREES) {
        deleted(shell, source, &TREES, argv, true);
    }
    if has(&FILES) && !source.contains(".prototype") {
        deleted(shell, source, &FILES, argv, false);
    }
    if has(&RUNS) {
        for line in lines(source, &literals) {
            let _output = shell.line(&line, &Feed::None);
        }
    }
    if has(&WRITES) && literals.iter().any(|word| is_env_file(word)) && is_write(source) {
        shell.report(Kind::EnvFile, argv, WHY_WRITTEN);
    }
    if literals.iter().any(|word| super::secrets::is_secret_path(shell, word))
        && has(&["open(", "readFile", "read(", "File.", "read_text", "get-content", "<"])
    {
        shell.report(Kind::SecretRead, argv, super::secrets::WHY_FILE);
    }
    if has(&FETCHES) && has(&EVALUATES) {
        shell.report(Kind::RemoteCode, argv, "It runs code that comes over the network, unread.");
    }
    if source.contains("os.kill(-1") || source.contains("process.kill(-1") {
        shell.report(Kind::System, argv, "It ends processes that are not its own.");
    }
    let shows = has(&["print", "console.log", "puts ", "echo ", "post(", "fetch(", "urlopen("]);
    let only_asks = has(&["bool(", " in os.environ", "!!", "len(", "is not None", ".length", "load_dotenv"]);
    let names = || source.split(|c: char| !c.is_alphanumeric() && c != '_');
    let reads_variable = has(&["os.environ", "os.getenv", "process.env", "ENV["]);
    if shows
        && !only_asks
        && reads_variable
        && names().any(|n| n == n.to_uppercase() && super::secrets::is_secret_name(n))
    {
        shell.report(Kind::SecretRead, argv, "It prints a variable that holds a key or a password.");
    }
    let reads_file = has(&["open(", "readFile", "read_text", "File.read"]) && !is_write(source);
    if shows && reads_file && literals.iter().any(|word| is_env_file(word)) {
        shell.report(Kind::SecretRead, argv, super::secrets::WHY_FILE);
    }
    if source.contains("socket") && (has(&["dup2", "pty.spawn", "/bin/sh", "/bin/bash"])) {
        shell.report(Kind::RemoteCode, argv, "It gives another machine a shell.");
    }
    for literal in &literals {
        if let Some(why) =
            super::database::lost(literal).filter(|_| has(&["execute", "query(", "exec(", "raw(", ".sql", "run("]))
        {
            shell.report(Kind::Database, argv, why);
        }
    }
}

/// What a call is given, up to its closing bracket.
fn given<'s>(source: &'s str, calls: &[&str]) -> Vec<&'s str> {
    let mut found = Vec::new();
    for call in calls {
        for (at, _) in source.match_indices(call) {
            let rest = &source[at + call.len()..];
            let end = rest.find(['\n', ';']).unwrap_or(rest.len());
            found.push(&rest[..end]);
        }
    }
    found
}

fn deleted(shell: &mut Shell<'_>, source: &str, calls: &[&str], argv: &[String], is_tree: bool) {
    let many = MANY.iter().any(|word| source.contains(word));
    for rest in given(source, calls) {
        let words = strings(rest);
        let home = rest.contains("HOME") || rest.contains("homedir") || words.iter().any(|word| word == "~");
        let target = match (home, words.first()) {
            (true, _) => Some(shell.place.home.clone()),
            (false, Some(word))
                if !rest.trim_start().starts_with(|c: char| c.is_alphabetic())
                    || rest.starts_with("glob")
                    || rest.contains("Path(") =>
            {
                Some(word.clone())
            }
            _ => None,
        };
        let names: Vec<String> = match target {
            Some(target) => vec![target],
            None if many => pattern_of(source),
            None if ["mkdtemp", "TemporaryDirectory", "tmpdir", "gettempdir"]
                .iter()
                .any(|word| source.contains(word)) =>
            {
                Vec::new()
            }
            None if is_tree => {
                vec![crate::text::unknown(crate::text::Origin::Unknown, &format!("${}", first_word(rest)))]
            }
            None => Vec::new(),
        };
        let targets: Vec<&str> = names.iter().map(String::as_str).collect();
        let removal = Command { program: "rm", argv, stdin: &Feed::None };
        super::files::remove(shell, &removal, &targets, is_tree || many);
        if targets.iter().any(|target| is_env_file(target)) {
            shell.report(Kind::EnvFile, argv, WHY_WRITTEN);
        }
    }
}

fn first_word(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The pattern that files are looked for with; everything, where there is none.
fn pattern_of(source: &str) -> Vec<String> {
    let patterns: Vec<String> = given(source, &["glob(", "Dir[", "Dir.glob(", "globSync("])
        .into_iter()
        .filter_map(|rest| strings(rest).into_iter().next())
        .collect();
    // What is found by an ending is the folder in which it is looked for, apart from what the next build makes.
    let folder = |pattern: &String| {
        let (folder, name) = pattern.rsplit_once('/').unwrap_or((".", pattern));
        if crate::place::is_rebuilt_name(name.trim_start_matches('*')) {
            return name.replace('*', "x");
        }
        folder.trim_end_matches("/**").trim_end_matches("**").to_owned() + "/*"
    };
    if patterns.is_empty() { vec!["*".to_owned()] } else { patterns.iter().map(folder).collect() }
}

/// Lines that a program would have a shell run: each of its strings, and lists of strings as one line.
fn lines(source: &str, literals: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = literals.iter().filter(|text| text.contains(' ') || text.len() > 3).cloned().collect();
    for list in source.split('[').skip(1) {
        let list = list.split(']').next().unwrap_or_default();
        let words = strings(list);
        if words.len() > 1 {
            lines.push(quoted(&words));
        }
    }
    for call in given(source, &["execFileSync(", "spawnSync(", "spawn(", "system("]) {
        let words = strings(call);
        if words.len() > 1 {
            lines.push(quoted(&words));
        }
    }
    lines
}

/// Words as a line that means them.
pub(super) fn quoted(words: &[String]) -> String {
    words.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''"))).collect::<Vec<_>>().join(" ")
}

fn is_write(source: &str) -> bool {
    let modes = ["'w'", "\"w\"", "'a'", "\"a\"", "'w+'", "\"w+\"", "'a+'", "'r+'", "'x'", "mode='w", "mode=\"w"];
    let calls = ["write", "append", "rename", "move", "copy", "put_contents"];
    modes.iter().any(|mode| source.contains(mode)) || calls.iter().any(|call| source.contains(call))
}

fn powershell(shell: &mut Shell<'_>, source: &str, argv: &[String]) {
    let small = source.to_lowercase();
    let deletes = ["remove-item", "ri ", "rd ", "del ", "rmdir "].iter().any(|word| small.contains(word));
    if deletes && (small.contains("-recurse") || small.contains("/s")) {
        shell.report(Kind::MassDelete, argv, "It deletes a folder with everything in it.");
    }
    let fetches = ["iwr", "irm", "invoke-webrequest", "invoke-restmethod", "downloadstring"]
        .iter()
        .any(|word| small.contains(word));
    if fetches && (small.contains("iex") || small.contains("invoke-expression")) {
        shell.report(Kind::RemoteCode, argv, "It runs code that comes over the network, unread.");
    }
}
