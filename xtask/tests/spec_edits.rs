//! Ten edits of the spec that follow from typical changes of a vendor's API: how `diff` classifies each, and which crates
//! need changes by hand after `generate`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use serde_json::Value;
use support::Copy;

const SPEC: &str = "specs/carium.yaml";
const ONBOARDING: &str = "specs/onboarding.schema.json";

/// An edit and its expected consequences. New names start with `drill`, which the vendor will not use.
struct Edit {
    name: &'static str,
    steps: &'static [Step],
    /// The most severe change that `diff` reports: its kind, its class, and the broken sides of calls.
    change: &'static str,
    bump: &'static str,
    /// The crates that do not compile until they are changed by hand. Crates that depend on these are not checked.
    broken_crates: &'static [&'static str],
}

/// One step of an edit: after the first occurrence of `after`, replaces `old` in `file` by `new`. Without `new`, removes
/// the line `old` and all lines that are indented more.
struct Step {
    file: &'static str,
    after: &'static str,
    old: &'static str,
    new: Option<&'static str>,
}

const fn replace(after: &'static str, old: &'static str, new: &'static str) -> Step {
    Step { file: SPEC, after, old, new: Some(new) }
}

const fn remove(after: &'static str, old: &'static str) -> Step {
    Step { file: SPEC, after, old, new: None }
}

const EDITS: [Edit; 10] = [
    Edit {
        name: "optional field added",
        steps: &[
            replace(
                "\n    NewPatient:\n",
                "        last-name:\n",
                "        drill-field:
          allOf:
            - $ref: '#/components/schemas/PersonName'
          description: A new field.
        last-name:\n",
            ),
            replace(
                "\n    PatientAttributes:\n",
                "        last-name:\n",
                "        drill-field: {type: string, nullable: true, x-phi: true, description: New., example: Q}
        last-name:\n",
            ),
        ],
        change: "property-added addition",
        bump: "patch",
        broken_crates: &[],
    },
    Edit {
        name: "required field added",
        steps: &[
            replace(
                "operationId: create_patient\n",
                "                  last-name: Reece\n",
                "                  last-name: Reece\n                  drill-field: Value\n",
            ),
            replace("\n    NewPatient:\n", "gender, organization-id]", "gender, organization-id, drill-field]"),
            replace(
                "\n    NewPatient:\n",
                "        organization-id:\n",
                "        drill-field: {type: string, x-phi: false, description: New., example: Value}
        organization-id:\n",
            ),
        ],
        change: "property-added break request",
        bump: "minor",
        broken_crates: &["carium"],
    },
    Edit {
        name: "enum value added",
        steps: &[
            replace("\n    NotificationChannel:\n", "enum: [sms, email]", "enum: [sms, email, drill-value]"),
            Step {
                file: ONBOARDING,
                after: "\"NotificationChannel\": {",
                old: "\"email\"\n",
                new: Some("\"email\",\n        \"drill-value\"\n"),
            },
        ],
        change: "value-added addition",
        bump: "patch",
        broken_crates: &[],
    },
    Edit {
        name: "field removed",
        steps: &[
            remove("operationId: create_appointment\n", "                  location: Virtual\n"),
            remove("\n    NewAppointment:\n", "        location:\n"),
        ],
        change: "property-removed break request",
        bump: "minor",
        broken_crates: &["carium"],
    },
    Edit {
        name: "type changed",
        steps: &[
            replace(
                "\n    AppointmentAttributes:\n",
                "        add-video-channel:\n          type: boolean\n",
                "        add-video-channel:\n          type: string\n",
            ),
            replace("\n    AppointmentAttributes:\n", "          example: false\n", "          example: drill\n"),
            replace("operationId: create_appointment\n", "\n                    add-video-channel: false", "\n                    add-video-channel: drill"),
            replace("operationId: update_appointment\n", "\n                    add-video-channel: false", "\n                    add-video-channel: drill"),
        ],
        change: "type break response",
        bump: "minor",
        broken_crates: &["carium"],
    },
    Edit {
        name: "operation added",
        steps: &[
            replace("\npaths:\n", "", include_str!("fixtures/drill_operation.yaml")),
            replace("\n  schemas:\n", "", include_str!("fixtures/drill_schemas.yaml")),
        ],
        change: "operation-added addition",
        bump: "patch",
        broken_crates: &[],
    },
    Edit {
        name: "operation removed",
        steps: &[remove("", "    delete:\n")],
        change: "operation-removed break request response",
        bump: "minor",
        broken_crates: &["carium"],
    },
    Edit {
        name: "operation renamed",
        steps: &[replace("", "operationId: resend_invitation\n", "operationId: drill_operation\n")],
        change: "operation-renamed break request",
        bump: "minor",
        broken_crates: &["carium"],
    },
    Edit {
        name: "PHI mark removed",
        steps: &[replace("\n    PractitionerAttributes:\n", "x-phi: true\n", "x-phi: false\n")],
        change: "mark-removed safety response",
        bump: "minor",
        broken_crates: &[],
    },
    Edit {
        name: "retry class changed",
        steps: &[replace("operationId: process_upload\n", "x-retry: idempotent", "x-retry: create")],
        change: "retry-class behavior",
        bump: "patch",
        broken_crates: &[],
    },
];

impl Step {
    fn apply(&self, text: &str, edit: &str) -> String {
        let find = |text: &str, part: &str| {
            text.find(part).unwrap_or_else(|| {
                panic!(
                    "edit \"{edit}\": {} no longer contains {part:?}; adapt xtask/tests/spec_edits.rs",
                    self.file
                )
            })
        };
        let after = find(text, self.after) + self.after.len();
        let begin = after + find(&text[after..], self.old);
        let end = begin + self.old.len();
        let Some(new) = self.new else {
            let indent = |line: &str| line.len() - line.trim_start().len();
            let nested = text[end..]
                .split_inclusive('\n')
                .take_while(|line| indent(line) > indent(self.old.trim_end()));
            let removed: usize = nested.map(str::len).sum();
            return format!("{}{}", &text[..begin], &text[end + removed..]);
        };
        format!("{}{new}{}", &text[..begin], &text[end..])
    }
}

/// A copy of the workspace, with the files of the spec before any edit.
struct Drill {
    copy: Copy,
    originals: [(&'static str, String); 2],
}

impl Drill {
    fn new() -> Self {
        let copy = Copy::new();
        let originals = [SPEC, ONBOARDING].map(|file| (file, copy.read(file)));
        copy.write("original.yaml", &originals[0].1);
        Self { copy, originals }
    }

    /// Applies an edit to the original files.
    fn edit(&self, edit: &Edit) {
        for (file, original) in &self.originals {
            let steps = edit.steps.iter().filter(|step| step.file == *file);
            let text = steps.fold(original.clone(), |text, step| step.apply(&text, edit.name));
            self.copy.write(file, &text);
        }
    }

    fn diff(&self, name: &str, flags: &[&str]) -> Value {
        let original = self.copy.path("original.yaml").display().to_string();
        let output = self.copy.xtask(&[&["diff", &original, "--json"], flags].concat());
        serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("edit \"{name}\": {}", output.stderr))
    }
}

/// Returns the most severe change of a report: its kind, its class, and the broken sides.
fn most_severe(report: &Value) -> String {
    let changes = report["changes"].as_array().unwrap();
    let change = ["safety", "break", "behavior", "addition", "wording"]
        .iter()
        .find_map(|class| changes.iter().find(|change| change["class"] == *class))
        .unwrap_or(&Value::Null);
    let mut text = format!("{} {}", change["kind"].as_str().unwrap(), change["class"].as_str().unwrap());
    for side in ["request", "response"].into_iter().filter(|side| change["breaks"][side] == true) {
        text.push_str(&format!(" {side}"));
    }
    text
}

#[test]
fn edits_satisfy_the_linter_and_are_classified() {
    let drill = Drill::new();
    for edit in &EDITS {
        drill.edit(edit);
        let lint = drill.copy.xtask(&["lint"]);
        assert!(lint.success, "edit \"{}\": {}", edit.name, lint.stderr);
        let report = drill.diff(edit.name, &[]);
        assert_eq!(most_severe(&report), edit.change, "edit \"{}\": {report:#}", edit.name);
        assert_eq!(report["bump"], edit.bump, "edit \"{}\"", edit.name);
    }
}

#[test]
#[ignore = "compiles the generated code of each edit, which takes minutes; `cargo xtask ci` runs it"]
fn edits_break_only_the_expected_crates() {
    let drill = Drill::new();
    let unchanged = drill.diff("none", &["--compile"]);
    assert_eq!(unchanged["compile"]["errors"], serde_json::json!([]), "without an edit");
    for edit in &EDITS {
        drill.edit(edit);
        let report = drill.diff(edit.name, &["--compile"]);
        let compile = &report["compile"];
        assert_eq!(
            compile["crates"],
            serde_json::json!(edit.broken_crates),
            "edit \"{}\" breaks other crates than expected: {:#}",
            edit.name,
            compile["errors"]
        );
    }
}

#[test]
#[ignore = "compiles `carium-api` and its tests; `cargo xtask ci` runs it"]
fn new_operation_can_be_called_after_generate() {
    let drill = Drill::new();
    let copy = &drill.copy;
    drill.edit(EDITS.iter().find(|edit| edit.name == "operation added").unwrap());
    let output = copy.xtask(&["generate"]);
    assert!(output.success, "{}", output.stderr);
    copy.write("crates/carium-api/tests/drill.rs", include_str!("fixtures/drill_operation.rs"));
    let test = ["test", "--locked", "--package", "carium-api", "--no-default-features"];
    // The test `redaction` covers every type, including the new ones.
    let output = copy.cargo(&[&test[..], &["--test", "drill", "--test", "redaction"]].concat());
    assert!(output.success, "{}\n{}", output.stdout, output.stderr);
    assert!(output.stdout.contains("new_method_exists ... ok"), "{}", output.stdout);
    let canaries = copy.read("crates/carium-api/tests/generated/canaries.rs");
    assert!(canaries.contains("types::RenameDrillRequest"));
}

#[test]
fn additions_and_changes_of_behavior_break_no_crate() {
    for edit in EDITS.iter().filter(|edit| !edit.change.contains(" break ")) {
        assert_eq!(edit.broken_crates, [] as [&str; 0], "{}", edit.name);
    }
}
