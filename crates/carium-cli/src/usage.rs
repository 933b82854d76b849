//! Errors in the command line, as clap reports them.

use clap::Error;
use clap::error::{ContextKind, ContextValue};

/// Replaces the values that clap quotes in an error with `…`. A value may be about a patient, and stderr often ends
/// up in logs. The names of flags and commands stay.
pub(crate) fn redact_values(mut error: Error) -> Error {
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidArg, ContextKind::InvalidSubcommand] {
        let is_safe = match error.get(kind) {
            Some(ContextValue::String(text)) => kind == ContextKind::InvalidArg && is_argument_name(text),
            _ => true,
        };
        if !is_safe {
            error.insert(kind, ContextValue::String("…".to_owned()));
        }
    }
    error
}

/// Checks whether a text is the name of a flag or of a positional argument, such as `--gender <GENDER>` or `<ID>`.
fn is_argument_name(text: &str) -> bool {
    text.starts_with(['-', '<', '[']) && !text.contains('=')
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn redacts_values_and_keeps_flag_names() {
        let create = ["carium", "patients", "create", "--gender"];
        for (arguments, expected) in [
            (vec!["canary"], "--gender"),
            (vec!["male", "canary"], "unexpected argument"),
            (vec!["male", "--other=canary"], "unexpected argument"),
            (vec!["male", "--output", "canary"], "--output"),
            (vec!["male", "--individual-group-id", "canary"], "--individual-group-id"),
        ] {
            let error = Cli::try_parse_from(create.iter().chain(&arguments)).unwrap_err();
            let text = redact_values(error).render().to_string();
            assert!(!text.contains("canary") && text.contains(expected), "{arguments:?}: {text}");
        }
        let text = redact_values(Cli::try_parse_from(["carium", "canary"]).unwrap_err()).render().to_string();
        assert!(!text.contains("canary"), "{text}");
        let text = redact_values(Cli::try_parse_from(["carium", "api", "get_appointment"]).unwrap_err());
        assert!(text.render().to_string().contains("--id <ID>"), "{text}");
    }
}
