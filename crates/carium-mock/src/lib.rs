//! Test doubles for programs that use the `carium` crates.
//!
//! | tool | feature | description |
//! | --- | --- | --- |
//! | [`FakeCarium`] | always available | A stateful in-memory fake of the service, reached through the real client. |
//! | `Sandbox` | `sandbox` | The same fake behind HTTP on a local port. It checks every request and response against the spec and fails the test on a violation. |
//! | `object_store` | `sandbox` | An object store on a local port that is as strict as S3. |
//! | `expectations` | `expectations` (default) | A `mockall` mock of each `carium` trait. |
//! | `strategies` | `strategies` (default) | `proptest` strategies for inputs that `carium` accepts, and for inputs that break exactly one rule. |
//! | `contract_tests!` | `contract-tests` (default) | Contract tests of the `carium` traits, for your own fake or wrapper. |
//! | `wire` | `wire` (default) | Typed helpers for `httpmock`, one for each operation of the API. |
//!
//! Some behaviors of the service are not specified by the vendor's documentation. The fake and the sandbox implement
//! alternatives for them: see [`Quirk`]. To inject faults into the fake or the sandbox, see [`faults`].
//!
//! The `wire` helpers are generated from the spec, so a misspelled field or a response that the spec does not define
//! does not compile:
//!
//! ```
//! use carium_api::{Client, ClientCaredbExt as _, HttpTransport, types::PractitionerList};
//! use carium_mock::wire::MockServerExt as _;
//! use httpmock::MockServer;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = MockServer::start_async().await;
//! let page: PractitionerList = PractitionerList::builder().data(Vec::new()).try_into()?;
//! let mock = server.list_practitioners(|_when, then| {
//!     then.ok(&page);
//! });
//!
//! let client = Client::new(server.base_url().parse()?, HttpTransport::new()?);
//! assert!(client.list_practitioners().send().await?.data.is_empty());
//! mock.assert_async().await;
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "expectations")]
pub mod expectations;
mod fake;
pub mod faults;
#[cfg(any(feature = "expectations", feature = "wire"))]
#[rustfmt::skip]
mod generated;
#[cfg(feature = "contract-tests")]
pub mod contract_tests;
#[cfg(feature = "sandbox")]
mod listener;
#[cfg(feature = "sandbox")]
pub mod object_store;
#[cfg(feature = "sandbox")]
mod sandbox;
mod service;
mod spec_check;
#[cfg(feature = "strategies")]
pub mod strategies;

#[cfg(feature = "expectations")]
pub use expectations::{items, items_then_error};
pub use fake::{FakeCarium, FakeResource};
pub use faults::{Fault, FaultPlan, FaultResponse, InvalidFaultPlan};
#[cfg(feature = "sandbox")]
pub use sandbox::{Sandbox, SandboxBuilder};
pub use service::{FakeAccount, FakeCall, FakeDocument, Quirk, UnknownQuirk};
pub use spec_check::{Direction, Violation};

/// The API spec in YAML (`specs/carium.yaml` in the workspace) that this version of the crate was generated from.
pub const SPEC: &str = include_str!("generated/carium.yaml");

/// Typed helpers for `httpmock`: a method on its `MockServer` for each operation of the API.
#[cfg(feature = "wire")]
pub mod wire {
    pub use crate::generated::wire::{MockServerExt, operations};
}
