//! Transfers that are interrupted leave nothing half-written, say how to go on, and go on.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::{PATIENT, Said, Server};

/// Runs a command, and interrupts it once this holds.
fn interrupted(server: &Server, arguments: &[&str], is_time: impl Fn() -> bool) -> Said {
    let mut command = server.carium(arguments);
    let process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begin = Instant::now();
    while !is_time() {
        assert!(begin.elapsed() < Duration::from_secs(20), "what is waited for does not come");
        sleep(Duration::from_millis(20));
    }
    // What is there is a moment before the bytes are on their way.
    sleep(Duration::from_millis(500));
    assert!(Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap().success());
    Said::of(&process.wait_with_output().unwrap())
}

fn names(folder: &Path, part: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains(part)).collect()
}

fn documents(server: &Server) -> usize {
    let said = server.run(&["documents", "list", "--patient", PATIENT, "--output", "ndjson"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    said.out.lines().count()
}

#[test]
fn an_upload_goes_on_and_files_nothing_twice() {
    let server = Server::start("[[fault]]\non = \"upload\"\ncalls = \"2\"\ndo = \"silence\"\n");
    for name in ["one.pdf", "two.pdf", "three.pdf"] {
        std::fs::write(server.folder().join(name), name).unwrap();
    }
    let upload = ["documents", "upload", "one.pdf", "two.pdf", "three.pdf", "--patient", PATIENT];
    let upload = [&upload[..], &["--class", "referral letter", "--concurrency", "1"]].concat();
    let kept = server.folder().join("state/carium/uploads");
    let said = interrupted(&server, &upload, || names(&kept, ".json").len() == 2);
    assert_eq!(said.code, Some(130), "{said:?}");
    assert!(
        said.err.contains("1 of 3 documents are filed") && said.err.contains("same command again"),
        "{said:?}"
    );
    // With a form in it, which is a right to upload.
    let mode = |path: &Path| {
        std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o077
    };
    assert_eq!(mode(&kept), 0);
    for name in names(&kept, ".json") {
        assert_eq!(mode(&kept.join(name)), 0);
    }

    let again = server.run(&upload);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(again.out.matches("filed").count(), 3, "{again:?}");
    assert_eq!(documents(&server), 3);
    assert!(names(&kept, "").is_empty(), "nothing is left to go on with");
}

#[test]
fn a_download_leaves_nothing_half_written() {
    let server = Server::start("[[fault]]\non = \"download\"\ncalls = \"2\"\ndo = \"silence\"\n");
    let mut ids = Vec::new();
    for name in ["one.pdf", "two.pdf"] {
        std::fs::write(server.folder().join(name), name).unwrap();
        let said = server.run(&[
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
        assert_eq!(said.code, Some(0), "{said:?}");
        let id = said.out.split("\"id\":\"").nth(1).unwrap();
        ids.push(id[..36].to_owned());
    }
    let target = server.folder().join("letters");
    std::fs::create_dir(&target).unwrap();
    let download = ["documents", "download", &ids[0], &ids[1], "--to", "letters", "--concurrency", "1"];
    let said = interrupted(&server, &download, || names(&target, "one.pdf").len() == 1);
    assert_eq!(said.code, Some(130), "{said:?}");
    assert!(
        said.err.contains("1 of 2 documents") && said.err.contains(&format!("download {}", ids[1])),
        "{said:?}"
    );
    assert_eq!(names(&target, ""), ["one.pdf"]);

    let again = server.run(&["documents", "download", &ids[1], "--to", "letters"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(std::fs::read_to_string(target.join("two.pdf")).unwrap(), "two.pdf");
    let kept = server.run(&["documents", "download", &ids[1], "--to", "letters"]);
    assert_eq!(kept.code, Some(1), "{kept:?}");
    assert!(kept.err.contains("--replace"), "{kept:?}");
}

#[test]
fn a_creation_that_is_interrupted_may_have_happened() {
    let server = Server::start("[[fault]]\non = \"create_patient\"\ndo = \"silence\"\n");
    let create = ["patients", "create", "--first-name", "James", "--last-name", "Reece", "--gender", "male"];
    let create =
        [&create[..], &["--birth-date", "1980-07-04", "--email", "james.reece@example.com"]].concat();
    let begin = Instant::now();
    let said = interrupted(&server, &create, || begin.elapsed() > Duration::from_millis(500));
    assert_eq!(said.code, Some(130), "{said:?}");
    assert!(said.err.contains("it may have been done"), "{said:?}");
}
