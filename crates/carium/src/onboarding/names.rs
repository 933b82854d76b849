//! From the names that an organization has for things to their ids.

use std::time::Duration;

use carium_api::onboarding::IdOrName;
use carium_api::uuid::Uuid;
use futures_util::stream::{StreamExt as _, TryStreamExt as _};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Services;
use crate::error::{Error, ErrorKind};
use crate::page::{Items, ListOptions};
use crate::problem::Problem;

/// How long a list is relied on: a name that was given to something else in the meantime would mislead.
const FRESH: Duration = Duration::from_mins(10);
/// A name that is not in a list this old is looked for in a new one: it may have been added. Not sooner, as a file with
/// a wrong name in each row would list everything again for each.
const SETTLED: Duration = Duration::from_secs(30);
/// More is no vocabulary that anyone picks from by name.
const LONGEST: usize = 100_000;

/// Something that a row can name.
#[derive(Clone, Copy)]
pub(super) enum Vocabulary {
    Classes,
    Practitioners,
    Types,
    Statuses,
}

/// The vocabularies, as they were listed last: one list for any number of rows.
#[derive(Default)]
pub(super) struct Names([Mutex<Option<Listed>>; 4]);

struct Listed {
    at: Instant,
    things: Vec<(Uuid, String)>,
}

impl Names {
    /// The id that is meant: the id itself, or that of the one thing that has this name.
    ///
    /// # Errors
    /// `InvalidInput`, of the field at `path`: nothing has this name, or several have it. Those of the list.
    pub(super) async fn id(
        &self,
        services: &Services,
        vocabulary: Vocabulary,
        text: &IdOrName,
        path: &str,
    ) -> Result<Uuid, Error> {
        if let Ok(id) = text.parse() {
            return Ok(id);
        }
        // Held while it is listed: the others wait for the same list.
        let mut listed = self.0[vocabulary as usize].lock().await;
        let wrong =
            |what| Error::invalid("a name cannot be looked up", vec![Problem::at(path.to_owned(), what)]);
        for _ in 0..2 {
            let age = listed.as_ref().map(|listed| listed.at.elapsed());
            let ids = listed.as_ref().map(|listed| listed.of(text)).unwrap_or_default();
            match (age, ids.as_slice()) {
                (Some(age), [id]) if age < FRESH => return Ok(*id),
                (Some(age), []) if age < SETTLED => {
                    return Err(wrong("is neither an id nor a name that the organization lists"));
                }
                (Some(age), [_, _, ..]) if age < SETTLED => {
                    return Err(wrong("is the name of several: give the id"));
                }
                _ => *listed = Some(Listed::now(services, vocabulary).await?),
            }
        }
        // Listing took so long that the list is out of date.
        Err(Error::new(ErrorKind::TimedOut, "a vocabulary could not be listed in time"))
    }
}

impl Listed {
    /// The ids of what has this name.
    fn of(&self, name: &str) -> Vec<Uuid> {
        self.things.iter().filter(|(_, each)| each == name).map(|(id, _)| *id).collect()
    }

    async fn now(services: &Services, vocabulary: Vocabulary) -> Result<Self, Error> {
        let all = ListOptions::default();
        let items: Items<(Uuid, Option<String>)> = match vocabulary {
            Vocabulary::Classes => {
                services.documents.classes(all).map_ok(|class| (class.id.into(), class.name)).boxed()
            }
            Vocabulary::Practitioners => {
                let listed = services.appointments.practitioners(all);
                listed.map_ok(|practitioner| (practitioner.id.into(), practitioner.name)).boxed()
            }
            Vocabulary::Types => {
                services.appointments.types(all).map_ok(|kind| (kind.id.into(), kind.name)).boxed()
            }
            Vocabulary::Statuses => {
                services.appointments.statuses(all).map_ok(|status| (status.id.into(), status.name)).boxed()
            }
        };
        let at = Instant::now();
        let named = items.try_filter_map(|(id, name)| async move { Ok(name.map(|name| (id, name))) });
        let things: Vec<_> = named.take(LONGEST + 1).try_collect().await?;
        if things.len() > LONGEST {
            let what = "the organization lists too many things to look names up among them: give ids";
            return Err(Error::new(ErrorKind::InvalidInput, what));
        }
        Ok(Self { at, things })
    }
}
