//! A client for the REST API of the [Carium](https://carium.com) virtual-care platform.
//!
//! The entry point is [`Carium`]. It gives access to organizations, patients, invitations, appointments and
//! documents, and to the [onboarding] of patients, which combines them.
//!
//! # Example
//!
//! Create a patient and invite them by email:
//!
//! ```
//! use carium::patients::Gender;
//! use carium::{Carium, NewInvitation};
//!
//! # // An in-memory service, so that the example runs without a network.
//! # struct Service;
//! # #[carium::api::async_trait]
//! # impl carium::api::Transport for Service {
//! #     async fn send(
//! #         &self,
//! #         operation: &carium::api::Operation,
//! #         _request: carium::api::http::Request<carium::api::bytes::Bytes>,
//! #     ) -> Result<carium::api::http::Response<carium::api::bytes::Bytes>, carium::api::TransportError> {
//! #         let body: &[u8] = match operation.id {
//! #             "login" => br#"{"access-token": "token"}"#,
//! #             _ => br#"{"data": {"id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002"}}"#,
//! #         };
//! #         Ok(carium::api::http::Response::new(carium::api::bytes::Bytes::from_static(body)))
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
//! println!("invited patient {id}");
//! # Ok(())
//! # }
//! ```
//!
//! # Features of the client
//!
//! - **Authentication.** The client signs in before the first call, with a one-time code if the account requires
//!   one, and renews the access token before it expires. All clones of a client share one session. See
//!   [`Credentials`] and [`OneTimeCode`].
//! - **Retries.** Failed calls are retried only if that is safe; see [`RetryPolicy`] for the rules. If a request
//!   to create a patient gets no response, for example, it is not retried, because a retry could create the
//!   patient twice. [`Error::may_have_been_applied`] then returns `true`.
//! - **Timeouts and limits.** Each attempt, each call, the number of concurrent requests and the size of a
//!   response are limited. See [`CariumBuilder`] for the settings and their defaults.
//! - **Validation.** Requests are checked before they are sent, and one error lists all invalid fields. See
//!   [`Error::problems`].
//! - **Privacy.** `Debug` output, error messages and [`tracing`] events contain no health information, no
//!   secrets, no URLs and no headers or bodies.
//!
//! # Error handling
//!
//! Calls return [`Error`]. Uploads return [`UploadError`](documents::UploadError), which contains an [`Error`] and
//! the state to resume from. Check [`Error::may_have_been_applied`] first, then [`Error::is_transient`] and
//! [`Error::kind`]. [`ErrorKind`] has a troubleshooting hint for each kind.
//!
//! # Testing
//!
//! Write your functions against the traits [`Organizations`], [`Patients`], [`Invitations`], [`Appointments`],
//! [`Documents`] and [`Transfers`]. A function that takes a `&dyn Patients` can be tested without a network, for example with the
//! in-memory fake of the crate `carium-mock`.
//!
//! # Crate features
//!
//! | feature | default | description |
//! | --- | --- | --- |
//! | `rustls` | yes | TLS with `rustls` |
//! | `native-tls` | no | TLS with the TLS library of the operating system |
//!
//! # Low-level access
//!
//! [`api`] re-exports the generated crate `carium-api`, which has one type for each schema and one method for
//! each operation of the API. [`Carium::api`] returns a low-level client that shares the session, the retries
//! and the limits of the high-level client. [`Carium::resource`] and [`Carium::request`] reach every other endpoint of
//! the platform.

/// The low-level crate: one type for each schema of the API and one method for each operation.
pub use carium_api as api;

mod api_result;
pub mod appointments;
mod client;
mod connect_failure;
pub mod documents;
mod error;
mod fingerprint;
#[rustfmt::skip]
mod generated;
mod headers;
pub mod invitations;
mod local_io;
mod lookups;
pub mod onboarding;
pub mod organizations;
mod page;
mod page_cursor;
pub mod patients;
mod problem;
mod random;
mod request;
mod resource;
mod session;
mod sha256;
mod transport;

pub use appointments::Appointments;
pub use carium_api::{Change, DateTime, RetryClass, Secret};
pub use client::{CallOptions, Carium, CariumBuilder, ResponseMetadata, ResponseRecorder};
pub use documents::{Documents, Downloads, NewDocument, Transfers, Uploads};
pub use error::{Error, ErrorKind};
/// An HTTP method, for [`Carium::request`].
pub use http::Method;
pub use invitations::{Invitations, NewInvitation};
#[doc(hidden)]
pub use local_io::wait_for_descriptor;
pub use onboarding::Onboarding;
pub use organizations::Organizations;
pub use page::{Items, ListOptions, Page, PageCursor, Pages};
pub use patients::{NewPatient, Patients};
pub use problem::Problem;
pub use request::{RequestBuilder, Response};
/// The HTTP client, for [`CariumBuilder::http_client`].
pub use reqwest;
pub use resource::{Resource, ResourceItem};
pub use session::{CredentialProvider, Credentials, OneTimeCode, SignIn};
pub use transport::{AttemptInfo, Interceptor, RetryPolicy, TransportFailure};

/// Compiles the examples in the README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
