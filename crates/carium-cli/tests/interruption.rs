//! Interrupted commands: transfers leave no partial files, print how to continue, and continue.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::{CommandOutput, PATIENT, SandboxProcess};

/// Runs a command, and sends SIGINT once a condition holds.
fn run_and_interrupt(
    server: &SandboxProcess,
    arguments: &[&str],
    condition: impl Fn() -> bool,
) -> CommandOutput {
    run_and_signal(server, arguments, "-INT", condition)
}

/// Runs a command, and sends a signal once a condition holds.
fn run_and_signal(
    server: &SandboxProcess,
    arguments: &[&str],
    signal: &str,
    condition: impl Fn() -> bool,
) -> CommandOutput {
    let mut command = server.carium(arguments);
    let process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "timed out while waiting for the condition");
        sleep(Duration::from_millis(20));
    }
    // The condition holds shortly before the next transfer starts.
    sleep(Duration::from_millis(500));
    assert!(Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap().success());
    CommandOutput::new(&process.wait_with_output().unwrap())
}

fn file_names(directory: &Path, part: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains(part)).collect()
}

fn document_count(server: &SandboxProcess) -> usize {
    let output = server.run(&["documents", "list", "--patient", PATIENT, "--output", "ndjson"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    output.stdout.lines().count()
}

#[test]
fn continues_an_interrupted_upload_without_duplicates() {
    let server = SandboxProcess::start("[[fault]]\non = \"upload\"\ncalls = \"2\"\ndo = \"hang\"\n");
    for name in ["one.pdf", "two.pdf", "three.pdf"] {
        std::fs::write(server.directory().join(name), name).unwrap();
    }
    let upload = ["documents", "upload", "one.pdf", "two.pdf", "three.pdf", "--patient", PATIENT];
    let upload = [&upload[..], &["--class", "referral letter", "--concurrency", "1"]].concat();
    let states = server.directory().join("state/carium/uploads");
    let output = run_and_interrupt(&server, &upload, || file_names(&states, ".json").len() == 2);
    assert_eq!(output.code, Some(130), "{output:?}");
    assert!(
        output.stderr.contains("1 of 3 documents were uploaded")
            && output.stderr.contains("same command again"),
        "{output:?}"
    );
    // The state files contain a form that permits uploading.
    let group_and_other_mode = |path: &Path| {
        std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o077
    };
    assert_eq!(group_and_other_mode(&states), 0);
    for name in file_names(&states, ".json") {
        assert_eq!(group_and_other_mode(&states.join(name)), 0);
    }

    let rerun = server.run(&upload);
    assert_eq!(rerun.code, Some(0), "{rerun:?}");
    assert_eq!(rerun.stdout.matches("uploaded").count(), 3, "{rerun:?}");
    assert_eq!(document_count(&server), 3);
    assert!(file_names(&states, "").is_empty(), "the states are deleted after the last upload");
}

#[test]
fn interrupted_download_leaves_no_partial_file() {
    let server = SandboxProcess::start("[[fault]]\non = \"download\"\ncalls = \"2\"\ndo = \"hang\"\n");
    let mut ids = Vec::new();
    for name in ["one.pdf", "two.pdf"] {
        std::fs::write(server.directory().join(name), name).unwrap();
        let output = server.run(&[
            "documents",
            "upload",
            name,
            "--patient",
            PATIENT,
            "--class",
            "Referral letter",
            "-o",
            "ndjson",
        ]);
        assert_eq!(output.code, Some(0), "{output:?}");
        let id = output.stdout.split("\"id\":\"").nth(1).unwrap();
        ids.push(id[..36].to_owned());
    }
    let target = server.directory().join("letters");
    std::fs::create_dir(&target).unwrap();
    let download = ["documents", "download", &ids[0], &ids[1], "--to", "letters", "--concurrency", "1"];
    let output = run_and_interrupt(&server, &download, || file_names(&target, "one.pdf").len() == 1);
    assert_eq!(output.code, Some(130), "{output:?}");
    assert!(
        output.stderr.contains("1 of 2 documents") && output.stderr.contains(&format!("download {}", ids[1])),
        "{output:?}"
    );
    assert_eq!(file_names(&target, ""), ["one.pdf"]);

    let rerun = server.run(&["documents", "download", &ids[1], "--to", "letters"]);
    assert_eq!(rerun.code, Some(0), "{rerun:?}");
    assert_eq!(std::fs::read_to_string(target.join("two.pdf")).unwrap(), "two.pdf");
    let existing = server.run(&["documents", "download", &ids[1], "--to", "letters"]);
    assert_eq!(existing.code, Some(1), "{existing:?}");
    assert!(existing.stderr.contains("--replace"), "{existing:?}");
}

#[test]
fn interrupted_creation_reports_that_it_may_have_been_applied() {
    let server = SandboxProcess::start("[[fault]]\non = \"create_patient\"\ndo = \"hang\"\n");
    let create = ["patients", "create", "--first-name", "James", "--last-name", "Reece", "--gender", "male"];
    let create =
        [&create[..], &["--birth-date", "1980-07-04", "--email", "james.reece@example.com"]].concat();
    let start = Instant::now();
    let output = run_and_interrupt(&server, &create, || start.elapsed() > Duration::from_millis(500));
    assert_eq!(output.code, Some(130), "{output:?}");
    assert!(output.stderr.contains("may have been applied"), "{output:?}");
}

/// Checks whether SIGHUP, the lowest bit of the mask, is ignored.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & 1 == 1)
}

#[test]
fn closed_terminal_interrupts_like_ctrl_c() {
    for signal in ["-HUP", "-QUIT", "-TERM"] {
        if signal == "-HUP" && ignores_hangup() {
            eprintln!("SKIPPED SIGHUP: the tests were started with `nohup`, and programs inherit that");
            continue;
        }
        let server = SandboxProcess::start("[[fault]]\non = \"upload\"\ncalls = \"1\"\ndo = \"hang\"\n");
        std::fs::write(server.directory().join("one.pdf"), "one").unwrap();
        let upload = ["documents", "upload", "one.pdf", "--patient", PATIENT, "--class", "referral letter"];
        let states = server.directory().join("state/carium/uploads");
        let output = run_and_signal(&server, &upload, signal, || file_names(&states, ".json").len() == 1);
        assert_eq!(output.code, Some(130), "{signal}: {output:?}");
        assert!(output.stderr.contains("same command again"), "{signal}: {output:?}");
    }
}
