//! Fault injection: which calls fail, whether before or after the operation is applied, and how.
//!
//! A [`FaultPlan`] is a list of [`Fault`]s. It is deterministic, and it works the same in the in-memory
//! [fake](crate::FakeCarium) and in the sandbox, over HTTP.
//!
//! ```
//! use carium::api::operations;
//! use carium_mock::{Fault, FakeCarium};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fake = FakeCarium::new();
//! fake.set_faults([
//!     Fault::on(&operations::CREATE_PATIENT).call(2).lose_response(),
//!     Fault::on(&operations::PROCESS_UPLOAD).calls(1..=3).respond(503),
//!     Fault::on_upload().reset_after(1000),
//! ]);
//! # let patient = |email| {
//! #     let new = fake.client().new_patient().first_name("James").last_name("Reece").birth_date("1980-07-04");
//! #     new.gender(carium::patients::Gender::Male).email(email).build()
//! # };
//! fake.client().patients().create(patient("one@example.com")?).await?;
//! let error = fake.client().patients().create(patient("two@example.com")?).await.unwrap_err();
//! assert!(error.may_have_been_applied());
//! assert_eq!(fake.patients().len(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! A plan can also be parsed from TOML, for a sandbox that runs as its own process: see the `FromStr` implementation
//! of [`FaultPlan`].

mod fault;
mod plan;
mod plan_file;

pub use self::fault::{
    AfterApplying, ApiCalls, BeforeApplying, Downloads, Fault, FaultBuilder, FaultResponse, Transfer, Uploads,
};
pub(crate) use self::fault::{FaultKind, FaultTarget, with_bit_flipped};
pub(crate) use self::plan::FaultInjector;
pub use self::plan::FaultPlan;
pub use self::plan_file::InvalidFaultPlan;
