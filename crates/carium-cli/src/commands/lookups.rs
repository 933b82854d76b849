//! `carium practitioners`, `carium appointment-types` and `carium appointment-statuses`.

use std::fmt::Display;

use carium::{Carium, Error, ListOptions};
use clap::{Args, Subcommand};
use futures_util::stream::{Stream, StreamExt as _, TryStreamExt as _};

use crate::connection::connect;
use crate::error::CliError;
use crate::output::{ListWriter, record};
use crate::settings::Settings;

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
  carium appointment-statuses list --output ndjson")]
pub(crate) struct ListLookup {}

impl ListLookup {
    pub(crate) async fn practitioners(self, settings: &Settings) -> Result<(), CliError> {
        let list = |client: &Carium| client.appointments().practitioners(ListOptions::default());
        write_lookup(settings, |client| list(client).map_ok(|item| (item.id, item.name))).await
    }

    pub(crate) async fn appointment_types(self, settings: &Settings) -> Result<(), CliError> {
        let list = |client: &Carium| client.appointments().types(ListOptions::default());
        write_lookup(settings, |client| list(client).map_ok(|item| (item.id, item.name))).await
    }

    pub(crate) async fn appointment_statuses(self, settings: &Settings) -> Result<(), CliError> {
        let list = |client: &Carium| client.appointments().statuses(ListOptions::default());
        write_lookup(settings, |client| list(client).map_ok(|item| (item.id, item.name))).await
    }
}

/// Writes the IDs and names of a list.
pub(super) async fn write_lookup<I: Display, S>(
    settings: &Settings,
    list: impl FnOnce(&Carium) -> S,
) -> Result<(), CliError>
where
    S: Stream<Item = Result<(I, Option<String>), Error>>,
{
    let connection = connect(settings).await?;
    let mut items = std::pin::pin!(list(&connection.client));
    let mut output = ListWriter::new(settings.format, &["id", "name"]);
    while output.is_open()
        && let Some(item) = items.next().await
    {
        let (id, name) = item?;
        output.push(record([("id", Some(id.to_string())), ("name", name)]))?;
    }
    output.finish()
}
