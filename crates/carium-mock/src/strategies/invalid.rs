//! Inputs that are wrong in one way.

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::strategy::Union;

/// An input that is wrong in exactly one way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Invalid<T> {
    /// The input, of which everything else is right.
    pub input: T,
    /// The field that is wrong, as [`Problem::field`](carium::Problem::field) names it.
    pub field: &'static str,
    /// What is wrong with it, for a message: `without an at-sign`.
    pub way: &'static str,
}

impl<T> Invalid<T> {
    /// The same of another input: of what this one makes.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Invalid<U> {
        Invalid { input: change(self.input), field: self.field, way: self.way }
    }
}

/// The ways in which an input can be wrong. Each is a good input and something that spoils it, both of which
/// shrink by themselves, so that what is left in the end is a plain input with a plain mistake.
pub(super) struct Ways<T> {
    good: BoxedStrategy<T>,
    ways: Vec<BoxedStrategy<Invalid<T>>>,
}

impl<T: Clone + Debug + 'static> Ways<T> {
    /// No way yet of spoiling what is good.
    pub(super) fn of(good: impl Strategy<Value = T> + 'static) -> Self {
        Self { good: good.boxed(), ways: Vec::new() }
    }

    /// One more way: something drawn is put in where it does not belong.
    #[must_use]
    pub(super) fn with<V: Debug + 'static>(
        mut self,
        field: &'static str,
        way: &'static str,
        wrong: impl Strategy<Value = V> + 'static,
        spoil: impl Fn(T, V) -> T + 'static,
    ) -> Self {
        let spoilt = (self.good.clone(), wrong).prop_map(move |(good, wrong)| Invalid {
            input: spoil(good, wrong),
            field,
            way,
        });
        self.ways.push(spoilt.boxed());
        self
    }

    /// One more way, in which nothing is drawn: something is left out, or put in another place.
    #[must_use]
    pub(super) fn by(self, field: &'static str, way: &'static str, spoil: impl Fn(T) -> T + 'static) -> Self {
        self.with(field, way, Just(()), move |good, ()| spoil(good))
    }

    /// Any of them, each as often as the others.
    pub(super) fn any(self) -> Union<BoxedStrategy<Invalid<T>>> {
        Union::new(self.ways)
    }
}
