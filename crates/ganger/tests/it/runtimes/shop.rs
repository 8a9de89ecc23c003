//! The place of these tests: a project with every CLI as an agent, and a scripted model server that they all ask.

use super::opencode_home;
use crate::model_server::ModelServer;
use crate::support::{Place, Started, wait_until};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// What takes longer has not worked.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// Where `./dev npm` installs the CLIs; a test without them fails, and says what to do.
pub(super) fn program(package: &str, file: &str) -> PathBuf {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/npm");
    let root = std::env::var("GANGER_TEST_NPM").unwrap_or_else(|_| default.to_owned());
    let path = PathBuf::from(root).join("node_modules").join(package).join(file);
    assert!(path.exists(), "{} is missing: run `./dev npm` first", path.display());
    path
}

/// A project with every CLI as an agent of its name; `acp` is Claude's adapter.
pub(super) struct Shop {
    pub(super) place: Place,
    pub(super) model: ModelServer,
    empty_home: bool,
}

/// Where each CLI's program lies in its package.
const PROGRAMS: [(&str, &str, &str); 5] = [
    ("claude", "@anthropic-ai/claude-code-linux-x64", "claude"),
    ("opencode", "opencode-ai", "bin/opencode.exe"),
    ("codex", "@openai/codex-linux-x64", "vendor/x86_64-unknown-linux-musl/bin/codex"),
    ("gemini", "@google/gemini-cli", "bundle/gemini.js"),
    ("claude-agent-acp", "@agentclientprotocol/claude-agent-acp", "dist/index.js"),
];

/// Agents of runtimes that have several drivers: name, runtime, driver.
const OTHER_DRIVERS: [(&str, &str, &str); 3] =
    [("opencode-acp", "opencode", "acp"), ("opencode-run", "opencode", "run"), ("codex-exec", "codex", "exec")];

impl Shop {
    pub(super) fn new(gate: &str) -> Self {
        let agents = ["claude", "opencode", "codex"].map(|n| format!("[agent.{n}]\nruntime = \"{n}\"\n"));
        let others = OTHER_DRIVERS
            .map(|(n, runtime, driver)| format!("[agent.{n}]\nruntime = \"{runtime}\"\ndriver = \"{driver}\"\n"));
        let config = format!(
            "[project]\nmain = \"main\"\n[limits]\nparallel = 4\n[policy]\nfetch = false\nreview = \"off\"\nred_base = \"work\"\n{}\
             [agent.gemini]\nruntime = \"gemini\"\nmodel = \"gemini-2.5-pro\"\n\
             [agent.acp]\nruntime = \"acp\"\ncommand = \"claude-agent-acp\"\n\
             {}[[gate]]\nname = \"check\"\ncommand = {}\n",
            agents.concat(),
            others.concat(),
            crate::support::toml_string(gate)
        );
        Self::with_project(&config, |_| {})
    }

    /// A project with its own `ganger.toml`, and files.
    pub(super) fn with_project(config: &str, fill: impl FnOnce(&Place)) -> Self {
        let model = ModelServer::start();
        let mut place = Place::new();
        let bin = place.path("bin");
        std::fs::create_dir_all(&bin).unwrap();
        for (name, package, file) in PROGRAMS {
            std::os::unix::fs::symlink(program(package, file), bin.join(name)).unwrap();
        }
        place.set_env("PATH", &format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
        log_in(&mut place, &model.url);
        fill(&place);
        place.write("ganger.toml", config);
        place.commit("project");
        place.ganger(&["init"]).exits(0);
        place.ganger(&["trust", "--yes"]).exits(0);
        Self { place, model, empty_home: false }
    }

    /// Where opencode finds nothing of what it installs at its first start.
    pub(super) fn with_empty_home(gate: &str) -> Self {
        Self { empty_home: true, ..Self::new(gate) }
    }

    /// Makes the home of the place one in which the CLI of an agent has been started before, where that takes long.
    pub(super) fn make_home_for(&self, agent: &str) {
        if agent.starts_with("opencode") && !self.empty_home {
            opencode_home::fill(&self.place.home());
        }
    }

    /// A ticket whose mission carries the script.
    pub(super) fn add(&self, agent: &str, steps: &Value, more: &[&str]) -> String {
        self.make_home_for(agent);
        let description = format!("Follow the script. [[STEPS {steps} ]]");
        self.place.add(&[&["scripted work", "--agent", agent, "--description", &description], more].concat())
    }

    pub(super) fn session(&self, ticket: &str, agent: &str) -> String {
        self.place.ticket(ticket)["sessions"][agent]["id"].as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn edit(&self, from: &str, to: &str) {
        let config = std::fs::read_to_string(self.place.repo().join("ganger.toml")).unwrap();
        assert!(config.contains(from));
        self.place.write("ganger.toml", &config.replace(from, to));
        self.place.commit("configuration");
        self.place.ganger(&["trust", "--yes"]).exits(0);
    }

    /// Adds lines to the configuration of an agent.
    pub(super) fn configure(&self, agent: &str, lines: &str) {
        let table = format!("[agent.{agent}]\n");
        self.edit(&table, &format!("{table}{lines}"));
    }

    /// Adds lines to the user's own configuration of Codex.
    pub(super) fn configure_codex(&self, lines: &str) {
        let file = self.place.home().join(".codex/config.toml");
        let config = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{config}{lines}")).unwrap();
    }

    /// What all processes of this place carry in their environment.
    pub(super) fn mark(&self) -> String {
        format!("HOME={}", self.place.home().display())
    }

    pub(super) fn wait_for_call(&self, id: &str, file: &str) {
        let mark = self.place.workspace(id).join(format!("ready-{file}"));
        wait_until("the agent is in the middle of its turn", LIMIT, || mark.exists());
    }

    pub(super) fn let_go(&self, id: &str, file: &str) {
        std::fs::write(self.place.workspace(id).join(file), "").unwrap();
    }

    /// The run that was started ends so.
    #[track_caller]
    pub(super) fn ends(&self, run: &mut Started, code: i32) {
        assert_eq!(run.code(LIMIT), code, "{}", self.place.started_log());
    }
}

/// The model server as what each CLI's user would have configured.
fn log_in(place: &mut Place, url: &str) {
    for (name, value) in
        [("ANTHROPIC_BASE_URL", url), ("ANTHROPIC_API_KEY", "sk-test"), ("CLAUDE_CODE_MAX_RETRIES", "2")]
    {
        place.set_env(name, value);
    }
    // Needed by the adapter when root runs it.
    place.set_env("IS_SANDBOX", "1");
    let provider = json!({"enabled_providers": ["mock"], "model": "mock/mock-1", "small_model": "mock/mock-1",
        "provider": {"mock": {"npm": "@ai-sdk/openai-compatible", "name": "Mock",
            "options": {"baseURL": format!("{url}/v1"), "apiKey": "sk-test"},
            "models": {"mock-1": {"name": "Mock 1", "tool_call": true, "limit": {"context": 200_000, "output": 8192}}}}}});
    place.set_env("OPENCODE_CONFIG_CONTENT", &provider.to_string());
    place.set_env("OPENCODE_DISABLE_MODELS_FETCH", "1");
    place.set_env("OPENCODE_DISABLE_LSP_DOWNLOAD", "1");
    // Codex does not work with a home below the folder for temporary files.
    let temporary = place.path("tmp");
    std::fs::create_dir_all(&temporary).unwrap();
    place.set_env("TMPDIR", &temporary.display().to_string());
    let codex = place.home().join(".codex");
    std::fs::create_dir_all(&codex).unwrap();
    let provider = format!(
        "model = \"gpt-mock\"\nmodel_provider = \"mock\"\n[analytics]\nenabled = false\n[model_providers.mock]\n\
         name = \"mock\"\nbase_url = \"{url}/v1\"\nwire_api = \"responses\"\nenv_key = \"OPENAI_MOCK_KEY\"\n\
         request_max_retries = 1\nstream_max_retries = 1\n"
    );
    std::fs::write(codex.join("config.toml"), provider).unwrap();
    place.set_env("OPENAI_MOCK_KEY", "sk-test");
    place.set_env("GEMINI_API_KEY", "sk-test");
    place.set_env("GOOGLE_GEMINI_BASE_URL", url);
}

/// A tool call that is open until the test lets it go on.
pub(super) fn open_call(file: &str) -> Value {
    json!({"bash": format!("touch ready-{file}; timeout 50 sh -c 'until test -e {file}; do sleep 0.1; done'")})
}

/// What tells a CLI's process from others.
pub(super) fn command_line_of(cli: &str) -> &'static str {
    match cli {
        "claude" => "stream-json",
        "opencode" => "serve --hostname",
        "opencode-acp" => "opencode acp",
        "opencode-run" => "run --format json",
        "codex" => "app-server",
        "codex-exec" => "exec --json",
        "gemini" => "--acp",
        _ => "claude-agent-acp",
    }
}

pub(super) fn is_ganger(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "ganger")
}
