//! Times of appointments.

use carium::DateTime;
use carium::api::chrono::{DateTime as ChronoDateTime, TimeDelta, Utc};
use proptest::prelude::*;

/// 2030-01-01T09:00:00Z, towards which times shrink.
const PLAIN: i64 = 1_893_488_400;
/// Ten years.
const SPAN: i64 = 10 * 365 * 24 * 60 * 60;

/// A point in time, in whole seconds as the vendor writes them, from 2020 to 2039; mostly on a quarter of an hour.
pub fn date_time() -> impl Strategy<Value = DateTime> + Clone {
    let quarters = (-SPAN / 900..=SPAN / 900).prop_map(|quarters| quarters * 900);
    prop_oneof![3 => quarters, 1 => -SPAN..=SPAN].prop_map(|seconds| at(PLAIN + seconds)).boxed()
}

/// When an appointment starts and when it ends, from a second to a day later.
pub fn start_and_end() -> impl Strategy<Value = (DateTime, DateTime)> + Clone {
    let quarters = (1_i64..=16).prop_map(|quarters| quarters * 900);
    let seconds = prop_oneof![3 => quarters, 1 => 1_i64..=86_400];
    (date_time(), seconds).prop_map(|(start, seconds)| (start, later(start, seconds))).boxed()
}

/// So many seconds later, or earlier.
pub(super) fn later(time: DateTime, seconds: i64) -> DateTime {
    at(time.to_chrono().timestamp() + seconds)
}

/// With a fraction of a second, of which the service's times have none.
pub(super) fn with_fraction(time: DateTime, milliseconds: i64) -> DateTime {
    kept(time.to_chrono() + TimeDelta::milliseconds(milliseconds))
}

fn at(seconds: i64) -> DateTime {
    kept(ChronoDateTime::from_timestamp(seconds, 0).expect("it is within some years of 2030"))
}

fn kept(time: ChronoDateTime<Utc>) -> DateTime {
    DateTime::try_from(time).expect("it is within some years of 2030")
}
