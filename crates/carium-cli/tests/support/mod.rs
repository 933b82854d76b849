//! Helpers for tests that run the program in its own processes: a sandbox server, and commands that call it.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod clinic;

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// The encryption key of queues on a server.
pub(crate) const KEY: &str = "6120333220627974652d6b657920666f7220746573747320616e64206e6f2031";
pub(crate) const PATIENT: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";

/// An isolated environment for commands that call one server: a working directory that is also the home directory.
pub(crate) struct TestEnv {
    base_url: String,
    directory: TempDir,
}

impl TestEnv {
    pub(crate) fn new(base_url: &str) -> Self {
        Self { base_url: base_url.to_owned(), directory: tempfile::tempdir().unwrap() }
    }

    /// Returns the working directory of the commands.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Creates a command whose only settings are environment variables for the server.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        for name in [
            "CONFIG",
            "OUTPUT",
            "PROFILE",
            "TOTP_SECRET",
            "MFA_USERNAME",
            "QUEUE",
            "QUEUE_KEY",
            "CA_FILE",
            "CLIENT_CERTIFICATE_FILE",
        ] {
            command.env_remove(format!("CARIUM_{name}"));
        }
        command
            .env("CARIUM_BASE_URL", &self.base_url)
            .env("CARIUM_USERNAME", "username")
            .env("CARIUM_PASSWORD", "password")
            .env("CARIUM_ORGANIZATION_ID", "8d25a2a6-8219-40d1-a34f-c24ec69f4f72")
            .env("HOME", self.directory())
            .env("XDG_CONFIG_HOME", self.directory().join("config"))
            .env("XDG_STATE_HOME", self.directory().join("state"))
            .current_dir(self.directory())
            .stdin(Stdio::null());
        command
    }

    /// Creates a `carium` command with these arguments.
    pub(crate) fn carium(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_carium"));
        command.args(arguments);
        command
    }
}

/// A `carium sandbox` process, and an environment for commands that call it. The process is killed on drop.
pub(crate) struct SandboxProcess {
    process: Child,
    env: TestEnv,
}

impl SandboxProcess {
    /// Starts a sandbox with a fault plan in TOML.
    pub(crate) fn start(faults: &str) -> Self {
        let mut plan = tempfile::NamedTempFile::new().unwrap();
        plan.write_all(faults.as_bytes()).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_carium"))
            .arg("sandbox")
            .arg("--faults")
            .arg(plan.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("listening on ").unwrap();
        assert!(url.starts_with("http://127.0.0.1:"), "{line}");
        Self { process, env: TestEnv::new(url) }
    }

    /// Runs `carium` with these arguments.
    pub(crate) fn run(&self, arguments: &[&str]) -> CommandOutput {
        CommandOutput::new(&self.carium(arguments).output().unwrap())
    }
}

impl std::ops::Deref for SandboxProcess {
    type Target = TestEnv;

    fn deref(&self) -> &TestEnv {
        &self.env
    }
}

impl Drop for SandboxProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The output of a command as text, and its exit code.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl CommandOutput {
    pub(crate) fn new(output: &std::process::Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

/// Returns whether `strace` can be used. Prints a message if it cannot.
pub(crate) fn has_strace() -> bool {
    let status =
        Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    let can_be_used = status.is_ok_and(|status| status.success());
    if !can_be_used {
        // The test harness does not capture direct writes to stderr, so the message is visible.
        let message =
            "SKIPPED a test of system calls: `strace` is not installed, or tracing is not permitted";
        let _ = writeln!(io::stderr(), "{message}");
    }
    can_be_used
}
