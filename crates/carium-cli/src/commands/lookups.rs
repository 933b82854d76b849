//! The lookups: organizations, groups, practitioners, appointment types, appointment statuses and document classes. Each has a command that
//! lists its items, and the options of other commands accept the name of an item instead of its ID.

use std::fmt::Display;

use carium::api::uuid::Uuid;
use carium::{Carium, Items, ListOptions};
use clap::{Args, Subcommand};
use futures_util::stream::TryStreamExt as _;
use serde_json::json;

use super::lists::ListLimit;
use crate::connection::connect;
use crate::error::{CliError, Exit};
use crate::settings::Settings;

/// Minimum Jaro-Winkler similarity of a suggested name, from 0 to 1. Allows for a typo or two.
const MIN_SIMILARITY: f64 = 0.75;
const MAX_SUGGESTIONS: usize = 3;

/// The commands of a lookup.
#[derive(Debug, Subcommand)]
pub(crate) enum LookupCommand {
    List(ListLookup),
}

/// List all items with their IDs
///
/// Lists all pages. Options that take the ID of an item accept its name, too.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium --sandbox practitioners list
  carium --sandbox appointment-types list --output json
  carium groups list --organization 8d25a2a6-8219-40d1-a34f-c24ec69f4f72
  carium practitioners list --limit 10")]
pub(crate) struct ListLookup {
    #[command(flatten)]
    pub(super) limit: ListLimit,
}

/// A list of items with IDs and names.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lookup {
    Organizations,
    Groups,
    Practitioners,
    AppointmentTypes,
    AppointmentStatuses,
    DocumentClasses,
}

impl Lookup {
    /// Returns the word for one item in messages.
    fn item(self) -> &'static str {
        match self {
            Self::Organizations => "organization",
            Self::Groups => "group",
            Self::Practitioners => "practitioner",
            Self::AppointmentTypes => "type",
            Self::AppointmentStatuses => "status",
            Self::DocumentClasses => "class",
        }
    }

    /// Returns the words for one item and for several of a list.
    fn nouns(self) -> [&'static str; 2] {
        match self {
            Self::Organizations => ["organization", "organizations"],
            Self::Groups => ["group", "groups"],
            Self::Practitioners => ["practitioner", "practitioners"],
            Self::AppointmentTypes => ["appointment type", "appointment types"],
            Self::AppointmentStatuses => ["appointment status", "appointment statuses"],
            Self::DocumentClasses => ["document class", "document classes"],
        }
    }

    fn list_command(self) -> &'static str {
        match self {
            Self::Organizations => "organizations list",
            Self::Groups => "groups list",
            Self::Practitioners => "practitioners list",
            Self::AppointmentTypes => "appointment-types list",
            Self::AppointmentStatuses => "appointment-statuses list",
            Self::DocumentClasses => "documents classes",
        }
    }

    /// Lists the IDs and names of items.
    pub(super) fn items(self, client: &Carium, options: ListOptions) -> Items<(Uuid, Option<String>)> {
        match self {
            Self::Organizations => {
                client.organizations().list(options).map_items(|item| (item.id.into(), item.name))
            }
            Self::Groups => {
                client.organizations().groups(None, options).map_items(|item| (item.id.into(), item.name))
            }
            Self::Practitioners => {
                client.appointments().practitioners(options).map_items(|item| (item.id.into(), item.name))
            }
            Self::AppointmentTypes => {
                client.appointments().types(options).map_items(|item| (item.id.into(), item.name))
            }
            Self::AppointmentStatuses => {
                client.appointments().statuses(options).map_items(|item| (item.id.into(), item.name))
            }
            Self::DocumentClasses => {
                client.documents().classes(options).map_items(|item| (item.id.into(), item.name))
            }
        }
    }

    /// Writes the IDs and names of all items to stdout, up to the limit.
    pub(super) async fn write(self, settings: &Settings, limit: ListLimit) -> Result<(), CliError> {
        let connection = connect(settings).await?;
        let items = self.items(&connection.client, limit.options());
        let to_record = |(id, name): &(Uuid, Option<String>)| json!({"id": id, "name": name});
        limit.write(settings.format, &["id", "name"], self.nouns(), items, to_record).await
    }

    /// Returns the ID itself, or the ID of the item with this name.
    pub(super) async fn find<I: From<Uuid>>(self, client: &Carium, id_or_name: &str) -> Result<I, CliError> {
        if let Ok(id) = id_or_name.parse::<Uuid>() {
            return Ok(id.into());
        }
        let items: Vec<_> = self.items(client, ListOptions::default()).try_collect().await?;
        let named: Vec<_> = items.iter().filter_map(|(id, name)| Some((*id, name.as_deref()?))).collect();
        find_by_name(self, id_or_name, &named).map(I::from)
    }
}

/// Finds the only item with this name. An exact match wins over a match that ignores case and surrounding spaces.
fn find_by_name(lookup: Lookup, name: &str, items: &[(Uuid, &str)]) -> Result<Uuid, CliError> {
    let (item, list_command) = (lookup.item(), lookup.list_command());
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
            let message = format!("the {item} `{name}` does not exist");
            let hint = match similar_names(&normalized, items).as_slice() {
                [] => format!("pass an ID or a name from `carium {list_command}`"),
                names => format!("did you mean {}? `carium {list_command}` lists all", alternatives(names)),
            };
            Err(CliError::new(Exit::InvalidInput, message).with_hint(hint))
        }
        ids => {
            let message = format!("`{name}` is the name of more than one {item}");
            let hint = format!("pass the ID: {}", alternatives(ids));
            Err(CliError::new(Exit::InvalidInput, message).with_hint(hint))
        }
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
        let find = |name| find_by_name(Lookup::AppointmentTypes, name, &items);
        assert_eq!(find("video VISIT ").unwrap(), one);
        assert_eq!(find("phone call").unwrap(), three, "an exact match wins");
        let error_text = |name| format!("{:?}", find(name).unwrap_err());
        assert!(error_text("PHONE CALL").contains(&two.to_string()));
        assert!(error_text("Vidoe visit").contains("did you mean `Video visit`"));
        assert!(error_text("surgery").contains("pass an ID"));
    }
}
