//! Names in generated code that other generators need before it is generated.

use heck::ToUpperCamelCase as _;

/// Returns the name of the trait with the operations of a tag.
pub(crate) fn extension(tag: &str) -> String {
    format!("Client{}Ext", tag.to_upper_camel_case())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trait_is_named_after_the_tag() {
        assert_eq!(extension("caredb"), "ClientCaredbExt");
    }
}
