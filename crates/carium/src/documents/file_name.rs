//! Names of files: given to the service without a path, and taken from it without trust.

/// What is left of a name when the path before it is left out, however it is written.
pub(super) fn without_path(text: &str) -> &str {
    text.rsplit(['/', '\\']).next().unwrap_or_default()
}

/// Room for a suffix that someone may add, within the 255 bytes that file systems have for a name.
const LONGEST: usize = 200;
/// An extension that is longer is not one.
const LONGEST_EXTENSION: usize = 16;

/// A name that can be given to a file in any directory and on any system, made of one that someone else chose.
/// `None` where nothing is left.
///
/// - The path before it goes: separators of both kinds, drive letters, `.` and `..`.
/// - Characters that a system forbids or that mislead an eye become `_`: controls, `<>:"|?*`, and those that
///   turn the direction of writing.
/// - It neither begins with a dot, which hides it, nor with `-`, which programs take for a flag.
/// - It ends neither with a dot nor with a space, which Windows drops, and is none of its devices.
/// - It has 200 bytes at the most, and keeps its extension.
pub(super) fn safe(name: &str) -> Option<String> {
    let replaced: String =
        without_path(name).chars().map(|letter| if is_allowed(letter) { letter } else { '_' }).collect();
    let trimmed = trim(&replaced);
    if trimmed.chars().all(|letter| matches!(letter, '.' | '_' | '-' | ' ')) {
        return None;
    }
    let visible = match trimmed.strip_prefix(['.', '-']) {
        Some(rest) => format!("_{rest}"),
        None => trimmed.to_owned(),
    };
    let plain = if is_device(&visible) { format!("_{visible}") } else { visible };
    Some(shortened(&plain))
}

fn trim(name: &str) -> &str {
    name.trim_start().trim_end_matches(|letter: char| letter == '.' || letter.is_whitespace())
}

fn is_allowed(letter: char) -> bool {
    let forbidden = matches!(letter, '/' | '\\' | '<' | '>' | ':' | '"' | '|' | '?' | '*');
    // Marks, embeddings and isolates of direction; separators of lines; the byte order mark.
    let misleading = matches!(
        letter,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    );
    !(forbidden || misleading || letter.is_control())
}

/// Whether Windows would open a device instead of a file.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    if ["CON", "PRN", "AUX", "NUL", "CLOCK$", "CONIN$", "CONOUT$"].contains(&stem.as_str()) {
        return true;
    }
    let number = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    number.is_some_and(|number| {
        let mut letters = number.chars();
        matches!((letters.next(), letters.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
    })
}

fn shortened(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= LONGEST_EXTENSION => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let room = LONGEST - extension.len();
    let end = (0..=room.min(stem.len())).rev().find(|end| stem.is_char_boundary(*end)).unwrap_or_default();
    format!("{}{extension}", trim(&stem[..end]))
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    fn cleaned(name: &str) -> String {
        safe(name).unwrap_or_default()
    }

    #[test]
    fn tricks_are_left_out() {
        for (given, expected) in [
            ("letter.pdf", "letter.pdf"),
            ("Überweisung Müller.pdf", "Überweisung Müller.pdf"),
            ("紹介状.pdf", "紹介状.pdf"),
            ("../../etc/passwd", "passwd"),
            (r"..\..\windows\win.ini", "win.ini"),
            ("/etc/passwd", "passwd"),
            ("C:evil.txt", "C_evil.txt"),
            (r"C:\evil.txt", "evil.txt"),
            ("a:stream", "a_stream"),
            (".bashrc", "_bashrc"),
            ("-rf", "_rf"),
            ("nul", "_nul"),
            ("NUL.txt", "_NUL.txt"),
            ("com1 .pdf", "_com1 .pdf"),
            ("LPT³", "_LPT³"),
            ("community.pdf", "community.pdf"),
            ("letter.pdf. .", "letter.pdf"),
            ("a\0b\nc\u{7f}\u{85}.txt", "a_b_c__.txt"),
            ("photo\u{202e}gpj.exe", "photo_gpj.exe"),
            ("  spaced  ", "spaced"),
            ("", ""),
            (".", ""),
            ("..", ""),
            ("a/..", ""),
            ("letters/", ""),
            ("...", ""),
            ("_.", ""),
        ] {
            assert_eq!(cleaned(given), expected, "{given:?}");
        }
    }

    #[test]
    fn a_name_that_is_too_long_keeps_its_extension() {
        let long = format!("{}.pdf", "é".repeat(300));
        let short = cleaned(&long);
        assert!(short.len() <= LONGEST && short.ends_with("é.pdf"), "{short}");
        assert_eq!(cleaned(&"a".repeat(1000)).len(), LONGEST);
        let odd = format!("a.{}", "b".repeat(1000));
        assert_eq!(cleaned(&odd).len(), LONGEST);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// Whatever the service calls a file, it lands in the directory, under one name that is not a trick.
        #[test]
        fn no_name_leaves_its_directory(
            name in prop_oneof![
                any::<String>(),
                r"([./\\: ~\-]|\.\.|CON|nul|C:|com1|\PC|\x00|\n|é){0,12}",
                r"(\.\./){0,4}[a-z]{0,4}(\\\.\.){0,3}",
            ],
        ) {
            let Some(safe) = safe(&name) else { return Ok(()) };
            let components: Vec<_> = Path::new(&safe).components().collect();
            prop_assert!(matches!(components.as_slice(), [Component::Normal(only)] if *only == safe.as_str()));
            prop_assert!(safe.len() <= LONGEST);
            prop_assert!(!safe.contains(['/', '\\', ':', '\0']) && !safe.chars().any(char::is_control));
            prop_assert!(!safe.starts_with(['.', '-', ' ']) && !safe.ends_with(['.', ' ']));
            prop_assert!(!is_device(&safe));
            // What is clean already stays as it is.
            prop_assert_eq!(cleaned(&safe), safe);
        }

        /// A name of letters stays as it is.
        #[test]
        fn a_plain_name_is_kept(name in r"[\p{L}\p{N}][\p{L}\p{N} ]{0,20}[\p{L}\p{N}]\.[a-z]{1,4}") {
            prop_assume!(!is_device(&name));
            prop_assert_eq!(safe(&name), Some(name));
        }
    }
}
