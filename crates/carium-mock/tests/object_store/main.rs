//! The object store keeps S3's rules, and fails where it is told to.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod downloads;
mod faults;
mod store;
mod support;
mod uploads;
