//! `ganger man-pages`: a manual page for each command, from the definition that `--help` shows. Packages are made with it.

use crate::failure::{Exit, Failure, OrCannot};
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder for the pages; it is made when it is missing
    folder: PathBuf,
    /// The date in the pages, such as 2026-01-31
    #[arg(long)]
    date: String,
}

pub(super) fn run(args: &Args, root: &Command) -> Result<Exit, Failure> {
    std::fs::create_dir_all(&args.folder).or_cannot(format_args!("make {}", args.folder.display()))?;
    // `help` has nothing to say that the pages do not.
    let mut root = root.clone().disable_help_subcommand(true);
    root.build();
    for command in with_subcommands(&root) {
        let path = args.folder.join(format!("{}.1", name(command)));
        let written = page(command, &args.date).and_then(|page| std::fs::write(&path, page));
        written.or_cannot(format_args!("write {}", path.display()))?;
    }
    Ok(Exit::Done)
}

/// The command and all below it that people may call.
fn with_subcommands(command: &Command) -> Vec<&Command> {
    let below = command.get_subcommands().filter(|c| !c.is_hide_set()).flat_map(with_subcommands);
    std::iter::once(command).chain(below).collect()
}

fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn page(command: &Command, date: &str) -> std::io::Result<String> {
    let man = Man::new(command.clone()).title(name(command).to_uppercase()).date(date);
    let mut text = Vec::new();
    man.source(concat!("Ganger ", env!("CARGO_PKG_VERSION"))).manual("Ganger Manual").render(&mut text)?;
    closing(command).to_writer(&mut text)?;
    Ok(tidied(&String::from_utf8_lossy(&text)))
}

/// What the definition does not hold: how it ends, and where more is said.
fn closing(command: &Command) -> Roff {
    let mut roff = Roff::default();
    match name(command).strip_suffix(command.get_name()).and_then(|above| above.strip_suffix('-')) {
        Some(above) => {
            roff.control("SH", ["SEE ALSO"]);
            roff.text([bold(above), roman("(1)")]);
        }
        None => {
            roff.control("SH", ["EXIT STATUS"]);
            for exit in Exit::ALL {
                roff.control("TP", []);
                roff.text([bold((*exit as u8).to_string())]);
                roff.text([roman(exit.meaning())]);
            }
        }
    }
    roff
}

/// As `mandoc -T lint` wants it: source lines of at most 80 bytes, and one macro for the space before a list of values.
/// Where a line is broken means nothing.
fn tidied(page: &str) -> String {
    let mut out = String::with_capacity(page.len());
    for line in page.replace(".br\n\n.br\n", ".sp\n").lines() {
        if line.starts_with('.') {
            out.push_str(line);
        } else {
            fill(line, &mut out);
        }
        out.push('\n');
    }
    out
}

const WIDTH: usize = 78;

/// mandoc counts a letter outside of ASCII as the escape that it becomes: `\[u2192]`.
fn width_of(word: &str) -> usize {
    word.chars().map(|c| if c.is_ascii() { 1 } else { 8 }).sum()
}

fn fill(line: &str, out: &mut String) {
    let mut width = 0;
    for word in line.split(' ').filter(|word| !word.is_empty()) {
        // At the beginning of a line these begin a macro.
        let may_begin = !word.starts_with(['.', '\'']);
        if width > 0 && width + 1 + width_of(word) > WIDTH && may_begin {
            out.push('\n');
            width = 0;
        } else if width > 0 {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += width_of(word);
    }
}
