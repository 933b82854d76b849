//! Which documents to list.

use std::fmt;

use carium_api::Redacted;
use carium_api::types::{DocumentClassId, IndividualId, OrganizationId};

use crate::error::Error;
use crate::page::ListOptions;
use crate::problem::Problem;

/// Which documents to list: those that pass every filter. With none, all of the organization's.
///
/// ```
/// use carium::documents::DocumentQuery;
///
/// let query = DocumentQuery::default()
///     .patient("aa6243fb-e4c1-44a0-ae3c-f4c4ab115002".parse()?)
///     .filter("name", "Referral letter");
/// assert!(query.check().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq)]
#[must_use]
pub struct DocumentQuery {
    pub(super) organization: Option<OrganizationId>,
    pub(super) patient: Option<IndividualId>,
    pub(super) class: Option<DocumentClassId>,
    pub(super) further: Vec<(String, String)>,
    pub(super) options: ListOptions,
}

/// Longer queries are cut off on the way, or refused.
const LONGEST: usize = 4096;

impl DocumentQuery {
    /// Those in the record of this patient.
    pub fn patient(mut self, patient: IndividualId) -> Self {
        self.patient = Some(patient);
        self
    }

    /// Those that are filed under this class.
    pub fn class(mut self, class: DocumentClassId) -> Self {
        self.class = Some(class);
        self
    }

    /// Those of this organization. Left out, the client's.
    pub fn organization(mut self, organization: OrganizationId) -> Self {
        self.organization = Some(organization);
        self
    }

    /// Those that pass a further filter of the service, sent as `filter[NAME]=VALUE`. Which there are is in the
    /// vendor's own documentation. A value stands in the URL, which is logged by everyone on the way: no
    /// health information.
    pub fn filter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.further.push((name.into(), value.into()));
        self
    }

    /// Where the list begins, and how much of it a page holds.
    pub fn options(mut self, options: ListOptions) -> Self {
        self.options = options;
        self
    }

    /// The patient whose documents are listed.
    pub fn patient_filter(&self) -> Option<IndividualId> {
        self.patient
    }

    /// The class whose documents are listed.
    pub fn class_filter(&self) -> Option<DocumentClassId> {
        self.class
    }

    /// The organization whose documents are listed.
    pub fn organization_filter(&self) -> Option<OrganizationId> {
        self.organization
    }

    /// The further filters: names and values, in the order in which they were given.
    pub fn extra_filters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.further.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether documents can be listed so.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput): a further filter has a method of its own, has no name that a
    /// filter can have, or they are too long; [`Error::problems`] names them as `filter`.
    pub fn check(&self) -> Result<(), Error> {
        let mut problems = Vec::new();
        for (name, _) in &self.further {
            if ["individual-id", "class-id"].contains(&name.as_str()) {
                problems.push(Problem::new("filter", "has a method of its own: `patient` or `class`"));
            } else if name.is_empty() || name.contains(['[', ']']) {
                problems.push(Problem::new("filter", "is named without brackets, and not empty"));
            }
        }
        if self.further.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > LONGEST {
            problems.push(Problem::new("filter", "is too long: all of them have 4,096 bytes at the most"));
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::invalid("the documents cannot be listed as asked", problems))
    }

    /// The further filters as parameters, if they can be.
    pub(super) fn parameters(&self) -> Result<Vec<(String, String)>, Error> {
        self.check()?;
        Ok(self.further.iter().map(|(name, value)| (format!("filter[{name}]"), value.clone())).collect())
    }
}

impl fmt::Debug for DocumentQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let further: Vec<_> = self.further.iter().map(|(name, _)| (name, Redacted::Unknown)).collect();
        f.debug_struct("DocumentQuery")
            .field("organization", &self.organization)
            .field("patient", &self.patient)
            .field("class", &self.class)
            .field("further", &further)
            .field("options", &self.options)
            .finish()
    }
}
