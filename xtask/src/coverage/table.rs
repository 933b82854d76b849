//! The table that is printed.

use super::columns::COLUMNS;
use super::holes::Holes;
use super::places::Places;
use crate::spec::Operation;

/// An operation, and what was found of it in each column: where, or nothing.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) found: Vec<Option<String>>,
}

impl Row {
    pub(super) fn of(operation: &Operation<'_>, places: &Places) -> Self {
        let id = operation.id();
        Self { id: id.to_owned(), found: places.of(id) }
    }
}

/// The rows as text, in columns; what is listed with a reason is in parentheses.
pub(super) fn text(rows: &[Row], holes: &Holes) -> String {
    let heads = ["operation"].into_iter().chain(COLUMNS.iter().map(|column| column.name));
    let mut lines = vec![heads.map(ToOwned::to_owned).collect::<Vec<_>>()];
    for row in rows {
        let cells = COLUMNS.iter().zip(&row.found).map(|(column, found)| match found {
            Some(place) => place.clone(),
            None if holes.reason(&row.id, column.name).is_some() => "(no, listed)".to_owned(),
            None => "MISSING".to_owned(),
        });
        lines.push([row.id.clone()].into_iter().chain(cells).collect());
    }
    let width = |nth: usize| lines.iter().map(|line| line[nth].chars().count()).max().unwrap_or_default();
    let widths: Vec<_> = (0..=COLUMNS.len()).map(width).collect();
    let padded = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(padded).collect::<Vec<_>>().join("\n")
}
