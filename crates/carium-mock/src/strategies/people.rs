//! What is known of a person.

use carium::api::chrono::{Days, NaiveDate, TimeDelta, Utc};
use carium::patients::Gender;
use proptest::prelude::*;

use super::words::{of_pattern, one_of};

/// The plainest first, which is where shrinking ends.
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
    // The same letter in two pieces, as some keyboards write it.
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
    // A joiner without a width in it, as Persian writes it.
    "علی\u{200c}رضا",
    "प्रिया",
    "கவின்",
    "สมชาย",
    "小明",
    "さくら",
    "민준",
    "ʻIolani",
    // Beyond the first plane, where programs count letters as two.
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

/// Letters of any script with what may stand between them, for what no list foresees.
const LETTERS: &str = r"\p{L}(\p{L}|\p{M}|[ '’-]\p{L}){0,20}";

/// A first name: mostly one that somebody could have, in one of many scripts, at times any letters.
pub fn first_name() -> impl Strategy<Value = String> + Clone {
    prop_oneof![4 => one_of(FIRST_NAMES), 1 => of_pattern(LETTERS)].boxed()
}

/// A last name, as [`first_name`].
pub fn last_name() -> impl Strategy<Value = String> + Clone {
    prop_oneof![4 => one_of(LAST_NAMES), 1 => of_pattern(LETTERS)].boxed()
}

/// A gender, each as often as the others.
pub fn gender() -> impl Strategy<Value = Gender> + Clone {
    prop::sample::select(&[Gender::Female, Gender::Male, Gender::Other, Gender::Pnta, Gender::Unknown][..])
}

/// Towards which days shrink.
const PLAIN_DAY: NaiveDate = NaiveDate::from_ymd_opt(2000, 1, 1).expect("it is a day");

/// A date of birth, `YYYY-MM-DD`: from the year 1900 to today, and leap days more often than they come. Today is
/// that of the clock, and drawn seldom.
pub fn birth_date() -> impl Strategy<Value = String> + Clone {
    // From 1900-01-01 to 2024-12-31.
    let any_day = (-36_524_i64..=9_131).prop_map(|days| (PLAIN_DAY + TimeDelta::days(days)).to_string());
    let leap_day = (0_i32..=30).prop_map(|fours| format!("{}-02-29", 2024 - 4 * fours));
    let born_today = Just(()).prop_map(|()| today().to_string());
    prop_oneof![16 => any_day, 3 => leap_day, 1 => born_today].boxed()
}

/// A day that nobody on Earth has reached, soon or in some years.
pub(super) fn future_date() -> impl Strategy<Value = String> {
    (2_u64..=4_000).prop_map(|days| (today() + Days::new(days)).to_string())
}

fn today() -> NaiveDate {
    Utc::now().date_naive()
}

/// A mobile phone in the form of E.164, of the range that belongs to nobody: `+1555…`.
pub fn phone() -> impl Strategy<Value = String> + Clone {
    of_pattern(r"\+1555[0-9]{7}")
}

/// An e-mail address at a domain that belongs to nobody, with the marks that addresses have in them: dots,
/// hyphens, plus signs, apostrophes, capitals.
pub fn email() -> impl Strategy<Value = String> + Clone {
    let plain = of_pattern("[a-z][a-z0-9]{0,11}");
    let marked = of_pattern("[A-Za-z][a-z0-9]{0,7}([._+'-][A-Za-z0-9]{1,8}){1,3}");
    let local = prop_oneof![2 => plain, 1 => marked];
    let domain = one_of(&["example.com", "example.org", "example.net", "mail.example.com", "EXAMPLE.COM"]);
    (local, domain).prop_map(|(local, domain)| format!("{local}@{domain}")).boxed()
}
