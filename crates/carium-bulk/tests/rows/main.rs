//! Tests of reading and validating files of rows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bounds;
mod formats;
mod invalid;
mod keys;
mod locations;
mod privacy;
mod round_trip;
mod support;
mod validation;
