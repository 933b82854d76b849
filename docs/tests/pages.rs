//! Tests of the guide's structure: every page is in the summary, every link has a target, and every example is
//! tested.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

const SUMMARY: &str = "SUMMARY.md";
/// The Rust examples on this page are quotations of the tests of `examples/clinic-sync`, which check them.
const PAGE_WITH_QUOTATIONS: &str = "testing.md";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The parts of a page that these tests check.
#[derive(Default)]
struct Page {
    links: Vec<String>,
    /// The anchors of the headings.
    anchors: BTreeSet<String>,
    /// The info strings of the fenced code blocks, such as `rust`.
    code_languages: Vec<String>,
}

impl Page {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut page = Self::default();
        let mut heading: Option<String> = None;
        for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(dest_url.into_string());
                }
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                    page.code_languages.push(language.into_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::End(TagEnd::Heading(_)) => {
                    page.anchors.extend(heading.take().map(|text| anchor(&text)));
                }
                _ => {}
            }
        }
        page
    }
}

/// Returns the anchor of a heading. mdBook and GitHub generate the same one.
fn anchor(heading: &str) -> String {
    let characters =
        heading.chars().filter(|character| character.is_alphanumeric() || " -_".contains(*character));
    characters.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Returns the pages of the guide by file name.
fn pages() -> BTreeMap<String, Page> {
    let files = fs::read_dir(workspace().join("docs/src")).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), Page::read(&path))).collect()
}

#[test]
fn summary_lists_every_page_once() {
    let mut pages = pages();
    let mut listed = pages.remove(SUMMARY).unwrap().links;
    listed.sort_unstable();
    assert_eq!(listed, pages.keys().cloned().collect::<Vec<_>>());
}

#[test]
fn every_link_has_a_target() {
    let root = workspace();
    let pages = pages().into_keys().map(|page| Path::new("docs/src").join(page));
    let other_files = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(PathBuf::from);
    let mut broken = Vec::new();
    for file in pages.chain(other_files) {
        let path = root.join(&file);
        for link in Page::read(&path).links.into_iter().filter(|link| !link.contains("://")) {
            let (target, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if target.is_empty() { path.clone() } else { path.parent().unwrap().join(target) };
            // The built book has no other files of the repository.
            let is_outside_book = file.starts_with("docs") && target.parent() != path.parent();
            let is_valid = target.exists()
                && (anchor.is_empty() || Page::read(&target).anchors.contains(anchor))
                && !is_outside_book;
            if !is_valid {
                broken.push(format!("{}: {link}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken links: {broken:#?}");
}

#[test]
fn every_example_is_tested() {
    let doctests = fs::read_to_string(workspace().join("docs/lib.rs")).unwrap();
    let find_problems = |(name, page): (String, Page)| {
        let rust: Vec<_> =
            page.code_languages.into_iter().filter(|language| language.starts_with("rust")).collect();
        // Rustdoc does not run examples with other attributes, such as `ignore`.
        let not_run =
            rust.iter().filter(|language| !["rust", "rust,standalone_crate"].contains(&language.as_str()));
        let not_run: Vec<_> =
            not_run.map(|language| format!("{name}: an example `{language}` does not run")).collect();
        let is_missing = !rust.is_empty()
            && name != PAGE_WITH_QUOTATIONS
            && !doctests.contains(&format!("\"src/{name}\""));
        not_run.into_iter().chain(is_missing.then(|| format!("{name} is missing in docs/lib.rs")))
    };
    let problems: Vec<_> = pages().into_iter().flat_map(find_problems).collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

/// The page that lists the public modules.
const PAGE_OF_MODULES: &str = "modules.md";

#[test]
fn every_public_module_is_listed() {
    let root = workspace();
    let text = fs::read_to_string(root.join("docs/src").join(PAGE_OF_MODULES)).unwrap();
    let mut missing = Vec::new();
    for (folder, name) in [
        ("carium-api", "carium_api"),
        ("carium", "carium"),
        ("carium-bulk", "carium_bulk"),
        ("carium-mock", "carium_mock"),
    ] {
        let library = fs::read_to_string(root.join(format!("crates/{folder}/src/lib.rs"))).unwrap();
        let modules = library.lines().filter_map(|line| line.strip_prefix("pub mod "));
        let modules = modules.map(|rest| format!("`{name}::{}`", rest.trim_end_matches([';', ' ', '{'])));
        missing.extend(
            modules.chain([format!("`{name}`")]).filter(|module| !text.contains(&format!("| {module} |"))),
        );
    }
    // `carium_api` is listed as `carium::api`.
    missing.retain(|module| module != "`carium_api`");
    assert!(missing.is_empty(), "{PAGE_OF_MODULES} does not list {missing:?}");
}
