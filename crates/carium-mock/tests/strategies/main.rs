//! Tests of the strategies: valid inputs are accepted, invalid inputs are rejected for the named defect only, and
//! shrinking ends with plain values.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod invalid;
mod query_validator;
mod sampling;
mod shrinking;
mod valid;
mod visible;
