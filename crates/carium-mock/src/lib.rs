//! What tests of programs that use Carium depend on.
//!
//! [`FakeCarium`] is a Carium in memory: stateful, with the service's rules, and the real client in front of it. With
//! the feature `sandbox` there is the same behind HTTP, on a local port, which holds every request and every answer
//! against the spec itself and fails the test where one differs. Both do what the vendor leaves open in the other way
//! where they are told to: see [`Quirk`].
//!
//! The feature `expectations` (on by default) has a mock of each trait of `carium`. The feature `strategies` (on by
//! default) has what `proptest` draws inputs from: those that `carium` takes, and those that are wrong in one way.
//!
//! The feature `suite` (on by default) has the contract of the traits of `carium` as checks, for a fake or a wrapper
//! of one's own: `contract_tests!` makes a test of each.
//!
//! The feature `wire` (on by default) has a method on `httpmock`'s server for each operation of the
//! API, with types for what is expected and what is answered, generated from the spec. A field that is misspelt,
//! or an answer that the spec does not know, does not compile. The feature `sandbox` has `object_store`, an object
//! store on a local port that is as strict as S3.
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

#[cfg(feature = "sandbox")]
mod contract;
#[cfg(feature = "expectations")]
pub mod expectations;
mod fake;
pub mod faults;
#[cfg(feature = "wire")]
#[rustfmt::skip]
mod generated;
#[cfg(feature = "contract-tests")]
pub mod contract_tests;
#[cfg(feature = "sandbox")]
mod listening;
#[cfg(feature = "sandbox")]
pub mod object_store;
#[cfg(feature = "sandbox")]
mod sandbox;
mod service;
#[cfg(feature = "strategies")]
pub mod strategies;

#[cfg(feature = "sandbox")]
pub use contract::{Direction, Violation};
#[cfg(feature = "expectations")]
pub use expectations::{items, items_then_error};
pub use fake::{FakeCarium, FakeDocument};
pub use faults::{Fault, FaultPlan, FaultResponse, InvalidFaultPlan};
#[cfg(feature = "sandbox")]
pub use sandbox::{Sandbox, SandboxBuilder};
pub use service::{FakeAccount, FakeCall, Quirk};

/// The spec that everything here was generated from, as YAML: `specs/carium.yaml` of the workspace.
pub const SPEC: &str = include_str!("generated/carium.yaml");

/// A method on `httpmock`'s server for each operation of the API.
#[cfg(feature = "wire")]
pub mod wire {
    pub use crate::generated::wire::{MockServerExt, operations};
}
