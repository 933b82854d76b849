//! Holes are found, and reasons for what is none, on copies of the workspace that were edited.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use support::Copy;

const HOLES: &str = "specs/coverage.yaml";
const SERVICE: &str = "crates/carium-mock/src/service.rs";
const APPOINTMENTS: &str = "crates/carium/src/appointments/api.rs";
const CLASSES: &str = "crates/carium-mock/src/suite/documents.rs";

/// The least that the rules of the spec take.
const OPERATION: &str = "  /caredb/v1/org-appointments/{id}/confirm/:
    parameters:
      - name: id
        in: path
        required: true
        description: The appointment.
        schema:
          $ref: '#/components/schemas/AppointmentId'
    post:
      operationId: confirm_appointment
      summary: Confirm an appointment.
      description: Confirms an appointment.
      tags: [caredb]
      x-retry: idempotent
      x-source: inferred
      responses:
        2XX:
          description: Confirmed.
        4XX:
          $ref: '#/components/responses/ClientError'
        5XX:
          $ref: '#/components/responses/ServerError'

";

impl Copy {
    fn replace(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no {from:?}");
        self.write(path, &text.replace(from, to));
    }

    /// What is missing or stale, a line each.
    fn findings(&self) -> Vec<String> {
        let said = self.xtask(&["coverage"]);
        let findings: Vec<_> =
            said.err.lines().filter(|line| line.ends_with("[coverage]")).map(ToOwned::to_owned).collect();
        assert_eq!(said.success, findings.is_empty(), "{}\n{}", said.out, said.err);
        findings
    }
}

fn words(findings: &[String]) -> Vec<&str> {
    findings.iter().map(|line| line.split_once(": ").unwrap().1.trim_end_matches(" [coverage]")).collect()
}

#[test]
fn this_workspace_has_no_hole_that_is_not_listed() {
    let copy = Copy::new();
    let said = copy.xtask(&["coverage"]);
    assert!(said.success, "{}\n{}", said.out, said.err);
    let row = |name: &str| {
        let line = said.out.lines().find(|line| line.split_whitespace().next() == Some(name));
        // How many checks there are is nothing that has to stay.
        let cells = line?.split_whitespace().skip(1).filter(|cell| cell.parse::<u32>().is_err());
        Some(cells.collect::<Vec<_>>().join(" "))
    };
    let expected = "yes Documents::download_url yes yes checks yes documents download";
    assert_eq!(row("get_download_info").as_deref(), Some(expected));
    let expected = "yes (no, listed) yes yes (no, listed) yes login";
    assert_eq!(row("login").as_deref(), Some(expected));
}

#[test]
fn what_is_taken_away_is_a_hole() {
    let copy = Copy::new();
    copy.replace(SERVICE, "\"create_patient\" =>", "\"admit_patient\" =>");
    let expected = ["is not answered by the fake", "is not served by the sandbox"];
    assert_eq!(words(&copy.findings()), expected.map(|what| format!("operation `create_patient` {what}")));

    let copy = Copy::new();
    copy.replace(CLASSES, "documents.classes(options)", "nothing(options)");
    let expected = "operation `list_document_classes` is reached by no check of the contract suite";
    assert_eq!(words(&copy.findings()), [expected]);

    // What no trait calls is reached by nothing that is built on the traits.
    let copy = Copy::new();
    copy.replace(APPOINTMENTS, "LIST_PRACTITIONERS, list_practitioners", "LIST_STATUSES, list_statuses");
    let expected = [
        "is called by no trait of `carium`",
        "is reached by no check of the contract suite",
        "is reached by no command of `carium` but `api`",
    ];
    assert_eq!(
        words(&copy.findings()),
        expected.map(|what| format!("operation `list_practitioners` {what}"))
    );
}

#[test]
fn a_new_operation_is_a_hole_until_it_is_wrapped_or_listed() {
    let copy = Copy::new();
    copy.insert_before("specs/carium.yaml", "\ncomponents:\n", OPERATION);
    let said = copy.xtask(&["generate"]);
    assert!(said.success, "{}", said.err);
    let expected = [
        "is called by no trait of `carium`",
        "is not answered by the fake",
        "is not served by the sandbox",
        "is reached by no check of the contract suite",
        "is reached by no command of `carium` but `api`",
    ];
    let findings = copy.findings();
    let mut found = words(&findings);
    found.sort_unstable();
    let mut expected = expected.map(|what| format!("operation `confirm_appointment` {what}"));
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert!(findings.iter().all(|line| line.starts_with("specs/carium.yaml:")), "{findings:?}");

    let listed =
        ["trait", "fake", "sandbox", "suite", "command"].map(|column| format!("  {column}: Not yet.\n"));
    let holes = copy.read(HOLES) + "confirm_appointment:\n" + &listed.concat();
    copy.write(HOLES, &holes);
    assert_eq!(copy.findings(), Vec::<String>::new());
}

#[test]
fn a_reason_for_what_is_no_hole_is_an_error() {
    for (listed, expected) in [
        (
            "create_patient:\n  fake: Not yet.\n",
            "operation `create_patient` is no hole in `fake` any more: yes",
        ),
        (
            "get_appointment:\n  trait: Not yet.\n",
            "operation `get_appointment` is no hole in `trait` any more: Appointments::get",
        ),
        ("rename_room:\n  fake: Not yet.\n", "`rename_room` is no operation of the spec"),
        ("create_patient:\n  mock: Not yet.\n", "`mock` is no column"),
        ("create_patient: {}\n", "`create_patient` has no column, so nothing is said of it"),
        ("create_patient: Not yet.\n", "`create_patient` has no column, so nothing is said of it"),
    ] {
        let copy = Copy::new();
        let holes = copy.read(HOLES) + listed;
        copy.write(HOLES, &holes);
        let findings = copy.findings();
        assert_eq!(words(&findings), [expected]);
        assert!(findings[0].starts_with("specs/coverage.yaml:"), "{findings:?}");
    }
    // Nor is an empty reason one.
    let copy = Copy::new();
    copy.write(HOLES, "login:\n  trait: ''\n  suite: It is no trait's.\n");
    let expected =
        ["operation `login` is called by no trait of `carium`", "`trait` of `login` has no reason"];
    assert_eq!(words(&copy.findings()), expected);
}
