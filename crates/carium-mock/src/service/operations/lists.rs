//! Paginated lists.

use carium_api::types::OrganizationId;
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::service::message::{ErrorResponse, ParsedRequest, ServiceResult, SuccessResponse};
use crate::service::state::ServiceState;

/// The default number of items per page.
const DEFAULT_PAGE_SIZE: usize = 25;
const MAX_PAGE_SIZE: usize = 100;

/// Returns the requested page with the links of a JSON:API collection. Only the items of the page are serialized.
pub(super) fn paginate<T>(
    request: &ParsedRequest<'_>,
    items: impl Iterator<Item = T>,
    to_resource: impl Fn(T) -> Value,
) -> ServiceResult {
    let number = positive_parameter(request, "page[number]")?.unwrap_or(1);
    let size = positive_parameter(request, "page[size]")?.unwrap_or(DEFAULT_PAGE_SIZE).min(MAX_PAGE_SIZE);
    let mut items = items.skip(number.saturating_sub(1).saturating_mul(size));
    let data: Vec<_> = items.by_ref().take(size).map(to_resource).collect();
    let next = items.next().map(|_| page_link(request, number.saturating_add(1)));
    let links = json!({"self": page_link(request, number), "next": next});
    Ok(SuccessResponse::ok(json!({"data": data, "links": links})))
}

fn positive_parameter(request: &ParsedRequest<'_>, name: &str) -> Result<Option<usize>, ErrorResponse> {
    match request.parameter::<usize>(name)? {
        Some(0) => Err(ErrorResponse::parameter(name, "The parameter must be at least 1.")),
        number => Ok(number),
    }
}

/// Returns the link to a page of the requested list, relative to the origin.
fn page_link(request: &ParsedRequest<'_>, number: usize) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(request.parameters().filter(|(name, _)| *name != "page[number]"));
    query.append_pair("page[number]", &number.to_string());
    format!("{}?{}", request.operation.path, query.finish())
}

/// Lists items that have only a name. For these, the parameter `organization-id` is optional but must be valid.
pub(super) fn named_items<I: Serialize>(
    state: &ServiceState,
    request: &ParsedRequest<'_>,
    resource_type: &str,
    items: &IndexMap<I, String>,
) -> ServiceResult {
    optional_organization(state, request)?;
    paginate(
        request,
        items.iter(),
        |(id, name)| json!({"id": id, "type": resource_type, "attributes": {"name": name}}),
    )
}

/// Returns the parameter `organization-id`, which must be the ID of an organization.
fn optional_organization(
    state: &ServiceState,
    request: &ParsedRequest<'_>,
) -> Result<Option<OrganizationId>, ErrorResponse> {
    let id = request.parameter::<OrganizationId>("organization-id")?;
    if id.is_some_and(|id| !state.organizations.contains(&id)) {
        return Err(ErrorResponse::parameter("organization-id", "The organization does not exist."));
    }
    Ok(id)
}

/// Returns the parameter `organization-id`, or an error if it is omitted.
pub(super) fn required_organization(
    state: &ServiceState,
    request: &ParsedRequest<'_>,
) -> Result<OrganizationId, ErrorResponse> {
    optional_organization(state, request)?
        .ok_or_else(|| ErrorResponse::parameter("organization-id", "The parameter is required."))
}
