//! Strategies for file names and media types.

use proptest::prelude::*;

use super::strings::{matching, one_of};

const NAMES: &[&str] = &[
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
    prop_oneof![8 => one_of(NAMES), 4 => any_characters, 1 => long].boxed()
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
