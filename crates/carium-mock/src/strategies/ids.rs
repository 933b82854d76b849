//! Ids.

use std::fmt::Debug;

use carium::api::uuid::{Builder, Uuid};
use proptest::prelude::*;

/// An id of any kind, random as the service's are (UUID, version 4): `id::<IndividualId>()`.
pub fn id<T: From<Uuid> + Debug>() -> impl Strategy<Value = T> + Clone {
    any::<u128>().prop_map(|bits| T::from(Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()))
}
