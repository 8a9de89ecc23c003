//! Packages, images and releases: what is published cannot be taken back.

use super::Command;
use crate::Kind;
use crate::shell::Shell;

const WHY: &str = "What is published cannot be taken back.";

/// A program and its first words.
const COMMANDS: [(&str, &[&str]); 52] = [
    ("npm", &["publish"]),
    ("npm", &["unpublish"]),
    ("npm", &["deprecate"]),
    ("npm", &["dist-tag"]),
    ("npm", &["owner"]),
    ("yarn", &["publish"]),
    ("yarn", &["npm", "publish"]),
    ("pnpm", &["publish"]),
    ("bun", &["publish"]),
    ("lerna", &["publish"]),
    ("changeset", &["publish"]),
    ("semantic-release", &[]),
    ("np", &[]),
    ("release-it", &[]),
    ("jsr", &["publish"]),
    ("deno", &["publish"]),
    ("cargo", &["publish"]),
    ("cargo", &["yank"]),
    ("cargo", &["release"]),
    ("twine", &["upload"]),
    ("poetry", &["publish"]),
    ("uv", &["publish"]),
    ("hatch", &["publish"]),
    ("flit", &["publish"]),
    ("pdm", &["publish"]),
    ("maturin", &["publish"]),
    ("maturin", &["upload"]),
    ("gem", &["push"]),
    ("gem", &["yank"]),
    ("rake", &["release"]),
    ("mvn", &["deploy"]),
    ("mix", &["hex.publish"]),
    ("dart", &["pub", "publish"]),
    ("flutter", &["pub", "publish"]),
    ("dotnet", &["nuget", "push"]),
    ("nuget", &["push"]),
    ("pod", &["trunk", "push"]),
    ("vsce", &["publish"]),
    ("ovsx", &["publish"]),
    ("goreleaser", &["release"]),
    ("docker", &["push"]),
    ("docker", &["image", "push"]),
    ("podman", &["push"]),
    ("nerdctl", &["push"]),
    ("buildah", &["push"]),
    ("skopeo", &["copy"]),
    ("crane", &["push"]),
    ("helm", &["push"]),
    ("gh", &["release", "create"]),
    ("gh", &["release", "upload"]),
    ("glab", &["release", "create"]),
    ("fastlane", &["release"]),
];

/// Judges what publishes.
pub(super) fn judge(shell: &mut Shell<'_>, command: &Command<'_>) {
    let is_known = COMMANDS.iter().any(|(program, words)| *program == command.program && command.begins(words));
    let only_tries = command.has(&["--snapshot", "--skip-publish", "-n", "--skip=publish"])
        || command.begins(&["dist-tag", "ls"])
        || command.begins(&["owner", "ls"]);
    let composed =
        command.begins(&["compose", "push"]) || (command.program == "docker-compose" && command.begins(&["push"]));
    let pushes = composed || command.program.starts_with("docker") && command.has(&["--push"]);
    let uploads = command.plain().first().is_some_and(|word| word.ends_with("setup.py"))
        && command.plain().contains(&"upload")
        || (command.program == "setup.py" && command.plain().contains(&"upload"));
    let gradle = matches!(command.program, "gradle" | "gradlew" | "mvnw" | "sbt")
        && command.plain().iter().any(|task| {
            let task = task.rsplit(':').next().unwrap_or_default();
            task == "deploy" || (task.starts_with("publish") && !task.to_lowercase().contains("local"))
        });
    let maven = command.program == "mvn"
        && command.plain().iter().any(|word| *word == "deploy" || word.starts_with("release:perform"));
    if (is_known && !only_tries) || pushes || uploads || gradle || maven {
        shell.report(Kind::Publish, command.argv, WHY);
    }
}
