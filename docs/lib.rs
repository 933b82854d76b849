//! The guide's pages as a crate: `cargo test` compiles and runs the Rust that stands in them.

use std::env;
use std::process::Command;

use carium_mock::Sandbox;

/// Runs a program of the guide as a reader would: as a process of its own, set up by the environment for a sandbox.
///
/// The process is the doctest itself, started again.
///
/// # Panics
/// The program fails, or cannot be started.
pub fn in_a_sandbox(program: fn()) {
    const BEGUN: &str = "CARIUM_GUIDE_PROGRAM";
    if env::var_os(BEGUN).is_some() {
        return program();
    }
    let runtime = tokio::runtime::Runtime::new().expect("a test has threads");
    let sandbox = runtime.block_on(Sandbox::start()).expect("a test has ports");
    let account = sandbox.fake().account();
    let status = Command::new(env::current_exe().expect("a test is a file"))
        .env(BEGUN, "")
        .env("CARIUM_BASE_URL", sandbox.url())
        .env("CARIUM_USERNAME", account.username)
        .env("CARIUM_PASSWORD", account.password)
        .env_remove("CARIUM_TOTP_SECRET")
        .env("CARIUM_ORGANIZATION_ID", sandbox.fake().organization().to_string())
        .status()
        .expect("a test can start itself");
    assert!(status.success(), "the program ended with {status}");
}

/// A page, whose examples run.
macro_rules! page {
    ($name:ident, $path:literal) => {
        #[cfg(doctest)]
        #[doc = include_str!($path)]
        struct $name;
    };
}

page!(Start, "src/start.md");
page!(SigningIn, "src/signing-in.md");
page!(Onboarding, "src/onboarding.md");
page!(Files, "src/files.md");
page!(Queues, "src/queues.md");
page!(Operating, "src/operating.md");
page!(Machines, "src/machines.md");
page!(Documents, "src/documents.md");
page!(Errors, "src/errors.md");
page!(Phi, "src/phi.md");
page!(Regenerating, "src/regenerating.md");
page!(Upgrading, "src/upgrading.md");
