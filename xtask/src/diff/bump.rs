//! The version that follows from what has changed, by the rules of Cargo.

use std::fmt;

use semver::Version;

use super::change::{Change, Effect};

/// The part of the version that has to grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bump {
    None,
    Patch,
    Minor,
    Major,
}

impl Bump {
    /// What follows from changes to something of this version: below 1.0, a break is a minor bump and everything else
    /// a patch; from there on, a break is a major bump, and what can be used or is done in another way a minor one.
    pub(crate) fn of(changes: &[Change], version: &Version) -> Self {
        let is_early = version.major == 0;
        let of = |change: &Change| match change.effect {
            effect if effect.is_breaking() => {
                if is_early {
                    Self::Minor
                } else {
                    Self::Major
                }
            }
            Effect::Addition | Effect::Behaviour if !is_early => Self::Minor,
            _ => Self::Patch,
        };
        changes.iter().map(of).max().unwrap_or(Self::None)
    }

    /// The least version that is so much further than another.
    pub(crate) fn after(self, version: &Version) -> Version {
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

impl fmt::Display for Bump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::change::{Reach, Subject};

    fn change(effect: Effect) -> Change {
        Change::of_test(effect, Subject::Document)
    }

    #[test]
    fn below_1_0_a_break_is_a_minor_bump_and_anything_else_a_patch() {
        let (breaking, safety) = (Effect::Break(Reach::REQUEST), Effect::Safety(Reach::RESPONSE));
        for (effects, version, expected) in [
            (&[][..], "0.1.4", "0.1.4"),
            (&[Effect::Wording], "0.1.4", "0.1.5"),
            (&[Effect::Addition, Effect::Behaviour], "0.1.4", "0.1.5"),
            (&[Effect::Addition, breaking], "0.1.4", "0.2.0"),
            (&[safety], "0.1.4", "0.2.0"),
            (&[Effect::Wording], "1.2.3", "1.2.4"),
            (&[Effect::Addition], "1.2.3", "1.3.0"),
            (&[Effect::Behaviour], "1.2.3", "1.3.0"),
            (&[breaking], "1.2.3", "2.0.0"),
        ] {
            let changes: Vec<_> = effects.iter().copied().map(change).collect();
            let version: Version = version.parse().unwrap();
            let needed = Bump::of(&changes, &version).after(&version);
            assert_eq!(needed.to_string(), expected, "{effects:?} of {version}");
        }
    }
}
