//! `carium onboard` and `carium worker` as an operator uses them: processes on one queue that are killed and
//! interrupted, and rows that are resolved and retried.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use carium::api::types::NewPatient;
use carium_bulk::RowState;
use carium_mock::FaultPlan;
use serde_json::Value;
use support::CommandOutput;
use support::clinic::{HEADER, ROWS, Summary, TestClinic, clinic_dir, output_of, row};

fn has_username(patient: &NewPatient, username: &str) -> bool {
    patient.username.as_ref().is_some_and(|value| value.as_str() == username)
}

async fn wait_until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_mins(1), "timed out while waiting for the condition");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

async fn wait_for(process: Child) -> CommandOutput {
    CommandOutput::new(
        &tokio::task::spawn_blocking(move || process.wait_with_output().unwrap()).await.unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn onboards_each_patient_once_in_repeated_runs() {
    let clinic = TestClinic::start().await;
    let before = clinic.fake().patients().len();
    let first = clinic.run_onboard(&["--output", "json"]).await;
    assert_eq!(first.code, Some(0), "{first:?}");
    let all_completed = Summary {
        rows: 200,
        completed: 200,
        pending: 0,
        running: 0,
        failed: 0,
        unknown: 0,
        newly_completed: 200,
        queue: "clinic.db".to_owned(),
    };
    assert_eq!(Summary::parse(&first), all_completed);
    clinic.assert_each_patient_exists_once(before);
    let second = clinic.run_onboard(&["--output", "json"]).await;
    let summary = Summary::parse(&second);
    assert_eq!((second.code, summary.newly_completed, summary.completed), (Some(0), 0, 200), "{second:?}");
    clinic.assert_each_patient_exists_once(before);
    let report = clinic.run_subcommand(&["report"]).await;
    assert_eq!(report.stdout.lines().count(), 1 + ROWS, "{report:?}");
    let report = clinic.run_subcommand(&["report", "--output", "json"]).await;
    assert_eq!(serde_json::from_str::<Vec<Value>>(&report.stdout).unwrap().len(), ROWS);
}

#[tokio::test(flavor = "multi_thread")]
async fn sends_nothing_if_a_row_is_invalid() {
    let clinic = TestClinic::start().await;
    let before = clinic.fake().patients().len();
    let mut command = clinic.env.carium(&["onboard"]);
    command.arg(clinic_dir().join("wrong.csv")).env("CARIUM_PASSWORD", "wrong");
    let output = output_of(command).await;
    assert_eq!(output.code, Some(3), "the file is validated before the sign-in: {output:?}");
    assert_eq!(output.stderr.lines().filter(|line| line.starts_with("line ")).count(), 10);
    assert!(
        !output.stderr.contains("1990-02-30") && !output.stderr.contains("pigeon"),
        "values must not be printed: {output:?}"
    );
    assert_eq!(clinic.fake().patients().len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn loses_and_duplicates_nothing_after_twenty_kills() {
    let clinic = TestClinic::start().await;
    let before = clinic.fake().patients().len();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20 {
        // At this rate there is work left for all twenty runs.
        let mut process = spawn(clinic.onboard(&["--rate", "60/s"]));
        tokio::time::sleep(Duration::from_millis(random.u64(100..900))).await;
        process.kill().unwrap();
        process.wait().unwrap();
    }
    let mut last = clinic.run_onboard(&["--rate", "none"]).await;
    let mut resolved = 0;
    for _ in 0..5 {
        let status = clinic.status().await;
        let Summary { completed, pending, running, failed, unknown, .. } = status;
        assert_eq!(completed + pending + running + failed + unknown, ROWS as u64, "{status:?}");
        if last.code == Some(0) {
            break;
        }
        assert_eq!((last.code, failed), (Some(7), 0), "{last:?}");
        let parked = clinic.run_subcommand(&["parked", "--output", "ndjson"]).await;
        for line in parked.stdout.lines() {
            resolved += 1;
            clinic.resolve(&serde_json::from_str(line).unwrap()).await;
        }
        last = clinic.run_onboard(&[]).await;
    }
    assert_eq!(last.code, Some(0), "{last:?}");
    // At most the 16 rows in progress at each kill.
    assert!(resolved <= 20 * 16, "{resolved}");
    clinic.assert_each_patient_exists_once(before);
    assert_eq!(clinic.status().await.completed, ROWS as u64);
}

impl TestClinic {
    /// Resolves a parked row as an operator would, with the data of the sandbox.
    async fn resolve(&self, parked: &Value) {
        let (row, step) = (parked["row"].to_string(), parked["step"].as_str().unwrap());
        let file = std::fs::read_to_string(clinic_dir().join("patients.csv")).unwrap();
        let mut rows = csv::Reader::from_reader(file.as_bytes());
        let columns = rows.headers().unwrap().clone();
        let line = parked["line"].as_u64().unwrap();
        let record =
            rows.records().map(Result::unwrap).find(|row| row.position().unwrap().line() == line).unwrap();
        let field = |name: &str| record[columns.iter().position(|column| column == name).unwrap()].to_owned();
        let username = [field("username"), field("email"), field("mobile-phone")]
            .into_iter()
            .find(|name| !name.is_empty());
        let username = username.unwrap();
        let patients = self.fake().patients();
        let patient =
            patients.iter().find(|(_, patient)| has_username(patient, &username)).map(|(id, _)| *id);
        let created = match step {
            "patient" => patient.map(|id| id.to_string()),
            "appointment" => {
                let appointments = self.fake().appointments();
                let booked = appointments.iter().find(|(_, booked)| Some(booked.individual_id) == patient);
                booked.map(|(id, _)| id.to_string())
            }
            invitation => {
                assert!(invitation.starts_with("invite["), "the worker resolves {invitation} itself");
                let sent = !self.fake().invitations_to(&username).is_empty();
                let resolution = if sent { "--sent" } else { "--not-created" };
                let output = self.run_subcommand(&["resolve", &row, "--step", step, resolution]).await;
                assert_eq!(output.code, Some(0), "{output:?}");
                return;
            }
        };
        let output = match created {
            Some(id) => self.run_subcommand(&["resolve", &row, "--step", step, "--created", &id]).await,
            None => self.run_subcommand(&["resolve", &row, "--step", step, "--not-created"]).await,
        };
        assert_eq!(output.code, Some(0), "{output:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn interruption_finishes_calls_in_flight_and_the_next_run_continues() {
    let clinic = TestClinic::start().await;
    let before = clinic.fake().patients().len();
    let process = spawn(clinic.onboard(&["--rate", "60/s", "--concurrency", "4"]));
    wait_until(|| clinic.fake().patients().len() > before + 5).await;
    let kill = Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = wait_for(process).await;
    assert_eq!(output.code, Some(130), "{output:?}");
    assert!(
        output.stderr.contains("finishing the calls in flight") && output.stderr.contains("the same command"),
        "{output:?}"
    );
    let status = clinic.status().await;
    assert_eq!((status.running, status.unknown), (0, 0), "{status:?}");
    assert!(status.pending > 0, "{status:?}");
    let rerun = clinic.run_onboard(&["--rate", "none"]).await;
    assert_eq!(rerun.code, Some(0), "{rerun:?}");
    clinic.assert_each_patient_exists_once(before);
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_resolves_and_retries_parked_rows() {
    let clinic = TestClinic::start().await;
    clinic.fake().set_faults(
        "[[fault]]\non = \"create_patient\"\ncalls = \"1\"\ndo = \"lose-response\"\n
         [[fault]]\non = \"create_patient\"\ncalls = \"2\"\ndo = \"respond\"\nstatus = 422\n"
            .parse::<FaultPlan>()
            .unwrap(),
    );
    clinic.write("few.csv", &format!("{HEADER}\n{}{}{}", row("canary-a"), row("canary-b"), row("canary-c")));
    let onboard = async |options: &[&str]| {
        let mut command =
            clinic.env.carium(&["onboard", "few.csv", "--queue", "clinic.db", "--concurrency", "1"]);
        command.args(options);
        output_of(command).await
    };
    let first = onboard(&["--log", "trace.log"]).await;
    assert_eq!(first.code, Some(7), "{first:?}");
    for text in
        ["patient: the request was sent, but the response was lost", "onboard retry", "onboard resolve"]
    {
        assert!(first.stderr.contains(text), "{text}: {first:?}");
    }
    let status = clinic.status().await;
    assert_eq!([status.completed, status.failed, status.unknown], [1, 1, 1]);
    let parked = clinic.run_subcommand(&["parked", "--output", "json"]).await;
    let parked: Vec<Value> = serde_json::from_str(&parked.stdout).unwrap();
    assert_eq!(parked.len(), 2, "{parked:?}");
    let row_in_state = |state: RowState| {
        parked.iter().find(|row| row["state"] == state.as_str()).unwrap()["row"].to_string()
    };
    let (unknown, failed) = (row_in_state(RowState::Unknown), row_in_state(RowState::Failed));
    // Invalid commands change nothing and print a hint.
    for arguments in [
        vec!["resolve", &failed, "--not-created"],
        vec!["resolve", &unknown, "--sent"],
        vec!["resolve", &unknown, "--step", "appointment", "--not-created"],
        vec!["resolve", "999", "--not-created"],
        vec!["retry", "999"],
    ] {
        clinic.assert_invalid(&arguments).await;
    }
    let patients = clinic.fake().patients();
    let (id, _) = patients.iter().find(|(_, patient)| has_username(patient, "canary-a@example.com")).unwrap();
    clinic
        .write("wrong.csv", &format!("row,decision,id\n999,sent,\n{unknown},sent,\n{failed},not-created,\n"));
    let wrong = clinic.run_subcommand(&["resolve", "--from", "wrong.csv"]).await;
    assert!(wrong.code == Some(3) && wrong.stderr.contains("3 decisions are invalid"), "{wrong:?}");
    assert_eq!(wrong.stderr.lines().filter(|line| line.starts_with("line ")).count(), 3, "{wrong:?}");
    clinic.write("decisions.csv", &format!("row,decision,id\n{unknown},created,{id}\n"));
    assert_eq!(clinic.run_subcommand(&["resolve", "--from", "decisions.csv"]).await.code, Some(0));
    assert_eq!(clinic.run_subcommand(&["retry"]).await.code, Some(0));
    let rerun = onboard(&[]).await;
    assert_eq!(rerun.code, Some(0), "{rerun:?}");
    assert_eq!(clinic.fake().patients().len(), patients.len() + 1);
    // A row that changed after submission is reported, and the change is not applied.
    clinic.write("few.csv", &format!("{HEADER}\n{}", row("canary-a").replace("1984", "1988")));
    let changed = onboard(&[]).await;
    assert!(changed.code == Some(7) && changed.stderr.contains("line 2"), "{changed:?}");
    let trace = std::fs::read_to_string(clinic.env.directory().join("trace.log")).unwrap();
    for text in [&first.stderr, &rerun.stderr, &changed.stderr, &trace, &format!("{parked:?}")] {
        assert!(!text.to_lowercase().contains("canary") && !text.contains("-02-29"), "{text}");
    }
    // The queue is moved on purpose only, and then belongs to the new base URL.
    let (old, new) = (clinic.sandbox.url(), "https://carium.example.com");
    clinic.assert_invalid(&["retarget", "--from", new, "--to", old]).await;
    let moved = clinic.run_subcommand(&["retarget", "--from", old, "--to", new]).await;
    assert_eq!(moved.code, Some(0), "{moved:?}");
    assert_eq!(onboard(&[]).await.code, Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn stops_at_max_failures() {
    let clinic = TestClinic::start().await;
    let faults = "[[fault]]\non = \"create_patient\"\ncalls = \"every\"\ndo = \"respond\"\nstatus = 422\n";
    clinic.fake().set_faults(faults.parse::<FaultPlan>().unwrap());
    let output = clinic
        .run_onboard(&["--max-failures", "5", "--concurrency", "1", "--rate", "20/s", "--output", "json"])
        .await;
    assert!(output.code == Some(7) && output.stderr.contains("--max-failures"), "{output:?}");
    let summary = Summary::parse(&output);
    assert!((5..8).contains(&summary.failed) && summary.pending > 0, "{summary:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn outage_parks_no_row_and_the_same_command_continues() {
    let clinic = TestClinic::start().await;
    for (status, code) in [(503, 6), (403, 5)] {
        let faults = format!(
            "[[fault]]\non = \"create_patient\"\ncalls = \"every\"\ndo = \"respond\"\nstatus = {status}\n"
        );
        clinic.fake().set_faults(faults.parse::<FaultPlan>().unwrap());
        let output = clinic.run_onboard(&["--max-outage", "2s", "--output", "json"]).await;
        assert_eq!(output.code, Some(code), "{output:?}");
        assert!(
            output.stderr.contains("paused since ") && output.stderr.contains("next attempt at "),
            "{output:?}"
        );
        assert!(output.stderr.contains("its rows stay pending"), "{output:?}");
        let summary = Summary::parse(&output);
        assert_eq!((summary.pending, summary.failed + summary.unknown), (summary.rows, 0), "{summary:?}");
        let status = clinic.run_subcommand(&["status"]).await;
        assert!(status.stderr.contains("paused since "), "{status:?}");
    }
    clinic.fake().clear_faults();
    let output = clinic.run_onboard(&["--output", "json"]).await;
    assert_eq!(output.code, Some(0), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_stdout_does_not_hide_a_failure() {
    let clinic = TestClinic::start().await;
    let program = env!("CARGO_BIN_EXE_carium");
    let invalid_file = clinic_dir().join("wrong.csv");
    let script = format!("'{program}' onboard '{}' -o ndjson; echo $? >&2", invalid_file.display());
    let mut command = clinic.env.command("sh");
    command.args(["-c", &format!("({script}) | true")]);
    let output = output_of(command).await;
    assert!(output.stderr.ends_with("3\n"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn corrected_row_replaces_a_rejected_one() {
    let clinic = TestClinic::start().await;
    let faults = "[[fault]]\non = \"create_patient\"\ndo = \"respond\"\nstatus = 422\n";
    clinic.fake().set_faults(faults.parse::<FaultPlan>().unwrap());
    clinic.write("few.csv", &format!("{HEADER}\n{}", row("a")));
    let onboard =
        async || output_of(clinic.env.carium(&["onboard", "few.csv", "--queue", "clinic.db"])).await;
    assert_eq!(onboard().await.code, Some(7));
    clinic.write("few.csv", &format!("{HEADER}\n{}", row("a").replace("1984", "1988")));
    let corrected = onboard().await;
    assert!(
        corrected.code == Some(0) && corrected.stderr.contains("with the corrected version"),
        "{corrected:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_reports_parked_rows_and_creates_no_queue() {
    let clinic = TestClinic::start().await;
    let typo = output_of(clinic.env.carium(&["worker", "--queue", "typo.db", "--until-settled"])).await;
    assert!(typo.code == Some(3) && !clinic.env.directory().join("typo.db").exists(), "{typo:?}");
    let faults = "[[fault]]\non = \"create_patient\"\ncalls = \"every\"\ndo = \"respond\"\nstatus = 422\n";
    clinic.fake().set_faults(faults.parse::<FaultPlan>().unwrap());
    clinic.write("few.csv", &format!("{HEADER}\n{}", row("a")));
    assert_eq!(
        output_of(clinic.env.carium(&["onboard", "few.csv", "--queue", "clinic.db"])).await.code,
        Some(7)
    );
    assert_eq!(clinic.run_subcommand(&["retry"]).await.code, Some(0));
    let worked = output_of(clinic.env.carium(&["worker", "--queue", "clinic.db", "--until-settled"])).await;
    assert!(worked.code == Some(7) && worked.stderr.contains("1 row is parked"), "{worked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn finds_the_queue_of_a_file_by_path_or_content() {
    let clinic = TestClinic::start().await;
    let before = clinic.fake().patients().len();
    clinic.write("few.csv", &format!("{HEADER}\n{}", row("a")));
    let onboard = async |file: &str| output_of(clinic.env.carium(&["onboard", file])).await;
    assert_eq!(onboard("few.csv").await.code, Some(0));
    // Rows are added, then the file is moved.
    clinic.write("few.csv", &format!("{HEADER}\n{}{}", row("a"), row("b")));
    assert_eq!(onboard("few.csv").await.code, Some(0));
    std::fs::rename(clinic.env.directory().join("few.csv"), clinic.env.directory().join("moved.csv"))
        .unwrap();
    let moved = onboard("moved.csv").await;
    assert!(moved.code == Some(0) && moved.stderr.contains("2 of 2 rows were submitted before"), "{moved:?}");
    assert_eq!(clinic.fake().patients().len(), before + 2);
    let status = output_of(clinic.env.carium(&["onboard", "status", "-o", "json"])).await;
    let status = Summary::parse(&status);
    assert_eq!(status.completed, 2);
    let queue = status.queue.as_str();
    let worked = output_of(clinic.env.carium(&["worker", "--queue", queue, "--until-settled"])).await;
    assert_eq!(worked.code, Some(0), "{worked:?}");
    // The queue is bound to one server.
    let mut other = clinic.env.carium(&["--sandbox", "worker", "--queue", queue, "--until-settled"]);
    other.env_remove("CARIUM_BASE_URL");
    let other = output_of(other).await;
    assert!(other.code == Some(3) && other.stderr.contains("another base URL"), "{other:?}");
}
