//! [`Change`]: the effect of an update on one property.

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::Redacted;

/// The effect of a PATCH request on one property: keep, clear or set it.
///
/// An `Option` cannot express all three. [`Keep`](Self::Keep) omits the property and [`Clear`](Self::Clear) sends
/// `null`:
///
/// ```
/// use carium_api::{Change, types::AppointmentChanges};
///
/// let changes: AppointmentChanges = AppointmentChanges::builder()
///     .location("Room 4".to_owned())
///     .description(Change::Clear)
///     .try_into()?;
/// assert_eq!(serde_json::to_string(&changes)?, r#"{"description":null,"location":"Room 4"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// Leaves the property unchanged. It is omitted from the request.
    #[default]
    Keep,
    /// Removes the value. `null` is sent.
    Clear,
    /// Sets a new value.
    Set(T),
}

impl<T> Change<T> {
    /// Returns `true` if the property is left unchanged.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// Returns the new value, if one is set.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }

    /// Replaces the value with a label, for generated `Debug` implementations.
    #[doc(hidden)]
    pub fn redact(&self, label: Redacted) -> Change<Redacted> {
        match self {
            Self::Keep => Change::Keep,
            Self::Clear => Change::Clear,
            Self::Set(_) => Change::Set(label),
        }
    }
}

impl<T> From<T> for Change<T> {
    fn from(value: T) -> Self {
        Self::Set(value)
    }
}

impl From<&str> for Change<String> {
    fn from(text: &str) -> Self {
        Self::Set(text.to_owned())
    }
}

impl<T: Serialize> Serialize for Change<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Keep | Self::Clear => serializer.serialize_none(),
            Self::Set(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

#[cfg(test)]
mod tests {
    use crate::Change;
    use crate::types::AppointmentChanges;

    #[test]
    fn round_trips_keep_clear_and_set() {
        for text in ["{}", r#"{"location":null}"#, r#"{"location":"Room 4"}"#] {
            let changes: AppointmentChanges = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&changes).unwrap(), text);
        }
        let kept: AppointmentChanges = serde_json::from_str("{}").unwrap();
        assert_eq!(kept.location, Change::Keep);
    }
}
