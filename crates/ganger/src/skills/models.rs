//! Which runtime can use which model, and how it calls it.

use crate::config::RuntimeKind;

/// Providers that runtimes and files name before a `/`.
const PROVIDERS: [&str; 30] = [
    "alibaba",
    "amazon-bedrock",
    "anthropic",
    "azure",
    "baseten",
    "bedrock",
    "cerebras",
    "cohere",
    "deepinfra",
    "deepseek",
    "fireworks-ai",
    "github-copilot",
    "google",
    "google-vertex",
    "google-vertex-anthropic",
    "groq",
    "huggingface",
    "lmstudio",
    "mistral",
    "moonshotai",
    "nvidia",
    "ollama",
    "openai",
    "opencode",
    "openrouter",
    "perplexity",
    "togetherai",
    "vercel",
    "xai",
    "zai",
];

/// Words that a runtime has for its models.
const ALIASES: [(RuntimeKind, &[&str]); 2] = [
    (RuntimeKind::Claude, &["default", "sonnet", "opus", "haiku", "opusplan", "best"]),
    (RuntimeKind::Gemini, &["auto", "pro", "flash", "flash-lite"]),
];

/// How the names of a runtime's own models begin.
const BEGIN: [(RuntimeKind, &[&str]); 3] = [
    (RuntimeKind::Claude, &["claude-"]),
    (RuntimeKind::Codex, &["gpt-", "o1", "o3", "o4", "codex-"]),
    (RuntimeKind::Gemini, &["gemini-"]),
];

/// A model as a file names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Model<'a> {
    /// `anthropic/claude-opus-4`
    OfProvider {
        provider: &'a str,
        id: &'a str,
    },
    /// `sonnet`, or `gpt-5`: what one runtime knows.
    Of {
        runtime: RuntimeKind,
        id: &'a str,
    },
    Unknown,
}

impl<'a> Model<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        if let Some((provider, id)) = text.split_once('/') {
            let is_whole = !provider.is_empty() && !id.is_empty() && !text.contains(char::is_whitespace);
            return if is_whole { Self::OfProvider { provider, id } } else { Self::Unknown };
        }
        let bare = text.split('[').next().unwrap_or(text);
        let by_alias = ALIASES.into_iter().find(|(_, words)| words.contains(&bare));
        let by_name = || BEGIN.into_iter().find(|(_, begins)| begins.iter().any(|begin| bare.starts_with(begin)));
        match by_alias.or_else(by_name) {
            Some((runtime, _)) => Self::Of { runtime, id: text },
            None => Self::Unknown,
        }
    }

    /// The runtime that was made for it.
    pub(super) fn native(self) -> Option<RuntimeKind> {
        match self {
            Self::OfProvider { provider, .. } => match provider {
                "anthropic" => Some(RuntimeKind::Claude),
                "openai" => Some(RuntimeKind::Codex),
                "google" => Some(RuntimeKind::Gemini),
                _ => None,
            },
            Self::Of { runtime, .. } => Some(runtime),
            Self::Unknown => None,
        }
    }

    /// As a runtime calls it; `None` where it has none of it.
    pub(super) fn on(self, runtime: RuntimeKind) -> Option<String> {
        match (self, runtime) {
            (Self::OfProvider { provider, id }, RuntimeKind::Opencode) => Some(format!("{provider}/{id}")),
            (Self::OfProvider { id, .. } | Self::Of { id, .. }, runtime) if self.native() == Some(runtime) => {
                Some(id.to_owned())
            }
            _ => None,
        }
    }

    pub(super) fn is_of_known_provider(self) -> bool {
        !matches!(self, Self::OfProvider { provider, .. } if !PROVIDERS.contains(&provider))
    }

    pub(super) fn providers() -> &'static [&'static str] {
        &PROVIDERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_called_as_its_runtime_calls_it() {
        use RuntimeKind::{Claude, Codex, Gemini, Opencode};
        for (model, runtime, called) in [
            ("anthropic/claude-sonnet-4", Claude, Some("claude-sonnet-4")),
            ("anthropic/claude-sonnet-4", Opencode, Some("anthropic/claude-sonnet-4")),
            ("anthropic/claude-sonnet-4", Codex, None),
            ("google/gemini-3-pro", Gemini, Some("gemini-3-pro")),
            ("openai/gpt-5", Codex, Some("gpt-5")),
            ("sonnet[1m]", Claude, Some("sonnet[1m]")),
            ("haiku", Opencode, None),
            ("gpt-5", Codex, Some("gpt-5")),
            ("best of all", Claude, None),
        ] {
            assert_eq!(Model::read(model).on(runtime).as_deref(), called, "{model} on {runtime:?}");
        }
        assert!(!Model::read("acme/x").is_of_known_provider() && Model::read("sonnet").is_of_known_provider());
        assert_eq!(Model::read("a/"), Model::Unknown);
    }
}
