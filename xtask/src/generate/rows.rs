//! Generates what the crates know about the fields of an onboarding row: reading a row (`carium`), and the columns of a
//! CSV file (`carium-bulk`).

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;
use syn::{File, Ident};

use super::code_sources::CodeSources;
use super::files::{Header, Output};
use crate::document::Finding;
use crate::json::{members, strings, text};
use crate::lower::hand_written_type;
use crate::rust;
use crate::spec::{ONBOARDING, Sources, Spec, referred_schema};

const CARIUM: &str = "crates/carium/src/generated";
const BULK: &str = "crates/carium-bulk/src/generated";

/// The schema of the patient in the API spec.
const PATIENT: &str = "NewPatient";
/// Fields of a row that the builder of the patient does not get.
const NOT_OF_BUILDER: [&str; 4] = ["individual-group-ids", "invite", "documents", "appointment"];
/// Fields whose setter in the builder has another name.
const SETTERS: [(&str, &str); 1] = [("organization-id", "organization")];

const CARIUM_ROOT: &str = "\
//! Generated from `specs/onboarding.schema.json`. See `ARCHITECTURE.md`.

#![allow(clippy::all, clippy::pedantic)]

pub(crate) mod rows;
";

const BULK_ROOT: &str = "\
//! Generated from `specs/onboarding.schema.json`. See `ARCHITECTURE.md`.

pub(crate) mod columns;
";

/// An object of a row: the row itself, a document or the appointment.
struct Object<'a> {
    /// The path of the object in the row, without indices. Empty for the row itself.
    path: &'a str,
    schema_name: &'a str,
    schema: &'a Value,
}

/// How a field is read.
enum Kind {
    Text,
    Boolean,
    /// A text that is parsed as a type.
    Parsed {
        path: TokenStream,
        message: &'static str,
    },
    /// A list of texts or of parsed texts, each with its index.
    List(Box<Kind>),
    /// A list of objects, or one object.
    Objects(Ident),
    Object(Ident),
}

struct Field<'a> {
    name: &'a str,
    ident: Ident,
    hint: &'a str,
    is_required: bool,
    kind: Kind,
}

/// Generates the files of both crates.
///
/// # Errors
/// A report of the fields for which code by hand is missing.
pub(super) fn outputs(sources: &Sources, code: &CodeSources, header: &Header) -> Result<Vec<Output>, String> {
    let spec = Spec::of_json_schema(&sources.onboarding);
    let objects = objects(&spec)?;
    let findings = missing_code(sources, &objects, code);
    if !findings.is_empty() {
        return Err(crate::document::report(&findings));
    }
    let mut reading = reading(&spec, &sources.api, &objects)?;
    rust::docs::tidy(&mut reading);
    let mut columns = columns(&spec, &sources.api, &objects)?;
    rust::docs::tidy(&mut columns);
    Ok(vec![
        Output::text(format!("{CARIUM}/mod.rs"), &header.both, CARIUM_ROOT),
        Output::code(format!("{CARIUM}/rows.rs"), &header.both, &reading),
        Output::text(format!("{BULK}/mod.rs"), &header.both, BULK_ROOT),
        Output::code(format!("{BULK}/columns.rs"), &header.both, &columns),
    ])
}

fn objects(spec: &Spec) -> Result<[Object<'_>; 3], String> {
    let find = |path, schema_name| {
        let schema = spec.schema(schema_name);
        let schema = schema.ok_or_else(|| format!("{ONBOARDING} has no definition `{schema_name}`"))?;
        Ok::<_, String>(Object { path, schema_name, schema })
    };
    Ok([
        find("", "OnboardingRequest")?,
        find("documents", "OnboardingDocument")?,
        find("appointment", "OnboardingAppointment")?,
    ])
}

impl Object<'_> {
    fn fields<'a>(&'a self, spec: &'a Spec, api: &Spec) -> Result<Vec<Field<'a>>, String> {
        members(self.schema.get("properties"))
            .map(|(name, property)| {
                let kind = kind(property, spec, api).ok_or_else(|| {
                    format!("{ONBOARDING}: the type of `{name}` of {} has no reader", self.schema_name)
                })?;
                let hint = text(property, "x-hint").or_else(|| text(spec.resolve_schema(property), "x-hint"));
                Ok(Field {
                    name,
                    ident: ident(name),
                    hint: hint.unwrap_or_default(),
                    is_required: strings(self.schema.get("required")).any(|required| required == name),
                    kind,
                })
            })
            .collect()
    }

    /// The struct of the fields as they were read.
    fn struct_name(&self) -> Ident {
        match self.schema_name.strip_prefix("Onboarding") {
            Some("Request") | None => format_ident!("RowFields"),
            Some(name) => format_ident!("Row{name}"),
        }
    }
}

fn ident(name: &str) -> Ident {
    match name {
        "type" => format_ident!("type_"),
        _ => format_ident!("{}", name.replace('-', "_")),
    }
}

/// Returns how a property is read, or `None` if no reader supports its type.
fn kind(property: &Value, spec: &Spec, api: &Spec) -> Option<Kind> {
    let target = spec.resolve_schema(property);
    let name = referred_schema(property);
    match text(target, "type")? {
        "boolean" => Some(Kind::Boolean),
        "array" => match kind(property.get("items")?, spec, api)? {
            Kind::Object(name) => Some(Kind::Objects(name)),
            kind @ (Kind::Text | Kind::Parsed { .. }) => Some(Kind::List(Box::new(kind))),
            _ => None,
        },
        "object" => Some(Kind::Object(format_ident!("Row{}", name?.strip_prefix("Onboarding")?))),
        "string" => Some(match name {
            Some(name) if target.get("enum").is_some() => {
                Kind::Parsed { path: type_path(name, api), message: "is not an allowed value" }
            }
            Some(name) if text(target, "format") == Some("uuid") => {
                Kind::Parsed { path: type_path(name, api), message: "is not an ID" }
            }
            Some(name) if text(target, "format") == Some("date-time") => {
                Kind::Parsed { path: type_path(name, api), message: "is not a point in time" }
            }
            // The builders check other texts.
            _ => Kind::Text,
        }),
        _ => None,
    }
}

fn type_path(name: &str, api: &Spec) -> TokenStream {
    let ident = format_ident!("{}", hand_written_type(name).unwrap_or(name));
    match (hand_written_type(name), api.schema(name)) {
        (Some(_), _) => quote!(carium_api::#ident),
        (None, Some(_)) => quote!(types::#ident),
        (None, None) => quote!(schema::#ident),
    }
}

impl Kind {
    fn rust_type(&self) -> TokenStream {
        match self {
            Self::Text => quote!(Option<String>),
            Self::Boolean => quote!(Option<bool>),
            Self::Parsed { path, .. } => quote!(Option<#path>),
            Self::List(item) => {
                let item =
                    if let Self::Parsed { path, .. } = &**item { path.clone() } else { quote!(String) };
                quote!(Vec<(usize, #item)>)
            }
            Self::Objects(name) => quote!(Vec<#name>),
            Self::Object(name) => quote!(Option<#name>),
        }
    }
}

/// Generates the code that reads a row.
fn reading(spec: &Spec, api: &Spec, objects: &[Object<'_>]) -> Result<File, String> {
    let mut items = Vec::new();
    let mut hints = Vec::new();
    for object in objects {
        let fields = object.fields(spec, api)?;
        items.push(fields_struct(object, &fields));
        for field in &fields {
            let path = if object.path.is_empty() {
                field.name.to_owned()
            } else {
                format!("{}.{}", object.path, field.name)
            };
            let hint = field.hint;
            hints.push(quote!(#path => #hint,));
        }
    }
    let [row, document, appointment] = objects else { return Err("a row has three objects".to_owned()) };
    items.push(patient(&row.fields(spec, api)?));
    items.push(optional(&document.fields(spec, api)?, document, &quote!(NewDocumentBuilder)));
    items.push(optional(&appointment.fields(spec, api)?, appointment, &quote!(NewAppointmentBuilder)));
    Ok(syn::parse_quote! {
        //! The fields of a row: reading them, and passing them to the builders.

        use carium_api::{onboarding as schema, types};

        use crate::appointments::NewAppointmentBuilder;
        use crate::documents::NewDocumentBuilder;
        use crate::onboarding::{Json, ObjectReader, RowProblems};
        use crate::patients::{NewPatient, NewPatientBuilder};

        #(#items)*

        /// Returns how to fix a field, given its path in the row without indices.
        pub(crate) fn hint(path: &str) -> Option<&'static str> {
            Some(match path {
                #(#hints)*
                _ => return None,
            })
        }
    })
}

fn fields_struct(object: &Object<'_>, fields: &[Field<'_>]) -> TokenStream {
    let name = object.struct_name();
    let doc = match object.path {
        "" => "The fields of a row. A field is `None` if it is omitted or if its type or format is wrong.",
        "documents" => "The fields of a document of a row.",
        _ => "The fields of the appointment of a row.",
    };
    let members = fields.iter().map(|field| {
        let (ident, kind) = (&field.ident, field.kind.rust_type());
        quote!(pub(crate) #ident: #kind,)
    });
    let reads = fields.iter().map(|field| {
        let (ident, name) = (&field.ident, field.name);
        let read = match &field.kind {
            Kind::Text => quote!(reader.string(name, value)),
            Kind::Boolean => quote!(reader.boolean(name, value)),
            Kind::Parsed { message, .. } => quote!(reader.parsed(name, value, #message)),
            Kind::List(item) => {
                let read = if let Kind::Parsed { message, .. } = &**item {
                    quote!(reader.parsed(path, item, #message))
                } else {
                    quote!(reader.string(path, item))
                };
                quote!(reader.items(name, value, |reader, path, item| #read))
            }
            Kind::Objects(object) => quote! {
                reader.items(name, value, |reader, path, item| {
                    Some(#object::read(path.to_owned(), item, reader.problems))
                }).into_iter().map(|(_, item)| item).collect()
            },
            Kind::Object(object) => quote!(Some(#object::read(name.to_owned(), value, reader.problems))),
        };
        quote!(#name => fields.#ident = #read,)
    });
    quote! {
        #[doc = #doc]
        #[derive(Default)]
        pub(crate) struct #name {
            #(#members)*
        }

        impl #name {
            /// Reads an object of a row. `path` is empty for the row itself.
            pub(crate) fn read(path: String, object: &Json, problems: &mut RowProblems) -> Self {
                let mut fields = Self::default();
                ObjectReader { path, problems }.read_members(object, |reader, name, value| {
                    match name {
                        #(#reads)*
                        _ => return false,
                    }
                    true
                });
                fields
            }
        }
    }
}

fn setter(name: &str) -> Ident {
    let renamed =
        SETTERS.iter().find(|(field, _)| *field == name).map(|(_, setter)| format_ident!("{setter}"));
    renamed.unwrap_or_else(|| ident(name))
}

/// Generates the conversion of the patient's fields into a builder, and of a valid patient into a row.
fn patient(fields: &[Field<'_>]) -> TokenStream {
    let fields: Vec<_> = fields.iter().filter(|field| !NOT_OF_BUILDER.contains(&field.name)).collect();
    let sets = fields.iter().map(|field| {
        let (ident, setter) = (&field.ident, setter(field.name));
        let value = if matches!(field.kind, Kind::Text) {
            quote!(self.#ident.as_deref())
        } else {
            quote!(self.#ident)
        };
        quote! {
            if let Some(value) = #value {
                patient = patient.#setter(value);
            }
        }
    });
    let (required, optional): (Vec<&Field<'_>>, Vec<&Field<'_>>) =
        fields.iter().partition(|field| field.is_required);
    let required = required.iter().map(|field| {
        let ident = &field.ident;
        quote!(#ident: attributes.#ident.clone(),)
    });
    let optional = optional.iter().map(|field| {
        let ident = &field.ident;
        quote!(row.#ident.clone_from(&attributes.#ident);)
    });
    quote! {
        impl RowFields {
            /// Returns a builder with the fields of the patient.
            pub(crate) fn patient(&self) -> NewPatientBuilder {
                let mut patient = NewPatient::builder();
                #(#sets)*
                patient
            }
        }

        /// Returns a row with the fields of a patient and no others.
        pub(crate) fn row_of(attributes: &types::NewPatient) -> schema::OnboardingRequest {
            let mut row = schema::OnboardingRequest::from(schema::required::OnboardingRequest { #(#required)* });
            #(#optional)*
            row
        }
    }
}

/// Generates the conversions of the optional fields of a document or an appointment.
fn optional(fields: &[Field<'_>], object: &Object<'_>, builder: &TokenStream) -> TokenStream {
    let row = object.struct_name();
    let schema_name = format_ident!("{}", object.schema_name);
    let optional = || fields.iter().filter(|field| !field.is_required);
    let copies = optional().map(|field| {
        let ident = &field.ident;
        quote!(row.#ident = self.#ident;)
    });
    let sets = optional().map(|field| {
        let (ident, setter) = (&field.ident, setter(field.name));
        let value = if matches!(field.kind, Kind::Text) { quote!(value.as_str()) } else { quote!(*value) };
        quote! {
            if let Some(value) = &self.#ident {
                builder = builder.#setter(#value);
            }
        }
    });
    let trait_name = format_ident!("Set{}", object.schema_name);
    quote! {
        impl #row {
            /// Moves the optional fields to a row.
            pub(crate) fn move_optional_to(self, row: &mut schema::#schema_name) {
                #(#copies)*
            }
        }

        /// Passes the optional fields of a row to a builder.
        pub(crate) trait #trait_name {
            fn set_optional(&self, builder: #builder) -> #builder;
        }

        impl #trait_name for schema::#schema_name {
            fn set_optional(&self, mut builder: #builder) -> #builder {
                #(#sets)*
                builder
            }
        }
    }
}

/// Generates the names of the columns of a CSV file.
fn columns(spec: &Spec, api: &Spec, objects: &[Object<'_>]) -> Result<File, String> {
    let [row, document, appointment] = objects else { return Err("a row has three objects".to_owned()) };
    let is_column = |field: &Field<'_>| !matches!(field.kind, Kind::Objects(_) | Kind::Object(_));
    let row = row.fields(spec, api)?.into_iter().filter(is_column).collect::<Vec<_>>();
    let (document, appointment) = (document.fields(spec, api)?, appointment.fields(spec, api)?);
    let table = |doc: &str, name: &str, fields: &[Field<'_>], wanted: fn(&Field<'_>) -> bool| {
        let name = format_ident!("{name}");
        let names: Vec<_> = fields.iter().filter(|field| wanted(field)).map(|field| field.name).collect();
        let count = names.len();
        quote! {
            #[doc = #doc]
            pub(crate) const #name: [&str; #count] = [#(#names),*];
        }
    };
    let all = |_: &Field<'_>| true;
    let required = |field: &Field<'_>| field.is_required;
    let list = |field: &Field<'_>| matches!(field.kind, Kind::List(_));
    let boolean = |field: &Field<'_>| matches!(field.kind, Kind::Boolean);
    let tables = [
        table("The fields of the patient.", "PATIENT_FIELDS", &row, all),
        table("The required fields of the patient.", "REQUIRED_PATIENT_FIELDS", &row, required),
        table("The patient fields that hold a list, separated by `;`.", "LIST_FIELDS", &row, list),
        table(
            "The fields of a document. Their columns begin with `document-1-`, `document-2-` and so on.",
            "DOCUMENT_FIELDS",
            &document,
            all,
        ),
        table("The required fields of a document.", "REQUIRED_DOCUMENT_FIELDS", &document, required),
        table(
            "The fields of the appointment. Their columns begin with `appointment-`.",
            "APPOINTMENT_FIELDS",
            &appointment,
            all,
        ),
        table(
            "The required fields of the appointment.",
            "REQUIRED_APPOINTMENT_FIELDS",
            &appointment,
            required,
        ),
        table(
            "The fields of the appointment that are `true` or `false`.",
            "BOOLEAN_APPOINTMENT_FIELDS",
            &appointment,
            boolean,
        ),
    ];
    Ok(syn::parse_quote! {
        //! The columns of a CSV file.

        #(#tables)*
    })
}

/// Names the fields that the builders do not support.
fn missing_code(sources: &Sources, objects: &[Object<'_>], code: &CodeSources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for object in objects {
        let builder = match object.path {
            "" => "NewPatientBuilder",
            "documents" => "NewDocumentBuilder",
            _ => "NewAppointmentBuilder",
        };
        for (name, _) in members(object.schema.get("properties")) {
            let is_required = strings(object.schema.get("required")).any(|required| required == name);
            let is_of_builder =
                if object.path.is_empty() { !NOT_OF_BUILDER.contains(&name) } else { !is_required };
            if !is_of_builder {
                continue;
            }
            let pointer = match object.path {
                "" => format!("/properties/{name}"),
                _ => format!("/definitions/{}/properties/{name}", object.schema_name),
            };
            let finding = |message: String, fix: String| {
                sources.onboarding.finding("row-field", &pointer, message, fix)
            };
            if object.path.is_empty() && sources.api.property(PATIENT, name).is_none() {
                findings.push(finding(
                    format!("the field `{name}` is not a property of `{PATIENT}`"),
                    "add it to specs/carium.yaml first".to_owned(),
                ));
            }
            let setter = setter(name);
            if !code.has_method(builder, &setter.to_string()) {
                let place = code.place_of_impl(builder);
                findings.push(finding(
                    format!("the field `{name}` has no setter"),
                    format!("add `{setter}` to `{builder}`, at {place}"),
                ));
            }
        }
    }
    findings
}
