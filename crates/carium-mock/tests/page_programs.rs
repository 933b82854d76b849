//! The vendor's own programs, those of its Examples page, run against the sandbox: its authors' idea of the API, in a
//! client that knows nothing of ours.
//!
//! They stand in `page_programs/` as the page has them, with its typos mended as each says at its top. Only the host is
//! changed, and the path of the file to upload. They are of Python and `requests`, which are installed into cargo's
//! target folder; where they cannot be had, the test is skipped, and says so.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/python.rs"]
mod python;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use carium_mock::Sandbox;

const REQUIREMENTS: &str = include_str!("page_programs/requirements.txt");
/// In the order of the page.
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
async fn the_vendors_programs_run_against_the_sandbox() {
    let python = match python::install("page-programs", REQUIREMENTS) {
        Ok(python) => python,
        Err(why) => return skip(&why),
    };
    let sandbox = Sandbox::start().await.unwrap();
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let programs = Programs::prepared(python, &sandbox, &content);
    let fake = sandbox.fake();
    let appointment = |id: &str| fake.appointments().into_iter().find(|(each, _)| each.to_string() == id);
    for name in PROGRAMS {
        let said = programs.run(name).await;
        match name {
            "create_patient" => {
                let (_, patient) = &fake.patients()[0];
                assert_eq!(patient.email.as_ref().unwrap().as_str(), "james.reece@example.com");
                assert_eq!(patient.individual_group_ids.len(), 2);
            }
            "send_invitation" => assert_eq!(fake.invitations_to("example@example.com").len(), 1),
            "create_appointment" => assert_eq!(fake.appointments().len(), 2),
            "update_appointment" => {
                let (_, moved) = appointment(FIRST).unwrap();
                assert_eq!(moved.start_time, "2022-01-01T10:00:00Z".parse().unwrap());
            }
            "delete_appointment" => assert!(appointment(FIRST).is_none()),
            "upload_document" => {
                let document = &fake.documents()[0];
                assert!(document.is_processed);
                assert!(fake.document_bytes(document.id).unwrap() == content);
            }
            "list_documents" => assert!(said.windows(16).any(|part| part == b"Example Document"), "no such"),
            "download_document" => assert!(said == content),
            _ => {}
        }
    }
    // Every call was one of the contract, too.
    assert_eq!(sandbox.violations(), []);
    assert!(sandbox.object_store().calls().iter().all(|call| !call.authorization));
}

/// The programs, ready to be run.
struct Programs {
    python: PathBuf,
    folder: tempfile::TempDir,
}

impl Programs {
    fn prepared(python: PathBuf, sandbox: &Sandbox, content: &[u8]) -> Self {
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

    /// Runs one, and gives what it printed.
    async fn run(&self, name: &str) -> Vec<u8> {
        let mut command = Command::new(&self.python);
        // A proxy that is set up for others is not in the way to this machine.
        command.arg(format!("{name}.py")).current_dir(&self.folder).env("NO_PROXY", "*");
        // The sandbox answers on this thread.
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name} ended with {}: {said}", output.status);
        output.stdout
    }
}

/// Past the test harness, which shows what a test prints only where it fails.
fn skip(why: &str) {
    std::io::stderr().write_all(format!("SKIPPED page_programs: {why}\n").as_bytes()).unwrap();
}
