//! Generates the calls of the wire test: one for each operation, from the examples of the spec, and the requests that
//! they must send.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::{Value, json};
use syn::{File, Ident};

use super::files::{Header, Output};
use crate::json::text;
use crate::rust;
use crate::spec::{Operation, Spec, referred_schema};

const TESTS: &str = "crates/carium-api/tests/generated";

/// A parameter of an operation with its example.
struct Parameter<'a> {
    name: &'a str,
    place: &'a str,
    example: &'a Value,
    /// Whether its schema has a name, and thus a type that is parsed from text.
    is_named: bool,
}

/// Generates the calls and the list of requests.
pub(super) fn outputs(spec: &Spec, header: &Header) -> [Output; 2] {
    let operations = spec.operations();
    let arms = operations.iter().map(|operation| call(spec, operation));
    let traits: std::collections::BTreeSet<Ident> =
        operations.iter().filter_map(|operation| operation.tag().map(rust::calls::trait_name)).collect();
    let mut file: File = syn::parse_quote! {
        //! A call of each operation with the values of the examples in the spec.

        use carium_api::{Client, #(#traits as _,)* types};

        use crate::{Outcome, outcome, read};

        #[allow(clippy::too_many_lines)]
        pub(crate) async fn call(client: &Client, operation: &str) -> Outcome {
            match operation {
                #(#arms)*
                other => panic!("the spec has no operation {other}"),
            }
        }
    };
    rust::docs::tidy(&mut file);
    let requests: Vec<_> = operations.iter().map(|operation| request(spec, operation)).collect();
    [
        Output::code(format!("{TESTS}/calls.rs"), &header.api, &file),
        Output::json(&format!("{TESTS}/requests.json"), &Value::Array(requests)),
    ]
}

fn call(spec: &Spec, operation: &Operation<'_>) -> TokenStream {
    let (id, method) = (operation.id(), format_ident!("{}", operation.id()));
    let sets = parameters(spec, operation).into_iter().map(|parameter| {
        let setter = setter(parameter.name);
        let value = match parameter.example {
            Value::String(text) => quote!(#text),
            // A type with a name is parsed from text.
            other if parameter.is_named => {
                let text = other.to_string();
                quote!(#text)
            }
            other => {
                let literal: TokenStream = other.to_string().parse().unwrap_or_default();
                quote!(#literal)
            }
        };
        quote!(.#setter(#value))
    });
    let body = body(operation).map(|(schema, example)| {
        let (schema, text) = (format_ident!("{schema}"), example.to_string());
        quote!(.body(read::<types::#schema>(#text)))
    });
    quote!(#id => outcome(client.#method() #(#sets)* #body.send().await),)
}

/// Returns `{operation, method, path, query, body}`.
fn request(spec: &Spec, operation: &Operation<'_>) -> Value {
    let parameters = parameters(spec, operation);
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let mut path = operation.path.to_owned();
    for parameter in parameters.iter().filter(|parameter| parameter.place == "path") {
        path = path.replace(&format!("{{{}}}", parameter.name), &plain(parameter.example));
    }
    let query = parameters.iter().filter(|parameter| parameter.place == "query");
    let query: Vec<_> = query.map(|parameter| json!([parameter.name, plain(parameter.example)])).collect();
    json!({
        "operation": operation.id(),
        "method": operation.method.to_uppercase(),
        "path": path,
        "query": query,
        "body": body(operation).map(|(_, example)| example),
    })
}

/// Returns the parameters that have an example.
fn parameters<'a>(spec: &'a Spec, operation: &Operation<'a>) -> Vec<Parameter<'a>> {
    let resolved = operation.parameters().map(|(_, parameter)| spec.resolve(parameter));
    let parameters = resolved.filter_map(|parameter| {
        let schema = parameter.get("schema")?;
        let example = parameter.get("example").or_else(|| spec.resolve(schema).get("example"))?;
        let is_named = referred_schema(schema).is_some();
        Some(Parameter { name: text(parameter, "name")?, place: text(parameter, "in")?, example, is_named })
    });
    parameters.collect()
}

/// Returns the name of the schema of the body, and its example.
fn body<'a>(operation: &Operation<'a>) -> Option<(&'a str, &'a Value)> {
    let content = operation.request_content().next()?;
    Some((referred_schema(content.get("schema")?)?, content.get("example")?))
}

/// Returns the name of the method that sets a parameter.
fn setter(name: &str) -> Ident {
    let words: Vec<_> =
        name.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    format_ident!("{}", words.join("_").to_lowercase())
}
