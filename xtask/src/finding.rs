//! [`Finding`]: a problem in a document, with its location and how to fix it.

use std::fmt;

/// A problem in a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// The file name.
    pub(crate) file: String,
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// The name of the violated rule, in kebab-case.
    pub(crate) rule: &'static str,
    /// The location as a JSON pointer. Empty for the whole document.
    pub(crate) pointer: String,
    /// What is wrong, in one sentence.
    pub(crate) message: String,
    /// How to fix it, in one sentence.
    pub(crate) fix: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, rule, pointer, message, fix } = self;
        write!(f, "{file}:{line}: {message} [{rule}]")?;
        if !pointer.is_empty() {
            write!(f, "\n    at: {pointer}")?;
        }
        write!(f, "\n    fix: {fix}")
    }
}

/// Formats findings in document order, followed by their number.
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
