//! What was found, in the terminal and as Markdown. Names, types and values of enums only: what a vendor's examples
//! hold is nobody's to copy.

use super::difference::{Difference, Drift};

const NONE: &str = "No differences.";

/// The report for a terminal.
pub(super) fn text(drift: &Drift) -> String {
    let mut text = format!("{} and {}\n", drift.spec, drift.vendors.join(", "));
    for difference in &drift.differences {
        let Difference { place, line, what, ours, theirs, .. } = difference;
        let file = file_of(drift);
        text.push_str(&format!("\n{file}:{line}: {} [{}]\n", place.name, about(difference)));
        text.push_str(&format!("    {what}: ours {ours}; theirs {theirs}\n"));
    }
    if !drift.documented.is_empty() {
        text.push_str("\nMarked as inferred, and documented by now (write `x-source: reference`):\n");
    }
    for documented in &drift.documented {
        let outcome = if drift.differs_at(&documented.place) { "see above" } else { "as we have it" };
        let (file, line, name) = (file_of(drift), documented.line, &documented.place.name);
        text.push_str(&format!("    {file}:{line}: {name}: {outcome}\n"));
    }
    text.push('\n');
    text.push_str(&summary(drift));
    text
}

/// The report as Markdown.
pub(super) fn markdown(drift: &Drift) -> String {
    let mut text = format!("# Drift\n\n{} against:\n\n", escaped(&drift.spec));
    for vendor in &drift.vendors {
        text.push_str(&format!("- {}\n", escaped(vendor)));
    }
    text.push_str(&format!("\n{}\n\n## Differences\n\n", summary(drift)));
    if drift.differences.is_empty() {
        text.push_str(&format!("{NONE}\n"));
    } else {
        text.push_str(
            "| line | where | of | what | ours | theirs |\n| --- | --- | --- | --- | --- | --- |\n",
        );
    }
    for difference in &drift.differences {
        let cells = [
            &difference.line.to_string(),
            &difference.place.name,
            &about(difference),
            difference.what,
            &difference.ours,
            &difference.theirs,
        ];
        text.push_str(&row(&cells));
    }
    text.push_str("\n## Inferred, and documented by now\n\n");
    if drift.documented.is_empty() {
        text.push_str("Nothing.\n");
    } else {
        text.push_str("| line | where | operations | |\n| --- | --- | --- | --- |\n");
    }
    for documented in &drift.documented {
        let outcome = if drift.differs_at(&documented.place) { "see above" } else { "as we have it" };
        let (line, operations) = (documented.line.to_string(), documented.operations.join(", "));
        text.push_str(&row(&[&line, &documented.place.name, &operations, outcome]));
    }
    text
}

fn summary(drift: &Drift) -> String {
    let mut text = format!("{} operations compared", drift.compared.len());
    if !drift.not_compared.is_empty() {
        text.push_str(&format!("; without a file of their service: {}", drift.not_compared.join(", ")));
    }
    text.push_str(&format!(". {}", count(drift.differences.len())));
    text
}

fn count(differences: usize) -> String {
    match differences {
        0 => NONE.to_owned(),
        1 => "1 difference.".to_owned(),
        count => format!("{count} differences."),
    }
}

fn about(difference: &Difference) -> String {
    let operations = difference.operations.join(", ");
    difference.side.map_or_else(|| operations.clone(), |side| format!("{side} of {operations}"))
}

/// The spec's file, by which a line is found.
fn file_of(drift: &Drift) -> &str {
    drift.spec.split(" (").next().unwrap_or_default()
}

fn row(cells: &[&str]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| escaped(cell)).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// A text that says itself in a cell of a table.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '|' | '<' | '*' | '_' | '[' | ']' => out.extend(['\\', letter]),
            '\n' | '\r' => out.push(' '),
            _ => out.push(letter),
        }
    }
    out
}
