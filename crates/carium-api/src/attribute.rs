//! [`Attribute`]: a property of a response that accepts any value.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{
    BoolDeserializer, MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer, StringDeserializer,
};
use serde::de::{
    Deserialize, DeserializeOwned, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

use crate::{Redacted, Unknown};

/// A property of a response. Any JSON value can be read into it and is serialized unchanged.
///
/// The vendor documents requests in detail but hardly documents responses. So no property of this type is
/// required. A value of an unexpected type, an unknown enum value or a date in a new format is kept as
/// [`Unknown`](Self::Unknown) and does not make the response unreadable. This also keeps enums in responses
/// open: their type is `Attribute<Locale>`, not `Locale`.
///
/// ```
/// use carium_api::{Attribute, types::Locale};
///
/// let known: Attribute<Locale> = serde_json::from_str("\"en_US\"")?;
/// assert_eq!(known.known(), Some(&Locale::EnUs));
///
/// let new: Attribute<Locale> = serde_json::from_str("\"fr_CA\"")?;
/// assert_eq!(new.known(), None);
/// assert_eq!(serde_json::to_string(&new)?, "\"fr_CA\"");
/// assert_eq!(format!("{new:?}"), "Unknown([unknown])");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Attribute<T> {
    /// The property was absent.
    #[default]
    Missing,
    /// The property was `null`.
    Null,
    /// A value of the type that the spec expects.
    Known(T),
    /// Any other value. It is treated as PHI and never printed.
    Unknown(Unknown),
}

impl<T> Attribute<T> {
    /// Returns the value if it is of the expected type.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Missing | Self::Null | Self::Unknown(_) => None,
        }
    }

    /// Converts into the value if it is of the expected type.
    pub fn into_known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Missing | Self::Null | Self::Unknown(_) => None,
        }
    }

    /// Returns the value if it is not of the expected type.
    pub fn unknown(&self) -> Option<&Unknown> {
        match self {
            Self::Unknown(value) => Some(value),
            Self::Missing | Self::Null | Self::Known(_) => None,
        }
    }

    /// Returns `true` if the property was absent. It is then omitted when serializing.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// Replaces the value with a label, for generated `Debug` implementations.
    #[doc(hidden)]
    pub fn redact(&self, label: Redacted) -> Attribute<Redacted> {
        match self {
            Self::Missing => Attribute::Missing,
            Self::Null => Attribute::Null,
            Self::Known(_) => Attribute::Known(label),
            Self::Unknown(_) => Attribute::Unknown(Value::Null.into()),
        }
    }
}

impl<T> From<T> for Attribute<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl From<&str> for Attribute<String> {
    fn from(text: &str) -> Self {
        Self::Known(text.to_owned())
    }
}

impl<T: Serialize> Serialize for Attribute<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Missing | Self::Null => serializer.serialize_none(),
            Self::Known(value) => value.serialize(serializer),
            Self::Unknown(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Attribute<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader { accepts_any_object: false, target: PhantomData })
    }
}

/// Deserializes an attribute whose type accepts any object: a type of [`open_object`]. Its members are read in place,
/// while other types are read from a JSON value, which is kept if they reject it.
pub(crate) fn deserialize_object<'de, T, D>(deserializer: D) -> Result<Attribute<T>, D::Error>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
{
    deserializer.deserialize_any(Reader { accepts_any_object: true, target: PhantomData })
}

/// Deserializes a value as `T` and falls back to JSON.
///
/// This is a visitor instead of a conversion from `serde_json::Value` for speed: a page of a list has thousands of
/// scalars, and they are copied only if they turn out to be unknown.
struct Reader<T> {
    accepts_any_object: bool,
    target: PhantomData<T>,
}

impl<T: DeserializeOwned> Reader<T> {
    fn read_scalar<'a, S, E>(scalar: S, to_json: impl FnOnce() -> Value) -> Attribute<T>
    where
        S: IntoDeserializer<'a, E>,
        E: Error,
    {
        T::deserialize(scalar.into_deserializer())
            .map_or_else(|_| Attribute::Unknown(to_json().into()), Attribute::Known)
    }

    fn read_compound(value: Value) -> Attribute<T> {
        // Deserializing from a reference keeps the value available if it is not a `T`.
        T::deserialize(&value).map_or_else(|_| Attribute::Unknown(value.into()), Attribute::Known)
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for Reader<T> {
    type Value = Attribute<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Attribute::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Attribute::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Self::read_scalar::<_, E>(BoolDeserializer::<E>::new(value), || value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Self::read_scalar::<_, E>(value, || value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Self::read_scalar::<_, E>(value, || value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Self::read_scalar::<_, E>(value, || value.into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Self::read_scalar::<_, E>(StrDeserializer::<E>::new(text), || text.into()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Self::read_scalar::<_, E>(StringDeserializer::<E>::new(text.clone()), || text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(items)).map(Self::read_compound)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        let members = MapAccessDeserializer::new(members);
        if self.accepts_any_object {
            return T::deserialize(members).map(Attribute::Known);
        }
        Value::deserialize(members).map(Self::read_compound)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::types::{Gender, IndividualId};

    fn read<T: DeserializeOwned>(value: &Value) -> Attribute<T> {
        serde_json::from_str(&value.to_string()).unwrap()
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1.0e9..1.0e9).prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(".*", inner, 0..4).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn reads_and_serializes_any_json_unchanged(value in any_json()) {
            for serialized in [
                serde_json::to_value(read::<String>(&value)).unwrap(),
                serde_json::to_value(read::<bool>(&value)).unwrap(),
                serde_json::to_value(read::<Gender>(&value)).unwrap(),
                serde_json::to_value(read::<IndividualId>(&value)).unwrap(),
                serde_json::to_value(read::<Vec<String>>(&value)).unwrap(),
            ] {
                prop_assert_eq!(&serialized, &value);
            }
        }
    }

    #[test]
    fn distinguishes_missing_from_null() {
        #[derive(serde::Deserialize)]
        struct Holder {
            #[serde(default)]
            name: Attribute<String>,
        }
        let name = |text: &str| serde_json::from_str::<Holder>(text).unwrap().name;
        assert_eq!(name("{}"), Attribute::Missing);
        assert_eq!(name(r#"{"name": null}"#), Attribute::Null);
        assert_eq!(name(r#"{"name": "a"}"#), Attribute::from("a"));
    }
}
