//! A strategy for IDs.

use std::fmt::Debug;

use carium::api::uuid::{Builder, Uuid};
use proptest::prelude::*;

/// Generates random IDs of any type, such as `id::<IndividualId>()`. Like the service's IDs, they are UUIDs of
/// version 4.
pub fn id<T: From<Uuid> + Debug>() -> impl Strategy<Value = T> + Clone {
    any::<u128>().prop_map(|bits| T::from(Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()))
}
