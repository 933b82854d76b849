//! Alternative behaviors of the service in cases that the vendor's documentation does not specify.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::message::{ErrorResponse, ParsedRequest, SuccessResponse};

/// An alternative behavior in a case that the vendor's documentation does not specify. Clients have to handle both
/// variants.
///
/// Without quirks, the service behaves as the vendor's pages suggest:
///
/// - Creating a resource returns 201. Deleting and similar operations return 204.
/// - Pagination links are relative to the origin, and `links.next` of the last page is `null`.
/// - The URL of a download is in `download-url`.
///
/// All quirks conform to the spec or are allowed by its descriptions.
///
/// ```
/// use carium_mock::{FakeCarium, Quirk};
///
/// let fake = FakeCarium::new();
/// for quirk in Quirk::ALL {
///     fake.set_quirks([quirk]);
///     // … test that the code behaves as it does without the quirk.
/// }
/// fake.set_quirks([]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Quirk {
    /// Pagination links are absolute.
    AbsoluteLinks,
    /// The last page has no `links.next`, instead of one that is `null`.
    LastPageOmitsNextLink,
    /// Error responses have a status and no body.
    ErrorsWithoutBody,
    /// Deletions, invitations and `process-upload` return 200 with a body, instead of 204.
    BodyInsteadOf204,
    /// Creating a resource returns 200, instead of 201.
    CreateReturns200,
    /// The URL of a download is in `download-info.download-url`.
    DownloadUrlNested,
    /// The URL of a download is in `url`.
    DownloadUrlInUrl,
    /// Creating a patient with a taken username returns 422, instead of 409.
    DuplicateReturns422,
    /// `process-upload` returns 409 for a document that has already been processed.
    ReprocessReturns409,
    /// Responses have attributes and members that the spec does not define.
    UnknownAttributes,
    /// The response to creating a patient has a gender and a locale that the spec does not define, and every resource
    /// has an undefined `type`.
    UnknownEnumValues,
    /// The fields of an upload form include a number and a boolean, instead of only strings.
    NonStringFormFields,
}

impl Quirk {
    /// All quirks.
    pub const ALL: [Self; 12] = [
        Self::AbsoluteLinks,
        Self::LastPageOmitsNextLink,
        Self::ErrorsWithoutBody,
        Self::BodyInsteadOf204,
        Self::CreateReturns200,
        Self::DownloadUrlNested,
        Self::DownloadUrlInUrl,
        Self::DuplicateReturns422,
        Self::ReprocessReturns409,
        Self::UnknownAttributes,
        Self::UnknownEnumValues,
        Self::NonStringFormFields,
    ];
}

/// The enabled quirks of a service. Empty by default.
///
/// Most quirks are applied to finished responses, so that the rules of the service do not have to know them.
#[derive(Default)]
pub(crate) struct Quirks(BTreeSet<Quirk>);

impl FromIterator<Quirk> for Quirks {
    fn from_iter<I: IntoIterator<Item = Quirk>>(quirks: I) -> Self {
        Self(quirks.into_iter().collect())
    }
}

impl Quirks {
    pub(crate) fn has(&self, quirk: Quirk) -> bool {
        self.0.contains(&quirk)
    }

    pub(crate) fn apply_to_success(
        &self,
        request: &ParsedRequest<'_>,
        mut response: SuccessResponse,
    ) -> SuccessResponse {
        if self.0.is_empty() {
            return response;
        }
        if self.has(Quirk::CreateReturns200) && response.status == StatusCode::CREATED {
            response.status = StatusCode::OK;
        }
        match &mut response.body {
            Some(body) => self.apply_to_body(request, body),
            None if self.has(Quirk::BodyInsteadOf204) => {
                let body = Some(json!({"meta": {"done": true}}));
                response = SuccessResponse { status: StatusCode::OK, body, skip_spec_check: true };
            }
            None => {}
        }
        response
    }

    pub(crate) fn apply_to_error(&self, mut error: ErrorResponse) -> ErrorResponse {
        if self.has(Quirk::DuplicateReturns422) && error.code == "duplicate" {
            error.status = StatusCode::UNPROCESSABLE_ENTITY;
        }
        error.omit_body = self.has(Quirk::ErrorsWithoutBody);
        error
    }

    fn apply_to_body(&self, request: &ParsedRequest<'_>, body: &mut Value) {
        self.apply_to_links(request, body);
        if let Some(attributes) = body.pointer_mut("/data/attributes").and_then(Value::as_object_mut) {
            self.apply_to_download_url(attributes);
            self.apply_to_form_fields(attributes);
        }
        let is_created_patient = request.operation.id == "create_patient";
        let resources = match body.get_mut("data") {
            Some(Value::Array(resources)) => resources.iter_mut().collect(),
            Some(resource) => vec![resource],
            None => Vec::new(),
        };
        for resource in resources {
            if self.has(Quirk::UnknownEnumValues) {
                resource["type"] = "x-unknown-type".into();
                if is_created_patient {
                    resource["attributes"]["gender"] = "x-unknown".into();
                    resource["attributes"]["locale"] = "xx_XX".into();
                }
            }
            if self.has(Quirk::UnknownAttributes) {
                resource["attributes"]["x-unknown"] = json!({"nested": [1, null, "text"]});
                resource["relationships"] = json!({"x-unknown": {"data": null}});
            }
        }
        if self.has(Quirk::UnknownAttributes) {
            body["meta"] = json!({"x-unknown": true});
        }
    }

    fn apply_to_links(&self, request: &ParsedRequest<'_>, body: &mut Value) {
        let Some(links) = body.get_mut("links").and_then(Value::as_object_mut) else { return };
        if self.has(Quirk::LastPageOmitsNextLink) {
            links.retain(|_, link| !link.is_null());
        }
        if let Some(origin) = request.origin().filter(|_| self.has(Quirk::AbsoluteLinks)) {
            for link in links.values_mut() {
                if let Some(path) = link.as_str() {
                    *link = format!("{origin}{path}").into();
                }
            }
        }
    }

    fn apply_to_download_url(&self, attributes: &mut Map<String, Value>) {
        let is_moved = self.has(Quirk::DownloadUrlNested) || self.has(Quirk::DownloadUrlInUrl);
        let Some(url) = is_moved.then(|| attributes.shift_remove("download-url")).flatten() else {
            return;
        };
        if self.has(Quirk::DownloadUrlNested) {
            attributes.insert("download-info".to_owned(), json!({"download-url": url}));
        } else {
            attributes.insert("url".to_owned(), url);
        }
    }

    fn apply_to_form_fields(&self, attributes: &mut Map<String, Value>) {
        if !self.has(Quirk::NonStringFormFields) {
            return;
        }
        let fields = attributes.get_mut("upload-info").and_then(|info| info.get_mut("upload-data"));
        if let Some(fields) = fields.and_then(Value::as_object_mut) {
            // S3 accepts fields with the prefix `x-ignore-` although the policy does not list them.
            fields.insert("x-ignore-number".to_owned(), json!(7));
            fields.insert("x-ignore-flag".to_owned(), json!(true));
        }
    }
}
