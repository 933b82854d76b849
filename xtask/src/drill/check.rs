//! What does not compile in the copy, and which tests fail there.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use crate::process::Command;

/// The crates that follow from the spec by hand or by the generator. `carium-bulk` and `carium-cli` stand on them and
/// take long to build: they are left to the tests of the workspace.
const PACKAGES: [&str; 6] = ["--package", "carium-api", "--package", "carium", "--package", "carium-mock"];

/// Without TLS, which takes most of the time to build and has no part in this.
const FEATURES: [&str; 3] = [
    "--no-default-features",
    "--features",
    "carium-mock/expectations,carium-mock/strategies,carium-mock/contract-tests,carium-mock/wire,carium-mock/sandbox",
];

/// How the copy is checked.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) root: PathBuf,
    pub(super) target: PathBuf,
    /// Whether the tests are compiled too, and run.
    pub(super) tests: bool,
}

/// What a check found.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The files that do not compile.
    pub(super) broken: Vec<String>,
    /// The files of tests that do not compile, else the tests that fail. Where there is something broken already, no
    /// test is looked at.
    pub(super) tests: Vec<String>,
}

impl Check {
    pub(super) fn run(&self) -> Result<Outcome, String> {
        let mut outcome = Outcome { broken: self.broken(&[])?, tests: Vec::new() };
        if self.tests && outcome.broken.is_empty() {
            outcome.tests = self.broken(&["--tests"])?;
            if outcome.tests.is_empty() {
                outcome.tests = self.failing()?;
            }
        }
        Ok(outcome)
    }

    /// The files that do not compile.
    fn broken(&self, targets: &[&str]) -> Result<Vec<String>, String> {
        let check = ["check", "--locked", "--quiet", "--keep-going", "--message-format", "json"];
        let (success, said) = self.cargo(&[&check, targets].concat())?;
        let files = broken_files(&said);
        if !success && files.is_empty() {
            return Err(
                "`cargo check` fails in the copy, and names no file; run it there to see why".to_owned()
            );
        }
        Ok(files)
    }

    /// The tests that fail.
    fn failing(&self) -> Result<Vec<String>, String> {
        let (success, said) = self.cargo(&["test", "--locked", "--quiet", "--no-fail-fast"])?;
        let tests = failed_tests(&said);
        if !success && tests.is_empty() {
            return Err(
                "`cargo test` fails in the copy, and names no test; run it there to see why".to_owned()
            );
        }
        Ok(tests)
    }

    /// Whether cargo succeeds, and what it writes to its standard output.
    fn cargo(&self, arguments: &[&str]) -> Result<(bool, String), String> {
        Command::new("cargo", &[arguments, &PACKAGES, &FEATURES].concat())
            .within(&self.root)
            .with("CARGO_TARGET_DIR", &self.target.display().to_string())
            // It makes checks quicker; of tests it would keep gigabytes.
            .with("CARGO_INCREMENTAL", if self.tests { "0" } else { "1" })
            .outcome()
    }
}

/// The files with errors, by what cargo writes as JSON.
fn broken_files(said: &str) -> Vec<String> {
    let mut files = BTreeSet::new();
    for line in said.lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else { continue };
        if message.pointer("/message/level").and_then(Value::as_str) != Some("error") {
            continue;
        }
        for span in message.pointer("/message/spans").and_then(Value::as_array).into_iter().flatten() {
            if span.get("is_primary") == Some(&Value::Bool(true)) {
                files.extend(span.get("file_name").and_then(Value::as_str).map(str::to_owned));
            }
        }
    }
    files.into_iter().collect()
}

/// The tests that failed, by what the harness writes at the end of each program: their names, indented, after
/// `failures:`.
fn failed_tests(said: &str) -> Vec<String> {
    let mut names = BTreeSet::new();
    let mut is_list = false;
    for line in said.lines() {
        if line == "failures:" {
            is_list = true;
        } else if let Some(name) = line.strip_prefix("    ").filter(|_| is_list) {
            names.insert(name.to_owned());
        } else {
            is_list = false;
        }
    }
    names.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_those_where_an_error_is() {
        let message = |level: &str, file: &str, is_primary: bool| {
            let span = serde_json::json!({ "file_name": file, "is_primary": is_primary });
            serde_json::json!({ "reason": "compiler-message", "message": { "level": level, "spans": [span] } })
                .to_string()
        };
        let said = [
            message("error", "crates/a.rs", true),
            message("error", "crates/a.rs", true),
            message("error", "crates/defined_here.rs", false),
            message("warning", "crates/b.rs", true),
            "{\"reason\":\"build-finished\",\"success\":false}".to_owned(),
            "not JSON".to_owned(),
        ];
        assert_eq!(broken_files(&said.join("\n")), ["crates/a.rs"]);
    }

    #[test]
    fn tests_are_those_of_the_list_at_the_end() {
        let said = "
failures:

---- one::two stdout ----
    left: 1

failures:
    one::two
    three

test result: FAILED. 1 passed; 2 failed
";
        assert_eq!(failed_tests(said), ["one::two", "three"]);
    }
}
