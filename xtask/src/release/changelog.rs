//! What those who use the crates are told of a release.

use std::fs;
use std::path::Path;

/// Whether the changelog has something to say of this version, under its name or as unreleased.
pub(super) fn check(root: &Path, version: &str) -> Result<(), String> {
    let text = fs::read_to_string(root.join("CHANGELOG.md"))
        .map_err(|error| format!("it cannot be read: {error}"))?;
    judge(&text, version)
}

fn judge(text: &str, version: &str) -> Result<(), String> {
    match (section(text, version), section(text, "Unreleased")) {
        (Some(section), _) | (None, Some(section)) if says_something(&section) => Ok(()),
        (Some(_), _) => {
            Err(format!("its section `{version}` is empty; write what changes for those who use it"))
        }
        (None, Some(_)) => {
            Err("its section `Unreleased` is empty; write what changes for those who use it".to_owned())
        }
        (None, None) => Err(format!("it has neither a section `## {version}` nor one `## Unreleased`")),
    }
}

/// The lines below a heading of the second level: `## 0.1.0`, `## [0.1.0] - 2026-01-01`.
fn section<'t>(text: &'t str, name: &str) -> Option<Vec<&'t str>> {
    let is_heading = |line: &&str| {
        let heading = line.strip_prefix("## ").and_then(|it| it.split_whitespace().next());
        heading.is_some_and(|it| it.trim_matches(['[', ']']).eq_ignore_ascii_case(name))
    };
    let mut lines = text.lines().skip_while(|line| !is_heading(line));
    lines.next()?;
    Some(lines.take_while(|line| !line.starts_with("## ")).collect())
}

fn says_something(section: &[&str]) -> bool {
    section.iter().any(|line| !line.trim().is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_counts_that_says_something() {
        for (text, expected) in [
            ("# Changelog\n\n## Unreleased\n\n### Added\n- A thing.\n", None),
            ("## [0.2.0] - 2026-01-01\n- A thing.\n\n## 0.1.0\n- Another.\n", None),
            ("## 0.2.0\n- A thing.\n## Unreleased\n", None),
            ("## Unreleased\n\n### Added\n\n## 0.1.0\n- Another.\n", Some("`Unreleased` is empty")),
            ("## Unreleased\n- A thing.\n## 0.2.0\n\n## 0.1.0\n- Another.\n", Some("`0.2.0` is empty")),
            ("# Changelog\n\n## 0.1.0\n- Another.\n## 0.2.0-rc.1\n- A thing.\n", Some("neither a section")),
            ("", Some("neither a section")),
        ] {
            let judged = judge(text, "0.2.0");
            match expected {
                None => assert_eq!(judged, Ok(()), "{text}"),
                Some(expected) => assert!(judged.unwrap_err().contains(expected), "{text}"),
            }
        }
    }
}
