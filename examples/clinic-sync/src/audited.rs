//! A layer of the team's own around one of the traits.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use carium::patients::IndividualId;
use carium::{Error, NewPatient, Patients};

/// [`Patients`] that keep who was created, for the clinic's audit.
pub struct Audited {
    inner: Arc<dyn Patients>,
    created: Mutex<Vec<IndividualId>>,
}

impl Audited {
    /// Around these.
    pub fn new(inner: Arc<dyn Patients>) -> Self {
        Self { inner, created: Mutex::default() }
    }

    /// Who was created, in their order.
    pub fn created(&self) -> Vec<IndividualId> {
        self.created.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl std::fmt::Debug for Audited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audited").field("created", &self.created()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Patients for Audited {
    async fn create(&self, patient: NewPatient) -> Result<IndividualId, Error> {
        let id = self.inner.create(patient).await?;
        self.created.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        Ok(id)
    }
}
