//! Every file that a run leaves behind, also one that is killed: nothing private is in it, and only its user can read it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use carium_mock::FaultPlan;
use support::clinic::{HEADER, TestClinic, output_of, row};
use tokio::time::sleep;

/// The input. The metrics are for a collector with another user, and contain only numbers.
const INPUT: &str = "rows.csv";
const METRICS: &str = "metrics.prom";

/// Parts of the values of [`row`], of its email addresses, and of the account's password.
const CANARIES: [&str; 5] = ["Canary", "canary-", "1984-02-29", "example.com", "password"];

/// Creates the command with a umask that removes no permission.
fn onboard(clinic: &TestClinic) -> Command {
    let mut command = clinic.env.command("sh");
    command.args(["-c", "umask 000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_carium"), "onboard", INPUT]);
    command.args(["--log", "trace.log", "--report", "report.csv", "--metrics", METRICS, "--verbose"]);
    command
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { [files_below(&path), vec![path]].concat() } else { vec![path] })
        .collect()
}

fn assert_has_no_canary(name: &str, content: &[u8], tokens: &[&str]) {
    for canary in CANARIES.iter().chain(tokens) {
        let is_found = content.windows(canary.len()).any(|window| window == canary.as_bytes());
        assert!(!is_found, "{name} contains {canary}");
    }
}

/// Checks the content and the permissions of all files, and returns how many there are.
fn audit(clinic: &TestClinic) -> usize {
    let root = clinic.env.directory();
    let files: Vec<_> = files_below(root).into_iter().filter(|path| path != &root.join(INPUT)).collect();
    for path in &files {
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        if path.is_dir() {
            assert_eq!(mode, 0o700, "{name}");
            continue;
        }
        assert_eq!(mode, if name == METRICS { 0o644 } else { 0o600 }, "{name}");
        assert_has_no_canary(&name, &fs::read(path).unwrap(), &["Bearer ", "X-Amz-Signature"]);
    }
    files.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_killed_and_finished_runs_are_private_and_contain_no_canary() {
    let clinic = TestClinic::start().await;
    let rows: String = (0..40).map(|number| row(&format!("canary-{number}"))).collect();
    clinic.write(INPUT, &format!("{HEADER}\n{rows}"));
    let hang = "[[fault]]\non = \"create_patient\"\ncalls = \"8-\"\ndo = \"hang\"\n";
    clinic.fake().set_faults(hang.parse::<FaultPlan>().unwrap());
    let before = clinic.fake().patients().len();
    let mut process = onboard(&clinic).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while clinic.fake().patients().len() < before + 5 {
        assert!(process.try_wait().unwrap().is_none(), "the run ended");
        sleep(Duration::from_millis(10)).await;
    }
    // A killed run leaves the write-ahead log of its queue.
    process.kill().unwrap();
    process.wait().unwrap();
    let files = audit(&clinic);
    assert!(
        files_below(clinic.env.directory()).iter().any(|path| path.to_string_lossy().ends_with("-wal")),
        "{files}"
    );

    let reject = "[[fault]]\non = \"create_patient\"\ndo = \"respond\"\nstatus = 422\n";
    clinic.fake().set_faults(reject.parse::<FaultPlan>().unwrap());
    let output = output_of(onboard(&clinic)).await;
    assert_eq!(output.code, Some(7), "calls in flight at the kill, and a refusal, are parked: {output:?}");
    assert_has_no_canary("stdout", output.stdout.as_bytes(), &[]);
    assert_has_no_canary("stderr", output.stderr.as_bytes(), &[]);
    assert!(audit(&clinic) > files, "the report and the metrics are new");
    let report = fs::read_to_string(clinic.env.directory().join("report.csv")).unwrap();
    assert!(report.contains(",failed,") && report.contains(",unknown,"), "{report}");
}
