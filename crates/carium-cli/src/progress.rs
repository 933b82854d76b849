//! How far a command is, for a person who watches.

mod rows;
mod transfers;

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressDrawTarget, ProgressStyle};

pub(crate) use rows::RowsBar;
pub(crate) use transfers::Bars;

/// Bars are drawn on a terminal, and nowhere else.
fn target() -> ProgressDrawTarget {
    if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
}

/// A style by its template, in which `{bar}` is the bar of this width.
fn style(template: &str, width: usize) -> ProgressStyle {
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let bar = if colour { format!("{{bar:{width}.cyan}}") } else { format!("{{bar:{width}}}") };
    // A template that is wrong is one of ours; a plain bar says the same.
    ProgressStyle::with_template(&template.replace("{bar}", &bar))
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
