//! `cargo xtask diff --compile`: generates the code in a copy of the workspace and compiles it there.
//!
//! The copy and what cargo builds in it stay in the target directory, so that the next run compiles only what differs.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;

use crate::generate::{self, Output};
use crate::process::Command;
use crate::spec::Sources;
use crate::workspace;

/// The parts of the workspace that cargo needs.
const PARTS: [&str; 9] =
    ["Cargo.toml", "Cargo.lock", ".cargo", "crates", "docs", "examples", "specs", "xtask", "README.md"];

/// The crates that contain or use generated code. `carium-bulk` and `carium-cli` use only hand-written types of `carium`,
/// which a change of the spec does not touch. TLS is disabled because it takes most of the build time and does not depend
/// on the spec.
const PACKAGES: [&str; 9] = [
    "--package",
    "carium-api",
    "--package",
    "carium",
    "--package",
    "carium-mock",
    "--no-default-features",
    "--features",
    "carium-api/http-transport,carium-mock/expectations,carium-mock/strategies,carium-mock/contract-tests,carium-mock/wire,\
     carium-mock/sandbox",
];

const SEMVER_TOOL: &str = "cargo-semver-checks";

/// The result of compiling the generated code.
#[derive(Debug)]
pub(super) struct CompileReport {
    pub(super) errors: Vec<CompileError>,
    pub(super) public_api: PublicApi,
}

impl CompileReport {
    /// The names of the crates that do not compile.
    pub(super) fn broken_crates(&self) -> BTreeSet<&str> {
        self.errors.iter().filter_map(|error| error.file.strip_prefix("crates/")?.split('/').next()).collect()
    }
}

/// An error of the compiler.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CompileError {
    pub(super) file: String,
    pub(super) line: u64,
    pub(super) message: String,
}

/// The public API of `carium-api`, compared with the older version by `cargo-semver-checks`.
#[derive(Debug)]
pub(super) struct PublicApi {
    /// `compatible`, `incompatible` or `not checked`.
    pub(super) status: &'static str,
    /// The output of the tool, or the reason why it did not run.
    pub(super) detail: String,
}

impl PublicApi {
    fn not_checked(reason: impl Into<String>) -> Self {
        Self { status: "not checked", detail: reason.into() }
    }
}

/// Generates the code in a copy and compiles it. `base` is the commit of the older version.
pub(super) fn run(root: &Path, base: Option<&str>) -> Result<CompileReport, String> {
    let directory = workspace::target()?.join("regenerated");
    let copy = directory.join("workspace");
    let outputs = generate::outputs(&Sources::read(root)?, &generate::CodeSources::read(root)?)?;
    let io_error = |error: io::Error| format!("could not copy the workspace to {}: {error}", copy.display());
    fs::create_dir_all(&copy).map_err(io_error)?;
    for part in PARTS.iter().filter(|part| root.join(part).exists()) {
        mirror(&root.join(part), &copy.join(part)).map_err(io_error)?;
    }
    generate::write(&copy, &outputs)?;
    let errors = check(&copy, &directory)?;
    let public_api = if errors.is_empty() {
        public_api(root, &outputs, base)
    } else {
        PublicApi::not_checked("the code does not compile")
    };
    Ok(CompileReport { errors, public_api })
}

/// Makes `to` equal to `from`. Files that are equal keep their modification time, so that cargo does not rebuild them.
fn mirror(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        let bytes = fs::read(from)?;
        let is_equal = fs::read(to).is_ok_and(|existing| existing == bytes);
        return if is_equal { Ok(()) } else { fs::write(to, bytes) };
    }
    fs::create_dir_all(to)?;
    let names = |directory: &Path| -> io::Result<BTreeSet<_>> {
        fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect()
    };
    let wanted = names(from)?;
    for name in &wanted {
        mirror(&from.join(name), &to.join(name))?;
    }
    for name in names(to)?.difference(&wanted) {
        let path = to.join(name);
        if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
    }
    Ok(())
}

/// Runs `cargo check` and returns the errors.
fn check(copy: &Path, target: &Path) -> Result<Vec<CompileError>, String> {
    let check = ["check", "--locked", "--quiet", "--keep-going", "--message-format", "json"];
    let command = Command::new("cargo", &[&check[..], &PACKAGES].concat())
        .current_dir(copy)
        .env("CARGO_TARGET_DIR", &target.display().to_string());
    let (success, stdout) = command.status_and_stdout()?;
    let errors = errors(&stdout);
    if !success && errors.is_empty() {
        return Err(format!("`{command}` failed without naming a file; run it in {}", copy.display()));
    }
    Ok(errors)
}

/// Returns the errors in cargo's JSON messages.
fn errors(messages: &str) -> Vec<CompileError> {
    let mut errors = BTreeSet::new();
    for line in messages.lines() {
        let Ok(report) = serde_json::from_str::<Value>(line) else { continue };
        let Some(report) = report.get("message").filter(|message| message["level"] == "error") else {
            continue;
        };
        let spans = report["spans"].as_array().into_iter().flatten();
        for span in spans.filter(|span| span["is_primary"] == true) {
            errors.insert(CompileError {
                file: span["file_name"].as_str().unwrap_or_default().to_owned(),
                line: span["line_start"].as_u64().unwrap_or_default(),
                message: report["message"].as_str().unwrap_or_default().to_owned(),
            });
        }
    }
    errors.into_iter().collect()
}

/// Compares the public API of `carium-api` with that of the base commit. The tool compares the working tree, so its
/// generated code must be up to date.
fn public_api(root: &Path, outputs: &[Output], base: Option<&str>) -> PublicApi {
    let Some(base) = base else {
        return PublicApi::not_checked("the older version is a file, not a git revision");
    };
    if generate::check(root, outputs).is_err() {
        let reason = "generated files are stale; run `cargo xtask generate` first";
        return PublicApi::not_checked(reason);
    }
    let local = root.join("target/tools/bin").join(SEMVER_TOOL);
    let tool = if local.exists() { local.display().to_string() } else { SEMVER_TOOL.to_owned() };
    let tool = |arguments: &[&str]| Command::new(&tool, arguments).current_dir(root).output();
    if tool(&["semver-checks", "--version"]).is_err() {
        return PublicApi::not_checked(format!("{SEMVER_TOOL} is not installed"));
    }
    let compare =
        ["semver-checks", "--package", "carium-api", "--only-explicit-features", "--baseline-rev", base];
    match tool(&compare) {
        Ok(detail) => PublicApi { status: "compatible", detail },
        Err(detail) => PublicApi { status: "incompatible", detail },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_the_primary_location_of_each_error_once() {
        let message = |level: &str, file: &str, is_primary: bool| {
            let span = serde_json::json!({ "file_name": file, "line_start": 7, "is_primary": is_primary });
            let message = serde_json::json!({ "level": level, "message": "no such field", "spans": [span] });
            serde_json::json!({ "reason": "compiler-message", "message": message }).to_string()
        };
        let messages = [
            message("error", "crates/a/src/lib.rs", true),
            message("error", "crates/a/src/lib.rs", true),
            message("error", "crates/b/src/defined_here.rs", false),
            message("warning", "crates/c/src/lib.rs", true),
            "{\"reason\":\"build-finished\",\"success\":false}".to_owned(),
            "not JSON".to_owned(),
        ];
        let report = CompileReport {
            errors: errors(&messages.join("\n")),
            public_api: PublicApi::not_checked("the code does not compile"),
        };
        let expected = CompileError {
            file: "crates/a/src/lib.rs".to_owned(),
            line: 7,
            message: "no such field".to_owned(),
        };
        assert_eq!(report.errors, [expected]);
        assert_eq!(report.broken_crates(), BTreeSet::from(["a"]));
    }
}
