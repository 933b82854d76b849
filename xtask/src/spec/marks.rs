//! What the spec says of printing a value: `x-phi` and `x-secret`.

use serde_json::Value;

use super::{Spec, referred_schema};

/// What the spec says of printing a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Nothing.
    Silent,
    /// That it may be printed: an explicit `false`.
    Plain,
    /// That it is protected health information.
    Phi,
    /// That it is a credential or a capability.
    Secret,
}

impl Mark {
    /// Whether the value must never be printed.
    pub(crate) fn is_hidden(self) -> bool {
        matches!(self, Self::Phi | Self::Secret)
    }
}

/// The mark of a schema: its own, else that of what it refers to, else that of its items. A mark
/// that hides wins over a nearer one that does not: nobody unhides by accident.
pub(super) fn of(spec: &Spec, schema: &Value) -> Mark {
    let own = own(schema);
    let target = referred_schema(schema).and_then(|name| spec.schema(name)).map(self::own);
    let items = schema.get("items").map(|items| of(spec, items));
    let all = [Some(own), target, items];
    let known = |wanted: fn(&Mark) -> bool| all.into_iter().flatten().find(wanted);
    known(|mark| mark.is_hidden()).or_else(|| known(|mark| *mark != Mark::Silent)).unwrap_or(Mark::Silent)
}

fn own(schema: &Value) -> Mark {
    let flag = |name: &str| schema.get(name).and_then(Value::as_bool);
    match (flag("x-secret"), flag("x-phi")) {
        (Some(true), _) => Mark::Secret,
        (_, Some(true)) => Mark::Phi,
        (None, None) => Mark::Silent,
        _ => Mark::Plain,
    }
}
