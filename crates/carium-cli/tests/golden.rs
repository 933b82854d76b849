//! Compares the output and the exit codes of commands with the golden files in `tests/cmd/`. After an intended
//! change, `TRYCMD=overwrite cargo test -p carium-cli --test golden` updates the files. Review the diff before you
//! commit it.

#[test]
fn output_matches_golden_files() {
    // This directory does not exist, so the developer's own profile is not read.
    let home = concat!(env!("CARGO_TARGET_TMPDIR"), "/no-home");
    let cases = trycmd::TestCases::new();
    cases.env("HOME", home).env("XDG_CONFIG_HOME", home).env("XDG_STATE_HOME", home);
    for name in ["USERNAME", "PASSWORD", "TOTP_SECRET", "ORGANIZATION_ID", "OUTPUT", "PROFILE", "CONFIG"] {
        // An empty variable counts as unset.
        cases.env(format!("CARIUM_{name}"), "");
    }
    // No server listens on this port, so a command that ignores its sandbox fails.
    cases.env("CARIUM_BASE_URL", "http://127.0.0.1:9");
    cases.case("tests/cmd/*.trycmd");
}
