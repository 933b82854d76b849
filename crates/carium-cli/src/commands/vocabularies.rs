//! `carium practitioners`, `carium appointment-types` and `carium appointment-statuses`.

use std::fmt::Display;

use carium::{Carium, Error, ListOptions};
use clap::{Args, Subcommand};
use futures_util::stream::{Stream, StreamExt as _, TryStreamExt as _};

use crate::connection::connect;
use crate::exit::CliError;
use crate::output::{Many, record};
use crate::settings::Settings;

/// What can be done with a vocabulary.
#[derive(Debug, Subcommand)]
pub(crate) enum Listing {
    /// List all of them, with their ids
    List(List),
}

/// List all of them, with their ids
///
/// Every page of the list. Where an id is wanted, the name does as well.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium --sandbox practitioners list
  carium --sandbox appointment-types list --output json
  carium appointment-statuses list --output ndjson")]
pub(crate) struct List {}

impl List {
    pub(crate) async fn practitioners(self, settings: &Settings) -> Result<(), CliError> {
        let listed = |client: &Carium| client.appointments().practitioners(ListOptions::default());
        show(settings, |client| listed(client).map_ok(|item| (item.id, item.name))).await
    }

    pub(crate) async fn types(self, settings: &Settings) -> Result<(), CliError> {
        let listed = |client: &Carium| client.appointments().types(ListOptions::default());
        show(settings, |client| listed(client).map_ok(|item| (item.id, item.name))).await
    }

    pub(crate) async fn statuses(self, settings: &Settings) -> Result<(), CliError> {
        let listed = |client: &Carium| client.appointments().statuses(ListOptions::default());
        show(settings, |client| listed(client).map_ok(|item| (item.id, item.name))).await
    }
}

/// Lists things that have an id and a name.
pub(super) async fn show<I: Display, S>(
    settings: &Settings,
    list: impl FnOnce(&Carium) -> S,
) -> Result<(), CliError>
where
    S: Stream<Item = Result<(I, Option<String>), Error>>,
{
    let connection = connect(settings).await?;
    let mut listed = std::pin::pin!(list(&connection.client));
    let mut output = Many::new(settings.format, &["id", "name"]);
    while output.is_read()
        && let Some(item) = listed.next().await
    {
        let (id, name) = item?;
        output.push(record([("id", Some(id.to_string())), ("name", name)]))?;
    }
    output.finish()
}
