//! The words that a name is made of.

/// The words of a name in kebab-case, snake_case, camelCase or in brackets (`filter[class-id]`), in lower
/// case. A rule about names looks at these: `note` is a word of `visit-note`, and not of `notifications`.
pub(super) fn of(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    for (index, letter) in letters.iter().enumerate() {
        if !letter.is_alphanumeric() {
            words.push(std::mem::take(&mut word));
            continue;
        }
        let before = index.checked_sub(1).map(|before| letters[before]);
        let starts = letter.is_uppercase()
            && before.is_some_and(|before| {
                // `birthDate` parts before the D; `SSNumber` before the N, `SSN` nowhere.
                let next_is_lower = letters.get(index + 1).is_some_and(|next| next.is_lowercase());
                !before.is_uppercase() || next_is_lower
            });
        if starts {
            words.push(std::mem::take(&mut word));
        }
        word.extend(letter.to_lowercase());
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a word is one of some, in the singular or in the plural.
pub(super) fn is_one_of(word: &str, known: &[&str]) -> bool {
    let singular = [
        Some(word.to_owned()),
        word.strip_suffix("ies").map(|stem| format!("{stem}y")),
        word.strip_suffix("es").map(str::to_owned),
        word.strip_suffix('s').map(str::to_owned),
    ];
    singular.into_iter().flatten().any(|word| known.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_a_name_into_its_words() {
        for (name, expected) in [
            ("first-name", vec!["first", "name"]),
            ("birthDate", vec!["birth", "date"]),
            ("patientSSN", vec!["patient", "ssn"]),
            ("SSNumber", vec!["ss", "number"]),
            ("filter[class-id]", vec!["filter", "class", "id"]),
            ("__x_", vec!["x"]),
            ("", vec![]),
        ] {
            assert_eq!(of(name), expected, "{name}");
        }
    }

    #[test]
    fn knows_a_plural() {
        for word in ["note", "notes", "address", "addresses", "policies"] {
            assert!(is_one_of(word, &["note", "address", "policy"]), "{word}");
        }
        assert!(!is_one_of("notifications", &["note"]));
    }
}
