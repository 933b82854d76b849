//! Messages to the user, written to stderr. Data goes to stdout; see `output.rs`.

use std::io::{self, IsTerminal as _, Write as _};

/// Prints a line.
pub(crate) fn print(text: &str) {
    // If stderr is closed, there is no other place to report that.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints a line that starts with `error:`.
pub(crate) fn print_error(message: &str) {
    if supports_color() {
        print(&format!("\u{1b}[1;31merror:\u{1b}[0m {message}"));
    } else {
        print(&format!("error: {message}"));
    }
}

/// Checks whether stderr is a terminal and colors are not disabled (<https://no-color.org>).
fn supports_color() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal()
        && !is_set("NO_COLOR")
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
