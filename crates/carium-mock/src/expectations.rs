//! Mocks of the traits of `carium`, made with [`mockall`].
//!
//! A test sets up the expected calls and the result of each. Use a mock to test how your code handles one particular
//! result, especially a rare error: a mock can return any result. Use [`FakeCarium`](crate::FakeCarium) to test a
//! sequence of calls.
//!
//! The mocks are in this crate instead of beside the traits so that programs that depend on `carium` do not build
//! `mockall`.
//!
//! ```
//! use carium::{Error, ErrorKind, NewPatient, Patients};
//! use carium_mock::expectations::MockPatients;
//!
//! /// Creates a patient. Returns `false` if the username is taken.
//! async fn create_if_new(patients: &dyn Patients, patient: NewPatient) -> Result<bool, Error> {
//!     match patients.create(patient).await {
//!         Ok(_) => Ok(true),
//!         Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
//!         Err(error) => Err(error),
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
//! patients.expect_create().once().returning(|_| Err(Error::new(ErrorKind::Conflict, "username is taken")));
//! assert!(create_if_new(&patients, patient.clone()).await?);
//! assert!(!create_if_new(&patients, patient).await?);
//! # Ok(())
//! # }
//! ```
//!
//! The test fails if the code makes an unexpected call, or does not make an expected one. See [`mockall`] for
//! matching arguments and counting calls. To return a list, use [`items`].

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
use carium::organizations::{IndividualGroup, Organization, OrganizationId};
use carium::{
    Appointments, Documents, Error, Invitations, Items, ListOptions, NewDocument, NewInvitation, NewPatient,
    Organizations, Patients, Secret, Transfers,
};
use futures_util::stream::{self, StreamExt as _};
use mockall::mock;

/// Creates the return value of a list method from its items.
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
    // Collected because the iterator may not be `Send` or `'static`.
    let items: Vec<T> = items.into_iter().collect();
    Items::from_items(stream::iter(items.into_iter().map(Ok)))
}

/// Creates the return value of a list method that yields the items and then an error, as if the next page could not
/// be read.
pub fn items_then_error<T: Send + 'static>(
    first_items: impl IntoIterator<Item = T>,
    error: Error,
) -> Items<T> {
    Items::from_items(items(first_items).chain(stream::iter([Err(error)])))
}

mock! {
    /// A mock of [`Organizations`]. Return lists with [`items`].
    pub Organizations {}

    impl Organizations for Organizations {
        fn list(&self, options: ListOptions) -> Items<Organization>;
        fn groups(&self, organization: Option<OrganizationId>, options: ListOptions) -> Items<IndividualGroup>;
    }
}

mock! {
    /// A mock of [`Patients`].
    pub Patients {}

    #[async_trait]
    impl Patients for Patients {
        async fn create(&self, patient: NewPatient) -> Result<IndividualId, Error>;
    }
}

mock! {
    /// A mock of [`Invitations`].
    pub Invitations {}

    #[async_trait]
    impl Invitations for Invitations {
        async fn send(&self, invitation: NewInvitation) -> Result<(), Error>;
    }
}

mock! {
    /// A mock of [`Appointments`]. Return lists with [`items`].
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
    /// A mock of [`Documents`]. Return lists with [`items`].
    pub Documents {}

    #[async_trait]
    impl Documents for Documents {
        fn classes(&self, options: ListOptions) -> Items<DocumentClass>;
        fn list(&self, query: DocumentQuery) -> Items<Document>;
        async fn create(&self, document: NewDocument) -> Result<CreatedDocument, Error>;
        async fn process(&self, id: DocumentReferenceId) -> Result<(), Error>;
        async fn download_url(&self, id: DocumentReferenceId) -> Result<Secret, Error>;
    }
}

mock! {
    /// A mock of [`Transfers`].
    pub Transfers {}

    #[async_trait]
    impl Transfers for Transfers {
        async fn post(&self, form: &UploadForm, file: FilePart) -> Result<(), Error>;
        async fn get(&self, url: &Secret, range: Option<ByteRange>) -> Result<DownloadResponse, Error>;
    }
}

mock! {
    /// A mock of [`UploadStateStore`].
    pub UploadStateStore {}

    #[async_trait]
    impl UploadStateStore for UploadStateStore {
        async fn save(&self, state: &UploadState) -> Result<(), Error>;
    }
}

mock! {
    /// A mock of [`Ledger`].
    pub Ledger {}

    #[async_trait]
    impl Ledger for Ledger {
        async fn entries(&self, row: &RowKey) -> Result<Vec<(Step, LedgerEntry)>, Error>;
        async fn insert(&self, row: &RowKey, step: &Step, entry: &LedgerEntry) -> Result<Option<LedgerEntry>, Error>;
        async fn compare_and_swap(&self, row: &RowKey, step: &Step, expected: EntryVersion, entry: &LedgerEntry) -> Result<bool, Error>;
    }
}
