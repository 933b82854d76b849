//! The real spec with one mistake per case.

use super::{SMALL_JSON_SCHEMA, SPEC, parse, run_json_schema, set};
use crate::document::Document;
use crate::finding::report;
use crate::lint;
use crate::spec::Spec;

/// A mistake, and the finding that it must cause.
struct Case {
    edit: Edit,
    rule: &'static str,
    /// The pointer of the finding, in the short form of [`expand`].
    pointer: &'static str,
    /// A part of the finding.
    text: &'static str,
    /// Other rules that the mistake violates.
    also: &'static [&'static str],
}

/// A change of the spec. Pointers have the short form of [`expand`].
#[derive(Debug, Clone, Copy)]
enum Edit {
    /// Replaces the first occurrence of a text.
    Text(&'static str, &'static str),
    /// Sets the value at a pointer to YAML.
    Set(&'static str, &'static str),
    Remove(&'static str),
}

use Edit::{Remove, Set, Text};

const fn case(edit: Edit, rule: &'static str, pointer: &'static str, text: &'static str) -> Case {
    Case { edit, rule, pointer, text, also: &[] }
}

impl Case {
    const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }
}

impl Edit {
    fn apply(self) -> Spec {
        let mut spec = parse(SPEC);
        match self {
            Self::Text(from, to) => {
                assert!(SPEC.contains(from), "the spec does not contain {from:?}");
                return parse(&SPEC.replacen(from, to, 1));
            }
            Self::Set(pointer, yaml) => {
                let value = Document::parse("edit", yaml).unwrap_or_else(|finding| panic!("{finding}")).value;
                set(&mut spec.document.value, &expand(pointer), Some(value));
            }
            Self::Remove(pointer) => set(&mut spec.document.value, &expand(pointer), None),
        }
        spec
    }
}

/// Expands a short pointer: `schema:Locale/enum` and the like for components, and `login:/tags` for a member of an
/// operation.
fn expand(pointer: &str) -> String {
    let Some((prefix, rest)) = pointer.split_once(':') else { return pointer.to_owned() };
    match prefix {
        "schema" | "parameter" | "response" | "securityScheme" => format!("/components/{prefix}s/{rest}"),
        id => {
            let spec = parse(SPEC);
            let operation = spec.operations().into_iter().find(|operation| operation.id() == id);
            let operation = operation.unwrap_or_else(|| panic!("operation {id} does not exist")).pointer;
            format!(
                "{operation}{}",
                rest.replace("{json}", "content/application~1json")
                    .replace("{api}", "content/application~1vnd.api+json")
            )
        }
    }
}

/// A value in wrong examples, which no finding may contain.
const CANARY: &str = "canary";

#[test]
fn each_mistake_has_its_finding_and_no_other() {
    let mut failures = Vec::new();
    for case in CASES {
        let findings = lint::run(&case.edit.apply());
        let printed = report(&findings);
        let mut fail = |why: &str| failures.push(format!("== {:?}: {why}\n{printed}", case.edit));
        let pointer = expand(case.pointer);
        let is_expected = |it: &crate::finding::Finding| {
            it.rule == case.rule && it.pointer == pointer && it.to_string().contains(case.text)
        };
        if !findings.iter().any(is_expected) {
            fail("the finding is missing");
        }
        if findings.iter().any(|it| it.rule != case.rule && !case.also.contains(&it.rule)) {
            fail("other rules are violated");
        }
        if case.also.iter().any(|rule| findings.iter().all(|it| it.rule != *rule)) {
            fail("another rule is not violated");
        }
        if printed.contains(CANARY) {
            fail("the report contains the value of an example");
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn table_of_rules_and_cases_are_complete() {
    let module = include_str!("../../lint.rs");
    let table: Vec<_> =
        module.lines().filter_map(|line| line.strip_prefix("//! | `")?.split('`').next()).collect();
    let tested: Vec<_> =
        CASES.iter().map(|case| case.rule).chain(["json-schema", "shared-definition"]).collect();
    for rule in &table {
        assert!(tested.contains(rule), "no case violates {rule}");
    }
    for rule in tested {
        assert!(table.contains(&rule), "{rule} is not in the table of rules");
    }
}

#[test]
fn each_mistake_in_a_json_schema_has_its_finding() {
    for (from, to, rule, pointer, text) in JSON_SCHEMA_CASES.iter().copied() {
        assert!(SMALL_JSON_SCHEMA.contains(from), "{from}");
        let findings = run_json_schema(&SMALL_JSON_SCHEMA.replace(from, to));
        let printed = report(&findings);
        let found = findings.iter().find(|it| it.rule == rule && it.pointer == pointer);
        assert!(found.is_some_and(|it| it.to_string().contains(text)), "{from} -> {to}: {printed}");
        assert!(!printed.contains(CANARY), "{printed}");
    }
}

#[test]
fn shared_definitions_may_differ_only_in_descriptions_and_examples() {
    let spec = "components: {schemas: {Mail: {type: string, format: email, description: One., x-phi: true}}}";
    let spec = parse(spec);
    let differences = |definition: &str| {
        let text = format!("definitions: {{Mail: {definition}, Own: {{type: string}}}}");
        let findings = lint::run_shared(&spec, &Document::parse("row.json", &text).unwrap());
        findings.into_iter().map(|finding| finding.pointer).collect::<Vec<_>>()
    };
    assert_eq!(differences("{type: string, format: email, description: Another., x-phi: true}"), [""; 0]);
    let expected = ["/definitions/Mail/x-phi", "/definitions/Mail/minLength"];
    assert_eq!(differences("{type: string, format: email, minLength: 3}"), expected);
}

#[rustfmt::skip]
const JSON_SCHEMA_CASES: &[(&str, &str, &str, &str, &str)] = &[
    ("[\"email\"]", "\"email\"", "json-schema", "/required", "`required` of the document is not an array"),
    ("\"object\"", "[\"object\", \"thing\"]", "json-schema", "/type/1", "write one of `array`, "),
    ("\"object\"", "3", "json-schema", "/type", "has an unknown value"),
    ("\"object\"", "\"thing\"", "json-schema", "/type", "write one of `array`, "),
    ("\"format\": \"email\"", "\"pattern\": \"(\"", "json-schema", "/definitions/Email/pattern", "not a \"regex\""),
    ("\"enum\"", "\"enums\"", "json-schema", "/properties/kind/enums", "write `enum`"),
    ("\"kind\": {", "\"ssn\": true, \"kind\": {", "json-schema", "/properties", "has the property `ssn` without a schema"),
    ("\"description\": \"A row.\",", "", "description", "", "the document has no description"),
    (", \"description\": \"A kind.\"", "", "description", "/properties/kind", "property `kind`"),
    (", \"x-phi\": true", "", "unmarked", "/properties/email", "property `email`"),
    ("\"x-phi\": true", "\"x-phi\": 1", "extension", "/definitions/Email/x-phi", "write `true` or `false`"),
    ("\"x-phi\": true", "\"x-fhi\": true", "extension", "/definitions/Email/x-fhi", "write `x-phi`"),
    ("\"format\": \"email\"", "\"format\": \"emial\"", "format", "/definitions/Email/format", "write `email`"),
    ("#/definitions/Email", "#/definitions/Mail", "reference", "/properties/email/$ref", "which does not exist"),
    ("#/definitions/Email", "mail.json", "reference", "/properties/email/$ref", "refers to another document"),
    ("\"x-phi\": true", "\"x-phi\": true, \"allOf\": [{\"$ref\": \"#/definitions/Email\"}]", "recursion", "/definitions/Email", "`Email` → `Email`"),
    ("\"default\": \"a\"", "\"default\": \"canary\"", "invalid-example", "/properties/kind/default", "the default of property `kind`"),
    ("[\"ada@example.com\"]", "[\"canary\"]", "invalid-example", "/definitions/Email/examples/0", "the value is not a \"email\""),
    ("[{\"email\": \"ada@example.com\"}]", "[{\"email\": \"canary\"}]", "invalid-example", "/examples/0/email", "at `/email`"),
];

const BIRTH_DATE_EXAMPLE: &str = "create_patient:/requestBody/{json}/example/data/attributes/birth-date";

#[rustfmt::skip]
const CASES: &[Case] = &[
    // The structure of OpenAPI, checked by the official schema.
    case(Text("openapi: 3.0.3", "openapi: 3.1.0"), "openapi", "/openapi", "write `openapi: 3.0.3`"),
    case(Remove("/openapi"), "openapi", "", "the document has no `openapi`"),
    case(Remove("/info/version"), "openapi", "/info", "`info` has no `version`"),
    case(Set("/paths", "null"), "openapi", "/paths", "`paths` of the document is not an object"),
    case(Set("/path", "{}"), "openapi", "/path", "write `paths`"),
    case(Set("/webhooks", "{}"), "openapi", "/webhooks", "the document has `webhooks`, which is not allowed there"),
    case(Set("/info/licence", "{}"), "openapi", "/info/licence", "write `license`"),
    case(Set("/servers/0/uri", "x"), "openapi", "/servers/0/uri", "`servers/0` of the document has `uri`"),
    case(Text("  /identity/v1/login/:", "  identity/v1/login/:"), "openapi", "/paths/identity~1v1~1login~1", "write `/identity/v1/login/`"),
    case(Set("/paths/~1identity~1v1~1login~1/pots", "{}"), "openapi", "/paths/~1identity~1v1~1login~1/pots", "write `post`"),
    case(Remove("login:/responses"), "openapi", "login:", "operation `login` has no `responses`"),
    case(Text("        4XX:", "        4xx:"), "openapi", "login:/responses/4xx", "a range such as `4XX`"),
    case(Remove("response:ServerError/description"), "openapi", "response:ServerError", "response `ServerError` has no `description`"),
    case(Set("response:ServerError/header", "{}"), "openapi", "response:ServerError/header", "write `headers`"),
    case(Set("login:/requestBody/contents", "{}"), "openapi", "login:/requestBody/contents", "write `content`"),
    case(Set("login:/requestBody/{json}/exmaple", "{}"), "openapi", "login:/requestBody/{json}/exmaple", "write `example`"),
    case(Set("list_practitioners:/parameters", "3"), "openapi", "list_practitioners:/parameters", "is not an array"),
    case(Set("parameter:PageLimit/required", "'yes'"), "openapi", "parameter:PageLimit/required", "`true` or `false`, without quotes"),
    case(Set("parameter:PageLimit/in", "body"), "openapi", "parameter:PageLimit/in", "write one of `path`, `query`, `header`, `cookie`"),
    case(Remove("parameter:PageLimit/schema"), "openapi", "parameter:PageLimit", "parameter `PageLimit` has no `schema`"),
    case(Set("parameter:PageLimit/content", "{}"), "openapi", "parameter:PageLimit", "`schema`, `content`, which exclude each other"),
    case(Remove("parameter:DocumentReferencePath/required"), "openapi", "parameter:DocumentReferencePath", "has no `required`"),
    case(Set("securityScheme:accessToken/type", "bearer"), "openapi", "securityScheme:accessToken/type", "`apiKey`, `http`"),
    case(Remove("securityScheme:accessToken/scheme"), "openapi", "securityScheme:accessToken", "has no `scheme`"),
    case(Set("/security/0/accessToken", "3"), "openapi", "/security/0/accessToken", "is not an array"),
    case(Set("schema:LoginRequest/properties", "[]"), "openapi", "schema:LoginRequest/properties", "is not an object"),
    case(Set("schema:LoginRequest/properties/password/minlength", "1"), "openapi", "schema:LoginRequest/properties/password/minlength", "write `minLength`"),
    case(Set("schema:Locale/banana", "1"), "openapi", "schema:Locale/banana", "fix: remove it"),
    case(Set("schema:Locale/const", "en_US"), "openapi", "schema:Locale/const", "write `enum` with one value"),
    case(Set("schema:Locale/type", "[string, 'null']"), "openapi", "schema:Locale/type", "write one type, and `nullable: true`"),
    case(Set("schema:Locale/type", "str"), "openapi", "schema:Locale/type", "write one of `array`, "),
    case(Set("schema:Locale/enum", "[]"), "openapi", "schema:Locale/enum", "less than 1 item"),
    case(Set("schema:Practitioner/required/-", "id"), "openapi", "schema:Practitioner/required", "non-unique"),
    case(Set("schema:PageLimit/exclusiveMinimum", "0"), "openapi", "schema:PageLimit/exclusiveMinimum", "write the limit as `minimum`"),
    case(Set("schema:PhoneNumber/pattern", "'^(\\+'"), "openapi", "schema:PhoneNumber/pattern", "not a \"regex\""),
    // Extensions and formats.
    case(Text("x-retry: create", "x-rety: create"), "extension", "login:/x-rety", "write `x-retry`").also(&["retry"]),
    case(Text("x-retry: create", "x-retry: never"), "extension", "login:/x-retry", "`safe`, `idempotent`, `create`"),
    case(Set("login:/x-phi", "true"), "extension", "login:/x-phi", "move it to a schema, a property or a parameter"),
    case(Set("login:/responses/x-note", "{description: A.}"), "extension", "login:/responses/x-note", "is an unknown extension"),
    case(Set("schema:PageLimit/x-source", "guess"), "extension", "schema:PageLimit/x-source", "`examples-page`, `reference`, `vendor-sdk`, `inferred`"),
    case(Set("schema:LoginRequest/properties/username/x-phi", "'true'"), "extension", "schema:LoginRequest/properties/username/x-phi", "without quotes"),
    case(Set("schema:BirthDate/format", "data"), "format", "schema:BirthDate/format", "write `date`"),
    // References.
    case(Text("'#/components/schemas/LoginResponse'", "'#/components/schemas/SignIn'"), "reference",
        "login:/responses/200/{api}/schema/$ref", "`#/components/schemas/SignIn`, which does not exist"),
    case(Text("'#/components/schemas/LoginResponse'", "'other.yaml#/LoginResponse'"), "reference",
        "login:/responses/200/{api}/schema/$ref", "refers to another document"),
    case(Text("'#/components/schemas/LoginResponse'", "'#/components/responses/ServerError'"), "reference",
        "login:/responses/200/{api}/schema/$ref", "which is not in `components/schemas`"),
    case(Text("'#/components/schemas/LoginResponse'", "'#/components/schemas/LoginResponse/properties/access-token'"), "reference",
        "login:/responses/200/{api}/schema/$ref", "which is not in `components/schemas`"),
    case(Set("schema:Locale", "{$ref: '#/components/schemas/Locale'}"), "reference", "schema:Locale/$ref", "refers to itself").also(&["recursion"]),
    case(Set("schema:LoginRequest/properties/locale/nullable", "true"), "reference", "schema:LoginRequest/properties/locale/nullable", "`nullable` beside `$ref`"),
    case(Set("/security", "[{token: []}]"), "reference", "/security/0/token", "requires the unknown security scheme `token`"),
    case(Set("schema:ErrorSource/properties/cause", "{allOf: [{$ref: '#/components/schemas/ErrorObject'}], nullable: true, description: A cause.}"),
        "recursion", "schema:ErrorObject", "`ErrorObject` → `ErrorSource` → `ErrorObject`"),
    case(Set("schema:Lonely", "{type: string, description: Unused.}"), "unused-schema", "schema:Lonely", "is not used by any operation"),
    // Operations.
    case(Text("version: R2025010800", "version: R20250108"), "info-version", "/info/version", "R and ten digits"),
    case(Remove("login:/operationId"), "operation-id", "login:", "operation `POST /identity/v1/login/` has no `operationId`"),
    case(Text("operationId: resend_invitation", "operationId: login"), "operation-id", "resend_invitation:/operationId", "the same ID as `POST /identity/v1/login/`"),
    case(Text("operationId: resend_invitation", "operationId: resendInvitation"), "operation-id", "resend_invitation:/operationId", "in snake_case"),
    case(Text("operationId: resend_invitation", "operationId: move"), "operation-id", "resend_invitation:/operationId", "reserved in Rust"),
    case(Remove("login:/x-retry"), "retry", "login:", "operation `login` has no retry class"),
    case(Text("x-retry: safe", "x-retry: idempotent"), "retry", "get_appointment:/x-retry", "is a GET with the retry class `idempotent`"),
    case(Text("x-retry: create", "x-retry: safe"), "retry", "login:/x-retry", "is a POST with the retry class `safe`"),
    case(Set("delete_appointment:/x-retry", "safe"), "retry", "delete_appointment:/x-retry", "is a DELETE"),
    case(Remove("login:/x-source"), "source", "login:", "does not state who documents it"),
    case(Set("login:/tags/-", "caredb"), "tag", "login:/tags", "has 2 tags instead of one"),
    case(Remove("login:/tags"), "tag", "login:/tags", "has 0 tags instead of one"),
    case(Text("tags: [identity]", "tags: [login]"), "tag", "login:/tags", "has the undeclared tag `login`"),
    case(Set("/tags/-", "{name: caredb, description: Again.}"), "tag", "/tags/3", "tag `caredb` is declared twice"),
    case(Set("/tags/-", "{name: care-db, description: Again.}"), "tag", "/tags/3/name", "is not one lowercase word"),
    case(Remove("/security"), "security", "get_appointment:", "does not state whether it needs an access token"),
    case(Remove("login:/responses/4XX"), "error-response", "login:/responses", "operation `login` has no response for `4XX`"),
    case(Text("          application/json:", "          multipart/form-data:"), "media-type",
        "login:/requestBody/content/multipart~1form-data", "`multipart/form-data` of the request body of operation `login`"),
    case(Text("            application/vnd.api+json:", "            application/json:"), "media-type", "login:/responses/200/{json}", "is not `application/vnd.api+json`"),
    case(Set("login:/requestBody/content", "{}"), "media-type", "login:/requestBody/content", "has no media type").also(&["unused-schema"]),
    // Paths.
    case(Text("  /identity/v1/login/:", "  /identity/v1/login:"), "path-slash", "/paths/~1identity~1v1~1login", "write `/identity/v1/login/`"),
    case(Text("  /identity/v1/login/:", "  /identity/v1//login/:"), "path-slash", "/paths/~1identity~1v1~1~1login~1", "two slashes in a row"),
    case(Text("  /caredb/v1/org-appointments/{id}/:", "  /caredb/v1/org-appointments/{appointment}/:"), "path-parameter",
        "/paths/~1caredb~1v1~1org-appointments~1{appointment}~1/get", "operation `get_appointment` does not declare the path parameter `appointment`"),
    case(Text("  /caredb/v1/org-appointments/{id}/:", "  /caredb/v1/org-appointments/one/:"), "path-parameter",
        "/paths/~1caredb~1v1~1org-appointments~1one~1/parameters/0", "declares the path parameter `id`, which is not in its path"),
    case(Set("/paths/~1caredb~1v1~1{id~1", "{}"), "path-parameter", "/paths/~1caredb~1v1~1{id~1", "has a brace that is not closed"),
    case(Set("/paths/~1caredb~1v1~1org-appointments~1{other}~1", "{}"), "path-parameter", "/paths/~1caredb~1v1~1org-appointments~1{other}~1", "matches the same requests"),
    case(Set("list_practitioners:/parameters/-", "{name: 'page[limit]', in: query, description: A., schema: {type: integer}}"), "path-parameter",
        "list_practitioners:/parameters/3", "parameter `page[limit]` of operation `list_practitioners` is declared twice"),
    // Named schemas.
    case(Set("schema:PatientAttributes/properties/home", "{type: object, nullable: true, description: A home.}"), "named-schema",
        "schema:PatientAttributes/properties/home", "is an object without a name"),
    case(Set("schema:LoginRequest/properties/mode", "{type: string, enum: [a], description: A mode.}"), "named-schema",
        "schema:LoginRequest/properties/mode", "is an enum without a name"),
    case(Set("schema:NewAppointment/properties/status-id", "{type: string, format: uuid, description: A status.}"), "named-schema",
        "schema:NewAppointment/properties/status-id", "is an ID without a schema for its kind"),
    case(Set("schema:NewPatient/properties/individual-group-ids/items", "{type: string}"), "named-schema",
        "schema:NewPatient/properties/individual-group-ids", "is an ID"),
    case(Set("list_document_references:/parameters/1/schema", "{type: string}"), "named-schema",
        "list_document_references:/parameters/1", "parameter `filter[individual-id]`"),
    case(Remove("schema:AppointmentAttributes/properties/status-id/x-expect"), "named-schema",
        "schema:AppointmentAttributes/properties/status-id", "write `x-expect:`"),
    case(Remove("schema:PatientAttributes/properties/individual-group-ids/items/x-expect"), "named-schema",
        "schema:PatientAttributes/properties/individual-group-ids", "write `x-expect:`"),
    case(Remove("schema:ServiceDocumentAgreementId/format"), "named-schema", "schema:ServiceDocumentAgreementId", "has the name of an ID"),
    case(Set("schema:Error", "{type: string, description: An error.}"), "schema-name", "schema:Error", "is reserved").also(&["unused-schema"]),
    case(Set("schema:HTTPUrl", "{type: string, description: A URL.}"), "schema-name", "schema:HTTPUrl", "PascalCase").also(&["unused-schema"]),
    // Strict requests and lenient responses.
    case(Remove("schema:NewPatient/additionalProperties"), "request-strictness", "schema:NewPatient", "allows unknown members"),
    case(Set("schema:NewPatient/additionalProperties", "true"), "request-strictness", "schema:NewPatient/additionalProperties", "allows unknown members"),
    case(Set("schema:AppointmentDocument/properties/changes", "{$ref: '#/components/schemas/AppointmentChanges'}"), "response-leniency",
        "schema:AppointmentChanges", "is used in requests and in responses"),
    case(Set("schema:LoginResponse/additionalProperties", "false"), "response-leniency", "schema:LoginResponse/additionalProperties", "rejects unknown members"),
    case(Set("schema:PatientAttributes/properties/email/format", "email"), "response-leniency", "schema:PatientAttributes/properties/email/format", "has `format`"),
    case(Set("schema:PatientAttributes/properties/individual-group-ids/items/minLength", "1"), "response-leniency",
        "schema:PatientAttributes/properties/individual-group-ids/items/minLength", "the items of property `individual-group-ids`"),
    case(Set("schema:PractitionerAttributes/required", "[name]"), "response-leniency", "schema:PractitionerAttributes/required", "requires attributes"),
    case(Remove("schema:PatientAttributes/additionalProperties"), "response-leniency", "schema:PatientAttributes", "does not keep unknown attributes"),
    case(Remove("schema:PatientAttributes/properties/gender/nullable"), "response-leniency", "schema:PatientAttributes/properties/gender", "cannot be `null`"),
    case(Remove("schema:UploadInfo/nullable"), "response-leniency", "schema:DocumentReferenceAttributes/properties/upload-info", "cannot be `null`"),
    case(Set("schema:LoginRequest/properties/interactive/x-expect", "Locale"), "expectation",
        "schema:LoginRequest/properties/interactive/x-expect", "outside the properties of a response"),
    case(Set("schema:PatientAttributes/properties/gender/x-expect", "Gendre"), "expectation", "schema:PatientAttributes/properties/gender/x-expect", "unknown schema"),
    // Privacy.
    case(Remove("schema:NewAppointment/properties/patient-instruction/x-phi"), "unmarked",
        "schema:NewAppointment/properties/patient-instruction", "suggests health information"),
    case(Remove("schema:LoginRequest/properties/totp-code/x-secret"), "unmarked", "schema:LoginRequest/properties/totp-code", "write `x-secret: true`"),
    case(Set("list_practitioners:/parameters/-", "{name: 'filter[last-name]', in: query, description: A name., schema: {type: string}}"), "unmarked",
        "list_practitioners:/parameters/3", "parameter `filter[last-name]` of operation `list_practitioners`"),
    case(Remove("schema:BirthDate/x-phi"), "unmarked", "schema:NewPatient/properties/birth-date", "has no privacy mark"),
    case(Set("schema:NewInvitation/properties/self", "{type: string, description: A link.}"), "unmarked",
        "schema:NewInvitation/properties/self", "but property `self` of schema `PageLinks` has one"),
    case(Set("parameter:PageLimit/x-phi", "true"), "marked-parameter", "parameter:PageLimit", "URLs and headers are logged"),
    // Descriptions and examples.
    case(Remove("login:/description"), "description", "login:", "operation `login` has no description"),
    case(Remove("schema:Locale/description"), "description", "schema:Locale", "schema `Locale` has no description"),
    case(Remove("schema:LoginRequest/properties/interactive/description"), "description", "schema:LoginRequest/properties/interactive", "has no description"),
    case(Set("parameter:PageLimit/description", "' '"), "description", "parameter:PageLimit/description", "has an empty description"),
    case(Remove("/tags/2/description"), "description", "/tags/2", "tag `caredb` has no description"),
    case(Remove("/info/description"), "description", "/info", "`info` has no description"),
    case(Remove("login:/requestBody/{json}/example"), "example", "login:/requestBody/{json}", "the request of operation `login` has no example"),
    case(Remove("login:/responses/200/{api}/example"), "example", "login:/responses/200/{api}", "response `200` of operation `login` has no example"),
    case(Text("                  birth-date: '1980-07-04'", "                  birth-date: canary"), "invalid-example",
        BIRTH_DATE_EXAMPLE, "is invalid at `/data/attributes/birth-date`: the value is not a \"date\""),
    case(Set("schema:PhoneNumber/example", "canary"), "invalid-example", "schema:PhoneNumber/example", "the example of schema `PhoneNumber` is invalid"),
    case(Set("parameter:OrganizationId/example", "canary"), "invalid-example", "parameter:OrganizationId/example", "is not a \"uuid\""),
    case(Remove("login:/requestBody/{json}/example/password"), "invalid-example", "login:/requestBody/{json}/example", "\"password\" is a required property"),
    case(Set("schema:NewPatient/properties/locale/default", "canary"), "invalid-example", "schema:NewPatient/properties/locale/default", "the default of property `locale`"),
    case(Set("list_document_references:/parameters/2", "{name: page, in: query, description: A., schema: {type: integer, minimum: 1}, examples: {one: {value: 0}}}"),
        "invalid-example", "list_document_references:/parameters/2/examples/one/value", "less than the minimum"),
    // Limits of the generators.
    case(Text("    get:\n      operationId: get_appointment\n", "    head:\n      operationId: get_appointment\n"), "generator-limit",
        "/paths/~1caredb~1v1~1org-appointments~1{id}~1/head", "has no method for it"),
    case(Set("/paths/~1caredb~1v1~1other~1", "{$ref: 'other.yaml'}"), "generator-limit", "/paths/~1caredb~1v1~1other~1/$ref", "has `$ref`"),
    case(Set("login:/callbacks", "{}"), "generator-limit", "login:/callbacks", "has `callbacks`, but the generator ignores it"),
    case(Set("login:/servers", "[{url: 'https://example.com'}]"), "generator-limit", "login:/servers", "at the top of the document"),
    case(Set("response:ServerError/links", "{}"), "generator-limit", "response:ServerError/links", "response `ServerError` has `links`"),
    case(Set("login:/requestBody/{json}/encoding", "{}"), "generator-limit", "login:/requestBody/{json}/encoding", "the generator panics"),
    case(Remove("login:/requestBody/required"), "generator-limit", "login:/requestBody", "the request body of operation `login` is optional"),
    case(Remove("login:/requestBody/{json}/schema"), "generator-limit", "login:/requestBody/{json}", "has no schema").also(&["unused-schema"]),
    case(Set("create_patient:/responses/201/{api}", "{schema: {$ref: '#/components/schemas/ErrorDocument'}, example: {}}"), "generator-limit",
        "create_patient:/responses", "has successful responses with different bodies: `200`, `201`"),
    case(Set("login:/responses/401", "{description: Refused.}"), "generator-limit", "login:/responses", "error responses with different bodies"),
    case(Set("login:/responses/default", "{$ref: '#/components/responses/ServerError'}"), "generator-limit", "login:/responses/default", "both success and error"),
    case(Remove("resend_invitation:/responses/2XX"), "generator-limit", "resend_invitation:/responses", "has no successful response"),
    case(Set("parameter:PageLimit/in", "cookie"), "generator-limit", "parameter:PageLimit/in", "is in a cookie"),
    case(Set("parameter:PageLimit/name", "body"), "generator-limit", "parameter:PageLimit/name", "is reserved").also(&["unmarked"]),
    case(Set("parameter:PageLimit/style", "deepObject"), "generator-limit", "parameter:PageLimit/style", "supports only the default serialization"),
    case(Set("list_practitioners:/parameters/-", "{name: page_limit, in: query, description: Another., schema: {type: integer}}"), "generator-limit",
        "list_practitioners:/parameters/3", "parameters `page[limit]` and `page_limit` of operation `list_practitioners` have the same name"),
    case(Set("schema:Locale/oneOf", "[{type: string}]"), "generator-limit", "schema:Locale/oneOf", "schema `Locale` has `oneOf`"),
    case(Set("schema:Patient/discriminator", "{propertyName: type}"), "generator-limit", "schema:Patient/discriminator", "`discriminator`"),
    case(Set("schema:NewPatient/properties/locale/allOf/-", "{$ref: '#/components/schemas/Locale'}"), "generator-limit",
        "schema:NewPatient/properties/locale/allOf", "combines several schemas"),
    case(Set("schema:InvitationData/allOf", "[{$ref: '#/components/schemas/NewInvitation'}]"), "generator-limit",
        "schema:InvitationData/allOf", "combines several schemas").also(&["invalid-example"]),
    case(Set("schema:NewInvitation/anyOf", "[{required: [username]}, {required: [phone]}]"), "generator-limit",
        "schema:NewInvitation/anyOf/1/required", "requires `phone`, but does not declare it"),
    case(Set("schema:PatientAttributes/additionalProperties", "{type: string}"), "generator-limit",
        "schema:PatientAttributes/additionalProperties", "has properties and a schema for other properties"),
    case(Remove("schema:ErrorDocument/properties/errors/items"), "generator-limit", "schema:ErrorDocument/properties/errors",
        "is an array without `items`").also(&["unused-schema"]),
    case(Set("schema:Locale/enum", "[en_US, 3]"), "generator-limit", "schema:Locale/enum", "an enum value that is not a string"),
    case(Set("schema:Locale/enum", "[en_US, en-us]"), "generator-limit", "schema:Locale/enum", "`en_US` and `en-us` of schema `Locale`"),
    case(Set("schema:LoginRequest/properties/totpCode", "{type: string, description: A code., x-secret: true}"), "generator-limit",
        "schema:LoginRequest/properties/totpCode", "`totp-code` and `totpCode` of schema `LoginRequest` have the same name"),
    case(Set("schema:LoginRequest/properties/interactive/format", "binary"), "generator-limit",
        "schema:LoginRequest/properties/interactive/format", "has no meaning for type `boolean`"),
    case(Remove("schema:AppointmentStatusId/type"), "generator-limit", "schema:AppointmentStatusId", "has no type"),
    case(Set("schema:PageLimit/exclusiveMaximum", "true"), "generator-limit", "schema:PageLimit/exclusiveMaximum", "without `maximum`"),
];
