//! Power loss: a run and a merge are recorded, and the machine is switched off at every moment of it. What was not
//! synced by then is gone; what the journal says must be so all the same, and the work goes on from there.

use crate::support::disk::{CALLS, Trace, files_below, folders_below, restore};
use crate::support::{GANGER, Place};
use serde_json::json;
use std::path::Path;
use std::process::Command;

#[test]
fn what_was_told_is_there_after_a_power_cut_at_any_moment() {
    let place = Place::scripted(
        "test -e one.txt -o -e two.txt",
        &json!({
            "T-1": [[{"run": "echo first > one.txt; git add --all; git diff --cached --quiet || git commit -qm one"}]],
            "T-2": [[{"write": "two.txt", "text": "second\n"}]],
        }),
    );
    place.add(&["one"]);
    place.add(&["two", "--after", "T-1"]);
    // The model of the disk knows no new folders, and a depot is made of them.
    place.ganger(&["rescue", "list"]).exits(0);
    let home = std::fs::canonicalize(place.path(".")).unwrap();
    let traces = tempfile::tempdir().unwrap();
    let (files, folders) = (files_below(&home), folders_below(&home));
    record(&place, traces.path(), &["run"]);
    record(&place, traces.path(), &["merge", "--all"]);
    place.assert_status("T-2", "merged");

    let cuts = Trace::read(traces.path(), &home).power_cuts(files);
    assert!(cuts.len() > 20, "only {} different disks: was the trace read?", cuts.len());
    for (n, cut) in cuts.iter().enumerate() {
        restore(&home, &folders, cut);
        what_is_told_is_there(&place, n);
        place.ganger(&["run"]).exits(0);
        let open = place.ganger(&["ticket", "list", "--status", "accepted"]).stdout;
        if !open.is_empty() {
            place.ganger(&["merge", "--all"]).exits(0);
        }
        for (ticket, file, text) in [("T-1", "one.txt", "first"), ("T-2", "two.txt", "second")] {
            place.assert_status(ticket, "merged");
            assert_eq!(place.git(&["show", &format!("main:{file}")]), text, "after power cut {n}");
        }
        place.ganger(&["doctor"]).says("every invariant holds");
    }
}

/// The journal can be followed, and every commit that it calls accepted or merged is whole.
fn what_is_told_is_there(place: &Place, n: usize) {
    place.ganger(&["doctor"]).says("every invariant holds");
    let list = place.ganger(&["ticket", "list", "--all", "--json"]).exits(0).json();
    let tickets = list["tickets"].as_array().unwrap();
    assert_eq!(tickets.len(), 2, "after power cut {n}");
    for ticket in tickets {
        let shown = place.ticket(ticket["id"].as_str().unwrap());
        for key in ["accepted", "merged"] {
            if let Some(commit) = shown[key].as_str() {
                place.in_depot(&["rev-list", "--objects", "--quiet", commit]);
            }
        }
        if let Some(merged) = shown["merged"].as_str() {
            place.git(&["merge-base", "--is-ancestor", merged, "main"]);
        }
    }
}

fn record(place: &Place, traces: &Path, args: &[&str]) {
    let prefix = traces.join(format!("{}.trace", args[0]));
    let mut command = Command::new("strace");
    command.args(["-ff", "-ttt", "-y", "-xx", "-s", "100000000", "-e", &format!("trace={CALLS}"), "-o"]);
    command.arg(prefix).arg(GANGER).args(args);
    let output = place.outside(command);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{}", place.ganger(&["inbox"]).stdout);
}
