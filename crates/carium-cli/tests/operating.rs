//! What an operator of a queue reads and writes beside it: reports, metrics, copies of failed rows, and orphans.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use carium_mock::FaultPlan;
use serde_json::Value;
use support::clinic::{HEADER, TestClinic, output_of, row};
use tokio::time::sleep;

const REJECT: &str = "[[fault]]\non = \"create_patient\"\ndo = \"respond\"\nstatus = 422\n";
const EXPIRE: &str = "[[fault]]\non = \"upload\"\ndo = \"expire\"\n";

impl TestClinic {
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.env.directory().join(name)).unwrap()
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.env.directory().join(name)).unwrap().permissions().mode() & 0o777
    }

    fn inject(&self, faults: &str) {
        self.fake().set_faults(faults.parse::<FaultPlan>().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_rows_are_copied_corrected_and_fed_back() {
    let clinic = TestClinic::start().await;
    clinic.inject(REJECT);
    clinic.write("few.csv", &format!("\u{feff}{HEADER}\n{}{}{}", row("a"), row("b"), row("c")));
    let onboard = async |file| output_of(clinic.env.carium(&["onboard", file, "--queue", "clinic.db"])).await;
    assert_eq!(onboard("few.csv").await.code, Some(7));
    let copy = &["parked", "--with-rows", "corrections.csv", "--output", "csv"];
    let parked = clinic.run_subcommand(copy).await;
    assert_eq!(parked.code, Some(0), "{parked:?}");
    let (heading, line) = parked.stdout.trim_end().split_once("\r\n").unwrap();
    assert_eq!(heading, "row,line,state,step,reason");
    assert!(line.contains(",failed,patient,"), "{line}");
    let copied = clinic.read("corrections.csv");
    assert_eq!(copied.lines().count(), 2, "{copied}");
    assert_eq!((copied.lines().next(), clinic.mode("corrections.csv")), (Some(HEADER), 0o600));
    // An existing file is not replaced.
    assert_eq!(clinic.run_subcommand(copy).await.code, Some(1));
    assert_eq!(clinic.read("corrections.csv"), copied);
    clinic.write("corrections.csv", &copied.replace("1984", "1988"));
    let corrected = onboard("corrections.csv").await;
    assert_eq!(corrected.code, Some(0), "{corrected:?}");
    let status = clinic.status().await;
    assert_eq!([status.rows, status.completed], [3, 3]);
    let nothing = clinic.run_subcommand(&["parked", "--with-rows", "none.csv"]).await;
    assert!(nothing.stderr.contains("no file was written"), "{nothing:?}");
    assert!(!clinic.env.directory().join("none.csv").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_writes_its_report_and_metrics_even_if_rows_are_parked() {
    let clinic = TestClinic::start().await;
    clinic.inject(REJECT);
    clinic.write("report.csv", "an earlier report");
    let output = clinic.run_onboard(&["--report", "report.csv", "--metrics", "metrics.prom"]).await;
    assert_eq!(output.code, Some(7), "{output:?}");
    assert!(output.stderr.contains("in total: 199 patients created, "), "{output:?}");
    let report = clinic.read("report.csv");
    assert_eq!((report.lines().count(), clinic.mode("report.csv")), (201, 0o600));
    assert_eq!(report.lines().filter(|line| line.contains(",failed,")).count(), 1);
    let metrics = clinic.read("metrics.prom");
    for line in [
        "carium_rows{state=\"completed\"} 199",
        "carium_rows{state=\"failed\"} 1",
        "carium_calls_total{operation=\"create_patient\",status=\"422\"} 1",
        "carium_calls_total{operation=\"create_patient\",status=\"201\"} 199",
        "carium_sign_ins_total 1",
        "carium_outage 0",
        "# EOF",
    ] {
        assert!(metrics.lines().any(|other| other == line), "{line}\n{metrics}");
    }
    assert_eq!(clinic.mode("metrics.prom"), 0o644);
    // The queue is as private as the report, although the usual umask makes new files readable.
    assert_eq!((clinic.mode("clinic.db"), clinic.mode("clinic.db-wal")), (0o600, 0o600));
    // A path that cannot be written is refused before anything is sent.
    for option in ["--report", "--metrics"] {
        let refused = clinic.run_onboard(&[option, "missing/file"]).await;
        assert!(refused.code == Some(1) && refused.stderr.contains("could not be written"), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_read_is_not_replaced() {
    let clinic = TestClinic::start().await;
    let rows = format!("{HEADER}\n{}", row("a"));
    clinic.write("few.csv", &rows);
    for option in ["--report", "--metrics", "--problems"] {
        let mut command = clinic.env.carium(&["onboard", "few.csv", "--dry-run", option]);
        command.arg(clinic.env.directory().join("./few.csv"));
        let refused = output_of(command).await;
        assert!(refused.code == Some(2) && refused.stderr.contains("would replace a file"), "{refused:?}");
        assert_eq!(clinic.read("few.csv"), rows);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orphans_are_counted_and_listed() {
    let clinic = TestClinic::start().await;
    clinic.inject(EXPIRE);
    let output = clinic.run_onboard(&["--output", "json"]).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let summary: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(summary["orphaned_documents"], 1, "{summary}");
    assert_eq!((&summary["patients"], &summary["appointments"]), (&200.into(), &150.into()), "{summary}");
    assert!(output.stderr.contains("1 document reference without a file"), "{output:?}");
    let orphans = clinic.run_subcommand(&["orphans", "--output", "json"]).await;
    let orphans: Vec<Value> = serde_json::from_str(&orphans.stdout).unwrap();
    let [orphan] = orphans.as_slice() else { panic!("{orphans:?}") };
    assert!(orphan["id"].is_string() && orphan["patient-id"].is_string(), "{orphan}");
    assert!(orphan["step"].as_str().unwrap().starts_with("documents["), "{orphan}");
}

/// A limit on the size of files has the effect of a full disk, and can be lifted like one.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_pauses_a_run_which_then_continues() {
    if Command::new("prlimit").arg("--version").output().is_err() {
        println!("skipped: `prlimit` of util-linux is not installed");
        return;
    }
    let clinic = TestClinic::start().await;
    let onboard = clinic.onboard(&["--rate", "100/s"]);
    // The signal of the limit is ignored, so that a write fails as on a full disk.
    let mut command = clinic.env.command("bash");
    command.args(["-c", "trap '' XFSZ; exec \"$@\"", "bash"]);
    command.arg(onboard.get_program()).args(onboard.get_args());
    let mut process = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let pid = process.id().to_string();
    let limit = |limit: &str| {
        let status = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={limit}:")]).status();
        assert!(status.unwrap().success());
    };
    let messages = Arc::new(Mutex::new(String::new()));
    let (lines, text) = (BufReader::new(process.stderr.take().unwrap()).lines(), Arc::clone(&messages));
    let reader = std::thread::spawn(move || {
        lines.map_while(Result::ok).for_each(|line| *text.lock().unwrap() += &(line + "\n"));
    });
    let before = clinic.fake().patients().len();
    while clinic.fake().patients().len() < before + 10 {
        sleep(Duration::from_millis(20)).await;
    }
    limit("1");
    while !messages.lock().unwrap().contains("the disk of the queue failed or is full") {
        assert!(process.try_wait().unwrap().is_none(), "{}", messages.lock().unwrap());
        sleep(Duration::from_millis(50)).await;
    }
    // The queue can still be read.
    for subcommand in ["status", "parked", "report"] {
        let output = clinic.run_subcommand(&[subcommand]).await;
        assert_eq!(output.code, Some(0), "{output:?}");
    }
    limit("unlimited");
    let status = tokio::task::spawn_blocking(move || process.wait().unwrap()).await.unwrap();
    reader.join().unwrap();
    let text = messages.lock().unwrap().clone();
    // A call whose result could not be stored is left to a person.
    assert!([Some(0), Some(7)].contains(&status.code()), "{text}");
    assert!(text.contains("the outage is over"), "{text}");
    // Such as `paused since 09:30:00 UTC, next attempt at 09:30:01 UTC`.
    let time = |prefix: &str| text.split_once(prefix).map(|(_, rest)| &rest[..8]).unwrap();
    let (since, next) = (time("paused since "), time("next attempt at "));
    assert!(since < next || next.starts_with("00:00:"), "{text}");
    let status = clinic.status().await;
    assert_eq!((status.pending, status.failed), (0, 0), "{status:?}");
    assert!(status.unknown <= 16, "{status:?}");
}

/// While the last call of a run is in flight, another person retries the rows whose failure stopped it.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_stopped_early_does_not_succeed_because_its_rows_are_retried() {
    let clinic = TestClinic::start().await;
    clinic.inject(REJECT);
    clinic.write("few.csv", &format!("{HEADER}\n{}{}{}", row("a"), row("b"), row("c")));
    let options = ["--max-failures", "1", "--concurrency", "2", "--rate", "0.25"];
    let command =
        clinic.env.carium(&[&["onboard", "few.csv", "--queue", "clinic.db"], &options[..]].concat());
    let run = tokio::spawn(output_of(command));
    let retry = async || clinic.run_subcommand(&["retry"]).await;
    let is_called = || clinic.fake().calls().iter().any(|call| call.operation == "create_patient");
    while !is_called() || clinic.status().await.failed == 0 {
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(retry().await.code, Some(0));
    let output = run.await.unwrap();
    let status = clinic.status().await;
    assert_eq!([status.completed, status.pending], [1, 2], "{output:?}");
    assert_eq!(output.code, Some(7), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_ends_when_no_row_is_pending() {
    let clinic = TestClinic::start().await;
    let run = clinic.onboard(&["--rate", "200/s"]);
    let run = tokio::spawn(output_of(run));
    while clinic.fake().patients().len() < 3 {
        sleep(Duration::from_millis(20)).await;
    }
    let watched = clinic.run_subcommand(&["status", "--watch", "--output", "json"]).await;
    assert_eq!(watched.code, Some(0), "{watched:?}");
    let summary: Value = serde_json::from_str(&watched.stdout).unwrap();
    assert_eq!((&summary["completed"], &summary["pending"]), (&200.into(), &0.into()), "{summary}");
    assert_eq!(run.await.unwrap().code, Some(0));
}

#[cfg(not(feature = "postgres"))]
#[test]
fn a_queue_on_a_server_needs_a_feature() {
    let env = support::TestEnv::new("http://127.0.0.1:9");
    let status = ["onboard", "status", "--queue", "postgres://u:canary@db.example.com/carium"];
    let output = support::CommandOutput::new(&env.carium(&status).output().unwrap());
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("--features postgres") && !output.stderr.contains("canary"), "{output:?}");
}
