//! `cargo xtask bench --only cold-build`: what `carium` adds to the first build of a program that depends on it.
//!
//! Two programs are built from nothing, one with `carium` and one with what it is built on: `reqwest`, `serde` and `tokio`.
//! The sources of all crates are already on the disk. Each pair has a new target directory for each program.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::workspace;

/// The name of this measurement for `--only`.
pub(super) const WORK: &str = "cold-build";
/// The largest ratio of the times, and the largest number of additional crates.
const GOALS: (f64, usize) = (1.25, 40);

const TOKIO: &str = r#"tokio = { version = "1", features = ["macros", "rt-multi-thread"] }"#;
const PEER: &str = r#"reqwest = { version = "0.13", default-features = false, features = ["json", "rustls"] }
serde = { version = "1", features = ["derive"] }"#;

const CARIUM_MAIN: &str = r#"
#[tokio::main]
async fn main() -> Result<(), carium::Error> {
    let carium = carium::Carium::from_env()?;
    carium.documents().download_url("aa6243fb-e4c1-44a0-ae3c-f4c4ab115002".parse().expect("an ID")).await?;
    Ok(())
}
"#;

const PEER_MAIN: &str = r#"
#[derive(serde::Deserialize)]
struct Appointment {
    id: String,
}

#[tokio::main]
async fn main() -> Result<(), reqwest::Error> {
    let response = reqwest::get("https://example.com/").await?;
    println!("{}", response.json::<Appointment>().await?.id);
    Ok(())
}
"#;

/// Builds the two programs in turn, and prints the median of the ratios and the number of additional crates.
pub(super) fn measure(root: &Path, folder: &Path, pairs: usize) -> Result<(), String> {
    // Quoted as in JSON, because the path may have backslashes.
    let path = Value::from(root.join("crates/carium").display().to_string());
    let carium = format!("carium = {{ path = {path} }}\n{TOKIO}");
    let own = Consumer::create(root, &folder.join("with-carium"), &carium, CARIUM_MAIN)?;
    let peer = Consumer::create(root, &folder.join("with-reqwest"), &format!("{PEER}\n{TOKIO}"), PEER_MAIN)?;
    let mut ratios = Vec::new();
    for index in 0..pairs {
        // The order alternates, so that other load on the machine affects both.
        let (own, peer) = if index % 2 == 0 {
            (own.build()?, peer.build()?)
        } else {
            let peer = peer.build()?;
            (own.build()?, peer)
        };
        workspace::print(&format!("{own:.1} s with carium, {peer:.1} s with reqwest"));
        ratios.push(own / peer);
    }
    ratios.sort_by(f64::total_cmp);
    let (own, peer) = (own.crates()?, peer.crates()?);
    let added: Vec<_> = own.difference(&peer).map(String::as_str).collect();
    let mark = |is_met| if is_met { "met" } else { "missed" };
    let (ratio, count) = (ratios[ratios.len() / 2], added.len());
    let (low, high) = (ratios[0], ratios[ratios.len() - 1]);
    workspace::print(&format!(
        "| cold build against `reqwest`, `serde` and `tokio` | {ratio:.2} ({low:.2} to {high:.2}), {}; {count} more crates, {} |",
        mark(ratio <= GOALS.0),
        mark(count <= GOALS.1)
    ));
    workspace::print(&format!("added: {}", added.join(", ")));
    Ok(())
}

/// A program outside of the workspace.
struct Consumer {
    folder: PathBuf,
}

impl Consumer {
    fn create(root: &Path, folder: &Path, dependencies: &str, main: &str) -> Result<Self, String> {
        let failed = |error| format!("could not write to {}: {error}", folder.display());
        let manifest = format!(
            "[package]\nname = \"consumer\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [dependencies]\n{dependencies}\n"
        );
        fs::create_dir_all(folder.join("src")).map_err(failed)?;
        fs::write(folder.join("Cargo.toml"), manifest).map_err(failed)?;
        fs::write(folder.join("src/main.rs"), main).map_err(failed)?;
        // The same version of each crate as in this workspace.
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).map_err(failed)?;
        Ok(Self { folder: folder.to_owned() })
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("cargo");
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        // The target directory and the profile of this workspace must not be used.
        command.env("CARGO_TARGET_DIR", self.folder.join("target"));
        command.env_remove("CARGO_PROFILE_DEV_DEBUG");
        command
    }

    /// Builds the program from nothing, and returns the time in seconds.
    fn build(&self) -> Result<f64, String> {
        let target = self.folder.join("target");
        if target.exists() {
            fs::remove_dir_all(&target)
                .map_err(|error| format!("could not remove {}: {error}", target.display()))?;
        }
        let start = Instant::now();
        output(&mut self.cargo(&["build", "--quiet", "--offline"]))?;
        let seconds = start.elapsed().as_secs_f64();
        fs::remove_dir_all(&target)
            .map_err(|error| format!("could not remove {}: {error}", target.display()))?;
        Ok(seconds)
    }

    /// Returns the names and versions of the crates that are built.
    fn crates(&self) -> Result<BTreeSet<String>, String> {
        let arguments = [
            "tree",
            "--offline",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--no-dedupe",
            "--format",
            "{p}",
        ];
        let text = output(&mut self.cargo(&arguments))?;
        let name = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        Ok(text.lines().map(name).collect())
    }
}

fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("could not run cargo: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("cargo failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr)))
}
