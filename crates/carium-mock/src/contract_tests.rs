//! Contract tests for implementations of the traits of `carium`.
//!
//! Use them if you write your own fake of a trait, or a layer that wraps the client. They check that your
//! implementation meets the same requirements as [`FakeCarium`](crate::FakeCarium) and as the client with the
//! sandbox. An implementation that passes can replace the service in tests.
//!
//! # How to test an implementation
//!
//! 1. Write a *fixture*: a type that implements [`Fixture`] and, for each group of test cases that you want to run,
//!    the fixture trait of the group. The fixture returns your implementation and the IDs of existing data.
//! 2. Call [`contract_tests!`](crate::contract_tests!) with the groups and an expression that creates the fixture. It
//!    generates one `#[tokio::test]` for each test case.
//! 3. Add `tokio` with the features `macros` and `rt` to the dev-dependencies of your crate.
//!
//! | group | fixture | tests |
//! | --- | --- | --- |
//! | `organizations` | [`OrganizationsFixture`] | [`Organizations`](carium::Organizations) |
//! | `patients` | [`PatientsFixture`] | [`Patients`](carium::Patients) |
//! | `invitations` | [`InvitationsFixture`] | [`Invitations`](carium::Invitations) |
//! | `appointments` | [`AppointmentsFixture`] | [`Appointments`](carium::Appointments) |
//! | `documents` | [`DocumentsFixture`] | [`Documents`](carium::Documents) |
//! | `transfers` | [`DocumentsFixture`] | [`Transfers`](carium::Transfers) |
//! | `cross_service` | [`FullFixture`] | calls of one trait that refer to data created through another |
//!
//! This example tests a layer around [`Patients`](carium::Patients) that counts the created patients:
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicU64, Ordering};
//!
//! use carium::patients::{IndividualGroupId, IndividualId, OrganizationId};
//! use carium::{Error, NewPatient, Patients};
//! use carium_mock::FakeCarium;
//! use carium_mock::contract_tests::{Fixture, PatientsFixture};
//!
//! /// The implementation under test.
//! struct CountingPatients {
//!     inner: Arc<dyn Patients>,
//!     created: AtomicU64,
//! }
//!
//! #[carium::api::async_trait]
//! impl Patients for CountingPatients {
//!     async fn create(&self, patient: NewPatient) -> Result<IndividualId, Error> {
//!         let id = self.inner.create(patient).await?;
//!         self.created.fetch_add(1, Ordering::Relaxed);
//!         Ok(id)
//!     }
//! }
//!
//! struct CountingFixture {
//!     fake: FakeCarium,
//!     patients: Arc<CountingPatients>,
//! }
//!
//! impl CountingFixture {
//!     fn new() -> Self {
//!         let fake = FakeCarium::new();
//!         let patients = CountingPatients { inner: Arc::clone(fake.client().patients()), created: 0.into() };
//!         Self { fake, patients: Arc::new(patients) }
//!     }
//! }
//!
//! impl Fixture for CountingFixture {
//!     fn organization(&self) -> OrganizationId {
//!         self.fake.organization()
//!     }
//! }
//!
//! impl PatientsFixture for CountingFixture {
//!     fn patients(&self) -> Arc<dyn Patients> {
//!         Arc::<CountingPatients>::clone(&self.patients)
//!     }
//!
//!     fn groups(&self) -> [IndividualGroupId; 2] {
//!         ["Diabetes program", "New patients"].map(|name| self.fake.add_group(name))
//!     }
//! }
//!
//! // Generates a test for each test case of the group, such as `patients::username_is_unique`.
//! carium_mock::contract_tests!(patients; fixture = CountingFixture::new());
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), carium_mock::contract_tests::ContractViolation> {
//! # // A doctest runs `main`, not the generated tests.
//! # carium_mock::contract_tests::cases::patients::username_is_unique(&CountingFixture::new()).await
//! # }
//! ```
//!
//! Each test case is also a function in [`cases`] that returns a [`ContractViolation`] instead of panicking, so you
//! can run the test cases with another test harness.
//!
//! # What is required
//!
//! The requirements are those of the traits' documentation and the behavior that the vendor's Examples page shows:
//!
//! - If these leave a detail open, such as the status with which a taken username is rejected, every result that the
//!   traits allow passes.
//! - If a service may lack a feature, such as range requests, a method of the fixture states whether it is
//!   supported. These methods have defaults.
//! - One requirement is a decision of this project, because neither source covers it:
//!   [`Documents::process`](carium::Documents::process) rejects a document without a file.
//!
//! # Test data
//!
//! - Usernames and texts are random, so you can run the test cases repeatedly against a service with persistent data.
//! - The test cases do not delete the patients, appointments and documents that they create. Only the test case for
//!   deletion deletes an appointment.
//! - The test cases for lists read each list with several page sizes. If you can add data to your service, add more
//!   than 26 items per list, because the default page size is 25.

mod appointments;
mod assertions;
mod cross_service;
mod documents;
mod fixture;
mod invitations;
mod organizations;
mod patients;
mod steps;
mod table;
mod transfers;

pub use self::assertions::ContractViolation;
pub use self::fixture::{
    AppointmentsFixture, DocumentsFixture, Fixture, FullFixture, InvitationsFixture, OrganizationsFixture,
    PatientsFixture,
};

/// Creates the public functions of a group. Each runs a test case and adds its name and requirement to the error.
macro_rules! public_cases {
    ($group:ident, $fixture:ident, [$($test_case:ident: $requirement:literal,)+]) => {
        #[doc = concat!(
            "Test cases that need a [`", stringify!($fixture), "`](crate::contract_tests::", stringify!($fixture), ")."
        )]
        pub mod $group {
            use crate::contract_tests::{$fixture, ContractViolation};

            $(
                #[doc = $requirement]
                ///
                /// # Errors
                /// Returns an error if the requirement is not met, with the expected and the actual result.
                pub async fn $test_case(fixture: &dyn $fixture) -> Result<(), ContractViolation> {
                    let result = crate::contract_tests::$group::$test_case(fixture).await;
                    result.map_err(|mismatch| {
                        let name = concat!(stringify!($group), "::", stringify!($test_case));
                        ContractViolation::new(name, $requirement, mismatch)
                    })
                }
            )+
        }
    };
}

/// The test cases as functions, by group. [`contract_tests!`](crate::contract_tests!) generates tests with the same
/// names.
pub mod cases {
    crate::__contract_table! { organizations, public_cases }
    crate::__contract_table! { patients, public_cases }
    crate::__contract_table! { invitations, public_cases }
    crate::__contract_table! { appointments, public_cases }
    crate::__contract_table! { documents, public_cases }
    crate::__contract_table! { transfers, public_cases }
    crate::__contract_table! { cross_service, public_cases }
}

/// Generates a `#[tokio::test]` for each test case of the given groups, in a module with the name of the group.
///
/// The groups are `organizations`, `patients`, `invitations`, `appointments`, `documents`, `transfers` and
/// `cross_service`. If no group is given, all of them are tested. `fixture` is an expression that is evaluated in each test, may use
/// `.await`, and returns a value with the fixture traits of the groups. See
/// [`contract_tests`](mod@crate::contract_tests).
///
/// ```
/// mod contract {
///     use carium_mock::FakeCarium;
///
///     async fn fixture() -> FakeCarium {
///         FakeCarium::new()
///     }
///
///     carium_mock::contract_tests!(patients, invitations; fixture = fixture().await);
/// }
/// ```
#[macro_export]
macro_rules! contract_tests {
    (fixture = $fixture:expr $(;)?) => {
        $crate::contract_tests! {
            organizations, patients, invitations, appointments, documents, transfers, cross_service;
            fixture = $fixture
        }
    };
    ($($group:ident),+ $(,)?; fixture = $fixture:expr $(;)?) => {
        $($crate::__contract_table! { $group, $crate::__contract_tests, ($fixture), })+
    };
}

/// Generates the tests of one group from its rows in the table.
#[doc(hidden)]
#[macro_export]
macro_rules! __contract_tests {
    (($fixture:expr), $group:ident, $trait:ident, [$($test_case:ident: $requirement:literal,)+]) => {
        mod $group {
            #[allow(unused_imports, clippy::wildcard_imports, reason = "the fixture expression may use any import")]
            use super::*;

            $(
                #[doc = $requirement]
                #[::tokio::test]
                async fn $test_case() -> ::core::result::Result<(), $crate::contract_tests::ContractViolation> {
                    let fixture = $fixture;
                    $crate::contract_tests::cases::$group::$test_case(&fixture).await
                }
            )+
        }
    };
}
