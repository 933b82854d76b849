//! Conversions for setters of optional fields.

use std::fmt::Display;
use std::num::NonZeroU64;
use std::str::FromStr;

/// A value that is parsed from text, such as an ID, an email address or a time.
pub trait FromText: FromStr<Err: Display> {}

impl FromText for crate::DateTime {}
impl FromText for crate::BirthDate {}

/// Argument of a setter for an optional field: the value, an `Option` of it, or its text form.
///
/// ```
/// use carium_api::types::NewPatient;
///
/// let phone: Option<carium_api::types::PhoneNumber> = None;
/// let builder = NewPatient::builder().email("james.reece@example.com").mobile_phone(phone);
/// # drop(builder);
/// ```
pub trait IntoOptional<T> {
    /// Converts into the value. The error message does not quote the input.
    ///
    /// # Errors
    /// The text is not a valid `T`.
    fn into_optional(self) -> Result<Option<T>, String>;
}

impl<T> IntoOptional<T> for T {
    fn into_optional(self) -> Result<Option<T>, String> {
        Ok(Some(self))
    }
}

impl<T> IntoOptional<T> for Option<T> {
    fn into_optional(self) -> Result<Option<T>, String> {
        Ok(self)
    }
}

impl<T: FromText> IntoOptional<T> for &str {
    fn into_optional(self) -> Result<Option<T>, String> {
        self.parse().map(Some).map_err(|error: T::Err| error.to_string())
    }
}

impl<T: FromText> IntoOptional<T> for String {
    fn into_optional(self) -> Result<Option<T>, String> {
        self.as_str().into_optional()
    }
}

impl IntoOptional<String> for &str {
    fn into_optional(self) -> Result<Option<String>, String> {
        Ok(Some(self.to_owned()))
    }
}

impl IntoOptional<crate::Secret> for &str {
    fn into_optional(self) -> Result<Option<crate::Secret>, String> {
        Ok(Some(self.into()))
    }
}

impl IntoOptional<NonZeroU64> for u64 {
    fn into_optional(self) -> Result<Option<NonZeroU64>, String> {
        NonZeroU64::new(self).map(Some).ok_or_else(|| "must be at least 1".to_owned())
    }
}
