//! Tests with specs that are larger than the current one: copies of all its operations and of the schemas of their bodies.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::{Map, Value};

use super::{CodeSources, Sources, outputs};
use crate::json::members;
use crate::spec::{SPEC, Spec, schema_pointer};
use crate::workspace;

/// Returns the sources with this number of copies of all operations, and the number of operations.
fn with_copies(copies: usize) -> (Sources, CodeSources, usize) {
    let root = workspace::root(None);
    let mut sources = Sources::read(&root.join("xtask/tests/fixtures")).unwrap();
    let spec = &sources.api;
    // What parameters and common responses use is not copied, nor is a value type.
    let mut shared = BTreeSet::new();
    for part in ["/components/parameters", "/components/responses"] {
        spec.collect_references(spec.root().pointer(part).unwrap(), &mut shared);
    }
    for operation in spec.operations() {
        operation.parameters().for_each(|(_, parameter)| spec.collect_references(parameter, &mut shared));
    }
    for (_, schema) in spec.schemas().filter(|(_, schema)| schema["type"] != "object") {
        spec.collect_references(schema, &mut shared);
    }
    let is_copied = |(name, schema): &(&str, &Value)| {
        schema["type"] == "object" && !shared.contains(&schema_pointer(name))
    };
    let own: Vec<_> = spec.schemas().filter(is_copied).collect();
    let names: BTreeSet<&str> = own.iter().map(|(name, _)| *name).collect();
    let mut root_value = spec.root().clone();
    for copy in 1..=copies {
        for (path, item) in members(spec.root().get("paths")) {
            let mut segments: Vec<String> = path.split('/').map(str::to_owned).collect();
            segments[3].push_str(&format!("-copy{copy}"));
            root_value["paths"][segments.join("/")] = copied(item, copy, &names);
        }
        for (name, schema) in &own {
            root_value["components"]["schemas"][format!("{name}Copy{copy}")] = copied(schema, copy, &names);
        }
    }
    // JSON is YAML.
    let text = root_value.to_string();
    sources.api = Spec::parse(SPEC, &text).unwrap_or_else(|finding| panic!("{finding:?}"));
    let count = sources.api.operations().len();
    (sources, CodeSources::read(&root).unwrap(), count)
}

/// Copies a part of the spec, which refers to the copies of schemas.
fn copied(value: &Value, copy: usize, names: &BTreeSet<&str>) -> Value {
    let member = |(key, value): (&String, &Value)| {
        let name = value.as_str().map(|text| text.rsplit('/').next().unwrap_or_default());
        let value = match (key.as_str(), value) {
            ("$ref" | "x-expect", Value::String(text)) if name.is_some_and(|name| names.contains(name)) => {
                format!("{text}Copy{copy}").into()
            }
            ("operationId", Value::String(text)) => format!("{text}_copy{copy}").into(),
            _ => copied(value, copy, names),
        };
        (key.clone(), value)
    };
    match value {
        Value::Object(map) => Value::Object(map.iter().map(member).collect::<Map<_, _>>()),
        Value::Array(items) => items.iter().map(|item| copied(item, copy, names)).collect(),
        other => other.clone(),
    }
}

#[test]
fn generates_every_copy_of_an_operation() {
    let (sources, code, count) = with_copies(3);
    assert_eq!(count, 60);
    let outputs = outputs(&sources, &code).unwrap_or_else(|error| panic!("{error}"));
    let text = |path: &str| &outputs.iter().find(|output| output.path.ends_with(path)).unwrap().text;
    for operation in sources.api.operations() {
        let id = operation.id();
        assert!(text("generated/operations.rs").contains(&format!("static {}:", id.to_uppercase())), "{id}");
        assert!(text("generated/client.rs").contains(&format!("fn {id}(")), "{id}");
    }
    assert!(text("generated/types.rs").contains("pub struct CreatePatientRequestCopy3"));
}

/// Prints the time for several sizes: it should grow with the number of operations.
#[test]
#[ignore = "measures, and takes a minute"]
#[allow(clippy::print_stdout, reason = "the result of the measurement")]
fn measure_large_specs() {
    for copies in [7, 15, 32] {
        let (sources, code, count) = with_copies(copies);
        let start = Instant::now();
        let files = outputs(&sources, &code).unwrap_or_else(|error| panic!("{error}")).len();
        println!("{count} operations: {files} files in {:.1} s", start.elapsed().as_secs_f64());
    }
}
