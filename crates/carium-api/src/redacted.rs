//! [`Redacted`]: the label that is printed instead of a value.

use std::fmt;

/// A label for a hidden value in `Debug` and `Display` output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Redacted {
    /// Protected health information: `x-phi: true` in the spec.
    Phi,
    /// A credential, token or presigned URL: `x-secret: true` in the spec.
    Secret,
    /// A value that the spec does not describe.
    Unknown,
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Phi => "[phi]",
            Self::Secret => "[secret]",
            Self::Unknown => "[unknown]",
        })
    }
}

// The same as `Display`, so that derived `Debug` implementations of other types print the label.
impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
