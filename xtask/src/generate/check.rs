//! `cargo xtask generate --check`: compares the generated files on disk with the specs.

use std::fs;
use std::io;
use std::path::Path;

use similar::TextDiff;

use super::Output;
use super::write::stale_files;

/// Maximum number of lines shown per diff.
const LINES_SHOWN: usize = 40;

/// Returns a report of the differences between the files on disk and the outputs, or `None` if they are equal.
pub(crate) fn check(root: &Path, outputs: &[Output]) -> io::Result<Option<String>> {
    let mut report = String::new();
    let mut stale = 0;
    for output in outputs {
        let found = match fs::read_to_string(root.join(&output.path)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                stale += 1;
                report.push_str(&format!("{} is missing\n\n", output.path));
                continue;
            }
            Err(error) => return Err(error),
        };
        if found != output.text {
            stale += 1;
            report.push_str(&difference(output, &found));
        }
    }
    for path in stale_files(root, outputs)? {
        stale += 1;
        report.push_str(&format!("{path} is no longer generated\n\n"));
    }
    if stale == 0 {
        return Ok(None);
    }
    let files = if stale == 1 { "file is" } else { "files are" };
    report.push_str(&format!(
        "{stale} generated {files} outdated or edited by hand. Run `cargo xtask generate` and commit the result."
    ));
    Ok(Some(report))
}

fn difference(output: &Output, found: &str) -> String {
    let diff = TextDiff::from_lines(found, output.text.as_str());
    let text = diff
        .unified_diff()
        .context_radius(2)
        .header(&format!("{} (on disk)", output.path), &format!("{} (generated)", output.path))
        .to_string();
    let lines: Vec<_> = text.lines().collect();
    let mut shown = lines.iter().take(LINES_SHOWN).copied().collect::<Vec<_>>().join("\n");
    if lines.len() > LINES_SHOWN {
        shown.push_str(&format!("\n… and {} more lines", lines.len() - LINES_SHOWN));
    }
    shown + "\n\n"
}
