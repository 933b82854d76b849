//! What a queue is for.

use carium::patients::OrganizationId;
use carium::{Carium, Error, ErrorKind};

/// Where the rows of a queue go: a queue belongs to one base URL and one organization, and is refused for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    base_url: String,
    organization: Option<OrganizationId>,
}

impl Target {
    /// What a client is set up for.
    pub fn for_client(carium: &Carium) -> Self {
        Self { base_url: carium.api().base_url().to_string(), organization: carium.organization() }
    }

    /// A sandbox, whatever port it has today.
    pub fn sandbox(organization: impl Into<Option<OrganizationId>>) -> Self {
        Self { base_url: "sandbox".to_owned(), organization: organization.into() }
    }

    /// The base URL, or `sandbox`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The organization whose vocabularies names are looked up in.
    pub fn organization(&self) -> Option<OrganizationId> {
        self.organization
    }

    /// Whether a queue that was made for `made_for` may be used for this.
    pub(crate) fn check(&self, made_for: &Self) -> Result<(), Error> {
        if self == made_for {
            return Ok(());
        }
        let what = if self.base_url == made_for.base_url {
            "the queue was made for another organization"
        } else {
            "the queue was made for another base URL"
        };
        Err(Error::new(ErrorKind::Conflict, what))
    }

    pub(crate) fn from_parts(base_url: String, organization: Option<&str>) -> Result<Self, Error> {
        let unreadable = |_| Error::new(ErrorKind::Undecodable, "what the queue was made for cannot be read");
        let organization = organization.map(str::parse::<OrganizationId>).transpose().map_err(unreadable)?;
        Ok(Self { base_url, organization })
    }
}
