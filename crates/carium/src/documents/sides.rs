//! The two sides that a document travels between, and what both pipelines know of them.

use std::sync::Arc;

use super::{Documents, Transfers, Tries};

/// The service, the object store, and how often they are asked.
#[derive(Clone)]
pub(crate) struct DocumentServices {
    pub(crate) documents: Arc<dyn Documents>,
    pub(crate) transfers: Arc<dyn Transfers>,
    pub(crate) tries: Tries,
}

impl DocumentServices {
    /// DocumentServices that are asked as often as a client asks where nobody says otherwise.
    pub(super) fn new(documents: Arc<dyn Documents>, transfers: Arc<dyn Transfers>) -> Self {
        Self { documents, transfers, tries: Tries::default() }
    }
}
