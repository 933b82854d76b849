//! The holes that are meant, with the reason of each.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::columns::COLUMNS;
use super::table::Row;
use crate::document::{Document, join};
use crate::finding::{self, Finding};
use crate::spec::{Spec, members};

/// The list, from the root of the workspace: `OPERATION: {COLUMN: REASON}`.
const FILE: &str = "specs/coverage.yaml";
const RULE: &str = "coverage";

/// The holes that are listed.
#[derive(Debug)]
pub(super) struct Holes(Document);

impl Holes {
    pub(super) fn read(root: &Path) -> Result<Self, String> {
        let text =
            fs::read_to_string(root.join(FILE)).map_err(|error| format!("{FILE} cannot be read: {error}"))?;
        Document::parse(FILE, &text).map(Self).map_err(|it| finding::report(&[it]))
    }

    /// Why an operation is not in a column, where that is listed.
    pub(super) fn reason(&self, operation: &str, column: &str) -> Option<&str> {
        let reason = self.0.value.get(operation)?.get(column)?.as_str()?.trim();
        (!reason.is_empty()).then_some(reason)
    }

    /// The holes that are not listed, and what is listed and is none.
    pub(super) fn judge(&self, spec: &Spec, rows: &[Row]) -> Vec<Finding> {
        let mut findings = Vec::new();
        let operations = spec.operations();
        for row in rows {
            let pointer = operations.iter().find(|it| it.id() == row.id).map_or("", |it| &it.pointer);
            for (column, found) in COLUMNS.iter().zip(&row.found) {
                if found.is_none() && self.reason(&row.id, column.name).is_none() {
                    let what = format!("operation `{}` {}", row.id, column.missing);
                    let mend = format!("{}, or give the reason in {FILE}, as `{}`", column.mend, column.name);
                    findings.push(spec.document.finding(RULE, pointer, what, mend));
                }
            }
        }
        for (operation, reasons) in members(Some(&self.0.value)) {
            self.judge_listed(operation, reasons, rows, &mut findings);
        }
        if !self.0.value.is_object() {
            findings.push(self.0.finding(
                RULE,
                "",
                "the file does not hold a map",
                "write `{}` where nothing is listed",
            ));
        }
        findings
    }

    fn judge_listed(&self, operation: &str, reasons: &Value, rows: &[Row], findings: &mut Vec<Finding>) {
        let at = join("", operation);
        let Some(row) = rows.iter().find(|row| row.id == operation) else {
            let what = format!("`{operation}` is no operation of the spec");
            findings.push(self.0.finding(RULE, &at, what, "take it out, or write the id as it is now"));
            return;
        };
        let mut columns = members(Some(reasons)).peekable();
        if columns.peek().is_none() {
            let what = format!("`{operation}` has no column, so nothing is said of it");
            findings.push(self.0.finding(RULE, &at, what, "take it out, or write `COLUMN: reason` below it"));
        }
        for (name, reason) in columns {
            let at = join(&at, name);
            let nth = COLUMNS.iter().position(|column| column.name == name);
            let (what, mend) = match nth.map(|nth| &row.found[nth]) {
                None => {
                    let names = COLUMNS.iter().map(|column| format!("`{}`", column.name)).collect::<Vec<_>>();
                    (format!("`{name}` is no column"), format!("write one of {}", names.join(", ")))
                }
                Some(Some(place)) => (
                    format!("operation `{operation}` is no hole in `{name}` any more: {place}"),
                    "take the line out".to_owned(),
                ),
                Some(None) if reason.as_str().is_none_or(|reason| reason.trim().is_empty()) => {
                    (format!("`{name}` of `{operation}` has no reason"), "write why it is meant".to_owned())
                }
                Some(None) => continue,
            };
            findings.push(self.0.finding(RULE, &at, what, mend));
        }
    }
}
