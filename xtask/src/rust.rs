//! Passes over the syntax tree of generated Rust code.
//!
//! The generators produce working code. The passes hide marked values, add documentation and adapt the code to the
//! hand-written parts of `carium-api`. Each pass is a module that documents its reason.
//!
//! [`options`] must run before [`privacy`], which reads the resulting types. Otherwise the order does not matter.

pub(crate) mod calls;
pub(crate) mod derives;
pub(crate) mod docs;
pub(crate) mod open;
pub(crate) mod open_objects;
pub(crate) mod options;
pub(crate) mod patterns;
pub(crate) mod privacy;
mod syntax;

pub(crate) use syntax::{print, take_module};
