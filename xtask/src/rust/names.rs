//! The Rust names that the generators derive from names in the spec.
//!
//! `typify` and `progenitor` derive identifiers with `heck` after the replacements below.

use heck::{ToPascalCase, ToSnakeCase, ToUpperCamelCase};
use syn::Ident;

/// Returns the name of the field, setter or method for a property or parameter.
pub(crate) fn field(name: &str) -> String {
    identifier(str::to_snake_case, name)
}

/// Returns the variant for an enum value.
pub(crate) fn variant(value: &str) -> String {
    identifier(str::to_pascal_case, value)
}

/// Returns the name of the builder of a call.
pub(crate) fn builder(operation_id: &str) -> String {
    identifier(str::to_pascal_case, operation_id)
}

/// Returns the name of the trait with the operations of a tag.
pub(crate) fn extension(tag: &str) -> String {
    format!("Client{}Ext", tag.to_upper_camel_case())
}

fn identifier(case: fn(&str) -> String, name: &str) -> String {
    let letters = name.replace('\'', "");
    let words = letters.replace(|letter: char| !(letter.is_alphanumeric() || letter == '_'), "-");
    let mut identifier = case(&words);
    if !identifier.starts_with(|letter: char| letter.is_alphabetic() || letter == '_') {
        identifier = format!("{}{identifier}", case("x"));
    }
    // Keywords get an underscore.
    if syn::parse_str::<Ident>(&identifier).is_err() {
        identifier.push('_');
    }
    identifier
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derives_identifiers_in_the_expected_case() {
        for (name, expected) in [
            ("first-name", "first_name"),
            ("type", "type_"),
            ("filter[individual-id]", "filter_individual_id"),
            ("birthDate", "birth_date"),
            ("2fa", "x2fa"),
        ] {
            assert_eq!(field(name), expected);
        }
        assert_eq!((variant("en_US"), variant("ui-patients")), ("EnUs".to_owned(), "UiPatients".to_owned()));
        assert_eq!(extension("caredb"), "ClientCaredbExt");
    }
}
