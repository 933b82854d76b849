//! What is drawn as good is taken, what is drawn as wrong is refused for the one reason that it names, and what
//! is left after shrinking is plain.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod invalid;
mod plainest;
mod service;
mod support;
mod valid;
