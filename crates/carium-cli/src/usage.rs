//! What is said of a command line that is wrong.

use clap::Error;
use clap::error::{ContextKind, ContextValue};

/// The same error without what was written: a value may be of a patient, and stderr is kept in logs. The names of flags
/// and commands stay.
pub(crate) fn without_values(mut error: Error) -> Error {
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidArg, ContextKind::InvalidSubcommand] {
        let is_ours = match error.get(kind) {
            Some(ContextValue::String(text)) => kind == ContextKind::InvalidArg && is_name(text),
            _ => true,
        };
        if !is_ours {
            error.insert(kind, ContextValue::String("…".to_owned()));
        }
    }
    error
}

/// Whether a text names a flag or the place of a value, such as `--gender <GENDER>` or `<ID>`.
fn is_name(text: &str) -> bool {
    text.starts_with(['-', '<', '[']) && !text.contains('=')
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn no_value_is_said_and_every_flag_is() {
        let create = ["carium", "patients", "create", "--gender"];
        for (arguments, said) in [
            (vec!["canary"], "--gender"),
            (vec!["male", "canary"], "unexpected argument"),
            (vec!["male", "--other=canary"], "unexpected argument"),
            (vec!["male", "--output", "canary"], "--output"),
            (vec!["male", "--individual-group-id", "canary"], "--individual-group-id"),
        ] {
            let error = Cli::try_parse_from(create.iter().chain(&arguments)).unwrap_err();
            let text = without_values(error).render().to_string();
            assert!(!text.contains("canary") && text.contains(said), "{arguments:?}: {text}");
        }
        let text =
            without_values(Cli::try_parse_from(["carium", "canary"]).unwrap_err()).render().to_string();
        assert!(!text.contains("canary"), "{text}");
        let text = without_values(Cli::try_parse_from(["carium", "api", "get_appointment"]).unwrap_err());
        assert!(text.render().to_string().contains("--id <ID>"), "{text}");
    }
}
