//! `carium api`: every operation of the spec as it is, from a generated table.

pub(crate) mod table;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;

use carium::api::{RawRequest, RetryClass};
use clap::{Arg, ArgAction, ArgMatches, Args, Command as Clap, FromArgMatches, value_parser};
use serde_json::Value;

use self::table::{OperationCommand, Parameter, ParameterLocation};
use crate::connection::{connect, connect_unsigned};
use crate::exit::{CliError, Exit};
use crate::generated::commands::ALL;
use crate::output;
use crate::settings::Settings;

/// What is shown in the place of a secret.
const HIDDEN: &str = "[secret]";
/// The longest body that is read.
const LONGEST_BODY: u64 = 16 * 1024 * 1024;

/// A call of an operation.
#[derive(Debug)]
pub(crate) struct Call {
    command: &'static OperationCommand,
    parameters: Vec<(&'static Parameter, String)>,
    body: Option<PathBuf>,
    shows_example: bool,
    reveals: bool,
}

impl Call {
    /// The example of a body, where that is what is asked for: needs no server.
    pub(crate) fn offline(&self) -> Option<Result<(), CliError>> {
        self.shows_example.then(|| output::text(self.command.example.unwrap_or_default().as_bytes()))
    }

    pub(crate) fn changes_something(&self) -> bool {
        self.command.operation.retry != RetryClass::Safe
    }

    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        let mut request = RawRequest::default();
        for (parameter, value) in self.parameters {
            request = match parameter.location {
                ParameterLocation::Path => request.path(parameter.name, value),
                ParameterLocation::Query => request.query(parameter.name, value),
                ParameterLocation::Header => request.header(parameter.name, value),
            };
        }
        if let Some(path) = self.body {
            let body = tokio::task::spawn_blocking(move || read(&path)).await;
            let unread = |error| CliError::new(Exit::Other, "the body cannot be read").because(error);
            request = request.body(body.map_err(unread)??);
        }
        let operation = self.command.operation;
        let connection =
            if operation.needs_token { connect(settings).await? } else { connect_unsigned(settings).await? };
        let answer = connection.client.send_raw(operation, request).await?;
        if answer.body().is_empty() {
            return Ok(());
        }
        let mut value: Value = serde_json::from_slice(answer.body()).map_err(|_| {
            // The call succeeded, so what it did is done.
            let exit = if operation.retry == RetryClass::Safe { Exit::Other } else { Exit::MayHaveHappened };
            CliError::new(exit, "the service said yes, and its answer is not JSON")
        })?;
        if !self.reveals {
            hide(&mut value, self.command.secrets);
        }
        output::raw(settings.format, &value)
    }
}

/// Puts a word in the place of everything that has one of these names.
fn hide(value: &mut Value, names: &[&str]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, names)),
        Value::Object(members) => {
            for (name, member) in members {
                if names.contains(&name.as_str()) && !member.is_null() {
                    *member = Value::from(HIDDEN);
                } else {
                    hide(member, names);
                }
            }
        }
        _ => {}
    }
}

/// A body from a file, or from stdin: JSON, sent as it is written.
fn read(path: &std::path::Path) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        io::stdin().lock().take(LONGEST_BODY + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(LONGEST_BODY + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| {
        CliError::new(Exit::InvalidInput, "the body cannot be read")
            .because(error)
            .next("check the path after `--body`")
    })?;
    if bytes.len() as u64 > LONGEST_BODY {
        return Err(CliError::new(Exit::InvalidInput, "the body is longer than 16 MiB"));
    }
    // The parser's own words would quote it.
    serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        CliError::new(Exit::InvalidInput, format!("the body is not JSON, at {place}"))
            .next("`--example` prints a body to begin with")
    })?;
    Ok(bytes)
}

const EXAMPLES: &str = "\
Examples:
  carium --sandbox api list_practitioners
  carium api create_patient --example > patient.json
  carium api create_patient --body patient.json";

impl Args for Call {
    fn augment_args(clap: Clap) -> Clap {
        clap.after_help(EXAMPLES)
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommand_value_name("OPERATION")
            .subcommand_help_heading("Operations")
            .subcommands(ALL.iter().map(of_operation))
    }

    fn augment_args_for_update(clap: Clap) -> Clap {
        Self::augment_args(clap)
    }
}

fn of_operation(command: &'static OperationCommand) -> Clap {
    let id = command.operation.id;
    let mut clap = Clap::new(id)
        .about(command.summary)
        .long_about(format!("{}\n\n{}", command.summary, command.description))
        .after_help(example(command));
    for parameter in command.parameters {
        clap = clap.arg(
            Arg::new(parameter.flag)
                .long(parameter.flag)
                .value_name(parameter.value)
                .required(parameter.required)
                .help(parameter.description),
        );
    }
    if command.example.is_some() {
        clap = clap
            .arg(
                Arg::new("body")
                    .long("body")
                    .value_name("FILE")
                    .value_parser(value_parser!(PathBuf))
                    .required_unless_present("example")
                    .help("The body, as JSON; - for stdin"),
            )
            .arg(
                Arg::new("example")
                    .long("example")
                    .action(ArgAction::SetTrue)
                    .help("Print a body to begin with, and call nothing"),
            );
    }
    if !command.secrets.is_empty() {
        clap = clap.arg(
            Arg::new("reveal")
                .long("reveal")
                .action(ArgAction::SetTrue)
                .help("Print also what is secret in the answer, such as a token or a presigned URL"),
        );
    }
    clap
}

fn example(command: &OperationCommand) -> String {
    let id = command.operation.id;
    let required: Vec<_> = command
        .parameters
        .iter()
        .filter(|parameter| parameter.required)
        .map(|parameter| format!(" --{} {}", parameter.flag, parameter.value))
        .collect();
    let call = format!("  carium api {id}{}", required.concat());
    match command.example {
        Some(_) => format!("Examples:\n  carium api {id} --example > body.json\n{call} --body body.json"),
        None => format!("Examples:\n{call}"),
    }
}

impl FromArgMatches for Call {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || clap::Error::new(clap::error::ErrorKind::MissingSubcommand);
        let (id, given) = matches.subcommand().ok_or_else(missing)?;
        let command = ALL.iter().find(|command| command.operation.id == id).ok_or_else(missing)?;
        let parameters = command.parameters.iter().filter_map(|parameter| {
            given.get_one::<String>(parameter.flag).map(|value| (parameter, value.clone()))
        });
        let has_body = command.example.is_some();
        Ok(Self {
            command,
            parameters: parameters.collect(),
            body: has_body.then(|| given.get_one::<PathBuf>("body").cloned()).flatten(),
            shows_example: has_body && given.get_flag("example"),
            reveals: !command.secrets.is_empty() && given.get_flag("reveal"),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use carium::api::operations;
    use serde_json::json;

    use super::*;

    #[test]
    fn there_is_a_command_for_each_operation() {
        let ids: Vec<_> = ALL.iter().map(|command| command.operation.id).collect();
        let all: Vec<_> = operations::ALL.iter().map(|operation| operation.id).collect();
        assert_eq!(ids, all);
    }

    #[test]
    fn what_is_secret_is_hidden_wherever_it_stands() {
        let mut value =
            json!({"access-token": "x", "data": [{"url": {"a": "x"}}], "name": "y", "token": null});
        hide(&mut value, &["access-token", "url", "token"]);
        assert!(!value.to_string().contains('x'), "{value}");
        assert_eq!(value["name"], "y");
    }
}
