//! Context: how many tokens an agent of Ganger is given for a ticket, against one agent that carries everything. Counted with a
//! real tokenizer (`o200k_base`), over three plans of twelve tickets each (`plans/`), each with the result that was handed in.
//!
//! Three agents do the same ticket, the last of each plan having most behind it:
//! - *focused*: the prompt of the executor, and the mission as `ganger run --dry-run` prints it;
//! - *lazy*: that, the plan and all results so far, and of every other agent its name and description;
//! - *monolithic*: the prompts of all agents, the plan, all results so far, and the mission.

use crate::report::Report;
use crate::work::{Shop, ganger};
use serde_json::Value;
use tiktoken_rs::{CoreBPE, o200k_base};

const PLANS: [&str; 3] =
    [include_str!("../plans/click.json"), include_str!("../plans/express.json"), include_str!("../plans/ripgrep.json")];

/// Who does the work.
const EXECUTOR: &str = "sisyphus/executor";

/// The texts of the agents that are built in.
struct Agents {
    executor: String,
    all: String,
    listing: String,
}

pub(crate) fn tokens(report: &mut Report) {
    let tokenizer = o200k_base().unwrap();
    let (mut focused, mut lazy, mut monolithic, mut tickets) = (0, 0, 0, 0);
    for plan in PLANS {
        let plan: Value = serde_json::from_str(plan).unwrap();
        let shop = Shop::with_slots("true", "true", 12);
        let agents = agents(&shop);
        let mut results = String::new();
        for (mission, ticket) in missions(&shop, &plan).iter().zip(plan["tickets"].as_array().unwrap()) {
            let count = |texts: &[&str]| texts.iter().map(|text| tokens_of(&tokenizer, text)).sum::<usize>();
            let carried = [plan_text(&plan), results.clone()].concat();
            focused += count(&[&agents.executor, mission]);
            lazy += count(&[&agents.executor, mission, &carried, &agents.listing]);
            monolithic += count(&[&agents.all, mission, &carried]);
            tickets += 1;
            results.push_str(&format!("{}: {}\n", text(ticket, "title"), text(ticket, "result")));
        }
    }
    let of_one = |sum: usize| sum / tickets;
    let ratio = monolithic as f64 / focused as f64;
    let detail = format!(
        "{tickets} tickets; a ticket takes {} focused, {} with lazily loaded skills ({:.1} times), {} monolithic",
        of_one(focused),
        of_one(lazy),
        lazy as f64 / focused as f64,
        of_one(monolithic)
    );
    report.add(
        "tokens of one agent that carries everything, times those of a focused one",
        &detail,
        ratio,
        ">= 4",
        ratio >= 4.0,
    );
}

fn tokens_of(tokenizer: &CoreBPE, text: &str) -> usize {
    tokenizer.encode_ordinary(text).len()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

fn agents(shop: &Shop) -> Agents {
    let listed: Value = serde_json::from_str(&ganger(shop, &["agent", "list", "--json"])).unwrap();
    let mut found = Agents { executor: String::new(), all: String::new(), listing: String::new() };
    for agent in listed["agents"].as_array().unwrap().iter().filter(|agent| agent["origin"] == "built in") {
        let name = text(agent, "name");
        let shown: Value = serde_json::from_str(&ganger(shop, &["agent", "show", name, "--json"])).unwrap();
        let prompt = text(&shown, "prompt");
        if name == EXECUTOR {
            prompt.clone_into(&mut found.executor);
        }
        found.all.push_str(&format!("# {name}\n{prompt}\n"));
        found.listing.push_str(&format!("{name}: {}\n", text(agent, "description")));
    }
    assert!(!found.executor.is_empty(), "there is no agent {EXECUTOR}");
    found
}

/// The prompt of each ticket, in the order of the plan, as a run would give it.
fn missions(shop: &Shop, plan: &Value) -> Vec<String> {
    let lines = plan["tickets"].as_array().unwrap().iter().enumerate().map(|(i, ticket)| {
        // Tickets that change the same file do not start at once, and all of them are wanted here.
        let files: Vec<String> =
            ticket["files"].as_array().unwrap().iter().map(|f| format!("{i}/{}", f.as_str().unwrap())).collect();
        let item = serde_json::json!({
            "id": format!("P-{i:02}"), "title": ticket["title"], "description": ticket["description"],
            "acceptanceCriteria": ticket["done"], "files": files,
        });
        format!("{item}\n")
    });
    let file = shop.path("plan.jsonl");
    std::fs::write(&file, lines.collect::<String>()).unwrap();
    ganger(shop, &["ticket", "import", &file.display().to_string()]);
    let planned: Value = serde_json::from_str(&ganger(shop, &["run", "--dry-run", "--json"])).unwrap();
    let mut starts: Vec<(&str, &str)> =
        planned["would_start"].as_array().unwrap().iter().map(|s| (text(s, "ticket"), text(s, "prompt"))).collect();
    assert_eq!(starts.len(), 12, "each ticket would start at once");
    starts.sort_unstable();
    starts.into_iter().map(|(_, prompt)| prompt.to_owned()).collect()
}

/// The whole plan as a planner writes it.
fn plan_text(plan: &Value) -> String {
    let tickets = plan["tickets"].as_array().unwrap().iter().enumerate().map(|(i, ticket)| {
        let list = |key: &str| {
            ticket[key].as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect::<Vec<_>>().join("; ")
        };
        let (title, why) = (text(ticket, "title"), text(ticket, "description"));
        format!("{}. {title}\n{why}\nDone: {}\nFiles: {}\n", i + 1, list("done"), list("files"))
    });
    format!("Goal: {}\n{}", text(plan, "goal"), tickets.collect::<String>())
}
