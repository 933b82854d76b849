//! FHIR R4 `Patient` resources as NDJSON, as a Bulk Data export has them.
//!
//! Each resource becomes a row with fixed columns, which a mapping uses like the columns of a table.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use super::mapping::{Cells, ConversionError};
use super::problem::SkipReason;

/// The columns of a patient.
pub(super) const COLUMNS: [&str; 9] =
    ["id", "identifier", "family", "given", "birthDate", "gender", "email", "phone", "language"];

/// The values of a patient, in the order of [`COLUMNS`].
pub(super) struct FhirPatient {
    values: [String; COLUMNS.len()],
    line: u64,
}

/// Why a line is not a patient to onboard.
pub(super) enum NotOnboarded {
    Skipped(SkipReason),
    /// The line is not a resource, with the column of the error.
    Malformed(usize),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    #[serde(default)]
    #[serde(rename = "resourceType")]
    kind: String,
    id: Option<String>,
    active: Option<bool>,
    deceased_boolean: Option<bool>,
    deceased_date_time: Option<String>,
    birth_date: Option<String>,
    gender: Option<String>,
    #[serde(default)]
    identifier: Vec<Identifier>,
    #[serde(default)]
    name: Vec<HumanName>,
    #[serde(default)]
    telecom: Vec<ContactPoint>,
    #[serde(default)]
    communication: Vec<Communication>,
    #[serde(default)]
    link: Vec<Link>,
}

#[derive(Deserialize)]
struct Identifier {
    r#use: Option<String>,
    r#type: Option<CodeableConcept>,
    value: Option<String>,
    period: Option<Period>,
}

#[derive(Deserialize)]
struct HumanName {
    r#use: Option<String>,
    family: Option<String>,
    #[serde(default)]
    given: Vec<String>,
    period: Option<Period>,
}

#[derive(Deserialize)]
struct ContactPoint {
    system: Option<String>,
    value: Option<String>,
    r#use: Option<String>,
    rank: Option<u64>,
    period: Option<Period>,
}

#[derive(Deserialize)]
struct Period {
    end: Option<String>,
}

#[derive(Deserialize)]
struct Communication {
    language: Option<CodeableConcept>,
    #[serde(default)]
    preferred: bool,
}

#[derive(Deserialize)]
struct CodeableConcept {
    #[serde(default)]
    coding: Vec<Coding>,
}

#[derive(Deserialize)]
struct Coding {
    code: Option<String>,
}

#[derive(Deserialize)]
struct Link {
    r#type: Option<String>,
}

impl FhirPatient {
    /// Parses a line.
    pub(super) fn parse(text: &str, line: u64) -> Result<Self, NotOnboarded> {
        // The message of the error is not used because it may contain values from the file.
        let resource: Resource =
            serde_json::from_str(text).map_err(|error| NotOnboarded::Malformed(error.column()))?;
        if let Some(reason) = resource.skip_reason() {
            return Err(NotOnboarded::Skipped(reason));
        }
        let today = today();
        let is_current = |period: &Option<Period>| {
            let end = period.as_ref().and_then(|period| period.end.as_deref());
            // An end such as `2019` or `2019-01` is compared as text, which keeps the whole period.
            end.is_none_or(|end| end >= &today[..end.len().min(today.len())])
        };
        let name = resource.name.iter().filter(|name| is_current(&name.period)).min_by_key(|name| match name
            .r#use
            .as_deref()
        {
            Some("official") => 0,
            Some("usual") => 1,
            None => 2,
            Some("nickname" | "anonymous" | "maiden" | "old" | "temp") => 4,
            Some(_) => 3,
        });
        let contact = |systems: &[&str], prefers_mobile: bool| {
            let contacts = resource.telecom.iter().filter(|contact| {
                let system = contact.system.as_deref().unwrap_or_default();
                systems.contains(&system)
                    && contact.r#use.as_deref() != Some("old")
                    && is_current(&contact.period)
            });
            let best = contacts.min_by_key(|contact| {
                let is_mobile = contact.r#use.as_deref() == Some("mobile");
                (prefers_mobile && !is_mobile, contact.rank.unwrap_or(u64::MAX))
            });
            best.and_then(|contact| contact.value.clone()).unwrap_or_default()
        };
        let identifier = resource
            .identifier
            .iter()
            .filter(|identifier| identifier.r#use.as_deref() != Some("old") && is_current(&identifier.period))
            .min_by_key(|identifier| identifier.r#type.as_ref().is_none_or(|kind| !kind.has("MR")));
        let language = resource.communication.iter().min_by_key(|communication| !communication.preferred);
        let language =
            language.and_then(|communication| communication.language.as_ref()?.coding.first()?.code.clone());
        let values = [
            resource.id.clone(),
            identifier.and_then(|identifier| identifier.value.clone()),
            name.and_then(|name| name.family.clone()),
            name.map(|name| name.given.join(" ")),
            resource.birth_date.clone(),
            resource.gender.clone(),
            Some(contact(&["email"], false)),
            Some(contact(&["phone", "sms"], true)),
            language,
        ];
        Ok(Self { values: values.map(Option::unwrap_or_default), line })
    }

    pub(super) fn values(&self) -> &[String] {
        &self.values
    }
}

impl CodeableConcept {
    fn has(&self, code: &str) -> bool {
        self.coding.iter().any(|coding| coding.code.as_deref() == Some(code))
    }
}

impl Resource {
    fn skip_reason(&self) -> Option<SkipReason> {
        if self.kind != "Patient" {
            Some(SkipReason::NotPatient)
        } else if self.deceased_boolean == Some(true) || self.deceased_date_time.is_some() {
            Some(SkipReason::Deceased)
        } else if self.link.iter().any(|link| link.r#type.as_deref() == Some("replaced-by")) {
            Some(SkipReason::Replaced)
        } else if self.active == Some(false) {
            Some(SkipReason::Inactive)
        } else {
            None
        }
    }
}

impl Cells for FhirPatient {
    fn text(&self, index: usize) -> Result<Option<Cow<'_, str>>, ConversionError> {
        Ok(self.values.get(index).filter(|value| !value.is_empty()).map(|value| value.as_str().into()))
    }

    fn line_of(&self, _: usize) -> u64 {
        self.line
    }
}

/// Returns today's date in UTC as `yyyy-mm-dd`.
fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // The algorithm of Howard Hinnant for the proleptic Gregorian calendar, whose years begin in March.
    let days = since.as_secs() / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
