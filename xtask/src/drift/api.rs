//! One description of an API, ours or theirs, with its references followed.

use serde_json::Value;

use crate::spec::Spec;

/// A description of an API, and the name of its file for whoever reads a complaint about it.
#[derive(Debug, Clone)]
pub(super) struct Api {
    pub(super) file: String,
    pub(super) root: Value,
}

impl Api {
    /// Our own.
    pub(super) fn of(spec: &Spec) -> Self {
        Self { file: spec.document.file.clone(), root: spec.root().clone() }
    }

    /// The value that a chain of references ends with, or the value itself.
    ///
    /// # Errors
    /// A reference leads nowhere, out of the file, or in a circle.
    pub(super) fn follow<'a>(&'a self, value: &'a Value) -> Result<&'a Value, String> {
        let mut seen: Vec<&str> = Vec::new();
        let mut at = value;
        while let Some(reference) = reference(at) {
            if seen.contains(&reference) {
                return Err(self.circle(reference));
            }
            seen.push(reference);
            at = self.target(reference)?;
        }
        Ok(at)
    }

    /// The value that a reference leads to.
    ///
    /// # Errors
    /// It leads nowhere, or out of the file.
    pub(super) fn target(&self, reference: &str) -> Result<&Value, String> {
        let Some(pointer) = reference.strip_prefix('#') else {
            return Err(format!(
                "{}: the reference `{reference}` leads out of the file; put all of it into one file first",
                self.file
            ));
        };
        // A part of a URL, so some writers encode braces and slashes.
        let decoded = percent_encoding::percent_decode_str(pointer).decode_utf8_lossy();
        let found = self.root.pointer(pointer).or_else(|| self.root.pointer(&decoded));
        found.ok_or_else(|| {
            format!("{}: the reference `{reference}` leads nowhere; the file is not whole", self.file)
        })
    }

    /// What is said of a reference that leads back to itself.
    pub(super) fn circle(&self, reference: &str) -> String {
        format!("{}: the reference `{reference}` leads in a circle, so nothing can be said of it", self.file)
    }
}

/// Where a value refers to, if it is a reference.
pub(super) fn reference(value: &Value) -> Option<&str> {
    value.get("$ref").and_then(Value::as_str)
}
