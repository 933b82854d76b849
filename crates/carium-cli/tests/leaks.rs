//! Every file that a run leaves behind, also one that is killed: nothing private is in it, and only its user can read it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[cfg(feature = "postgres")]
#[path = "../../carium-bulk/tests/support/postgres.rs"]
mod postgres;
mod support;

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use carium_mock::FaultPlan;
use support::KEY;
use support::clinic::{TestClinic, output_of};
use tokio::time::sleep;

/// The input. The metrics are for a collector with another user, and contain only numbers.
const INPUT: &str = "rows.ndjson";
const DOCUMENTS: &str = "documents";
const METRICS: &str = "metrics.prom";

/// The key, and parts of the values of [`rows`] and of the document's content.
const CANARIES: [&str; 10] = [
    KEY,
    "Finchley",
    "canary-",
    "1984-02-29",
    "example.com",
    "5550147",
    "Songletter",
    "Featherloss",
    "Warbling",
    "2031-03-04",
];

const PASSWORD: &str = "password";

/// Rows with everything that a row can have.
fn rows(count: usize) -> String {
    (0..count).fold(String::new(), |mut text, row| {
        let _ = writeln!(
            text,
            r#"{{"first-name":"Canary {row}","last-name":"Finchley","birth-date":"1984-02-29","gender":"female","email":"canary-{row}@example.com","mobile-phone":"+12125550147","organization-id":"8d25a2a6-8219-40d1-a34f-c24ec69f4f72","invite":["email"],"documents":[{{"path":"letter.txt","class":"Referral letter","name":"Songletter","description":"Featherloss"}}],"appointment":{{"practitioner":"Dr. Quill","type":"Video visit","status":"Scheduled","start-time":"2031-03-04T09:00:00Z","end-time":"2031-03-04T09:30:00Z","add-video-channel":false,"description":"Warbling"}}}}"#
        );
        text
    })
}

/// Creates the command with a umask that removes no permission.
fn onboard(clinic: &TestClinic, options: &[&str]) -> Command {
    let mut command = clinic.env.command("sh");
    command.env("CARIUM_QUEUE_KEY", KEY);
    command.args(["-c", "umask 000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_carium"), "onboard", INPUT]);
    command.args(["--documents", DOCUMENTS, "--log", "trace.log", "--report", "report.csv"]);
    command.args(["--metrics", METRICS, "--verbose"]).args(options);
    command
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { [files_below(&path), vec![path]].concat() } else { vec![path] })
        .collect()
}

fn assert_has_no_canary(name: &str, content: &[u8], secrets: &[&str]) {
    let text = String::from_utf8_lossy(content);
    for canary in CANARIES.iter().chain(secrets) {
        assert!(!text.contains(canary), "{name} contains {canary}");
    }
}

/// Parts of presigned URLs and forms.
const PRESIGNED: [&str; 2] = ["X-Amz-Signature", "x-amz-signature"];

/// Checks the content and the permissions of all files, and returns how many there are.
fn audit(clinic: &TestClinic) -> usize {
    let root = clinic.env.directory();
    let inputs = [root.join(INPUT), root.join(DOCUMENTS)];
    let files =
        files_below(root).into_iter().filter(|path| !inputs.iter().any(|input| path.starts_with(input)));
    let files: Vec<_> = files.collect();
    for path in &files {
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        if path.is_dir() {
            assert_eq!(mode, 0o700, "{name}");
            continue;
        }
        assert_eq!(mode, if name == METRICS { 0o644 } else { 0o600 }, "{name}");
        let content = fs::read(path).unwrap();
        assert_has_no_canary(&name, &content, &[PASSWORD, "Bearer "]);
        // A queue in a file has the forms of uploads in progress.
        if !name.contains(".db") {
            assert_has_no_canary(&name, &content, &PRESIGNED);
        }
    }
    files.len()
}

/// Starts a run, kills it in the middle, and finishes it, with a refusal. Calls a function after both.
async fn run_killed_and_finished(clinic: &TestClinic, options: &[&str], mut audit: impl FnMut()) {
    clinic.write(INPUT, &rows(40));
    fs::create_dir(clinic.env.directory().join(DOCUMENTS)).unwrap();
    clinic.write(&format!("{DOCUMENTS}/letter.txt"), "Featherloss");
    let hang = "[[fault]]\non = \"create_patient\"\ncalls = \"8-\"\ndo = \"hang\"\n";
    clinic.fake().set_faults(hang.parse::<FaultPlan>().unwrap());
    let documents = || clinic.fake().documents().iter().filter(|document| document.is_processed).count();
    let before = documents();
    let mut process = onboard(clinic, options).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while documents() < before + 5 {
        assert!(process.try_wait().unwrap().is_none(), "the run ended");
        sleep(Duration::from_millis(10)).await;
    }
    process.kill().unwrap();
    process.wait().unwrap();
    audit();

    let reject = "[[fault]]\non = \"create_patient\"\ndo = \"respond\"\nstatus = 422\n";
    clinic.fake().set_faults(reject.parse::<FaultPlan>().unwrap());
    let output = output_of(onboard(clinic, options)).await;
    assert_eq!(output.code, Some(7), "calls in flight at the kill, and a refusal, are parked: {output:?}");
    assert_has_no_canary("stdout", output.stdout.as_bytes(), &[PASSWORD]);
    assert_has_no_canary("stderr", output.stderr.as_bytes(), &[PASSWORD]);
    let report = fs::read_to_string(clinic.env.directory().join("report.csv")).unwrap();
    for state in ["completed", "failed", "unknown"] {
        assert!(report.contains(&format!(",{state},")), "{report}");
    }
    audit();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_killed_and_finished_runs_are_private_and_contain_no_canary() {
    let clinic = TestClinic::start().await;
    let mut counts = Vec::new();
    run_killed_and_finished(&clinic, &[], || {
        counts.push(audit(&clinic));
        let files = files_below(clinic.env.directory());
        // A killed run leaves the write-ahead log of its queue.
        let has_log = files.iter().any(|path| path.to_string_lossy().ends_with("-wal"));
        assert!(has_log || counts.len() > 1, "{files:?}");
    })
    .await;
    assert!(counts[1] > counts[0], "the report and the metrics are new: {counts:?}");
}

/// All files of the server are searched: tables, indexes, its write-ahead log, and its log of all statements.
#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn files_of_the_server_of_a_queue_contain_no_canary() {
    let Some(server) = postgres::PostgresServer::start() else { return };
    let clinic = TestClinic::start().await;
    let queue = format!("{}?options=-c%20log_statement%3Dall", server.url());
    run_killed_and_finished(&clinic, &["--queue", &queue], || {
        audit(&clinic);
        let log = fs::read_to_string(server.folder().join("log")).unwrap();
        assert!(log.contains("INSERT INTO carium_row"), "{log}");
        for path in files_below(server.folder()).into_iter().filter(|path| path.is_file()) {
            let (name, content) = (path.display().to_string(), fs::read(&path).unwrap());
            assert_has_no_canary(&name, &content, &["Bearer ", PRESIGNED[0], PRESIGNED[1]]);
        }
    })
    .await;
}
