//! The result of a comparison, and its report as text and as JSON.

use semver::Version;
use serde_json::{Value, json};

use super::change::{Bump, Change, Effect};
use super::compile::{CompileReport, PublicApi};

/// The changes between two versions of the spec, and their consequences.
#[derive(Debug)]
pub(super) struct SpecDiff {
    /// The name of the older version.
    pub(super) base: String,
    /// The old and the new version of the crates.
    pub(super) versions: [Version; 2],
    pub(super) changes: Vec<Change>,
    pub(super) bump: Bump,
    /// Present with `--compile`.
    pub(super) compile: Option<CompileReport>,
}

impl SpecDiff {
    /// The lowest version of the crates that the changes allow.
    fn required_version(&self) -> Version {
        self.bump.apply(&self.versions[0])
    }

    /// Whether the version of the crates in the working tree is high enough.
    pub(super) fn has_required_version(&self) -> bool {
        self.bump == Bump::None || self.versions[1] >= self.required_version()
    }
}

/// Formats the report for a terminal, the most severe changes first.
pub(super) fn text(diff: &SpecDiff) -> String {
    let count = diff.changes.len();
    let plural = if count == 1 { "" } else { "s" };
    let mut text = format!("From {} to the working tree: {count} change{plural}", diff.base);
    text.push_str(&changes_text(&diff.changes));
    if let Some(report) = &diff.compile {
        text.push_str(&format!("\n\n{}", compile_text(report)));
    }
    text.push_str(&format!("\n\n{}", conclusion(diff)));
    text
}

/// Formats changes for a terminal, the most severe first.
pub(crate) fn changes_text(changes: &[Change]) -> String {
    let mut text = String::new();
    for effect in Effect::ALL {
        let mut changes = changes.iter().filter(|change| change.effect == effect).peekable();
        if changes.peek().is_some() {
            text.push_str(&format!("\n\n{}", heading(effect)));
        }
        changes.for_each(|change| text.push_str(&entry(change)));
    }
    text
}

fn heading(effect: Effect) -> &'static str {
    match effect {
        Effect::Safety => "Unsafe: protected values will be printed",
        Effect::Break => "Breaks callers",
        Effect::Behavior => "Changes behavior; callers still compile",
        Effect::Addition => "Additions; callers are not affected",
        Effect::Wording => "Documentation and notation only",
    }
}

fn entry(change: &Change) -> String {
    let breaks =
        if change.effect.is_breaking() { format!("; breaks {}", change.sides) } else { String::new() };
    let version = if change.in_old_file { " (old version)" } else { "" };
    let mut text = format!(
        "\n  {} {} [{}{breaks}]\n    at {}:{}{version} {}",
        change.place, change.message, change.kind, change.file, change.line, change.pointer
    );
    if change.effect != Effect::Wording && !change.operations.is_empty() {
        text.push_str(&format!("\n    operations: {}", change.operations.join(", ")));
    }
    text
}

fn compile_text(report: &CompileReport) -> String {
    let mut text = String::from("Code generated from this spec");
    if report.errors.is_empty() {
        text.push_str("\n  carium-api, carium and carium-mock compile.");
    } else {
        text.push_str("\n  These lines do not compile. Crates that depend on their crates were not checked.");
    }
    for error in &report.errors {
        text.push_str(&format!("\n    {}:{}: {}", error.file, error.line, error.message));
    }
    let PublicApi { status, detail } = &report.public_api;
    format!("{text}\n  Public API of carium-api: {status}; {detail}")
}

fn conclusion(diff: &SpecDiff) -> String {
    let [was, is] = &diff.versions;
    if diff.changes.is_empty() {
        return format!("No version bump is required. Version of the crates: {was} then, {is} now.");
    }
    let verdict = if diff.has_required_version() { "sufficient" } else { "too low" };
    format!(
        "Required: a {} bump, from version {was} of the crates to {} or later. The version is {is}: {verdict}.",
        diff.bump.name(),
        diff.required_version()
    )
}

/// Formats the error about a version that is too low, with the changes that require a higher one.
pub(super) fn version_error(diff: &SpecDiff) -> String {
    let requires_bump = |change: &&Change| Bump::required([change.effect], &diff.versions[0]) == diff.bump;
    let places = diff.changes.iter().filter(requires_bump).map(|change| change.place.as_str());
    format!(
        "error: version {} of the crates is too low: these changes require {} or later ({} bump): {}",
        diff.versions[1],
        diff.required_version(),
        diff.bump.name(),
        places.collect::<Vec<_>>().join(", ")
    )
}

/// Formats the report as JSON.
pub(super) fn json(diff: &SpecDiff) -> String {
    let mut report = json!({
        "base": { "name": diff.base, "version": diff.versions[0].to_string() },
        "tree": { "version": diff.versions[1].to_string() },
        "changes": diff.changes.iter().map(json_change).collect::<Vec<_>>(),
        "bump": diff.bump.name(),
        "required_version": diff.required_version().to_string(),
        "has_required_version": diff.has_required_version(),
    });
    if let Some(compile) = &diff.compile {
        report["compile"] = json_compile(compile);
    }
    format!("{report:#}")
}

fn json_change(change: &Change) -> Value {
    let breaks = change.effect.is_breaking();
    json!({
        "file": change.file,
        "line": change.line,
        "pointer": change.pointer,
        "in_old_file": change.in_old_file,
        "place": change.place,
        "kind": change.kind,
        "message": change.message,
        "class": change.effect.class(),
        "breaks": {
            "request": breaks && change.sides.request,
            "response": breaks && change.sides.response,
        },
        "operations": change.operations,
    })
}

fn json_compile(report: &CompileReport) -> Value {
    let errors: Vec<_> = report
        .errors
        .iter()
        .map(|error| json!({ "file": error.file, "line": error.line, "message": error.message }))
        .collect();
    let PublicApi { status, detail } = &report.public_api;
    json!({
        "crates": report.broken_crates(),
        "errors": errors,
        "public_api": { "status": status, "detail": detail },
    })
}
