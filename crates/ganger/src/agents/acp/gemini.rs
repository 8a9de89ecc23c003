//! Gemini CLI: a home of its own for each project, so that neither its settings nor its sessions meet the user's.

use super::super::links::put_link;
use super::super::{Launch, rules};
use crate::config::RuntimeKind;
use crate::os;
use crate::sandbox::folder_of;
use ganger_engine::rules::ALWAYS_DENIED;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What makes the user logged in.
const LOGIN: [&str; 4] = ["oauth_creds.json", "google_accounts.json", "gemini-credentials.json", "installation_id"];

/// Lays the home and the policy out, and says what the program needs in its environment.
pub(super) fn prepare(launch: &Launch, policy: &Path) -> std::io::Result<BTreeMap<OsString, OsString>> {
    os::write_private(policy, policy_of(launch).as_bytes())?;
    let home = home(&launch.runtimes);
    let own = home.join(".gemini");
    std::fs::create_dir_all(&own)?;
    let users = folder_of(RuntimeKind::Gemini);
    if let Some(users) = users.as_deref().filter(|u| *u != own) {
        os::block_in_place(|| LOGIN.iter().try_for_each(|name| link(&users.join(name), &own.join(name))))?;
    }
    let mut settings = settings(users.as_deref());
    if launch.sandbox.is_some() {
        // Sandboxes do not nest.
        settings["tools"]["sandbox"] = json!(false);
    }
    os::write_private(&own.join("settings.json"), settings.to_string().as_bytes())?;
    let mut env = BTreeMap::from([
        ("GEMINI_CLI_HOME".into(), home.into()),
        ("GEMINI_CLI_NO_RELAUNCH".into(), "true".into()),
        ("GEMINI_CLI_TRUST_WORKSPACE".into(), "true".into()),
    ]);
    if launch.sandbox.is_some() {
        env.insert("GEMINI_SANDBOX".into(), "false".into());
    }
    Ok(env)
}

fn home(runtimes: &Path) -> PathBuf {
    runtimes.join("gemini")
}

/// Names the file of a session so that loading it does not harm it: Gemini CLI 0.61.0 begins a new transcript before
/// it looks for the old one, in a file named after the session and the minute. In the same minute that is the same
/// file, and the first line of the new transcript voids all others.
pub(super) fn keep_session(runtimes: &Path, session: &str) -> std::io::Result<()> {
    let ending = format!("-{}.jsonl", session.get(..8).unwrap_or(session));
    let Ok(projects) = std::fs::read_dir(home(runtimes).join(".gemini/tmp")) else {
        return Ok(());
    };
    for chats in projects.flatten().map(|project| project.path().join("chats")) {
        let kept = chats.join(format!("session-kept{ending}"));
        let mut found: Vec<PathBuf> =
            std::fs::read_dir(&chats).into_iter().flatten().flatten().map(|f| f.path()).collect();
        found.retain(|f| f.file_name().is_some_and(|n| n.to_string_lossy().ends_with(&ending)));
        found.sort();
        // The oldest has the history; it is written on from then on.
        if let Some(oldest) = found.first().filter(|_| !kept.exists()) {
            std::fs::rename(oldest, &kept)?;
        }
    }
    Ok(())
}

/// A link and not a copy: a login that is renewed is renewed for the user too.
fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    if !from.exists() || to.exists() {
        return Ok(());
    }
    put_link(from, to)
}

/// What the rules deny, in its own words; what they leave to a person it asks for, and gets the answer from here.
/// Its sub-agents are denied in any case: it refuses each call of one when it is driven so, and where a policy allows
/// them they wait for ever for an answer to what they never ask (0.61.0).
fn policy_of(launch: &Launch) -> String {
    let denied = ALWAYS_DENIED.iter().copied().chain(launch.agent.deny.iter().map(String::as_str));
    denied.chain(["agent"]).filter_map(rules::for_gemini).collect()
}

/// The user's settings, with what unattended work needs: sessions that stay (retention would remove them between
/// two attempts) and a way to log in where the user has chosen none.
fn settings(users: Option<&Path>) -> Value {
    let read = users.and_then(|u| os::read_linked_text(&u.join("settings.json"), 1 << 20).ok());
    let mut settings: Value = read.and_then(|s| serde_json::from_str(&s).ok()).unwrap_or_else(|| json!({}));
    if !settings.is_object() {
        settings = json!({});
    }
    settings["general"]["enableAutoUpdate"] = json!(false);
    settings["general"]["enableAutoUpdateNotification"] = json!(false);
    settings["general"]["sessionRetention"] = json!({"enabled": false});
    if settings.pointer("/security/auth/selectedType").is_none() && std::env::var_os("GEMINI_API_KEY").is_some() {
        settings["security"]["auth"]["selectedType"] = json!("gemini-api-key");
    }
    settings
}
