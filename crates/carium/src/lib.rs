//! The crate that programs depend on.
//!
//! So far it gives out the low-level crate and the types of an onboarding file; the client that signs in by
//! itself, repeats what may be repeated and checks what is sent is being built on them.

/// The low-level crate: one type for each schema of the API, one method for each operation.
pub use carium_api as api;
/// One row of a bulk onboarding file, and its parts.
pub use carium_api::onboarding;
