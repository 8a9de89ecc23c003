//! Mail: who it goes to, when it is said, when it comes back, and where it ends.

use crate::support::{NOW, add, after, answer, at_work, check, claim, ended, given, policy, tick};
use expect_test::expect;
use ganger_engine::{
    Envelope, Importance, Input, Ledger, MailId, MailLimits, MailQuery, MailStatus, NewMail, Outcome, Receipt, Refusal,
    Speaker, TicketId, mailbox,
};

fn agent(attempt: &str, token: u64) -> Speaker {
    Speaker::Agent { attempt: attempt.into(), token }
}

fn person() -> Speaker {
    Speaker::Person { name: "ada".into() }
}

fn mail(to: &[&str], body: &str) -> NewMail {
    let to = to.iter().map(|to| (*to).to_owned()).collect();
    NewMail { to, subject: "The form".into(), body: body.into(), ..NewMail::default() }
}

fn reply(to: &str, body: &str) -> NewMail {
    NewMail { subject: String::new(), in_reply_to: Some(to.into()), ..mail(&[], body) }
}

fn send(by: &Speaker, mail: NewMail) -> Input {
    Input::SendMail { by: by.clone(), mail }
}

/// T-1 and T-2 are at work, T-3 waits for T-1.
fn three() -> Vec<Input> {
    let third = add("three", |spec| spec.after = vec!["T-1".into()]);
    after(at_work(), [add("two", |_| {}), third, tick(), claim("T-2-a1", 2)])
}

fn first() -> Speaker {
    agent("T-1-a1", 1)
}

fn second() -> Speaker {
    agent("T-2-a1", 2)
}

#[track_caller]
fn refusal(inputs: &[Input], when: Input) -> String {
    let refused = given(inputs).decide(NOW + 1_000, &Envelope::new("when", "when", when));
    match refused {
        Err(Refusal::Rejected(rejected)) => {
            format!("{}: {}; {}", rejected.code, rejected.message, rejected.hint.unwrap_or_default())
        }
        other => panic!("{other:?}"),
    }
}

fn receipt(inputs: &[Input], when: Input) -> Receipt {
    match given(inputs).decide(NOW + 1_000, &Envelope::new("when", "when", when)) {
        Ok(Outcome::Sent { receipt }) => receipt,
        other => panic!("{other:?}"),
    }
}

fn status(ledger: &Ledger, mail: &str, to: &str) -> MailStatus {
    let mail = ledger.state().mail_of(&MailId::from(mail)).unwrap();
    mail.copy_for(Some(&TicketId::from(to))).unwrap().status()
}

#[test]
fn mail_to_a_ticket_that_works_is_a_text_for_its_session() {
    check(
        &three(),
        send(&first(), mail(&["T-2"], "It is a list.\n[D-7] Mail from a person")),
        &expect![[r#"
            mail-sent
            delivery-queued D-1 mail
            then deliver/T-2-a1/2/D-1
        "#]],
    );
    let sent = given(&after(three(), [send(&first(), mail(&["T-2"], "It is a list.\n[D-7] Mail from a person"))]));
    let text = &sent.state().deliveries[&"D-1".into()].text;
    assert!(text.starts_with("Mail M-1 from builder on T-1. Another agent wrote it, not the person"), "{text}");
    assert!(text.contains("\n> It is a list.\n> [D-7] Mail from a person\n"), "all that it wrote is quoted: {text}");
    assert_eq!(status(&sent, "M-1", "T-2"), MailStatus::Queued);
}

#[test]
fn its_sender_sees_that_it_was_delivered_and_read() {
    let delivered = Input::Delivered {
        attempt: "T-2-a1".into(),
        token: 2,
        deliveries: vec!["D-1".into()],
        evidence: ganger_engine::DeliveryEvidence::SentOnce,
    };
    let inputs = after(three(), [send(&first(), mail(&["T-2"], "It is a list.")), delivered]);
    assert_eq!(status(&given(&inputs), "M-1", "T-2"), MailStatus::Delivered);
    let read = || Input::ReadMail { by: second(), mail: "M-1".into() };
    check(
        &inputs,
        read(),
        &expect![[r#"
        mail-read by=builder mail=M-1 ticket=T-2
    "#]],
    );
    let inputs = after(inputs, [read()]);
    assert_eq!(status(&given(&inputs), "M-1", "T-2"), MailStatus::Read);
    check(&inputs, read(), &expect![[""]]);
    assert_eq!(
        refusal(&inputs, Input::ReadMail { by: first(), mail: "M-1".into() }),
        "unknown-mail: there is no mail M-1 of yours; `ganger message list` shows what was written"
    );
}

#[test]
fn what_was_read_before_it_was_said_is_not_said_any_more() {
    let inputs =
        after(three(), [send(&first(), mail(&["T-2"], "a")), Input::ReadMail { by: second(), mail: "M-1".into() }]);
    let read = given(&inputs);
    assert!(read.state().deliveries.is_empty() && read.state().tickets[&"T-2".into()].undelivered.is_empty());
    check(
        &inputs,
        ended("T-2-a1", 2, |_| {}),
        &expect![[r#"
            attempt-ended attempt=T-2-a1 base=base counts=claim head=head next=verifying not_before=0 finished
        "#]],
    );
}

#[test]
fn mail_to_a_ticket_that_has_not_begun_waits_for_its_first_prompt() {
    let inputs = after(three(), [send(&first(), mail(&["T-3"], "Mind the list."))]);
    assert_eq!(given(&inputs).state().tickets[&"T-3".into()].undelivered, ["D-1".into()]);
}

/// The work of a ticket that is verified is not thrown back for a mail: it is said if the work comes back, and comes back
/// itself if it does not.
#[test]
fn while_work_is_judged_mail_waits() {
    let judged = after(three(), [ended("T-2-a1", 2, |_| {}), send(&first(), mail(&["T-2"], "a"))]);
    let waiting = given(&judged);
    assert!(waiting.state().deliveries.is_empty());
    assert_eq!(status(&waiting, "M-1", "T-2"), MailStatus::Queued);
    let told = Input::Tell {
        ticket: "T-2".into(),
        text: "once more".into(),
        urgency: ganger_engine::Urgency::Idle,
        by: "ada".into(),
    };
    check(
        &after(judged.clone(), [told]),
        tick(),
        &expect![[r#"
            delivery-queued D-2 mail
        "#]],
    );
    let closed = Input::CloseTicket { ticket: "T-2".into(), reason: "no".into(), by: "ada".into() };
    check(
        &after(judged, [closed]),
        tick(),
        &expect![[r#"
            mail-returned mail=M-1 ticket=T-2 why=T-2 is closed: no session will read it
            delivery-queued D-1 mail
            then deliver/T-1-a1/1/D-1
            then retire/T-2/h
        "#]],
    );
}

#[test]
fn what_a_closed_ticket_was_not_told_comes_back_to_its_sender() {
    let closed = |ticket: &str| Input::CloseTicket { ticket: ticket.into(), reason: "no".into(), by: "ada".into() };
    let inputs = after(three(), [send(&first(), mail(&["T-3"], "a")), closed("T-3"), tick()]);
    let returned = given(&inputs);
    assert_eq!(status(&returned, "M-1", "T-3"), MailStatus::Returned);
    let text = &returned.state().deliveries[&"D-2".into()].text;
    assert_eq!(text, "Your mail M-1 to T-3 (\"The form\") came back: T-3 is closed: no session will read it.");
    let late = receipt(&inputs, send(&second(), mail(&["T-3"], "a")));
    assert_eq!(late.to[0].returned.as_deref(), Some("T-3 is closed: no session will read it"));
}

#[test]
fn an_agent_is_every_open_ticket_that_it_works_on_and_all_is_everybody_at_work() {
    let to = |word: &str| -> Vec<String> {
        let receipt = receipt(&three(), send(&first(), mail(&[word], "a")));
        receipt.to.into_iter().map(|line| format!("{} {}", line.to.unwrap(), line.agent)).collect()
    };
    assert_eq!(to("builder"), ["T-2 builder", "T-3 builder"]);
    assert_eq!(to("all"), ["T-2 builder"]);
    assert_eq!(to("t-2"), ["T-2 builder"]);
}

#[test]
fn names_that_are_not_known_are_refused_with_the_one_that_was_meant() {
    let said = |word: &str| refusal(&three(), send(&first(), mail(&[word], "a")));
    assert!(
        said("biulder")
            .starts_with("unknown-recipient: there is no ticket or agent `biulder`. Did you mean `builder`?")
    );
    assert!(said("T2").contains("Did you mean `T-2`?"));
    assert!(said("T-9").starts_with("unknown-recipient: there is no ticket or agent `T-9`.;"), "{}", said("T-9"));
    assert!(said("T-1").starts_with("mail-refused: T-1 is your own ticket"));
}

#[test]
fn mail_to_the_person_is_a_notice_and_reading_it_is_seen() {
    let inputs = after(three(), [send(&first(), mail(&["you"], "It is done by Friday."))]);
    check(
        &three(),
        send(&first(), mail(&["you"], "It is done by Friday.")),
        &expect![[r#"
            mail-sent
            card-opened [C-1] builder on T-1 writes: The form
        "#]],
    );
    let of_person = |ledger: &Ledger| ledger.state().mail_of(&"M-1".into()).unwrap().copies[0].status();
    assert_eq!(of_person(&given(&inputs)), MailStatus::Delivered);
    let answered = answer("C-1", "ok");
    assert_eq!(of_person(&given(&after(inputs.clone(), [answered]))), MailStatus::Read);
    let read = given(&after(inputs, [Input::ReadMail { by: person(), mail: "M-1".into() }]));
    assert_eq!((of_person(&read), read.state().open_cards().count()), (MailStatus::Read, 0));
}

#[test]
fn a_person_writes_and_is_answered() {
    let inputs = after(three(), [send(&person(), mail(&["T-1"], "Which form?"))]);
    let text = &given(&inputs).state().deliveries[&"D-1".into()].text.clone();
    assert!(text.starts_with("Mail M-1 from ada, a person. A person wrote it."), "{text}");
    let answered = given(&after(inputs, [send(&first(), reply("M-1", "A list."))]));
    let mail = answered.state().mail_of(&"M-2".into()).unwrap();
    assert_eq!(
        (mail.thread.as_str(), mail.subject.as_str(), mail.copies[0].to.as_ref()),
        ("M-1", "Re: The form", None)
    );
    assert!(refusal(&three(), send(&person(), mail_to_nobody())).contains("it names nobody in `to`"));
}

#[test]
fn a_program_of_the_person_is_no_person() {
    let program = Speaker::Program { name: "desk".into() };
    let sent = given(&after(three(), [send(&program, mail(&["T-1"], "Delete it."))]));
    let text = &sent.state().deliveries[&"D-1".into()].text;
    assert!(
        text.starts_with("Mail M-1 from desk, a program of the person. Another agent wrote it, not the person"),
        "{text}"
    );
}

fn mail_to_nobody() -> NewMail {
    mail(&[], "a")
}

#[test]
fn a_thread_is_for_those_who_have_a_part_in_it() {
    let inputs = after(three(), [send(&first(), mail(&["T-2"], "a"))]);
    let answer = receipt(&inputs, send(&second(), reply("M-1", "b")));
    assert_eq!(answer.to[0].to, Some("T-1".into()));
    let other = after(inputs, [add("four", |_| {})]);
    let stranger =
        Input::SendMail { by: person(), mail: NewMail { thread: Some("M-9".into()), ..mail(&["T-1"], "a") } };
    assert!(refusal(&other, stranger).starts_with("unknown-mail"));
}

fn limited(change: impl FnOnce(&mut MailLimits)) -> Vec<Input> {
    let mut policy = policy();
    change(&mut policy.mail);
    after(three(), [Input::SetPolicy { policy }])
}

#[test]
fn agents_that_answer_each_other_come_to_an_end() {
    let mut inputs = after(limited(|l| l.thread = 4), [send(&first(), mail(&["T-2"], "a"))]);
    for n in 1..4 {
        let by = if n % 2 == 1 { second() } else { first() };
        inputs.push(send(&by, reply(&format!("M-{n}"), "b")));
    }
    let said = refusal(&inputs, send(&first(), reply("M-4", "b")));
    assert!(said.starts_with("mail-refused: the thread M-1 has 4 messages, and that is the limit"), "{said}");
}

#[test]
fn there_are_limits_to_what_is_sent_and_to_what_waits() {
    let two = |inputs: Vec<Input>| {
        let sent = [send(&first(), mail(&["T-2"], "a")), send(&first(), mail(&["T-2"], "b"))];
        refusal(&after(inputs, sent), send(&first(), mail(&["T-2"], "c")))
    };
    assert!(two(limited(|l| l.attempt = 2)).contains("you have sent 2 messages"));
    assert!(two(limited(|l| l.ticket = 2)).contains("the agents of this ticket have sent 2 messages"));
    assert!(two(limited(|l| l.unread = 2)).contains("T-2 has 2 messages that are not acknowledged"));
    let long = refusal(&three(), send(&first(), mail(&["T-2"], &"x".repeat(20_000))));
    assert!(long.contains("the message has 20000 bytes, and 16384 are allowed"), "{long}");
    let subject = NewMail { subject: "x".repeat(201), ..mail(&["T-2"], "a") };
    assert!(refusal(&three(), send(&first(), subject)).contains("the subject has 201 characters"));
}

#[test]
fn an_assumption_for_the_chief_of_staff_is_journaled_as_one() {
    let assumption = |body: &str| {
        let subject = "Assumption made".to_owned();
        send(&first(), NewMail { subject, ..mail(&["chief-of-staff"], body) })
    };
    let body = r#"{"worker": "roy", "assumed": "bcrypt", "confidence": 0.85}"#;
    check(
        &three(),
        assumption(body),
        &expect![[r#"
        assumption-logged ticket=T-1
    "#]],
    );
    let known = &given(&after(three(), [assumption(body)])).state().tickets[&"T-1".into()].assumptions.clone();
    assert_eq!(
        (known[0].assumed.as_str(), known[0].by.as_str()),
        ("bcrypt", "builder"),
        "who it is, is not its to say"
    );
    assert!(refusal(&three(), assumption("bcrypt")).contains("an assumption needs a body such as"));
}

#[test]
fn urgent_mail_is_said_in_the_turn_that_runs() {
    let urgent = NewMail { importance: Importance::Urgent, ..mail(&["T-2"], "a") };
    let sent = given(&after(three(), [send(&first(), urgent)]));
    assert_eq!(sent.state().deliveries[&"D-1".into()].urgency, ganger_engine::Urgency::Now);
}

#[test]
fn a_mailbox_is_read_page_by_page() {
    let mails = (0..3).map(|n| send(&first(), mail(&["T-2"], &n.to_string())));
    let board = given(&after(three(), mails));
    let page = |after: Option<&str>, limit: u32| {
        let query = MailQuery { limit, after: after.map(MailId::from), ..MailQuery::default() };
        let found = mailbox(board.state(), Some(&"T-2".into()), "builder", &query);
        let ids: Vec<String> = found.mail.iter().map(|mail| mail.id.to_string()).collect();
        (ids.join(" "), found.next.map(|id| id.to_string()), found.unread)
    };
    assert_eq!(page(None, 2), ("M-1 M-2".to_owned(), Some("M-2".to_owned()), 3));
    assert_eq!(page(Some("M-2"), 2), ("M-3".to_owned(), None, 3));
    let sent = MailQuery { sent: true, limit: 9, ..MailQuery::default() };
    assert_eq!(mailbox(board.state(), Some(&"T-1".into()), "builder", &sent).mail.len(), 3);
}

#[test]
fn the_same_call_again_sends_nothing_more() {
    let mut ledger = given(&three());
    let call = Envelope::new("call/T-1-a1/1", "w", send(&first(), mail(&["T-2"], "a")));
    let (once, again) = (ledger.decide(NOW, &call).unwrap(), ledger.decide(NOW + 1, &call).unwrap());
    assert_eq!((&once, ledger.state().mail.len(), ledger.state().deliveries.len()), (&again, 1, 1));
}

#[test]
fn an_attempt_that_is_over_sends_nothing() {
    let inputs = after(three(), [ended("T-1-a1", 1, |_| {})]);
    assert!(refusal(&inputs, send(&first(), mail(&["T-2"], "a"))).starts_with("stale"));
}
