//! File names: the name that is sent to the service has no path, and a name that the service returns is sanitized.

/// Returns the last component of a path with separators of either kind.
pub(super) fn without_path(text: &str) -> &str {
    text.rsplit(['/', '\\']).next().unwrap_or_default()
}

/// Maximum length of a sanitized name. File systems allow 255 bytes, so a suffix can still be added.
const MAX_NAME_BYTES: usize = 200;
/// A longer text after the last dot is not treated as an extension.
const MAX_EXTENSION_BYTES: usize = 16;

/// Turns an untrusted name into one that is safe for a file in any directory on any operating system. Returns `None`
/// if nothing usable is left.
///
/// - The path is removed: separators of both kinds, `.` and `..`.
/// - Characters that an operating system forbids or that can mislead a reader become `_`: control characters,
///   `<>:"|?*`, and those that change the direction of text.
/// - The result does not start with a dot, which would hide the file, or with `-`, which programs parse as a flag.
/// - The result does not end with a dot or a space, which Windows removes, and is not a Windows device name.
/// - The result has at most 200 bytes and keeps the extension.
pub(super) fn sanitize(name: &str) -> Option<String> {
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
    let not_a_device = if is_windows_device(&visible) { format!("_{visible}") } else { visible };
    Some(shorten(&not_a_device))
}

fn trim(name: &str) -> &str {
    name.trim_start().trim_end_matches(|letter: char| letter == '.' || letter.is_whitespace())
}

fn is_allowed(letter: char) -> bool {
    let forbidden = matches!(letter, '/' | '\\' | '<' | '>' | ':' | '"' | '|' | '?' | '*');
    // Directional marks, embeddings and isolates; line and paragraph separators; the byte order mark.
    let misleading = matches!(
        letter,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    );
    !(forbidden || misleading || letter.is_control())
}

/// Checks whether Windows would open a device instead of a file.
fn is_windows_device(name: &str) -> bool {
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

fn shorten(name: &str) -> String {
    if name.len() <= MAX_NAME_BYTES {
        return name.to_owned();
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= MAX_EXTENSION_BYTES => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let max_stem = MAX_NAME_BYTES - extension.len();
    let end =
        (0..=max_stem.min(stem.len())).rev().find(|end| stem.is_char_boundary(*end)).unwrap_or_default();
    format!("{}{extension}", trim(&stem[..end]))
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    fn sanitized(name: &str) -> String {
        sanitize(name).unwrap_or_default()
    }

    #[test]
    fn removes_paths_and_unsafe_characters() {
        for (name, expected) in [
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
            assert_eq!(sanitized(name), expected, "{name:?}");
        }
    }

    #[test]
    fn shortens_long_names_and_keeps_the_extension() {
        let long = format!("{}.pdf", "é".repeat(300));
        let short = sanitized(&long);
        assert!(short.len() <= MAX_NAME_BYTES && short.ends_with("é.pdf"), "{short}");
        assert_eq!(sanitized(&"a".repeat(1000)).len(), MAX_NAME_BYTES);
        let long_extension = format!("a.{}", "b".repeat(1000));
        assert_eq!(sanitized(&long_extension).len(), MAX_NAME_BYTES);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// Any input yields a single path component without unsafe characters, or `None`.
        #[test]
        fn sanitized_names_are_one_safe_path_component(
            name in prop_oneof![
                any::<String>(),
                r"([./\\: ~\-]|\.\.|CON|nul|C:|com1|\PC|\x00|\n|é){0,12}",
                r"(\.\./){0,4}[a-z]{0,4}(\\\.\.){0,3}",
            ],
        ) {
            let Some(safe) = sanitize(&name) else { return Ok(()) };
            let components: Vec<_> = Path::new(&safe).components().collect();
            prop_assert!(matches!(components.as_slice(), [Component::Normal(only)] if *only == safe.as_str()));
            prop_assert!(safe.len() <= MAX_NAME_BYTES);
            prop_assert!(!safe.contains(['/', '\\', ':', '\0']) && !safe.chars().any(char::is_control));
            prop_assert!(!safe.starts_with(['.', '-', ' ']) && !safe.ends_with(['.', ' ']));
            prop_assert!(!is_windows_device(&safe));
            // Sanitizing is idempotent.
            prop_assert_eq!(sanitized(&safe), safe);
        }

        #[test]
        fn plain_names_are_unchanged(name in r"[\p{L}\p{N}][\p{L}\p{N} ]{0,20}[\p{L}\p{N}]\.[a-z]{1,4}") {
            prop_assume!(!is_windows_device(&name));
            prop_assert_eq!(sanitize(&name), Some(name));
        }
    }
}
