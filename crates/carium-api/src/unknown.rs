//! [`Unknown`]: a value that the spec does not describe.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Redacted;

/// A value in a response that the spec does not describe: an additional attribute, a new enum value or a new date
/// format.
///
/// The value is kept and serialized unchanged. It is treated as PHI, so `Debug` shows `[unknown]`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
// Boxed, because a `Value` is several times larger than most values of an `Attribute`, which contains one or the other.
pub struct Unknown(Box<Value>);

impl Unknown {
    /// Returns the value as JSON.
    pub fn as_json(&self) -> &Value {
        &self.0
    }

    /// Converts into the JSON value.
    pub fn into_json(self) -> Value {
        *self.0
    }
}

impl From<Value> for Unknown {
    fn from(value: Value) -> Self {
        Self(Box::new(value))
    }
}

impl fmt::Debug for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Redacted::Unknown.fmt(f)
    }
}
