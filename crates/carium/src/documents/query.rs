//! Filters for a list of documents.

use std::fmt;

use carium_api::Redacted;
use carium_api::types::{DocumentClassId, IndividualId, OrganizationId};

use crate::error::Error;
use crate::page::ListOptions;
use crate::problem::Problem;

/// Filters for a list of documents. A document is listed if it matches every filter; without filters, all documents
/// of the organization are listed.
///
/// ```
/// use carium::documents::DocumentQuery;
///
/// let query = DocumentQuery::default()
///     .patient("aa6243fb-e4c1-44a0-ae3c-f4c4ab115002".parse()?)
///     .filter("name", "Referral letter");
/// assert!(query.validate().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq)]
#[must_use]
pub struct DocumentQuery {
    pub(super) organization: Option<OrganizationId>,
    pub(super) patient: Option<IndividualId>,
    pub(super) class: Option<DocumentClassId>,
    extra_filters: Vec<(String, String)>,
    pub(super) options: ListOptions,
}

/// Maximum total length of the extra filters: servers and proxies reject or truncate longer URLs.
const MAX_EXTRA_FILTER_BYTES: usize = 4096;

impl DocumentQuery {
    /// Lists only documents in the record of this patient.
    pub fn patient(mut self, patient: IndividualId) -> Self {
        self.patient = Some(patient);
        self
    }

    /// Lists only documents that are filed under this class.
    pub fn class(mut self, class: DocumentClassId) -> Self {
        self.class = Some(class);
        self
    }

    /// Lists the documents of this organization. Defaults to the client's organization.
    pub fn organization(mut self, organization: OrganizationId) -> Self {
        self.organization = Some(organization);
        self
    }

    /// Adds another filter of the service, sent as `filter[NAME]=VALUE`. The vendor's documentation lists the
    /// filters that exist.
    ///
    /// The value is part of the URL, which servers and proxies log: it must not contain health information.
    pub fn filter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.extra_filters.push((name.into(), value.into()));
        self
    }

    /// Sets where the list starts and how many items a page has.
    pub fn options(mut self, options: ListOptions) -> Self {
        self.options = options;
        self
    }

    /// Returns the patient filter.
    pub fn patient_filter(&self) -> Option<IndividualId> {
        self.patient
    }

    /// Returns the class filter.
    pub fn class_filter(&self) -> Option<DocumentClassId> {
        self.class
    }

    /// Returns the organization, if it was set.
    pub fn organization_filter(&self) -> Option<OrganizationId> {
        self.organization
    }

    /// Returns the names and values of the extra filters, in the order in which they were added.
    pub fn extra_filters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.extra_filters.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Validates the query.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), with one [problem](Error::problems) of the field `filter`
    /// for each of these:
    /// - An extra filter has a dedicated method, such as [`patient`](Self::patient).
    /// - An extra filter has an empty name or a name with brackets.
    /// - The extra filters are longer than 4,096 bytes in total.
    pub fn validate(&self) -> Result<(), Error> {
        let mut problems = Vec::new();
        for (name, _) in &self.extra_filters {
            if ["individual-id", "class-id"].contains(&name.as_str()) {
                problems.push(Problem::new("filter", "has a dedicated method: use `patient` or `class`"));
            } else if name.is_empty() || name.contains(['[', ']']) {
                problems.push(Problem::new("filter", "must have a name, without brackets"));
            }
        }
        let bytes: usize = self.extra_filters.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > MAX_EXTRA_FILTER_BYTES {
            problems.push(Problem::new(
                "filter",
                "is too long: all filters together can have at most 4,096 bytes",
            ));
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::invalid("the documents cannot be listed with this query", problems))
    }

    /// Validates the query and returns the extra filters as query parameters.
    pub(super) fn extra_parameters(&self) -> Result<Vec<(String, String)>, Error> {
        self.validate()?;
        let parameter = |(name, value): &(String, String)| (format!("filter[{name}]"), value.clone());
        Ok(self.extra_filters.iter().map(parameter).collect())
    }
}

impl fmt::Debug for DocumentQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extra_filters: Vec<_> =
            self.extra_filters.iter().map(|(name, _)| (name, Redacted::Unknown)).collect();
        f.debug_struct("DocumentQuery")
            .field("organization", &self.organization)
            .field("patient", &self.patient)
            .field("class", &self.class)
            .field("extra_filters", &extra_filters)
            .field("options", &self.options)
            .finish()
    }
}
