//! From the names that an organization has for things to their ids.

use std::fmt::Display;

use carium::api::uuid::Uuid;
use carium::appointments::{AppointmentStatusId, AppointmentTypeId, PractitionerId};
use carium::documents::DocumentClassId;
use carium::{Carium, Error, ListOptions};
use futures_util::stream::{Stream, TryStreamExt as _};

use crate::exit::{CliError, Exit};

/// How near a name has to be to be offered, from 0 to 1 by Jaro and Winkler: a typing error or two.
const NEAR: f64 = 0.75;
/// How many are offered.
const OFFERED: usize = 3;

/// The practitioner who is meant.
pub(crate) async fn practitioner(client: &Carium, text: &str) -> Result<PractitionerId, CliError> {
    let listed = || {
        client.appointments().practitioners(ListOptions::default()).map_ok(|item| (item.id.into(), item.name))
    };
    id("practitioner", "practitioners list", text, listed).await.map(PractitionerId)
}

/// The status of appointments that is meant.
pub(crate) async fn status(client: &Carium, text: &str) -> Result<AppointmentStatusId, CliError> {
    let listed =
        || client.appointments().statuses(ListOptions::default()).map_ok(|item| (item.id.into(), item.name));
    id("status", "appointment-statuses list", text, listed).await.map(AppointmentStatusId)
}

/// The type of appointments that is meant.
pub(crate) async fn kind(client: &Carium, text: &str) -> Result<AppointmentTypeId, CliError> {
    let listed =
        || client.appointments().types(ListOptions::default()).map_ok(|item| (item.id.into(), item.name));
    id("type", "appointment-types list", text, listed).await.map(AppointmentTypeId)
}

/// The class of documents that is meant.
pub(crate) async fn class(client: &Carium, text: &str) -> Result<DocumentClassId, CliError> {
    let listed =
        || client.documents().classes(ListOptions::default()).map_ok(|item| (item.id.into(), item.name));
    id("class", "documents classes", text, listed).await.map(DocumentClassId)
}

/// The id itself, or that of the one thing that has this name, however it is capitalized.
async fn id<S>(what: &str, command: &str, text: &str, listed: impl FnOnce() -> S) -> Result<Uuid, CliError>
where
    S: Stream<Item = Result<(Uuid, Option<String>), Error>>,
{
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let things: Vec<(Uuid, Option<String>)> = listed().try_collect().await?;
    let named: Vec<_> = things.iter().filter_map(|(id, name)| Some((*id, name.as_deref()?))).collect();
    chosen(what, command, text, &named)
}

fn chosen(what: &str, command: &str, text: &str, named: &[(Uuid, &str)]) -> Result<Uuid, CliError> {
    let same = |is_same: &dyn Fn(&str) -> bool| -> Vec<Uuid> {
        named.iter().filter(|(_, name)| is_same(name)).map(|(id, _)| *id).collect()
    };
    let exactly = same(&|name| name == text);
    let (text_in_small, found) = (text.trim().to_lowercase(), exactly);
    let found =
        if found.is_empty() { same(&|name| name.trim().to_lowercase() == text_in_small) } else { found };
    match found.as_slice() {
        [id] => Ok(*id),
        [] => {
            let failure = CliError::new(Exit::InvalidInput, format!("there is no {what} `{text}`"));
            Err(match offers(&text_in_small, named).as_slice() {
                [] => failure.next(format!("give an id, or a name that `carium {command}` shows")),
                offers => {
                    failure.next(format!("did you mean {}? `carium {command}` shows all", list(offers)))
                }
            })
        }
        several => {
            Err(CliError::new(Exit::InvalidInput, format!("`{text}` is the name of more than one {what}"))
                .next(format!("give the id: {}", list(several))))
        }
    }
}

/// The names that may be meant, the nearest first.
fn offers<'a>(text: &str, named: &[(Uuid, &'a str)]) -> Vec<&'a str> {
    let near = named.iter().map(|(_, name)| (strsim::jaro_winkler(text, &name.to_lowercase()), *name));
    let mut near: Vec<_> = near.filter(|(nearness, _)| *nearness >= NEAR).collect();
    near.sort_by(|one, other| other.0.total_cmp(&one.0));
    near.dedup_by_key(|(_, name)| *name);
    near.into_iter().take(OFFERED).map(|(_, name)| name).collect()
}

fn list(things: &[impl Display]) -> String {
    things.iter().map(|thing| format!("`{thing}`")).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_however_it_is_capitalized_and_a_near_one_is_offered() {
        let [one, two, three] = [1, 2, 3].map(Uuid::from_u128);
        let named = [(one, "Video visit"), (two, "Phone call"), (three, "phone call")];
        let chosen = |text| chosen("type", "appointment-types list", text, &named);
        assert_eq!(chosen("video VISIT ").unwrap(), one);
        assert_eq!(chosen("phone call").unwrap(), three, "exactly that");
        let said = |failure: CliError| format!("{failure:?}");
        assert!(said(chosen("PHONE CALL").unwrap_err()).contains(&two.to_string()));
        assert!(said(chosen("Vidoe visit").unwrap_err()).contains("did you mean `Video visit`"));
        assert!(said(chosen("surgery").unwrap_err()).contains("give an id"));
    }
}
