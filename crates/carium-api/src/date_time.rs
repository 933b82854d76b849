//! A point in time, in the forms that the service reads and writes.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time, in UTC.
///
/// Reads both forms that the vendor uses: `YYYY-MM-DD hh:mm:ss`, always UTC, in answers, and RFC 3339 with
/// any offset. Writes RFC 3339 in UTC, `YYYY-MM-DDTHH:MM:SSZ`, as the Examples page does; a fraction of a
/// second, which the page never has, is kept and written where there is one.
///
/// Holds the years 0 to 9999, which are those that RFC 3339 can write.
///
/// ```
/// use carium_api::DateTime;
///
/// let answered: DateTime = "2022-01-01 09:00:00".parse()?;
/// assert_eq!(answered.to_string(), "2022-01-01T09:00:00Z");
/// assert_eq!(answered, "2022-01-01T10:00:00+01:00".parse()?);
/// # Ok::<(), carium_api::InvalidDateTime>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime(chrono::DateTime<Utc>);

/// A text or a time that cannot be a [`DateTime`]. Does not hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidDateTime(());

impl fmt::Display for InvalidDateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not a point in time: write it as `YYYY-MM-DDTHH:MM:SSZ` or `YYYY-MM-DD hh:mm:ss` (UTC), in the years 0 to 9999",
        )
    }
}

impl std::error::Error for InvalidDateTime {}

impl DateTime {
    /// The same as `chrono` has it.
    pub fn to_chrono(self) -> chrono::DateTime<Utc> {
        self.0
    }
}

impl TryFrom<chrono::DateTime<Utc>> for DateTime {
    type Error = InvalidDateTime;

    fn try_from(time: chrono::DateTime<Utc>) -> Result<Self, InvalidDateTime> {
        if (0..=9999).contains(&time.year()) { Ok(Self(time)) } else { Err(InvalidDateTime(())) }
    }
}

impl From<DateTime> for chrono::DateTime<Utc> {
    fn from(time: DateTime) -> Self {
        time.0
    }
}

impl FromStr for DateTime {
    type Err = InvalidDateTime;

    fn from_str(text: &str) -> Result<Self, InvalidDateTime> {
        let time = if text.as_bytes().get(10) == Some(&b' ') && !has_offset(text) {
            NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").map(|time| time.and_utc())
        } else {
            chrono::DateTime::parse_from_rfc3339(text).map(|time| time.to_utc())
        };
        time.map_err(|_| InvalidDateTime(())).and_then(Self::try_from)
    }
}

/// RFC 3339 permits a space in place of the `T`; an offset tells that form from the vendor's.
fn has_offset(text: &str) -> bool {
    text.get(11..).is_some_and(|time| time.contains(['Z', 'z', '+', '-']))
}

impl TryFrom<&str> for DateTime {
    type Error = InvalidDateTime;

    fn try_from(text: &str) -> Result<Self, InvalidDateTime> {
        text.parse()
    }
}

impl TryFrom<String> for DateTime {
    type Error = InvalidDateTime;

    fn try_from(text: String) -> Result<Self, InvalidDateTime> {
        text.parse()
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl fmt::Debug for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DateTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{FixedOffset, TimeZone};
    use proptest::prelude::*;

    use super::*;

    /// Seconds of the years 0 to 9999.
    const FIRST: i64 = -62_167_219_200;
    const LAST: i64 = 253_402_300_799;

    prop_compose! {
        fn seconds()(seconds in FIRST..=LAST) -> DateTime {
            DateTime::try_from(Utc.timestamp_opt(seconds, 0).unwrap()).unwrap()
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(time in seconds()) {
            let text = time.to_string();
            prop_assert_eq!(text.len(), "2022-01-01T09:00:00Z".len());
            prop_assert_eq!(text.parse(), Ok(time));
        }

        #[test]
        fn the_vendors_form_says_the_same(time in seconds()) {
            let vendors = time.to_chrono().format("%Y-%m-%d %H:%M:%S").to_string();
            prop_assert_eq!(vendors.len(), "2022-01-01 09:00:00".len());
            prop_assert_eq!(vendors.parse(), Ok(time));
        }

        #[test]
        fn any_offset_leads_to_the_same_instant(
            seconds in FIRST + 86_400..=LAST - 86_400,
            minutes in -1439_i32..=1439,
        ) {
            let offset = FixedOffset::east_opt(minutes * 60).unwrap();
            let text = offset.timestamp_opt(seconds, 0).unwrap().to_rfc3339();
            let time: DateTime = text.parse().unwrap();
            prop_assert_eq!(time.to_chrono().timestamp(), seconds);
        }

        #[test]
        fn fractions_are_kept(seconds in FIRST..=LAST, nanos in 0_u32..1_000_000_000) {
            let time = DateTime::try_from(Utc.timestamp_opt(seconds, nanos).unwrap()).unwrap();
            prop_assert_eq!(time.to_string().parse(), Ok(time));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            if let Ok(time) = text.parse::<DateTime>() {
                prop_assert_eq!(time.to_string().parse(), Ok(time));
            }
        }
    }

    #[test]
    fn refuses_what_is_neither_form_and_does_not_repeat_it() {
        for text in [
            "",
            "2022-01-01",
            "2022-01-01 9am",
            "2022-13-01 09:00:00",
            "2022-01-01T09:00:00",
            "+10000-01-01T00:00:00Z",
        ] {
            let error = text.parse::<DateTime>().unwrap_err();
            assert!(text.is_empty() || !error.to_string().contains(text), "{error}");
        }
    }
}
