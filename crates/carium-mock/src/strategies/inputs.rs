//! Building blocks for inputs: setting optional fields of a builder, and inputs with exactly one defect.

use std::fmt::{self, Debug};

use proptest::prelude::*;
use proptest::strategy::Union;

/// Returns the built input. The strategies generate valid inputs only, which the tests of this crate check.
pub(super) fn expect_valid<T>(result: Result<T, carium::Error>) -> T {
    result.expect("the strategy generates valid inputs only")
}

/// Sets a field of a builder if there is a value for it.
pub(super) trait SetIfSome: Sized {
    fn set_if_some<V>(self, value: Option<V>, set: impl FnOnce(Self, V) -> Self) -> Self {
        match value {
            Some(value) => set(self, value),
            None => self,
        }
    }
}

impl<B> SetIfSome for B {}

/// An input that is invalid for exactly one reason. `Debug` shows the invented data from which it was generated.
#[derive(Clone)]
#[non_exhaustive]
pub struct Invalid<T> {
    /// The input. Everything except [`field`](Self::field) is valid.
    pub input: T,
    /// The invalid field, as named by [`Problem::field`](carium::Problem::field).
    pub field: &'static str,
    /// A description of the defect for messages, such as `without an at sign`.
    pub defect: &'static str,
    data: String,
}

impl<T> Debug for Invalid<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut invalid = f.debug_struct("Invalid");
        invalid.field("field", &self.field).field("defect", &self.defect);
        invalid.field("data", &format_args!("{}", self.data)).finish_non_exhaustive()
    }
}

impl<T> Invalid<T> {
    /// Converts the input, and keeps the field and the defect.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Invalid<U> {
        Invalid { input: convert(self.input), field: self.field, defect: self.defect, data: self.data }
    }
}

/// Prints a value with `Debug`.
pub(super) fn debug<T: Debug>(value: &T) -> String {
    format!("{value:?}")
}

/// A list of defects of an input.
///
/// For each defect, the valid input and the invalid value are generated separately. Both shrink independently, so a
/// failing example ends as a plain input with a plain defect.
pub(super) struct Defects<T> {
    valid: BoxedStrategy<T>,
    /// Prints the data of an input.
    show: fn(&T) -> String,
    invalid: Vec<BoxedStrategy<Invalid<T>>>,
}

impl<T: Clone + Debug + 'static> Defects<T> {
    /// Creates an empty list for this strategy of valid inputs. `show` prints the data of an input.
    pub(super) fn of(valid: impl Strategy<Value = T> + 'static, show: fn(&T) -> String) -> Self {
        Self { valid: valid.boxed(), show, invalid: Vec::new() }
    }

    /// Adds a defect that puts a generated value into the input.
    #[must_use]
    pub(super) fn with_value<V: Debug + 'static>(
        mut self,
        field: &'static str,
        defect: &'static str,
        values: impl Strategy<Value = V> + 'static,
        apply: impl Fn(&mut T, V) + 'static,
    ) -> Self {
        let show = self.show;
        let invalid = (self.valid.clone(), values).prop_map(move |(mut input, value)| {
            apply(&mut input, value);
            let data = show(&input);
            Invalid { input, field, defect, data }
        });
        self.invalid.push(invalid.boxed());
        self
    }

    /// Adds a defect that needs no generated value, such as a missing field.
    #[must_use]
    pub(super) fn with(
        self,
        field: &'static str,
        defect: &'static str,
        apply: impl Fn(&mut T) + 'static,
    ) -> Self {
        self.with_value(field, defect, Just(()), move |input, ()| apply(input))
    }

    /// Returns a strategy that generates all defects with equal probability.
    pub(super) fn any(self) -> Union<BoxedStrategy<Invalid<T>>> {
        Union::new(self.invalid)
    }
}
