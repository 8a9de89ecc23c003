//! Kinds of work: what the table promises is what the rules do.

use crate::support::{add, at_work, board, check, ended, given};
use expect_test::expect;
use ganger_engine::{Claim, Directory, Envelope, Input, Kind, Refusal, RejectCode, Verification};

#[test]
fn what_lands_is_a_verified_commit_from_a_workspace() {
    for kind in Kind::ALL {
        let work = kind.work();
        let commit = work.verification == Verification::Commit;
        assert_eq!(work.lands, commit && work.directory == Directory::Workspace, "{kind:?}");
        assert_eq!(work.lands, work.claim == Claim::Change, "{kind:?}");
    }
}

#[test]
fn kinds_that_nothing_carries_out_yet_are_refused() {
    for kind in Kind::ALL {
        let mut ledger = given(&board());
        let added = ledger.decide(1, &Envelope::new("add", "test", add("one", |s| s.kind = kind)));
        match added {
            Ok(_) => assert!(matches!(kind, Kind::Change | Kind::Join)),
            Err(Refusal::Rejected(rejected)) if kind == Kind::Call => {
                assert_eq!(rejected.code, RejectCode::InvalidTickets);
                assert_eq!(rejected.message, "T-2: only an agent makes a call, with the tool `skill_agent`");
            }
            Err(Refusal::Rejected(rejected)) => {
                assert_eq!(rejected.code, RejectCode::NotSupported);
                assert_eq!(rejected.message, format!("T-2: tickets of kind `{}` are not supported yet", kind.as_str()));
            }
            Err(bug) => panic!("{bug}"),
        }
    }
}

#[test]
fn a_change_without_a_commit_is_no_claim() {
    let unchanged: Input = ended("T-1-a1", 1, |e| e.head = None);
    check(
        &at_work(),
        unchanged,
        &expect![[r#"
            attempt-ended attempt=T-1-a1 base=base counts=claim next=open not_before=0 finished
            ticket-rejected ticket=T-1 why=nothing was changed
            delivery-queued D-1 rejection
        "#]],
    );
}
