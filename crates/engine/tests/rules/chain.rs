//! The journal as a chain, and snapshots of it: what was changed, left out or written by another version is found.

use crate::support::{NOW, add, after, at_work, ended};
use ganger_engine::{Envelope, Event, Ledger, Record, SNAPSHOT_VERSION, State};

/// The records of a short history.
fn history() -> Vec<Record> {
    let mut ledger = Ledger::new(State::default());
    for (i, input) in after(at_work(), [ended("T-1-a1", 1, |_| {}), add("two", |_| {})]).into_iter().enumerate() {
        ledger.decide(NOW, &Envelope::new(format!("i{i}"), "test", input)).unwrap();
    }
    ledger.committed()
}

fn replay(records: &[Record]) -> Result<State, String> {
    let mut state = State::default();
    records.iter().try_for_each(|r| state.apply_record(r)).map_err(|e| e.to_string())?;
    Ok(state)
}

#[test]
fn an_untouched_journal_is_followed_and_its_head_is_the_digest_of_the_last_record() {
    let records = history();
    let state = replay(&records).unwrap();
    assert_eq!(state.head, Some(records.last().unwrap().digest().unwrap()));
    let stored = Record::encode_batch(&records).unwrap();
    assert_eq!(replay(&Record::decode_batch(&stored, 1).unwrap()).unwrap(), state);
}

#[test]
fn a_record_that_was_changed_is_found_and_named() {
    let mut records = history();
    records[3].cause = "another".into();
    let error = replay(&records).unwrap_err();
    assert_eq!(
        error,
        "record 5 was not written after this record 4: one of them was changed, or one between them was left out"
    );
}

#[test]
fn a_record_that_was_left_out_is_found_even_when_the_numbers_are_made_to_fit() {
    let mut records = history();
    records.remove(3);
    assert!(replay(&records).unwrap_err().starts_with("record 5 follows record 3"));
    for (i, record) in records.iter_mut().enumerate() {
        record.n = i as u64 + 1;
    }
    assert!(replay(&records).unwrap_err().starts_with("record 4 was not written after this record 3"));
}

#[test]
fn a_phase_that_cannot_follow_is_a_fault_with_the_number_of_its_record() {
    let mut records = history();
    let last = records.last_mut().unwrap();
    last.events = vec![Event::Merged { ticket: "T-1".into(), commit: "m".into() }];
    let n = last.n;
    assert_eq!(replay(&records).unwrap_err(), format!("record {n}: T-1 cannot go from verifying to merged"));
}

#[test]
fn a_snapshot_of_another_version_is_refused() {
    let state = replay(&history()).unwrap();
    let text = String::from_utf8(state.to_snapshot().unwrap()).unwrap();
    let version = format!("\"snapshot\":{SNAPSHOT_VERSION}");
    assert!(text.contains(&version));
    let other = text.replace(&version, "\"snapshot\":1");
    assert!(State::from_snapshot(other.as_bytes()).unwrap_err().to_string().contains("has version 1"));
    let unversioned = serde_json::to_vec(&state).unwrap();
    assert!(State::from_snapshot(&unversioned).is_err(), "what has no version is not guessed at");
    assert!(State::from_snapshot(b"{\"snapshot\":2,\"state\":{\"n\":7}}").is_err(), "nothing is filled in");
}
