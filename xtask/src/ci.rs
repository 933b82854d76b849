//! What CI runs: everything that must hold before a change lands, in the order in which it fails fastest.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::generate::{self, Sources};
use crate::process::{self, Command};
use crate::{coverage, drill, finding, interop, workspace};

/// Runs every step, the longer ones too where they are asked for, and stops at the first that fails.
pub(crate) fn run(full: bool) -> Result<(), String> {
    let root = workspace::root(None);
    let mut times = Vec::new();
    let mut step = |name: &'static str, run: &dyn Fn(&Path) -> Result<(), String>| {
        workspace::say(&format!("\n== {name}"));
        let start = Instant::now();
        run(&root).map_err(|error| format!("{name}: {error}"))?;
        times.push((name, start.elapsed()));
        Ok::<(), String>(())
    };
    step("format", &|root| {
        let mend = |error| format!("{error}; run `cargo fmt --all`");
        cargo(root, &["fmt", "--all", "--check"]).map_err(mend)
    })?;
    step("specs", &specs)?;
    step("generated code is fresh", &fresh)?;
    step("coverage", &coverage::run)?;
    step("lints", &|root| {
        cargo(root, &["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"])
    })?;
    // The command of the README, to the letter.
    step("tests", &|root| cargo(root, &["test", "--workspace"]))?;
    step("docs", &docs)?;
    step("drill", &|root| drill::run(root, full, None))?;
    if full {
        step("features", &features)?;
        step("queues, in files and on a server, with all that takes minutes", &queues)?;
        step("licences and sources", &deny)?;
        step("the guide as a book", &book)?;
        step("other people's tools", &interop::run)?;
    }
    workspace::say(&summary(&times));
    Ok(())
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<(), String> {
    Command::new("cargo", arguments).within(root).run()
}

fn specs(root: &Path) -> Result<(), String> {
    let findings = Sources::read(root)?.lint();
    if findings.is_empty() { Ok(()) } else { Err(finding::report(&findings)) }
}

fn fresh(root: &Path) -> Result<(), String> {
    let outputs = generate::outputs(&Sources::read(root)?)?;
    let report = generate::check(root, &outputs).map_err(|error| error.to_string())?;
    report.map_or(Ok(()), Err)
}

pub(crate) fn docs(root: &Path) -> Result<(), String> {
    Command::new("cargo", &["doc", "--workspace", "--no-deps", "--locked"])
        .within(root)
        .with("RUSTDOCFLAGS", "--deny warnings")
        .run()
}

/// Each crate by itself, with the features that a build of the whole workspace would hide.
fn features(root: &Path) -> Result<(), String> {
    let check = |package: &str, features: &str| {
        cargo(
            root,
            &["check", "--locked", "--package", package, "--no-default-features", "--features", features],
        )
    };
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
    ] {
        check(package, features)?;
    }
    if let Err(why) = Command::new("pkg-config", &["--exists", "openssl"]).output() {
        workspace::say(&format!("SKIPPED native-tls: {why}"));
        return Ok(());
    }
    check("carium", "native-tls")
}

/// The tests of the queue with a server, which they start themselves, and those in which ten thousand rows see their
/// workers killed.
fn queues(root: &Path) -> Result<(), String> {
    let test =
        ["test", "--locked", "--package", "carium-bulk", "--features", "postgres", "--", "--include-ignored"];
    cargo(root, &test)
}

/// `deny.toml`, less the advisories, whose database is not in a package registry.
fn deny(root: &Path) -> Result<(), String> {
    let deny = tool(root, "cargo-deny", &[])?;
    Command::new(&deny, &["check", "bans", "licenses", "sources"]).within(root).run()
}

/// The guide, into `target/guide`. What its pages say is tested with everything else.
fn book(root: &Path) -> Result<(), String> {
    // Without the server, which takes as long to build as all the rest.
    let mdbook = tool(root, "mdbook", &["--no-default-features", "--features", "search"])?;
    Command::new(&mdbook, &["build", "docs"]).within(root).run()
}

/// The path of one of cargo's companions, which is installed into `target/tools` where it is not there yet.
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

fn summary(times: &[(&str, Duration)]) -> String {
    let mut text = String::from("\n");
    for (name, time) in times {
        text.push_str(&format!("{:>6.1} s  {name}\n", time.as_secs_f64()));
    }
    let total: Duration = times.iter().map(|(_, time)| *time).sum();
    text.push_str(&format!("{:>6.1} s  in all; {}", total.as_secs_f64(), process::ALL_IS_WELL));
    text
}
