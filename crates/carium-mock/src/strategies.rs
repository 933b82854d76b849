//! [`proptest`] strategies for the inputs of `carium`: valid inputs, and inputs that are invalid for exactly one
//! reason.
//!
//! Use them to test code that must work for every name, file name or date, and not only for the ones you thought of.
//!
//! - **Valid inputs are realistic.** Names come from several scripts and have apostrophes and hyphens, dates include
//!   leap days, and file names have characters of any script. None of the data belongs to a real person: phones are
//!   555 numbers, and email addresses are in `example.com` and similar reserved domains.
//! - **Shrinking ends with plain values**: short, in ASCII, and without optional fields. An unusual value that
//!   remains in a failing example is the cause of the failure.
//! - **Invalid inputs have exactly one defect.** [`Invalid`] names the field and the defect, so a test can check that
//!   this field is reported.
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
//!     fn badge_has_initials(patient in new_patient(), invalid in invalid_patient()) {
//!         let first_name = &patient.attributes().first_name;
//!         prop_assert!(first_name.chars().any(char::is_alphabetic));
//!         let error = invalid.input.build().unwrap_err();
//!         prop_assert_eq!(error.problems()[0].field(), Some(invalid.field), "{}", invalid.defect);
//!     }
//! }
//! # badge_has_initials();
//! ```
//!
//! The `Debug` output of `carium`'s types hides their values, and so does the output of a failing test. If you need
//! to see the values, print the JSON of `attributes()`. It contains no real data.
//!
//! The strategies for builders, such as [`new_patient_builder`], let you set fields yourself, for example an existing
//! organization: `new_patient_builder().prop_map(|builder| builder.organization(id))`.

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
mod strings;
mod text;
mod times;
mod urls;

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
pub use urls::web_url;

/// Returns the built input. The strategies generate valid inputs only, which the tests of this crate check.
fn expect_valid<T>(result: Result<T, carium::Error>) -> T {
    result.expect("the strategy generates valid inputs only")
}
