//! [`open_object`]: reads objects of which every member is optional.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, Error, Visitor};

use crate::attribute::{Attribute, deserialize_object};

/// Implements `Deserialize` for a generated struct that accepts any object: each field is an [`Attribute`], and the field
/// `extra` has the other members. If a member comes twice, the last one counts, as in `serde_json::Value`.
///
/// The implementation that `serde` derives for a flattened `extra` collects all members first, which takes three times as
/// long. A field that is marked with `as object` is itself a struct of this kind.
macro_rules! open_object {
    ($name:ident { $($field:ident: $member:literal $(as $object:ident)?,)* }) => {
        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Members;

                impl<'de> ::serde::de::Visitor<'de> for Members {
                    type Value = $name;

                    fn expecting(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: ::serde::de::MapAccess<'de>>(
                        self,
                        mut members: A,
                    ) -> Result<$name, A::Error> {
                        let mut object = $name {
                            $($field: $crate::Attribute::Missing,)*
                            extra: ::std::collections::BTreeMap::new(),
                        };
                        while let Some($crate::open_object::Name(name)) = members.next_key()? {
                            match &*name {
                                $($member => {
                                    object.$field =
                                        $crate::open_object::open_object!(@value members $($object)?);
                                })*
                                _ => {
                                    object.extra.insert(name.into_owned(), members.next_value()?);
                                }
                            }
                        }
                        Ok(object)
                    }
                }

                deserializer.deserialize_map(Members)
            }
        }
    };
    (@value $members:ident object) => {
        $members.next_value_seed($crate::open_object::Object::default())?
    };
    (@value $members:ident) => {
        $members.next_value()?
    };
}

pub(crate) use open_object;

/// The name of a member, which is copied only if it contains an escape sequence.
pub(crate) struct Name<'de>(pub(crate) Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a member")
            }

            fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// Reads an attribute whose type is itself a struct of [`open_object`].
pub(crate) struct Object<T>(PhantomData<T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Object<T> {
    type Value = Attribute<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Attribute<T>, D::Error> {
        deserialize_object(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use crate::Unknown;
    use crate::types::{DocumentReferenceAttributes, ErrorObject, Patient};

    const ID: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";

    fn read<T: serde::de::DeserializeOwned>(text: &str) -> T {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_last_of_two_equal_members_counts() {
        let text = r#"{"name": "a", "odd": 1, "name": "b", "odd": [2]}"#;
        let read: DocumentReferenceAttributes = read(text);
        assert_eq!(read.name, "b".into());
        assert_eq!(read.extra["odd"].as_json(), &json!([2]));
    }

    #[test]
    fn names_with_escape_sequences_are_recognized() {
        let read: DocumentReferenceAttributes = read(r#"{"n\u0061me": "a", "\u0061\"b": 1}"#);
        assert_eq!(read.name, "a".into());
        assert_eq!(read.extra.keys().collect::<Vec<_>>(), ["a\"b"]);
    }

    #[test]
    fn other_values_in_place_of_an_object_are_kept() {
        for value in [json!("text"), json!(1), json!([{"name": 1}]), json!(true)] {
            let patient: Patient = read(&json!({"id": ID, "attributes": value}).to_string());
            assert_eq!(patient.attributes.unknown().map(Unknown::as_json), Some(&value));
            let error: ErrorObject = read(&json!({"title": "a", "source": value}).to_string());
            assert_eq!(error.source.unknown().map(Unknown::as_json), Some(&value));
            assert_eq!(serde_json::to_value(&error).unwrap()["source"], value);
        }
        let patient: Patient = read(&json!({"id": ID, "attributes": null}).to_string());
        assert_eq!(patient.attributes, crate::Attribute::Null);
    }

    fn members() -> impl Strategy<Value = Value> {
        let names =
            prop::sample::select(vec!["name", "title", "source", "pointer", "meta", "detail", "\u{e9}"]);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,4}".prop_map(Value::from),
        ];
        let value = leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(".{0,3}", inner, 0..3).prop_map(|members| json!(members)),
            ]
        });
        prop::collection::btree_map(names, value, 0..6).prop_map(|members| json!(members))
    }

    proptest! {
        #[test]
        fn any_object_is_read_from_text_like_from_a_value_and_serialized_unchanged(object in members()) {
            let text = object.to_string();
            let error: ErrorObject = read(&text);
            prop_assert_eq!(&error, &serde_json::from_value::<ErrorObject>(object.clone()).unwrap());
            prop_assert_eq!(serde_json::to_value(&error).unwrap(), object.clone());
            let attributes: DocumentReferenceAttributes = read(&text);
            prop_assert_eq!(serde_json::to_value(&attributes).unwrap(), object);
        }
    }
}
