//! The words of OpenAPI 3.0: which may stand in which object, and what each holds.
//!
//! Everything else in the linter walks the document along this table, so a word that is missing here is
//! unknown everywhere, and one that is here is checked everywhere.

use Holds::{Anything, Count, Flag, FlagOr, List, Many, Map, Number, One, OneOrMany, Text, Texts};

/// The objects of OpenAPI 3.0, by the names that its specification gives them, and the one of JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Document,
    Info,
    Contact,
    License,
    Server,
    ServerVariable,
    Tag,
    ExternalDocs,
    PathItem,
    Operation,
    Parameter,
    RequestBody,
    MediaType,
    Response,
    Header,
    Example,
    Components,
    SecurityScheme,
    OAuthFlows,
    OAuthFlow,
    Schema,
    Discriminator,
    Xml,
    /// A schema of JSON Schema draft 7, in a file of its own.
    JsonSchema,
}

/// What a member of an object holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Holds {
    /// Anything, or something that a rule of its own looks at.
    Anything,
    Text,
    Flag,
    Number,
    /// A whole number that is not negative.
    Count,
    /// A list of texts.
    Texts,
    /// A list of anything.
    List,
    /// An object.
    One(Kind),
    /// A list of objects.
    Many(Kind),
    /// A map from names to objects.
    Map(Kind),
    /// Either of a flag and an object.
    FlagOr(Kind),
    /// Either of an object and a list of objects.
    OneOrMany(Kind),
}

/// A word, with what it holds.
pub(super) type Word = (&'static str, Holds);

impl Kind {
    /// The words that may stand in this object.
    pub(super) fn words(self) -> &'static [Word] {
        match self {
            Self::Document => DOCUMENT,
            Self::Info => INFO,
            Self::Contact => &[("name", Text), ("url", Text), ("email", Text)],
            Self::License => &[("name", Text), ("url", Text)],
            Self::Server => &[("url", Text), ("description", Text), ("variables", Map(Kind::ServerVariable))],
            Self::ServerVariable => &[("enum", Texts), ("default", Text), ("description", Text)],
            Self::Tag => &[("name", Text), ("description", Text), ("externalDocs", One(Kind::ExternalDocs))],
            Self::ExternalDocs => &[("description", Text), ("url", Text)],
            Self::PathItem => PATH_ITEM,
            Self::Operation => OPERATION,
            Self::Parameter => PARAMETER,
            Self::RequestBody => {
                &[("description", Text), ("content", Map(Kind::MediaType)), ("required", Flag)]
            }
            Self::MediaType => MEDIA_TYPE,
            Self::Response => RESPONSE,
            Self::Header => HEADER,
            Self::Example => {
                &[("summary", Text), ("description", Text), ("value", Anything), ("externalValue", Text)]
            }
            Self::Components => COMPONENTS,
            Self::SecurityScheme => SECURITY_SCHEME,
            Self::OAuthFlows => &[
                ("implicit", One(Kind::OAuthFlow)),
                ("password", One(Kind::OAuthFlow)),
                ("clientCredentials", One(Kind::OAuthFlow)),
                ("authorizationCode", One(Kind::OAuthFlow)),
            ],
            Self::OAuthFlow => {
                &[("authorizationUrl", Text), ("tokenUrl", Text), ("refreshUrl", Text), ("scopes", Anything)]
            }
            Self::Schema => SCHEMA,
            Self::Discriminator => &[("propertyName", Text), ("mapping", Anything)],
            Self::Xml => &[
                ("name", Text),
                ("namespace", Text),
                ("prefix", Text),
                ("attribute", Flag),
                ("wrapped", Flag),
            ],
            Self::JsonSchema => JSON_SCHEMA,
        }
    }

    /// The words without which this object means nothing. Those that a rule of its own asks for are not
    /// among them.
    pub(super) fn required(self) -> &'static [&'static str] {
        match self {
            Self::Document => &["info", "paths"],
            Self::Info => &["title"],
            Self::License | Self::Tag => &["name"],
            Self::Server | Self::ExternalDocs => &["url"],
            Self::ServerVariable => &["default"],
            Self::Operation => &["responses"],
            Self::Parameter => &["name", "in"],
            Self::RequestBody => &["content"],
            Self::SecurityScheme => &["type"],
            Self::Discriminator => &["propertyName"],
            _ => &[],
        }
    }

    /// The words that OpenAPI 3.1 brought, which 3.0 and the generator do not know.
    pub(super) fn later_words(self) -> &'static [&'static str] {
        match self {
            Self::Document => &["webhooks", "jsonSchemaDialect"],
            Self::Info => &["summary"],
            Self::License => &["identifier"],
            Self::Components => &["pathItems"],
            Self::Schema => LATER_SCHEMA_WORDS,
            _ => &[],
        }
    }

    /// Whether a `$ref` may stand for this object.
    pub(super) fn may_refer(self) -> bool {
        self.section().is_some() || self == Self::JsonSchema
    }

    /// The section of `components` that objects of this kind are named in.
    pub(super) fn section(self) -> Option<&'static str> {
        Some(match self {
            Self::Schema => "schemas",
            Self::Response => "responses",
            Self::Parameter => "parameters",
            Self::Example => "examples",
            Self::RequestBody => "requestBodies",
            Self::Header => "headers",
            Self::SecurityScheme => "securitySchemes",
            _ => return None,
        })
    }

    /// Whether this is a schema, of either language.
    pub(super) fn is_schema(self) -> bool {
        matches!(self, Self::Schema | Self::JsonSchema)
    }
}

/// Where each extension of this workspace belongs, in words.
pub(super) const EXTENSIONS: &[(&str, &str)] = &[
    ("x-retry", "an operation"),
    ("x-source", "an operation, a parameter or a schema"),
    ("x-phi", "a schema, a property or a parameter"),
    ("x-secret", "a schema, a property or a parameter"),
    ("x-expect", "a property of a response"),
];

const DOCUMENT: &[Word] = &[
    ("openapi", Anything),
    ("info", One(Kind::Info)),
    ("servers", Many(Kind::Server)),
    ("paths", Map(Kind::PathItem)),
    ("components", One(Kind::Components)),
    ("security", List),
    ("tags", Many(Kind::Tag)),
    ("externalDocs", One(Kind::ExternalDocs)),
];

const INFO: &[Word] = &[
    ("title", Text),
    ("description", Text),
    ("termsOfService", Text),
    ("contact", One(Kind::Contact)),
    ("license", One(Kind::License)),
    ("version", Anything),
];

const PATH_ITEM: &[Word] = &[
    ("$ref", Anything),
    ("summary", Text),
    ("description", Text),
    ("get", One(Kind::Operation)),
    ("put", One(Kind::Operation)),
    ("post", One(Kind::Operation)),
    ("delete", One(Kind::Operation)),
    ("options", One(Kind::Operation)),
    ("head", One(Kind::Operation)),
    ("patch", One(Kind::Operation)),
    ("trace", One(Kind::Operation)),
    ("servers", Many(Kind::Server)),
    ("parameters", Many(Kind::Parameter)),
];

const OPERATION: &[Word] = &[
    ("tags", Texts),
    ("summary", Text),
    ("description", Text),
    ("externalDocs", One(Kind::ExternalDocs)),
    ("operationId", Text),
    ("parameters", Many(Kind::Parameter)),
    ("requestBody", One(Kind::RequestBody)),
    ("responses", Map(Kind::Response)),
    ("callbacks", Anything),
    ("deprecated", Flag),
    ("security", List),
    ("servers", Many(Kind::Server)),
    ("x-retry", Anything),
    ("x-source", Anything),
];

const PARAMETER: &[Word] = &[
    ("name", Text),
    ("in", Text),
    ("description", Text),
    ("required", Flag),
    ("deprecated", Flag),
    ("allowEmptyValue", Flag),
    ("style", Text),
    ("explode", Flag),
    ("allowReserved", Flag),
    ("schema", One(Kind::Schema)),
    ("example", Anything),
    ("examples", Map(Kind::Example)),
    ("content", Map(Kind::MediaType)),
    ("x-source", Anything),
    ("x-phi", Anything),
    ("x-secret", Anything),
];

const HEADER: &[Word] = &[
    ("description", Text),
    ("required", Flag),
    ("deprecated", Flag),
    ("style", Text),
    ("explode", Flag),
    ("schema", One(Kind::Schema)),
    ("example", Anything),
    ("examples", Map(Kind::Example)),
    ("content", Map(Kind::MediaType)),
];

const MEDIA_TYPE: &[Word] = &[
    ("schema", One(Kind::Schema)),
    ("example", Anything),
    ("examples", Map(Kind::Example)),
    ("encoding", Anything),
];

const RESPONSE: &[Word] = &[
    ("description", Text),
    ("headers", Map(Kind::Header)),
    ("content", Map(Kind::MediaType)),
    ("links", Anything),
];

const COMPONENTS: &[Word] = &[
    ("schemas", Map(Kind::Schema)),
    ("responses", Map(Kind::Response)),
    ("parameters", Map(Kind::Parameter)),
    ("examples", Map(Kind::Example)),
    ("requestBodies", Map(Kind::RequestBody)),
    ("headers", Map(Kind::Header)),
    ("securitySchemes", Map(Kind::SecurityScheme)),
    ("links", Anything),
    ("callbacks", Anything),
];

const SECURITY_SCHEME: &[Word] = &[
    ("type", Text),
    ("description", Text),
    ("name", Text),
    ("in", Text),
    ("scheme", Text),
    ("bearerFormat", Text),
    ("flows", One(Kind::OAuthFlows)),
    ("openIdConnectUrl", Text),
];

const SCHEMA: &[Word] = &[
    ("title", Text),
    ("description", Text),
    ("type", Anything),
    ("format", Text),
    ("nullable", Flag),
    ("enum", List),
    ("default", Anything),
    ("example", Anything),
    ("multipleOf", Number),
    ("minimum", Number),
    ("maximum", Number),
    ("exclusiveMinimum", Anything),
    ("exclusiveMaximum", Anything),
    ("minLength", Count),
    ("maxLength", Count),
    ("pattern", Text),
    ("items", One(Kind::Schema)),
    ("minItems", Count),
    ("maxItems", Count),
    ("uniqueItems", Flag),
    ("properties", Map(Kind::Schema)),
    ("required", Texts),
    ("additionalProperties", FlagOr(Kind::Schema)),
    ("minProperties", Count),
    ("maxProperties", Count),
    ("allOf", Many(Kind::Schema)),
    ("oneOf", Many(Kind::Schema)),
    ("anyOf", Many(Kind::Schema)),
    ("not", One(Kind::Schema)),
    ("discriminator", One(Kind::Discriminator)),
    ("readOnly", Flag),
    ("writeOnly", Flag),
    ("deprecated", Flag),
    ("xml", One(Kind::Xml)),
    ("externalDocs", One(Kind::ExternalDocs)),
    ("x-source", Anything),
    ("x-phi", Anything),
    ("x-secret", Anything),
    ("x-expect", Anything),
];

const LATER_SCHEMA_WORDS: &[&str] = &[
    "$anchor",
    "$comment",
    "$defs",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$schema",
    "$vocabulary",
    "const",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "examples",
    "if",
    "maxContains",
    "minContains",
    "patternProperties",
    "prefixItems",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];

const JSON_SCHEMA: &[Word] = &[
    ("$schema", Text),
    ("$id", Text),
    ("$comment", Text),
    ("title", Text),
    ("description", Text),
    ("type", Anything),
    ("format", Text),
    ("enum", List),
    ("const", Anything),
    ("default", Anything),
    ("examples", List),
    ("multipleOf", Number),
    ("minimum", Number),
    ("maximum", Number),
    ("exclusiveMinimum", Number),
    ("exclusiveMaximum", Number),
    ("minLength", Count),
    ("maxLength", Count),
    ("pattern", Text),
    ("items", OneOrMany(Kind::JsonSchema)),
    ("additionalItems", FlagOr(Kind::JsonSchema)),
    ("contains", One(Kind::JsonSchema)),
    ("minItems", Count),
    ("maxItems", Count),
    ("uniqueItems", Flag),
    ("properties", Map(Kind::JsonSchema)),
    ("patternProperties", Map(Kind::JsonSchema)),
    ("propertyNames", One(Kind::JsonSchema)),
    ("required", Texts),
    ("additionalProperties", FlagOr(Kind::JsonSchema)),
    ("dependencies", Anything),
    ("minProperties", Count),
    ("maxProperties", Count),
    ("allOf", Many(Kind::JsonSchema)),
    ("oneOf", Many(Kind::JsonSchema)),
    ("anyOf", Many(Kind::JsonSchema)),
    ("not", One(Kind::JsonSchema)),
    ("if", One(Kind::JsonSchema)),
    ("then", One(Kind::JsonSchema)),
    ("else", One(Kind::JsonSchema)),
    ("readOnly", Flag),
    ("writeOnly", Flag),
    ("contentEncoding", Text),
    ("contentMediaType", Text),
    ("definitions", Map(Kind::JsonSchema)),
    ("x-phi", Anything),
    ("x-secret", Anything),
];
