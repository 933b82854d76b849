//! The names that the generators give to what the spec names, for those who ask before anything is generated.
//!
//! `typify` and `progenitor` make identifiers with `heck`, after the same replacements; a test of
//! [`crate::diff`] finds each of these names in the generated code.

use heck::{ToPascalCase, ToSnakeCase, ToUpperCamelCase};
use syn::Ident;

/// The field, setter or method that stands for a property or a parameter.
pub(crate) fn field(name: &str) -> String {
    identifier(str::to_snake_case, name)
}

/// The variant that stands for a value of an enum.
pub(crate) fn variant(value: &str) -> String {
    identifier(str::to_pascal_case, value)
}

/// The builder of a call, which is named after the operation.
pub(crate) fn builder(operation_id: &str) -> String {
    identifier(str::to_pascal_case, operation_id)
}

/// The trait with the operations of a tag.
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
    // A keyword.
    if syn::parse_str::<Ident>(&identifier).is_err() {
        identifier.push('_');
    }
    identifier
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_identifiers_in_the_case_of_their_kind() {
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
