//! Organizations, and the groups that patients can belong to.

pub use carium_api::types::{IndividualGroupId, OrganizationId};
use carium_api::types::{IndividualGroupList, OrganizationList};
use carium_api::{Client, ClientIdentityExt as _, operations};

use crate::lookups::{list_lookup, lookup_type};
use crate::page::{Items, ListOptions, PageParameters, items};

/// The interface for organizations and their groups.
///
/// [`Carium::organizations`](crate::Carium::organizations) returns the implementation for the Carium API.
pub trait Organizations: Send + Sync {
    /// Lists the organizations that the account can access.
    fn list(&self, options: ListOptions) -> Items<Organization>;

    /// Lists the groups of an organization that patients can belong to. If `organization` is `None`, lists those of the
    /// client's organization, or of all organizations if the client has none.
    fn groups(&self, organization: Option<OrganizationId>, options: ListOptions) -> Items<IndividualGroup>;
}

lookup_type! {
    /// An organization that the account can access.
    Organization, OrganizationId, OrganizationList, true
}
lookup_type! {
    /// A group of individuals.
    ///
    /// `Debug` does not show the name, because it can tell something about the members, such as a condition.
    IndividualGroup, IndividualGroupId, IndividualGroupList, false
}

/// The implementation of [`Organizations`] for the Carium API.
pub(crate) struct ApiOrganizations {
    pub(crate) client: Client,
    /// The organization whose groups are listed by default.
    pub(crate) organization: Option<OrganizationId>,
}

impl Organizations for ApiOrganizations {
    fn list(&self, options: ListOptions) -> Items<Organization> {
        let request_page = |client: Client, page: PageParameters| async move {
            client.list_organizations().page_limit(page.limit).page_offset(page.offset).send().await
        };
        items(self.client.clone(), &operations::LIST_ORGANIZATIONS, options, request_page)
    }

    fn groups(&self, organization: Option<OrganizationId>, options: ListOptions) -> Items<IndividualGroup> {
        let organization = organization.or(self.organization);
        list_lookup!(self, organization, options, LIST_INDIVIDUAL_GROUPS, list_individual_groups)
    }
}
