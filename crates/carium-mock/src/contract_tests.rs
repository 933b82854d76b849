//! The contract of the traits of `carium`, as checks: one for each promise, to be run against whatever implements
//! the traits.
//!
//! A team that writes a fake of its own, or wraps the client, runs against it what [`FakeCarium`](crate::FakeCarium)
//! and the client in front of the sandbox go through here. What passes may stand for the service in tests.
//!
//! # How a team takes it
//! A *subject* says what is checked and what is known of it: for each trait there is one, such as
//! [`PatientsFixture`], with the trait's implementation and with ids that are there.
//! [`contract_tests!`](crate::contract_tests!) makes a test of each check. Only the groups that are named are checked,
//! and only their subjects are needed:
//!
//! ```
//! use std::sync::Arc;
//!
//! use carium::patients::{IndividualGroupId, IndividualId, OrganizationId};
//! use carium::{Error, NewPatient, Patients};
//! use carium_mock::FakeCarium;
//! use carium_mock::contract_tests::{PatientsFixture, Fixture};
//!
//! /// A team's own layer: it counts whom it lets through. It knows patients and nothing else.
//! struct Counted {
//!     inner: Arc<dyn Patients>,
//!     created: std::sync::atomic::AtomicU64,
//! }
//!
//! #[carium::api::async_trait]
//! impl Patients for Counted {
//!     async fn create(&self, patient: NewPatient) -> Result<IndividualId, Error> {
//!         let created = self.inner.create(patient).await?;
//!         self.created.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
//!         Ok(created)
//!     }
//! }
//!
//! /// What is checked, and what is there: the layer, and the fake behind it.
//! struct Subject {
//!     fake: FakeCarium,
//!     patients: Arc<Counted>,
//! }
//!
//! fn subject() -> Subject {
//!     let fake = FakeCarium::new();
//!     let patients = Arc::new(Counted { inner: Arc::new(fake.clone()), created: 0.into() });
//!     Subject { fake, patients }
//! }
//!
//! impl Fixture for Subject {
//!     fn organization(&self) -> OrganizationId {
//!         self.fake.organization()
//!     }
//! }
//!
//! impl PatientsFixture for Subject {
//!     fn patients(&self) -> Arc<dyn Patients> {
//!         Arc::<Counted>::clone(&self.patients)
//!     }
//!
//!     fn groups(&self) -> [IndividualGroupId; 2] {
//!         [self.fake.add_group(), self.fake.add_group()]
//!     }
//! }
//!
//! // A test for each check of the group, such as `patients::a_username_is_one_persons`.
//! carium_mock::contract_tests!(patients; subject = subject());
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), carium_mock::contract_tests::ContractViolation> {
//! # // A doc test runs `main`, not tests.
//! # carium_mock::contract_tests::checks::patients::a_username_is_one_persons(&subject()).await
//! # }
//! ```
//!
//! The tests are `#[tokio::test]`s: the crate that they are made in has `tokio` with the features `macros` and `rt`
//! among its dev-dependencies. A check is a function, too ([`checks`]), and says what is [`ContractViolation`] instead of
//! panicking, so it can be run by other means.
//!
//! # What is a promise
//! What the documentation of the traits says, and what the vendor's Examples page does. Where that leaves something
//! open, such as the status that refuses a username, every answer passes that the traits allow. What a service may
//! leave out at all (naming the field at fault, ranges of a file) is a question of the subject, with a default.
//!
//! Of one thing both say nothing, and it is a stand of this project: a document without a file is refused by
//! [`Documents::process`](carium::Documents::process).
//!
//! Lists are read with pages of several sizes. A subject that can be filled had better have more items than a usual
//! page, which has 25 here.
//!
//! Usernames and texts are drawn anew for each run, so a service that remembers can be checked twice. What was
//! created stays there, except for appointments that are deleted because deleting is what is checked.

mod appointments;
mod documents;
mod fake;
mod finding;
mod inputs;
mod invitations;
mod lists;
mod patients;
mod subject;
mod table;
mod together;
mod transfers;

pub use finding::ContractViolation;
pub use subject::{
    AppointmentsFixture, DocumentsFixture, Fixture, FullFixture, InvitationsFixture, PatientsFixture,
};

/// The public face of the checks of a group: with the promise from the table, which a failure then quotes.
macro_rules! published {
    ($group:ident, $subject:ident, [$($check:ident: $promise:literal,)+]) => {
        #[doc = concat!("What is checked with a [`", stringify!($subject), "`](crate::contract_tests::", stringify!($subject), ").")]
        pub mod $group {
            use crate::contract_tests::{$subject, ContractViolation};

            $(
                #[doc = $promise]
                ///
                /// # Errors
                /// It is not so: what was looked at, what was expected and what came.
                pub async fn $check(subject: &dyn $subject) -> Result<(), ContractViolation> {
                    let outcome = crate::contract_tests::$group::$check(subject).await;
                    outcome.map_err(|finding| {
                        ContractViolation::new(concat!(stringify!($group), "::", stringify!($check)), $promise, finding)
                    })
                }
            )+
        }
    };
}

/// The checks, by group. Each is a test of that name where [`contract_tests!`](crate::contract_tests!) is used.
pub mod checks {
    crate::__contract_table! { patients, published }
    crate::__contract_table! { invitations, published }
    crate::__contract_table! { appointments, published }
    crate::__contract_table! { documents, published }
    crate::__contract_table! { transfers, published }
    crate::__contract_table! { together, published }
}

/// Makes a `#[tokio::test]` of each check of these groups, in a module named after the group.
///
/// The groups are `patients`, `invitations`, `appointments`, `documents`, `transfers`, and `together`, for what one
/// trait promises of what was done with another. With none, all of them. The subject is an expression that is
/// evaluated anew in each test, and may await; what a group asks of it is in [`suite`](crate::suite).
///
/// ```
/// mod contract {
///     use carium_mock::FakeCarium;
///
///     async fn subject() -> FakeCarium {
///         FakeCarium::new()
///     }
///
///     carium_mock::contract_tests!(patients, invitations; subject = subject().await);
/// }
/// ```
#[macro_export]
macro_rules! contract_tests {
    (subject = $subject:expr $(;)?) => {
        $crate::contract_tests! {
            patients, invitations, appointments, documents, transfers, together; subject = $subject
        }
    };
    ($($group:ident),+ $(,)?; subject = $subject:expr $(;)?) => {
        $($crate::__contract_table! { $group, $crate::__contract_tests, ($subject), })+
    };
}

/// The tests of one group, from its rows of the table.
#[doc(hidden)]
#[macro_export]
macro_rules! __contract_tests {
    (($subject:expr), $group:ident, $trait:ident, [$($check:ident: $promise:literal,)+]) => {
        mod $group {
            #[allow(unused_imports, clippy::wildcard_imports, reason = "the subject may need any of it")]
            use super::*;

            $(
                #[doc = $promise]
                #[::tokio::test]
                async fn $check() -> ::core::result::Result<(), $crate::contract_tests::ContractViolation> {
                    let subject = $subject;
                    $crate::contract_tests::checks::$group::$check(&subject).await
                }
            )+
        }
    };
}
