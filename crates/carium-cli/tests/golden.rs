//! What the program prints, for what, and how it ends: `tests/cmd/`. After a change that is meant, `TRYCMD=overwrite
//! cargo test -p carium-cli --test golden` writes the files anew; look at what changed before it is committed.

#[test]
fn the_program_says_what_it_said() {
    // The home is a folder that is not there, so that nobody's profile is read.
    let home = concat!(env!("CARGO_TARGET_TMPDIR"), "/nobody");
    let cases = trycmd::TestCases::new();
    cases.env("HOME", home).env("XDG_CONFIG_HOME", home).env("XDG_STATE_HOME", home);
    for name in ["USERNAME", "PASSWORD", "TOTP_SECRET", "ORGANIZATION_ID", "OUTPUT", "PROFILE", "CONFIG"] {
        // One that is empty counts as missing.
        cases.env(format!("CARIUM_{name}"), "");
    }
    // Where nobody listens, should a command forget its sandbox.
    cases.env("CARIUM_BASE_URL", "http://127.0.0.1:9");
    cases.case("tests/cmd/*.trycmd");
}
