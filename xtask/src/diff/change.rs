//! What has changed in a spec, and what that does to those who call.

use std::fmt;

/// The sides of a call that something is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) request: bool,
    pub(crate) response: bool,
}

impl Reach {
    pub(crate) const REQUEST: Self = Self { request: true, response: false };
    pub(crate) const RESPONSE: Self = Self { request: false, response: true };
    pub(crate) const BOTH: Self = Self { request: true, response: true };
    pub(crate) const NEITHER: Self = Self { request: false, response: false };
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.request, self.response) {
            (true, true) => "requests and answers",
            (true, false) => "requests",
            (false, true) => "answers",
            (false, false) => "nobody",
        })
    }
}

/// What a change does to those who call, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Something that must not be printed is printed from now on, by programs that nobody touches.
    Safety(Reach),
    /// Programs do not compile, requests are refused, or answers cannot be read any more.
    Break(Reach),
    /// The same program does something else.
    Behaviour,
    /// There is more to use, and whoever does not use it sees nothing of it.
    Addition,
    /// Only what people read, or what is written in another way.
    Wording,
}

impl Effect {
    /// Every effect, the worst first, with sides that say nothing.
    pub(crate) const CLASSES: [Self; 5] = [
        Self::Safety(Reach::NEITHER),
        Self::Break(Reach::NEITHER),
        Self::Behaviour,
        Self::Addition,
        Self::Wording,
    ];

    /// The name of the class, as in JSON.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Safety(_) => "safety",
            Self::Break(_) => "break",
            Self::Behaviour => "behaviour",
            Self::Addition => "addition",
            Self::Wording => "wording",
        }
    }

    /// The sides on which it breaks callers.
    pub(crate) fn breaks(self) -> Reach {
        match self {
            Self::Safety(reach) | Self::Break(reach) => reach,
            Self::Behaviour | Self::Addition | Self::Wording => Reach::NEITHER,
        }
    }

    /// Whether callers have to do something, or should.
    pub(crate) fn is_breaking(self) -> bool {
        matches!(self, Self::Safety(_) | Self::Break(_))
    }
}

/// What a change is about, by which its Rust items are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The document as a whole.
    Document,
    /// The release that the document was written against.
    Release,
    /// Operations, by their ids.
    Operations(Vec<String>),
    /// A parameter of operations.
    Parameter { operations: Vec<String>, name: String },
    /// A named schema.
    Schema(String),
    /// A property of a named schema, or something inside it.
    Field { schema: String, property: String },
    /// A value of an enum.
    Value { schema: String, value: String },
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The file of the spec, from the root of the workspace.
    pub(crate) file: &'static str,
    /// What kind of change, in kebab-case.
    pub(crate) kind: &'static str,
    /// Where, as a JSON pointer into the new file, or into the old one where the thing is gone.
    pub(crate) pointer: String,
    /// The line of that.
    pub(crate) line: usize,
    /// Whether pointer and line are those of the old file.
    pub(crate) is_gone: bool,
    /// Where, in the words of the spec: `NewPatient.email`.
    pub(crate) place: String,
    /// What has changed, in one sentence.
    pub(crate) what: String,
    /// What it does.
    pub(crate) effect: Effect,
    /// What it is about.
    pub(crate) subject: Subject,
}

#[cfg(test)]
impl Change {
    /// One of which nothing else matters to a test.
    pub(super) fn of_test(effect: Effect, subject: Subject) -> Self {
        Self {
            file: "t.yaml",
            kind: "test",
            pointer: String::new(),
            line: 1,
            is_gone: false,
            place: String::new(),
            what: String::new(),
            effect,
            subject,
        }
    }
}
