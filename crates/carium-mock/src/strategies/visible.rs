//! Generated inputs whose `Debug` output shows the data.

use std::fmt;
use std::ops::Deref;

use carium::appointments::{AppointmentUpdate, NewAppointment, NewAppointmentBuilder};
use carium::documents::{NewDocument, NewDocumentBuilder};
use carium::patients::{NewPatient, NewPatientBuilder};
use carium::{Error, NewInvitation};
use proptest::prelude::*;
use serde::Serialize;

use super::patients::InvitationInput;

/// Wraps a strategy so that a failing test prints the generated data.
///
/// `proptest` prints the values that made a test fail with `Debug`, which hides all data of `carium`'s types. The data
/// of a strategy is invented, so it can be printed. Do not wrap real data.
///
/// ```
/// use carium_mock::strategies::{new_patient, visible};
/// use proptest::prelude::*;
///
/// proptest! {
///     # #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(8) })]
///     # /*
///     #[test]
///     # */
///     fn username_is_not_empty(patient in visible(new_patient())) {
///         prop_assert!(!patient.username().is_empty());
///         let patient = patient.into_inner();
///         // … pass the patient to your code.
///     }
/// }
/// # username_is_not_empty();
/// ```
pub fn visible<S>(strategy: S) -> impl Strategy<Value = Visible<S::Value>> + Clone
where
    S: Strategy + Clone,
    S::Value: VisibleInput,
{
    strategy.prop_map(Visible)
}

/// A generated input whose `Debug` output shows the data. It dereferences to the input; see [`visible`].
#[derive(Clone)]
pub struct Visible<T>(T);

impl<T> Visible<T> {
    /// Returns the input.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Visible<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: VisibleInput> fmt::Debug for Visible<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_data(f)
    }
}

/// An input that [`visible`] can print: the inputs of `carium` and their builders.
pub trait VisibleInput {
    /// Prints all data of the input.
    ///
    /// # Errors
    /// Returns the error of the formatter.
    fn fmt_data(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// Returns the attributes as they are sent to the API.
pub(super) fn json(attributes: &impl Serialize) -> String {
    serde_json::to_string(attributes).unwrap_or_else(|error| error.to_string())
}

fn fmt_json(attributes: &impl Serialize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&json(attributes))
}

/// Prints what a builder would build, or why it cannot build.
fn fmt_built<T: VisibleInput>(built: Result<T, Error>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match built {
        Ok(input) => input.fmt_data(f),
        Err(error) => write!(f, "{error}"),
    }
}

macro_rules! impl_visible_input {
    ($($input:ty: $fmt:ident($value:ident => $data:expr);)+) => {$(
        impl VisibleInput for $input {
            fn fmt_data(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $value = self;
                $fmt($data, f)
            }
        }
    )+};
}

impl_visible_input! {
    NewPatient: fmt_json(patient => patient.attributes());
    NewInvitation: fmt_json(invitation => invitation.attributes());
    NewAppointment: fmt_json(appointment => appointment.attributes());
    AppointmentUpdate: fmt_json(update => update.attributes());
    NewDocument: fmt_json(document => document.attributes());
    NewPatientBuilder: fmt_built(builder => builder.clone().build());
    NewAppointmentBuilder: fmt_built(builder => builder.clone().build());
    NewDocumentBuilder: fmt_built(builder => builder.clone().build());
    InvitationInput: fmt_built(input => input.clone().build());
}
