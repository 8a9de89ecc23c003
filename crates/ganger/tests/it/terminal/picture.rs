//! The picture of the README: what the demo shows on a terminal, frame by frame, as an SVG that moves.

use super::OnTerminal;
use crate::support::Place;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Columns and rows.
const SIZE: (u16, u16) = (92, 26);
/// A letter's width and a line's height, in pixels.
const CELL: f64 = 8.4;
const LINE: f64 = 18.0;
const MARGIN: f64 = 14.0;
/// Between two frames at least: a spinner alone would make hundreds.
const BEAT: Duration = Duration::from_millis(700);
/// How long the last frame stays, in seconds.
const REST: f64 = 8.0;

/// `./dev picture` makes the picture, and names its file.
#[test]
#[ignore = "it writes docs/demo.svg"]
fn picture_of_the_demo() {
    let file = std::env::var("GANGER_PICTURE").expect("the file to write");
    // A folder that reads well; what the demo leaves there is nobody's.
    let folder = std::env::temp_dir().join("ganger-demo");
    assert!(!folder.exists(), "{} is in the way", folder.display());
    let place = Place::new();
    let mut demo = OnTerminal::start(&place, &["demo", "--folder", folder.to_str().unwrap()], SIZE);
    let (begun, mut frames) = (Instant::now(), Vec::<(Duration, String)>::new());
    let (mut asked, mut answered, mut ended) = (None::<Instant>, false, false);
    while !ended {
        ended = demo.child.try_wait().unwrap().is_some();
        if asked.is_none() && demo.shows("The demo answers `") {
            asked = Some(Instant::now());
        }
        // A person takes a moment to read the question.
        if !answered && asked.is_some_and(|at| at.elapsed() > Duration::from_secs(2)) {
            demo.type_line("2");
            answered = true;
        }
        let frame = drawn(demo.screen.lock().unwrap().screen());
        let due = frames.last().is_none_or(|(at, _)| begun.elapsed() >= *at + BEAT);
        if ended || due && frames.last().is_none_or(|(_, last)| *last != frame) {
            frames.push((begun.elapsed(), frame));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(demo.shows("5 of 5 tickets accepted"), "{:#?}", demo.rows());
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(file, svg(&frames)).unwrap();
}

/// A frame for each moment; each is shown until the next one, and the last one rests. What shows no animation shows the
/// last one.
fn svg(frames: &[(Duration, String)]) -> String {
    let (width, height) = (f64::from(SIZE.0) * CELL + 2.0 * MARGIN, f64::from(SIZE.1) * LINE + 2.0 * MARGIN);
    let length = frames.last().map_or(0.0, |(at, _)| at.as_secs_f64()) + REST;
    let percent = |at: f64| 100.0 * at / length;
    let (mut rules, mut groups) = (String::new(), String::new());
    for (n, (at, frame)) in frames.iter().enumerate() {
        let from = percent(at.as_secs_f64());
        let is_last = n + 1 == frames.len();
        let to = frames.get(n + 1).map_or(100.0, |(next, _)| percent(next.as_secs_f64()));
        let hidden = if is_last { "" } else { " opacity=\"0\"" };
        writeln!(
            rules,
            "@keyframes f{n}{{0%{{opacity:0}}{from:.2}%{{opacity:1}}{to:.2}%{{opacity:{}}}}}",
            i32::from(is_last)
        )
        .unwrap();
        writeln!(rules, "#f{n}{{animation:f{n} {length:.1}s step-end infinite}}").unwrap();
        writeln!(groups, "<g id=\"f{n}\"{hidden}>\n{frame}</g>").unwrap();
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xml:space=\"preserve\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\">\n\
         <title>ganger demo on a terminal</title>\n<style>\n\
         text{{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#d4d7dd;white-space:pre}}\n\
         {rules}</style>\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#16181d\"/>\n{groups}</svg>\n"
    )
}

/// The letters of a screen, with a piece of text for each colour.
fn drawn(screen: &vt100::Screen) -> String {
    let (rows, columns) = screen.size();
    let mut out = String::new();
    for row in 0..rows {
        let mut column = 0;
        while column < columns {
            let style = |column| screen.cell(row, column).map(|c| (c.fgcolor(), c.bold(), c.dim()));
            let first = column;
            let mut text = String::new();
            while column < columns && style(column) == style(first) {
                let contents = screen.cell(row, column).map_or("", |cell| cell.contents());
                text.push_str(if contents.is_empty() { " " } else { contents });
                column += 1;
            }
            let (blank, text) = (text.len() - text.trim_start().len(), text.trim());
            if !text.is_empty() {
                let (colour, bold, dim) = style(first).unwrap_or_default();
                let x = MARGIN + (f64::from(first) + blank as f64) * CELL;
                let y = MARGIN + f64::from(row) * LINE + 14.0;
                let length = text.chars().count() as f64 * CELL;
                let text = text.replace('&', "&amp;").replace('<', "&lt;");
                let look = look(colour, bold, dim);
                writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.0}\" textLength=\"{length:.1}\"{look}>{text}</text>")
                    .unwrap();
            }
        }
    }
    out
}

fn look(colour: vt100::Color, bold: bool, dim: bool) -> String {
    const PALETTE: [&str; 8] = ["#5c6370", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d4d7dd"];
    let mut look = match colour {
        vt100::Color::Idx(n) => format!(" fill=\"{}\"", PALETTE[usize::from(n % 8)]),
        vt100::Color::Rgb(r, g, b) => format!(" fill=\"#{r:02x}{g:02x}{b:02x}\""),
        vt100::Color::Default => String::new(),
    };
    look.push_str(if bold { " font-weight=\"bold\"" } else { "" });
    look.push_str(if dim { " opacity=\"0.6\"" } else { "" });
    look
}
