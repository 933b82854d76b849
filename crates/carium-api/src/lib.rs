//! Low-level client for the Carium API: one type per schema and one method per operation.
//!
//! This crate contains the API as the spec describes it and nothing else. It does not sign in, retry, or check
//! rules beyond the types. Most programs use the crate `carium`, which does all of that and exposes the
//! [`Client`] of this crate as `Carium::api`.
//!
//! # Generated code
//! [`types`], [`onboarding`], [`operations`], [`builder`] and the methods of [`Client`] are generated from
//! `specs/carium.yaml` and `specs/onboarding.schema.json`. The remaining modules are written by hand. See
//! `ARCHITECTURE.md` in the workspace.
//!
//! # Privacy
//! Every type can be printed safely. `Debug`, `Display` and all errors show `[phi]` for protected health
//! information, `[secret]` for secrets, and `[unknown]` for values that the spec does not describe. Accessors
//! return the actual values.
//!
//! # Reading responses
//! Only `data` and the IDs of a response are required. Every other property is read as an [`Attribute`], which
//! accepts any value. Updates use [`Change`], which distinguishes keeping a property from clearing it.
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
//! let attributes = document.data.attributes.known().expect("the response has attributes");
//! assert_eq!(attributes.start_time, Attribute::Known("2022-01-01T09:00:00Z".parse()?));
//! assert!(!format!("{document:?}").contains("Room 4"));
//! assert!(attributes.extra.contains_key("color"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// Generated code refers to this crate by its name, because some of it is compiled into other crates.
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
#[cfg(feature = "http-transport")]
mod http_transport;
mod lenient_json;
mod open_object;
mod operation;
mod optional;
mod pattern;
mod raw;
mod redacted;
mod request;
mod response;
mod secret;
mod transport;
mod unknown;

// Crates whose types appear in this crate's public signatures.
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
#[cfg(feature = "http-transport")]
pub use http_transport::HttpTransport;
pub use operation::{Operation, RetryClass};
pub use optional::{FromText, IntoOptional};
pub use raw::RawRequest;
pub use redacted::Redacted;
pub use response::{Response, ResponseValue};
pub use secret::Secret;
pub use transport::{Transport, TransportError};
pub use unknown::Unknown;
