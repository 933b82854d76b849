//! Tests with the sandbox: the whole program, over HTTP.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use carium_mock::Sandbox;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn program_admits_register() {
    let sandbox = Sandbox::start().await.unwrap();
    let output = run_program(&sandbox, include_str!("register.ndjson")).await;
    assert!(output.contains("4711: Invited("), "{output}");
    assert!(output.contains("4712: UsernameTaken"), "{output}");
    assert!(output.contains("line 3, column "), "{output}");
    assert!(!output.contains("Zoë"), "the output contains a name");
    assert_eq!(sandbox.fake().patients().len(), 1);
}

/// Runs the program with a register on standard input, and returns its combined output.
async fn run_program(sandbox: &Sandbox, register: &'static str) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_clinic-sync"));
    program
        .env("CARIUM_BASE_URL", sandbox.url())
        .env("CARIUM_USERNAME", "username")
        .env("CARIUM_PASSWORD", "password")
        .env("CARIUM_ORGANIZATION_ID", sandbox.fake().organization().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let run = move || {
        let mut child = program.spawn().unwrap();
        child.stdin.take().unwrap().write_all(register.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}
