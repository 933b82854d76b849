//! Generates the tables of operations: of `carium-api`, whose entries are passed along with every request, and of the
//! program, which builds the commands of `carium api` from it.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;
use syn::File;

use super::files::{Header, Output};
use crate::json::{is_true, members, text};
use crate::rust;
use crate::spec::{Mark, Operation, Spec};

const COMMANDS: &str = "crates/carium-cli/src/generated";

/// Root module of the generated code of the program.
const COMMANDS_ROOT: &str = "\
//! Generated from `specs/carium.yaml`. See `ARCHITECTURE.md`.

// The descriptions are the spec's own.
#![allow(clippy::all, clippy::pedantic)]

pub(crate) mod commands;
";

/// Flags that every command has, and flags of `carium api` commands. A test of the program fails if a parameter has the
/// name of a flag that is missing here.
#[rustfmt::skip]
const RESERVED_FLAGS: [&str; 17] = [
    "account", "ask-code", "base-url", "body", "dangerously-allow-plain-http", "example", "help", "log", "organization",
    "output", "password-fd", "profile", "reveal", "sandbox", "subcommand", "verbose", "version",
];

/// Generates the table of `carium-api`.
pub(super) fn operations(spec: &Spec, header: &Header) -> Output {
    let version = spec.root().pointer("/info/version").and_then(Value::as_str).unwrap_or_default();
    let operations = spec.operations();
    let names: Vec<_> = operations.iter().map(|operation| rust::calls::row_name(operation.id())).collect();
    let rows = operations.iter().map(operation_row);
    let fields = request_fields(spec);
    let mut file: File = syn::parse_quote! {
        //! The table of operations. The entry of an operation is passed along with every request.

        use http::Method;

        use crate::operation::{Operation, RetryClass};

        /// The release of the service that this crate was written for.
        pub const API_VERSION: &str = #version;

        /// All operations, in the order of the spec.
        pub static ALL: &[&Operation] = &[#(&#names),*];

        /// The names of all attributes of requests, sorted. A field name in a response is safe to print if it is one of
        /// these.
        pub static FIELDS: &[&str] = &[#(#fields),*];

        #(#rows)*
    };
    rust::docs::tidy(&mut file);
    Output::code("crates/carium-api/src/generated/operations.rs", &header.api, &file)
}

fn operation_row(operation: &Operation<'_>) -> TokenStream {
    let (id, path) = (operation.id(), operation.path);
    let name = rust::calls::row_name(id);
    let tag = operation.tag().unwrap_or_default();
    let needs_token = operation.needs_token();
    let method = format_ident!("{}", operation.method.to_uppercase());
    let retry = match operation.text("x-retry") {
        Some("safe") => format_ident!("Safe"),
        Some("idempotent") => format_ident!("Idempotent"),
        _ => format_ident!("Create"),
    };
    let summary = summary(operation);
    let doc = format!("{summary}: `{method} {path}`.");
    quote! {
        #[doc = #doc]
        pub static #name: Operation = Operation {
            id: #id,
            method: Method::#method,
            path: ::std::borrow::Cow::Borrowed(#path),
            tag: #tag,
            retry: RetryClass::#retry,
            needs_token: #needs_token,
        };
    }
}

fn summary<'a>(operation: &Operation<'a>) -> &'a str {
    operation.text("summary").unwrap_or_default().trim_end_matches('.')
}

/// Returns the names of all properties that a request can contain.
fn request_fields(spec: &Spec) -> BTreeSet<&str> {
    let sides = spec.sides();
    let schemas = spec.schemas().filter(|(name, _)| sides.of(name).request);
    schemas.flat_map(|(_, schema)| members(schema.get("properties")).map(|(name, _)| name)).collect()
}

/// Generates the table of the program.
pub(super) fn commands(spec: &Spec, header: &Header) -> [Output; 2] {
    let operations = spec.operations();
    let count = operations.len();
    let rows = operations.iter().map(|operation| command_row(spec, operation));
    let mut file: File = syn::parse_quote! {
        //! The table of operations, in the order of the spec.

        use carium::api::operations;

        use crate::commands::api::table::{OperationCommand, Parameter, ParameterLocation};

        pub(crate) static ALL: [OperationCommand; #count] = [#(#rows),*];
    };
    rust::docs::tidy(&mut file);
    [
        Output::text(format!("{COMMANDS}/mod.rs"), &header.api, COMMANDS_ROOT),
        Output::code(format!("{COMMANDS}/commands.rs"), &header.api, &file),
    ]
}

fn command_row(spec: &Spec, operation: &Operation<'_>) -> TokenStream {
    let name = rust::calls::row_name(operation.id());
    let summary = summary(operation);
    let description = operation.text("description").unwrap_or_default().trim();
    let parameters = operation.parameters().map(|(_, parameter)| parameter_row(spec, parameter));
    // The linter requires an example for each body.
    let example = operation.request_content().find_map(|content| content.get("example"));
    let example = example.map_or_else(
        || quote!(None),
        |example| {
            let text = format!("{example:#}\n");
            quote!(Some(#text))
        },
    );
    let secrets = secrets_of_responses(spec, operation);
    quote! {
        OperationCommand {
            operation: &operations::#name,
            summary: #summary,
            description: #description,
            parameters: &[#(#parameters),*],
            example: #example,
            secrets: &[#(#secrets),*],
        }
    }
}

fn parameter_row(spec: &Spec, parameter: &Value) -> TokenStream {
    let parameter = spec.resolve(parameter);
    let member = |name: &str| text(parameter, name).unwrap_or_default();
    let (name, description) = (member("name"), member("description").trim());
    let place = match member("in") {
        "path" => format_ident!("Path"),
        "header" => format_ident!("Header"),
        _ => format_ident!("Query"),
    };
    let flag = flag_of(name);
    let required = is_true(parameter, "required");
    let schema = spec.resolve_schema(parameter.get("schema").unwrap_or(&Value::Null));
    let value = match (text(schema, "format"), text(schema, "type")) {
        (Some("uuid"), _) => "ID",
        (_, Some("integer" | "number")) => "NUMBER",
        _ => "TEXT",
    };
    quote! {
        Parameter {
            name: #name,
            flag: #flag,
            location: ParameterLocation::#place,
            required: #required,
            value: #value,
            description: #description,
        }
    }
}

/// Returns the flag of a parameter. It consists of letters, digits and dashes, which need no quoting in a shell.
fn flag_of(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let flag = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    if RESERVED_FLAGS.contains(&flag.as_str()) { format!("{flag}-parameter") } else { flag }
}

/// Returns the names of secret members in the responses of an operation.
fn secrets_of_responses(spec: &Spec, operation: &Operation<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for (_, _, response) in operation.responses() {
        for (_, content) in members(spec.resolve(response).get("content")) {
            collect_secrets(spec, content.get("schema").unwrap_or(&Value::Null), 0, &mut names);
        }
    }
    names.sort();
    names.dedup();
    names
}

/// Maximum depth, which ends the recursion for schemas that contain themselves.
const MAX_DEPTH: usize = 16;

fn collect_secrets(spec: &Spec, schema: &Value, depth: usize, names: &mut Vec<String>) {
    if depth == MAX_DEPTH {
        return;
    }
    let expected = text(schema, "x-expect").and_then(|name| spec.schema(name));
    let schema = expected.unwrap_or_else(|| spec.resolve_schema(schema));
    for (name, property) in members(schema.get("properties")) {
        if spec.mark(property) == Mark::Secret {
            names.push(name.to_owned());
        } else {
            collect_secrets(spec, property, depth + 1, names);
        }
    }
    if let Some(items) = schema.get("items") {
        collect_secrets(spec, items, depth + 1, names);
    }
}
