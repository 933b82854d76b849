//! The pages of the guide as a crate, so that `cargo test` compiles and runs their Rust examples.

use std::env;
use std::process::Command;

use carium_mock::Sandbox;

/// Runs a program of the guide in its own process, with the environment variables of a new sandbox.
///
/// The process is a second instance of the running doctest.
///
/// # Panics
/// Panics if the program fails or cannot be started.
pub fn in_a_sandbox(program: fn()) {
    const IS_CHILD_VARIABLE: &str = "CARIUM_GUIDE_PROGRAM";
    if env::var_os(IS_CHILD_VARIABLE).is_some() {
        return program();
    }
    let runtime = tokio::runtime::Runtime::new().expect("the runtime starts");
    let sandbox = runtime.block_on(Sandbox::start()).expect("the sandbox starts");
    let account = sandbox.fake().account();
    let status = Command::new(env::current_exe().expect("the path of the doctest is known"))
        .env(IS_CHILD_VARIABLE, "")
        .env("CARIUM_BASE_URL", sandbox.url())
        .env("CARIUM_USERNAME", account.username)
        .env("CARIUM_PASSWORD", account.password)
        .env_remove("CARIUM_TOTP_SECRET")
        .env("CARIUM_ORGANIZATION_ID", sandbox.fake().organization().to_string())
        .status()
        .expect("the doctest can be started a second time");
    assert!(status.success(), "the program exited with {status}");
}

/// Declares a page, so that its examples run as doctests.
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
page!(BringYourOwnFile, "src/bring-your-own-file.md");
page!(Queues, "src/queues.md");
page!(Operating, "src/operating.md");
page!(Machines, "src/machines.md");
page!(Appointments, "src/appointments.md");
page!(Documents, "src/documents.md");
page!(Lists, "src/lists.md");
page!(AnyEndpoint, "src/any-endpoint.md");
page!(Errors, "src/errors.md");
page!(Observability, "src/observability.md");
page!(Phi, "src/phi.md");
page!(Recipes, "src/recipes.md");
page!(Regenerating, "src/regenerating.md");
page!(Upgrading, "src/upgrading.md");
