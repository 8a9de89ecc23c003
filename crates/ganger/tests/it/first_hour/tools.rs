//! Programs in the place of real ones. A runner of tests, a linter and a compiler are red where a source says FIXME, and
//! print something in the way of the real one; an install makes the folder that the real one makes.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// What shells, git and the programs below call.
const USUAL: [&str; 22] = [
    "sh", "git", "env", "cat", "cp", "mv", "rm", "mkdir", "rmdir", "ls", "test", "grep", "sed", "head", "tail",
    "sleep", "touch", "dirname", "basename", "setsid", "uname", "true",
];

/// Red where a source says FIXME.
const JUDGE: &str = r#"
judge() {
    if grep -rn FIXME . --include='*.*' --exclude-dir=.git --exclude-dir=node_modules; then
        echo "$1"
        exit 1
    fi
    echo "$2"
}
"#;

/// What a program does with its arguments.
fn body(tool: &str) -> &'static str {
    match tool {
        "uv" => {
            "case \"$1\" in --version) echo 'uv 0.9.0';; run) judge '1 failed' '3 passed in 0.01s';; *) exit 2;; esac"
        }
        "poetry" => {
            "case \"$1\" in install) echo 'Installing dependencies from lock file';; \
             run) judge '1 failed' '3 passed in 0.01s';; *) exit 2;; esac"
        }
        "python3" => "judge 'FAILED (failures=1)' 'Ran 3 tests in 0.001s\n\nOK'",
        "npm" | "pnpm" => {
            "case \"$1\" in ci|install) mkdir -p node_modules/left-pad; echo 1 > node_modules/left-pad/index.js; \
             test -e package-lock.json || test -e pnpm-lock.yaml || echo '{}' > package-lock.json; echo 'added 1 package';; \
             test|run) test -e node_modules/left-pad/index.js || { echo 'Cannot find module left-pad'; exit 1; }; \
             judge '1 failing' '3 passing (5ms)';; *) exit 2;; esac"
        }
        "cargo" => {
            "case \"$1\" in build) judge 'error: could not compile' 'Finished `dev` profile';; \
             test) judge 'test result: FAILED. 2 passed; 1 failed' 'test result: ok. 3 passed; 0 failed; 0 ignored';; \
             *) exit 2;; esac"
        }
        "go" => "case \"$1\" in build|vet|test) judge 'FAIL' 'ok  \texample.org/greet\t0.01s';; *) exit 2;; esac",
        "make" => {
            "case \"$1\" in test) judge 'make: *** [Makefile:2: test] Error 1' 'all greetings are fine';; *) exit 2;; esac"
        }
        other => panic!("there is no program in the place of {other}"),
    }
}

/// A folder that is a whole PATH.
pub(super) fn lay_out(bin: &Path, tools: &[&str]) {
    std::fs::create_dir_all(bin).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    for name in USUAL {
        let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
        symlink(found.unwrap_or_else(|| panic!("`{name}` is not on PATH")), bin.join(name)).unwrap();
    }
    tools.iter().for_each(|tool| put(bin, tool));
}

pub(super) fn put(bin: &Path, tool: &str) {
    let file = bin.join(tool);
    std::fs::write(&file, format!("#!/bin/sh\n{JUDGE}{}\n", body(tool))).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
}
