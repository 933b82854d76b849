//! The two sides that a document travels between, and what both pipelines know of them.

use std::sync::Arc;

use super::{Documents, Transfers, Tries};
use crate::error::{Error, ErrorKind};

/// The service, the object store, and how often they are asked.
#[derive(Clone)]
pub(crate) struct Sides {
    pub(crate) documents: Arc<dyn Documents>,
    pub(crate) transfers: Arc<dyn Transfers>,
    pub(crate) tries: Tries,
}

impl Sides {
    /// Sides that are asked as often as a client asks where nobody says otherwise.
    pub(super) fn new(documents: Arc<dyn Documents>, transfers: Arc<dyn Transfers>) -> Self {
        Self { documents, transfers, tries: Tries::default() }
    }
}

/// Whether a store's refusal may mean that what was presigned is no longer valid. Not every store says so.
pub(super) fn is_out_of_date(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Expired | ErrorKind::Forbidden)
}
