//! How a rule is read: a tool, and a pattern in which `*` stands for anything.

/// Tool and pattern.
#[must_use]
pub fn parse(rule: &str) -> (&str, Option<&str>) {
    match rule.trim().split_once('(') {
        Some((tool, pattern)) => (tool.trim(), Some(pattern.strip_suffix(')').unwrap_or(pattern).trim())),
        None => (rule.trim(), None),
    }
}

/// Whether a text fits a pattern in which `*` stands for anything.
#[must_use]
pub fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}
