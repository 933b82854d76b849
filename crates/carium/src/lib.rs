//! A client of the Carium virtual-care platform.
//!
//! ```
//! use carium::patients::Gender;
//! use carium::{Carium, NewInvitation};
//!
//! # // A service in memory, so that this runs without one.
//! # struct Service;
//! # #[carium::api::async_trait]
//! # impl carium::api::Transport for Service {
//! #     async fn send(
//! #         &self,
//! #         operation: &'static carium::api::Operation,
//! #         _request: carium::api::http::Request<carium::api::bytes::Bytes>,
//! #     ) -> Result<carium::api::http::Response<carium::api::bytes::Bytes>, carium::api::TransportError> {
//! #         let answer: &[u8] = match operation.id {
//! #             "login" => br#"{"access-token": "token"}"#,
//! #             _ => br#"{"data": {"id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002"}}"#,
//! #         };
//! #         Ok(carium::api::http::Response::new(carium::api::bytes::Bytes::from_static(answer)))
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let builder = Carium::builder()
//! #     .credentials(carium::Credentials::new("username", "password")?)
//! #     .organization("8d25a2a6-8219-40d1-a34f-c24ec69f4f72".parse()?)
//! #     .transport(std::sync::Arc::new(Service));
//! # /*
//! let carium = Carium::from_env()?;
//! # */
//! # let carium = builder.build()?;
//! let patient = carium
//!     .new_patient()
//!     .first_name("James")
//!     .last_name("Reece")
//!     .birth_date("1980-07-04")
//!     .gender(Gender::Male)
//!     .email("james.reece@example.com")
//!     .build()?;
//! let invitation = NewInvitation::by_email(patient.username())?;
//! let id = carium.patients().create(patient).await?;
//! carium.invitations().send(invitation).await?;
//! println!("{id} is invited");
//! # Ok(())
//! # }
//! ```
//!
//! # What it takes care of
//! - It signs in when it must, with a one-time code where the account asks for one, and renews the token
//!   before it ends, once for any number of tasks.
//! - It repeats what may be repeated, and nothing else. A patient whose creation was not answered is not
//!   created again: the error [says so](Error::may_have_been_applied).
//! - It checks what it sends, and names every field that is wrong at once.
//! - It prints nothing that a hospital must not log: not in `Debug`, not in an error, not in a trace.
//!
//! # How a team's own code takes it
//! By the traits [`Patients`], [`Invitations`], [`Appointments`], [`Documents`] and [`Transfers`]: a function
//! that takes `&dyn Patients` can be tested without a network.

/// The low-level crate: one type for each schema of the API, one method for each operation.
pub use carium_api as api;

pub mod appointments;
mod client;
pub mod documents;
mod error;
mod fingerprint;
pub mod invitations;
mod lookups;
pub mod onboarding;
mod outcome;
mod page;
pub mod patients;
mod problem;
mod random;
mod request_id;
mod session;
mod transport;

pub use appointments::Appointments;
pub use carium_api::{Change, DateTime, Secret};
pub use client::{Carium, CariumBuilder};
pub use documents::{Documents, Downloads, NewDocument, Transfers, Uploads};
pub use error::{Error, ErrorKind};
pub use invitations::{Invitations, NewInvitation};
pub use onboarding::Onboarding;
pub use page::{Items, ListOptions, PageCursor};
pub use patients::{NewPatient, Patients};
pub use problem::Problem;
pub use session::{Credentials, OneTimeCode};
pub use transport::{RetryPolicy, TransportFailure};

/// The program of the README, so that it compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
