//! What a change of the spec does to those who call, before it is merged.
//!
//! Two versions are read, compared word by word (`compare.rs`), and each change is said with its place in the spec,
//! what it does to callers, the Rust items that it touches (`items.rs`, `uses.rs`) and the version that follows
//! (`bump.rs`). Neither version has to satisfy the linter: an old one was written to the rules of its time.

pub(crate) mod base;
pub(crate) mod bump;
pub(crate) mod change;
pub(crate) mod compare;
mod items;
mod report;
#[cfg(test)]
mod tests;
mod uses;

use std::path::Path;
use std::process::ExitCode;

use semver::Version;

use base::Base;
use bump::Bump;
use change::Change;
use uses::{Use, Uses};

use crate::flags;
use crate::spec::Spec;
use crate::workspace;

/// A change with the Rust items that it touches.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) change: Change,
    /// Public items, from the root of `carium_api`.
    pub(crate) carium_api: Vec<String>,
    /// Items of `carium`, public and not.
    pub(crate) carium: Vec<Use>,
}

/// What has changed between two versions, and what follows.
#[derive(Debug)]
pub(crate) struct Diff {
    /// What the older version is called.
    pub(crate) base: String,
    /// The versions of the crates, then and now.
    pub(crate) versions: [Version; 2],
    pub(crate) found: Vec<Found>,
    pub(crate) bump: Bump,
}

impl Diff {
    /// The version that the crates have to have at the least.
    pub(crate) fn needed(&self) -> Version {
        self.bump.after(&self.versions[0])
    }

    /// Whether the tree's version is far enough.
    pub(crate) fn is_carried(&self) -> bool {
        self.bump == Bump::None || self.versions[1] >= self.needed()
    }
}

/// Runs the command. 0: nothing has changed, or the version says so; 1: it does not; 2: there was nothing to compare.
pub(crate) fn run(flags: &flags::Diff) -> ExitCode {
    match diff(flags) {
        Ok(diff) => {
            workspace::say(&if flags.json { report::json(&diff) } else { report::text(&diff) });
            if diff.is_carried() {
                return ExitCode::SUCCESS;
            }
            workspace::complain(&report::not_carried(&diff));
            ExitCode::FAILURE
        }
        Err(message) => {
            workspace::complain(&message);
            ExitCode::from(2)
        }
    }
}

fn diff(flags: &flags::Diff) -> Result<Diff, String> {
    let root = workspace::root(flags.root.clone());
    let new = Base::of_tree(&root)?;
    let old = match (&flags.base, &flags.file) {
        (Some(_), Some(_)) => return Err("give a revision (`--base`) or a file, not both".to_owned()),
        (Some(revision), None) => Base::of_revision(&root, revision)?,
        (None, Some(file)) => Base::of_file(file, &root, &new)?,
        (None, None) => Base::of_last_release(&root)?,
    };
    between(old, &new, &root)
}

fn between(old: Base, new: &Base, root: &Path) -> Result<Diff, String> {
    let mut changes = compare::apis(&old.api, &new.api);
    if let (Some(was), Some(is)) = (&old.onboarding, &new.onboarding) {
        changes.extend(compare::onboarding(was, is, [&old.api, &new.api]));
    }
    let bump = Bump::of(&changes, &old.version);
    let found = with_items(changes, &old.api, &new.api, root)?;
    Ok(Diff { base: old.name, versions: [old.version, new.version.clone()], found, bump })
}

fn with_items(changes: Vec<Change>, old: &Spec, new: &Spec, root: &Path) -> Result<Vec<Found>, String> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let uses = Uses::read(root)?;
    let found = changes.into_iter().map(|change| Found {
        carium_api: items::of(&change, old, new),
        carium: uses.of(&change, old, new),
        change,
    });
    Ok(found.collect())
}
