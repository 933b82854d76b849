//! A change of the spec, its effect on callers, and the version bump that it requires.

use std::fmt;

use semver::Version;

use crate::spec::CallSides;

impl fmt::Display for CallSides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.request, self.response) {
            (true, true) => "requests and responses",
            (true, false) => "requests",
            (false, true) => "responses",
            (false, false) => "nothing",
        })
    }
}

/// The effect of a change on callers, ordered from the most severe to the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    /// A value that must not be printed is printed from now on, by programs that do not change.
    Safety,
    /// Programs no longer compile, requests are rejected, or responses cannot be read.
    Break,
    /// The same program does something else.
    Behavior,
    /// There is something new to use. Programs that do not use it are not affected.
    Addition,
    /// Only text for readers, or notation, has changed.
    Wording,
}

impl Effect {
    pub(crate) const ALL: [Self; 5] =
        [Self::Safety, Self::Break, Self::Behavior, Self::Addition, Self::Wording];

    /// The name of the class in JSON.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Safety => "safety",
            Self::Break => "break",
            Self::Behavior => "behavior",
            Self::Addition => "addition",
            Self::Wording => "wording",
        }
    }

    /// Whether callers must, or should, react.
    pub(crate) fn is_breaking(self) -> bool {
        matches!(self, Self::Safety | Self::Break)
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The file of the spec, relative to the workspace.
    pub(crate) file: &'static str,
    /// The kind of change, in kebab-case.
    pub(crate) kind: &'static str,
    /// The location as a JSON pointer into the new file, or into the old file if the part was removed.
    pub(crate) pointer: String,
    /// The line of that location.
    pub(crate) line: usize,
    /// Whether pointer and line refer to the old file.
    pub(crate) in_old_file: bool,
    /// The name of the changed part: `NewPatient.email`.
    pub(crate) place: String,
    /// The change, in one sentence whose subject is the place.
    pub(crate) message: String,
    pub(crate) effect: Effect,
    /// The sides of calls that the changed part belongs to.
    pub(crate) sides: CallSides,
    /// The IDs of the operations that the changed part belongs to.
    pub(crate) operations: Vec<String>,
}

/// The component of the version that must be increased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bump {
    None,
    Patch,
    Minor,
    Major,
}

impl Bump {
    /// Returns the bump that changes require, by Cargo's rules. Below 1.0, a break requires a minor bump and everything
    /// else a patch. From 1.0 on, a break requires a major bump, and an addition or another behavior a minor bump.
    pub(crate) fn required(effects: impl IntoIterator<Item = Effect>, version: &Version) -> Self {
        let is_early = version.major == 0;
        let bump = |effect: Effect| match effect {
            Effect::Safety | Effect::Break if is_early => Self::Minor,
            Effect::Safety | Effect::Break => Self::Major,
            Effect::Addition | Effect::Behavior if !is_early => Self::Minor,
            _ => Self::Patch,
        };
        effects.into_iter().map(bump).max().unwrap_or(Self::None)
    }

    /// Returns the lowest version after this bump.
    pub(crate) fn apply(self, version: &Version) -> Version {
        match self {
            Self::None => version.clone(),
            Self::Patch => Version::new(version.major, version.minor, version.patch + 1),
            Self::Minor => Version::new(version.major, version.minor + 1, 0),
            Self::Major => Version::new(version.major + 1, 0, 0),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bump_follows_from_the_most_severe_effect_and_the_version() {
        for (effects, version, expected) in [
            (&[][..], "0.1.4", "0.1.4"),
            (&[Effect::Wording], "0.1.4", "0.1.5"),
            (&[Effect::Addition, Effect::Behavior], "0.1.4", "0.1.5"),
            (&[Effect::Addition, Effect::Break], "0.1.4", "0.2.0"),
            (&[Effect::Safety], "0.1.4", "0.2.0"),
            (&[Effect::Wording], "1.2.3", "1.2.4"),
            (&[Effect::Addition], "1.2.3", "1.3.0"),
            (&[Effect::Behavior], "1.2.3", "1.3.0"),
            (&[Effect::Break], "1.2.3", "2.0.0"),
        ] {
            let version: Version = version.parse().unwrap();
            let needed = Bump::required(effects.iter().copied(), &version).apply(&version);
            assert_eq!(needed.to_string(), expected, "{effects:?} from {version}");
        }
    }
}
