//! `./dev bench [append|dispatch|makespan|idle|board|context|guard|route]`: both sides are measured in one run, interleaved A B A B, and
//! printed. `./dev bench --scale [SIZE…]` measures large boards, `./dev bench --throughput [TICKETS]` a long run.
//! A figure over its limit ends the command with exit code 1.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "it is a command for developers")]

mod append;
mod board;
mod context;
mod guard;
mod report;
mod route;
mod scale;
mod work;

use report::Report;

fn main() -> std::process::ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // A process of the contention benchmark.
    if let [mode, folder, count] = args.as_slice()
        && mode == "append-from-another-process"
    {
        return append::other_process(folder, count.parse().unwrap());
    }
    let numbers = || args.iter().skip(1).map(|n| n.parse().unwrap());
    match args.first().map(String::as_str) {
        Some("--scale") => {
            let mut report = Report::default();
            scale::all(&mut report, &numbers().collect::<Vec<usize>>());
            scale::throughput(&mut report, 2_000);
            return report.print();
        }
        Some("--throughput") => {
            let mut report = Report::default();
            scale::throughput(&mut report, numbers().next().unwrap_or(2_000));
            return report.print();
        }
        _ => {}
    }
    let wanted = |name: &str| args.is_empty() || args.iter().any(|a| a == name);
    let mut report = Report::default();
    if wanted("append") {
        append::one_writer(&mut report);
        append::many_threads(&mut report);
        append::four_processes(&mut report);
    }
    if wanted("dispatch") {
        work::dispatch(&mut report);
    }
    if wanted("makespan") {
        work::makespan(&mut report);
    }
    if wanted("idle") {
        work::idle(&mut report);
    }
    if wanted("board") {
        board::replay(&mut report);
        board::status(&mut report);
        board::at_once(&mut report);
    }
    if wanted("context") {
        context::tokens(&mut report);
    }
    if wanted("guard") {
        guard::rates(&mut report);
        guard::time(&mut report);
    }
    if wanted("route") {
        route::time(&mut report);
    }
    report.print()
}
