//! A wrapper around one of the traits of `carium`.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use carium::patients::IndividualId;
use carium::{Error, NewPatient, Patients};

/// A [`Patients`] wrapper that records the created patients for an audit.
pub struct AuditedPatients {
    inner: Arc<dyn Patients>,
    created: Mutex<Vec<IndividualId>>,
}

impl AuditedPatients {
    /// Wraps an implementation.
    pub fn new(inner: Arc<dyn Patients>) -> Self {
        Self { inner, created: Mutex::default() }
    }

    /// Returns the IDs of the created patients, in the order of creation.
    pub fn created(&self) -> Vec<IndividualId> {
        self.created.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl std::fmt::Debug for AuditedPatients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditedPatients").field("created", &self.created()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Patients for AuditedPatients {
    async fn create(&self, patient: NewPatient) -> Result<IndividualId, Error> {
        let id = self.inner.create(patient).await?;
        self.created.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        Ok(id)
    }
}
