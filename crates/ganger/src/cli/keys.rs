//! Keys of the live view, and the line that is typed there. What keys mean is decided here; what follows is the view's.

use crate::text;
use ganger_engine::{CardAnswer, CardId, State, TicketId};

/// What a person asked for.
#[derive(Debug, PartialEq)]
pub(super) enum Action {
    Answer {
        card: CardId,
        answer: CardAnswer,
    },
    Tell {
        ticket: TicketId,
        text: String,
    },
    Stop(TicketId),
    ShowLog(TicketId),
    /// It cannot be done, and why.
    Refused(String),
}

/// What is being typed.
#[derive(Debug, Clone, PartialEq)]
enum Topic {
    Answer(CardId),
    Tell,
    Stop,
    Log,
}

#[derive(Debug, Default)]
pub(super) struct Keys {
    line: Option<(Topic, String)>,
    help: bool,
    /// The beginning of a character of several bytes.
    begun: Vec<u8>,
}

/// Fits the narrowest terminal that people have.
const HELP: &str = "a answers the first card · l shows a log · t tells an agent · s stops a ticket";

const ESCAPE: u8 = 0x1b;
const BACKSPACE: [u8; 2] = [0x08, 0x7f];
const CLEAR: u8 = 0x15;

impl Keys {
    /// What was typed at once. `at_work` are the tickets that one may mean.
    pub(super) fn press(&mut self, bytes: &[u8], state: &State, at_work: &[TicketId]) -> Vec<Action> {
        self.begun.extend(without_sequences(bytes));
        let typed = std::mem::take(&mut self.begun);
        let whole = match std::str::from_utf8(&typed) {
            Ok(whole) => whole,
            Err(e) => {
                let (whole, rest) = typed.split_at(e.valid_up_to());
                // An error in the middle is no character that goes on.
                if e.error_len().is_none() {
                    self.begun = rest.to_vec();
                }
                std::str::from_utf8(whole).unwrap_or_default()
            }
        };
        whole.chars().filter_map(|key| self.key(key, state, at_work)).collect()
    }

    fn key(&mut self, key: char, state: &State, at_work: &[TicketId]) -> Option<Action> {
        let byte = u8::try_from(key).unwrap_or_default();
        let Some((topic, text)) = &mut self.line else { return self.begin(key, state, at_work) };
        match key {
            '\n' | '\r' => {
                let (topic, text) = (topic.clone(), text.trim().to_owned());
                self.line = None;
                return action_of(topic, &text, state);
            }
            _ if byte == ESCAPE => self.line = None,
            _ if byte == CLEAR => text.clear(),
            _ if BACKSPACE.contains(&byte) => drop(text.pop()),
            _ if key.is_control() => {}
            _ => text.push(key),
        }
        None
    }

    fn begin(&mut self, key: char, state: &State, at_work: &[TicketId]) -> Option<Action> {
        self.help = key == '?' && !self.help;
        let topic = match key {
            'a' => match state.open_cards().next() {
                Some(card) => Topic::Answer(card.id.clone()),
                None => return Some(Action::Refused("Nothing is waiting for your answer.".to_owned())),
            },
            't' => Topic::Tell,
            's' => Topic::Stop,
            'l' => Topic::Log,
            _ => return None,
        };
        let first = at_work.first().filter(|_| !matches!(topic, Topic::Answer(_)));
        let text =
            first.map_or_else(String::new, |id| if topic == Topic::Tell { format!("{id} ") } else { id.to_string() });
        self.line = Some((topic, text));
        None
    }

    /// The card that is being answered.
    pub(super) fn answers(&self) -> Option<&CardId> {
        match &self.line {
            Some((Topic::Answer(card), _)) => Some(card),
            _ => None,
        }
    }

    /// What stands below the lanes.
    pub(super) fn lines(&self, state: &State, columns: usize) -> Vec<String> {
        let Some((topic, typed)) = &self.line else {
            return if self.help { vec![text::line(HELP, columns)] } else { Vec::new() };
        };
        let (above, prompt) = match topic {
            Topic::Answer(card) => (choices(state, card), format!("answer {card}")),
            Topic::Tell => (None, "tell a ticket something".to_owned()),
            Topic::Stop => (None, "stop a ticket".to_owned()),
            Topic::Log => (None, "log of a ticket".to_owned()),
        };
        let prompt = format!("{prompt} (Enter, or Esc)> ");
        // The end is where one types.
        let room = columns.saturating_sub(prompt.chars().count() + 1);
        let surplus = typed.chars().count().saturating_sub(room);
        let typed: String = typed.chars().skip(surplus).collect();
        above.into_iter().map(|line| text::line(&line, columns)).chain([format!("{prompt}{typed}_")]).collect()
    }
}

/// Arrows and the like come as several bytes, and mean nothing here: `ESC [ … letter`, or `ESC O letter`.
fn without_sequences(bytes: &[u8]) -> Vec<u8> {
    let (mut kept, mut rest) = (Vec::new(), bytes);
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (&ESCAPE, [b'[' | b'O', sequence @ ..]) => {
                let end = sequence.iter().position(|byte| (0x40..=0x7e).contains(byte));
                rest = end.map_or(&[], |end| &sequence[end + 1..]);
            }
            _ => kept.push(*first),
        }
    }
    kept
}

/// The options of a card by their numbers, and whether any other text will do.
fn choices(state: &State, card: &CardId) -> Option<String> {
    let card = state.cards.get(card)?;
    let numbered = options(state, &card.id).into_iter().enumerate().map(|(n, option)| format!("{} {option}", n + 1));
    let free = card.kind.free_text().map(|words| format!("or {words}"));
    Some(numbered.chain(free).collect::<Vec<_>>().join(" · "))
}

fn options(state: &State, card: &CardId) -> Vec<String> {
    let Some(card) = state.cards.get(card) else { return Vec::new() };
    card.choices().into_iter().filter(|choice| Some(choice.as_str()) != card.kind.free_text()).collect()
}

fn action_of(topic: Topic, text: &str, state: &State) -> Option<Action> {
    if text.is_empty() {
        return None;
    }
    let ticket = |word: &str| crate::board::ticket_named(state, word).map_err(|e| Action::Refused(e.message));
    let of_ticket =
        |word: &str, action: &dyn Fn(TicketId) -> Action| ticket(word).map_or_else(|refused| refused, action);
    Some(match topic {
        Topic::Answer(card) => answer(card, text, state),
        Topic::Stop => of_ticket(text, &Action::Stop),
        Topic::Log => of_ticket(text, &Action::ShowLog),
        Topic::Tell => match text.split_once(' ') {
            Some((word, said)) => of_ticket(word, &|ticket| Action::Tell { ticket, text: said.trim().to_owned() }),
            None => Action::Refused(format!("Type what {text} should hear.")),
        },
    })
}

fn answer(card: CardId, text: &str, state: &State) -> Action {
    let options = options(state, &card);
    let by_number = text.parse::<usize>().ok().and_then(|n| options.get(n.checked_sub(1)?));
    let text = by_number.map_or(text, String::as_str);
    let Some(asked) = state.cards.get(&card).filter(|asked| asked.is_open()) else {
        return Action::Refused(format!("{card} is no longer open."));
    };
    match asked.parse_answer(text) {
        Ok(answer) => Action::Answer { card, answer },
        // The person sees the suggestions while typing, and may type something else.
        Err(_) if asked.takes_other() => Action::Answer { card, answer: CardAnswer::Text(text.to_owned()) },
        Err(rejected) => Action::Refused(rejected.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(parts: &[&[u8]]) -> Vec<Action> {
        let (mut keys, state) = (Keys::default(), State::default());
        parts.iter().flat_map(|part| keys.press(part, &state, &[TicketId::from("T-1")])).collect()
    }

    #[test]
    fn a_line_is_typed_byte_by_byte_and_with_slips() {
        let refused = |parts: &[&[u8]]| match typed(parts).pop() {
            Some(Action::Refused(why)) => why,
            other => panic!("{other:?}"),
        };
        // An arrow, a character in two reads, a slip that is taken back, and a line that is begun anew.
        assert!(refused(&[b"\x1b[A", b"s\x15\xc3", b"\xbcx\x7f\n"]).contains("`ü`"));
        assert!(refused(&[b"t\n"]).contains("Type what T-1 should hear"));
        assert!(refused(&[b"a"]).contains("Nothing is waiting"));
        assert_eq!(typed(&[b"s\x1b", b"\n", b"x"]), [], "Esc gives it up");
        assert_eq!(typed(&[b"s\x15\n"]), [], "an empty line does nothing");
    }
}
