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
//! The `Debug` output of `carium`'s types hides their values. To see the invented data of a failing test, wrap the
//! strategy in [`visible`]: `patient in visible(new_patient())`. [`Invalid`] shows its data always.
//!
//! The strategies for builders, such as [`new_patient_builder`], let you set fields yourself, for example an existing
//! organization: `new_patient_builder().prop_map(|builder| builder.organization(id))`.

mod appointments;
mod documents;
mod inputs;
mod patients;
mod values;
mod visible;

pub use self::appointments::{
    appointment_update, invalid_appointment, invalid_appointment_update, new_appointment,
    new_appointment_builder,
};
pub use self::documents::{
    document_query, invalid_document, invalid_document_query, list_options, new_document,
    new_document_builder,
};
pub use self::inputs::Invalid;
pub use self::patients::{
    InvitationInput, invalid_invitation, invalid_patient, new_invitation, new_patient, new_patient_builder,
};
pub use self::values::{
    birth_date, date_time, document_name, email, file_name, first_name, gender, id, last_name, media_type,
    phone, start_and_end, text, web_url,
};
pub use self::visible::{Visible, VisibleInput, visible};
