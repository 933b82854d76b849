//! The section of the changelog for a release.

use std::fs;
use std::path::Path;

/// Checks that the changelog describes the version, in a section of that name or in `Unreleased`.
pub(super) fn check(root: &Path, version: &str) -> Result<(), String> {
    let text = fs::read_to_string(root.join("CHANGELOG.md"))
        .map_err(|error| format!("could not read it: {error}"))?;
    check_text(&text, version)
}

fn check_text(text: &str, version: &str) -> Result<(), String> {
    let sections = [version, "Unreleased"].map(|name| (name, section(text, name)));
    match sections.into_iter().find_map(|(name, lines)| Some((name, lines?))) {
        Some((_, lines)) if lines.iter().any(|line| !line.trim().is_empty() && !line.starts_with('#')) => {
            Ok(())
        }
        Some((name, _)) => Err(format!("section `{name}` is empty; describe the changes for users")),
        None => Err(format!("has no section `## {version}` or `## Unreleased`")),
    }
}

/// Returns the lines below a heading of the second level: `## 0.1.0`, `## [0.1.0] - 2026-01-01`.
fn section<'t>(text: &'t str, name: &str) -> Option<Vec<&'t str>> {
    let is_heading = |line: &&str| {
        let heading = line.strip_prefix("## ").and_then(|it| it.split_whitespace().next());
        heading.is_some_and(|it| it.trim_matches(['[', ']']).eq_ignore_ascii_case(name))
    };
    let mut lines = text.lines().skip_while(|line| !is_heading(line));
    lines.next()?;
    Some(lines.take_while(|line| !line.starts_with("## ")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_a_section_with_text_for_the_version_or_unreleased() {
        for (text, expected) in [
            ("# Changelog\n\n## Unreleased\n\n### Added\n- A thing.\n", None),
            ("## [0.2.0] - 2026-01-01\n- A thing.\n\n## 0.1.0\n- Another.\n", None),
            ("## 0.2.0\n- A thing.\n## Unreleased\n", None),
            ("## Unreleased\n\n### Added\n\n## 0.1.0\n- Another.\n", Some("`Unreleased` is empty")),
            ("## Unreleased\n- A thing.\n## 0.2.0\n\n## 0.1.0\n- Another.\n", Some("`0.2.0` is empty")),
            ("# Changelog\n\n## 0.1.0\n- Another.\n## 0.2.0-rc.1\n- A thing.\n", Some("has no section")),
            ("", Some("has no section")),
        ] {
            match (check_text(text, "0.2.0"), expected) {
                (result, None) => assert_eq!(result, Ok(()), "{text}"),
                (result, Some(expected)) => assert!(result.unwrap_err().contains(expected), "{text}"),
            }
        }
    }
}
