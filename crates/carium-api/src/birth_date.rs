//! [`BirthDate`]: a date of birth that is never printed.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Redacted;

/// A date of birth in the years 1 to 9999, read and written as `YYYY-MM-DD` only.
///
/// It is protected health information: `Debug` and `Display` show `[phi]`, and [`to_iso`](Self::to_iso) returns the
/// date.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BirthDate(NaiveDate);

/// The error for a text or date that is not a valid date of birth. It does not contain the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidBirthDate(());

impl fmt::Display for InvalidBirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a calendar date in the form YYYY-MM-DD")
    }
}

impl std::error::Error for InvalidBirthDate {}

impl BirthDate {
    /// Converts into a `chrono` date.
    pub fn to_chrono(self) -> NaiveDate {
        self.0
    }

    /// Returns the date as `YYYY-MM-DD`, the form in which it is sent.
    pub fn to_iso(self) -> String {
        self.0.to_string()
    }
}

impl TryFrom<NaiveDate> for BirthDate {
    type Error = InvalidBirthDate;

    fn try_from(date: NaiveDate) -> Result<Self, InvalidBirthDate> {
        if (1..=9999).contains(&date.year()) { Ok(Self(date)) } else { Err(InvalidBirthDate(())) }
    }
}

impl FromStr for BirthDate {
    type Err = InvalidBirthDate;

    fn from_str(text: &str) -> Result<Self, InvalidBirthDate> {
        // chrono also accepts `80-7-4`, signs and spaces.
        let has_exact_form = text.len() == "YYYY-MM-DD".len()
            && text
                .bytes()
                .enumerate()
                .all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() });
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| has_exact_form);
        date.ok_or(InvalidBirthDate(())).and_then(Self::try_from)
    }
}

impl TryFrom<&str> for BirthDate {
    type Error = InvalidBirthDate;

    fn try_from(text: &str) -> Result<Self, InvalidBirthDate> {
        text.parse()
    }
}

impl TryFrom<String> for BirthDate {
    type Error = InvalidBirthDate;

    fn try_from(text: String) -> Result<Self, InvalidBirthDate> {
        text.parse()
    }
}

impl fmt::Display for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Redacted::Phi.fmt(f)
    }
}

impl fmt::Debug for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BirthDate").field(&Redacted::Phi).finish()
    }
}

impl Serialize for BirthDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for BirthDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::BirthDate;

    #[test]
    fn accepts_one_form_and_hides_the_date() {
        let date: BirthDate = serde_json::from_str("\"1984-02-29\"").unwrap();
        assert_eq!(serde_json::to_string(&date).unwrap(), "\"1984-02-29\"");
        assert_eq!(date.to_iso(), "1984-02-29");
        assert_eq!(format!("{date} {date:?}"), "[phi] BirthDate([phi])");
        for text in
            ["80-07-04", "1980-7-4", " 1980-07-04", "+12345-01-01", "1981-02-29", "0000-01-01", "-999-01-01"]
        {
            let error = text.parse::<BirthDate>().unwrap_err();
            assert!(!error.to_string().contains(text));
        }
    }
}
