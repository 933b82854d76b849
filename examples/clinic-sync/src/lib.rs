//! Brings a clinic's register to Carium: whoever is new in it is created there and invited.
//!
//! A program as a team writes it: it takes the traits of `carium`, so that its tests need no network.

mod admission;
mod audited;
mod register;

pub use admission::{Admission, admit};
pub use audited::Audited;
pub use register::{Person, Unreadable, read};
