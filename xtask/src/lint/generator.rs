//! What the generator cannot take: `progenitor` 0.15 for operations, `typify` 0.8 for schemas.
//!
//! Both stop with an `assert!`, a `todo!` or a `panic!` that names neither an operation nor a line, or go on
//! and write what does not compile or does not do what the spec says. Each rule here says the same with
//! a place, before. They look at the spec as it is written; what `xtask` lowers on the way to the generator
//! (media types, `anyOf` over `required`, an `allOf` with one member) is not reported.

mod operations;
mod parameters;
mod recursion;
mod responses;
mod schemas;
mod versions;

pub(super) use operations::{bodies, callbacks, methods, servers};
pub(super) use parameters::{collisions as parameter_collisions, parameters};
pub(super) use recursion::recursion;
pub(super) use responses::{links, responses};
pub(super) use schemas::{arrays, combinations, enums, foreign_words, objects, untyped};
pub(super) use versions::later_words;

/// The name of the rule of everything here.
const RULE: &str = "generator-limit";

/// A name as the generator is to tell it from others: without case and punctuation. It turns names into
/// those of Rust, where `first-name` and `firstName` become one.
fn folded(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
