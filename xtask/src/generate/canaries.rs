//! Test data for the redaction test: every type, with a canary in each marked property.
//!
//! It is generated so that a new type cannot be forgotten. `crates/carium-api/tests/redaction.rs` has the macros that it
//! calls.

use std::collections::BTreeSet;

use quote::{format_ident, quote};
use serde_json::Value;
use syn::File;

use super::header::Header;
use super::samples::{Filling, Sample, sample};
use super::{Output, Sources};
use crate::lower::hand_written_type;
use crate::rust;
use crate::spec::{Spec, referred_schema};

pub(super) fn output(sources: &Sources, header: &Header) -> Output {
    let onboarding = Spec::of_json_schema(&sources.onboarding);
    let shared: BTreeSet<&str> = sources.api.schemas().map(|(name, _)| name).collect();
    let own = |name: &str| !shared.contains(name);
    let mut checks = of_types(&sources.api, "types", |_| true);
    checks.extend(of_types(&onboarding, "onboarding", own));
    checks.extend(of_calls(&sources.api));
    let file: File = syn::parse_quote! {
        //! Every generated type, filled with canaries.

        use carium_api::{ClientCaredbExt as _, ClientIdentityExt as _, ClientShowboatExt as _, onboarding, types};

        #[allow(clippy::too_many_lines)]
        pub(crate) fn check_all() {
            #(#checks)*
        }
    };
    let mut file = with_traits_of(file, &sources.api);
    rust::docs::tidy(&mut file);
    Output {
        path: "crates/carium-api/tests/generated/canaries.rs".to_owned(),
        text: format!("{}\n{}", header.both("//"), rust::print(&file)),
    }
}

/// Imports the traits of the calls, which are named after the tags of the spec.
fn with_traits_of(mut file: File, spec: &Spec) -> File {
    let mut tags: Vec<_> = spec
        .operations()
        .iter()
        .filter(|operation| has_body(operation.value))
        .filter_map(|operation| operation.tag().map(rust::names::extension))
        .collect();
    tags.sort();
    tags.dedup();
    let tags = tags.iter().map(|name| format_ident!("{name}"));
    if let Some(item) = file.items.first_mut() {
        *item = syn::parse_quote!(use carium_api::{#(#tags as _,)* onboarding, types};);
    }
    file
}

fn of_types(spec: &Spec, module: &str, wanted: impl Fn(&str) -> bool) -> Vec<proc_macro2::TokenStream> {
    let (module, sides) = (format_ident!("{module}"), spec.sides());
    let mut checks = Vec::new();
    for (name, schema) in spec.schemas().filter(|(name, _)| wanted(name) && hand_written_type(name).is_none())
    {
        let ident = format_ident!("{name}");
        let is_document = schema.get("properties").is_some();
        let check = if is_document { quote!(crate::document!) } else { quote!(crate::value!) };
        for filling in [Filling::Expected, Filling::Unexpected, Filling::Null, Filling::Missing] {
            let Sample { value, canaries } = sample(spec, name, filling);
            // Only responses have lenient properties, and many schemas have none.
            let is_same = || value == sample(spec, name, Filling::Expected).value;
            if filling != Filling::Expected && (!sides.in_response(name) || is_same()) {
                continue;
            }
            let text = value.to_string();
            checks.push(quote!(#check(#module::#ident, #text, [#(#canaries),*]);));
        }
    }
    checks
}

/// Returns a check for the builder of each call with a body.
fn of_calls(spec: &Spec) -> Vec<proc_macro2::TokenStream> {
    let operations = spec.operations();
    operations
        .iter()
        .filter_map(|operation| {
            let schema = operation.request_content().next()?.2.get("schema")?;
            let name = referred_schema(schema)?;
            let Sample { value, canaries } = sample(spec, name, Filling::Expected);
            let (text, method, ident) =
                (value.to_string(), format_ident!("{}", operation.id()), format_ident!("{name}"));
            Some(quote!(crate::call!(#method, types::#ident, #text, [#(#canaries),*]);))
        })
        .collect()
}

fn has_body(operation: &Value) -> bool {
    operation.get("requestBody").is_some()
}
