//! Strategies for single values: IDs, texts, and the fields of people, appointments and files.

use std::fmt::Debug;

use carium::DateTime;
use carium::api::chrono::{DateTime as ChronoDateTime, Days, NaiveDate, TimeDelta, Utc};
use carium::api::uuid::{Builder, Uuid};
use carium::patients::Gender;
use proptest::prelude::*;
use proptest::string::string_regex;

/// Generates one of the strings. Shrinks towards the first one, which should be the plainest.
pub(super) fn one_of(strings: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    prop::sample::select(strings).prop_map(str::to_owned)
}

/// Generates strings that match a regular expression.
///
/// Parses the expression once. If a `&str` is used as a strategy, `proptest` parses it for each value, which
/// dominates the run time for expressions with Unicode classes.
pub(super) fn matching(pattern: &'static str) -> BoxedStrategy<String> {
    string_regex(pattern).expect("the patterns are constants that the tests of this crate use").boxed()
}

/// Generates random IDs of any type, such as `id::<IndividualId>()`. Like the service's IDs, they are UUIDs of
/// version 4.
pub fn id<T: From<Uuid> + Debug>() -> impl Strategy<Value = T> + Clone {
    any::<u128>().prop_map(|bits| T::from(Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()))
}

const SENTENCES: &[&str] = &[
    "a",
    "Annual check",
    "Bring your insurance card.",
    "Room 4, second floor",
    "Reschedule: https://example.com/reschedule?id=1&lang=en",
    "First line\nSecond line\r\n\tthird",
    r#"She said "no" \ and left"#,
    "Señal débil – llamar al +15550100000",
    "次回は絶食でお越しください",
    "موعد المتابعة",
    "<b>Attention</b> & thanks",
    "👩🏽‍⚕️ will call",
    "null",
];

/// Generates free text: mostly realistic sentences, sometimes arbitrary characters, sometimes an empty string.
pub fn text() -> impl Strategy<Value = String> + Clone {
    prop_oneof![8 => one_of(SENTENCES), 2 => matching("(?s:.){1,60}"), 1 => Just(String::new())].boxed()
}

/// Generates names of documents, which are not blank and have no line breaks.
pub fn document_name() -> impl Strategy<Value = String> + Clone {
    let usual = one_of(&[
        "a",
        "Referral letter",
        "Lab results 2024-02-29",
        "X-ray, left hand (2/3)",
        "Überweisung",
        "紹介状",
        "Carta de remisión",
        "תוצאות",
    ]);
    // A letter at each end, because a name of spaces only is invalid.
    prop_oneof![4 => usual, 1 => matching(r"\p{L}(\PC{0,38}\p{L})?")].boxed()
}

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

/// Generates `http` and `https` URLs at reserved domains.
pub fn web_url() -> impl Strategy<Value = String> + Clone {
    let origin = one_of(&[
        "https://example.com",
        "https://meet.example.org",
        "http://example.net:8080",
        "https://bücher.example",
        "https://[2001:db8::1]",
    ]);
    let rest = one_of(&["/", "", "/room", "/j/5550100?pwd=a%20b&lang=en", "/a/b#start", "/r%C3%B6m/%2F"]);
    (origin, rest).prop_map(|(origin, rest)| origin + &rest).boxed()
}

/// Generates strings that are not absolute URLs with a host.
pub(super) fn malformed_url() -> impl Strategy<Value = String> {
    one_of(&[
        "",
        "room",
        "example.com/room",
        "/room",
        "//example.com/room",
        "https://",
        "https:///",
        "https:example.com/room",
        "https:///example.com/room",
        r"https://example.com\room",
        "https://exa mple.com",
        " https://example.com",
        "https://example.com/a\nb",
    ])
}

/// Generates URLs with a scheme other than `http` and `https`.
pub(super) fn url_with_other_scheme() -> impl Strategy<Value = String> {
    one_of(&[
        "ftp://example.com/room",
        "file:///room",
        "mailto:ann@example.com",
        "tel:+15550100000",
        "javascript:alert(1)",
        "data:text/plain,a",
        "zoommtg://example.com/join",
    ])
}

const FILE_NAMES: &[&str] = &[
    "a.txt",
    "letter.pdf",
    "scan 1.jpeg",
    "IMG_0001.HEIC",
    "README",
    ".hidden",
    "archive.tar.gz",
    "Überweisung Müller.pdf",
    // A decomposed character, as some systems store it.
    "U\u{308}berweisung.pdf",
    "紹介状.pdf",
    "рентген.png",
    "תוצאות.docx",
    "👩‍⚕️.txt",
    // Characters that break headers, forms and shell commands without proper escaping.
    "a \"quoted\" name.pdf",
    "semi;colon,comma.pdf",
    "100% + more.pdf",
    "$(name) & more.pdf",
    "two\r\nlines.pdf",
    "photo\u{202e}gpj.exe",
    "trailing. ",
    "con",
];

/// Generates file names with any characters except path separators and NUL: typical names, unusual names, and names
/// of the maximum length.
pub fn file_name() -> impl Strategy<Value = String> + Clone {
    let any_characters = matching(r"[^/\\\x00]{1,60}")
        .prop_filter("not a file name", |name| !name.trim().is_empty() && !matches!(&**name, "." | ".."));
    let long = (200_usize..=251).prop_map(|length| format!("{}.pdf", "a".repeat(length)));
    prop_oneof![8 => one_of(FILE_NAMES), 4 => any_characters, 1 => long].boxed()
}

/// Generates common media types, with and without parameters.
pub fn media_type() -> impl Strategy<Value = String> + Clone {
    one_of(&[
        "text/plain",
        "application/pdf",
        "image/jpeg",
        "image/svg+xml",
        "audio/mpeg",
        "application/dicom",
        "application/fhir+json",
        "application/octet-stream",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "text/plain; charset=utf-8",
        "text/csv; charset=\"utf-8\"",
    ])
    .boxed()
}
