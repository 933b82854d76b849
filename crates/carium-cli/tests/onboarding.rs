//! The main job as an operator meets it: processes of the program on one queue, killed, interrupted, and looked after.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use carium::api::types::NewPatient;
use carium_mock::{FakeCarium, FaultPlan, Sandbox};
use serde_json::Value;
use support::{Home, Said};

const ROWS: usize = 200;

fn clinic() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/clinic")
}

/// A sandbox in this process, whose books the test can look into, and a home for programs that talk to it.
struct Clinic {
    sandbox: Sandbox,
    home: Home,
}

impl Clinic {
    async fn open() -> Self {
        let sandbox = Sandbox::start().await.unwrap();
        let home = Home::of(sandbox.url());
        Self { sandbox, home }
    }

    fn fake(&self) -> &FakeCarium {
        self.sandbox.fake()
    }

    /// `carium onboard` of the whole clinic, on this queue.
    fn onboard(&self, more: &[&str]) -> Command {
        let mut command = self.home.carium(&["onboard", "--queue", "clinic.db"]);
        command
            .arg(clinic().join("patients.csv"))
            .arg("--documents")
            .arg(clinic().join("documents"))
            .args(more);
        command
    }

    async fn run(&self, more: &[&str]) -> Said {
        said(self.onboard(more)).await
    }

    /// A command on the books.
    async fn books(&self, arguments: &[&str]) -> Said {
        let mut command = self.home.carium(&["onboard"]);
        command.args(arguments).args(["--queue", "clinic.db"]);
        said(command).await
    }

    async fn status(&self) -> Value {
        let said = self.books(&["status", "--output", "json"]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        serde_json::from_str(&said.out).unwrap()
    }

    /// A file of rows beside the queue.
    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.home.folder().join(name), text).unwrap();
    }

    /// The people of the file, and no one twice.
    fn each_is_there_once(&self, before: usize) {
        let patients = self.fake().patients();
        assert_eq!(patients.len(), before + ROWS);
        let mut names = HashMap::new();
        for (_, patient) in &patients {
            *names.entry(patient.username.clone()).or_insert(0) += 1;
        }
        assert!(names.values().all(|count| *count == 1), "someone is there twice");
    }
}

/// Whose a patient is.
fn is_called(patient: &NewPatient, username: &str) -> bool {
    patient.username.as_ref().is_some_and(|known| known.as_str() == username)
}

/// Runs a program without holding up the sandbox, which is in this process.
async fn said(mut command: Command) -> Said {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    Said::of(&output)
}

async fn until(what: impl Fn() -> bool) {
    let begin = Instant::now();
    while !what() {
        assert!(begin.elapsed() < Duration::from_mins(1), "what is waited for does not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn spawned(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

async fn ended(process: Child) -> Said {
    Said::of(&tokio::task::spawn_blocking(move || process.wait_with_output().unwrap()).await.unwrap())
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("{name} is missing: {value}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinic_is_onboarded_once_however_often_it_is_asked_for() {
    let clinic = Clinic::open().await;
    let before = clinic.fake().patients().len();
    let first = clinic.run(&["--output", "json"]).await;
    assert_eq!(first.code, Some(0), "{first:?}");
    let told: Value = serde_json::from_str(&first.out).unwrap();
    for (name, expected) in [
        ("rows", 200),
        ("completed", 200),
        ("newly_completed", 200),
        ("pending", 0),
        ("running", 0),
        ("failed", 0),
        ("unknown", 0),
    ] {
        assert_eq!(number(&told, name), expected, "{told}");
    }
    clinic.each_is_there_once(before);
    let again = clinic.run(&["--output", "json"]).await;
    let told: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(
        (again.code, number(&told, "newly_completed"), number(&told, "completed")),
        (Some(0), 0, 200),
        "{again:?}"
    );
    clinic.each_is_there_once(before);
    let report = clinic.books(&["report"]).await;
    assert_eq!(report.out.lines().count(), 1 + ROWS, "{report:?}");
    let report = clinic.books(&["report", "--output", "json"]).await;
    assert_eq!(serde_json::from_str::<Vec<Value>>(&report.out).unwrap().len(), ROWS);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_of_a_file_in_which_something_is_wrong() {
    let clinic = Clinic::open().await;
    let before = clinic.fake().patients().len();
    let mut command = clinic.home.carium(&["onboard"]);
    command.arg(self::clinic().join("wrong.csv")).env("CARIUM_PASSWORD", "wrong");
    let said = said(command).await;
    assert_eq!(said.code, Some(3), "it is told before anyone signs in: {said:?}");
    assert_eq!(said.err.lines().filter(|line| line.starts_with("line ")).count(), 10);
    assert!(!said.err.contains("1990-02-30") && !said.err.contains("pigeon"), "no value is told: {said:?}");
    assert_eq!(clinic.fake().patients().len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_are_balanced_after_twenty_kills() {
    let clinic = Clinic::open().await;
    let before = clinic.fake().patients().len();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20 {
        // Slow enough that twenty times meet work.
        let mut process = spawned(clinic.onboard(&["--rate", "60/s"]));
        tokio::time::sleep(Duration::from_millis(random.u64(100..900))).await;
        process.kill().unwrap();
        process.wait().unwrap();
    }
    let mut last = clinic.run(&["--rate", "none"]).await;
    let mut unknown = 0;
    for _ in 0..5 {
        let status = clinic.status().await;
        let all = ["completed", "pending", "running", "failed", "unknown"].map(|name| number(&status, name));
        assert_eq!(all.iter().sum::<u64>(), ROWS as u64, "{status}");
        if last.code == Some(0) {
            break;
        }
        assert_eq!((last.code, number(&status, "failed")), (Some(7), 0), "{last:?}");
        let parked = clinic.books(&["parked", "--output", "ndjson"]).await;
        for line in parked.out.lines() {
            unknown += 1;
            clinic.resolve(&serde_json::from_str(line).unwrap()).await;
        }
        last = clinic.run(&[]).await;
    }
    assert_eq!(last.code, Some(0), "{last:?}");
    // At the most what was in flight at the kills.
    assert!(unknown <= 20 * 16, "{unknown}");
    clinic.each_is_there_once(before);
    let status = clinic.status().await;
    assert_eq!(number(&status, "completed"), ROWS as u64);
}

impl Clinic {
    /// What a person does who looks: here, into the sandbox.
    async fn resolve(&self, parked: &Value) {
        let (row, step) = (parked["row"].to_string(), parked["step"].as_str().unwrap());
        let file = std::fs::read_to_string(clinic().join("patients.csv")).unwrap();
        let mut rows = csv::Reader::from_reader(file.as_bytes());
        let heads = rows.headers().unwrap().clone();
        let line = parked["line"].as_u64().unwrap();
        let record =
            rows.records().map(Result::unwrap).find(|row| row.position().unwrap().line() == line).unwrap();
        let field = |name: &str| record[heads.iter().position(|head| head == name).unwrap()].to_owned();
        let username = [field("username"), field("email"), field("mobile-phone")]
            .into_iter()
            .find(|name| !name.is_empty());
        let username = username.unwrap();
        let patients = self.fake().patients();
        let patient = patients.iter().find(|(_, patient)| is_called(patient, &username)).map(|(id, _)| *id);
        let created = match step {
            "patient" => patient.map(|id| id.to_string()),
            "appointment" => {
                let appointments = self.fake().appointments();
                let booked = appointments.iter().find(|(_, booked)| Some(booked.individual_id) == patient);
                booked.map(|(id, _)| id.to_string())
            }
            invitation => {
                assert!(invitation.starts_with("invite["), "{invitation} is looked up by the worker");
                let sent = !self.fake().invitations_to(&username).is_empty();
                let found = if sent { "--sent" } else { "--not-created" };
                let said = self.books(&["resolve", &row, "--step", step, found]).await;
                assert_eq!(said.code, Some(0), "{said:?}");
                return;
            }
        };
        let said = match created {
            Some(id) => self.books(&["resolve", &row, "--step", step, "--created", &id]).await,
            None => self.books(&["resolve", &row, "--step", step, "--not-created"]).await,
        };
        assert_eq!(said.code, Some(0), "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_finishes_what_is_in_flight_and_the_same_command_goes_on() {
    let clinic = Clinic::open().await;
    let before = clinic.fake().patients().len();
    let process = spawned(clinic.onboard(&["--rate", "60/s", "--concurrency", "4"]));
    until(|| clinic.fake().patients().len() > before + 5).await;
    let kill = Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let said = ended(process).await;
    assert_eq!(said.code, Some(130), "{said:?}");
    assert!(
        said.err.contains("finishing what is in flight") && said.err.contains("the same command"),
        "{said:?}"
    );
    let status = clinic.status().await;
    assert_eq!((number(&status, "running"), number(&status, "unknown")), (0, 0), "{status}");
    assert!(number(&status, "pending") > 0, "{status}");
    let again = clinic.run(&["--rate", "none"]).await;
    assert_eq!(again.code, Some(0), "{again:?}");
    clinic.each_is_there_once(before);
}

const HEAD: &str = "first-name,last-name,birth-date,gender,email,organization-id";

fn row(name: &str) -> String {
    let organization = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72";
    format!("Canary,Canary,1984-02-29,female,{name}@example.com,{organization}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_looks_after_what_is_parked() {
    let clinic = Clinic::open().await;
    clinic.fake().set_faults(
        "[[fault]]\non = \"create_patient\"\ncalls = \"1\"\ndo = \"lose-answer\"\n
         [[fault]]\non = \"create_patient\"\ncalls = \"2\"\ndo = \"answer\"\nstatus = 403\n"
            .parse::<FaultPlan>()
            .unwrap(),
    );
    clinic.write("few.csv", &format!("{HEAD}\n{}{}{}", row("canary-a"), row("canary-b"), row("canary-c")));
    let few = async |more: &[&str]| {
        let mut command =
            clinic.home.carium(&["onboard", "few.csv", "--queue", "clinic.db", "--concurrency", "1"]);
        command.args(more);
        said(command).await
    };
    let first = few(&["--log", "trace.log"]).await;
    assert_eq!(first.code, Some(7), "{first:?}");
    for told in ["unknown: patient: it was sent, and the answer was lost", "onboard retry", "onboard resolve"]
    {
        assert!(first.err.contains(told), "{told}: {first:?}");
    }
    let status = clinic.status().await;
    assert_eq!(["completed", "failed", "unknown"].map(|name| number(&status, name)), [1, 1, 1]);
    let parked = clinic.books(&["parked", "--output", "json"]).await;
    let parked: Vec<Value> = serde_json::from_str(&parked.out).unwrap();
    assert_eq!(parked.len(), 2, "{parked:?}");
    let of = |state: &str| parked.iter().find(|row| row["state"] == state).unwrap()["row"].to_string();
    let (unknown, failed) = (of("unknown"), of("failed"));
    // Of what is wrong, nothing is done, and it is said what is.
    for wrong in [
        vec!["resolve", &failed, "--not-created"],
        vec!["resolve", &unknown, "--sent"],
        vec!["resolve", &unknown, "--step", "appointment", "--not-created"],
        vec!["resolve", "999", "--not-created"],
        vec!["retry", "999"],
    ] {
        let said = clinic.books(&wrong).await;
        assert!(said.code == Some(3) && said.err.contains("next: "), "{wrong:?}: {said:?}");
    }
    let patients = clinic.fake().patients();
    let (id, _) = patients.iter().find(|(_, patient)| is_called(patient, "canary-a@example.com")).unwrap();
    assert_eq!(clinic.books(&["resolve", &unknown, "--created", &id.to_string()]).await.code, Some(0));
    assert_eq!(clinic.books(&["retry"]).await.code, Some(0));
    let again = few(&[]).await;
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(clinic.fake().patients().len(), patients.len() + 1);
    // A row that says something else under a known key is told, and not guessed at.
    clinic.write("few.csv", &format!("{HEAD}\n{}", row("canary-a").replace("1984", "1988")));
    let changed = few(&[]).await;
    assert!(changed.code == Some(7) && changed.err.contains("line 2"), "{changed:?}");
    let trace = std::fs::read_to_string(clinic.home.folder().join("trace.log")).unwrap();
    for text in [&first.err, &again.err, &changed.err, &trace, &format!("{parked:?}")] {
        assert!(!text.to_lowercase().contains("canary") && !text.contains("-02-29"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_when_too_many_rows_fail() {
    let clinic = Clinic::open().await;
    let faults = "[[fault]]\non = \"create_patient\"\ncalls = \"every\"\ndo = \"answer\"\nstatus = 403\n";
    clinic.fake().set_faults(faults.parse::<FaultPlan>().unwrap());
    let said = clinic
        .run(&["--max-failures", "5", "--concurrency", "1", "--rate", "20/s", "--output", "json"])
        .await;
    assert!(said.code == Some(7) && said.err.contains("--max-failures"), "{said:?}");
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert!((5..8).contains(&number(&told, "failed")) && number(&told, "pending") > 0, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_no_longer_does_not_make_a_failure_a_success() {
    let clinic = Clinic::open().await;
    let program = env!("CARGO_BIN_EXE_carium");
    let wrong = self::clinic().join("wrong.csv");
    let script = format!("'{program}' onboard '{}' -o ndjson; echo $? >&2", wrong.display());
    let mut command = clinic.home.command("sh");
    command.args(["-c", &format!("({script}) | true")]);
    let said = said(command).await;
    assert!(said.err.ends_with("3\n"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_row_is_mended_in_the_file() {
    let clinic = Clinic::open().await;
    let faults = "[[fault]]\non = \"create_patient\"\ndo = \"answer\"\nstatus = 422\n";
    clinic.fake().set_faults(faults.parse::<FaultPlan>().unwrap());
    clinic.write("few.csv", &format!("{HEAD}\n{}", row("a")));
    let few = async || said(clinic.home.carium(&["onboard", "few.csv", "--queue", "clinic.db"])).await;
    assert_eq!(few().await.code, Some(7));
    clinic.write("few.csv", &format!("{HEAD}\n{}", row("a").replace("1984", "1988")));
    let mended = few().await;
    assert!(mended.code == Some(0) && mended.err.contains("taken as the file says now"), "{mended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_tells_what_it_parked_and_makes_no_queue() {
    let clinic = Clinic::open().await;
    let typo = said(clinic.home.carium(&["worker", "--queue", "typo.db", "--until-settled"])).await;
    assert!(typo.code == Some(3) && !clinic.home.folder().join("typo.db").exists(), "{typo:?}");
    let faults = "[[fault]]\non = \"create_patient\"\ncalls = \"every\"\ndo = \"answer\"\nstatus = 403\n";
    clinic.fake().set_faults(faults.parse::<FaultPlan>().unwrap());
    clinic.write("few.csv", &format!("{HEAD}\n{}", row("a")));
    assert_eq!(said(clinic.home.carium(&["onboard", "few.csv", "--queue", "clinic.db"])).await.code, Some(7));
    assert_eq!(clinic.books(&["retry"]).await.code, Some(0));
    let worked = said(clinic.home.carium(&["worker", "--queue", "clinic.db", "--until-settled"])).await;
    assert!(worked.code == Some(7) && worked.err.contains("1 row parked"), "{worked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_finds_its_queue_by_itself_and_a_worker_works_on_it() {
    let clinic = Clinic::open().await;
    let before = clinic.fake().patients().len();
    clinic.write("few.csv", &format!("{HEAD}\n{}", row("a")));
    let onboard = async |file: &str| said(clinic.home.carium(&["onboard", file])).await;
    assert_eq!(onboard("few.csv").await.code, Some(0));
    // It has grown, and then moved.
    clinic.write("few.csv", &format!("{HEAD}\n{}{}", row("a"), row("b")));
    assert_eq!(onboard("few.csv").await.code, Some(0));
    std::fs::rename(clinic.home.folder().join("few.csv"), clinic.home.folder().join("moved.csv")).unwrap();
    let moved = onboard("moved.csv").await;
    assert!(moved.code == Some(0) && moved.err.contains("of 2 rows, 2 were submitted before"), "{moved:?}");
    assert_eq!(clinic.fake().patients().len(), before + 2);
    let status = said(clinic.home.carium(&["onboard", "status", "-o", "json"])).await;
    let status: Value = serde_json::from_str(&status.out).unwrap();
    assert_eq!(number(&status, "completed"), 2);
    let queue = status["queue"].as_str().unwrap();
    let worked = said(clinic.home.carium(&["worker", "--queue", queue, "--until-settled"])).await;
    assert_eq!(worked.code, Some(0), "{worked:?}");
    // The queue is this server's, and no other's.
    let mut other = clinic.home.carium(&["--sandbox", "worker", "--queue", queue, "--until-settled"]);
    other.env_remove("CARIUM_BASE_URL");
    let other = said(other).await;
    assert!(other.code == Some(3) && other.err.contains("another base URL"), "{other:?}");
}
