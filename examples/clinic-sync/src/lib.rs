//! An example program that synchronizes a clinic's register with Carium: it creates and invites each new person.
//!
//! The code uses the traits of `carium` instead of a client, so that most tests need no network.

mod admit;
mod audited;
mod register;

pub use admit::{Admission, admit};
pub use audited::AuditedPatients;
pub use register::{InvalidLine, Person, read_register};
