//! Ten edits of the spec that follow from typical changes of a vendor's API: how `diff` classifies each, and which crates
//! must be changed by hand after `generate`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../src/edit.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod edit;
mod support;

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Value, json};
use support::Copy;

const SPEC: &str = "specs/carium.yaml";
const ONBOARDING: &str = "specs/onboarding.schema.json";

/// The edits: `# NAME: CHANGE, BUMP[, breaks CRATE]`, followed by lines as for [`edit::edit`]. The change is the most
/// severe one: its kind, its class, and the broken sides of calls. A crate that depends on the broken one is not checked.
/// New names start with `drill`, which the vendor will not use.
const EDITS: &str = include_str!("fixtures/spec_edits.txt");

struct Edit<'a> {
    name: &'static str,
    change: &'static str,
    bump: &'static str,
    broken_crates: Vec<&'static str>,
    lines: Vec<&'a str>,
}

fn edits<'a>() -> Vec<Edit<'a>> {
    let parse = |text: &'static str| {
        let mut lines = text.lines();
        let (name, expected) = lines.next().unwrap().split_once(": ").unwrap();
        let mut expected = expected.split(", ");
        Edit {
            name,
            change: expected.next().unwrap(),
            bump: expected.next().unwrap(),
            broken_crates: expected.map(|it| it.strip_prefix("breaks ").unwrap()).collect(),
            lines: lines.collect(),
        }
    };
    let edits: Vec<_> = EDITS.trim_start_matches("# ").split("\n# ").map(parse).collect();
    assert_eq!(edits.len(), 10);
    edits
}

/// A copy of the workspace, with the contents of the two files before any edit.
struct Drill {
    copy: Copy,
    spec: Value,
    onboarding: Value,
}

impl Drill {
    fn new(copy: Copy) -> Self {
        let text = copy.read(SPEC);
        copy.write("original.yaml", &text);
        let spec = from_yaml(&Yaml::load_from_str(&text).unwrap()[0]);
        let onboarding = serde_json::from_str(&copy.read(ONBOARDING)).unwrap();
        Self { copy, spec, onboarding }
    }

    /// Writes the two files with an edit.
    fn apply(&self, edit: &Edit<'_>) {
        let (mut spec, mut onboarding) = (self.spec.clone(), self.onboarding.clone());
        for line in &edit.lines {
            let (root, line) = match line.split_once("onboarding:") {
                Some((verb, rest)) => (&mut onboarding, format!("{verb}{rest}")),
                None => (&mut spec, (*line).to_owned()),
            };
            edit::edit(root, &line);
        }
        // JSON is YAML.
        self.copy.write(SPEC, &format!("{spec:#}\n"));
        self.copy.write(ONBOARDING, &format!("{onboarding:#}\n"));
    }

    fn diff(&self, name: &str, flags: &[&str]) -> Value {
        let original = self.copy.path("original.yaml").display().to_string();
        let output = self.copy.xtask(&[&["diff", &original, "--json"], flags].concat());
        serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("edit \"{name}\": {}", output.stderr))
    }
}

fn from_yaml(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Sequence(items) => items.iter().map(from_yaml).collect(),
        Yaml::Mapping(map) => {
            map.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), from_yaml(value))).collect()
        }
        other => panic!("unexpected {other:?}"),
    }
}

/// Returns the most severe change of a report.
fn most_severe(report: &Value) -> String {
    let changes = report["changes"].as_array().unwrap();
    let of_class = |class: &&str| changes.iter().find(|change| change["class"] == **class);
    let change = ["safety", "break", "behavior", "addition", "wording"].iter().find_map(of_class).unwrap();
    let mut text = format!("{} {}", change["kind"].as_str().unwrap(), change["class"].as_str().unwrap());
    for side in ["request", "response"].into_iter().filter(|side| change["breaks"][side] == true) {
        text.push_str(&format!(" {side}"));
    }
    text
}

#[test]
fn edits_satisfy_the_linter_and_are_classified() {
    let drill = Drill::new(Copy::with_fixture_specs());
    for edit in edits() {
        drill.apply(&edit);
        let lint = drill.copy.xtask(&["lint"]);
        assert!(lint.success, "edit \"{}\": {}", edit.name, lint.stderr);
        let report = drill.diff(edit.name, &[]);
        assert_eq!(most_severe(&report), edit.change, "edit \"{}\": {report:#}", edit.name);
        assert_eq!(report["bump"], edit.bump, "edit \"{}\"", edit.name);
        let is_break = edit.change.contains(" break ");
        assert!(is_break || edit.broken_crates.is_empty(), "edit \"{}\" must break no crate", edit.name);
    }
}

#[test]
#[ignore = "compiles the generated code of each edit, which takes minutes; `cargo xtask ci` runs it"]
fn edits_break_only_the_expected_crates() {
    let drill = Drill::new(Copy::new());
    let unchanged = drill.diff("none", &["--compile"]);
    assert_eq!(unchanged["compile"]["errors"], json!([]), "without an edit");
    for edit in edits() {
        drill.apply(&edit);
        let compile = &drill.diff(edit.name, &["--compile"])["compile"];
        let (name, errors) = (edit.name, &compile["errors"]);
        assert_eq!(
            compile["crates"],
            json!(edit.broken_crates),
            "crates that edit \"{name}\" breaks: {errors:#}"
        );
    }
}

#[test]
fn generate_names_what_only_a_person_can_write() {
    let drill = Drill::new(Copy::new());
    let by_name = |name: &str| edits().into_iter().find(|edit| edit.name == name).unwrap();
    drill.apply(&by_name("operation added"));
    let output = drill.copy.xtask(&["generate"]);
    assert!(output.success, "{}", output.stderr);
    // Other operations of the real spec may lack something, too.
    let is_new = |line: &&str| line.starts_with("by hand: ") && line.contains("`rename_drill`");
    let by_hand: Vec<_> = output.stdout.lines().filter(is_new).collect();
    let [domain, guide, rule] = by_hand.as_slice() else { panic!("{by_hand:?}") };
    assert!(
        domain.contains("specs/carium.yaml:") && domain.contains("`rename_drill` has no method"),
        "{domain}"
    );
    assert!(rule.contains("crates/carium-mock/src/service/operations.rs:"), "{rule}");
    assert!(guide.contains("docs/src/errors.md:") && guide.contains("row `idempotent`"), "{guide}");

    let mut edit = by_name("optional field added");
    let property = r#"{"type": "string", "x-phi": true, "x-hint": "write a text", "description": "New."}"#;
    let line = format!("add onboarding:/properties/drill-field {property}");
    edit.lines.push(&line);
    drill.apply(&edit);
    let output = drill.copy.xtask(&["generate"]);
    assert!(!output.success, "{}", output.stdout);
    let expected = "add `drill_field` to `NewPatientBuilder`, at crates/carium/src/patients.rs:";
    assert!(output.stderr.contains(expected), "{}", output.stderr);
    assert!(output.stderr.contains("onboarding.schema.json:"), "{}", output.stderr);
}

#[test]
#[ignore = "compiles `carium-api` and its tests; `cargo xtask ci` runs it"]
fn new_operation_can_be_called_after_generate() {
    let drill = Drill::new(Copy::new());
    let copy = &drill.copy;
    drill.apply(edits().iter().find(|edit| edit.name == "operation added").unwrap());
    let output = copy.xtask(&["generate"]);
    assert!(output.success, "{}", output.stderr);
    copy.write("crates/carium-api/tests/drill.rs", include_str!("fixtures/drill_operation.rs"));
    let test = ["test", "--locked", "--package", "carium-api", "--no-default-features"];
    let features = ["--features", "http-transport"];
    // The test `redaction` covers every type, including the new ones.
    let output = copy.cargo(&[&test[..], &features, &["--test", "drill", "--test", "redaction"]].concat());
    assert!(output.success, "{}\n{}", output.stdout, output.stderr);
    assert!(output.stdout.contains("new_method_exists ... ok"), "{}", output.stdout);
    let canaries = copy.read("crates/carium-api/tests/generated/canaries.rs");
    assert!(canaries.contains("types::RenameDrillRequest"));
}
