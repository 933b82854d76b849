//! The program as scripts meet it: against a server, with its codes, its secrets and its shells.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::process::Command;

use support::{PATIENT, Said, Server};

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

#[test]
fn what_may_have_happened_has_a_code_of_its_own() {
    let server = Server::start(
        "[[fault]]\non = \"create_patient\"\ndo = \"lose-answer\"\n
         [[fault]]\non = \"list_practitioners\"\ncalls = \"every\"\ndo = \"answer\"\nstatus = 503\n",
    );
    let create =
        ["patients", "create", "--first-name", "Canary", "--last-name", "Canary", "--gender", "male"];
    let create = [&create[..], &["--birth-date", "1980-07-04", "--email", "canary@example.com"]].concat();
    let said = server.run(&create);
    assert_eq!(said.code, Some(8), "{said:?}");
    assert!(said.out.is_empty() && said.err.contains("look on the platform"), "{said:?}");
    // It was created, and a second one by this name is refused.
    assert_eq!(server.run(&create).code, Some(5));
    assert_eq!(server.run(&["practitioners", "list"]).code, Some(6));
    let mut wrong = server.carium(&["login"]);
    assert_eq!(Said::of(&wrong.env("CARIUM_PASSWORD", "canary").output().unwrap()).code, Some(4));
}

#[test]
fn neither_words_nor_traces_hold_what_was_given() {
    let server = Server::start("");
    let create =
        ["-v", "--log", "trace.log", "patients", "create", "--first-name", "Canary", "--last-name", "Canary"];
    let rest = ["--birth-date", "1980-07-04", "--gender", "male", "--email", "canary@example.com"];
    let create = [&create[..], &rest].concat();
    assert_eq!(server.run(&create).code, Some(0));
    let said = server.run(&create);
    assert_eq!(said.code, Some(5), "the name is taken: {said:?}");
    let mut login = server.carium(&["--log", "trace.log", "login", "-v"]);
    let refused = Said::of(&login.env("CARIUM_PASSWORD", "canary").output().unwrap());
    let log = std::fs::read_to_string(server.folder().join("trace.log")).unwrap();
    assert!(log.contains("create_patient"), "nothing was traced: {log}");
    for text in [said.err, refused.err, log] {
        assert!(
            !text.to_lowercase().contains("canary") && !text.contains("1980") && !text.contains("fake-"),
            "{text}"
        );
    }
}

#[test]
fn the_password_comes_from_a_descriptor_and_the_rest_from_a_profile() {
    let server = Server::start("");
    let config = server.folder().join("config.toml");
    std::fs::write(&config, "[ward]\nusername = \"username\"\noutput = \"json\"\n").unwrap();
    std::fs::write(server.folder().join("password.txt"), "password\n").unwrap();
    let script = format!(
        "exec '{}' --profile ward login --password-fd 3 3<password.txt",
        env!("CARGO_BIN_EXE_carium")
    );
    let mut command = server.command("sh");
    command.args(["-c", &script]).env("CARIUM_CONFIG", &config);
    command.env_remove("CARIUM_USERNAME").env("CARIUM_PASSWORD", "wrong");
    let said = Said::of(&command.output().unwrap());
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("\"signed-in\": true"), "{said:?}");
    assert!(!said.out.contains("fake-"), "no token");
}

#[test]
fn a_password_is_kept_in_the_keyring_until_it_is_forgotten() {
    let server = Server::start("");
    let kept = server.run(&["login", "--keep"]);
    if kept.code == Some(1) && kept.err.contains("keyring") {
        println!("skipped: there is no keyring here that may be used");
        return;
    }
    assert_eq!(kept.code, Some(0), "{kept:?}");
    let without = |arguments: &[&str]| {
        Said::of(&server.carium(arguments).env_remove("CARIUM_PASSWORD").output().unwrap())
    };
    assert_eq!(without(&["login"]).code, Some(0));
    assert_eq!(without(&["login", "--account", "another"]).code, Some(4), "it is another's");
    assert_eq!(without(&["logout"]).code, Some(0));
    assert_eq!(without(&["login"]).code, Some(4));
}

#[test]
fn two_commands_of_an_account_with_codes_take_turns() {
    let server = Server::start("");
    let login = || {
        let mut login = server.carium(&["login"]);
        login.env("CARIUM_USERNAME", "username-with-code").env("CARIUM_TOTP_SECRET", SECRET);
        Said::of(&login.output().unwrap())
    };
    let first = login();
    assert_eq!((first.code, first.err.as_str()), (Some(0), ""), "{first:?}");
    // Until the next code there are up to 30 seconds.
    let second = login();
    assert_eq!(second.code, Some(0), "{second:?}");
    assert!(second.err.contains("for the next one-time code"), "{second:?}");
}

#[test]
fn an_answer_shows_its_secrets_only_where_that_is_asked_for() {
    let server = Server::start("");
    std::fs::write(server.folder().join("login.json"), r#"{"username": "username", "password": "password"}"#)
        .unwrap();
    let hidden = server.run(&["api", "login", "--body", "login.json"]);
    assert!(
        hidden.code == Some(0) && hidden.out.contains("[secret]") && !hidden.out.contains("fake-"),
        "{hidden:?}"
    );
    let shown = server.run(&["api", "login", "--body", "login.json", "--reveal"]);
    assert!(shown.out.contains("fake-"), "{shown:?}");
    std::fs::write(server.folder().join("wrong.json"), "{\"canary\": canary}").unwrap();
    let wrong = server.run(&["api", "create_patient", "--body", "wrong.json"]);
    assert!(
        wrong.code == Some(3) && wrong.err.contains("column 12") && !wrong.err.contains("canary"),
        "{wrong:?}"
    );
    let gone = server.run(&["api", "delete_appointment", "--id", PATIENT]);
    assert_eq!((gone.code, gone.out.as_str()), (Some(0), ""), "{gone:?}");
}

#[test]
#[cfg(unix)]
fn the_journey_of_the_examples_page() {
    let server = Server::start("");
    let journey = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/journey.sh");
    let program = Path::new(env!("CARGO_BIN_EXE_carium")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let run = |last: &str| {
        let mut command = server.command("sh");
        command.arg(&journey).env("PATH", &path).env("CARIUM_PASSWORD", last);
        command.env("CARIUM_MFA_USERNAME", "username-with-code").env("CARIUM_TOTP_SECRET", SECRET);
        Said::of(&command.output().unwrap())
    };
    let said = run("password");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("one-time code") && said.err.ends_with("== all done\n"), "{said:?}");
    let stopped = run("wrong");
    assert_eq!(stopped.code, Some(1));
    assert!(stopped.err.ends_with("the journey stops at: sign in\n"), "{stopped:?}");
}

#[test]
fn completions_load_in_the_shells_that_are_here() {
    let folder = tempfile::tempdir().unwrap();
    for (shell, load) in [
        ("bash", "source ./script && complete -p carium"),
        ("zsh", "autoload -Uz compinit && compinit -u -D && source ./script && whence -w _carium"),
        ("fish", "source ./script; and complete -C 'carium appointments ' | grep -q update"),
    ] {
        let script =
            Command::new(env!("CARGO_BIN_EXE_carium")).args(["completions", shell]).output().unwrap();
        assert!(script.status.success());
        std::fs::write(folder.path().join("script"), script.stdout).unwrap();
        let Ok(loaded) = Command::new(shell).args(["-c", load]).current_dir(folder.path()).output() else {
            println!("skipped: there is no {shell} here");
            continue;
        };
        assert!(loaded.status.success(), "{shell}: {:?}", Said::of(&loaded));
    }
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let man = Command::new(env!("CARGO_BIN_EXE_carium"))
        .args(["man", "--dir"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(man.status.success());
    for page in ["carium.1", "carium-documents-upload.1", "carium-api-create_patient.1"] {
        let text = std::fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
}
