//! What is wrong in a document: where, which rule, and how to mend it.

use std::fmt;

/// One thing wrong with a document, said so that the reader can mend it without asking.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// The file, as the reader would name it.
    pub(crate) file: String,
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// The rule that is broken, in kebab-case.
    pub(crate) rule: &'static str,
    /// Where in the document, as a JSON pointer. Empty for the document as a whole.
    pub(crate) pointer: String,
    /// What is wrong, in one sentence.
    pub(crate) what: String,
    /// What to do about it, in one sentence.
    pub(crate) mend: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, rule, pointer, what, mend } = self;
        write!(f, "{file}:{line}: {what} [{rule}]")?;
        if !pointer.is_empty() {
            write!(f, "\n    at:   {pointer}")?;
        }
        write!(f, "\n    mend: {mend}")
    }
}

/// Several findings as one text, in the order of the document, closed by their number.
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
