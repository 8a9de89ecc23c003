//! What a line of prose says of a ticket beside its title: `(HIGH)`, `— depends on REQ-1`, `— Status: Pending`.

use super::draft::Field;
use ganger_engine::{Priority, TicketId};

/// A key as files spell it, and its value.
pub(super) type Fact = (&'static str, String);

/// What may stand between a title and what is said of it.
const SEPARATORS: [&str; 9] = [" — ", " – ", " -- ", " - ", " | ", " · ", "; ", ", ", ". "];

/// Words before ids of what must come first. The longer ones first.
const BEFORE_IDS: [&str; 9] =
    ["depends on", "dependent on", "blocked by", "waits for", "depends", "requires", "after", "needs", "blocked on"];

/// The title without what it says of other fields, and those.
pub(super) fn split(text: &str) -> (String, Vec<Fact>) {
    let (mut text, mut found) = (text.trim().to_owned(), Vec::new());
    loop {
        let rest = in_front(&text).or_else(|| at_end(&text)).or_else(|| behind_separator(&text));
        let rest = rest.map(|(rest, facts)| (rest.to_owned(), facts)).or_else(|| within(&text));
        // A title that is nothing but facts stays a title.
        let Some((rest, facts)) = rest.filter(|(rest, _)| !rest.is_empty()) else { break };
        text = rest;
        found.extend(facts);
    }
    (text, found)
}

/// Reads `Title (HIGH) @name`. A word in brackets may be part of the title, so only known priorities are taken from it.
fn within(text: &str) -> Option<(String, Vec<Fact>)> {
    text.match_indices(['(', '[']).find_map(|(at, open)| {
        let end = at + text[at..].find(if open == "(" { ')' } else { ']' })?;
        let found = facts(&text[at + 1..end], false)?;
        Some((format!("{} {}", text[..at].trim_end(), text[end + 1..].trim_start()).trim().to_owned(), found))
    })
}

/// `(HIGH) Title`
pub(super) fn in_front(text: &str) -> Option<(&str, Vec<Fact>)> {
    let close = [('(', ')'), ('[', ']')].into_iter().find(|(open, _)| text.starts_with(*open))?.1;
    let end = text.find(close)?;
    let found = facts(&text[1..end], true)?;
    Some((text[end + 1..].trim_start_matches([' ', '\t', ':', '-', '–', '—']), found))
}

/// `Title (HIGH)`
fn at_end(text: &str) -> Option<(&str, Vec<Fact>)> {
    let open = [(')', '('), (']', '[')].into_iter().find(|(close, _)| text.ends_with(*close))?.1;
    let begin = text.rfind(open)?;
    let found = facts(&text[begin + 1..text.len() - 1], true)?;
    Some((text[..begin].trim_end(), found))
}

/// `Title — depends on REQ-1`
fn behind_separator(text: &str) -> Option<(&str, Vec<Fact>)> {
    let mut places: Vec<(usize, &str)> =
        SEPARATORS.into_iter().flat_map(|s| text.match_indices(s).map(move |(at, _)| (at, s))).collect();
    places.sort_unstable_by_key(|(at, _)| std::cmp::Reverse(*at));
    places.into_iter().find_map(|(at, separator)| {
        let found = facts(text[at + separator.len()..].trim_end_matches('.'), false)?;
        Some((text[..at].trim_end(), found))
    })
}

/// What a part of a line says, where all of it is understood. In brackets less is needed to be meant as a fact.
pub(super) fn facts(text: &str, in_brackets: bool) -> Option<Vec<Fact>> {
    if let Some(fact) = fact(text, in_brackets) {
        return Some(vec![fact]);
    }
    // `HIGH, depends on REQ-1, REQ-2`: an id alone belongs to what is before it.
    let mut found: Vec<Fact> = Vec::new();
    for part in text.split([',', ';']) {
        match (fact(part, in_brackets), found.last_mut()) {
            (Some(fact), _) => found.push(fact),
            (None, Some(("after", ids))) if ids_in(part).is_some() => {
                ids.push_str(", ");
                ids.push_str(&ids_in(part)?);
            }
            _ => return None,
        }
    }
    (!found.is_empty()).then_some(found)
}

fn fact(text: &str, in_brackets: bool) -> Option<Fact> {
    let text = text.trim().trim_matches(['*', '_', '`']).trim();
    let lower = text.to_lowercase();
    let bare = lower.strip_prefix("priority ").or_else(|| lower.strip_suffix(" priority"));
    let is_named = bare.is_some();
    if let Some(priority) = Priority::parse(bare.unwrap_or(&lower).trim())
        && (in_brackets || is_named || text.chars().all(char::is_uppercase))
    {
        return Some(("priority", priority.as_str().to_owned()));
    }
    for words in BEFORE_IDS {
        let rest = lower.strip_prefix(words).filter(|rest| rest.starts_with([' ', ':']));
        if let Some(ids) = rest.and_then(|rest| text.get(text.len() - rest.len()..)).and_then(ids_in) {
            return Some(("after", ids));
        }
    }
    let (key, value) = text.split_once(':')?;
    let is_mark = |c| ['*', '_', ' ', '`'].contains(&c);
    let (key, value) = (key.trim_matches(is_mark), value.trim_matches(is_mark));
    let key = match Field::named(key)? {
        Field::Status if key.eq_ignore_ascii_case("status") => "status",
        Field::Priority if Priority::parse(value).is_some() => "priority",
        Field::Agent => "agent",
        Field::Contest if value.contains(',') => "contest",
        Field::Files => "files",
        Field::Labels => "labels",
        Field::Done => "acceptance",
        Field::Tokens => "estimatedTokens",
        _ => return None,
    };
    (!value.is_empty()).then(|| (key, value.to_owned()))
}

/// `: REQ-1, REQ-2 and REQ-3`: nothing but ids, each with a letter and a digit.
pub(super) fn ids_in(text: &str) -> Option<String> {
    let words = text.split([' ', ',', '&', '+', ':', '\t']).map(|w| w.trim_matches(['*', '_', '`', '[', ']', '.']));
    let words: Vec<&str> = words.filter(|w| !w.is_empty() && !w.eq_ignore_ascii_case("and")).collect();
    let has = |word: &str, is: fn(&char) -> bool| word.chars().any(|c| is(&c));
    let is_id = |word: &&str| {
        has(word, char::is_ascii_digit) && has(word, char::is_ascii_alphabetic) && TicketId::parse(word).is_ok()
    };
    (!words.is_empty() && words.iter().all(is_id)).then(|| words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        let (title, facts) = split(text);
        let facts: String = facts.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        format!("{title}:{facts}")
    }

    #[test]
    fn what_a_title_says_of_other_fields_is_taken_from_it() {
        for (text, read) in [
            ("(HIGH) Reject it", "Reject it: priority=high"),
            ("[low] Reject it", "Reject it: priority=low"),
            ("Reject it (Priority: High) @roy", "Reject it @roy: priority=High"),
            ("Reject it (high priority)", "Reject it: priority=high"),
            ("Reject it — HIGH", "Reject it: priority=high"),
            ("Say so — Status: Pending — depends on REQ-1", "Say so: after=REQ-1 status=Pending"),
            ("Say so (depends on REQ-1, REQ-2)", "Say so: after=REQ-1, REQ-2"),
            ("Say so (HIGH, depends on REQ-1, REQ-2)", "Say so: priority=high after=REQ-1, REQ-2"),
            ("Say so - blocked by `REQ-1` and **REQ-2**", "Say so: after=REQ-1, REQ-2"),
            ("Say so, after REQ-1.", "Say so: after=REQ-1"),
            ("Say so. Depends on: T1", "Say so: after=T1"),
            ("Say so | Agent: builder | Files: a, b", "Say so: files=a, b agent=builder"),
        ] {
            assert_eq!(of(text), read);
        }
    }

    #[test]
    fn what_only_sounds_like_a_fact_stays_in_the_title() {
        for text in [
            "Test it (high load)",
            "Fix it - low memory",
            "Fix (low) memory [x] and (y",
            "Fix it - low",
            "Look after users",
            "It needs 2 reviewers",
            "Sort, after reading",
            "Rename a — b: c",
            "Show state: closed",
            "(HIGH)",
            "Cover é (ü)",
        ] {
            assert_eq!(of(text), format!("{text}:"));
        }
    }
}
