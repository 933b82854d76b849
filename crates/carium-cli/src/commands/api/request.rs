//! `carium api GET PATH` and the other methods: a request to any path of the API.

use std::path::PathBuf;

use carium::api::http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use carium::{Carium, Items, Method, RequestBuilder, Response, RetryClass};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::{REDACTED, REDACTED_NAMES, parse_body, read_body_in_background, redact};
use crate::commands::lists::ListLimit;
use crate::connection::connect;
use crate::error::{CliError, Exit};
use crate::output::{self, Format};
use crate::settings::Settings;

/// The methods, with the alias and the description of each command.
pub(super) const METHODS: [(&str, &str, &str); 5] = [
    ("GET", "get", "Read any path of the API"),
    ("POST", "post", "Create a resource, or start an action, at any path of the API"),
    ("PUT", "put", "Replace what is at any path of the API"),
    ("PATCH", "patch", "Change a resource at any path of the API"),
    ("DELETE", "delete", "Delete a resource at any path of the API"),
];

const LONG_ABOUT: &str = "\
The request is authenticated, retried and limited like every other. Spans and errors show the path without its IDs. \
Values of members that the API contract marks as secret, such as `url`, are replaced unless `--reveal` is set.";

const EXAMPLES: &str = "\
Examples:
  carium api GET /caredb/v1/org-care-teams/ -q organization-id=ID --paginate
  carium api POST /caredb/v1/org-care-teams/ -f name=Cardiology
  carium api PATCH /caredb/v1/org-care-teams/ID/ -F active=false
  carium api POST /caredb/v1/customjob-runs/ID/start/ --input body.json";

/// A request to any path.
#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("attributes").multiple(true)))]
pub(crate) struct RequestCall {
    /// Path, such as /caredb/v1/org-care-teams/
    path: String,
    /// Query parameter. Can be given several times
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = parse_pair)]
    query: Vec<(String, String)>,
    /// Header, such as `Accept: text/csv`. Headers with credentials are rejected
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = parse_header)]
    header: Vec<(String, String)>,
    /// Attribute of the resource in the body, as text. Can be given several times
    ///
    /// The body is a JSON:API resource: `{"data": {"type": …, "attributes": {"NAME": "VALUE"}}}`. The type is the name of
    /// the resource in the path, and a PATCH also has the ID.
    #[arg(
        short,
        long,
        value_name = "NAME=VALUE",
        value_parser = parse_pair,
        conflicts_with = "input",
        group = "attributes"
    )]
    field: Vec<(String, String)>,
    /// Attribute of the resource in the body, as JSON: a number, true, false, null, a list or an object
    #[arg(
        short = 'F',
        long,
        value_name = "NAME=JSON",
        value_parser = parse_json_pair,
        conflicts_with = "input",
        group = "attributes"
    )]
    json_field: Vec<(String, Value)>,
    /// JSON:API type of the resource in the body, if it is not the name in the path
    #[arg(long = "type", value_name = "NAME", conflicts_with = "input", requires = "attributes")]
    resource_type: Option<String>,
    /// Request body as a JSON file, or - for stdin. It is sent unchanged
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Read all pages of a list, and print its items
    #[arg(long)]
    paginate: bool,
    #[command(flatten)]
    limit: ListLimit,
    /// Print the status and the headers of the response before the body
    #[arg(long, conflicts_with = "paginate")]
    include: bool,
    /// When a failed call is retried. Defaults to safe for GET, create for POST, and idempotent for other methods
    #[arg(long, value_name = "CLASS")]
    retry_class: Option<RetryClassName>,
    /// Print the secrets in the response, such as a token, a presigned URL or a cookie, and a response that is not JSON
    #[arg(long)]
    reveal: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RetryClassName {
    /// It changes nothing
    Safe,
    /// Applying it twice has the same effect as once
    Idempotent,
    /// Applying it twice may create two resources
    Create,
}

impl From<RetryClassName> for RetryClass {
    fn from(name: RetryClassName) -> Self {
        match name {
            RetryClassName::Safe => Self::Safe,
            RetryClassName::Idempotent => Self::Idempotent,
            RetryClassName::Create => Self::Create,
        }
    }
}

/// The error of a value without `=`. It does not contain the value.
fn parse_pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The error of a header without a colon. It does not contain the value.
fn parse_header(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once(':').ok_or("write it as `NAME: VALUE`")?;
    Ok((name.to_owned(), value.trim().to_owned()))
}

fn parse_json_pair(text: &str) -> Result<(String, Value), &'static str> {
    let (name, value) = parse_pair(text)?;
    serde_json::from_str(&value)
        .map(|value| (name, value))
        .map_err(|_| "the value is not JSON; use `-f` for text")
}

pub(super) fn command(method: &'static str, alias: &'static str, about: &'static str) -> clap::Command {
    let command = clap::Command::new(method).alias(alias);
    RequestCall::augment_args(command)
        .about(about)
        .long_about(format!("{about}\n\n{LONG_ABOUT}"))
        .after_help(EXAMPLES)
}

/// Checks whether the service declares a response as JSON. A response without a media type counts as JSON.
fn is_json(response: &Response) -> bool {
    let media_type = response.headers().get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    media_type.is_none_or(|media_type| media_type.to_ascii_lowercase().contains("json"))
}

impl RequestCall {
    pub(super) fn may_change_data(&self, method: &Method) -> bool {
        match self.retry_class {
            Some(class) => !matches!(class, RetryClassName::Safe),
            None => method != Method::GET,
        }
    }

    pub(super) async fn run(self, method: Method, settings: &Settings) -> Result<(), CliError> {
        self.check(&method)?;
        let body = match &self.input {
            Some(path) => Some(read_body_in_background(path.clone()).await?),
            None => self.resource(&method)?.map(|resource| resource.to_string().into_bytes()),
        };
        let connection = connect(settings).await?;
        let may_change_data = self.may_change_data(&method);
        let request = self.request(&connection.client, method, body);
        if self.paginate {
            return self.write_items(request.items(self.limit.options()), settings.format).await;
        }
        let response = request.send().await?;
        if self.include {
            output::write_bytes(self.head(&response).as_bytes())?;
        }
        if response.body().is_empty() {
            return Ok(());
        }
        if !is_json(&response) {
            return self.write_other_body(&response);
        }
        let mut value = parse_body(response.body(), may_change_data)?;
        self.redact(&mut value);
        output::write_response(settings.format, &value, may_change_data)
    }

    fn check(&self, method: &Method) -> Result<(), CliError> {
        let invalid = |message: &'static str, hint: &'static str| {
            Err(CliError::new(Exit::InvalidInput, message).with_hint(hint))
        };
        let has_body = !self.field.is_empty() || !self.json_field.is_empty() || self.input.is_some();
        if *method == Method::GET && has_body {
            return invalid("a GET request has no body", "set query parameters with `-q`");
        }
        if *method != Method::GET && self.paginate {
            return invalid("only a GET request can be paginated", "remove `--paginate`");
        }
        if !self.paginate && self.limit.is_set() {
            return invalid("`--limit` has an effect only with `--paginate`", "add `--paginate`");
        }
        if self.paginate && self.query.iter().any(|(name, _)| name.starts_with("page[")) {
            return invalid(
                "`--paginate` sets the parameters of paging itself",
                "remove the query parameters that start with `page[`; `--limit` stops after a number of items",
            );
        }
        Ok(())
    }

    /// Returns the status and the headers of a response, followed by an empty line.
    fn head(&self, response: &Response) -> String {
        let mut head = format!("HTTP {}\n", response.status());
        for (name, value) in response.headers() {
            let is_secret = *name == SET_COOKIE || *name == LOCATION;
            let value = match String::from_utf8_lossy(value.as_bytes()) {
                _ if is_secret && !self.reveal => REDACTED.into(),
                value => value,
            };
            head.push_str(&format!("{name}: {value}\n"));
        }
        head.push('\n');
        head
    }

    fn request(&self, client: &Carium, method: Method, body: Option<Vec<u8>>) -> RequestBuilder {
        let request = client.request(method, &self.path);
        let request = self.query.iter().fold(request, |request, (name, value)| request.query(name, value));
        let mut request =
            self.header.iter().fold(request, |request, (name, value)| request.header(name, value));
        if let Some(body) = body {
            request = request.body(body);
        }
        match self.retry_class {
            Some(class) => request.retry_class(class.into()),
            None => request,
        }
    }

    /// Returns the resource in the body, from the attributes of the command line.
    fn resource(&self, method: &Method) -> Result<Option<Value>, CliError> {
        let texts = self.field.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        let attributes: Map<String, Value> = texts.chain(self.json_field.iter().cloned()).collect();
        if attributes.is_empty() {
            return Ok(None);
        }
        let segments: Vec<_> = self.path.split('/').filter(|segment| !segment.is_empty()).collect();
        // The path of a single resource ends with its ID.
        let (name, id) = match segments.as_slice() {
            [.., name, id] if *method != Method::POST => (*name, Some(*id)),
            [.., name] => (*name, None),
            [] => return Err(CliError::new(Exit::InvalidInput, "the path is empty")),
        };
        let mut data =
            json!({"type": self.resource_type.as_deref().unwrap_or(name), "attributes": attributes});
        if let Some(id) = id {
            data["id"] = id.into();
        }
        Ok(Some(json!({"data": data})))
    }

    async fn write_items(&self, items: Items<Value>, format: Format) -> Result<(), CliError> {
        let format = if format == Format::Ndjson { format } else { Format::Json };
        let to_record = |item: &Value| {
            let mut item = item.clone();
            self.redact(&mut item);
            item
        };
        self.limit.write(format, &[], ["item", "items"], items, to_record).await
    }

    /// Writes a body that is not JSON, unchanged. It can contain secrets that cannot be replaced.
    fn write_other_body(&self, response: &Response) -> Result<(), CliError> {
        if self.reveal {
            return output::write_bytes(response.body());
        }
        let message = "the call succeeded, but the response is not JSON and was not printed";
        let hint = "use `--reveal` to print such responses, which can contain secrets";
        Err(CliError::new(Exit::Other, message).with_hint(hint))
    }

    fn redact(&self, value: &mut Value) {
        if !self.reveal {
            redact(value, &REDACTED_NAMES);
        }
    }
}
