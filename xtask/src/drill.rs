//! The ten edits of the spec that a maintainer will have to make some day, made on a copy of the tree.
//!
//! For each: does `diff` say what it does to callers, does everything follow by `generate`, and what is left to be
//! done by hand. An edit that breaks nobody must leave nothing; of the others, the files that do not compile are
//! counted, and have to be those that `edits.rs` expects. What depends on a crate that does not compile is not looked
//! at by then, so that is where the work begins and not all of it.
//!
//! The copy stays where it is from one run to the next, beside the one target folder, so that cargo knows again
//! what it has built.

mod check;
pub(crate) mod edits;
mod tree;

use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::diff::base::Base;
use crate::diff::bump::Bump;
use crate::diff::change::{Change, Effect};
use crate::diff::compare;
use crate::generate::{self, Sources};
use crate::workspace::{self, say};
use check::Check;
use edits::{EDITS, Edit};
use tree::Tree;

/// What came of an edit.
struct Row {
    edit: &'static Edit,
    /// The worst that `diff` found, with its kind and the version that follows.
    found: Option<(Effect, &'static str)>,
    bump: Bump,
    by_hand: Vec<String>,
    failed_tests: Vec<String>,
    seconds: f64,
}

impl Row {
    fn is_as_expected(&self) -> bool {
        self.found == Some((self.edit.effect, self.edit.kind))
            && self.by_hand == self.edit.by_hand
            && self.failed_tests == self.edit.tests
    }
}

/// Makes each edit, prints what came of it as a table, and fails where that is not what is expected. With `full`, the
/// tests run too where everything compiles.
pub(crate) fn run(root: &Path, full: bool) -> Result<(), String> {
    let target = workspace::target()?.join("drill");
    let tree = Tree::new(root, &target.join("tree"));
    let check = Check { root: tree.path().to_owned(), target: target.clone(), tests: full };
    tree.restore()?;
    let start = Instant::now();
    let before = check.run()?;
    if !before.is_clean() {
        return Err(format!("the copy does not pass as it is: {}", before.said().join(", ")));
    }
    say(&format!("The copy passes as it is, after {:.1} s.", start.elapsed().as_secs_f64()));
    let mut rows = Vec::new();
    for edit in &EDITS {
        let row = drill(edit, root, &tree, &check)?;
        say(&format!("{:>6.1} s  {}", row.seconds, edit.name));
        rows.push(row);
    }
    tree.restore()?;
    let table = table(&rows, full);
    say(&format!("\n{table}"));
    let path = target.join("table.md");
    fs::write(&path, &table).map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    let odd: Vec<_> = rows.iter().filter(|row| !row.is_as_expected()).map(|row| row.edit.name).collect();
    if odd.is_empty() {
        return Ok(());
    }
    Err(format!(
        "not as expected: {}; mend what it shows, or say in xtask/src/drill/edits.rs that it is meant",
        odd.join(", ")
    ))
}

fn drill(edit: &'static Edit, root: &Path, tree: &Tree, check: &Check) -> Result<Row, String> {
    let start = Instant::now();
    tree.restore()?;
    for step in edit.steps {
        tree.edit(step.file, |text| step.apply(text))?;
    }
    let (old, new) = (Base::of_tree(root)?, Base::of_tree(tree.path())?);
    let changes = compare::apis(&old.api, &new.api);
    let outputs = generate::outputs(&Sources::read(tree.path())?)?;
    generate::write(tree.path(), &outputs)
        .map_err(|error| format!("the generated files of the copy cannot be written: {error}"))?;
    let outcome = check.run()?;
    Ok(Row {
        edit,
        found: worst(&changes).map(|change| (change.effect, change.kind)),
        bump: Bump::of(&changes, &old.version),
        by_hand: outcome.broken,
        failed_tests: outcome.failed_tests,
        seconds: start.elapsed().as_secs_f64(),
    })
}

/// The change that does the most to callers.
fn worst(changes: &[Change]) -> Option<&Change> {
    let of = |class: &Effect| changes.iter().find(|change| change.effect.class() == class.class());
    Effect::CLASSES.iter().find_map(of)
}

fn table(rows: &[Row], full: bool) -> String {
    let mut lines = vec![
        "| edit | expected | found | bump | hand edits needed | seconds |".to_owned(),
        "| --- | --- | --- | --- | --- | --- |".to_owned(),
    ];
    for row in rows {
        let found = row.found.map_or_else(|| "nothing".to_owned(), |(effect, kind)| said(effect, kind));
        let mut by_hand = match row.by_hand.as_slice() {
            [] => "0".to_owned(),
            files => format!("{}: {}", files.len(), files.join(", ")),
        };
        if !row.failed_tests.is_empty() {
            by_hand.push_str(&format!("; tests: {}", row.failed_tests.join(", ")));
        }
        let odd = if row.is_as_expected() { "" } else { " (not as expected)" };
        lines.push(format!(
            "| {}{odd} | {} | {found} | {} | {by_hand} | {:.1} |",
            row.edit.name,
            said(row.edit.effect, row.edit.kind),
            row.bump,
            row.seconds
        ));
    }
    let seconds: f64 = rows.iter().map(|row| row.seconds).sum();
    let how = if full { "with the tests" } else { "`cargo check`" };
    lines.push(format!("\n{} edits, {how}, in {seconds:.0} s", rows.len()));
    lines.join("\n") + "\n"
}

fn said(effect: Effect, kind: &str) -> String {
    if effect.is_breaking() {
        format!("{} ({kind}), breaks {}", effect.class(), effect.breaks())
    } else {
        format!("{} ({kind})", effect.class())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_nobody_is_expected_to_need_no_hand() {
        for edit in EDITS.iter().filter(|edit| !edit.effect.is_breaking()) {
            assert!(edit.by_hand.is_empty(), "{}", edit.name);
        }
    }
}
