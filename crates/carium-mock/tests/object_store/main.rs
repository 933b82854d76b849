//! The object store follows S3's rules and fails as injected faults require.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod downloads;
mod faults;
mod store;
mod support;
mod uploads;
