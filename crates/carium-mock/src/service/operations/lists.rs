//! Paginated lists.

use carium_api::types::OrganizationId;
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Value, json};

use crate::service::message::{ErrorResponse, ParsedRequest, ServiceResult, SuccessResponse};
use crate::service::state::ServiceState;

/// The default number of items per page.
const DEFAULT_PAGE_SIZE: usize = 25;
const MAX_PAGE_SIZE: usize = 100;

/// Returns the requested page and the number of all items. Only the items of the page are serialized.
pub(in crate::service) fn paginate<T>(
    request: &ParsedRequest<'_>,
    items: impl Iterator<Item = T>,
    to_resource: impl Fn(T) -> Value,
) -> ServiceResult {
    let limit = match request.parameter::<usize>("page[limit]")? {
        Some(0) => return Err(ErrorResponse::parameter("page[limit]", "The parameter must be at least 1.")),
        limit => limit.unwrap_or(DEFAULT_PAGE_SIZE).min(MAX_PAGE_SIZE),
    };
    let offset = request.parameter::<usize>("page[offset]")?.unwrap_or(0);
    let mut total = 0_usize;
    let page = offset..offset.saturating_add(limit);
    let items = items.inspect(|_| total += 1).enumerate();
    let data: Vec<_> =
        items.filter(|(index, _)| page.contains(index)).map(|(_, item)| to_resource(item)).collect();
    Ok(SuccessResponse::ok(json!({"data": data, "meta": {"page[total]": total}})))
}

/// Lists items that have only a name. For these, the parameter `organization-id` is optional but must be valid.
pub(super) fn named_items<I: Serialize>(
    state: &ServiceState,
    request: &ParsedRequest<'_>,
    resource_type: &str,
    items: &IndexMap<I, String>,
) -> ServiceResult {
    optional_organization(state, request)?;
    paginate(request, items.iter(), |(id, name)| named_item(id, resource_type, name))
}

fn named_item(id: impl Serialize, resource_type: &str, name: &str) -> Value {
    json!({"id": id, "type": resource_type, "attributes": {"name": name}})
}

/// Lists the groups of the organization in the parameter `organization-id`, or those of all organizations.
pub(super) fn groups(state: &ServiceState, request: &ParsedRequest<'_>) -> ServiceResult {
    let organization = optional_organization(state, request)?;
    let is_listed = |group: &&(OrganizationId, String)| organization.is_none_or(|id| group.0 == id);
    let groups = state.groups.iter().filter(|(_, group)| is_listed(group));
    paginate(request, groups, |(id, (_, name))| named_item(id, "individual-groups", name))
}

/// Returns the parameter `organization-id`, which must be the ID of an organization.
fn optional_organization(
    state: &ServiceState,
    request: &ParsedRequest<'_>,
) -> Result<Option<OrganizationId>, ErrorResponse> {
    let id = request.parameter::<OrganizationId>("organization-id")?;
    if id.is_some_and(|id| !state.organizations.contains_key(&id)) {
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
