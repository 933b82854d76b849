//! Reads JSON in which single values are not valid.
//!
//! Services in other languages send such values: Python writes `NaN`, JavaScript writes half of a surrogate pair, and
//! databases return bytes in another encoding. One such value in a property that nothing relies on must not make the
//! response unreadable: an ID that is lost is a patient that is created twice.

use serde::de::DeserializeOwned;

/// Deserializes a value. A scalar that is not valid JSON is read as an object `{"unreadable": text}`, which is the value
/// [`Attribute::Unknown`](crate::Attribute::Unknown) of any property.
///
/// # Errors
/// The error of the original text, if it cannot be read in this way either.
pub(crate) fn from_slice<T: DeserializeOwned>(text: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(text).or_else(|error| {
        let repaired = repair(text).ok_or(());
        repaired.and_then(|repaired| serde_json::from_slice(&repaired).map_err(|_| ())).map_err(|()| error)
    })
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Replaces each scalar that is not valid JSON. Returns `None` if nothing is replaced, or if the structure itself is not
/// valid.
fn repair(text: &[u8]) -> Option<Vec<u8>> {
    let mut rest = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mut is_changed = rest.len() < text.len();
    let mut repaired = Vec::with_capacity(rest.len());
    while let Some(first) = rest.first() {
        let length = match first {
            b'"' => string_length(rest)?,
            first if is_part_of_word(*first) => {
                rest.iter().take_while(|byte| is_part_of_word(**byte)).count()
            }
            _ => 1,
        };
        let (token, after) = rest.split_at(length);
        if *first == b'"' {
            let content = &token[1..token.len() - 1];
            let is_name = after.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
            if serde_json::from_slice::<String>(token).is_ok() {
                repaired.extend_from_slice(token);
            } else {
                is_changed = true;
                write_unreadable(&mut repaired, content, is_name);
            }
        } else if is_part_of_word(*first) && !is_valid_word(token) {
            is_changed = true;
            write_unreadable(&mut repaired, token, false);
        } else {
            repaired.extend_from_slice(token);
        }
        rest = after;
    }
    is_changed.then_some(repaired)
}

/// Returns the length of the string at the start of a text, including its quotes.
fn string_length(text: &[u8]) -> Option<usize> {
    let mut is_escaped = false;
    let end = text.iter().skip(1).position(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    });
    end.map(|end| end + 2)
}

fn is_part_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// Checks whether a word is a literal or a number that can be represented.
fn is_valid_word(word: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(word).is_ok()
}

/// Writes a text as the name of a property, or as an object in place of a value.
fn write_unreadable(repaired: &mut Vec<u8>, text: &[u8], is_name: bool) {
    // Writing a string as JSON cannot fail.
    let text = serde_json::Value::from(String::from_utf8_lossy(text)).to_string();
    if is_name {
        repaired.extend_from_slice(text.as_bytes());
    } else {
        repaired.extend_from_slice(b"{\"unreadable\":");
        repaired.extend_from_slice(text.as_bytes());
        repaired.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn reads_the_values_around_an_invalid_one() {
        let digits = "9".repeat(400);
        let cases: [(&[u8], &str); 9] = [
            (br#""\ud800 x""#, "\\ud800 x"),
            (br#""x\udc00\ud800""#, "x\\udc00\\ud800"),
            (b"\"J\xfcrgen \\\" x\"", "J\u{fffd}rgen \\\" x"),
            (b"\"a\tb\"", "a\tb"),
            (b"NaN", "NaN"),
            (b"-Infinity", "-Infinity"),
            (b"1e999", "1e999"),
            (b"01", "01"),
            (digits.as_bytes(), &digits),
        ];
        for (value, kept) in cases {
            let text = [br#"{"id": "1", "a": [true, "#, value, br#", "x"], "n": 1.5e3}"#].concat();
            let read: Value = from_slice(&text).unwrap();
            let expected = json!({"id": "1", "a": [true, {"unreadable": kept}, "x"], "n": 1500.0});
            assert_eq!(read, expected, "{}", String::from_utf8_lossy(&text));
        }
        let names: Value = from_slice(b"\xef\xbb\xbf{\"J\xfcrgen\" : 1, \"\\ud800\": 2}").unwrap();
        assert_eq!(names, json!({"J\u{fffd}rgen": 1, "\\ud800": 2}));
    }

    #[test]
    fn does_not_repair_the_structure() {
        for text in ["", "{", "{\"a\": }", "[1,]", "\"x", "[nul]x", "{'a': 1}", "<html>", "\u{feff}"] {
            let error = serde_json::from_slice::<Value>(text.as_bytes()).unwrap_err();
            assert_eq!(
                from_slice::<Value>(text.as_bytes()).unwrap_err().to_string(),
                error.to_string(),
                "{text}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn valid_json_is_read_unchanged_and_other_bytes_do_not_panic(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64),
            text in "[\\[{]?(\"[a-z\\\\\"\\x00-\\xff]{0,3}\"|[0-9.eE+-]{0,9}|NaN|,|:){0,6}[\\]}]?",
        ) {
            for text in [&bytes[..], text.as_bytes()] {
                let strict = serde_json::from_slice::<Value>(text);
                let lenient = from_slice::<Value>(text);
                if let Ok(strict) = strict {
                    proptest::prop_assert_eq!(lenient.unwrap(), strict);
                }
            }
        }
    }
}
