//! The changelog: it has a section for the version of a release, and nothing that is not released yet.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::workspace;

const FILE: &str = "CHANGELOG.md";
const UNRELEASED: &str = "Unreleased";

/// Checks that the section of the version describes the changes, and that `Unreleased` is empty.
pub(super) fn check(root: &Path, version: &str) -> Result<(), String> {
    check_sections(&workspace::read(&root.join(FILE))?, version)
}

/// Turns the section `Unreleased` into the section of the version, with the date of today.
pub(super) fn close(root: &Path, version: &str) -> Result<(), String> {
    let path = root.join(FILE);
    let days = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 86_400;
    let closed = closed(&workspace::read(&path)?, version, &date(days))?;
    fs::write(&path, closed).map_err(|error| format!("{FILE}: {error}"))?;
    workspace::print(&format!("{FILE}: closed the section of version {version}"));
    Ok(())
}

fn check_sections(text: &str, version: &str) -> Result<(), String> {
    let unreleased = section(text, UNRELEASED);
    let has_unreleased = unreleased.as_deref().is_some_and(has_text);
    match section(text, version) {
        Some(lines) if has_text(&lines) && !has_unreleased => Ok(()),
        Some(lines) if has_text(&lines) => {
            Err(format!("section `{UNRELEASED}` is not empty; move its lines to the section `{version}`"))
        }
        Some(_) => Err(format!("section `{version}` is empty; describe the changes for users")),
        None if has_unreleased => {
            Err(format!("has no section `## {version}`; run `cargo xtask release --close-changelog`"))
        }
        None => Err(format!("has no section `## {version}` or `## {UNRELEASED}` with changes")),
    }
}

/// Returns the text with the date and the version in place of `Unreleased`, and with a new, empty section above.
fn closed(text: &str, version: &str, date: &str) -> Result<String, String> {
    if section(text, version).is_some() {
        return Err(format!("{FILE} already has a section `## {version}`"));
    }
    if !section(text, UNRELEASED).as_deref().is_some_and(has_text) {
        return Err(format!("{FILE} has no section `## {UNRELEASED}` with changes"));
    }
    let mut closed = String::with_capacity(text.len() + 40);
    for line in text.split_inclusive('\n') {
        if is_heading(line, UNRELEASED) {
            closed.push_str(&format!("## {UNRELEASED}\n\n## {version} - {date}\n"));
        } else {
            closed.push_str(line);
        }
    }
    Ok(closed)
}

fn has_text<T: AsRef<str>>(lines: &[T]) -> bool {
    lines.iter().map(AsRef::as_ref).any(|line| !line.trim().is_empty() && !line.starts_with('#'))
}

/// Checks for a heading of the second level: `## 0.1.0`, `## [0.1.0] - 2026-01-01`.
fn is_heading(line: &str, name: &str) -> bool {
    let heading = line.strip_prefix("## ").and_then(|it| it.split_whitespace().next());
    heading.is_some_and(|it| it.trim_matches(['[', ']']).eq_ignore_ascii_case(name))
}

/// Returns the lines below a heading of the second level.
fn section<'t>(text: &'t str, name: &str) -> Option<Vec<&'t str>> {
    let mut lines = text.lines().skip_while(|line| !is_heading(line, name));
    lines.next()?;
    Some(lines.take_while(|line| !line.starts_with("## ")).collect())
}

/// Returns the date of a day, counted from 1970-01-01, in the form `YYYY-MM-DD`.
fn date(mut days: u64) -> String {
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_a_section_with_text_for_the_version() {
        for (text, expected) in [
            ("## [0.2.0] - 2026-01-01\n- A thing.\n\n## 0.1.0\n- Another.\n", None),
            ("## Unreleased\n\n## 0.2.0\n- A thing.\n", None),
            ("## Unreleased\n- A thing.\n## 0.2.0\n- Another.\n", Some("`Unreleased` is not empty")),
            ("# Changelog\n\n## Unreleased\n\n### Added\n- A thing.\n", Some("--close-changelog")),
            ("## Unreleased\n\n### Added\n\n## 0.1.0\n- Another.\n", Some("has no section `## 0.2.0`")),
            ("## Unreleased\n## 0.2.0\n\n## 0.1.0\n- Another.\n", Some("`0.2.0` is empty")),
            ("# Changelog\n\n## 0.1.0\n- Another.\n## 0.2.0-rc.1\n- A thing.\n", Some("has no section")),
            ("", Some("has no section")),
        ] {
            match (check_sections(text, "0.2.0"), expected) {
                (result, None) => assert_eq!(result, Ok(()), "{text}"),
                (result, Some(expected)) => assert!(result.unwrap_err().contains(expected), "{text}"),
            }
        }
    }

    #[test]
    fn closes_the_unreleased_section() {
        let open = "# Changelog\n\n## Unreleased\n\n- A thing.\n\n## 0.1.0\n- Another.\n";
        let closed_text = closed(open, "0.2.0", "2026-03-01").unwrap();
        let expected =
            "# Changelog\n\n## Unreleased\n\n## 0.2.0 - 2026-03-01\n\n- A thing.\n\n## 0.1.0\n- Another.\n";
        assert_eq!(closed_text, expected);
        assert_eq!(check_sections(&closed_text, "0.2.0"), Ok(()));
        assert!(closed(&closed_text, "0.2.0", "2026-03-01").unwrap_err().contains("already"));
        assert!(closed(&closed_text, "0.3.0", "2026-03-01").unwrap_err().contains("no section"));
    }

    #[test]
    fn formats_dates() {
        let dates = [(0, "1970-01-01"), (59, "1970-03-01"), (11_016, "2000-02-29"), (20_453, "2025-12-31")];
        for (days, expected) in dates {
            assert_eq!(date(days), expected);
        }
    }
}
