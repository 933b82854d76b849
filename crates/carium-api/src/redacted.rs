//! What is printed in place of a value that must not be.

use std::fmt;

/// Stands for a value in `Debug` and `Display`: says that it is there, not what it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Redacted {
    /// Protected health information: `x-phi: true` in the spec.
    Phi,
    /// A credential or a capability: `x-secret: true` in the spec.
    Secret,
    /// Something that the spec does not know, and that may be anything.
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

// The same as `Display`: a derived `Debug` of what holds one would print the variant's name otherwise.
impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
