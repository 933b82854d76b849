//! What a change does to one property.

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::Redacted;

/// What a PATCH does to one property: keep it, clear it, or set it.
///
/// An `Option` knows two of the three. Here, keeping sends nothing and clearing sends `null`:
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
    /// The property stays as it is. Sends nothing.
    #[default]
    Keep,
    /// The property has no value afterwards. Sends `null`.
    Clear,
    /// The property has this value afterwards.
    Set(T),
}

impl<T> Change<T> {
    /// Whether the property stays as it is.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// The new value, where there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }

    /// The same with a label in the value's place, for the generated `Debug`.
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
    fn each_of_the_three_survives_a_round_trip() {
        for text in ["{}", r#"{"location":null}"#, r#"{"location":"Room 4"}"#] {
            let changes: AppointmentChanges = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&changes).unwrap(), text);
        }
        let kept: AppointmentChanges = serde_json::from_str("{}").unwrap();
        assert_eq!(kept.location, Change::Keep);
    }
}
