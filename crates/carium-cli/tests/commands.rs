//! Commands against a server: exit codes, secrets, credentials, shell completions and the manual.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs::File;
use std::path::Path;
use std::process::Command;

use carium_mock::{Quirk, Sandbox};
use serde_json::{Value, json};
use support::{CommandOutput, PATIENT, SandboxProcess, TestEnv};

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

#[test]
fn exits_with_8_if_the_outcome_is_unknown() {
    let server = SandboxProcess::start(
        "[[fault]]\non = \"create_patient\"\ndo = \"lose-response\"\n
         [[fault]]\non = \"list_practitioners\"\ncalls = \"every\"\ndo = \"respond\"\nstatus = 503\n",
    );
    let create =
        ["patients", "create", "--first-name", "Canary", "--last-name", "Canary", "--gender", "male"];
    let create = [&create[..], &["--birth-date", "1980-07-04", "--email", "canary@example.com"]].concat();
    let output = server.run(&create);
    assert_eq!(output.code, Some(8), "{output:?}");
    assert!(output.stdout.is_empty() && output.stderr.contains("check in Carium"), "{output:?}");
    // The first call was applied, so the username is taken.
    assert_eq!(server.run(&create).code, Some(5));
    assert_eq!(server.run(&["practitioners", "list"]).code, Some(6));
    let mut wrong = server.carium(&["login"]);
    assert_eq!(CommandOutput::new(&wrong.env("CARIUM_PASSWORD", "canary").output().unwrap()).code, Some(4));
}

#[test]
fn messages_and_traces_contain_no_input_values() {
    let server = SandboxProcess::start("");
    let create =
        ["-v", "--log", "trace.log", "patients", "create", "--first-name", "Canary", "--last-name", "Canary"];
    let rest = ["--birth-date", "1980-07-04", "--gender", "male", "--email", "canary@example.com"];
    let create = [&create[..], &rest].concat();
    assert_eq!(server.run(&create).code, Some(0));
    let output = server.run(&create);
    assert_eq!(output.code, Some(5), "the username is taken: {output:?}");
    let mut login = server.carium(&["--log", "trace.log", "login", "-v"]);
    let refused = CommandOutput::new(&login.env("CARIUM_PASSWORD", "canary").output().unwrap());
    let log = std::fs::read_to_string(server.directory().join("trace.log")).unwrap();
    assert!(log.contains("create_patient"), "nothing was traced: {log}");
    for text in [output.stderr, refused.stderr, log] {
        assert!(
            !text.to_lowercase().contains("canary") && !text.contains("1980") && !text.contains("fake-"),
            "{text}"
        );
    }
}

#[test]
fn reads_the_password_from_a_descriptor_and_settings_from_a_profile() {
    let server = SandboxProcess::start("");
    let config = server.directory().join("config.toml");
    std::fs::write(&config, "[ward]\nusername = \"username\"\noutput = \"json\"\n").unwrap();
    std::fs::write(server.directory().join("password.txt"), "password\n").unwrap();
    let script = format!(
        "exec '{}' --profile ward login --password-fd 3 3<password.txt",
        env!("CARGO_BIN_EXE_carium")
    );
    let mut command = server.command("sh");
    command.args(["-c", &script]).env("CARIUM_CONFIG", &config);
    command.env_remove("CARIUM_USERNAME").env("CARIUM_PASSWORD", "wrong");
    let output = CommandOutput::new(&command.output().unwrap());
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("\"signed-in\": true"), "{output:?}");
    assert!(!output.stdout.contains("fake-"), "the token must not be printed");
}

#[test]
fn stores_a_password_in_the_keyring_until_logout() {
    let server = SandboxProcess::start("");
    let login = server.run(&["login", "--keep"]);
    if login.code == Some(1) && login.stderr.contains("keyring") {
        println!("skipped: no usable keyring");
        return;
    }
    assert_eq!(login.code, Some(0), "{login:?}");
    let run_without_password = |arguments: &[&str]| {
        CommandOutput::new(&server.carium(arguments).env_remove("CARIUM_PASSWORD").output().unwrap())
    };
    assert_eq!(run_without_password(&["login"]).code, Some(0));
    assert_eq!(
        run_without_password(&["login", "--account", "another"]).code,
        Some(4),
        "the password belongs to another account"
    );
    assert_eq!(run_without_password(&["logout"]).code, Some(0));
    assert_eq!(run_without_password(&["login"]).code, Some(4));
}

#[test]
fn two_sign_ins_use_different_one_time_codes() {
    let server = SandboxProcess::start("");
    let login = || {
        let mut login = server.carium(&["login"]);
        login.env("CARIUM_USERNAME", "username-with-code").env("CARIUM_TOTP_SECRET", SECRET);
        CommandOutput::new(&login.output().unwrap())
    };
    let first = login();
    assert_eq!((first.code, first.stderr.as_str()), (Some(0), ""), "{first:?}");
    // The next code may be up to 30 seconds away.
    let second = login();
    assert_eq!(second.code, Some(0), "{second:?}");
    assert!(second.stderr.contains("for the next one-time code"), "{second:?}");
}

#[test]
fn hides_secrets_of_responses_unless_reveal_is_set() {
    let server = SandboxProcess::start("");
    std::fs::write(
        server.directory().join("login.json"),
        r#"{"username": "username", "password": "password"}"#,
    )
    .unwrap();
    let hidden = server.run(&["api", "login", "--body", "login.json"]);
    assert!(
        hidden.code == Some(0) && hidden.stdout.contains("[secret]") && !hidden.stdout.contains("fake-"),
        "{hidden:?}"
    );
    let shown = server.run(&["api", "login", "--body", "login.json", "--reveal"]);
    assert!(shown.stdout.contains("fake-"), "{shown:?}");
    std::fs::write(server.directory().join("wrong.json"), "{\"canary\": canary}").unwrap();
    let wrong = server.run(&["api", "create_patient", "--body", "wrong.json"]);
    assert!(
        wrong.code == Some(3) && wrong.stderr.contains("column 12") && !wrong.stderr.contains("canary"),
        "{wrong:?}"
    );
    let gone = server.run(&["api", "delete_appointment", "--id", PATIENT]);
    assert_eq!((gone.code, gone.stdout.as_str()), (Some(0), ""), "{gone:?}");
}

#[test]
fn requests_to_any_path_are_retried_by_class_and_show_no_values() {
    let server = SandboxProcess::start(
        "[[fault]]\non = \"POST /caredb/v1/org-care-teams/\"\ncalls = \"1-2\"\ndo = \"lose-response\"\n
         [[fault]]\non = \"GET /caredb/v1/org-care-teams/{id}/\"\ncalls = \"1-2\"\ndo = \"corrupt\"\n
         [[fault]]\non = \"DELETE /caredb/v1/org-care-teams/{id}/\"\ncalls = \"every\"\ndo = \"respond\"\nstatus = 200\n
         headers = { set-cookie = \"canary\", x-team = \"7\" }\n",
    );
    let path = "/caredb/v1/org-care-teams/";
    let attributes = json!({"name": "Canary", "size": 12});
    let body = json!({"data": {"type": "org-care-teams", "attributes": attributes}});
    let file = server.directory().join("body.json");
    std::fs::write(&file, body.to_string()).unwrap();
    let log = ["--log", "trace.log", "-v"];
    let lost = server.run(&[&log[..], &["api", "POST", path, "--input", "body.json"]].concat());
    assert_eq!(lost.code, Some(8), "{lost:?}");
    let mut command = server.carium(&["api", "POST", path, "--input", "-", "--retry-class", "idempotent"]);
    let retried = CommandOutput::new(&command.stdin(File::open(&file).unwrap()).output().unwrap());
    assert_eq!(retried.code, Some(0), "{retried:?}");
    let query = ["api", "GET", path, "-q", "filter[name]=Canary", "--paginate", "-o", "ndjson"];
    let listed = server.run(&[&log[..], &query].concat());
    let teams: Vec<Value> = listed.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(teams.len(), 3, "one request was lost, and one was retried: {listed:?}");
    assert!(teams.iter().all(|team| team["attributes"] == attributes), "{teams:?}");
    // A response that is not JSON: a GET has certainly changed nothing, but another class may have.
    let team = format!("{path}2097e072-92f6-4333-99d6-9693d63be652/");
    assert_eq!(server.run(&["api", "GET", &team]).code, Some(1));
    assert_eq!(server.run(&["api", "GET", &team, "--retry-class", "create"]).code, Some(8));
    let missing = format!("{path}2097e072-canary/");
    let with_cookie = server.run(&["api", "GET", path, "-H", "Cookie: canary"]);
    assert_eq!(with_cookie.code, Some(3), "{with_cookie:?}");
    let csv = server.run(&["api", "GET", path, "-H", "Accept: text/csv"]);
    assert_eq!(csv.code, Some(5), "the service has no CSV (status 406): {csv:?}");
    let missing = server.run(&[&log[..], &["api", "GET", &missing]].concat());
    assert_eq!(missing.code, Some(5), "{missing:?}");
    for (options, cookie) in [(&["--include"][..], "[secret]"), (&["--include", "--reveal"], "canary")] {
        let included = server.run(&[&["api", "DELETE", &team], options].concat());
        let lines: Vec<_> = included.stdout.lines().collect();
        assert_eq!(lines.first(), Some(&"HTTP 200"), "{included:?}");
        for line in [format!("set-cookie: {cookie}"), "x-team: 7".to_owned()] {
            assert!(lines.contains(&line.as_str()), "{included:?}");
        }
    }
    let log = std::fs::read_to_string(server.directory().join("trace.log")).unwrap();
    assert!(log.contains(path), "nothing was traced: {log}");
    for text in [lost.stderr, listed.stderr, missing.stderr, with_cookie.stderr, log] {
        assert!(!text.to_lowercase().contains("canary") && !text.contains("fake-"), "{text}");
    }
}

#[test]
fn response_that_is_not_json_is_printed_only_with_reveal() {
    let server = SandboxProcess::start(
        "[[fault]]\non = \"GET /caredb/v1/org-care-teams/\"\ncalls = \"every\"\ndo = \"respond\"\nstatus = 200\n
         headers = { content-type = \"text/csv\" }\nbody = \"canary;1\"\n",
    );
    let command = ["api", "GET", "/caredb/v1/org-care-teams/"];
    let hidden = server.run(&command);
    assert_eq!((hidden.code, hidden.stdout.as_str()), (Some(1), ""), "{hidden:?}");
    assert!(!hidden.stderr.contains("canary") && hidden.stderr.contains("--reveal"), "{hidden:?}");
    let shown = server.run(&[&command[..], &["--reveal"]].concat());
    assert_eq!((shown.code, shown.stdout.as_str()), (Some(0), "canary;1"), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn paginate_prints_every_item_of_a_list_however_it_is_paged() {
    let path = "/caredb/v1/org-plans/";
    for quirks in [&[][..], &[Quirk::MaxPageSize20], &[Quirk::LinksPaging], &[Quirk::NoPagingInfo]] {
        let sandbox = Sandbox::start().await.unwrap();
        sandbox.fake().set_quirks(quirks.iter().copied());
        let plans = sandbox.fake().resource(path);
        let expected: Vec<_> = (0..250).map(|index| plans.add(json!({"index": index}))).collect();
        let account = sandbox.fake().account();
        let env = TestEnv::new(sandbox.url());
        let mut command = env.carium(&["api", "GET", path, "--paginate", "-o", "ndjson"]);
        command.env("CARIUM_USERNAME", account.username).env("CARIUM_PASSWORD", account.password);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let output = CommandOutput::new(&output);
        assert_eq!(output.code, Some(0), "{quirks:?} {output:?}");
        let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
        assert_eq!(output.stdout.lines().map(id).collect::<Vec<_>>(), expected, "{quirks:?}");
    }
}

#[test]
fn lists_are_complete_or_stop_at_the_limit() {
    let server = SandboxProcess::start("");
    let files: Vec<_> = (0..45).map(|number| format!("{number}.txt")).collect();
    let mut upload = vec!["documents", "upload", "--patient", PATIENT, "--class", "Referral letter"];
    for file in &files {
        std::fs::write(server.directory().join(file), file).unwrap();
        upload.push(file);
    }
    let uploaded = server.run(&upload);
    assert_eq!(uploaded.code, Some(0), "{uploaded:?}");
    // Without `--limit`, and with limits below, at and above the number of documents.
    for (arguments, documents, last_line) in [
        (&[][..], 45, "45 documents"),
        (&["--limit", "1"], 1, "1 document (stopped at `--limit`)"),
        (&["--limit", "45"], 45, "45 documents (stopped at `--limit`)"),
        (&["--limit", "46"], 45, "45 documents"),
    ] {
        let arguments = [&["documents", "list"], arguments].concat();
        let table = server.run(&arguments);
        assert_eq!((table.code, table.stdout.lines().count()), (Some(0), documents + 1), "{table:?}");
        assert_eq!(table.stderr.lines().last(), Some(last_line), "{table:?}");
        let lines = server.run(&[&arguments[..], &["--output", "ndjson"]].concat());
        assert_eq!((lines.stdout.lines().count(), lines.stderr.as_str()), (documents, ""), "{lines:?}");
    }
    assert_eq!(server.run(&["documents", "list", "--limit", "0"]).code, Some(2));
}

#[test]
#[cfg(unix)]
fn runs_the_calls_of_the_examples_page() {
    let server = SandboxProcess::start("");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/journey.sh");
    let program = Path::new(env!("CARGO_BIN_EXE_carium")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let run = |password: &str| {
        let mut command = server.command("sh");
        command.arg(&script).env("PATH", &path).env("CARIUM_PASSWORD", password);
        command.env("CARIUM_MFA_USERNAME", "username-with-code").env("CARIUM_TOTP_SECRET", SECRET);
        CommandOutput::new(&command.output().unwrap())
    };
    let output = run("password");
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(
        output.stderr.contains("one-time code") && output.stderr.ends_with("== all steps succeeded\n"),
        "{output:?}"
    );
    let stopped = run("wrong");
    assert_eq!(stopped.code, Some(1));
    assert!(stopped.stderr.ends_with("journey.sh: failed at: sign in\n"), "{stopped:?}");
}

#[test]
fn completions_load_in_installed_shells() {
    let directory = tempfile::tempdir().unwrap();
    for (shell, load) in [
        ("bash", "source ./script && complete -p carium"),
        ("zsh", "autoload -Uz compinit && compinit -u -D && source ./script && whence -w _carium"),
        ("fish", "source ./script; and complete -C 'carium appointments ' | grep -q update"),
    ] {
        let script =
            Command::new(env!("CARGO_BIN_EXE_carium")).args(["completions", shell]).output().unwrap();
        assert!(script.status.success());
        std::fs::write(directory.path().join("script"), script.stdout).unwrap();
        let Ok(loaded) = Command::new(shell).args(["-c", load]).current_dir(directory.path()).output() else {
            println!("skipped: {shell} is not installed");
            continue;
        };
        assert!(loaded.status.success(), "{shell}: {:?}", CommandOutput::new(&loaded));
    }
}

#[test]
fn manual_has_a_page_for_each_command() {
    let directory = tempfile::tempdir().unwrap();
    let man = Command::new(env!("CARGO_BIN_EXE_carium"))
        .args(["man", "--dir"])
        .arg(directory.path())
        .output()
        .unwrap();
    assert!(man.status.success());
    for page in ["carium.1", "carium-documents-upload.1", "carium-api-create_patient.1"] {
        let text = std::fs::read_to_string(directory.path().join(page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
}

/// The lines that `--export` prints are evaluated by a shell, whose commands then use the sandbox.
#[cfg(unix)]
#[test]
fn sandbox_runs_in_the_background_for_a_shell() {
    let script = r#"
        set -eu
        eval "$("$PROGRAM" sandbox --export --quirk links-paging)"
        trap 'kill "$CARIUM_SANDBOX_PID"' EXIT
        "$PROGRAM" practitioners list -o ndjson
        "$PROGRAM" api GET /caredb/v1/org-practitioners/ -o ndjson
    "#;
    let output = Command::new("sh")
        .args(["-c", script])
        .env("PROGRAM", env!("CARGO_BIN_EXE_carium"))
        .env("HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/no-home"))
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<_> = stdout.lines().collect();
    assert!(lines.len() == 2 && lines[0].contains("Dr. Quill"), "{stdout}");
    // The quirk reached the process in the background.
    assert!(lines[1].contains(r#""links""#), "{stdout}");
}

/// Documents with the same file name, in any case and normalization, never replace each other.
#[test]
fn downloads_of_one_command_never_share_a_file() {
    let server = SandboxProcess::start("");
    let mut ids = Vec::new();
    for (folder, name) in
        [("a", "letter.pdf"), ("b", "Letter.PDF"), ("c", "letter.pdf"), ("d", "letter (2).PDF")]
    {
        std::fs::create_dir(server.directory().join(folder)).unwrap();
        std::fs::write(server.directory().join(folder).join(name), folder).unwrap();
        let file = format!("{folder}/{name}");
        let upload = [
            "documents",
            "upload",
            &file,
            "--patient",
            PATIENT,
            "--class",
            "Referral letter",
            "-o",
            "ndjson",
        ];
        let output = server.run(&upload);
        let row: Value = serde_json::from_str(&output.stdout).unwrap();
        ids.push(row["id"].as_str().unwrap().to_owned());
    }
    let folder = server.directory().join("letters");
    std::fs::create_dir(&folder).unwrap();
    let download = |extra: &[&str]| {
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        server.run(&[&["documents", "download"][..], &ids, &["--to", "letters"], extra].concat())
    };
    let contents = || {
        let names = ["letter.pdf", "Letter (2).PDF", "letter (3).pdf", "letter (2) (2).PDF"];
        names.map(|name| std::fs::read_to_string(folder.join(name)).unwrap_or_default())
    };
    let first = download(&[]);
    assert_eq!((first.code, contents()), (Some(0), ["a", "b", "c", "d"].map(str::to_owned)), "{first:?}");
    // The names follow the order of the arguments, so the second run replaces each file with itself.
    let again = download(&["--replace"]);
    assert_eq!((again.code, contents()), (Some(0), ["a", "b", "c", "d"].map(str::to_owned)), "{again:?}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 4);
    assert_ne!(download(&[]).code, Some(0), "existing files are kept without `--replace`");
    let templated = download(&["--name", "{id}-{filename}"]);
    assert_eq!(templated.code, Some(0), "{templated:?}");
    for (id, name) in ids.iter().zip(["letter.pdf", "Letter.PDF", "letter.pdf", "letter (2).PDF"]) {
        assert!(folder.join(format!("{id}-{name}")).is_file(), "{templated:?}");
    }
    for template in ["letter.pdf", "{name}", "../{id}", ""] {
        assert_eq!(download(&["--name", template]).code, Some(2), "{template}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn downloads_are_synced_unless_skip_sync_is_set() {
    if !support::has_strace() {
        return;
    }
    let server = SandboxProcess::start("");
    std::fs::write(server.directory().join("letter.txt"), "Letter").unwrap();
    let upload = ["documents", "upload", "letter.txt", "--patient", PATIENT, "--class", "Referral letter"];
    let uploaded = server.run(&[&upload[..], &["-o", "ndjson"]].concat());
    let id: Value = serde_json::from_str(&uploaded.stdout).unwrap();
    let syncs = |target: &str, options: &[&str]| {
        let mut command = server.command("strace");
        command.args(["-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", "syncs"]);
        command.arg(env!("CARGO_BIN_EXE_carium")).args(["documents", "download", id["id"].as_str().unwrap()]);
        let output = CommandOutput::new(&command.args(["--to", target]).args(options).output().unwrap());
        assert_eq!(output.code, Some(0), "{output:?}");
        assert_eq!(std::fs::read_to_string(server.directory().join(target)).unwrap(), "Letter");
        let calls = std::fs::read_to_string(server.directory().join("syncs")).unwrap();
        calls.matches("sync(").count()
    };
    // The file and its folder.
    assert_eq!(syncs("synced.txt", &[]), 2);
    assert_eq!(syncs("unsynced.txt", &["--skip-sync"]), 0);
}

/// Files are opened when their turn comes: the number of arguments is not limited by that of open files.
#[cfg(unix)]
#[test]
fn uploads_of_many_files_need_few_descriptors() {
    let server = SandboxProcess::start("");
    let files: Vec<_> = (0..100).map(|number| format!("{number}.txt")).collect();
    for file in &files {
        std::fs::write(server.directory().join(file), file).unwrap();
    }
    let mut command = server.command("sh");
    command.args(["-c", "ulimit -n 40 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_carium")]);
    command.args(["documents", "upload", "--verify", "--patient", PATIENT, "--class", "Referral letter"]);
    let output = CommandOutput::new(&command.args(&files).output().unwrap());
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(output.stdout.matches("uploaded").count(), 100, "{output:?}");
}

#[test]
fn upload_names_every_path_that_is_not_a_file() {
    let server = SandboxProcess::start("");
    std::fs::create_dir(server.directory().join("folder")).unwrap();
    std::fs::write(server.directory().join("letter.txt"), "text").unwrap();
    let arguments = ["documents", "upload", "folder", "letter.txt", "missing.txt", "--patient", PATIENT];
    let output = server.run(&[&arguments[..], &["--class", "Referral letter"]].concat());
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(output.stderr.contains("file 1: this is a folder, and only files can be uploaded"), "{output:?}");
    assert!(output.stderr.contains("file 3: the file does not exist"), "{output:?}");
    assert!(!output.stdout.contains("uploaded"), "{output:?}");
}

/// An upload that is answered with success but cannot be read again is not reported as verified.
#[test]
fn upload_that_cannot_be_verified_is_an_error() {
    let server = SandboxProcess::start(
        "[[fault]]\non = \"get_download_info\"\ncalls = \"every\"\ndo = \"respond\"\nstatus = 404\n",
    );
    std::fs::write(server.directory().join("letter.txt"), "text").unwrap();
    let upload = ["documents", "upload", "letter.txt", "--patient", PATIENT, "--class", "Referral letter"];
    let output = server.run(&[&upload[..], &["--verify"]].concat());
    assert_ne!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("unverified"), "{output:?}");
    assert!(output.stderr.contains("the document was uploaded but could not be verified"), "{output:?}");
    assert!(output.stderr.contains("0 of 1 documents were uploaded and verified"), "{output:?}");
}

/// What a command created is not lost if stdout cannot be written.
#[cfg(target_os = "linux")]
#[test]
fn created_ids_are_printed_to_stderr_if_stdout_fails() {
    let server = SandboxProcess::start("");
    std::fs::write(server.directory().join("one.pdf"), "one").unwrap();
    let practitioner = "2097e072-92f6-4333-99d6-9693d63be652";
    let status = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72";
    let patient =
        ["patients", "create", "--first-name", "Ada", "--last-name", "Canary", "--birth-date", "1984-02-29"];
    for arguments in [
        [&patient[..], &["--gender", "female", "--email", "ada.quill@example.com"]].concat(),
        [
            &[
                "appointments",
                "create",
                "--patient",
                PATIENT,
                "--practitioner",
                practitioner,
                "--status",
                status,
            ][..],
            &["--type", PATIENT, "--start", "2030-01-01T09:00:00Z", "--end", "2030-01-01T09:30:00Z"],
        ]
        .concat(),
        vec!["documents", "upload", "one.pdf", "--patient", PATIENT, "--class", "Referral letter"],
        vec!["api", "POST", "/caredb/v1/org-care-teams/", "-f", "name=Canary"],
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = CommandOutput::new(&server.carium(&arguments).stdout(full).output().unwrap());
        assert_eq!(output.code, Some(8), "{arguments:?}: {output:?}");
        let id = output.stderr.lines().find_map(|line| line.strip_prefix("created: "));
        assert!(id.is_some_and(|id| id.len() == 36), "{arguments:?}: {output:?}");
        assert!(!output.stderr.contains("Canary"), "{output:?}");
    }
}

#[test]
fn a_configuration_file_that_cannot_be_read_does_not_stop_the_program() {
    let sandbox = SandboxProcess::start("");
    std::fs::write(sandbox.directory().join("config"), "not a folder").unwrap();
    let login = sandbox.run(&["login", "--output", "json"]);
    assert_eq!(login.code, Some(0), "{login:?}");
    assert!(login.stderr.contains("set CARIUM_CONFIG or HOME to another path"), "{login:?}");
    // A file or a profile that is asked for has to be readable.
    let profile = sandbox.run(&["--profile", "clinic", "login"]);
    assert!(profile.code == Some(1) && profile.stderr.contains("could not read"), "{profile:?}");
}
