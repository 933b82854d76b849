//! Strategies for free text.

use proptest::prelude::*;

use super::strings::{matching, one_of};

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
