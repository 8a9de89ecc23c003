//! What is read of whole files; the roadmaps among them.

use super::{Plan, Reading, parse, plan};
use ganger_engine::{Priority, TicketSpec};
use std::path::Path;

/// What would be added, as words; then what is wrong.
pub(super) fn titles(file: &str, text: &str) -> Vec<String> {
    let read = parse(Path::new(file), text);
    let (read, faults): (Vec<_>, Vec<_>) = read.entries.into_iter().partition(Result::is_ok);
    let Plan { tickets, .. } = plan(read.into_iter().filter_map(Result::ok).collect());
    let shown = tickets.into_iter().map(|t| {
        let after: String = t.spec.after.iter().map(|d| format!(" after {d}")).collect();
        format!("{} {}{after}", t.id.map(|i| i.to_string()).unwrap_or_default(), t.spec.title)
    });
    shown.chain(faults.into_iter().filter_map(Result::err).map(|e| format!("error {e}"))).collect()
}

#[test]
fn what_is_skipped_or_kept_is_said() {
    let text = r#"[{"id":"A-1","title":"a","status":"done"},{"id":"A-2","title":"b","status":"in-progress"},
                   {"id":"A-3","title":"c","details":"d","dependencies":["A-1"]}]"#;
    let read = parse(Path::new("f.json"), text);
    let plan = plan(read.entries.into_iter().filter_map(Result::ok).collect());
    assert_eq!(
        plan.words,
        [
            "Skipping A-1: it is complete (`done`).",
            "Skipping A-2: its status is `in-progress`.",
            "Kept in the text of A-3: `details`."
        ]
    );
    assert_eq!(plan.tickets[0].spec.after, []);
}

#[test]
fn formats_that_are_not_read_are_refused_by_name() {
    assert_eq!(titles("p.yaml", "- a"), ["error p.yaml: YAML is not read: convert it to JSON, TOML or Markdown"]);
}

fn specs(text: &str) -> Vec<TicketSpec> {
    let entries = parse(Path::new("f.md"), text).entries.into_iter().map(|e| e.unwrap_or_else(|e| panic!("{e}")));
    plan(entries.collect()).tickets.into_iter().map(|t| t.spec).collect()
}

#[test]
fn a_roadmap_gives_what_is_pending_or_new() {
    let text = "# Roadmap\n\n## Phase 1\n\n| ID | Title | Status | Priority |\n|---|---|---|---|\n\
                | REQ-001 | First | Pending | HIGH |\n| REQ-002 | Second | Complete | LOW |\n\n\
                ### REQ-003: Third\n**Status:** New\n**Depends on:** REQ-001\nDo it.\n- [ ] is tested\n\n\
                ### REQ-004: Fourth\n- Status: In Progress\n\n\
                ### REQ-005: Fifth\n**Status:** Pending\n**Depends on:** REQ-001, REQ-002\n";
    assert_eq!(titles("f", text), ["REQ-001 First", "REQ-003 Third after REQ-001", "REQ-005 Fifth after REQ-001"]);
}

#[test]
fn headings_and_lists_of_other_editors_are_the_same() {
    let text = "\u{feff}### REQ-3: Three\r\n**Status:** Pending\r\n\r\nText.\r\n\r\n### REQ-4: Four\r\n";
    assert_eq!(titles("f.md", text), ["REQ-3 Three", "REQ-4 Four"]);
    assert_eq!(titles("f.md", "\u{feff}- [ ] Five\r\n- [ ] Six\r\n"), [" Five", " Six"]);
    assert_eq!(titles("f.md", "- [ ] Five\r- [ ] Six\r"), [" Five", " Six"]);
}

#[test]
fn items_of_every_kind_of_list_are_tickets() {
    let text = "* [ ] a\n+ [ ] b\n1. [ ] c\n2) [ ] d\n- [] e\n- [x] past\n- [X] past\n- [-] elsewhere\n- plain\n";
    assert_eq!(titles("f.md", text), [" a", " b", " c", " d", " e"]);
    assert_eq!(titles("f.md", "- Group\n  - [ ] a\n  - [ ] b\n"), [" a", " b"], "below a plain item");
    assert_eq!(
        titles("f.md", "- [ ] REQ-1: a\n- [ ] REQ-2: b\n  - depends on: REQ-1\n"),
        ["REQ-1 a", "REQ-2 b after REQ-1"]
    );
    assert_eq!(titles("f.md", "- [ ]\n"), ["error f.md:1: missing field `title`"]);
}

#[test]
fn what_is_nested_belongs_to_the_item_above() {
    let read = specs(
        "- [ ] a\n  more of a\n  - [ ] is tested\n    on Linux\n\n    and macOS\n  - [x] is drawn\n  - Priority: high\n- [ ] b\n",
    );
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].done, ["is tested on Linux"]);
    assert_eq!(read[0].priority, Priority::High);
    for part in ["more of a", "and macOS", "- [x] is drawn"] {
        assert!(read[0].description.contains(part), "{part} in {}", read[0].description);
    }
}

#[test]
fn what_is_fenced_or_commented_out_is_no_ticket() {
    let text = "```\n- [ ] no\n### REQ-8: no\n```\n~~~md\n- [ ] no\n~~~\n<!--\n- [ ] no\n-->\n- [ ] a\n  ```\n  - [ ] no\n  ```\n\n    - [ ] of a\n";
    assert_eq!(titles("f.md", text), [" a"]);
    assert_eq!(titles("f.md", "Text.\n\n    - [ ] code\n"), Vec::<String>::new());
    let read = specs("### REQ-1: a\n```toml\n[x]\n# REQ-9: no\nstatus: done\n- [ ] no\n```\n- [ ] yes\n");
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].done, ["yes"]);
    assert!(read[0].description.contains("# REQ-9: no\nstatus: done\n- [ ] no"), "{}", read[0].description);
}

#[test]
fn what_is_not_indented_below_an_item_is_not_its_own() {
    let text = "1. [ ] a\n   - plain\n\n   More.\n* [ ] b\n\n```\n- [ ] no\n```\n";
    let read = specs(text);
    assert_eq!(
        read.iter().map(|t| (&*t.title, &*t.description)).collect::<Vec<_>>(),
        [("a", "- plain\n\nMore."), ("b", "")]
    );
    let Reading { notes, .. } = parse(Path::new("f.md"), text);
    assert_eq!(notes, ["Not imported: 3 lines that belong to no ticket (the first is f.md:7)."]);
    assert_eq!(titles("f.md", "| Feature | Status |\n|--|--|\n| Login | Todo |\n| Logout | ✅ |\n"), [" Login"]);
}

#[test]
fn sub_headings_belong_to_their_ticket() {
    let read = specs(
        "# Plan\n### REQ-1: Transfer\n**Status:** Pending\n\nBody.\n\n#### Acceptance criteria\n- [ ] rejects\n  \
         negative amounts\n* has a test\n1. [ ] is fast\n\n#### Notes\nMind the rounding.\n- one\n\n#### UTF-8 names\n\
         They are allowed.\n\n#### Files\n- `src/a.rs`\n- src/b.rs\n\n#### REQ-2: below\n\n## Chapter\n- [ ] c\n",
    );
    assert_eq!(read.iter().map(|t| t.title.as_str()).collect::<Vec<_>>(), ["Transfer", "below", "c"]);
    assert_eq!(read[0].done, ["rejects negative amounts", "has a test", "is fast"]);
    assert_eq!(read[0].files, ["src/a.rs", "src/b.rs"]);
    for part in ["Body.", "#### Notes\nMind the rounding.\n- one", "#### UTF-8 names\nThey are allowed."] {
        assert!(read[0].description.contains(part), "{part} in {}", read[0].description);
    }
}

#[test]
fn labels_introduce_lists() {
    let read = specs(
        "## REQ-1: a\n**Status**: Pending | **Priority**: high\n**Acceptance criteria:**\n- one\n- two\n\nSome notes:\n- three\n\
         **Owner team:** payments\n\n### Status\nPending\n",
    );
    assert_eq!(
        (read[0].done.as_slice(), read[0].priority),
        (&["one".to_owned(), "two".to_owned()][..], Priority::High)
    );
    assert!(read[0].description.contains("- three\n**Owner team:** payments"), "{}", read[0].description);
}

#[test]
fn headings_come_in_many_forms() {
    let text = "REQ-1: under\n====\n\n### [REQ-2] boxed\n### **REQ-3**: bold\n### REQ-4 – dash ###\n### [ ] REQ-5: open\n\
                ### [x] REQ-6: past\n### `REQ-7` code\n## 3. Chapter\n### REQ-8\n";
    let found = titles("f.md", text);
    assert_eq!(found[..6], ["REQ-1 under", "REQ-2 boxed", "REQ-3 bold", "REQ-4 dash", "REQ-5 open", "REQ-7 code"]);
    assert_eq!(found[6..], ["error f.md:11: missing field `title`"]);
}

#[test]
fn tables_keep_every_cell() {
    let read = specs(
        "ID | Description | Title | State | Team\n---|---|---|---|---\nREQ-1 | how | what \\| which | todo | red\n\n\
         | Word | Meaning |\n|---|---|\n| a | b |\n",
    );
    assert_eq!(read.len(), 1);
    assert_eq!((&*read[0].title, &*read[0].description), ("what | which", "how\n\nTeam: red"));
    let within = specs("### REQ-1: a\n| ID | Name |\n|---|---|\n| 1 | x |\n");
    assert!(within.len() == 1 && within[0].description.contains("| 1 | x |"));
}

#[test]
fn ids_of_items_count_when_something_shows_that_they_are_meant() {
    let of = |text: &str| titles("f.md", text);
    assert_eq!(of("- [ ] REQ-1 a\n- [ ] REQ-2 b\n"), ["REQ-1 a", "REQ-2 b"], "two of a kind");
    assert_eq!(of("- [ ] REQ-1 a\n- [ ] REQ-2: b\n"), ["REQ-1 a", "REQ-2 b"]);
    assert_eq!(
        of("- [ ] REQ-1 (LOW) a\n- [ ] **A-2** b\n- [ ] [B-3](x) c\n- [ ] C-4 – d\n"),
        ["REQ-1 a", "A-2 b", "B-3 c", "C-4 d"]
    );
    assert_eq!(
        of("- [ ] UTF-8 names\n- [ ] UTF-8 (without BOM) files\n"),
        [" UTF-8 names", " UTF-8 (without BOM) files"]
    );
    let Reading { notes, .. } = parse(Path::new("f.md"), "- [ ] UTF-8 names\n");
    assert_eq!(notes, ["`UTF-8` is part of a title (f.md:1); if it is the id, write `UTF-8: …`."]);
}

#[test]
fn titles_of_rows_and_headings_say_more_in_passing() {
    let read = specs(
        "| ID | Title |\n|--|--|\n| REQ-1 | a (LOW) |\n\n### REQ-2: b (depends on REQ-1)\n- HIGH\n- blocked by REQ-3\n",
    );
    assert_eq!((&*read[0].title, read[0].priority), ("a", Priority::Low));
    assert_eq!((&*read[1].title, read[1].priority, read[1].after.len()), ("b", Priority::High, 2));
}

#[test]
fn lines_outside_of_tickets_are_counted() {
    let Reading { notes, .. } = parse(Path::new("f.md"), "---\ntags: x\n---\n# Plan\n\nWhy.\n- plain\n\n- [ ] a\n");
    assert_eq!(notes, ["Not imported: 5 lines that belong to no ticket (the first is f.md:1)."]);
}

#[test]
fn names_and_values_in_any_language_are_kept() {
    let read = specs("- [ ] Größe prüfen 🦀\n  日本語 text\n");
    assert_eq!((&*read[0].title, read[0].description.trim()), ("Größe prüfen 🦀", "日本語 text"));
}

proptest::proptest! {
    #[test]
    fn no_file_makes_it_panic_and_no_ticket_vanishes(lines in proptest::collection::vec(
        proptest::sample::select(vec!["- [ ] a", "  - [ ] b", "```", "### REQ-1: c", "#### Files", "| id | title |", "|--|--|",
            "| x | y |", "", "text", "**Status:** done", "<!--", "-->", "---", "===", "\t* [x] d", "> - [ ] e", "**Done:**", "- é: ü"]), 0..20)) {
        let text = lines.join("\n");
        let open_items = |text: &str| text.lines().filter(|l| l.starts_with("- [ ]")).count();
        let has_others = lines.iter().any(|l| l.contains(['`', '#', '|', '<', '>', '*', '=', ':']));
        let found = titles("f.md", &text);
        // Top-level items are tickets, whatever plain lines and nested items stand between them.
        proptest::prop_assert!(has_others || text.starts_with("---") || found.len() >= open_items(&text), "{found:?}");
    }
}
