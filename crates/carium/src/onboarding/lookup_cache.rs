//! Resolves the names of groups, practitioners, document classes, appointment types and appointment statuses to IDs.

use std::sync::Arc;
use std::time::Duration;

use carium_api::onboarding::IdOrName;
use carium_api::uuid::Uuid;
use futures_util::stream::{StreamExt as _, TryStreamExt as _};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::run::OnboardingServices;
use crate::appointments::Appointments;
use crate::documents::Documents;
use crate::error::{Error, ErrorKind};
use crate::organizations::{OrganizationId, Organizations};
use crate::page::{Items, ListOptions};
use crate::problem::Problem;

/// How long a cached list is used. A longer time would increase the risk that a name was reassigned in the meantime.
const MAX_AGE: Duration = Duration::from_secs(600);
/// Minimum age of a list before a name that is missing or ambiguous in it causes a new listing, as the organization
/// may have changed. Without the minimum, a file with a wrong name in every row would list everything again for
/// each row.
const MIN_REFRESH_INTERVAL: Duration = Duration::from_secs(30);
/// Maximum number of entries of a list, which limits the memory of the cache.
const MAX_ENTRIES: usize = 100_000;

/// A list of the service in which names of a row are looked up.
#[derive(Clone, Copy)]
pub(super) enum LookupList {
    Groups,
    DocumentClasses,
    Practitioners,
    AppointmentTypes,
    AppointmentStatuses,
}

/// The lists of the services as they were last read, shared by all rows.
pub(super) struct LookupCache {
    organizations: Arc<dyn Organizations>,
    documents: Arc<dyn Documents>,
    appointments: Arc<dyn Appointments>,
    /// Indexed by [`LookupList`].
    lists: [Mutex<Option<CachedList>>; 5],
}

struct CachedList {
    listed_at: Instant,
    entries: Vec<(Uuid, String)>,
}

impl LookupCache {
    pub(super) fn new(services: &OnboardingServices) -> Self {
        Self {
            organizations: Arc::clone(&services.organizations),
            documents: Arc::clone(&services.documents),
            appointments: Arc::clone(&services.appointments),
            lists: Default::default(),
        }
    }

    /// Returns the ID for a text that is either an ID or a name. Names are those of `organization`, which must be the
    /// same for each call.
    ///
    /// # Errors
    /// - `InvalidInput`, for the field at `path`: no entry of the list has this name, or several have it.
    /// - `TimedOut`: the list was out of date by the time it was read.
    /// - Errors of listing.
    pub(super) async fn resolve_id(
        &self,
        list: LookupList,
        organization: OrganizationId,
        text: &IdOrName,
        path: &str,
    ) -> Result<Uuid, Error> {
        if let Ok(id) = text.parse() {
            return Ok(id);
        }
        // The lock is held while listing, so that concurrent rows wait for the same list instead of reading it too.
        let mut cached = self.lists[list as usize].lock().await;
        let invalid = |message| {
            Error::invalid("a name cannot be looked up", vec![Problem::new(path.to_owned(), message)])
        };
        for _ in 0..2 {
            let age = cached.as_ref().map(|cached| cached.listed_at.elapsed());
            let ids = cached.as_ref().map(|cached| cached.ids_named(text)).unwrap_or_default();
            match (age, ids.as_slice()) {
                (Some(age), [id]) if age < MAX_AGE => return Ok(*id),
                (Some(age), []) if age < MIN_REFRESH_INTERVAL => {
                    return Err(invalid("is neither an ID nor a name that the organization lists"));
                }
                (Some(age), [_, _, ..]) if age < MIN_REFRESH_INTERVAL => {
                    return Err(invalid("is a name that several entries have: use the ID"));
                }
                _ => *cached = Some(self.fetch(list, organization).await?),
            }
        }
        Err(Error::new(ErrorKind::TimedOut, "listing the names took too long; retry later"))
    }

    /// Reads a list from the service.
    async fn fetch(&self, list: LookupList, organization: OrganizationId) -> Result<CachedList, Error> {
        let all = ListOptions::default();
        let items: Items<(Uuid, Option<String>)> = match list {
            LookupList::Groups => {
                let groups = self.organizations.groups(Some(organization), all);
                groups.map_items(|group| (group.id.into(), group.name))
            }
            LookupList::DocumentClasses => {
                self.documents.classes(all).map_items(|class| (class.id.into(), class.name))
            }
            LookupList::Practitioners => {
                let practitioners = self.appointments.practitioners(all);
                practitioners.map_items(|practitioner| (practitioner.id.into(), practitioner.name))
            }
            LookupList::AppointmentTypes => {
                let types = self.appointments.types(all);
                types.map_items(|appointment_type| (appointment_type.id.into(), appointment_type.name))
            }
            LookupList::AppointmentStatuses => {
                self.appointments.statuses(all).map_items(|status| (status.id.into(), status.name))
            }
        };
        let listed_at = Instant::now();
        let named = items.try_filter_map(|(id, name)| async move { Ok(name.map(|name| (id, name))) });
        let entries: Vec<_> = named.take(MAX_ENTRIES + 1).try_collect().await?;
        if entries.len() > MAX_ENTRIES {
            let message =
                "the organization lists more than 100,000 entries, too many to look up names: use IDs";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        Ok(CachedList { listed_at, entries })
    }
}

impl CachedList {
    /// Returns the IDs of all entries with this name.
    fn ids_named(&self, name: &str) -> Vec<Uuid> {
        self.entries.iter().filter(|(_, each)| each == name).map(|(id, _)| *id).collect()
    }
}
