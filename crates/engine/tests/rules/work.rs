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
fn what_ganger_or_an_agent_asks_for_is_not_added_by_hand() {
    for kind in Kind::ALL {
        let mut ledger = given(&board());
        let added = ledger.decide(1, &Envelope::new("add", "test", add("one", |s| s.kind = kind)));
        match added {
            Ok(_) => assert!(matches!(kind, Kind::Change | Kind::Join), "{kind:?}"),
            Err(Refusal::Rejected(rejected)) => {
                assert_eq!(rejected.code, RejectCode::InvalidTickets);
                let message = match kind {
                    // The board of this test has none.
                    Kind::Goal => "T-2: this project has no pipeline that makes tickets of a goal".to_owned(),
                    Kind::Contest => "T-2: a contest needs two agents or more, and it names 0".to_owned(),
                    _ => format!("T-2: nobody adds a ticket of kind `{}` by hand", kind.as_str()),
                };
                assert_eq!(rejected.message, message);
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
