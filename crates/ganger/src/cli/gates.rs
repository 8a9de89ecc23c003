//! `ganger gates`: runs the gates on the main branch as it is now, or gates and checks on the head of a ticket. `ganger doctor`
//! has them run, and challenges them.

use super::board::{self, Board};
use super::out::{counted, data, hint, json, span, talk};
use super::{ticket, trust};
use crate::board::shapes;
use crate::failure::{Code, Exit, Failure};
use crate::gates::{Challenge, CheckRun, Trial};
use crate::host::Guard;
use crate::os::{self, StopSignals};
use crate::text;
use ganger_engine::{
    Answer, CardAnswer, CardOption, CheckResult, Commit, Evidence, Expects, Input, State, Ticket, TicketId,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// On the last commit of this ticket, with its own checks; its agent is not started, and nothing is decided
    ticket: Option<String>,
    /// On the main branch as it is now
    #[arg(long, conflicts_with = "ticket")]
    main: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Longest end of the output of a red gate that is printed.
const TAIL_CHARS: usize = 2_000;

pub(super) async fn run(args: &Args) -> Result<Exit, Failure> {
    let board = board::open_for_person("gates").await?;
    let state = board.state().await?;
    if args.ticket.is_none() && !args.main {
        return Err(Failure::usage("neither a ticket nor `--main` is named").hint(
            "`ganger gates --main` runs the gates on the main branch, `ganger gates T-3` on the work of a ticket",
        ));
    }
    trust::require(&board, &state).await?;
    let ticket = match &args.ticket {
        Some(word) => Some(ticket::find(&state, word)?),
        None => None,
    };
    let (trial, results) = match &ticket {
        None => run_on_main(&board, args.json).await?,
        Some((id, ticket)) => run_on_head(&board, id, ticket, args.json).await?,
    };
    let checks = match &ticket {
        None => Vec::new(),
        Some((_, ticket)) => run_checks(&trial, ticket, args.json).await?,
    };
    let is_red = |e: &&Evidence| !e.is_green() && !is_known_red(&board, &state, e);
    let red = results.iter().filter(is_red).count() + checks.iter().filter(|run| !run.holds()).count();
    if args.json {
        let gates = results.iter().map(|e| shapes::GateRun::of(&state, e, is_known_red(&board, &state, e))).collect();
        let checks = checks.iter().map(shapes::Checked::of).collect();
        json(shapes::Gates { commit: trial.commit.to_string(), green: red == 0, gates, checks })?;
    } else if results.is_empty() && checks.is_empty() {
        talk!("No gate is configured: you have to approve every result.");
        hint("add a [[gate]] with a command to ganger.toml; `ganger init` finds them");
    }
    match &ticket {
        None => answer_cards(&board, &state, &results).await?,
        Some((id, _)) if red == 0 => name_cards(&state, id),
        Some(_) => {}
    }
    Ok(if red == 0 { Exit::Done } else { Exit::Failed })
}

/// Runs all of them; says what each was, unless JSON is wanted.
pub(super) async fn run_on_main(board: &Board, quiet: bool) -> Result<(Trial, Vec<Evidence>), Failure> {
    run_all(trial(board).await?, quiet).await
}

/// For `init --check`: what is red on main now would be red for every ticket.
pub(super) async fn check_before_first_ticket(board: &Board, state: &State) -> Result<Exit, Failure> {
    let (trial, results) = run_on_main(board, false).await?;
    let is_red = |e: &&Evidence| !e.is_green() && !is_known_red(board, state, e);
    let red: Vec<&Evidence> = results.iter().filter(is_red).collect();
    answer_cards(board, state, &results).await?;
    let (all, main, at) = (counted(results.len(), "gate"), board.project.main_branch()?, trial.commit.short());
    if results.is_empty() {
        talk!("No gate to check: you have to approve every result.");
        return Ok(Exit::Done);
    }
    if red.is_empty() {
        talk!("\nChecked {all} on {main} at {at}: a ticket can pass.");
        return Ok(Exit::Done);
    }
    let names: Vec<&str> = red.iter().map(|e| e.name.as_str()).collect();
    talk!("\nChecked {all} on {main} at {at}: no ticket can pass {} now.", names.join(", "));
    if red.iter().any(|e| e.could_not_start()) {
        hint(
            "install the program that is missing, or change the command in ganger.toml, then run `ganger gates --main`",
        );
    } else {
        hint("fix main, or write `known_red = true` below a gate that may stay red, then run `ganger gates --main`");
    }
    Ok(Exit::Failed)
}

/// As [`run_on_main`], on the last commit of a ticket.
async fn run_on_head(
    board: &Board,
    id: &TicketId,
    ticket: &Ticket,
    quiet: bool,
) -> Result<(Trial, Vec<Evidence>), Failure> {
    let Some(head) = ticket.head.clone() else {
        return Err(Failure::failed(format!("{id} has no commit yet"))
            .hint(format!("`ganger ticket why {id}` says what it waits for")));
    };
    run_on(board, head, quiet).await
}

/// As [`run_on_main`], on a commit that is in the depot.
pub(super) async fn run_on(board: &Board, commit: Commit, quiet: bool) -> Result<(Trial, Vec<Evidence>), Failure> {
    let trial = Trial::on_head(&board.project, commit).await;
    run_all(trial.map_err(|e| Failure::failed(format!("the gates cannot be run: {e}")))?, quiet).await
}

async fn run_all(trial: Trial, quiet: bool) -> Result<(Trial, Vec<Evidence>), Failure> {
    let each = |gate: &crate::config::Gate, e: &Evidence| {
        if !quiet {
            say(&gate.name, &gate.command, e);
        }
    };
    let results = unless_stopped(&trial, trial.run_all(each)).await?;
    Ok((trial, results))
}

/// The ticket's own, as its verification runs them.
async fn run_checks(trial: &Trial, ticket: &Ticket, quiet: bool) -> Result<Vec<CheckRun>, Failure> {
    let each = |run: &CheckRun| {
        if quiet {
            return;
        }
        let kind = if run.check.expects == Expects::StaysGreen { "regression" } else { "check" };
        say(kind, &run.check.command, &run.at_head);
        let base = run.before.as_ref().map_or("the base", |before| before.key.commit.short());
        match run.result() {
            CheckResult::Proven => data!("      red at {base}, without the work"),
            CheckResult::ProvesNothing => data!("      it proves nothing: it was not red at {base}, without the work"),
            _ => {}
        }
    };
    unless_stopped(trial, trial.run_checks(&ticket.spec.checks, ticket.base.as_ref(), each)).await
}

fn say(name: &str, command: &str, e: &Evidence) {
    let word = if e.is_green() { "green" } else { "red  " };
    data!("{word} {name} at {} ({}): `{}`", e.key.commit.short(), span(e.duration_ms), text::name(command));
    if !e.is_green() {
        let tail = last(e.tail.trim_end());
        data!("      {}\n      {}", tail.replace('\n', "\n      "), e.log);
    }
}

/// A gate after its challenge.
pub(super) struct Challenged {
    pub(super) name: String,
    pub(super) was_red: bool,
    pub(super) result: Result<String, String>,
}

/// Breaks a tree of main in one way after the other.
pub(super) async fn challenge(board: &Board) -> Result<Vec<Challenged>, Failure> {
    let trial = trial(board).await?;
    let found = unless_stopped(&trial, trial.challenge()).await?;
    let words = found.into_iter().map(|(gate, challenge)| {
        let was_red = matches!(challenge, Challenge::RedAlready | Challenge::TurnsRed { .. });
        let result = match challenge {
            Challenge::RedAlready => Err("is red on the main branch: that has to be fixed first".to_owned()),
            Challenge::TurnsRed { when } => Ok(format!("turns red when {}", text::name(&when))),
            Challenge::StaysGreen { own: None } => {
                Err("stays green with every file broken: it proves nothing".to_owned())
            }
            Challenge::StaysGreen { own: Some(own) } => {
                let own = text::name(&own);
                Err(format!("stays green with every file broken but {own}, which it runs: it proves nothing"))
            }
        };
        Challenged { name: gate.name, was_red, result }
    });
    Ok(words.collect())
}

fn last(text: &str) -> String {
    let surplus = text.chars().count().saturating_sub(TAIL_CHARS);
    text.chars().skip(surplus).collect()
}

async fn trial(board: &Board) -> Result<Trial, Failure> {
    Trial::on_main(&board.project).await.map_err(|e| Failure::failed(format!("the gates cannot be run: {e}")))
}

/// Ctrl-C ends what the gates started, too.
async fn unless_stopped<T>(trial: &Trial, work: impl Future<Output = anyhow::Result<T>>) -> Result<T, Failure> {
    let mut signals = StopSignals::listen()?;
    let end = trial.ender();
    // For when this process is killed.
    let guard = Guard::of_command(trial.project(), trial.marker())?;
    let done = tokio::select! {
        done = work => done.map_err(|e| Failure::failed(format!("the gates cannot be run: {e}"))),
        _ = signals.next() => {
            os::blocking(end).await;
            Err(Failure::of(Code::Interrupted, "interrupted; what the gates had started was ended"))
        }
    };
    guard.dismiss().await;
    done
}

pub(super) fn is_known_red(board: &Board, state: &State, evidence: &Evidence) -> bool {
    let gates = board.project.config().gates.iter();
    let said = gates.filter(|g| g.known_red).any(|g| g.digest() == evidence.key.gate);
    said || state.known_red.contains(&evidence.key.gate)
}

/// Cards ask whether main is fixed. Where it has moved since, the gates say.
pub(super) async fn look_again(board: &Board, state: &State) -> Result<(), Failure> {
    let mut cards = state.open_cards().filter_map(|card| Some((card, card.red_base()?.1))).peekable();
    if cards.peek().is_none() {
        return Ok(());
    }
    let main = board.project.main_branch()?;
    let Some(now) = board.project.repository.branch(&main) else { return Ok(()) };
    for (card, _) in cards.filter(|(_, commit)| **commit != now) {
        let answer = CardAnswer::Option(CardOption::Retry);
        let input = Input::Answer(Answer { card: card.id.clone(), answer, by: "ganger".to_owned() });
        board.decide("main has moved", input).await?;
        talk!("{main} has moved to {}: verifying again what waits for {}.", now.short(), card.id);
    }
    Ok(())
}

/// A card asks whether main is fixed: it is, as far as this gate goes.
async fn answer_cards(board: &Board, state: &State, results: &[Evidence]) -> Result<(), Failure> {
    let green = |gate: &str| results.iter().any(|e| e.key.gate == gate && e.is_green());
    for card in state.open_cards().filter(|card| card.red_base().is_some_and(|(gate, _)| green(gate))) {
        let answer = CardAnswer::Option(CardOption::Retry);
        let input = Input::Answer(Answer { card: card.id.clone(), answer, by: board.person() });
        board.decide("the gates are green on main", input).await?;
        talk!("Answered {} with `retry`: it is green now.", card.id);
    }
    Ok(())
}

/// The gates are green, and the ticket may wait for just that.
fn name_cards(state: &State, id: &TicketId) {
    for card in state.open_cards_of(id).filter(|card| card.kind.options().contains(&CardOption::RetryGates)) {
        hint(&format!("`ganger answer {} retry-gates` has {id} verified again without its agent", card.id));
    }
}
