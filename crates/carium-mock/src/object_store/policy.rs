//! Presigned forms: signing a form with a policy, and checking the fields of an upload against it.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use http::StatusCode;
use serde_json::{Value, json};

use super::response::S3Error;
use super::signature::{ALGORITHM, BUCKET, DATE_FORMAT, Signer};
use super::state::StoreState;

/// The options of a presigned upload form.
#[derive(Clone)]
pub struct PresignPost {
    key: String,
    valid_for: Duration,
    /// Minimum and maximum length.
    length: Option<(u64, u64)>,
    content_type_prefix: Option<String>,
    fields: Vec<(String, String)>,
}

impl PresignPost {
    /// Creates options for uploading one file to this key, valid for one hour.
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            valid_for: Duration::from_secs(3600),
            length: None,
            content_type_prefix: None,
            fields: Vec::new(),
        }
    }

    /// Sets how long the form is valid. Defaults to one hour. At most one week.
    #[must_use]
    pub fn valid_for(mut self, valid_for: Duration) -> Self {
        self.valid_for = valid_for;
        self
    }

    /// Limits the length of the file in bytes: `content-length-range`.
    #[must_use]
    pub fn content_length_range(mut self, range: RangeInclusive<u64>) -> Self {
        self.length = Some((*range.start(), *range.end()));
        self
    }

    /// Requires exactly this media type, which becomes a field of the form.
    #[must_use]
    pub fn content_type(self, media_type: impl Into<String>) -> Self {
        self.field("Content-Type", media_type)
    }

    /// Requires a media type with this prefix. The client that uploads has to add the field `Content-Type`, anywhere
    /// before the file.
    #[must_use]
    pub fn content_type_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.content_type_prefix = Some(prefix.into());
        self
    }

    /// Adds a field, whose value must be sent unchanged.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    pub(super) fn sign(self, store: &StoreState) -> PresignedPost {
        let (now, expiry) = (store.clock.now(), store.clock.expiry(self.valid_for));
        let credential = Signer::credential(now);
        let scope = Signer::scope(&credential).unwrap_or_default().to_owned();
        let mut fields = vec![("key".to_owned(), self.key)];
        fields.extend(self.fields);
        fields.push(("x-amz-algorithm".to_owned(), ALGORITHM.to_owned()));
        fields.push(("x-amz-credential".to_owned(), credential));
        fields.push(("x-amz-date".to_owned(), now.format(DATE_FORMAT).to_string()));

        let mut conditions = vec![json!({"bucket": BUCKET})];
        conditions.extend(fields.iter().map(|(name, value)| json!({name: value})));
        conditions
            .extend(self.content_type_prefix.map(|prefix| json!(["starts-with", "$Content-Type", prefix])));
        conditions.extend(self.length.map(|(min, max)| json!(["content-length-range", min, max])));
        let expiration = expiry.to_rfc3339_opts(SecondsFormat::Millis, true);
        let policy = STANDARD.encode(json!({"expiration": expiration, "conditions": conditions}).to_string());

        let signature = store.signer.sign(&scope, &policy);
        fields.push(("policy".to_owned(), policy));
        fields.push(("x-amz-signature".to_owned(), signature));
        PresignedPost { url: format!("{}/{BUCKET}", store.url), fields }
    }
}

impl fmt::Debug for PresignPost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresignPost").field("valid_for", &self.valid_for).finish_non_exhaustive()
    }
}

/// A presigned form that uploads one file.
///
/// Anyone who has the form can use it, repeatedly, while it is valid. `Debug` therefore shows neither its URL nor its
/// fields.
#[derive(Clone)]
pub struct PresignedPost {
    /// The URL to post the form to.
    pub url: String,
    /// The fields, in the order in which they must be sent. The file follows in a part named `file`.
    pub fields: Vec<(String, String)>,
}

impl fmt::Debug for PresignedPost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresignedPost").finish_non_exhaustive()
    }
}

/// The fields of a form that precede its file. As in S3, field names are case-insensitive.
#[derive(Debug, Default)]
pub(super) struct FormFields(Vec<(String, String)>);

impl FormFields {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.position(name).and_then(|index| self.0.get(index)).map(|(_, value)| value.as_str())
    }

    pub(super) fn push(&mut self, name: String, value: String) -> Result<(), S3Error> {
        if self.position(&name).is_some() {
            let message = format!("POST has more than one field named '{name}'.");
            return Err(S3Error::invalid_argument(message, &name));
        }
        self.0.push((name, value));
        Ok(())
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(field, _)| field.eq_ignore_ascii_case(name))
    }

    fn required(&self, name: &str) -> Result<&str, S3Error> {
        self.get(name).ok_or_else(|| {
            let message = format!(
                "Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of \
                 the fields."
            );
            S3Error::invalid_argument(message, name)
        })
    }
}

/// The allowed length of the file in bytes, inclusive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LengthRange {
    pub(super) min: u64,
    pub(super) max: u64,
}

impl LengthRange {
    pub(super) fn too_large(&self, proposed: u64) -> S3Error {
        S3Error::bad_request("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
            .with("ProposedSize", &proposed)
            .with("MaxSizeAllowed", &self.max)
    }

    pub(super) fn too_small(&self, proposed: u64) -> S3Error {
        S3Error::bad_request(
            "EntityTooSmall",
            "Your proposed upload is smaller than the minimum allowed size",
        )
        .with("ProposedSize", &proposed)
        .with("MinSizeAllowed", &self.min)
    }
}

/// Checks the fields before the file, in S3's order: required fields, signature, expiry, then the conditions of the
/// policy. Returns the policy's limits on the length of the file, if it has any.
pub(super) fn authorize(
    fields: &FormFields,
    signer: &Signer,
    now: DateTime<Utc>,
) -> Result<Option<LengthRange>, S3Error> {
    fields.required("key")?;
    let encoded = fields.get("policy").ok_or_else(|| S3Error::access_denied("Access Denied"))?;
    let signature = fields.required("x-amz-signature")?;
    let credential = fields.required("x-amz-credential")?;
    fields.required("x-amz-algorithm")?;
    fields.required("x-amz-date")?;
    let scope = Signer::scope(credential).ok_or_else(S3Error::unknown_access_key)?;
    if signer.sign(scope, encoded) != signature {
        return Err(S3Error::wrong_signature());
    }
    let policy = Policy::decode(encoded).ok_or_else(|| {
        S3Error::new(StatusCode::BAD_REQUEST, "InvalidPolicyDocument", "Invalid Policy: Invalid JSON.")
    })?;
    if now >= policy.expiration {
        return Err(S3Error::access_denied("Invalid according to Policy: Policy expired."));
    }
    policy.conditions.iter().try_for_each(|condition| condition.check(fields))?;
    policy.check_extra_fields(fields)?;
    policy.check_order(fields)?;
    Ok(policy.length)
}

struct Policy {
    expiration: DateTime<Utc>,
    conditions: Vec<Condition>,
    length: Option<LengthRange>,
}

struct Condition {
    field: String,
    operator: Operator,
    value: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Operator {
    Equals,
    StartsWith,
}

impl Policy {
    fn decode(encoded: &str) -> Option<Self> {
        let document: Value = serde_json::from_slice(&STANDARD.decode(encoded).ok()?).ok()?;
        let expiration = DateTime::parse_from_rfc3339(document.get("expiration")?.as_str()?).ok()?.to_utc();
        let mut policy = Self { expiration, conditions: Vec::new(), length: None };
        for condition in document.get("conditions")?.as_array()? {
            if let [name, min, max] = condition.as_array().map(Vec::as_slice).unwrap_or_default()
                && name == "content-length-range"
            {
                policy.length = Some(LengthRange { min: min.as_u64()?, max: max.as_u64()? });
            } else {
                policy.conditions.push(Condition::parse(condition)?);
            }
        }
        Some(policy)
    }

    fn has_condition(&self, field: &str) -> bool {
        self.conditions.iter().any(|condition| condition.field.eq_ignore_ascii_case(field))
    }

    /// Rejects fields that the policy has no condition for.
    fn check_extra_fields(&self, fields: &FormFields) -> Result<(), S3Error> {
        let unsigned = ["policy", "x-amz-signature"];
        let extra: Vec<_> = fields
            .0
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| !unsigned.iter().any(|unsigned| unsigned.eq_ignore_ascii_case(name)))
            .filter(|name| !name.to_ascii_lowercase().starts_with("x-ignore-"))
            .filter(|name| !self.has_condition(name))
            .collect();
        if extra.is_empty() {
            return Ok(());
        }
        let message = format!("Invalid according to Policy: Extra input fields: {}", extra.join(","));
        Err(S3Error::access_denied(message))
    }

    /// Rejects a form whose presigned fields are not in the order in which they were presigned.
    ///
    /// The presigned fields are those that the policy requires to have an exact value, followed by the policy and the
    /// signature. The conditions of the policy are in the order of the fields.
    fn check_order(&self, fields: &FormFields) -> Result<(), S3Error> {
        let presigned = self.conditions.iter().filter(|condition| condition.operator == Operator::Equals);
        let names = presigned.map(|condition| condition.field.as_str()).chain(["policy", "x-amz-signature"]);
        let positions: Vec<_> = names.filter_map(|name| fields.position(name)).collect();
        if positions.is_sorted() {
            return Ok(());
        }
        let message = "The fields are not in the order of the presigned form.";
        Err(S3Error::bad_request("InvalidArgument", message))
    }
}

impl Condition {
    /// Parses `{"field": "value"}` or `["eq" | "starts-with", "$field", "value"]`.
    fn parse(condition: &Value) -> Option<Self> {
        if let Some(pair) = condition.as_object() {
            let (field, value) = pair.iter().next().filter(|_| pair.len() == 1)?;
            return Some(Self::new(field, Operator::Equals, value.as_str()?));
        }
        let [operator, field, value] = condition.as_array()?.as_slice() else { return None };
        let operator = match operator.as_str()? {
            "eq" => Operator::Equals,
            "starts-with" => Operator::StartsWith,
            _ => return None,
        };
        Some(Self::new(field.as_str()?.strip_prefix('$')?, operator, value.as_str()?))
    }

    fn new(field: &str, operator: Operator, value: &str) -> Self {
        Self { field: field.to_owned(), operator, value: value.to_owned() }
    }

    fn check(&self, fields: &FormFields) -> Result<(), S3Error> {
        // S3 takes the bucket from the URL, so the form may omit the field.
        let bucket = || self.field.eq_ignore_ascii_case("bucket").then_some(BUCKET);
        let value = fields.get(&self.field).or_else(bucket);
        let (operator, holds) = match self.operator {
            Operator::Equals => ("eq", value == Some(self.value.as_str())),
            Operator::StartsWith => {
                ("starts-with", value.is_some_and(|value| value.starts_with(&self.value)))
            }
        };
        if holds {
            return Ok(());
        }
        let message = format!(
            "Invalid according to Policy: Policy Condition failed: [\"{operator}\", \"${}\", \"{}\"]",
            self.field, self.value
        );
        Err(S3Error::access_denied(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(document: &str) -> Option<Policy> {
        Policy::decode(&STANDARD.encode(document))
    }

    #[test]
    fn decodes_all_condition_formats_and_rejects_others() {
        let policy = |conditions: &str| {
            decode(&format!(r#"{{"expiration": "2030-01-01T00:00:00.000Z", "conditions": [{conditions}]}}"#))
        };
        let formats =
            r#"{"a": "1"}, ["eq", "$b", "2"], ["starts-with", "$c", "3"], ["content-length-range", 4, 5]"#;
        let decoded = policy(formats).unwrap();
        assert_eq!(decoded.length, Some(LengthRange { min: 4, max: 5 }));
        let conditions = decoded.conditions.iter().map(|condition| {
            (condition.field.as_str(), condition.operator == Operator::Equals, condition.value.as_str())
        });
        assert!(conditions.eq([("a", true, "1"), ("b", true, "2"), ("c", false, "3")]));
        for invalid in [
            r#"{"a": "1", "b": "2"}"#,
            "{}",
            r#"{"a": 1}"#,
            r#"["eq", "b", "2"]"#,
            r#"["ends-with", "$b", "2"]"#,
            r#"["eq", "$b"]"#,
            r#"["content-length-range", "4", "5"]"#,
            "1",
        ] {
            assert!(policy(invalid).is_none(), "{invalid}");
        }
        for invalid in ["", "{}", r#"{"conditions": []}"#, r#"{"expiration": "tomorrow", "conditions": []}"#]
        {
            assert!(decode(invalid).is_none(), "{invalid}");
        }
    }

    #[test]
    fn rejects_signed_text_that_is_not_a_policy() {
        let signer = Signer::random();
        let credential = Signer::credential(DateTime::UNIX_EPOCH);
        let signature = signer.sign(Signer::scope(&credential).unwrap(), "not a policy");
        let mut fields = FormFields::default();
        for (name, value) in [
            ("key", "a"),
            ("policy", "not a policy"),
            ("x-amz-algorithm", "any"),
            ("x-amz-credential", &credential),
            ("x-amz-date", "any"),
            ("x-amz-signature", &signature),
        ] {
            fields.push(name.to_owned(), value.to_owned()).unwrap();
        }
        let error = authorize(&fields, &signer, DateTime::UNIX_EPOCH).unwrap_err();
        assert!(error.document().contains("<Code>InvalidPolicyDocument</Code>"));
    }
}
