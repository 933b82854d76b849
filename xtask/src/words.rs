//! `cargo xtask words`: a guard on the language of this project, which is plain technical English.
//!
//! Every tracked text file that is not generated is searched for a short list of words and phrases that were once common
//! here, or that are not American spelling. A line that must quote such a word, such as a text of the vendor, carries
//! the comment `words: quoted`.

use std::fs;
use std::path::Path;

use regex::{Match, Regex, RegexBuilder};

use crate::workspace;

/// A pattern of words to avoid, the replacement that the message suggests, and a sample that matches. Patterns ignore case.
const AVOIDED: &[(&str, &str, &str)] = &[
    (r"\bmend(s|ed|ing)?\b", "fix", "It mends itself."),
    (r"\bhouse\b", "workspace", "the House of rows"),
    (r"\bnobody\b", "no one", "nobody knows"),
    (r"\bsomebody\b", "someone", "somebody reads"),
    (r"\bleft out,", "if omitted,", "Left out, 16."),
    (r"\bso many\b", "at most N", "so many rows"),
    (r"\bin doubt\b", "outcome unknown", "a row in doubt"),
    (r"\bmishaps?\b", "fault", "a mishap"),
    (r"\bhearsay\b", "unconfirmed", "hearsay"),
    (r"\bthe dead\b", "stale workers", "the dead workers"),
    (r"\banew\b", "again", "written anew"),
    (r"\bhad better\b", "should", "you had better look"),
    (r"\b(a|one|another|each|per|many) tr(y|ies)\b", "attempt(s)", "each try counts, many tries"),
    (r"\bwhoever\b", "anyone who", "whoever reads this"),
    (r"\bof its own accord\b", "automatically", "it ends of its own accord"),
    (r"\bput together\b", "built", "a row is put together"),
    (r"\bmay well\b", "may", "it may well be"),
    (r"\bit is said\b", "the fact itself", "it is said that"),
    (r"\bsays of itself\b", "reports", "what it says of itself"),
    (r"\be-mails?\b", "email", "an e-mail address"),
    (r"\bcancell(ed|ing)\b", "canceled/canceling", "the call is cancelled"),
    (r"behaviour", "behavior", "Behaviour"),
    (r"colour", "color", "colours"),
    (r"honour", "honor", "honoured"),
    (r"\blicences?\b", "license", "the licence"),
];

/// Lines with this marker are not checked.
const MARKER: &str = "words: quoted";

const EXTENSIONS: [&str; 8] = ["rs", "md", "toml", "yaml", "json", "trycmd", "sh", "py"];

/// This file, which has to contain the words.
const OWN_FILE: &str = "xtask/src/words.rs";

/// Checks every tracked text file.
///
/// # Errors
/// One line for each word to avoid, or the reason why the files cannot be read.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let guard = Guard::new()?;
    let files = workspace::git(root, &["ls-files", "-z"]).ok_or("git could not list the files")?;
    let mut reports = Vec::new();
    for path in files.split('\0').filter(|path| is_checked(path)) {
        match fs::read_to_string(root.join(path)) {
            Ok(text) => reports.extend(guard.check(path, &text)),
            // A deleted file is tracked until the deletion is committed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("could not read {path}: {error}")),
        }
    }
    if reports.is_empty() {
        workspace::print("no words to avoid");
        return Ok(());
    }
    let advice = format!("rewrite the sentences, or mark a quotation with a comment `{MARKER}`");
    Err(format!("{}\n{} words to avoid; {advice}", reports.join("\n"), reports.len()))
}

fn is_checked(path: &str) -> bool {
    let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
        && path != OWN_FILE
        && !path.split('/').any(|part| part == "generated")
}

/// The compiled patterns, each with its replacement.
struct Guard(Vec<(Regex, &'static str)>);

impl Guard {
    fn new() -> Result<Self, String> {
        let compile = |(pattern, replacement, _): &(&str, &'static str, &str)| {
            let regex = RegexBuilder::new(pattern).case_insensitive(true).unicode(false).build();
            Ok((regex.map_err(|error| format!("the pattern {pattern:?} is invalid: {error}"))?, *replacement))
        };
        AVOIDED.iter().map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// One line for each word to avoid in a text; none if the text was generated.
    fn check(&self, path: &str, text: &str) -> Vec<String> {
        if text.lines().take(3).any(|line| line.contains("@generated")) {
            return Vec::new();
        }
        let mut reports = Vec::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.contains(MARKER)) {
            for (regex, replacement) in &self.0 {
                // A call is a name, possibly of another library: `CancellationToken::cancelled()`.
                let is_call = |found: &Match<'_>| line[found.end()..].starts_with('(');
                for found in regex.find_iter(line).filter(|found| !is_call(found)) {
                    let (word, number) = (found.as_str(), index + 1);
                    reports.push(format!("{path}:{number}: \"{word}\": write \"{replacement}\" instead"));
                }
            }
        }
        reports
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Vec<String> {
        Guard::new().unwrap().check("a.md", text)
    }

    #[test]
    fn reports_each_word_with_line_and_replacement() {
        let reports = check("Good.\nMended by nobody, per try.\n");
        let expected = [
            "a.md:2: \"Mended\": write \"fix\" instead",
            "a.md:2: \"nobody\": write \"no one\" instead",
            "a.md:2: \"per try\": write \"attempt(s)\" instead",
        ];
        assert_eq!(reports, expected);
    }

    #[test]
    fn every_pattern_matches_its_sample() {
        let guard = Guard::new().unwrap();
        for ((_, _, sample), (regex, replacement)) in AVOIDED.iter().zip(&guard.0) {
            assert!(regex.is_match(sample), "{sample:?} ({replacement})");
        }
    }

    #[test]
    fn accepts_similar_words_and_method_calls() {
        let text = "amended, recommend, a warehouse, deadline, renewed, it tries again, email, trying to\n\
                    token.cancelled().await, is_cancelled, cancellation, canceled, license, behavior";
        assert_eq!(check(text), [] as [String; 0]);
    }

    #[test]
    fn skips_quotations_and_generated_files() {
        assert_eq!(check("\"e-mail\" // words: quoted"), [] as [String; 0]);
        assert_eq!(check("// @generated by a program.\nnobody"), [] as [String; 0]);
        for (path, expected) in [
            ("crates/carium/src/lib.rs", true),
            ("docs/src/README.md", true),
            ("crates/carium-mock/src/generated/carium.yaml", false),
            ("Cargo.lock", false),
            (OWN_FILE, false),
        ] {
            assert_eq!(is_checked(path), expected, "{path}");
        }
    }
}
