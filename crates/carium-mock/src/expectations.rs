//! A mock of each public trait of `carium`, made with [`mockall`].
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

use carium::{Error, Items};
use futures_util::stream::{self, StreamExt as _};

pub use crate::generated::expectations::*;

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
