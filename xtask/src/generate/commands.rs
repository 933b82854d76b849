//! Generates the table of operations from which `carium api` builds its commands.

use quote::{format_ident, quote};
use serde_json::Value;
use syn::File;

use super::Output;
use super::header::Header;
use crate::rust;
use crate::spec::{Mark, Operation, Spec, members};

const FOLDER: &str = "crates/carium-cli/src/generated";

const ROOT: &str = "\
//! Generated from `specs/carium.yaml`. See `ARCHITECTURE.md`.

// The descriptions are the spec's own.
#![allow(clippy::all, clippy::pedantic)]

pub(crate) mod commands;
";

pub(super) fn outputs(spec: &Spec, header: &Header) -> [Output; 2] {
    [
        Output { path: format!("{FOLDER}/mod.rs"), text: format!("{}\n{ROOT}", header.api("//")) },
        table(spec, header),
    ]
}

fn table(spec: &Spec, header: &Header) -> Output {
    let operations = spec.operations();
    let count = operations.len();
    let rows = operations.iter().map(|operation| {
        let name = rust::calls::row_name(operation.id());
        let summary = operation.text("summary").unwrap_or_default().trim_end_matches('.');
        let description = operation.text("description").unwrap_or_default().trim();
        let parameters = operation.parameters().map(|(_, parameter)| parameter_row(spec, parameter));
        let example = example_of_body(operation).map_or_else(
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
    });
    let mut file: File = syn::parse_quote! {
        //! The table of operations, in the order of the spec.

        use carium::api::operations;

        use crate::commands::api::table::{OperationCommand, Parameter, ParameterLocation};

        pub(crate) static ALL: [OperationCommand; #count] = [#(#rows),*];
    };
    rust::docs::tidy(&mut file);
    Output {
        path: format!("{FOLDER}/commands.rs"),
        text: format!("{}\n{}", header.api("//"), rust::print(&file)),
    }
}

fn parameter_row(spec: &Spec, parameter: &Value) -> proc_macro2::TokenStream {
    let parameter = spec.resolve(parameter);
    let text = |member: &str| parameter.get(member).and_then(Value::as_str).unwrap_or_default();
    let (name, description) = (text("name"), text("description").trim());
    let place = match text("in") {
        "path" => format_ident!("Path"),
        "header" => format_ident!("Header"),
        _ => format_ident!("Query"),
    };
    let flag = flag_of(name);
    let required = parameter.get("required") == Some(&Value::Bool(true));
    let schema = spec.resolve_schema(parameter.get("schema").unwrap_or(&Value::Null));
    let value =
        match (schema.get("format").and_then(Value::as_str), schema.get("type").and_then(Value::as_str)) {
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

/// Flags that every command has, and flags of `carium api` commands. A test of the program fails if a parameter has the
/// name of a flag that is missing here.
const RESERVED_FLAGS: [&str; 17] = [
    "account",
    "ask-code",
    "base-url",
    "body",
    "dangerously-allow-plain-http",
    "example",
    "help",
    "log",
    "organization",
    "output",
    "password-fd",
    "profile",
    "reveal",
    "sandbox",
    "subcommand",
    "verbose",
    "version",
];

/// Returns the flag of a parameter. It consists of letters, digits and dashes, which need no quoting in a shell.
fn flag_of(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let flag = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    if RESERVED_FLAGS.contains(&flag.as_str()) { format!("{flag}-parameter") } else { flag }
}

/// Returns the example body of an operation. The linter requires one.
fn example_of_body(operation: &Operation<'_>) -> Option<Value> {
    operation.request_content().find_map(|(_, _, content)| content.get("example").cloned())
}

/// Returns the names of secret members in the responses of an operation.
fn secrets_of_responses(spec: &Spec, operation: &Operation<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for (_, _, response) in operation.responses() {
        for (_, content) in members(spec.resolve(response).get("content")) {
            collect(spec, content.get("schema").unwrap_or(&Value::Null), 0, &mut names);
        }
    }
    names.sort();
    names.dedup();
    names
}

/// Maximum depth, which ends the recursion for schemas that contain themselves.
const MAX_DEPTH: usize = 16;

fn collect(spec: &Spec, schema: &Value, depth: usize, names: &mut Vec<String>) {
    if depth == MAX_DEPTH {
        return;
    }
    let expected = schema.get("x-expect").and_then(Value::as_str).and_then(|name| spec.schema(name));
    let schema = expected.unwrap_or_else(|| spec.resolve_schema(schema));
    for (name, property) in members(schema.get("properties")) {
        if spec.mark(property) == Mark::Secret {
            names.push(name.to_owned());
        } else {
            collect(spec, property, depth + 1, names);
        }
    }
    if let Some(items) = schema.get("items") {
        collect(spec, items, depth + 1, names);
    }
}
