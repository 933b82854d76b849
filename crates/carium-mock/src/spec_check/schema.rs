//! The JSON schemas of the spec, each compiled when it is first used.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, Registry, ValidationError, Validator};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};

/// The first draft that defines the format `uuid`. The generator writes schemas for this draft.
const DRAFT: Draft = Draft::Draft201909;
/// The URI of the spec in the schema registry.
const URI: &str = "urn:contract";
/// Characters of a JSON pointer that are percent-encoded in a URI fragment.
const FRAGMENT: AsciiSet =
    CONTROLS.add(b' ').add(b'"').add(b'%').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}').add(b'+');

/// A value that does not match its schema.
pub(super) struct SchemaMismatch {
    /// JSON pointer to the value.
    pub(super) pointer: String,
    /// A description of the expected value. It never contains the actual value.
    pub(super) expected: String,
    /// Whether the value has the wrong JSON type, such as a string instead of a number.
    pub(super) is_type_mismatch: bool,
}

pub(super) struct Schemas {
    spec: Value,
    registry: Registry<'static>,
    /// By JSON pointer.
    compiled: Mutex<BTreeMap<String, Arc<Validator>>>,
}

impl Schemas {
    pub(super) fn new(spec: Value) -> Self {
        let resource = DRAFT.create_resource(spec.clone());
        let registry = Registry::new().draft(DRAFT).add(URI, resource);
        let registry = registry.and_then(jsonschema::RegistryBuilder::prepare).expect(
            "the spec is generated, its references stay within it, and every test of the sandbox reads it",
        );
        Self { spec, registry, compiled: Mutex::default() }
    }

    /// Validates a value against the schema at a JSON pointer into the spec.
    pub(super) fn mismatches(&self, pointer: &str, value: &Value) -> Vec<SchemaMismatch> {
        let Some(validator) = self.validator(pointer) else {
            let expected = "a value for which the spec has a schema".to_owned();
            return vec![SchemaMismatch { pointer: String::new(), expected, is_type_mismatch: false }];
        };
        let mismatch = |error: ValidationError<'_>| SchemaMismatch {
            pointer: error.instance_path().to_string(),
            expected: self.expected(pointer, &error),
            is_type_mismatch: matches!(error.kind(), ValidationErrorKind::Type { .. }),
        };
        validator.iter_errors(value).map(mismatch).collect()
    }

    fn validator(&self, pointer: &str) -> Option<Arc<Validator>> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = compiled.get(pointer) {
            return Some(Arc::clone(validator));
        }
        self.spec.pointer(pointer)?;
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

    /// Describes the value that a schema expected. The validator's own messages quote the actual value, so they are
    /// not used.
    fn expected(&self, root: &str, error: &ValidationError<'_>) -> String {
        use ValidationErrorKind as Kind;
        match error.kind() {
            Kind::AdditionalProperties { .. } => match self.properties(root, error) {
                Some(names) => format!("no properties other than {}", names.join(", ")),
                None => "no additional properties".to_owned(),
            },
            Kind::AnyOf { context } => self.alternatives(root, context),
            Kind::Enum { options } => format!("one of {}", comma_separated(options)),
            Kind::Format { format } => format!("a string in the format `{format}`"),
            Kind::MaxItems { limit } => format!("at most {limit} items"),
            Kind::MaxLength { limit } => format!("at most {limit} characters"),
            Kind::Maximum { limit } => format!("at most {limit}"),
            Kind::MinItems { limit } => format!("at least {limit} items"),
            Kind::MinLength { limit } => format!("at least {limit} characters"),
            Kind::Minimum { limit } => format!("at least {limit}"),
            Kind::Pattern { pattern } => format!("a string that matches `{pattern}`"),
            Kind::Required { property } => format!("the property {property}"),
            Kind::Type { kind } => match kind {
                TypeKind::Single(kind) => format!("a value of type {kind}"),
                TypeKind::Multiple(kinds) => {
                    let kinds: Vec<_> = kinds.iter().map(|kind| kind.to_string()).collect();
                    format!("a value of type {}", kinds.join(" or "))
                }
            },
            Kind::UniqueItems => "unique items".to_owned(),
            other => format!("a value that satisfies `{}`", other.keyword()),
        }
    }

    /// Describes the alternatives of `anyOf`, none of which matched.
    fn alternatives(&self, root: &str, context: &[Vec<ValidationError<'static>>]) -> String {
        let alternatives = context.iter().map(|errors| {
            let expected: Vec<_> = errors.iter().map(|error| self.expected(root, error)).collect();
            expected.join(" and ")
        });
        alternatives.collect::<Vec<_>>().join(", or ")
    }

    /// Returns the property names of the schema whose `additionalProperties` keyword failed.
    fn properties(&self, root: &str, error: &ValidationError<'_>) -> Option<Vec<&str>> {
        let mut schema = self.spec.pointer(root)?;
        // The evaluation path starts with the `$ref` to the root that `validator` wrote.
        let path = error.evaluation_path().as_str().strip_prefix("/$ref")?;
        let path = path.strip_suffix("/additionalProperties")?;
        for segment in path.split('/').skip(1) {
            schema = match segment {
                "$ref" => {
                    let target = schema.get("$ref")?.as_str()?.strip_prefix('#')?;
                    self.spec.pointer(target)?
                }
                segment => schema.pointer(&format!("/{segment}"))?,
            };
        }
        Some(schema.get("properties")?.as_object()?.keys().map(String::as_str).collect())
    }
}

fn comma_separated(options: &Value) -> String {
    let options: Vec<_> = options.as_array().into_iter().flatten().map(ToString::to_string).collect();
    options.join(", ")
}
