//! A value that the spec does not know.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Redacted;

/// Something that the service sent and the spec does not know: an attribute beyond its own, a value of an
/// enum that was added since, a date in a form that nobody has seen yet.
///
/// It is kept as it came and goes back as it came. It counts as PHI, so `Debug` says `[unknown]`; to look
/// inside is a decision of the caller.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Unknown(Value);

impl Unknown {
    /// The value.
    pub fn as_json(&self) -> &Value {
        &self.0
    }

    /// The value, itself.
    pub fn into_json(self) -> Value {
        self.0
    }
}

impl From<Value> for Unknown {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Redacted::Unknown.fmt(f)
    }
}
