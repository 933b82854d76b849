//! A problem in a document: its location, the rule that it breaks, and the fix.

use std::fmt;

/// A problem in a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// The path of the file, relative to the workspace.
    pub(crate) file: String,
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// The rule, in kebab-case.
    pub(crate) rule: &'static str,
    /// The location in the document, as a JSON pointer. Empty for the whole document.
    pub(crate) pointer: String,
    /// The problem, in one sentence.
    pub(crate) what: String,
    /// The fix, in one sentence.
    pub(crate) mend: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, rule, pointer, what, mend } = self;
        write!(f, "{file}:{line}: {what} [{rule}]")?;
        if !pointer.is_empty() {
            write!(f, "\n    at:  {pointer}")?;
        }
        write!(f, "\n    fix: {mend}")
    }
}

/// Formats findings as one text, in the order of the document, followed by their number.
pub(crate) fn report(findings: &[Finding]) -> String {
    let mut sorted: Vec<_> = findings.iter().collect();
    sorted.sort();
    sorted.dedup();
    let mut text = String::new();
    for finding in &sorted {
        text.push_str(&finding.to_string());
        text.push('\n');
    }
    let plural = if sorted.len() == 1 { "" } else { "s" };
    text.push_str(&format!("{} finding{plural}", sorted.len()));
    text
}
