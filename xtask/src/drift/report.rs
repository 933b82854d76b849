//! The result of the comparison and its report, which contains names, types and enum values, but no examples of the
//! vendor.

use super::align::SpecLocation;

/// A difference between our spec and the vendor's documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) location: SpecLocation,
    pub(super) line: usize,
    /// `request` or `response`. `None` for a difference of the operation as a whole.
    pub(super) side: Option<&'static str>,
    /// The change from our spec to the vendor's document: its kind, its effect on callers, and a sentence.
    pub(super) kind: &'static str,
    pub(super) class: &'static str,
    pub(super) message: String,
    /// All operations with this difference.
    pub(super) operations: Vec<String>,
}

/// A part of our spec that is marked as inferred although the vendor documents it.
#[derive(Debug, Clone)]
pub(super) struct Documented {
    pub(super) location: SpecLocation,
    pub(super) line: usize,
    pub(super) operations: Vec<String>,
    /// Whether the vendor documents it differently.
    pub(super) differs: bool,
}

/// The result of the comparison.
#[derive(Debug, Clone, Default)]
pub(super) struct Drift {
    /// The file of our spec, and its release.
    pub(super) file: String,
    pub(super) release: String,
    /// The titles of the vendor's files.
    pub(super) vendors: Vec<String>,
    /// The IDs of the operations that were compared, and of those whose services are in none of the files.
    pub(super) compared: Vec<String>,
    pub(super) not_compared: Vec<String>,
    pub(super) differences: Vec<Difference>,
    pub(super) documented: Vec<Documented>,
}

/// Formats the report as Markdown that also reads well in a terminal.
pub(super) fn markdown(drift: &Drift) -> String {
    let file = &drift.file;
    let mut text =
        format!("# Drift of {file} ({})\n\nCompared with {}", drift.release, drift.vendors.join(", "));
    text.push_str(&format!(": {} operations.", drift.compared.len()));
    if !drift.not_compared.is_empty() {
        text.push_str(&format!(" No file was given for: {}.", drift.not_compared.join(", ")));
    }
    text.push_str("\n\n## Changes from our spec to the vendor's document\n\n");
    for it in &drift.differences {
        let (line, name, operations) = (it.line, &it.location.name, it.operations.join(", "));
        let side = it.side.map(|side| format!("{side} of ")).unwrap_or_default();
        text.push_str(&format!("- {file}:{line}: `{name}` {} [{}, {}]", it.message, it.kind, it.class));
        text.push_str(&format!("; {side}{operations}\n"));
    }
    if drift.differences.is_empty() {
        text.push_str("None.\n");
    }
    text.push_str("\n## Marked as inferred, but documented by the vendor (set `x-source: reference`)\n\n");
    for it in &drift.documented {
        let agreement = if it.differs { "differently, see above" } else { "as in our spec" };
        let (line, name, operations) = (it.line, &it.location.name, it.operations.join(", "));
        text.push_str(&format!("- {file}:{line}: `{name}` is documented {agreement}; {operations}\n"));
    }
    if drift.documented.is_empty() {
        text.push_str("None.\n");
    }
    text
}
