//! The book is whole: every page is in its list, every link leads to something, and every example runs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// The list of the pages.
const SUMMARY: &str = "SUMMARY.md";
/// Its Rust is quoted from the tests of `examples/clinic-sync`, which hold the quotations.
const QUOTES: &str = "testing.md";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What of a text is of concern here.
#[derive(Default)]
struct PageCursor {
    links: Vec<String>,
    /// The names by which its headings are linked to.
    headings: BTreeSet<String>,
    /// What stands behind the fences of code.
    fences: Vec<String>,
}

impl PageCursor {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut page = Self::default();
        let mut heading: Option<String> = None;
        for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(dest_url.into_string());
                }
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(fence))) => {
                    page.fences.push(fence.into_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::End(TagEnd::Heading(_)) => {
                    page.headings.extend(heading.take().map(|text| name(&text)));
                }
                _ => {}
            }
        }
        page
    }
}

/// What a heading is linked to by, in the book as well as where the sources are shown.
fn name(heading: &str) -> String {
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// The pages of the book, by the names of their files.
fn pages() -> BTreeMap<String, PageCursor> {
    let files = fs::read_dir(workspace().join("docs/src")).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), PageCursor::read(&path)))
        .collect()
}

#[test]
fn the_list_has_every_page_once() {
    let mut pages = pages();
    let listed = pages.remove(SUMMARY).unwrap().links;
    let mut sorted = listed.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, pages.keys().cloned().collect::<Vec<_>>());
}

#[test]
fn every_link_leads_to_something() {
    let root = workspace();
    let book = pages().into_keys().map(|page| Path::new("docs/src").join(page));
    let around = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(PathBuf::from);
    let mut dead = Vec::new();
    for file in book.chain(around) {
        let path = root.join(&file);
        for link in PageCursor::read(&path).links.into_iter().filter(|link| !link.contains("://")) {
            let (target, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if target.is_empty() { path.clone() } else { path.parent().unwrap().join(target) };
            // In the book, nothing beside it is there.
            let is_outside = file.starts_with("docs") && target.parent() != path.parent();
            let is_there = target.exists()
                && (anchor.is_empty() || PageCursor::read(&target).headings.contains(anchor))
                && !is_outside;
            if !is_there {
                dead.push(format!("{}: {link}", file.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn every_example_runs() {
    let run = fs::read_to_string(workspace().join("docs/lib.rs")).unwrap();
    let wrong = |(name, page): (String, PageCursor)| {
        let rust: Vec<_> = page.fences.into_iter().filter(|fence| fence.starts_with("rust")).collect();
        // Whatever rustdoc would not run.
        let idle = rust.iter().filter(|fence| !["rust", "rust,standalone_crate"].contains(&fence.as_str()));
        let idle: Vec<_> = idle.map(|fence| format!("{name} has {fence}")).collect();
        let is_left_out = !rust.is_empty() && name != QUOTES && !run.contains(&format!("\"src/{name}\""));
        idle.into_iter().chain(is_left_out.then(|| format!("{name} is not in docs/lib.rs")))
    };
    let wrong: Vec<_> = pages().into_iter().flat_map(wrong).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
