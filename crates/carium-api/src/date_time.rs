//! [`DateTime`]: a point in time in the formats of the service.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate, NaiveDateTime, SecondsFormat, Utc};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time, in UTC.
///
/// It is parsed from both formats that the vendor uses: `YYYY-MM-DD hh:mm:ss` (always UTC, used in responses) and
/// RFC 3339 with any offset. It is written as RFC 3339 in UTC, `YYYY-MM-DDTHH:MM:SSZ`, as on the vendor's Examples
/// page. Fractions of a second are kept.
///
/// The range is the years 0 to 9999, which RFC 3339 can represent.
///
/// Deserializing, which reads responses, also accepts `YYYY-MM-DDThh:mm:ss` without an offset as UTC. Parsing rejects
/// this form, because a person may have meant a local time.
///
/// ```
/// use carium_api::DateTime;
///
/// let received: DateTime = "2022-01-01 09:00:00".parse()?;
/// assert_eq!(received.to_string(), "2022-01-01T09:00:00Z");
/// assert_eq!(received, "2022-01-01T10:00:00+01:00".parse()?);
/// # Ok::<(), carium_api::InvalidDateTime>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime(chrono::DateTime<Utc>);

/// The error for a text or time that is not a valid [`DateTime`]. It does not contain the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidDateTime(());

impl fmt::Display for InvalidDateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not a valid time: use `YYYY-MM-DDTHH:MM:SSZ` or `YYYY-MM-DD hh:mm:ss` (UTC), in the years 0 to 9999",
        )
    }
}

impl std::error::Error for InvalidDateTime {}

impl DateTime {
    /// Converts into a `chrono` time.
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
        if let Some(time) = parse_usual_form(text) {
            return Ok(Self(time));
        }
        let time = if text.as_bytes().get(10) == Some(&b' ') && !has_offset(text) {
            NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").map(|time| time.and_utc())
        } else {
            chrono::DateTime::parse_from_rfc3339(text).map(|time| time.to_utc())
        };
        time.map_err(|_| InvalidDateTime(())).and_then(Self::try_from)
    }
}

/// Parses `YYYY-MM-DD hh:mm:ss` and `YYYY-MM-DDThh:mm:ssZ`, which nearly all times have: a format string of `chrono` takes
/// many times as long, and a page of a list has hundreds of times. Returns `None` for every other form.
fn parse_usual_form(text: &str) -> Option<chrono::DateTime<Utc>> {
    let text = text.as_bytes();
    let plain = match text {
        [plain @ .., b'Z'] if plain.get(10) == Some(&b'T') => plain,
        plain if plain.get(10) == Some(&b' ') => plain,
        _ => return None,
    };
    let [y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, _, h1, h2, b':', mi1, mi2, b':', s1, s2] = *plain
    else {
        return None;
    };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'))
        })
    };
    let year = number(&[y1, y2, y3, y4]).and_then(|year| i32::try_from(year).ok())?;
    let date = NaiveDate::from_ymd_opt(year, number(&[mo1, mo2])?, number(&[d1, d2])?)?;
    let time = date.and_hms_opt(number(&[h1, h2])?, number(&[mi1, mi2])?, number(&[s1, s2])?)?;
    Some(time.and_utc())
}

/// Distinguishes RFC 3339 with a space instead of `T`, which has an offset, from the vendor's format.
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
        struct Text;

        impl Visitor<'_> for Text {
            type Value = DateTime;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<DateTime, E> {
                let time = text.parse().or_else(|error| {
                    let naive = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f");
                    naive.map_err(|_| error).and_then(|time| DateTime::try_from(time.and_utc()))
                });
                time.map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{FixedOffset, TimeZone};
    use proptest::prelude::*;

    use super::*;

    /// Unix times of the first and last second of the years 0 to 9999.
    const FIRST: i64 = -62_167_219_200;
    const LAST: i64 = 253_402_300_799;

    prop_compose! {
        fn seconds()(seconds in FIRST..=LAST) -> DateTime {
            DateTime::try_from(Utc.timestamp_opt(seconds, 0).unwrap()).unwrap()
        }
    }

    proptest! {
        #[test]
        fn round_trips_through_text(time in seconds()) {
            let text = time.to_string();
            prop_assert_eq!(text.len(), "2022-01-01T09:00:00Z".len());
            prop_assert_eq!(text.parse(), Ok(time));
        }

        #[test]
        fn reads_the_vendor_format(time in seconds()) {
            let text = time.to_chrono().format("%Y-%m-%d %H:%M:%S").to_string();
            prop_assert_eq!(text.len(), "2022-01-01 09:00:00".len());
            prop_assert_eq!(text.parse(), Ok(time));
        }

        #[test]
        fn converts_any_offset_to_utc(
            seconds in FIRST + 86_400..=LAST - 86_400,
            minutes in -1439_i32..=1439,
        ) {
            let offset = FixedOffset::east_opt(minutes * 60).unwrap();
            let text = offset.timestamp_opt(seconds, 0).unwrap().to_rfc3339();
            let time: DateTime = text.parse().unwrap();
            prop_assert_eq!(time.to_chrono().timestamp(), seconds);
        }

        #[test]
        fn keeps_fractions_of_a_second(seconds in FIRST..=LAST, nanos in 0_u32..1_000_000_000) {
            let time = DateTime::try_from(Utc.timestamp_opt(seconds, nanos).unwrap()).unwrap();
            prop_assert_eq!(time.to_string().parse(), Ok(time));
        }

        #[test]
        fn parses_usual_forms_like_chrono(
            text in "[0-2][0-9]{3}-[0-1][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-6][0-9]:[0-6][0-9]Z?",
        ) {
            if let Some(time) = parse_usual_form(&text) {
                let format = if text.ends_with('Z') { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%d %H:%M:%S" };
                let expected = NaiveDateTime::parse_from_str(&text, format);
                prop_assert_eq!(expected.map(|time| time.and_utc()), Ok(time));
            }
        }

        #[test]
        fn never_panics_on_any_text(text in ".*") {
            if let Ok(time) = text.parse::<DateTime>() {
                prop_assert_eq!(time.to_string().parse(), Ok(time));
            }
        }
    }

    #[test]
    fn deserializes_every_form_of_responses() {
        let expected: DateTime = "2022-01-01T09:00:00Z".parse().unwrap();
        for text in [
            "2022-01-01 09:00:00",
            "2022-01-01 09:00:00.000",
            "2022-01-01T09:00:00",
            "2022-01-01T09:00:00.000000",
            "2022-01-01T09:00:00Z",
            "2022-01-01T09:00:00.000Z",
            "2022-01-01T09:00:00+00:00",
            "2022-01-01T04:00:00-05:00",
            "2022-01-01 10:00:00+01:00",
        ] {
            let time: DateTime = serde_json::from_value(text.into()).unwrap();
            assert_eq!(time, expected, "{text}");
        }
    }

    #[test]
    fn rejects_other_formats_without_quoting_them() {
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
