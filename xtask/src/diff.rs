//! `cargo xtask diff`: the effect of a change of the spec on callers, before it is merged.
//!
//! Two versions of the spec are compared (`compare.rs`). Each change is reported with its location, its effect on callers
//! and the operations that it belongs to; together they determine the version bump (`change.rs`). With `--compile`, the
//! code is also generated in a copy of the workspace and compiled there (`compile.rs`). The linter does not have to accept
//! either version, because an old version may predate today's rules.

mod base;
pub(crate) mod change;
pub(crate) mod compare;
mod compile;
mod report;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use crate::flags;
use crate::workspace;
use base::SpecVersion;
use change::Bump;
use report::SpecDiff;
pub(crate) use report::changes_text;

/// Runs the command. Exit codes: 0 if the version of the crates is high enough for the changes, 1 if it is not, 2 if the
/// versions cannot be compared.
pub(crate) fn run(flags: &flags::Diff) -> ExitCode {
    match diff(flags) {
        Ok(diff) => {
            workspace::print(&if flags.json { report::json(&diff) } else { report::text(&diff) });
            if diff.has_required_version() {
                return ExitCode::SUCCESS;
            }
            workspace::print_error(&report::version_error(&diff));
            ExitCode::FAILURE
        }
        Err(message) => {
            workspace::print_error(&message);
            ExitCode::from(2)
        }
    }
}

fn diff(flags: &flags::Diff) -> Result<SpecDiff, String> {
    let root = workspace::root(flags.root.clone());
    let new = SpecVersion::read_tree(&root)?;
    let old = match (&flags.base, &flags.file) {
        (Some(_), Some(_)) => return Err("pass either a revision (`--base`) or a file, not both".to_owned()),
        (Some(revision), None) => SpecVersion::read_revision(&root, revision)?,
        (None, Some(file)) => SpecVersion::read_file(file, &root, &new)?,
        (None, None) => SpecVersion::read_last_release(&root)?,
    };
    let mut changes = compare::apis(&old.api, &new.api);
    if let (Some(was), Some(is)) = (&old.onboarding, &new.onboarding) {
        changes.extend(compare::onboarding(was, is, [&old.api, &new.api]));
    }
    let bump = Bump::required(changes.iter().map(|change| change.effect), &old.version);
    let compile = flags.compile.then(|| compile::run(&root, old.commit.as_deref())).transpose()?;
    Ok(SpecDiff { base: old.name, versions: [old.version, new.version], changes, bump, compile })
}
