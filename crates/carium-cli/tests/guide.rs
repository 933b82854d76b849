//! Compares the output of commands with the console blocks of the guide. After an intended change, `TRYCMD=overwrite
//! cargo test -p carium-cli --test guide` updates the pages. Review the diff before you commit it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use carium::api::operations;
use carium_mock::{Fault, Sandbox};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

#[test]
fn output_matches_the_guide() {
    let workspace = workspace();
    let pages = workspace.join("docs/src");

    // The reader's working directory: the examples of a clone, and the CSV files that operating.md shows.
    let directory = tempfile::tempdir().unwrap();
    symlink(workspace.join("examples"), directory.path().join("examples")).unwrap();
    let operating = fs::read_to_string(pages.join("operating.md")).unwrap();
    let mut tables = operating.split("```csv\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    for name in ["monday.csv", "decisions.csv", "corrected.csv"] {
        fs::write(directory.path().join(name), tables.next().unwrap()).unwrap();
    }
    assert_eq!(tables.next(), None);
    env::set_current_dir(directory.path()).unwrap();

    // The server for commands without `--sandbox`, with the faults that operating.md describes.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sandbox = runtime.block_on(Sandbox::start()).unwrap();
    sandbox.fake().set_faults([
        Fault::on(&operations::CREATE_PATIENT).call(2).reset(),
        Fault::on(&operations::CREATE_APPOINTMENT).respond(422),
    ]);

    let cases = trycmd::TestCases::new();
    for name in ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
        cases.env(name, directory.path().join("home").to_str().unwrap());
    }
    for name in ["TOTP_SECRET", "OUTPUT", "PROFILE", "CONFIG", "QUEUE", "QUEUE_KEY"] {
        // An empty variable counts as unset.
        cases.env(format!("CARIUM_{name}"), "");
    }
    let account = sandbox.fake().account();
    cases
        .env("CARIUM_BASE_URL", sandbox.url())
        .env("CARIUM_USERNAME", account.username)
        .env("CARIUM_PASSWORD", account.password)
        .env("CARIUM_ORGANIZATION_ID", sandbox.fake().organization().to_string());
    cases.case(pages.join("*.md")).run();
    assert!(
        sandbox.fake().unused_faults().is_empty(),
        "operating.md does not show the effect of every fault"
    );
}

#[test]
fn guide_lists_the_exit_codes_of_the_help() {
    let help = Command::new(env!("CARGO_BIN_EXE_carium")).arg("--help").output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    let (_, help) = help.split_once("Exit codes:\n").unwrap();
    let codes: Vec<_> = help.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let page = fs::read_to_string(workspace().join("docs/src/files.md")).unwrap();
    let rows = page.lines().skip_while(|line| !line.starts_with("| code |")).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let guide_codes: Vec<_> = rows.map(|row| row.trim_matches(['|', ' ']).replace(" | ", "  ")).collect();
    assert_eq!(guide_codes, codes);
}
