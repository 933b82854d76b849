//! [`FormFields`]: the fields of a presigned upload form.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

/// The fields of a presigned upload form, in the order in which they must be sent.
///
/// Together they authorize the upload, so `Debug` shows only their names.
#[derive(Clone, Default, PartialEq)]
pub struct FormFields(Vec<(String, Value)>);

impl FormFields {
    /// Returns the names and values in order. Numbers and booleans are converted to text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(name, value)| {
            let text = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            (name.as_str(), text)
        })
    }

    /// Returns the number of fields.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns `true` if there are no fields.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for FormFields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.into(), Value::String(value.into()))).collect())
    }
}

impl fmt::Debug for FormFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FormFields ")?;
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Serialize for FormFields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for FormFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = FormFields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of form fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<FormFields, A::Error> {
        let mut fields = Vec::new();
        while let Some((name, value)) = members.next_entry::<String, Value>()? {
            match value {
                Value::String(_) | Value::Number(_) | Value::Bool(_) => fields.push((name, value)),
                Value::Null | Value::Array(_) | Value::Object(_) => {
                    return Err(A::Error::custom("a form field must be a string, a number or a boolean"));
                }
            }
        }
        Ok(FormFields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Attribute;

    const FORM: &str = r#"{"z":"canary","a":"","size":10485760,"public":false}"#;

    #[test]
    fn keeps_order_and_converts_values_to_text() {
        // Responses contain forms as attributes.
        let read: Attribute<FormFields> = serde_json::from_str(FORM).unwrap();
        let form = read.known().unwrap();
        let fields: Vec<_> = form.iter().collect();
        let texts = [("z", "canary"), ("a", ""), ("size", "10485760"), ("public", "false")];
        assert_eq!(fields, texts.map(|(name, text)| (name, text.to_owned())));
        assert_eq!(serde_json::to_string(form).unwrap(), FORM);
    }

    #[test]
    fn debug_shows_names_only() {
        let form: FormFields = serde_json::from_str(FORM).unwrap();
        let shown = format!("{form:?} {form:#?}");
        assert!(
            shown.contains("size") && !shown.contains("canary") && !shown.contains("10485760"),
            "{shown}"
        );
    }

    #[test]
    fn form_with_unsupported_field_is_unknown() {
        let read: Attribute<FormFields> = serde_json::from_str(r#"{"a":[1]}"#).unwrap();
        assert!(read.unknown().is_some());
    }
}
