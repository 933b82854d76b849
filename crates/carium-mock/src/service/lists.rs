//! Lists, page by page.

use carium_api::types::OrganizationId;
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::answer::{Answer, Refusal};
use super::asked::Asked;
use super::world::World;

/// How many items a page has where nothing is asked for, and at the most.
const PAGE: usize = 25;
const LONGEST_PAGE: usize = 100;

/// A page of these, with the links of a JSON:API collection. Only what is on it is written.
pub(crate) fn page<T>(
    asked: &Asked<'_>,
    items: impl Iterator<Item = T>,
    write: impl Fn(T) -> Value,
) -> Result<Answer, Refusal> {
    let number = positive(asked, "page[number]")?.unwrap_or(1);
    let size = positive(asked, "page[size]")?.unwrap_or(PAGE).min(LONGEST_PAGE);
    let mut items = items.skip(number.saturating_sub(1).saturating_mul(size));
    let data: Vec<_> = items.by_ref().take(size).map(write).collect();
    let next = items.next().map(|_| link(asked, number.saturating_add(1)));
    Ok(Answer::ok(json!({"data": data, "links": {"self": link(asked, number), "next": next}})))
}

fn positive(asked: &Asked<'_>, name: &str) -> Result<Option<usize>, Refusal> {
    match asked.parameter::<usize>(name)? {
        Some(0) => Err(Refusal::parameter(name, "It is counted from 1.")),
        other => Ok(other),
    }
}

/// The same list from another page on, relative to the origin.
fn link(asked: &Asked<'_>, number: usize) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(asked.parameters().filter(|(name, _)| *name != "page[number]"));
    query.append_pair("page[number]", &number.to_string());
    format!("{}?{}", asked.operation.path, query.finish())
}

/// Things with a name. `organization-id` is optional for these, but must be one where it is given.
pub(crate) fn named<I: Serialize>(
    world: &World,
    asked: &Asked<'_>,
    kind: &str,
    things: &IndexMap<I, String>,
) -> Result<Answer, Refusal> {
    organization(world, asked)?;
    page(asked, things.iter(), |(id, name)| json!({"id": id, "type": kind, "attributes": {"name": name}}))
}

/// The organization that is asked about.
pub(crate) fn organization(world: &World, asked: &Asked<'_>) -> Result<Option<OrganizationId>, Refusal> {
    let id = asked.parameter::<OrganizationId>("organization-id")?;
    if id.is_some_and(|id| !world.organizations.contains(&id)) {
        return Err(Refusal::parameter("organization-id", "There is no such organization."));
    }
    Ok(id)
}

/// The same, where it must be given.
pub(crate) fn required_organization(world: &World, asked: &Asked<'_>) -> Result<OrganizationId, Refusal> {
    organization(world, asked)?.ok_or_else(|| Refusal::parameter("organization-id", "It is missing."))
}
