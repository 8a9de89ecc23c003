//! Whoever calls a tool: the agent of an attempt, or a program that a person started. What tools need of either: who
//! speaks, what was said, and a way to have it decided.

use ganger_engine::{Input, Outcome, Rejected, Speaker};
use serde_json::{Map, Value};

pub(crate) trait Desk: Sync {
    /// What was said.
    fn arguments(&self) -> &Map<String, Value>;

    /// Who speaks. Never an argument.
    fn speaker(&self) -> Speaker;

    /// Has an input decided; what is wrong with it comes in words that a model can act on.
    fn decide(&self, cause: &str, input: Input) -> impl Future<Output = Result<Outcome, String>> + Send;

    /// A question, by which nothing is decided.
    fn look(&self, what: &str, input: Input) -> impl Future<Output = Result<Outcome, String>> + Send;

    /// A text that must be there.
    fn text(&self, name: &str) -> Result<String, String> {
        match self.arguments().get(name) {
            Some(Value::String(text)) if !text.trim().is_empty() => {
                Ok(crate::text::cap(&crate::text::clean(text), 20_000))
            }
            Some(Value::String(_)) => Err(format!("argument `{name}` is empty")),
            Some(other) => Err(format!("argument `{name}` must be a string, not {other}")),
            None => Err(format!("argument `{name}` is missing")),
        }
    }

    /// A word or text that may be missing.
    fn optional(&self, name: &str) -> Result<Option<String>, String> {
        match self.arguments().get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
            Some(other) => Err(format!("argument `{name}` must be a string, not {other}")),
        }
    }

    /// Words, or one of them.
    fn words(&self, name: &str) -> Result<Vec<String>, String> {
        let wrong = || format!("argument `{name}` must be a list of strings");
        match self.arguments().get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(one)) => Ok(vec![one.clone()]),
            Some(Value::Array(words)) => {
                words.iter().map(|word| word.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
            }
            Some(_) => Err(wrong()),
        }
    }

    /// So many of a page.
    fn page(&self, (usual, most): (u32, u32)) -> Result<u32, String> {
        let wanted = match self.arguments().get("limit") {
            None | Some(Value::Null) => Some(u64::from(usual)),
            Some(wanted) => wanted.as_u64(),
        };
        let fits = wanted.and_then(|wanted| u32::try_from(wanted).ok()).filter(|wanted| (1..=most).contains(wanted));
        fits.ok_or_else(|| format!("argument `limit` must be a number between 1 and {most}"))
    }

    fn flag(&self, name: &str) -> Result<bool, String> {
        match self.arguments().get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(format!("argument `{name}` must be true or false")),
        }
    }
}

/// A refusal in words that a model can act on: what is wrong, and what to do instead.
pub(crate) fn in_words(rejected: Rejected) -> String {
    match rejected.hint {
        Some(hint) => format!("{}; {hint}", rejected.message),
        None => rejected.message,
    }
}
