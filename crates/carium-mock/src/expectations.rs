//! Mocks of the traits of `carium`: a test says beforehand what is called, how often and with what, and what is
//! answered. They are for a few calls, above all for what comes of an error: any can be answered, also one that
//! the service gives once a year.
//!
//! They are declared here rather than beside the traits, so that no program that depends on `carium` builds
//! `mockall` with it.
//!
//! ```
//! use carium::{Error, ErrorKind, NewPatient, Patients};
//! use carium_mock::expectations::MockPatients;
//!
//! async fn is_new(patients: &dyn Patients, patient: NewPatient) -> Result<bool, Error> {
//!     match patients.create(patient).await {
//!         Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
//!         created => created.map(|_id| true),
//!     }
//! }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let patient = NewPatient::builder()
//! #     .first_name("James")
//! #     .last_name("Reece")
//! #     .birth_date("1980-07-04")
//! #     .gender(carium::patients::Gender::Male)
//! #     .email("james.reece@example.com")
//! #     .organization("8d25a2a6-8219-40d1-a34f-c24ec69f4f72".parse()?)
//! #     .build()?;
//! # let id = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002".parse()?;
//!
//! let mut patients = MockPatients::new();
//! patients.expect_create().once().returning(move |_| Ok(id));
//! patients.expect_create().once().returning(|_| Err(Error::new(ErrorKind::Conflict, "taken")));
//! assert!(is_new(&patients, patient.clone()).await?);
//! assert!(!is_new(&patients, patient).await?);
//! # Ok(())
//! # }
//! ```
//!
//! A call of which nothing was said fails the test, and so does one that was announced and not made. What can be
//! said is in the documentation of [`mockall`]; a list is answered with [`items`].

use carium::api::async_trait;
use carium::api::types::{AppointmentId, DocumentReferenceId, IndividualId};
use carium::appointments::{
    Appointment, AppointmentStatus, AppointmentType, AppointmentUpdate, NewAppointment, Practitioner,
};
use carium::documents::{
    ByteRange, CreatedDocument, Document, DocumentClass, DocumentQuery, DownloadResponse, FilePart,
    UploadForm, UploadState, UploadStateStore,
};
use carium::onboarding::{EntryVersion, Ledger, LedgerEntry, RowKey, Step};
use carium::{
    Appointments, Documents, Error, Invitations, Items, ListOptions, NewDocument, NewInvitation, NewPatient,
    Patients, Secret, Transfers,
};
use futures_util::stream::{self, StreamExt as _};
use mockall::mock;

/// A list of these, for a method that returns one.
///
/// ```
/// use carium::appointments::Practitioner;
/// use carium_mock::expectations::MockAppointments;
///
/// let id = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002".parse()?;
/// let mut appointments = MockAppointments::new();
/// appointments
///     .expect_practitioners()
///     .returning(move |_options| carium_mock::items(vec![Practitioner::new(id, "Dr. Ann Reed")]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn items<T: Send + 'static>(items: impl IntoIterator<Item = T>) -> Items<T> {
    // Collected, as the iterator itself may be bound to a thread or to what it borrows.
    let items: Vec<T> = items.into_iter().collect();
    stream::iter(items.into_iter().map(Ok)).boxed()
}

/// A list that gives these and then fails, as one does whose next page cannot be read.
pub fn items_then_error<T: Send + 'static>(these: impl IntoIterator<Item = T>, error: Error) -> Items<T> {
    items(these).chain(stream::iter([Err(error)])).boxed()
}

mock! {
    /// [`Patients`] as a test expects them to be called.
    pub Patients {}

    #[async_trait]
    impl Patients for Patients {
        async fn create(&self, patient: NewPatient) -> Result<IndividualId, Error>;
    }
}

mock! {
    /// [`Invitations`] as a test expects them to be called.
    pub Invitations {}

    #[async_trait]
    impl Invitations for Invitations {
        async fn send(&self, invitation: NewInvitation) -> Result<(), Error>;
    }
}

mock! {
    /// [`Appointments`] as a test expects them to be called. Lists are given with [`items`].
    pub Appointments {}

    #[async_trait]
    impl Appointments for Appointments {
        async fn create(&self, appointment: NewAppointment) -> Result<AppointmentId, Error>;
        async fn get(&self, id: AppointmentId) -> Result<Appointment, Error>;
        async fn update(&self, id: AppointmentId, update: AppointmentUpdate) -> Result<Appointment, Error>;
        async fn delete(&self, id: AppointmentId) -> Result<(), Error>;
        fn practitioners(&self, options: ListOptions) -> Items<Practitioner>;
        fn statuses(&self, options: ListOptions) -> Items<AppointmentStatus>;
        fn types(&self, options: ListOptions) -> Items<AppointmentType>;
    }
}

mock! {
    /// [`Documents`] as a test expects them to be called. Lists are given with [`items`].
    pub Documents {}

    #[async_trait]
    impl Documents for Documents {
        fn classes(&self, options: ListOptions) -> Items<DocumentClass>;
        fn list(&self, query: DocumentQuery) -> Items<Document>;
        async fn create(&self, document: NewDocument) -> Result<CreatedDocument, Error>;
        async fn process(&self, id: DocumentReferenceId) -> Result<(), Error>;
        async fn download_info(&self, id: DocumentReferenceId) -> Result<Secret, Error>;
    }
}

mock! {
    /// [`Transfers`] as a test expects them to be called.
    pub Transfers {}

    #[async_trait]
    impl Transfers for Transfers {
        async fn post(&self, form: &UploadForm, file: FilePart) -> Result<(), Error>;
        async fn get(&self, url: &Secret, range: Option<ByteRange>) -> Result<DownloadResponse, Error>;
    }
}

mock! {
    /// [`UploadStateStore`] as a test expects it to be called.
    pub UploadStateStore {}

    #[async_trait]
    impl UploadStateStore for UploadStateStore {
        async fn save(&self, state: &UploadState) -> Result<(), Error>;
    }
}

mock! {
    /// [`Ledger`] as a test expects it to be called.
    pub Ledger {}

    #[async_trait]
    impl Ledger for Ledger {
        async fn entries(&self, row: &RowKey) -> Result<Vec<(Step, LedgerEntry)>, Error>;
        async fn insert(&self, row: &RowKey, step: &Step, entry: &LedgerEntry) -> Result<Option<LedgerEntry>, Error>;
        async fn compare_and_swap(&self, row: &RowKey, step: &Step, expected: EntryVersion, entry: &LedgerEntry) -> Result<bool, Error>;
    }
}
