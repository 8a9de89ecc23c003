//! What is deployed: clusters, clouds, stacks, hosted services.

use super::Command;
use crate::Kind;
use crate::shell::Shell;

const WHY_REMOVED: &str = "It removes something that is deployed.";
const WHY_CHANGED: &str = "It changes what is deployed.";

/// A program and its first words.
const COMMANDS: [(&str, &[&str]); 48] = [
    ("terraform", &["destroy"]),
    ("terraform", &["apply"]),
    ("terraform", &["state", "rm"]),
    ("terraform", &["import"]),
    ("terraform", &["taint"]),
    ("terraform", &["force-unlock"]),
    ("terraform", &["workspace", "delete"]),
    ("pulumi", &["up"]),
    ("pulumi", &["destroy"]),
    ("pulumi", &["stack", "rm"]),
    ("pulumi", &["update"]),
    ("cdk", &["deploy"]),
    ("cdk", &["destroy"]),
    ("sls", &["deploy"]),
    ("sls", &["remove"]),
    ("sam", &["deploy"]),
    ("sam", &["delete"]),
    ("copilot", &["deploy"]),
    ("sst", &["deploy"]),
    ("sst", &["remove"]),
    ("helm", &["uninstall"]),
    ("helm", &["delete"]),
    ("helm", &["rollback"]),
    ("eksctl", &["delete"]),
    ("kubectl", &["delete"]),
    ("kubectl", &["drain"]),
    ("oc", &["delete"]),
    ("kind", &["delete"]),
    ("argocd", &["app", "delete"]),
    ("fly", &["deploy"]),
    ("fly", &["destroy"]),
    ("fly", &["apps", "destroy"]),
    ("fly", &["volumes", "destroy"]),
    ("vercel", &["deploy"]),
    ("vercel", &["remove"]),
    ("vercel", &["rm"]),
    ("firebase", &["deploy"]),
    ("wrangler", &["deploy"]),
    ("wrangler", &["publish"]),
    ("wrangler", &["delete"]),
    ("railway", &["up"]),
    ("railway", &["down"]),
    ("rclone", &["purge"]),
    ("rclone", &["delete"]),
    ("rclone", &["sync"]),
    ("gh", &["repo", "delete"]),
    ("gh", &["release", "delete"]),
    ("gh", &["secret", "delete"]),
];
/// Other names for the same program.
const SAME: [(&str, &str); 7] = [
    ("tofu", "terraform"),
    ("terragrunt", "terraform"),
    ("serverless", "sls"),
    ("flyctl", "fly"),
    ("now", "vercel"),
    ("aws-cdk", "cdk"),
    ("k3d", "kind"),
];
/// Verbs of the tools of clouds, whatever stands before them.
const VERBS: [&str; 12] = [
    "delete",
    "destroy",
    "terminate",
    "purge",
    "remove",
    "rb",
    "deregister",
    "deprovision",
    "wipe",
    "undeploy",
    "del",
    "reset",
];

/// Judges what touches what is deployed.
pub(super) fn judge(shell: &mut Shell<'_>, command: &Command<'_>) {
    let name = SAME.iter().find(|(other, _)| *other == command.program).map_or(command.program, |(_, name)| name);
    // Options with values may stand before the verb.
    let plain: Vec<&str> = command.plain();
    let known = COMMANDS.iter().filter(|(program, _)| *program == name);
    let said = |words: &[&str]| {
        command.begins(words) || plain.windows(words.len().max(1)).take(4).any(|window| window == words)
    };
    if let Some((_, words)) = known.clone().find(|(_, words)| said(words)) {
        let why = if words.iter().any(|w| matches!(*w, "apply" | "up" | "deploy" | "publish" | "import" | "sync")) {
            WHY_CHANGED
        } else {
            WHY_REMOVED
        };
        return shell.report(Kind::Deploy, command.argv, why);
    }
    let is_verb = |word: &&str| {
        VERBS.iter().any(|verb| {
            word == verb
                || word.strip_prefix(verb).is_some_and(|rest| rest.starts_with('-'))
                || word.split(':').nth(1) == Some(verb)
        })
    };
    let why = match name {
        "aws" if aws(command, &plain) => Some(WHY_REMOVED),
        "gcloud" | "az" | "doctl" | "linode-cli" | "hcloud" | "oci" | "ibmcloud" | "scw"
            if plain.iter().take(5).any(is_verb) =>
        {
            Some(WHY_REMOVED)
        }
        "gcloud" | "az" if plain.iter().take(4).any(|word| *word == "deploy") => Some(WHY_CHANGED),
        "heroku" | "dokku" | "netlify" | "firebase"
            if plain.first().is_some_and(is_verb)
                || plain.first().is_some_and(|w| w.starts_with("pg:reset") || w.starts_with("apps:destroy")) =>
        {
            Some(WHY_REMOVED)
        }
        "gsutil"
            if plain.iter().any(|word| matches!(*word, "rm" | "rb"))
                || (plain.contains(&"rsync") && command.has_letter('d')) =>
        {
            Some(WHY_REMOVED)
        }
        "s3cmd" | "mc" | "b2" if plain.iter().any(|word| matches!(*word, "del" | "rm" | "rb" | "delete-bucket")) => {
            Some(WHY_REMOVED)
        }
        "vercel" | "netlify" if command.has(&["--prod", "--production"]) => Some(WHY_CHANGED),
        "terraform" if plain.contains(&"destroy") || plain.contains(&"apply") => Some(WHY_CHANGED),
        "kubectl" | "oc" if scaled_to_nothing(command, &plain) => Some(WHY_REMOVED),
        "kafka-topics" | "kafka-topics.sh" if command.has(&["--delete"]) => Some(WHY_REMOVED),
        "rabbitmqctl"
            if plain.first().is_some_and(|word| {
                word.starts_with("reset") || word.contains("delete") || word.contains("purge") || *word == "force_reset"
            }) =>
        {
            Some(WHY_REMOVED)
        }
        "bq" if plain.first() == Some(&"rm") => Some(WHY_REMOVED),
        "gh" if github(command, &plain) => Some(WHY_REMOVED),
        _ => None,
    };
    if let Some(why) = why {
        shell.report(Kind::Deploy, command.argv, why);
    }
    strict(shell, command, name, &plain);
}

fn aws(command: &Command<'_>, plain: &[&str]) -> bool {
    let removes = |word: &&str| {
        ["delete-", "terminate-", "deregister-", "purge-", "remove-", "batch-delete", "schedule-key-deletion"]
            .iter()
            .any(|verb| word.starts_with(verb))
    };
    let in_store = plain.contains(&"s3") && plain.iter().any(|word| matches!(*word, "rm" | "rb"));
    let syncs = plain.contains(&"s3") && plain.contains(&"sync") && command.has(&["--delete"]);
    plain.iter().take(4).any(removes) || in_store || syncs
}

fn scaled_to_nothing(command: &Command<'_>, plain: &[&str]) -> bool {
    let is_zero = command.args().iter().any(|word| word == "--replicas=0")
        || command.args().windows(2).any(|pair| pair[0] == "--replicas" && pair[1] == "0");
    (plain.contains(&"scale") && is_zero) || (plain.contains(&"replace") && command.has(&["--force"]))
}

fn github(command: &Command<'_>, plain: &[&str]) -> bool {
    let method = super::written::values(command, &["-X", "--method"]);
    let calls = plain.first() == Some(&"api") && method.iter().any(|word| word.eq_ignore_ascii_case("delete"));
    let shows = command.begins(&["repo", "edit"]) && command.args().iter().any(|word| word.contains("public"));
    let forced = command.begins(&["repo", "sync"]) && command.has(&["--force"]);
    let verbs = matches!(plain, [_, "delete", ..])
        || command.begins(&["repo", "archive"])
        || command.begins(&["repo", "rename"]);
    calls || shows || forced || verbs || (command.begins(&["pr", "merge"]) && command.has(&["--admin"]))
}

/// What changes a deployment that may well be on this machine.
fn strict(shell: &mut Shell<'_>, command: &Command<'_>, name: &str, plain: &[&str]) {
    let changes = match name {
        "kubectl" | "oc" => {
            plain.iter().any(|word| matches!(*word, "apply" | "create" | "patch" | "edit" | "set" | "rollout"))
        }
        "helm" => plain.iter().any(|word| matches!(*word, "install" | "upgrade")),
        "gh" => command.begins(&["pr", "merge"]) || command.begins(&["workflow", "run"]),
        _ => false,
    };
    if changes {
        shell.report(Kind::Unclear, command.argv, WHY_CHANGED);
    }
}
