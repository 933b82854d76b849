//! Strategies of `proptest` for the inputs of `carium`: those that it takes, and those that it refuses for one
//! reason. They are for tests of code that must not depend on how somebody is called or what a file is named.
//!
//! - **What is drawn looks like what comes.** Names in several scripts, with apostrophes and hyphens; leap days;
//!   files named in any letters. Nothing in it belongs to anyone: 555 numbers, addresses at `example.com` and its
//!   like.
//! - **What is left after shrinking is plain**: short, in ASCII, and without what may be left out, so that
//!   whatever is unusual in a failing example is what made it fail.
//! - **What is wrong is wrong in one way**, which [`Invalid`] names, so that a test can ask for the one
//!   field.
//!
//! ```
//! use carium_mock::strategies::{invalid_patient, new_patient};
//! use proptest::prelude::*;
//!
//! proptest! {
//!     # #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(8) })]
//!     # /*
//!     #[test]
//!     # */
//!     fn a_badge_has_initials(patient in new_patient(), wrong in invalid_patient()) {
//!         let first_name = &patient.attributes().first_name;
//!         prop_assert!(first_name.chars().any(char::is_alphabetic));
//!         let refused = wrong.input.build().unwrap_err();
//!         prop_assert_eq!(refused.problems()[0].field(), Some(wrong.field), "{}", wrong.way);
//!     }
//! }
//! # a_badge_has_initials();
//! ```
//!
//! The types of `carium` do not show what they hold when they are printed, and so neither does a failing
//! example. A test that needs to see it prints the JSON of `attributes()`, which is invented.
//!
//! The strategies of builders ([`new_patient_builder`] and its like) are for those who put something of their
//! own in, such as an organization that is there: `new_patient_builder().prop_map(…)`.

mod appointment;
mod appointment_update;
mod document;
mod files;
mod ids;
mod invalid;
mod invitation;
mod patient;
mod people;
mod query;
mod text;
mod times;
mod web;
mod words;

pub use appointment::{invalid_appointment, new_appointment, new_appointment_builder};
pub use appointment_update::{appointment_update, invalid_appointment_update};
pub use document::{invalid_document, new_document, new_document_builder};
pub use files::{file_name, media_type};
pub use ids::id;
pub use invalid::Invalid;
pub use invitation::{InvitationInput, invalid_invitation, new_invitation};
pub use patient::{invalid_patient, new_patient, new_patient_builder};
pub use people::{birth_date, email, first_name, gender, last_name, phone};
pub use query::{document_query, invalid_document_query, list_options};
pub use text::{document_name, text};
pub use times::{date_time, start_and_end};
pub use web::web_url;

/// What was built of what was drawn.
fn built<T>(result: Result<T, carium::Error>) -> T {
    result.expect("what is drawn breaks no rule, which this crate tests")
}
