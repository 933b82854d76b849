//! Files of rows: what is read of them, what is refused, and in which words.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bounds;
mod keys;
mod places;
mod privacy;
mod report;
mod round_trip;
mod support;
mod wrong;
