//! The result of the comparison, and its report for the terminal and as Markdown. It contains names, types and enum values, but no examples of the vendor.

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

/// Formats the report for a terminal.
pub(super) fn text(drift: &Drift) -> String {
    let (file, vendors) = (&drift.file, drift.vendors.join(", "));
    let mut text = format!("{file} ({}) and {vendors}\n", drift.release);
    if !drift.differences.is_empty() {
        text.push_str("\nEach difference is the change from our spec to the vendor's document:\n");
    }
    for it in &drift.differences {
        let (line, name, scope) = (it.line, &it.location.name, scope(it));
        text.push_str(&format!("\n{file}:{line}: {name} [{scope}]\n    {} [{}]\n", it.message, label(it)));
    }
    if !drift.documented.is_empty() {
        text.push_str("\nMarked as inferred, but documented by the vendor (set `x-source: reference`):\n");
    }
    for it in &drift.documented {
        text.push_str(&format!("    {file}:{}: {}: {}\n", it.line, it.location.name, agreement(it)));
    }
    format!("{text}\n{}", summary(drift))
}

/// Formats the report as Markdown.
pub(super) fn markdown(drift: &Drift) -> String {
    let mut text =
        format!("# Drift\n\n{} against:\n\n", escape(&format!("{} ({})", drift.file, drift.release)));
    for vendor in &drift.vendors {
        text.push_str(&format!("- {}\n", escape(vendor)));
    }
    text.push_str(&format!("\n{}\n\n## Differences\n\n", summary(drift)));
    if drift.differences.is_empty() {
        text.push_str("None.\n");
    } else {
        text.push_str("Each difference is the change from our spec to the vendor's document.\n\n");
        text.push_str(
            "| line | part of the spec | used by | change | class |\n| --- | --- | --- | --- | --- |\n",
        );
    }
    for it in &drift.differences {
        text.push_str(&row(&[&it.line.to_string(), &it.location.name, &scope(it), &it.message, &label(it)]));
    }
    text.push_str("\n## Inferred, but documented by the vendor\n\n");
    if drift.documented.is_empty() {
        text.push_str("None.\n");
    } else {
        text.push_str(
            "| line | part of the spec | operations | documented as |\n| --- | --- | --- | --- |\n",
        );
    }
    for it in &drift.documented {
        let (line, operations) = (it.line.to_string(), it.operations.join(", "));
        text.push_str(&row(&[&line, &it.location.name, &operations, agreement(it)]));
    }
    text
}

fn summary(drift: &Drift) -> String {
    let mut text = format!("{} operations compared", drift.compared.len());
    if !drift.not_compared.is_empty() {
        text.push_str(&format!("; no file was given for: {}", drift.not_compared.join(", ")));
    }
    format!("{text}; {}.", count(drift.differences.len()))
}

pub(super) fn count(differences: usize) -> String {
    match differences {
        0 => "no differences".to_owned(),
        1 => "1 difference".to_owned(),
        count => format!("{count} differences"),
    }
}

/// The operations with the difference, and the side of the call.
fn scope(difference: &Difference) -> String {
    let operations = difference.operations.join(", ");
    difference.side.map_or_else(|| operations.clone(), |side| format!("{side} of {operations}"))
}

fn label(difference: &Difference) -> String {
    format!("{}; {}", difference.kind, difference.class)
}

fn agreement(documented: &Documented) -> &'static str {
    if documented.differs { "different, see above" } else { "the same" }
}

fn row(cells: &[&str]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| escape(cell)).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// Escapes Markdown in a table cell. Text in backticks needs no escapes, except for the column separator.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    let mut is_code = false;
    for letter in text.chars() {
        match letter {
            '`' => is_code = !is_code,
            '|' => escaped.push('\\'),
            '<' | '*' | '_' | '[' | ']' if !is_code => escaped.push('\\'),
            _ => {}
        }
        escaped.push(if matches!(letter, '\n' | '\r') { ' ' } else { letter });
    }
    escaped
}
