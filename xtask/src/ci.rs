//! `cargo xtask ci`: everything that must pass before a change is merged.
//!
//! Quick steps run first. A failure stops neither the run nor its step; the summary at the end lists every failure, and
//! each test that failed.

use std::path::Path;
use std::time::Instant;

use crate::process::Command;
use crate::spec::Sources;
use crate::{api, bench, chaos, generate, interop, lint, rust_versions, words, workspace};

type Step = (&'static str, fn(&Path) -> Result<(), String>);

/// The steps of every run.
const STEPS: [Step; 10] = [
    ("format", format),
    ("words", words::run),
    ("specs", lint::command),
    ("generated code", generated_code),
    ("rust versions", rust_versions::check),
    ("lints", lints),
    ("docs", docs),
    ("public API", api::check),
    ("tests", |root| test(root, &["--workspace"])),
    ("spec edits", spec_edits),
];

/// The additional steps of `--full`.
const FULL_STEPS: [Step; 8] = [
    ("features", features),
    ("queue databases", queue_databases),
    ("model", model),
    ("chaos", chaos::run_slow),
    ("licenses and sources", licenses),
    ("guide", guide),
    ("third-party tools", interop::run),
    ("instruction counts", bench::check),
];

/// Runs the steps of every run, and also the slow steps if `full` is set.
///
/// # Errors
/// A list of all steps that failed, each with its error.
pub(crate) fn run(full: bool) -> Result<(), String> {
    let root = workspace::root(None);
    let mut summary = String::from("\n");
    let mut failures = Vec::new();
    let start = Instant::now();
    for (name, step) in STEPS.iter().chain(if full { &FULL_STEPS[..] } else { &[] }) {
        workspace::print(&format!("\n== {name}"));
        let start = Instant::now();
        let result = step(&root);
        let status = if result.is_ok() { "ok    " } else { "FAILED" };
        summary.push_str(&format!("{status} {:>7.1} s  {name}\n", start.elapsed().as_secs_f64()));
        if let Err(error) = result {
            workspace::print_error(&format!("error: {name}: {error}"));
            failures.push(format!("{name}: {error}"));
        }
    }
    summary.push_str(&format!("total  {:>7.1} s", start.elapsed().as_secs_f64()));
    workspace::print(&summary);
    if failures.is_empty() {
        return Ok(());
    }
    Err(format!("\n{} failed:\n\n{}", failures.len(), failures.join("\n\n")))
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<(), String> {
    Command::new("cargo", arguments).current_dir(root).run()
}

/// Runs all tests, also after a failure. The error lists each test that failed.
fn test(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let arguments = [&["test", "--no-fail-fast"], arguments].concat();
    let command = Command::new("cargo", &arguments).current_dir(root);
    command.run_and_list(|line| line.starts_with("test ") && line.ends_with("FAILED"))
}

fn format(root: &Path) -> Result<(), String> {
    let check = cargo(root, &["fmt", "--all", "--check"]);
    check.map_err(|error| format!("{error}; run `cargo fmt --all`"))
}

fn generated_code(root: &Path) -> Result<(), String> {
    generate::check(root, &generate::outputs(&Sources::read(root)?, &generate::CodeSources::read(root)?)?)
}

fn lints(root: &Path) -> Result<(), String> {
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--keep-going"];
    cargo(root, &[&clippy[..], &["--", "--deny", "warnings"]].concat())
}

pub(crate) fn docs(root: &Path) -> Result<(), String> {
    Command::new("cargo", &["doc", "--workspace", "--no-deps", "--locked", "--keep-going"])
        .current_dir(root)
        .env("RUSTDOCFLAGS", "--deny warnings")
        .run()
}

/// Tests which crates break when each of ten typical edits is made to the spec. The tests are ignored by default,
/// because they take minutes.
fn spec_edits(root: &Path) -> Result<(), String> {
    test(root, &["--locked", "--package", "xtask", "--test", "spec_edits", "--", "--ignored"])
}

/// Checks each crate alone with different features, because a workspace build unifies the features.
fn features(root: &Path) -> Result<(), String> {
    let check = |package: &str, features: &str| {
        let arguments =
            ["check", "--locked", "--package", package, "--no-default-features", "--features", features];
        cargo(root, &arguments)
    };
    let mut failures = Vec::new();
    for (package, features) in [
        ("carium-api", ""),
        ("carium-api", "rustls"),
        ("carium", ""),
        ("carium", "rustls"),
        ("carium-mock", ""),
        ("carium-mock", "expectations"),
        ("carium-mock", "strategies"),
        ("carium-mock", "contract-tests"),
        ("carium-mock", "wire"),
        ("carium-mock", "sandbox"),
        ("carium-bulk", "rustls,sqlite"),
        ("carium-bulk", "rustls,postgres"),
        ("carium-cli", "rustls,postgres"),
    ] {
        failures.extend(check(package, features).err());
    }
    if let Err(reason) = Command::new("pkg-config", &["--exists", "openssl"]).output() {
        workspace::print(&format!("SKIPPED native-tls: {reason}"));
    } else {
        failures.extend(check("carium", "native-tls").err());
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

/// Runs the queue's tests with PostgreSQL, which the tests start themselves, and the ignored tests that kill workers
/// while ten thousand rows are processed.
fn queue_databases(root: &Path) -> Result<(), String> {
    test(root, &["--locked", "--package", "carium-bulk", "--features", "postgres", "--", "--include-ignored"])
}

/// Explores the model of the ledger with more faults than every run does.
fn model(root: &Path) -> Result<(), String> {
    let arguments = ["test", "--locked", "--package", "carium-bulk", "--test", "model"];
    Command::new("cargo", &arguments).current_dir(root).env("MODEL_DEEP", "1").run()
}

/// Checks the rules of `deny.toml`, except the advisories: their database is not in a package registry.
fn licenses(root: &Path) -> Result<(), String> {
    let deny = tool(root, "cargo-deny", &[])?;
    Command::new(&deny, &["check", "bans", "licenses", "sources"]).current_dir(root).run()
}

/// Builds the guide into `target/guide`. Its examples are tested by the step "tests".
fn guide(root: &Path) -> Result<(), String> {
    // Without the web server, which doubles the build time.
    let mdbook = tool(root, "mdbook", &["--no-default-features", "--features", "search"])?;
    Command::new(&mdbook, &["build", "docs"]).current_dir(root).run()
}

/// Returns the path of a cargo tool, which is installed into `target/tools` if it is missing.
pub(crate) fn tool(root: &Path, name: &str, features: &[&str]) -> Result<String, String> {
    let tools = root.join("target/tools");
    let program = tools.join("bin").join(name);
    if !program.exists() {
        let tools = tools.display().to_string();
        let install = ["install", "--locked", "--quiet", "--root", &tools, name];
        cargo(root, &[&install, features].concat())?;
    }
    Ok(program.display().to_string())
}
