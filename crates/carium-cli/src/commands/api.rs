//! `carium api`: a command for each operation of the spec, built from a generated table, and one for each HTTP method.

mod request;
pub(crate) mod table;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use carium::{Method, RetryClass};
use clap::{Arg, ArgAction, ArgMatches, Args, FromArgMatches, value_parser};
use serde_json::Value;

use self::request::{METHODS, RequestCall};
use self::table::{OperationCommand, Parameter, ParameterLocation};
use crate::connection::{connect, connect_without_sign_in};
use crate::error::{CliError, Exit};
use crate::generated::commands::ALL;
use crate::output;
use crate::settings::Settings;

/// Replaces the value of a secret.
const REDACTED: &str = "[secret]";
/// Maximum size of a request body.
const MAX_BODY_BYTES: u64 = 16 * 1024 * 1024;

/// The names of all secrets in responses. They are also replaced in responses of operations that the spec does not
/// contain.
static REDACTED_NAMES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| ALL.iter().flat_map(|command| command.secrets).copied().collect());

/// A call of an operation of the spec, or a request to any path.
#[derive(Debug)]
pub(crate) enum ApiCall {
    Operation(OperationCall),
    Request(Method, Box<RequestCall>),
}

impl ApiCall {
    /// Prints the example of a request body if `--example` is set. Returns `None` otherwise.
    pub(crate) fn run_offline(&self) -> Option<Result<(), CliError>> {
        match self {
            Self::Operation(call) => call.run_offline(),
            Self::Request(..) => None,
        }
    }

    pub(crate) fn may_change_data(&self) -> bool {
        match self {
            Self::Operation(call) => call.command.operation.retry != RetryClass::Safe,
            Self::Request(method, call) => call.may_change_data(method),
        }
    }

    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        match self {
            Self::Operation(call) => call.run(settings).await,
            Self::Request(method, call) => call.run(method, settings).await,
        }
    }
}

/// A call of an operation of the spec.
#[derive(Debug)]
pub(crate) struct OperationCall {
    command: &'static OperationCommand,
    parameters: Vec<(&'static Parameter, String)>,
    body: Option<PathBuf>,
    prints_example: bool,
    reveals_secrets: bool,
}

impl OperationCall {
    fn run_offline(&self) -> Option<Result<(), CliError>> {
        self.prints_example.then(|| output::write_bytes(self.command.example.unwrap_or_default().as_bytes()))
    }

    async fn run(self, settings: &Settings) -> Result<(), CliError> {
        let operation = self.command.operation;
        let connection = if operation.needs_token {
            connect(settings).await?
        } else {
            connect_without_sign_in(settings).await?
        };
        let mut request = connection.client.operation(operation);
        for (parameter, value) in self.parameters {
            request = match parameter.location {
                ParameterLocation::Path => request.path_param(parameter.name, value),
                ParameterLocation::Query => request.query(parameter.name, value),
                ParameterLocation::Header => request.header(parameter.name, value),
            };
        }
        if let Some(path) = self.body {
            request = request.body(read_body_in_background(path).await?);
        }
        let response = request.send().await?;
        if response.body().is_empty() {
            return Ok(());
        }
        let mut value = parse_body(response.body(), operation.retry != RetryClass::Safe)?;
        if !self.reveals_secrets {
            redact(&mut value, self.command.secrets);
        }
        output::write_response(settings.format, &value, operation.retry != RetryClass::Safe)
    }
}

/// Parses the body of a successful response.
fn parse_body(body: &[u8], may_have_changed_data: bool) -> Result<Value, CliError> {
    serde_json::from_slice(body).map_err(|_| {
        // The status was a success, so the operation was applied.
        let exit = if may_have_changed_data { Exit::OutcomeUnknown } else { Exit::Other };
        CliError::new(exit, "the call succeeded, but the response is not valid JSON")
    })
}

/// Replaces the values of all members with one of these names, at any depth.
fn redact(value: &mut Value, names: &[&str]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, names)),
        Value::Object(members) => {
            for (name, member) in members {
                if names.contains(&name.as_str()) && !member.is_null() {
                    *member = Value::from(REDACTED);
                } else {
                    redact(member, names);
                }
            }
        }
        _ => {}
    }
}

async fn read_body_in_background(path: PathBuf) -> Result<Vec<u8>, CliError> {
    let body = tokio::task::spawn_blocking(move || read_body(&path)).await;
    body.map_err(|error| CliError::new(Exit::Other, "could not read the request body").with_source(error))?
}

/// Reads a JSON body from a file, or from stdin if the path is `-`. The bytes are sent unchanged.
fn read_body(path: &Path) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let result = if path.as_os_str() == "-" {
        io::stdin().lock().take(MAX_BODY_BYTES + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(MAX_BODY_BYTES + 1).read_to_end(&mut bytes))
    };
    result.map_err(|error| {
        CliError::new(Exit::InvalidInput, "could not read the request body")
            .with_source(error)
            .with_hint("check the path of the file")
    })?;
    if bytes.len() as u64 > MAX_BODY_BYTES {
        return Err(CliError::new(Exit::InvalidInput, "the request body is larger than 16 MiB"));
    }
    // The parser's own message may quote the body.
    serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).map_err(|error| {
        let position = format!("line {}, column {}", error.line(), error.column());
        CliError::new(Exit::InvalidInput, format!("the request body is not valid JSON at {position}"))
            .with_hint("`carium api OPERATION --example` prints a template")
    })?;
    Ok(bytes)
}

const EXAMPLES: &str = "\
Examples:
  carium --sandbox api list_practitioners
  carium api create_patient --example > patient.json
  carium api create_patient --body patient.json
  carium api GET /caredb/v1/org-care-teams/ --paginate";

impl Args for ApiCall {
    fn augment_args(command: clap::Command) -> clap::Command {
        command
            .after_help(EXAMPLES)
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommand_value_name("OPERATION")
            .subcommand_help_heading("Operations")
            .subcommands(METHODS.map(|(method, alias, about)| request::command(method, alias, about)))
            .subcommands(ALL.iter().map(operation_command))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

fn operation_command(command: &'static OperationCommand) -> clap::Command {
    let id = command.operation.id;
    let mut clap_command = clap::Command::new(id)
        .about(command.summary)
        .long_about(format!("{}\n\n{}", command.summary, unwrapped(command.description)))
        .after_help(usage_example(command));
    for parameter in command.parameters {
        clap_command = clap_command.arg(
            Arg::new(parameter.flag)
                .long(parameter.flag)
                .value_name(parameter.value)
                .required(parameter.required)
                .help(parameter.description.trim_end_matches('.')),
        );
    }
    if command.example.is_some() {
        clap_command = clap_command
            .arg(
                Arg::new("body")
                    .long("body")
                    .value_name("FILE")
                    .value_parser(value_parser!(PathBuf))
                    .required_unless_present("example")
                    .help("Request body as a JSON file, or - for stdin"),
            )
            .arg(
                Arg::new("example")
                    .long("example")
                    .action(ArgAction::SetTrue)
                    .help("Print an example of the request body instead of calling the operation"),
            );
    }
    if !command.secrets.is_empty() {
        clap_command = clap_command.arg(
            Arg::new("reveal")
                .long("reveal")
                .action(ArgAction::SetTrue)
                .help("Print the secrets in the response, such as a token or a presigned URL"),
        );
    }
    clap_command
}

/// Joins the lines of each paragraph, so that clap can wrap the text to the width of the terminal.
fn unwrapped(text: &str) -> String {
    text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect::<Vec<_>>().join("\n\n")
}

fn usage_example(command: &OperationCommand) -> String {
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

impl FromArgMatches for ApiCall {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || clap::Error::new(clap::error::ErrorKind::MissingSubcommand);
        let (id, arguments) = matches.subcommand().ok_or_else(missing)?;
        if METHODS.iter().any(|(method, ..)| *method == id) {
            let method = Method::from_bytes(id.as_bytes()).map_err(|_| missing())?;
            return Ok(Self::Request(method, Box::new(RequestCall::from_arg_matches(arguments)?)));
        }
        let command = ALL.iter().find(|command| command.operation.id == id).ok_or_else(missing)?;
        let parameters = command.parameters.iter().filter_map(|parameter| {
            arguments.get_one::<String>(parameter.flag).map(|value| (parameter, value.clone()))
        });
        let has_body = command.example.is_some();
        Ok(Self::Operation(OperationCall {
            command,
            parameters: parameters.collect(),
            body: has_body.then(|| arguments.get_one::<PathBuf>("body").cloned()).flatten(),
            prints_example: has_body && arguments.get_flag("example"),
            reveals_secrets: !command.secrets.is_empty() && arguments.get_flag("reveal"),
        }))
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
    fn has_a_command_for_each_operation() {
        let ids: Vec<_> = ALL.iter().map(|command| command.operation.id).collect();
        let all: Vec<_> = operations::ALL.iter().map(|operation| operation.id).collect();
        assert_eq!(ids, all);
    }

    #[test]
    fn redacts_secrets_at_any_depth() {
        let mut value =
            json!({"access-token": "x", "data": [{"url": {"a": "x"}}], "name": "y", "token": null});
        redact(&mut value, &["access-token", "url", "token"]);
        assert!(!value.to_string().contains('x'), "{value}");
        assert_eq!(value["name"], "y");
    }
}
