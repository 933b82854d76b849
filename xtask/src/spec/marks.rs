//! Privacy marks: `x-phi` and `x-secret`.

use serde_json::Value;

use super::{Spec, referred_schema};

/// The privacy mark of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Not marked.
    Unmarked,
    /// May be printed: explicitly `false`.
    Plain,
    /// Protected health information.
    Phi,
    /// A password, token or presigned URL.
    Secret,
}

impl Mark {
    /// Returns `true` if the value must not be printed.
    pub(crate) fn is_hidden(self) -> bool {
        matches!(self, Self::Phi | Self::Secret)
    }

    /// Returns the mark of a schema itself, without its references.
    pub(crate) fn own(schema: &Value) -> Self {
        let flag = |name: &str| schema.get(name).and_then(Value::as_bool);
        match (flag("x-secret"), flag("x-phi")) {
            (Some(true), _) => Self::Secret,
            (_, Some(true)) => Self::Phi,
            (None, None) => Self::Unmarked,
            _ => Self::Plain,
        }
    }
}

/// Returns the mark of a schema: its own, that of the referenced schema, or that of its items or values. A mark that hides
/// takes precedence over one that does not, so that a value is not revealed by accident.
pub(super) fn of(spec: &Spec, schema: &Value) -> Mark {
    let own = Mark::own(schema);
    let target = referred_schema(schema).and_then(|name| spec.schema(name)).map(Mark::own);
    let items = schema.get("items").map(|items| of(spec, items));
    let values = schema.get("additionalProperties").filter(|values| values.is_object());
    let values = values.map(|values| of(spec, values));
    let all = [Some(own), target, items, values];
    let known = |wanted: fn(&Mark) -> bool| all.into_iter().flatten().find(wanted);
    known(|mark| mark.is_hidden()).or_else(|| known(|mark| *mark != Mark::Unmarked)).unwrap_or(Mark::Unmarked)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn inherits_marks_and_hiding_takes_precedence() {
        let spec =
            "components: {schemas: {Mail: {type: string, x-phi: true}, Free: {type: string, x-phi: false}}}";
        let spec = Spec::parse("t.yaml", spec).unwrap();
        let mail = json!({"$ref": "#/components/schemas/Mail"});
        for (schema, mark) in [
            (json!({"type": "string"}), Mark::Unmarked),
            (json!({"type": "string", "x-secret": false}), Mark::Plain),
            (mail.clone(), Mark::Phi),
            (json!({"allOf": [mail], "x-phi": false}), Mark::Phi),
            (json!({"type": "array", "items": mail}), Mark::Phi),
            (json!({"type": "object", "additionalProperties": mail}), Mark::Phi),
            (json!({"allOf": [{"$ref": "#/components/schemas/Free"}], "x-secret": true}), Mark::Secret),
        ] {
            assert_eq!(of(&spec, &schema), mark, "{schema}");
        }
    }
}
