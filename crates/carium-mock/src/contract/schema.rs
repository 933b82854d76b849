//! Schemas of the contract, each compiled once and only when it is asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{Draft, Registry, ValidationError, Validator};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};

/// The first draft that knows the format `uuid`; the generator translates into it.
const DRAFT: Draft = Draft::Draft201909;
/// What the registry calls the contract.
const URI: &str = "urn:contract";
/// What of a JSON pointer is not written as itself in the fragment of a URI.
const FRAGMENT: AsciiSet =
    CONTROLS.add(b' ').add(b'"').add(b'%').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}').add(b'+');

/// What is wrong with a value.
pub(super) struct Fault {
    /// Where, as a JSON pointer.
    pub(super) pointer: String,
    /// What was expected there. Nothing of what was found.
    pub(super) expected: String,
    /// Whether it is a text where there should be a number, or the like.
    pub(super) is_of_another_type: bool,
}

pub(super) struct Schemas {
    contract: Value,
    registry: Registry<'static>,
    compiled: Mutex<BTreeMap<String, Arc<Validator>>>,
}

impl Schemas {
    pub(super) fn over(contract: Value) -> Self {
        let resource = DRAFT.create_resource(contract.clone());
        let registry = Registry::new().draft(DRAFT).add(URI, resource);
        let registry = registry.and_then(jsonschema::RegistryBuilder::prepare).expect(
            "the generator wrote it, all references lead into it, and every test of the sandbox reads it",
        );
        Self { contract, registry, compiled: Mutex::default() }
    }

    /// What is wrong with a value, by the schema at a JSON pointer into the contract.
    pub(super) fn faults(&self, pointer: &str, value: &Value) -> Vec<Fault> {
        let Some(validator) = self.validator(pointer) else {
            let expected = "a schema of the spec to judge it by".to_owned();
            return vec![Fault { pointer: String::new(), expected, is_of_another_type: false }];
        };
        let fault = |error: ValidationError<'_>| Fault {
            pointer: error.instance_path().to_string(),
            expected: self.expected(pointer, &error),
            is_of_another_type: matches!(error.kind(), Kind::Type { .. }),
        };
        validator.iter_errors(value).map(fault).collect()
    }

    fn validator(&self, pointer: &str) -> Option<Arc<Validator>> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = compiled.get(pointer) {
            return Some(Arc::clone(validator));
        }
        self.contract.pointer(pointer)?;
        let validator = jsonschema::options()
            .with_draft(DRAFT)
            .with_registry(&self.registry)
            .should_validate_formats(true)
            .offline()
            .build(&json!({ "$ref": format!("{URI}#{}", utf8_percent_encode(pointer, &FRAGMENT)) }))
            .ok()?;
        let validator = Arc::new(validator);
        compiled.insert(pointer.to_owned(), Arc::clone(&validator));
        Some(validator)
    }

    /// What a schema expected. The validator's own words quote what was found.
    fn expected(&self, root: &str, error: &ValidationError<'_>) -> String {
        match error.kind() {
            Kind::AdditionalProperties { .. } => match self.properties(root, error) {
                Some(names) => format!("no members but {}", names.join(", ")),
                None => "no further members".to_owned(),
            },
            Kind::AnyOf { context } => self.one_of(root, context),
            Kind::Enum { options } => format!("one of {}", listed(options)),
            Kind::Format { format } => format!("text of the format `{format}`"),
            Kind::MaxItems { limit } => format!("{limit} items at the most"),
            Kind::MaxLength { limit } => format!("{limit} characters at the most"),
            Kind::Maximum { limit } => format!("{limit} at the most"),
            Kind::MinItems { limit } => format!("{limit} items at the least"),
            Kind::MinLength { limit } => format!("{limit} characters at the least"),
            Kind::Minimum { limit } => format!("{limit} at the least"),
            Kind::Pattern { pattern } => format!("text of the form `{pattern}`"),
            Kind::Required { property } => format!("a member {property}"),
            Kind::Type { kind } => match kind {
                jsonschema::error::TypeKind::Single(kind) => format!("a value of the type {kind}"),
                jsonschema::error::TypeKind::Multiple(kinds) => {
                    let kinds: Vec<_> = kinds.iter().map(|kind| kind.to_string()).collect();
                    format!("a value of the type {}", kinds.join(" or "))
                }
            },
            Kind::UniqueItems => "no item twice".to_owned(),
            other => format!("what `{}` asks for", other.keyword()),
        }
    }

    /// What each of several schemas expected, of which one would have done.
    fn one_of(&self, root: &str, context: &[Vec<ValidationError<'static>>]) -> String {
        let each = context.iter().map(|errors| {
            let each: Vec<_> = errors.iter().map(|error| self.expected(root, error)).collect();
            each.join(" and ")
        });
        each.collect::<Vec<_>>().join(", or ")
    }

    /// The names of the members that the schema has which wanted no others.
    fn properties(&self, root: &str, error: &ValidationError<'_>) -> Option<Vec<&str>> {
        let mut schema = self.contract.pointer(root)?;
        // The first step is that of the reference to the root.
        let path = error.evaluation_path().as_str().strip_prefix("/$ref")?;
        let path = path.strip_suffix("/additionalProperties")?;
        for step in path.split('/').skip(1) {
            schema = match step {
                "$ref" => {
                    let target = schema.get("$ref")?.as_str()?.strip_prefix('#')?;
                    self.contract.pointer(target)?
                }
                step => schema.pointer(&format!("/{step}"))?,
            };
        }
        Some(schema.get("properties")?.as_object()?.keys().map(String::as_str).collect())
    }
}

fn listed(options: &Value) -> String {
    let options: Vec<_> = options.as_array().into_iter().flatten().map(ToString::to_string).collect();
    options.join(", ")
}
