//! Resolves the name of a practitioner, status, type or document class to its ID.

use std::fmt::Display;

use carium::api::uuid::Uuid;
use carium::appointments::{AppointmentStatusId, AppointmentTypeId, PractitionerId};
use carium::documents::DocumentClassId;
use carium::{Carium, Error, ListOptions};
use futures_util::stream::{Stream, TryStreamExt as _};

use crate::error::{CliError, Exit};

/// Minimum Jaro-Winkler similarity of a suggested name, from 0 to 1. Allows for a typo or two.
const MIN_SIMILARITY: f64 = 0.75;
const MAX_SUGGESTIONS: usize = 3;

/// Returns the practitioner with this ID or name.
pub(crate) async fn practitioner(client: &Carium, id_or_name: &str) -> Result<PractitionerId, CliError> {
    let list = || {
        client.appointments().practitioners(ListOptions::default()).map_ok(|item| (item.id.into(), item.name))
    };
    resolve("practitioner", "practitioners list", id_or_name, list).await.map(PractitionerId)
}

/// Returns the appointment status with this ID or name.
pub(crate) async fn appointment_status(
    client: &Carium,
    id_or_name: &str,
) -> Result<AppointmentStatusId, CliError> {
    let list =
        || client.appointments().statuses(ListOptions::default()).map_ok(|item| (item.id.into(), item.name));
    resolve("status", "appointment-statuses list", id_or_name, list).await.map(AppointmentStatusId)
}

/// Returns the appointment type with this ID or name.
pub(crate) async fn appointment_type(
    client: &Carium,
    id_or_name: &str,
) -> Result<AppointmentTypeId, CliError> {
    let list =
        || client.appointments().types(ListOptions::default()).map_ok(|item| (item.id.into(), item.name));
    resolve("type", "appointment-types list", id_or_name, list).await.map(AppointmentTypeId)
}

/// Returns the document class with this ID or name.
pub(crate) async fn document_class(client: &Carium, id_or_name: &str) -> Result<DocumentClassId, CliError> {
    let list =
        || client.documents().classes(ListOptions::default()).map_ok(|item| (item.id.into(), item.name));
    resolve("class", "documents classes", id_or_name, list).await.map(DocumentClassId)
}

/// Returns the ID itself, or the ID of the item with this name. `list_command` is the command that lists all items.
async fn resolve<S>(
    item_kind: &str,
    list_command: &str,
    id_or_name: &str,
    list: impl FnOnce() -> S,
) -> Result<Uuid, CliError>
where
    S: Stream<Item = Result<(Uuid, Option<String>), Error>>,
{
    if let Ok(id) = id_or_name.parse() {
        return Ok(id);
    }
    let items: Vec<(Uuid, Option<String>)> = list().try_collect().await?;
    let named: Vec<_> = items.iter().filter_map(|(id, name)| Some((*id, name.as_deref()?))).collect();
    find_by_name(item_kind, list_command, id_or_name, &named)
}

/// Finds the only item with this name. An exact match wins over a match that ignores case and surrounding spaces.
fn find_by_name(
    item_kind: &str,
    list_command: &str,
    name: &str,
    items: &[(Uuid, &str)],
) -> Result<Uuid, CliError> {
    let matching = |is_match: &dyn Fn(&str) -> bool| -> Vec<Uuid> {
        items.iter().filter(|(_, item_name)| is_match(item_name)).map(|(id, _)| *id).collect()
    };
    let normalized = name.trim().to_lowercase();
    let mut ids = matching(&|item_name| item_name == name);
    if ids.is_empty() {
        ids = matching(&|item_name| item_name.trim().to_lowercase() == normalized);
    }
    match ids.as_slice() {
        [id] => Ok(*id),
        [] => {
            let message = format!("the {item_kind} `{name}` does not exist");
            let hint = match similar_names(&normalized, items).as_slice() {
                [] => format!("pass an ID or a name from `carium {list_command}`"),
                names => format!("did you mean {}? `carium {list_command}` lists all", alternatives(names)),
            };
            Err(CliError::new(Exit::InvalidInput, message).with_hint(hint))
        }
        ids => Err(CliError::new(
            Exit::InvalidInput,
            format!("`{name}` is the name of more than one {item_kind}"),
        )
        .with_hint(format!("pass the ID: {}", alternatives(ids)))),
    }
}

/// Returns names that are similar to this one, the most similar first.
fn similar_names<'a>(name: &str, items: &[(Uuid, &'a str)]) -> Vec<&'a str> {
    let similarities = items
        .iter()
        .map(|(_, item_name)| (strsim::jaro_winkler(name, &item_name.to_lowercase()), *item_name));
    let mut similar: Vec<_> = similarities.filter(|(similarity, _)| *similarity >= MIN_SIMILARITY).collect();
    similar.sort_by(|one, other| other.0.total_cmp(&one.0));
    similar.dedup_by_key(|(_, item_name)| *item_name);
    similar.into_iter().take(MAX_SUGGESTIONS).map(|(_, item_name)| item_name).collect()
}

fn alternatives(items: &[impl Display]) -> String {
    items.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_names_in_any_case_and_suggests_similar_ones() {
        let [one, two, three] = [1, 2, 3].map(Uuid::from_u128);
        let items = [(one, "Video visit"), (two, "Phone call"), (three, "phone call")];
        let find = |name| find_by_name("type", "appointment-types list", name, &items);
        assert_eq!(find("video VISIT ").unwrap(), one);
        assert_eq!(find("phone call").unwrap(), three, "an exact match wins");
        let error_text = |name| format!("{:?}", find(name).unwrap_err());
        assert!(error_text("PHONE CALL").contains(&two.to_string()));
        assert!(error_text("Vidoe visit").contains("did you mean `Video visit`"));
        assert!(error_text("surgery").contains("pass an ID"));
    }
}
