//! The policy of a form: who may upload what, until when.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde_json::Value;

use super::address::BUCKET;
use super::refusal::Refusal;
use super::sign::Signer;

/// The fields of a form that stand before its file.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// S3 takes names without regard to case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.place(name).and_then(|place| self.0.get(place)).map(|(_, value)| value.as_str())
    }

    pub(super) fn push(&mut self, name: String, value: String) -> Result<(), Refusal> {
        if self.place(&name).is_some() {
            let message = format!("POST has more than one field named '{name}'.");
            return Err(Refusal::invalid_argument(message, &name));
        }
        self.0.push((name, value));
        Ok(())
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(other, _)| other.eq_ignore_ascii_case(name))
    }

    fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| {
            let message = format!(
                "Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of \
                 the fields."
            );
            Refusal::invalid_argument(message, name)
        })
    }
}

/// How many bytes the file may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Length {
    pub(super) least: u64,
    pub(super) most: u64,
}

impl Length {
    pub(super) fn too_large(&self, proposed: u64) -> Refusal {
        Refusal::bad_request("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
            .with("ProposedSize", &proposed)
            .with("MaxSizeAllowed", &self.most)
    }

    pub(super) fn too_small(&self, proposed: u64) -> Refusal {
        Refusal::bad_request(
            "EntityTooSmall",
            "Your proposed upload is smaller than the minimum allowed size",
        )
        .with("ProposedSize", &proposed)
        .with("MinSizeAllowed", &self.least)
    }
}

/// Judges the fields before the file, in S3's order: is all there, is it signed, is it valid still, does it say
/// what was presigned. Gives the range that the file's length must be in.
pub(super) fn judge(fields: &Fields, signer: &Signer, now: DateTime<Utc>) -> Result<Option<Length>, Refusal> {
    fields.required("key")?;
    let encoded = fields.get("policy").ok_or_else(|| Refusal::access_denied("Access Denied"))?;
    let signature = fields.required("x-amz-signature")?;
    let credential = fields.required("x-amz-credential")?;
    fields.required("x-amz-algorithm")?;
    fields.required("x-amz-date")?;
    let scope = Signer::scope(credential).ok_or_else(Refusal::unknown_access_key)?;
    if signer.sign(scope, encoded) != signature {
        return Err(Refusal::wrong_signature());
    }
    let policy = Policy::read(encoded).ok_or_else(|| {
        Refusal::new(StatusCode::BAD_REQUEST, "InvalidPolicyDocument", "Invalid Policy: Invalid JSON.")
    })?;
    if now >= policy.expiration {
        return Err(Refusal::access_denied("Invalid according to Policy: Policy expired."));
    }
    policy.conditions.iter().try_for_each(|condition| condition.hold(fields))?;
    policy.nothing_more(fields)?;
    policy.in_order(fields)?;
    Ok(policy.length)
}

struct Policy {
    expiration: DateTime<Utc>,
    conditions: Vec<Condition>,
    length: Option<Length>,
}

struct Condition {
    name: String,
    rule: Rule,
    value: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Rule {
    Equals,
    StartsWith,
}

impl Policy {
    fn read(encoded: &str) -> Option<Self> {
        let document: Value = serde_json::from_slice(&STANDARD.decode(encoded).ok()?).ok()?;
        let expiration = DateTime::parse_from_rfc3339(document.get("expiration")?.as_str()?).ok()?.to_utc();
        let mut policy = Self { expiration, conditions: Vec::new(), length: None };
        for condition in document.get("conditions")?.as_array()? {
            if let [name, least, most] = condition.as_array().map(Vec::as_slice).unwrap_or_default()
                && name == "content-length-range"
            {
                policy.length = Some(Length { least: least.as_u64()?, most: most.as_u64()? });
            } else {
                policy.conditions.push(Condition::read(condition)?);
            }
        }
        Some(policy)
    }

    fn condition(&self, name: &str) -> bool {
        self.conditions.iter().any(|condition| condition.name.eq_ignore_ascii_case(name))
    }

    fn nothing_more(&self, fields: &Fields) -> Result<(), Refusal> {
        let extra: Vec<_> = fields
            .0
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| !["policy", "x-amz-signature"].iter().any(|own| own.eq_ignore_ascii_case(name)))
            .filter(|name| !name.to_ascii_lowercase().starts_with("x-ignore-"))
            .filter(|name| !self.condition(name))
            .collect();
        if extra.is_empty() {
            return Ok(());
        }
        let message = format!("Invalid according to Policy: Extra input fields: {}", extra.join(","));
        Err(Refusal::access_denied(message))
    }

    /// Those that have an exact value are the presigned ones, and the policy has them in their order.
    fn in_order(&self, fields: &Fields) -> Result<(), Refusal> {
        let exact = self.conditions.iter().filter(|condition| condition.rule == Rule::Equals);
        let names = exact.map(|condition| condition.name.as_str()).chain(["policy", "x-amz-signature"]);
        let places: Vec<_> = names.filter_map(|name| fields.place(name)).collect();
        if places.is_sorted() {
            return Ok(());
        }
        Err(Refusal::bad_request("InvalidArgument", "The fields are not in the order of the presigned form."))
    }
}

impl Condition {
    fn read(condition: &Value) -> Option<Self> {
        if let Some(pair) = condition.as_object() {
            let (name, value) = pair.iter().next().filter(|_| pair.len() == 1)?;
            return Some(Self::new(name, Rule::Equals, value.as_str()?));
        }
        let [rule, name, value] = condition.as_array()?.as_slice() else { return None };
        let rule = match rule.as_str()? {
            "eq" => Rule::Equals,
            "starts-with" => Rule::StartsWith,
            _ => return None,
        };
        Some(Self::new(name.as_str()?.strip_prefix('$')?, rule, value.as_str()?))
    }

    fn new(name: &str, rule: Rule, value: &str) -> Self {
        Self { name: name.to_owned(), rule, value: value.to_owned() }
    }

    fn hold(&self, fields: &Fields) -> Result<(), Refusal> {
        // S3 knows the bucket from the URL; a form need not name it.
        let bucket = || self.name.eq_ignore_ascii_case("bucket").then_some(BUCKET);
        let value = fields.get(&self.name).or_else(bucket);
        let (rule, holds) = match self.rule {
            Rule::Equals => ("eq", value == Some(self.value.as_str())),
            Rule::StartsWith => ("starts-with", value.is_some_and(|value| value.starts_with(&self.value))),
        };
        if holds {
            return Ok(());
        }
        let message = format!(
            "Invalid according to Policy: Policy Condition failed: [\"{rule}\", \"${}\", \"{}\"]",
            self.name, self.value
        );
        Err(Refusal::access_denied(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(document: &str) -> Option<Policy> {
        Policy::read(&STANDARD.encode(document))
    }

    #[test]
    fn a_policy_is_read_in_all_of_its_forms_and_in_no_other() {
        let policy = |conditions: &str| {
            read(&format!(r#"{{"expiration": "2030-01-01T00:00:00.000Z", "conditions": [{conditions}]}}"#))
        };
        let forms =
            r#"{"a": "1"}, ["eq", "$b", "2"], ["starts-with", "$c", "3"], ["content-length-range", 4, 5]"#;
        let read_all = policy(forms).unwrap();
        assert_eq!(read_all.length, Some(Length { least: 4, most: 5 }));
        let conditions = read_all.conditions.iter().map(|condition| {
            (condition.name.as_str(), condition.rule == Rule::Equals, condition.value.as_str())
        });
        assert!(conditions.eq([("a", true, "1"), ("b", true, "2"), ("c", false, "3")]));
        for wrong in [
            r#"{"a": "1", "b": "2"}"#,
            "{}",
            r#"{"a": 1}"#,
            r#"["eq", "b", "2"]"#,
            r#"["ends-with", "$b", "2"]"#,
            r#"["eq", "$b"]"#,
            r#"["content-length-range", "4", "5"]"#,
            "1",
        ] {
            assert!(policy(wrong).is_none(), "{wrong}");
        }
        for wrong in ["", "{}", r#"{"conditions": []}"#, r#"{"expiration": "tomorrow", "conditions": []}"#] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_is_signed_and_no_policy_is_refused_as_such() {
        let signer = Signer::random();
        let credential = Signer::credential(DateTime::UNIX_EPOCH);
        let signature = signer.sign(Signer::scope(&credential).unwrap(), "no policy");
        let mut fields = Fields::default();
        for (name, value) in [
            ("key", "a"),
            ("policy", "no policy"),
            ("x-amz-algorithm", "any"),
            ("x-amz-credential", &credential),
            ("x-amz-date", "any"),
            ("x-amz-signature", &signature),
        ] {
            fields.push(name.to_owned(), value.to_owned()).unwrap();
        }
        let refusal = judge(&fields, &signer, DateTime::UNIX_EPOCH).unwrap_err();
        assert!(refusal.document().contains("<Code>InvalidPolicyDocument</Code>"));
    }
}
