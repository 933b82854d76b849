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
    broken: Vec<String>,
    tests: Vec<String>,
    seconds: f64,
}

impl Row {
    fn is_as_expected(&self, full: bool) -> bool {
        self.found == Some((self.edit.effect, self.edit.kind))
            && self.broken == self.edit.by_hand
            && (!full || self.tests == self.edit.tests)
    }

    /// What is left for a hand: how many files of code, and which; and what the tests ask for.
    fn by_hand(&self) -> String {
        let mut text = match self.broken.as_slice() {
            [] => "0".to_owned(),
            files => format!("{}: {}", files.len(), files.join(", ")),
        };
        if !self.tests.is_empty() {
            text.push_str(&format!("; tests: {}", self.tests.join(", ")));
        }
        text
    }
}

/// Makes each edit, or those whose names have some words in them, prints what came of it as a table, and fails where that
/// is not what is expected. With `full`, the tests run too where everything compiles.
pub(crate) fn run(root: &Path, full: bool, only: Option<&str>) -> Result<(), String> {
    let edits: Vec<_> =
        EDITS.iter().filter(|edit| only.is_none_or(|words| edit.name.contains(words))).collect();
    if edits.is_empty() {
        let names: Vec<_> = EDITS.iter().map(|edit| edit.name).collect();
        return Err(format!("no edit has these words in its name; there are: {}", names.join(", ")));
    }
    let target = workspace::target()?.join("drill");
    let tree = Tree::new(root, &target.join("tree"));
    let check = Check { root: tree.path().to_owned(), target: target.clone(), tests: full };
    if only.is_none() {
        as_it_is(&tree, &check)?;
    }
    let mut rows = Vec::new();
    for edit in edits {
        let row = drill(edit, root, &tree, &check)?;
        say(&format!("{:>6.1} s  {}: {}", row.seconds, edit.name, row.by_hand()));
        rows.push(row);
    }
    tree.restore()?;
    let table = table(&rows, full);
    say(&format!("\n{table}"));
    let path = target.join("table.md");
    fs::write(&path, &table).map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    let odd: Vec<_> = rows.iter().filter(|row| !row.is_as_expected(full)).map(|row| row.edit.name).collect();
    if odd.is_empty() {
        return Ok(());
    }
    Err(format!(
        "not as expected: {}; mend what it shows, or say in xtask/src/drill/edits.rs that it is meant",
        odd.join(", ")
    ))
}

/// What fails without any edit says nothing about one.
fn as_it_is(tree: &Tree, check: &Check) -> Result<(), String> {
    let start = Instant::now();
    tree.restore()?;
    let outcome = check.run()?;
    let odd = [outcome.broken, outcome.tests].concat();
    if !odd.is_empty() {
        return Err(format!("the copy does not pass as it is: {}", odd.join(", ")));
    }
    say(&format!("{:>6.1} s  the copy as it is", start.elapsed().as_secs_f64()));
    Ok(())
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
        broken: outcome.broken,
        tests: outcome.tests,
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
        let odd = if row.is_as_expected(full) { "" } else { " (not as expected)" };
        lines.push(format!(
            "| {}{odd} | {} | {found} | {} | {} | {:.1} |",
            row.edit.name,
            said(row.edit.effect, row.edit.kind),
            row.bump,
            row.by_hand(),
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
