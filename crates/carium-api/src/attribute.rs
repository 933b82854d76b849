//! A property of an answer, read without trusting it.

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

/// A property of an answer: whatever the service sends reads as one of these, and goes back as it came.
///
/// The vendor documents requests well and answers hardly. So nothing in an answer is required, and a value
/// of an unexpected kind, an enum's value that the spec does not know or a date in a new form is kept here
/// instead of failing the document around it. This is what makes the enums of answers open: the type is
/// `Attribute<Locale>`, not `Locale`.
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
    /// The property was not there.
    #[default]
    Missing,
    /// The property was `null`.
    Null,
    /// The value, as the spec expects it.
    Known(T),
    /// Another value. It counts as PHI and is not printed.
    Unknown(Unknown),
}

impl<T> Attribute<T> {
    /// The value, where it is there and as expected.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Missing | Self::Null | Self::Unknown(_) => None,
        }
    }

    /// The value itself, where it is there and as expected.
    pub fn into_known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Missing | Self::Null | Self::Unknown(_) => None,
        }
    }

    /// The value, where it is there and not as expected.
    pub fn unknown(&self) -> Option<&Unknown> {
        match self {
            Self::Unknown(value) => Some(value),
            Self::Missing | Self::Null | Self::Known(_) => None,
        }
    }

    /// Whether the property was not there. It is not sent, then.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// The same with a label in the value's place, for the generated `Debug`.
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
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

/// Tries the value as a `T`, and keeps it as JSON where it is none.
///
/// A visitor rather than a detour over `serde_json::Value`: scalars, of which there are thousands in a page
/// of a list, are tried in place and copied only when they turn out to be unknown.
struct Reader<T>(PhantomData<T>);

impl<T: DeserializeOwned> Reader<T> {
    fn read<'a, S, E>(scalar: S, kept: impl FnOnce() -> Value) -> Attribute<T>
    where
        S: IntoDeserializer<'a, E>,
        E: Error,
    {
        T::deserialize(scalar.into_deserializer())
            .map_or_else(|_| Attribute::Unknown(kept().into()), Attribute::Known)
    }

    fn read_whole(value: Value) -> Attribute<T> {
        // By reference, so that the value is still there when it is not a `T`.
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
        Ok(Self::read::<_, E>(BoolDeserializer::<E>::new(value), || value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Self::read::<_, E>(value, || value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Self::read::<_, E>(value, || value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Self::read::<_, E>(value, || value.into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Self::read::<_, E>(StrDeserializer::<E>::new(text), || text.into()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Self::read::<_, E>(StringDeserializer::<E>::new(text.clone()), || text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(items)).map(Self::read_whole)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(members)).map(Self::read_whole)
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
        fn whatever_is_sent_is_read_and_goes_back_as_it_came(value in any_json()) {
            for back in [
                serde_json::to_value(read::<String>(&value)).unwrap(),
                serde_json::to_value(read::<bool>(&value)).unwrap(),
                serde_json::to_value(read::<Gender>(&value)).unwrap(),
                serde_json::to_value(read::<IndividualId>(&value)).unwrap(),
                serde_json::to_value(read::<Vec<String>>(&value)).unwrap(),
            ] {
                prop_assert_eq!(&back, &value);
            }
        }
    }

    #[test]
    fn tells_missing_from_null() {
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
