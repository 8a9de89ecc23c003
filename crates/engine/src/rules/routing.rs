//! Which route a ticket takes: whole words of its title and description, and its files, in any case of letters.
//!
//! The more exact match counts alone: of two phrases that cover each other the longer one, of two paths that cover a file
//! the longer one. Then files go before words, more of either before fewer, and the route that comes first before the
//! others.

use super::glob;
use crate::model::ticket::covers;
use crate::{Policy, Route, RouteMatch, Routing, RoutingReason, TicketSpec};
use std::collections::BTreeMap;

/// The key of metadata that says what work it is: the name of a route, or [`BOTH`].
pub(crate) const TYPE: &str = "type";
/// The type of work for two routes, which come in this order.
pub(crate) const BOTH: &str = "both";
pub(crate) const PARTS: [&str; 2] = ["backend", "frontend"];

/// The routes of a policy, made ready for many tickets.
#[derive(Debug)]
pub struct Router<'a> {
    routes: &'a [Route],
    default_agent: &'a str,
    /// By their first letter.
    phrases: BTreeMap<char, Vec<Phrase<'a>>>,
    paths: Vec<Path<'a>>,
}

/// A word, or several in a row, in small letters.
#[derive(Debug)]
struct Phrase<'a> {
    words: Vec<String>,
    as_written: &'a str,
    route: usize,
}

#[derive(Debug)]
struct Path<'a> {
    pattern: String,
    as_written: &'a str,
    route: usize,
}

/// What a route matches of a ticket.
#[derive(Clone, Default)]
struct Score<'a> {
    paths: BTreeMap<&'a str, u32>,
    words: Vec<&'a str>,
    is_type: bool,
}

/// The rank of a route that matches nothing.
const NOTHING: (u32, usize) = (0, 0);

impl Score<'_> {
    fn rank(&self) -> (u32, usize) {
        (self.paths.values().sum(), self.words.len() + usize::from(self.is_type))
    }
}

impl<'a> Router<'a> {
    /// Of a policy.
    #[must_use]
    pub fn of(policy: &'a Policy) -> Self {
        let (mut phrases, mut paths) = (BTreeMap::<char, Vec<Phrase<'_>>>::new(), Vec::new());
        for (route, found) in policy.routes.iter().enumerate() {
            for as_written in &found.words {
                let words: Vec<String> = words_of(as_written).map(str::to_lowercase).collect();
                if let Some(first) = words.first().and_then(|word| word.chars().next()) {
                    phrases.entry(first).or_default().push(Phrase { words, as_written, route });
                }
            }
            let of_route =
                found.paths.iter().map(|path| Path { pattern: path.to_lowercase(), as_written: path, route });
            paths.extend(of_route);
        }
        Self { routes: &policy.routes, default_agent: &policy.default_agent, phrases, paths }
    }

    /// The route of a ticket that names no agent.
    #[must_use]
    pub fn route(&self, spec: &TicketSpec) -> Routing {
        let scores = self.scores(spec);
        let best = scores.iter().map(Score::rank).max().filter(|rank| *rank != NOTHING);
        let first = scores.iter().position(|score| Some(score.rank()) == best);
        first.map_or_else(|| self.unmatched(), |first| self.routing(spec, &scores, first))
    }

    /// All routes that match, the best first.
    pub(crate) fn matching(&self, spec: &TicketSpec) -> Vec<Routing> {
        let scores = self.scores(spec);
        let mut matching: Vec<usize> = (0..scores.len()).filter(|at| scores[*at].rank() != NOTHING).collect();
        matching.sort_by_key(|at| std::cmp::Reverse(scores[*at].rank()));
        matching.into_iter().map(|at| self.routing(spec, &scores, at)).collect()
    }

    /// What each route matches of a ticket.
    fn scores(&self, spec: &TicketSpec) -> Vec<Score<'a>> {
        let mut scores = vec![Score::default(); self.routes.len()];
        self.count_words(&spec.title, &mut scores);
        self.count_words(&spec.description, &mut scores);
        for file in &spec.files {
            for path in self.paths_of(file) {
                *scores[path.route].paths.entry(path.as_written).or_default() += 1;
            }
        }
        if let Some(kind) = spec.metadata.get(TYPE) {
            for (route, score) in self.routes.iter().zip(&mut scores) {
                score.is_type = is_type_of(kind, &route.name);
            }
        }
        scores
    }

    /// The ticket goes this way; those that match as well come later.
    fn routing(&self, spec: &TicketSpec, scores: &[Score<'_>], at: usize) -> Routing {
        let (route, score) = (&self.routes[at], &scores[at]);
        let paths =
            score.paths.iter().map(|(path, files)| RouteMatch::Path { path: (*path).to_owned(), files: *files });
        let words = score.words.iter().map(|word| RouteMatch::Word((*word).to_owned()));
        let kind = spec.metadata.get(TYPE).filter(|_| score.is_type).map(|kind| RouteMatch::Type(kind.clone()));
        let matches = paths.chain(words).chain(kind).collect();
        let later = self.routes.iter().zip(scores).skip(at + 1);
        let tied = later.filter(|(_, other)| other.rank() == score.rank()).map(|(other, _)| other.name.clone());
        let why = RoutingReason::Match { route: route.name.clone(), matches, tied: tied.collect() };
        Routing { agent: route.agent.clone(), why }
    }

    /// A route without words and paths takes what no other matches.
    fn unmatched(&self) -> Routing {
        let takes_all = |route: &&Route| route.words.is_empty() && route.paths.is_empty();
        match self.routes.iter().find(takes_all) {
            Some(Route { name, agent, .. }) => {
                let why = RoutingReason::Match { route: name.clone(), matches: Vec::new(), tied: Vec::new() };
                Routing { agent: agent.clone(), why }
            }
            None => Routing { agent: self.default_agent.to_owned(), why: RoutingReason::Default },
        }
    }

    /// The routes of both parts of work that needs two, where there are both.
    pub(crate) fn parts(&self, spec: &TicketSpec) -> Option<[&'a Route; 2]> {
        let is_both = spec.metadata.get(TYPE).is_some_and(|kind| kind.trim().eq_ignore_ascii_case(BOTH));
        let named = |name: &str| self.routes.iter().find(|route| route.name.eq_ignore_ascii_case(name));
        let [first, second] = PARTS.map(named);
        first.zip(second).filter(|_| is_both).map(|(first, second)| [first, second])
    }

    /// Whether a file is for a route, and for none else.
    pub(crate) fn is_only_for(&self, file: &str, route: &Route) -> bool {
        let mut routes = self.paths_of(file).map(|path| &self.routes[path.route]).peekable();
        routes.peek().is_some() && routes.all(|found| found.name == route.name)
    }

    /// The paths that name a file most exactly.
    fn paths_of(&self, file: &str) -> impl Iterator<Item = &Path<'a>> {
        let file = file.to_lowercase();
        let is_of =
            |path: &&Path<'_>| covers(&path.pattern, &file) || path.pattern.contains('*') && glob(&path.pattern, &file);
        let found: Vec<&Path<'_>> = self.paths.iter().filter(is_of).collect();
        let longest = found.iter().map(|path| path.pattern.len()).max();
        found.into_iter().filter(move |path| Some(path.pattern.len()) == longest)
    }

    fn count_words(&self, text: &str, scores: &mut [Score<'a>]) {
        let words: Vec<&str> = words_of(text).collect();
        let mut at = 0;
        while let Some(word) = words.get(at) {
            let first = word.chars().next().and_then(|c| c.to_lowercase().next());
            let known = first.and_then(|first| self.phrases.get(&first)).map_or(&[][..], Vec::as_slice);
            let found = || known.iter().filter(|phrase| phrase.begins(&words[at..]));
            let longest = found().map(|phrase| phrase.words.len()).max();
            for phrase in found().filter(|phrase| Some(phrase.words.len()) == longest) {
                let counted = &mut scores[phrase.route].words;
                if !counted.contains(&phrase.as_written) {
                    counted.push(phrase.as_written);
                }
            }
            at += longest.unwrap_or(1);
        }
    }
}

impl Phrase<'_> {
    /// Whether a text begins with it, the last word possibly in the plural.
    fn begins(&self, text: &[&str]) -> bool {
        let last = self.words.len() - 1;
        text.len() > last
            && self.words.iter().zip(text).enumerate().all(|(at, (word, found))| {
                is_same(word, found) || at == last && ["s", "es"].iter().any(|end| is_plural(word, end, found))
            })
    }
}

fn is_plural(word: &str, end: &str, found: &str) -> bool {
    let at = found.len().checked_sub(end.len()).filter(|at| found.is_char_boundary(*at));
    at.is_some_and(|at| found[at..].eq_ignore_ascii_case(end) && is_same(word, &found[..at]))
}

/// Whether a word is this one, which is in small letters.
fn is_same(small: &str, word: &str) -> bool {
    small.eq_ignore_ascii_case(word) || !word.is_ascii() && word.to_lowercase() == small
}

fn is_type_of(kind: &str, route: &str) -> bool {
    let kind = kind.trim();
    let is_both = kind.eq_ignore_ascii_case(BOTH) && PARTS.iter().any(|part| part.eq_ignore_ascii_case(route));
    kind.eq_ignore_ascii_case(route) || is_both
}

/// The words of a text: letters, digits and `_` in a row.
fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}
