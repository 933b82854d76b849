//! Strategies for the fields of a person.

use carium::api::chrono::{Days, NaiveDate, TimeDelta, Utc};
use carium::patients::Gender;
use proptest::prelude::*;

use super::strings::{matching, one_of};

/// The plainest name is first, because shrinking ends there.
const FIRST_NAMES: &[&str] = &[
    "Ann",
    "Bo",
    "James",
    "Mary",
    "O",
    "Anne-Marie",
    "Mary Jane",
    "D'Andre",
    "D’Andre",
    "J. R.",
    "José",
    // A decomposed character, as some keyboards enter it.
    "Jose\u{301}",
    "Zoë",
    "Łukasz",
    "Đặng",
    "İpek",
    "Στέλλα",
    "Наталія",
    "Գարիկ",
    "ליאור",
    "محمد",
    // A zero-width non-joiner, which Persian uses.
    "علی\u{200c}رضا",
    "प्रिया",
    "கவின்",
    "สมชาย",
    "小明",
    "さくら",
    "민준",
    "ʻIolani",
    // Outside the Basic Multilingual Plane: two UTF-16 code units.
    "𠮷子",
];

const LAST_NAMES: &[&str] = &[
    "Lee",
    "Ng",
    "Reece",
    "Smith",
    "Null",
    "O'Hara",
    "O’Hara",
    "Smith-Jones",
    "van der Berg",
    "St. John",
    "Reed Jr.",
    "Müller",
    "Straße",
    "Núñez y García",
    "Þórsdóttir",
    "Nguyễn",
    "Παπαδάκη",
    "Ковальчук",
    "كمال الدين",
    "בן־דוד",
    "शर्मा",
    "山田",
    "김",
    "Featherstonehaugh-Cholmondeley-Montmorency de la Rochefoucauld",
];

/// Letters of any script, with marks, spaces, apostrophes and hyphens between them.
const LETTERS: &str = r"\p{L}(\p{L}|\p{M}|[ '’-]\p{L}){0,20}";

/// Generates first names: mostly realistic names in many scripts, sometimes arbitrary letters.
pub fn first_name() -> impl Strategy<Value = String> + Clone {
    prop_oneof![4 => one_of(FIRST_NAMES), 1 => matching(LETTERS)].boxed()
}

/// Generates last names, in the same way as [`first_name`].
pub fn last_name() -> impl Strategy<Value = String> + Clone {
    prop_oneof![4 => one_of(LAST_NAMES), 1 => matching(LETTERS)].boxed()
}

/// Generates all genders with equal probability.
pub fn gender() -> impl Strategy<Value = Gender> + Clone {
    prop::sample::select(&[Gender::Female, Gender::Male, Gender::Other, Gender::Pnta, Gender::Unknown][..])
}

/// The date towards which birth dates shrink.
const PLAIN_DATE: NaiveDate = NaiveDate::from_ymd_opt(2000, 1, 1).expect("2000-01-01 is a valid date");

/// Generates birth dates in the format `YYYY-MM-DD`, from 1900 to today. Leap days are more frequent than in the
/// calendar, and today's date, from the system clock, is rare.
pub fn birth_date() -> impl Strategy<Value = String> + Clone {
    // From 1900-01-01 to 2024-12-31.
    let any_date = (-36_524_i64..=9_131).prop_map(|days| (PLAIN_DATE + TimeDelta::days(days)).to_string());
    let leap_day = (0_i32..=30).prop_map(|leap_years| format!("{}-02-29", 2024 - 4 * leap_years));
    let born_today = Just(()).prop_map(|()| today().to_string());
    prop_oneof![16 => any_date, 3 => leap_day, 1 => born_today].boxed()
}

/// Generates dates that are in the future in every time zone.
pub(super) fn future_date() -> impl Strategy<Value = String> {
    (2_u64..=4_000).prop_map(|days| (today() + Days::new(days)).to_string())
}

fn today() -> NaiveDate {
    Utc::now().date_naive()
}

/// Generates mobile phone numbers in E.164 format from the unassigned range `+1555…`.
pub fn phone() -> impl Strategy<Value = String> + Clone {
    matching(r"\+1555[0-9]{7}")
}

/// Generates email addresses at reserved domains, some with dots, hyphens, plus signs, apostrophes and capitals.
pub fn email() -> impl Strategy<Value = String> + Clone {
    let plain = matching("[a-z][a-z0-9]{0,11}");
    let with_punctuation = matching("[A-Za-z][a-z0-9]{0,7}([._+'-][A-Za-z0-9]{1,8}){1,3}");
    let local = prop_oneof![2 => plain, 1 => with_punctuation];
    let domain = one_of(&["example.com", "example.org", "example.net", "mail.example.com", "EXAMPLE.COM"]);
    (local, domain).prop_map(|(local, domain)| format!("{local}@{domain}")).boxed()
}
