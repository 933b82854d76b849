//! The base URL and organization that a queue belongs to.

use carium::patients::OrganizationId;
use carium::{Carium, Error, ErrorKind};

/// The base URL and organization that a queue belongs to. A queue cannot be opened for any other target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    base_url: String,
    organization: Option<OrganizationId>,
}

impl Target {
    /// Returns the target of a client.
    pub fn for_client(carium: &Carium) -> Self {
        Self { base_url: carium.api().base_url().to_string(), organization: carium.organization() }
    }

    /// Creates the target of a sandbox. It does not depend on the sandbox's port, which changes with each start.
    pub fn sandbox(organization: impl Into<Option<OrganizationId>>) -> Self {
        Self { base_url: "sandbox".to_owned(), organization: organization.into() }
    }

    /// Returns the base URL, or `sandbox`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns the organization whose lookups (practitioners, types and so on) the rows refer to.
    pub fn organization(&self) -> Option<OrganizationId> {
        self.organization
    }

    /// Checks that a queue which was created for the target `of_queue` may be used for this target.
    pub(crate) fn check(&self, of_queue: &Self) -> Result<(), Error> {
        if self == of_queue {
            return Ok(());
        }
        let message = if self.base_url == of_queue.base_url {
            "the queue was created for another organization"
        } else {
            "the queue was created for another base URL"
        };
        Err(Error::new(ErrorKind::Conflict, message))
    }

    pub(crate) fn from_parts(base_url: String, organization: Option<&str>) -> Result<Self, Error> {
        let invalid =
            |_| Error::new(ErrorKind::Undecodable, "the stored organization of the queue is not an ID");
        let organization = organization.map(str::parse::<OrganizationId>).transpose().map_err(invalid)?;
        Ok(Self { base_url, organization })
    }
}
