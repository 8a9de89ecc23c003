//! `.env` files: which they are.

/// Why a change of one is stopped.
pub(crate) const WHY_WRITTEN: &str =
    "It changes a .env file, which git does not keep and which holds settings and secrets.";

/// Endings of files that only show what a `.env` file looks like.
const EXAMPLES: [&str; 12] =
    ["example", "sample", "template", "dist", "default", "defaults", "schema", "tpl", "tmpl", "examples", "erb", "j2"];

/// Whether a path names a file with the settings and secrets of an environment.
#[must_use]
pub fn is_env_file(path: &str) -> bool {
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let is_example = name.split('.').skip(1).any(|part| EXAMPLES.contains(&part));
    if is_example {
        return false;
    }
    let rest = name.strip_prefix(".env");
    let is_plain = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '*', '?', '{']));
    // `prod.env`, but not the name of a variable such as `process.env`.
    let is_named =
        name.strip_suffix(".env").is_some_and(|stem| !matches!(stem, "" | "process" | "import.meta" | "deno"));
    is_plain || is_named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_no_env_files() {
        for path in [".env", "a/.env", ".ENV", ".env.local", ".env*", "/w/.env.production", "config/prod.env"] {
            assert!(is_env_file(path), "{path}");
        }
        for path in [
            ".env.example",
            ".env.sample",
            ".env.dist",
            "src/env.ts",
            ".environment",
            ".envrc",
            "environments/a",
            ".env.local.example",
        ] {
            assert!(!is_env_file(path), "{path}");
        }
    }
}
