//! What an agent finds in its environment: what its runtime needs for a normal login, the tools of a
//! developer, its own identity, and no more. The forge's and Ganger's credentials never reach it.

use super::Launch;
use crate::config::RuntimeKind;
use crate::{git, os};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// Names that every agent gets.
const NAMES: [&str; 24] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TERM",
    "TMPDIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "VIRTUAL_ENV",
    "GOPATH",
    "GOROOT",
    "JAVA_HOME",
    "NVM_DIR",
];
/// Beginnings of names that every agent gets.
const PREFIXES: [&str; 8] = ["LC_", "XDG_", "CARGO_", "RUSTUP_", "RUST", "NPM_CONFIG_", "npm_config_", "PYENV_"];

/// Beginnings of names by which a runtime logs in and is configured.
fn runtime_prefixes(runtime: RuntimeKind) -> &'static [&'static str] {
    match runtime {
        RuntimeKind::Claude => &["ANTHROPIC_", "CLAUDE_", "DISABLE_", "IS_SANDBOX", "AWS_", "VERTEX_", "BASH_"],
        RuntimeKind::Opencode => &[
            "OPENCODE_",
            "ANTHROPIC_",
            "OPENAI_",
            "OPENROUTER_",
            "GEMINI_",
            "GOOGLE_",
            "GROQ_",
            "MISTRAL_",
            "DEEPSEEK_",
            "XAI_",
            "AWS_",
            "AZURE_",
        ],
        RuntimeKind::Codex => &["CODEX_", "OPENAI_", "AZURE_"],
        RuntimeKind::Gemini => &["GEMINI_", "GOOGLE_", "CLOUDSDK_"],
        // It may be any of them.
        RuntimeKind::Acp => &[
            "ANTHROPIC_",
            "CLAUDE_",
            "IS_SANDBOX",
            "OPENCODE_",
            "CODEX_",
            "OPENAI_",
            "OPENROUTER_",
            "GEMINI_",
            "GOOGLE_",
            "MISTRAL_",
            "GROQ_",
            "DEEPSEEK_",
            "XAI_",
            "AWS_",
            "AZURE_",
        ],
        RuntimeKind::Command => &[],
    }
}

/// The variables of the caller that a runtime's agents may see.
pub(super) fn inherited(runtime: RuntimeKind, pass: &[String]) -> BTreeMap<OsString, OsString> {
    let allowed = |name: &str| {
        let begins = |prefixes: &[&str]| prefixes.iter().any(|p| name.starts_with(p));
        let wanted = NAMES.contains(&name) || begins(&PREFIXES) || begins(runtime_prefixes(runtime));
        (wanted && !os::is_credential(name)) || pass.iter().any(|p| p == name)
    };
    let mut env = std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(allowed)).collect();
    spare_loopback(&mut env);
    env
}

/// The tools, and servers of agents' tests, are on this machine: no proxy could reach them.
fn spare_loopback(env: &mut BTreeMap<OsString, OsString>) {
    let is_proxy = |name: &&str| env.contains_key(OsStr::new(name));
    if !["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"].iter().any(is_proxy) {
        return;
    }
    for name in ["NO_PROXY", "no_proxy"] {
        let spared = env.entry(name.into()).or_default();
        let separator = if spared.is_empty() { "" } else { "," };
        spared.push(format!("{separator}127.0.0.1,localhost"));
    }
}

pub(super) fn for_agent(launch: &Launch) -> BTreeMap<OsString, OsString> {
    let mut env = inherited(launch.agent.runtime, &launch.pass_env);
    let mut set = |name: &str, value: &std::ffi::OsStr| {
        env.insert(name.into(), value.to_owned());
    };
    for (name, value) in for_git(launch) {
        set(&name, value.as_os_str());
    }
    set("GIT_TERMINAL_PROMPT", "0".as_ref());
    set("GIT_EDITOR", "true".as_ref());
    set("PAGER", "cat".as_ref());
    set("GANGER_TICKET", launch.ticket.as_ref());
    set("GANGER_ATTEMPT_NUMBER", launch.number.to_string().as_ref());
    env
}

/// Where a push of an agent goes instead: no rule has to understand the command.
const NOWHERE: &str = "url./dev/null/agents-do-not-push/";

/// An agent's git: its name; and settings that go before those of files, so that the mission and other files of ours
/// stay out of commits without touching the user's configuration, and that nothing is pushed.
pub(super) fn for_git(launch: &Launch) -> Vec<(String, OsString)> {
    let mut settings: Vec<(String, OsString)> =
        vec![("core.excludesFile".to_owned(), launch.excludes.clone().into_os_string())];
    let may_push = launch.agent.allow.iter().any(|rule| rule.starts_with("command(git push"));
    if launch.agent.runtime != RuntimeKind::Command && !may_push {
        settings.push((format!("{NOWHERE}.pushInsteadOf"), OsString::new()));
    }
    let identity = git::identity(&launch.agent_name).into_iter();
    let mut variables: Vec<(String, OsString)> = identity.map(|(name, value)| (name, value.into())).collect();
    variables.push(("GIT_CONFIG_COUNT".to_owned(), settings.len().to_string().into()));
    for (n, (key, value)) in settings.into_iter().enumerate() {
        variables.push((format!("GIT_CONFIG_KEY_{n}"), key.into()));
        variables.push((format!("GIT_CONFIG_VALUE_{n}"), value));
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_this_machine_is_reached_without_a_proxy() {
        let mut env = BTreeMap::from([("http_proxy".into(), "http://p:1".into()), ("NO_PROXY".into(), "a.b".into())]);
        spare_loopback(&mut env);
        assert_eq!(env[OsStr::new("NO_PROXY")], "a.b,127.0.0.1,localhost");
        assert_eq!(env[OsStr::new("no_proxy")], "127.0.0.1,localhost");
        let mut plain = BTreeMap::from([("PATH".into(), "/bin".into())]);
        spare_loopback(&mut plain);
        assert_eq!(plain.len(), 1);
    }
}
