//! Strategies for the times of appointments.

use carium::DateTime;
use carium::api::chrono::{DateTime as ChronoDateTime, TimeDelta, Utc};
use proptest::prelude::*;

/// 2030-01-01T09:00:00Z, the time towards which values shrink.
const PLAIN_TIMESTAMP: i64 = 1_893_488_400;
/// Ten years in seconds.
const MAX_OFFSET: i64 = 10 * 365 * 24 * 60 * 60;

/// Generates times from 2020 to 2039 in whole seconds, like the vendor's. Most are at a quarter of an hour.
pub fn date_time() -> impl Strategy<Value = DateTime> + Clone {
    let quarters = (-MAX_OFFSET / 900..=MAX_OFFSET / 900).prop_map(|quarters| quarters * 900);
    prop_oneof![3 => quarters, 1 => -MAX_OFFSET..=MAX_OFFSET]
        .prop_map(|seconds| from_timestamp(PLAIN_TIMESTAMP + seconds))
        .boxed()
}

/// Generates the start and end of an appointment, with a duration from one second to one day.
pub fn start_and_end() -> impl Strategy<Value = (DateTime, DateTime)> + Clone {
    let quarters = (1_i64..=16).prop_map(|quarters| quarters * 900);
    let seconds = prop_oneof![3 => quarters, 1 => 1_i64..=86_400];
    (date_time(), seconds).prop_map(|(start, seconds)| (start, add_seconds(start, seconds))).boxed()
}

/// Adds seconds, which may be negative, to a time.
pub(super) fn add_seconds(time: DateTime, seconds: i64) -> DateTime {
    from_timestamp(time.to_chrono().timestamp() + seconds)
}

/// Adds milliseconds to a time. The service's times have whole seconds, so the result is invalid.
pub(super) fn with_fraction(time: DateTime, milliseconds: i64) -> DateTime {
    from_chrono(time.to_chrono() + TimeDelta::milliseconds(milliseconds))
}

fn from_timestamp(seconds: i64) -> DateTime {
    from_chrono(ChronoDateTime::from_timestamp(seconds, 0).expect("times between 2019 and 2040 are in range"))
}

fn from_chrono(time: ChronoDateTime<Utc>) -> DateTime {
    DateTime::try_from(time).expect("times between 2019 and 2040 are in range")
}
