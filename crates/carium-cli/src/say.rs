//! What the program has to say to a person: to stderr, and never data.

use std::io::{self, IsTerminal as _, Write as _};

/// A line.
pub(crate) fn line(text: &str) {
    // Who does not read it any more is none that could be told.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A line about what went wrong.
pub(crate) fn error(text: &str) {
    if is_colourful() {
        line(&format!("\u{1b}[1;31merror:\u{1b}[0m {text}"));
    } else {
        line(&format!("error: {text}"));
    }
}

/// Whether there is a terminal behind stderr, and its owner wants colours (<https://no-color.org>).
fn is_colourful() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal()
        && !is_set("NO_COLOR")
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
