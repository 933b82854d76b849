//! Runs the programs of the vendor's Examples page against the sandbox. They are clients that are independent of this
//! workspace and show how the vendor expects the API to be used.
//!
//! `page_programs/` contains the programs as the page shows them, except for corrected typos, which a comment at the
//! top of each program lists. The test replaces the host and the path of the uploaded file. The programs need Python
//! and `requests`, which are installed into cargo's target directory. If that fails, the test is skipped with a
//! message.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/python.rs"]
mod python;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use carium_mock::Sandbox;

const REQUIREMENTS: &str = include_str!("page_programs/requirements.txt");
/// The programs in the order of the page.
const PROGRAMS: [&str; 11] = [
    "login",
    "create_patient",
    "send_invitation",
    "create_appointment",
    "get_appointment",
    "update_appointment",
    "delete_appointment",
    "list_classes",
    "upload_document",
    "list_documents",
    "download_document",
];
const FIRST: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";

#[tokio::test]
async fn example_programs_of_the_vendor_run_against_the_sandbox() {
    let python = match python::install("page-programs", REQUIREMENTS) {
        Ok(python) => python,
        Err(reason) => return skip(&reason),
    };
    let sandbox = Sandbox::start().await.unwrap();
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let programs = ExamplePrograms::prepare(python, &sandbox, &content);
    let fake = sandbox.fake();
    let appointment = |id: &str| fake.appointments().into_iter().find(|(other, _)| other.to_string() == id);
    for name in PROGRAMS {
        let output = programs.run(name).await;
        match name {
            "create_patient" => {
                let (_, patient) = &fake.patients()[0];
                assert_eq!(patient.email.as_ref().unwrap().as_str(), "james.reece@example.com");
                assert_eq!(patient.individual_group_ids.len(), 2);
            }
            "send_invitation" => assert_eq!(fake.invitations_to("example@example.com").len(), 1),
            "create_appointment" => assert_eq!(fake.appointments().len(), 2),
            "update_appointment" => {
                let (_, updated) = appointment(FIRST).unwrap();
                assert_eq!(updated.start_time, "2022-01-01T10:00:00Z".parse().unwrap());
            }
            "delete_appointment" => assert!(appointment(FIRST).is_none()),
            "upload_document" => {
                let document = &fake.documents()[0];
                assert!(document.is_processed);
                assert!(fake.document_bytes(document.id).unwrap() == content);
            }
            "list_documents" => {
                let is_listed = output.windows(16).any(|part| part == b"Example Document");
                assert!(is_listed, "the uploaded document is not in the list");
            }
            "download_document" => assert!(output == content),
            _ => {}
        }
    }
    // All requests of the programs conform to the spec.
    assert_eq!(sandbox.violations(), []);
    assert!(sandbox.object_store().calls().iter().all(|call| !call.has_authorization));
}

/// The programs in a temporary directory, configured for a sandbox.
struct ExamplePrograms {
    python: PathBuf,
    folder: tempfile::TempDir,
}

impl ExamplePrograms {
    fn prepare(python: PathBuf, sandbox: &Sandbox, content: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("example.pdf");
        fs::write(&file, content).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page_programs");
        for name in PROGRAMS {
            let name = format!("{name}.py");
            let program = fs::read_to_string(source.join(&name)).unwrap();
            let program = program
                .replace("https://api.carium.com", sandbox.url())
                .replace("/path/to/example.pdf", file.to_str().unwrap());
            fs::write(folder.path().join(&name), program).unwrap();
        }
        Self { python, folder }
    }

    /// Runs a program and returns its standard output.
    async fn run(&self, name: &str) -> Vec<u8> {
        let mut command = Command::new(&self.python);
        // Bypasses a configured proxy for requests to the local sandbox.
        command.arg(format!("{name}.py")).current_dir(&self.folder).env("NO_PROXY", "*");
        // The sandbox runs on this thread, which must not be blocked.
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name} failed with {}: {stderr}", output.status);
        output.stdout
    }
}

/// Reports that the test is skipped. Writes directly to stderr, because the test harness captures the output of
/// `eprintln!` and shows it only if the test fails.
fn skip(reason: &str) {
    std::io::stderr().write_all(format!("SKIPPED page_programs: {reason}\n").as_bytes()).unwrap();
}
