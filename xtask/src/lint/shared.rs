//! Definitions that stand in two files.

use serde_json::Value;

use crate::document::{Document, join};
use crate::finding::Finding;
use crate::spec::Spec;

/// The words that people read, which may differ from file to file.
const FOR_PEOPLE: [&str; 3] = ["description", "example", "examples"];

/// A definition of the onboarding file that has the name of a schema of the API says the same as that
/// schema: the two become one type in Rust, which is made from the API's.
pub(super) fn shared_definition(api: &Spec, document: &Document, found: &mut Vec<Finding>) {
    let definitions = document.value.get("definitions");
    for (name, definition) in crate::spec::members(definitions) {
        let Some(schema) = api.schema(name) else { continue };
        for (word, expected) in crate::spec::members(Some(schema)) {
            if !FOR_PEOPLE.contains(&word) && definition.get(word) != Some(expected) {
                found.push(differs(document, name, word, &format!("the API's has `{word}: {expected}`")));
            }
        }
        for (word, _) in crate::spec::members(Some(definition)) {
            if !FOR_PEOPLE.contains(&word) && schema.get(word).is_none_or(Value::is_null) {
                found.push(differs(document, name, word, &format!("the API's has no `{word}`")));
            }
        }
    }
}

fn differs(document: &Document, name: &str, word: &str, how: &str) -> Finding {
    document.finding(
        "shared-definition",
        &join(&join("/definitions", name), word),
        format!("definition `{name}` differs from the schema of that name in the API's spec: {how}"),
        "make the two say the same, or give this one another name",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lint(definition: &str) -> Vec<Finding> {
        let api =
            "components: {schemas: {Mail: {type: string, format: email, description: One., x-phi: true}}}";
        let api = Spec::parse("api.yaml", api).unwrap();
        let text = format!("definitions: {{Mail: {definition}, Own: {{type: string}}}}");
        let mut found = Vec::new();
        shared_definition(&api, &Document::parse("row.json", &text).unwrap(), &mut found);
        found
    }

    #[test]
    fn what_people_read_may_differ_and_nothing_else() {
        assert_eq!(lint("{type: string, format: email, description: Another., x-phi: true}"), []);
        let found = lint("{type: string, format: email, minLength: 3}");
        let at: Vec<_> = found.iter().map(|finding| finding.pointer.as_str()).collect();
        assert_eq!(at, ["/definitions/Mail/x-phi", "/definitions/Mail/minLength"]);
    }
}
