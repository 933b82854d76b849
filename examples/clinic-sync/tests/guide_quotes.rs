//! The Rust examples on the guide's page about testing are exact quotations of these tests, and are short.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

const PAGE: &str = "../../docs/src/testing.md";

#[test]
fn guide_quotes_these_tests() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lines = |text: &str| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    let tests: Vec<_> = fs::read_dir(crate_dir.join("tests"))
        .unwrap()
        .map(|entry| lines(&fs::read_to_string(entry.unwrap().path()).unwrap()))
        .collect();
    let page = fs::read_to_string(crate_dir.join(PAGE)).unwrap();
    let examples: Vec<_> =
        page.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(examples.len() >= 4);
    for example in examples {
        let example = lines(example);
        assert!(example.len() < 15, "the example is too long: {example:#?}");
        let is_quoted = tests.iter().any(|test| test.windows(example.len()).any(|window| window == example));
        assert!(is_quoted, "the example is not in any test:\n{}", example.join("\n"));
    }
}
