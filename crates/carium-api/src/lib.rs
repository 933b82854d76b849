//! The Carium API as Rust: one type for each schema, one method for each operation.
//!
//! This is the low-level crate. It says what the API is and adds nothing to it: no signing in by itself, no
//! repeating, no rules beyond the types. Most programs want the crate `carium`, which adds those, and whose
//! `Carium::api` gives out the [`Client`] of this one.
//!
//! # What is generated
//! [`types`], [`onboarding`], [`operations`], [`builder`] and the methods of [`Client`] follow from
//! `specs/carium.yaml` and `specs/onboarding.schema.json`, which are written by hand; see the workspace's
//! `ARCHITECTURE.md`. The rest, which they stand on, is by hand and small.
//!
//! # What can be printed
//! Everything. A field that the spec marks as protected health information shows `[phi]`, one that it marks
//! as a secret `[secret]`, and whatever the service sends that the spec does not know `[unknown]`: in
//! `Debug`, in `Display` and in every error. What a value is, its own accessors tell.
//!
//! # How answers are read
//! Nothing in an answer but its `data` and its ids is relied on: see [`Attribute`]. Changes tell keeping
//! from clearing: see [`Change`].
//!
//! ```
//! use carium_api::{Attribute, types::AppointmentDocument};
//!
//! let document: AppointmentDocument = serde_json::from_str(
//!     r#"{"data": {
//!         "id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002",
//!         "attributes": {"start-time": "2022-01-01 09:00:00", "location": "Room 4", "color": "red"}
//!     }}"#,
//! )?;
//! let attributes = document.data.attributes.known().expect("they were sent");
//! assert_eq!(attributes.start_time, Attribute::Known("2022-01-01T09:00:00Z".parse()?));
//! assert!(!format!("{document:?}").contains("Room 4"));
//! assert!(attributes.extra.contains_key("color"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// Generated code names what it needs by the crate's own name, whether it lives here or in a crate beside.
extern crate self as carium_api;

mod attribute;
mod base_url;
mod birth_date;
mod change;
mod client;
mod date_time;
mod error;
mod extra_query;
mod form_fields;
#[rustfmt::skip]
mod generated;
mod http_transport;
mod operation;
mod optional;
mod raw;
mod redacted;
mod request;
mod response;
mod secret;
mod transport;
mod unknown;

// What stands in this crate's signatures, for those who write a `Transport` or look into a value.
pub use async_trait::async_trait;
pub use {bytes, chrono, http, uuid};

pub use attribute::Attribute;
pub use base_url::{BaseUrl, InvalidBaseUrl};
pub use birth_date::{BirthDate, InvalidBirthDate};
pub use change::Change;
pub use client::Client;
pub use date_time::{DateTime, InvalidDateTime};
pub use error::{Error, Undecodable};
pub use form_fields::FormFields;
pub use generated::client::*;
pub use generated::{onboarding, operations, types};
pub use http_transport::HttpTransport;
pub use operation::{Operation, RetryClass};
pub use optional::{FromText, IntoOptional};
pub use raw::RawRequest;
pub use redacted::Redacted;
pub use response::{Response, ResponseValue};
pub use secret::Secret;
pub use transport::{Transport, TransportError};
pub use unknown::Unknown;
