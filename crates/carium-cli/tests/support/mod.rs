//! The program in processes of its own: a sandbox that listens, and commands that talk to it.

#![allow(dead_code, reason = "each test uses some of it")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

pub(crate) const PATIENT: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";

/// A home for programs that talk to one server.
pub(crate) struct Home {
    url: String,
    folder: TempDir,
}

impl Home {
    pub(crate) fn of(url: &str) -> Self {
        Self { url: url.to_owned(), folder: tempfile::tempdir().unwrap() }
    }

    /// A folder for whatever the commands write.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A program that is set up for the server by its environment, and by nothing else.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        for name in
            ["CONFIG", "OUTPUT", "PROFILE", "TOTP_SECRET", "MFA_USERNAME", "QUEUE", "QUEUE_KEY"]
        {
            command.env_remove(format!("CARIUM_{name}"));
        }
        command
            .env("CARIUM_BASE_URL", &self.url)
            .env("CARIUM_USERNAME", "username")
            .env("CARIUM_PASSWORD", "password")
            .env("CARIUM_ORGANIZATION_ID", "8d25a2a6-8219-40d1-a34f-c24ec69f4f72")
            .env("HOME", self.folder())
            .env("XDG_CONFIG_HOME", self.folder().join("config"))
            .env("XDG_STATE_HOME", self.folder().join("state"))
            .current_dir(self.folder())
            .stdin(Stdio::null());
        command
    }

    /// `carium` with these arguments.
    pub(crate) fn carium(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_carium"));
        command.args(arguments);
        command
    }
}

/// A sandbox in a process of its own, and a home for programs that talk to it. Ends when it is dropped.
pub(crate) struct Server {
    process: Child,
    home: Home,
}

impl Server {
    /// One in which these faults happen.
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
        Self { process, home: Home::of(url) }
    }

    /// What `carium` says, and how it ends.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        Said::of(&self.carium(arguments).output().unwrap())
    }
}

impl std::ops::Deref for Server {
    type Target = Home;

    fn deref(&self) -> &Home {
        &self.home
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn of(output: &std::process::Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}
