//! Files: what they are called and what is in them.

use proptest::prelude::*;

use super::words::{of_pattern, one_of};

const NAMES: &[&str] = &[
    "a.txt",
    "letter.pdf",
    "scan 1.jpeg",
    "IMG_0001.HEIC",
    "README",
    ".hidden",
    "archive.tar.gz",
    "Überweisung Müller.pdf",
    // The same letter in two pieces, as some systems store it.
    "U\u{308}berweisung.pdf",
    "紹介状.pdf",
    "рентген.png",
    "תוצאות.docx",
    "👩‍⚕️.txt",
    // What breaks headers, forms and shells that are put together by hand.
    "a \"quoted\" name.pdf",
    "semi;colon,comma.pdf",
    "100% + more.pdf",
    "$(name) & more.pdf",
    "two\r\nlines.pdf",
    "photo\u{202e}gpj.exe",
    "trailing. ",
    "con",
];

/// The name of a file, in any characters but separators of paths and NUL: what a scanner would write, what
/// somebody would type, and what nobody would.
pub fn file_name() -> impl Strategy<Value = String> + Clone {
    let any_letters = of_pattern(r"[^/\\\x00]{1,60}")
        .prop_filter("the name of no file", |name| !name.trim().is_empty() && !matches!(&**name, "." | ".."));
    let as_long_as_systems_take = (200_usize..=251).prop_map(|length| format!("{}.pdf", "a".repeat(length)));
    prop_oneof![8 => one_of(NAMES), 4 => any_letters, 1 => as_long_as_systems_take].boxed()
}

/// A media type: of those that come, with parameters and without.
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
