//! A sandbox in the test's process, and commands that onboard patients in it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use carium_mock::{FakeCarium, Sandbox};
use serde::Deserialize;

use super::{CommandOutput, TestEnv};

/// The number of rows of the example clinic.
pub(crate) const ROWS: usize = 200;

/// The summary of a queue, as `carium onboard` and `carium onboard status` print it.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Summary {
    pub(crate) rows: u64,
    pub(crate) completed: u64,
    pub(crate) pending: u64,
    pub(crate) running: u64,
    pub(crate) failed: u64,
    pub(crate) unknown: u64,
    pub(crate) newly_completed: u64,
    pub(crate) queue: String,
}

impl Summary {
    pub(crate) fn parse(output: &CommandOutput) -> Self {
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }
}

pub(crate) fn clinic_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/clinic")
}

/// A sandbox in this process, whose data the test can read, and an environment for commands that call it.
pub(crate) struct TestClinic {
    pub(crate) sandbox: Sandbox,
    pub(crate) env: TestEnv,
}

impl TestClinic {
    pub(crate) async fn start() -> Self {
        let sandbox = Sandbox::start().await.unwrap();
        let env = TestEnv::new(sandbox.url());
        Self { sandbox, env }
    }

    pub(crate) fn fake(&self) -> &FakeCarium {
        self.sandbox.fake()
    }

    /// Creates the `carium onboard` command for the example clinic.
    pub(crate) fn onboard(&self, options: &[&str]) -> Command {
        let mut command = self.env.carium(&["onboard", "--queue", "clinic.db"]);
        command
            .arg(clinic_dir().join("patients.csv"))
            .arg("--documents")
            .arg(clinic_dir().join("documents"))
            .args(options);
        command
    }

    pub(crate) async fn run_onboard(&self, options: &[&str]) -> CommandOutput {
        output_of(self.onboard(options)).await
    }

    /// Runs a subcommand of `carium onboard`, such as `status`.
    pub(crate) async fn run_subcommand(&self, arguments: &[&str]) -> CommandOutput {
        let mut command = self.env.carium(&["onboard"]);
        command.args(arguments).args(["--queue", "clinic.db"]);
        output_of(command).await
    }

    /// Runs a subcommand of `carium onboard`, and asserts that it is refused with a hint.
    pub(crate) async fn assert_invalid(&self, arguments: &[&str]) {
        let output = self.run_subcommand(arguments).await;
        assert!(output.code == Some(3) && output.stderr.contains("hint: "), "{arguments:?}: {output:?}");
    }

    pub(crate) async fn status(&self) -> Summary {
        let output = self.run_subcommand(&["status", "--output", "json", "--verbose"]).await;
        assert_eq!(output.code, Some(0), "{output:?}");
        Summary::parse(&output)
    }

    /// Writes a file next to the queue.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.env.directory().join(name), text).unwrap();
    }

    /// Asserts that all patients of the file exist, and none twice.
    pub(crate) fn assert_each_patient_exists_once(&self, before: usize) {
        let patients = self.fake().patients();
        assert_eq!(patients.len(), before + ROWS);
        let mut counts = HashMap::new();
        for (_, patient) in &patients {
            *counts.entry(patient.username.clone()).or_insert(0) += 1;
        }
        assert!(counts.values().all(|count| *count == 1), "a patient was created twice");
    }
}

/// Runs a command without blocking the sandbox, which runs in this process.
pub(crate) async fn output_of(mut command: Command) -> CommandOutput {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    CommandOutput::new(&output)
}

/// The columns of the rows of [`row`].
pub(crate) const HEADER: &str = "first-name,last-name,birth-date,gender,email,organization-id";

/// Returns a row whose values are canaries, except the email address.
pub(crate) fn row(name: &str) -> String {
    let organization = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72";
    format!("Canary {name},Canary,1984-02-29,female,{name}@example.com,{organization}\n")
}
