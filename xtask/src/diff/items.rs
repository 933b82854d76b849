//! The public items of `carium-api` that a part of the spec becomes.

use super::change::{Change, Subject};
use crate::generate::ONBOARDING;
use crate::lower::hand_written_type;
use crate::rust::{calls, names};
use crate::spec::{Operation, Spec, strings};

/// The items that stand for what a change is about, from the root of `carium_api`. What is gone has the names that it
/// had.
pub(crate) fn of(change: &Change, old: &Spec, new: &Spec) -> Vec<String> {
    let module = |schema: &str| {
        let is_shared = [old, new].iter().any(|spec| spec.schema(schema).is_some());
        if change.file == ONBOARDING && !is_shared { "onboarding" } else { "types" }
    };
    match &change.subject {
        Subject::Document => Vec::new(),
        Subject::Release => vec!["operations::API_VERSION".to_owned()],
        Subject::Operations(ids) => ids.iter().flat_map(|id| of_operation(id, old, new)).collect(),
        Subject::Parameter { operations, name } => operations
            .iter()
            .map(|id| format!("builder::{}::{}", names::builder(id), names::field(name)))
            .collect(),
        Subject::Field { schema, property } if hand_written_type(schema).is_none() => {
            let (module, field) = (module(schema), names::field(property));
            let mut items =
                vec![format!("{module}::{schema}::{field}"), format!("{module}::builder::{schema}::{field}")];
            // What cannot be left out of a request is named once more, for those who write one.
            if module == "types" && [old, new].into_iter().any(|spec| is_needed(spec, schema, property)) {
                items.push(format!("types::required::{schema}::{field}"));
            }
            items
        }
        // What is inside a type written by hand, only that type knows.
        Subject::Schema(schema) | Subject::Field { schema, .. } => vec![type_of(module(schema), schema)],
        Subject::Value { schema, value } => {
            vec![format!("{}::{}", type_of(module(schema), schema), names::variant(value))]
        }
    }
}

/// Whether a request has to say a property: it is required, and there is more than one thing to say.
fn is_needed(spec: &Spec, name: &str, property: &str) -> bool {
    let Some(schema) = spec.schema(name) else { return false };
    let one_value = || {
        let property = schema.get("properties").and_then(|properties| properties.get(property));
        let values = property.and_then(|property| spec.resolve_schema(property).get("enum")?.as_array());
        values.is_some_and(|values| values.len() == 1)
    };
    spec.sides().in_request(name)
        && strings(schema.get("required")).any(|required| required == property)
        && !one_value()
}

fn type_of(module: &str, schema: &str) -> String {
    hand_written_type(schema).map_or_else(|| format!("{module}::{schema}"), str::to_owned)
}

fn of_operation(id: &str, old: &Spec, new: &Spec) -> Vec<String> {
    let mut items = Vec::new();
    for spec in [old, new] {
        let operations = spec.operations();
        let tag = operations.iter().find(|operation| operation.id() == id).and_then(Operation::tag);
        if let Some(tag) = tag {
            items.push(format!("{}::{id}", names::extension(tag)));
        }
    }
    items.dedup();
    items.push(format!("builder::{}", names::builder(id)));
    items.push(format!("operations::{}", calls::row_name(id)));
    items
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use syn::{File, ImplItem, Item};

    use super::*;
    use crate::diff::change::Effect;
    use crate::document::join;
    use crate::generate::{self, SPEC, Sources};
    use crate::spec::members;
    use crate::workspace;

    /// Every path that the generated code has, from the root of `carium_api`.
    fn generated() -> BTreeSet<String> {
        let sources = Sources::read(&workspace::root(None)).unwrap();
        let mut paths = BTreeSet::new();
        for output in generate::outputs(&sources).unwrap() {
            let Some(file) = output.path.strip_prefix("crates/carium-api/src/generated/") else { continue };
            let module = file.trim_end_matches(".rs").replace('/', "::");
            // The traits and builders of calls are given out at the root.
            let module = module.strip_prefix("client::").map(str::to_owned).unwrap_or(module);
            let module = if module == "client" { String::new() } else { format!("{module}::") };
            collect(&module, &syn::parse_file(&output.text).unwrap(), &mut paths);
        }
        paths
    }

    fn collect(module: &str, file: &File, paths: &mut BTreeSet<String>) {
        for item in &file.items {
            match item {
                Item::Struct(item) => {
                    paths.insert(format!("{module}{}", item.ident));
                    for field in item.fields.iter().filter_map(|field| field.ident.as_ref()) {
                        paths.insert(format!("{module}{}::{field}", item.ident));
                    }
                }
                Item::Enum(item) => {
                    paths.insert(format!("{module}{}", item.ident));
                    paths.extend(
                        item.variants.iter().map(|it| format!("{module}{}::{}", item.ident, it.ident)),
                    );
                }
                Item::Static(item) => {
                    paths.insert(format!("{module}{}", item.ident));
                }
                Item::Const(item) => {
                    paths.insert(format!("{module}{}", item.ident));
                }
                Item::Trait(item) => {
                    for member in &item.items {
                        if let syn::TraitItem::Fn(function) = member {
                            paths.insert(format!("{module}{}::{}", item.ident, function.sig.ident));
                        }
                    }
                }
                Item::Impl(item) if item.trait_.is_none() => {
                    let owner = &item.self_ty;
                    let owner = quote::quote!(#owner).to_string();
                    let owner = owner.split_whitespace().next().unwrap_or_default().to_owned();
                    for member in &item.items {
                        if let ImplItem::Fn(function) = member {
                            paths.insert(format!("{module}{owner}::{}", function.sig.ident));
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// A change of everything in a spec that has a name.
    fn subjects(spec: &Spec) -> Vec<Subject> {
        let mut subjects = vec![Subject::Release];
        for operation in spec.operations() {
            let operations = vec![operation.id().to_owned()];
            for (_, parameter) in operation.parameters() {
                let name = spec.resolve(parameter)["name"].as_str().unwrap().to_owned();
                subjects.push(Subject::Parameter { operations: operations.clone(), name });
            }
            subjects.push(Subject::Operations(operations));
        }
        for (name, schema) in spec.schemas() {
            subjects.push(Subject::Schema(name.to_owned()));
            for (property, _) in members(schema.get("properties")) {
                subjects.push(Subject::Field { schema: name.to_owned(), property: property.to_owned() });
            }
            for value in strings(schema.get("enum")) {
                subjects.push(Subject::Value { schema: name.to_owned(), value: value.to_owned() });
            }
        }
        subjects
    }

    #[test]
    fn every_name_is_one_that_the_generators_write() {
        let sources = Sources::read(&workspace::root(None)).unwrap();
        let (paths, api) = (generated(), &sources.api);
        let onboarding = Spec::of_json_schema(&sources.onboarding);
        let mut count = 0;
        for (file, spec) in [(SPEC, api), (ONBOARDING, &onboarding)] {
            for subject in subjects(spec) {
                let pointer = join("", "test");
                let change = Change { file, pointer, ..Change::of_test(Effect::Wording, subject) };
                for item in of(&change, api, api) {
                    let by_hand = ["BirthDate", "DateTime", "FormFields"].contains(&item.as_str());
                    assert!(
                        by_hand || paths.contains(&item),
                        "{item} is not generated: {:?}",
                        change.subject
                    );
                    count += 1;
                }
            }
        }
        assert!(count > 500, "{count}");
    }
}
