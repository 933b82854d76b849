//! Alternative behaviors of the service in cases that the vendor's documentation does not specify.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::message::{ErrorResponse, ParsedRequest, SuccessResponse};

/// An alternative behavior in a case that the vendor's documentation does not specify. Clients have to handle both
/// variants.
///
/// Without quirks, the service behaves as the vendor's pages suggest:
///
/// - Creating a resource returns 201. Deleting and similar operations return 204.
/// - Lists are paged by offset, and each page has the number of all items in `meta`.
/// - The URL of a download is in `download-url`.
/// - A request that does not conform to the spec is rejected with 4xx and the location of the first violation.
///
/// All quirks of responses conform to the spec or are allowed by its descriptions. The client handles each of them
/// without a setting, except `UpdateRequiresId`: see
/// [`send_id_in_updates`](carium::CariumBuilder::send_id_in_updates).
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
    /// Each page of a list has a link to the next one, instead of the number of all items. The links are relative to
    /// the origin, and `links.next` of the last page is `null`.
    LinksPaging,
    /// As `LinksPaging`, and the links are absolute.
    AbsoluteLinks,
    /// As `LinksPaging`, and the links are JSON:API link objects: `{"href": …}`.
    LinkObjects,
    /// As `LinksPaging`, and the last page has no `links.next`, instead of one that is `null`.
    LastPageOmitsNextLink,
    /// The pages of a list have neither links nor the number of all items.
    NoPagingInfo,
    /// A page of a list has at most 20 items, even if more are requested.
    MaxPageSize20,
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
    /// The response with the URL of a download is `{"url": …}`, without `data` around it.
    BareDownloadUrl,
    /// Creating a patient with a taken username returns 422, instead of 409.
    DuplicateReturns422,
    /// Error codes are in CamelCase, and each error has `meta`. If the resource exists already, `meta.id` is its ID.
    ErrorsWithMeta,
    /// An update without `data.id` is rejected.
    UpdateRequiresId,
    /// A successful update returns 204, without a body.
    UpdateReturns204,
    /// Times in responses are ISO 8601 with `T` and an offset, such as `2022-01-01T09:00:00+00:00`.
    IsoDateTimes,
    /// `process-upload` returns 409 for a document that has already been processed.
    ReprocessReturns409,
    /// Responses have attributes and members that the spec does not define.
    UnknownAttributes,
    /// The response to creating a patient has a gender and a locale that the spec does not define, and every resource
    /// has an undefined `type`.
    UnknownEnumValues,
    /// The fields of an upload form include a number and a boolean, instead of only strings.
    NonStringFormFields,
    /// A request that does not conform to the spec is accepted if the service can interpret it. The sandbox still
    /// reports the violation.
    AcceptsInvalidRequests,
}

impl Quirk {
    /// All quirks.
    pub const ALL: [Self; 22] = [
        Self::LinksPaging,
        Self::AbsoluteLinks,
        Self::LinkObjects,
        Self::LastPageOmitsNextLink,
        Self::NoPagingInfo,
        Self::MaxPageSize20,
        Self::ErrorsWithoutBody,
        Self::BodyInsteadOf204,
        Self::CreateReturns200,
        Self::DownloadUrlNested,
        Self::DownloadUrlInUrl,
        Self::BareDownloadUrl,
        Self::DuplicateReturns422,
        Self::ErrorsWithMeta,
        Self::UpdateRequiresId,
        Self::UpdateReturns204,
        Self::IsoDateTimes,
        Self::ReprocessReturns409,
        Self::UnknownAttributes,
        Self::UnknownEnumValues,
        Self::NonStringFormFields,
        Self::AcceptsInvalidRequests,
    ];

    /// Returns the name of the quirk in kebab case, such as `links-paging`, as in `carium sandbox --quirk`.
    pub fn name(self) -> &'static str {
        match self {
            Self::LinksPaging => "links-paging",
            Self::AbsoluteLinks => "absolute-links",
            Self::LinkObjects => "link-objects",
            Self::LastPageOmitsNextLink => "last-page-omits-next-link",
            Self::NoPagingInfo => "no-paging-info",
            Self::MaxPageSize20 => "max-page-size-20",
            Self::ErrorsWithoutBody => "errors-without-body",
            Self::BodyInsteadOf204 => "body-instead-of-204",
            Self::CreateReturns200 => "create-returns-200",
            Self::DownloadUrlNested => "download-url-nested",
            Self::DownloadUrlInUrl => "download-url-in-url",
            Self::BareDownloadUrl => "bare-download-url",
            Self::DuplicateReturns422 => "duplicate-returns-422",
            Self::ErrorsWithMeta => "errors-with-meta",
            Self::UpdateRequiresId => "update-requires-id",
            Self::UpdateReturns204 => "update-returns-204",
            Self::IsoDateTimes => "iso-date-times",
            Self::ReprocessReturns409 => "reprocess-returns-409",
            Self::UnknownAttributes => "unknown-attributes",
            Self::UnknownEnumValues => "unknown-enum-values",
            Self::NonStringFormFields => "non-string-form-fields",
            Self::AcceptsInvalidRequests => "accepts-invalid-requests",
        }
    }
}

impl FromStr for Quirk {
    type Err = UnknownQuirk;

    fn from_str(name: &str) -> Result<Self, UnknownQuirk> {
        Self::ALL.into_iter().find(|quirk| quirk.name() == name).ok_or(UnknownQuirk(()))
    }
}

/// The error for a text that is not the [name](Quirk::name) of a quirk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownQuirk(());

impl fmt::Display for UnknownQuirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Quirk::ALL.map(Quirk::name).join(", ");
        write!(f, "not the name of a quirk; the names are {names}")
    }
}

impl std::error::Error for UnknownQuirk {}

/// The maximum number of items per page with `MaxPageSize20`.
const SMALL_PAGE_SIZE: usize = 20;

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
        if self.has(Quirk::UpdateReturns204) && request.method() == Method::PATCH {
            response = SuccessResponse { skip_spec_check: true, ..SuccessResponse::no_content() };
            return response;
        }
        match &mut response.body {
            Some(body) => {
                self.apply_to_body(request, body);
                // The spec allows link objects in words only, because it has no schema for them.
                response.skip_spec_check |= self.has(Quirk::LinkObjects) && body.get("links").is_some();
            }
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
        error.has_meta = self.has(Quirk::ErrorsWithMeta);
        error
    }

    fn apply_to_body(&self, request: &ParsedRequest<'_>, body: &mut Value) {
        self.apply_to_page(request, body);
        if let Some(attributes) = body.pointer_mut("/data/attributes").and_then(Value::as_object_mut) {
            self.apply_to_download_url(attributes);
            self.apply_to_form_fields(attributes);
            self.apply_to_times(attributes);
        }
        let url = body.pointer("/data/attributes/download-url").filter(|_| self.has(Quirk::BareDownloadUrl));
        if let Some(url) = url.cloned() {
            *body = json!({"url": url});
            return;
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
            body["meta"]["x-unknown"] = true.into();
        }
    }

    /// Applies the quirks of lists.
    fn apply_to_page(&self, request: &ParsedRequest<'_>, body: &mut Value) {
        let Some(total) = body.pointer("/meta/page[total]").and_then(Value::as_u64) else { return };
        let Some(Value::Array(items)) = body.get_mut("data") else { return };
        if self.has(Quirk::MaxPageSize20) {
            items.truncate(SMALL_PAGE_SIZE);
        }
        let offset = request.parameter::<u64>("page[offset]").ok().flatten().unwrap_or(0);
        let next = Some(offset.saturating_add(items.len() as u64)).filter(|next| *next < total);
        let has_links =
            [Quirk::LinksPaging, Quirk::AbsoluteLinks, Quirk::LinkObjects, Quirk::LastPageOmitsNextLink];
        let has_links = has_links.into_iter().any(|quirk| self.has(quirk));
        let Some(members) = body.as_object_mut().filter(|_| has_links || self.has(Quirk::NoPagingInfo))
        else {
            return;
        };
        members.shift_remove("meta");
        if has_links {
            let mut links = Map::from_iter([("self".to_owned(), self.page_link(request, offset))]);
            if next.is_some() || !self.has(Quirk::LastPageOmitsNextLink) {
                links.insert(
                    "next".to_owned(),
                    next.map_or(Value::Null, |next| self.page_link(request, next)),
                );
            }
            members.insert("links".to_owned(), links.into());
        }
    }

    /// Returns the link to a page of the requested list.
    fn page_link(&self, request: &ParsedRequest<'_>, offset: u64) -> Value {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(request.parameters().filter(|(name, _)| *name != "page[offset]"));
        query.append_pair("page[offset]", &offset.to_string());
        let origin = request.origin().filter(|_| self.has(Quirk::AbsoluteLinks)).unwrap_or_default();
        let link = format!("{origin}{}?{}", request.path(), query.finish());
        if self.has(Quirk::LinkObjects) { json!({"href": link}) } else { link.into() }
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

    fn apply_to_times(&self, attributes: &mut Map<String, Value>) {
        for name in ["start-time", "end-time"].into_iter().filter(|_| self.has(Quirk::IsoDateTimes)) {
            let time = attributes.get_mut(name);
            if let Some((time, text)) = time.and_then(|time| Some((time.as_str()?.replace(' ', "T"), time))) {
                *text = format!("{time}+00:00").into();
            }
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
