//! Formats records as text tables.

use serde_json::Value;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Record;

/// Number of spaces between two columns.
const GAP: usize = 2;
/// Columns are not cut below this width.
const MIN_CUT_WIDTH: usize = 8;

/// Formats one record, one line per field.
pub(super) fn format_record(record: &Record) -> String {
    let widest = record.keys().map(|name| name.width()).max().unwrap_or_default();
    record.iter().fold(String::new(), |mut table, (name, value)| {
        let line = format!("{name}{}{}", " ".repeat(widest - name.width() + GAP), format_cell(value));
        table.push_str(line.trim_end());
        table.push('\n');
        table
    })
}

/// Formats records, one line each, under a line of column names. Numbers are right-aligned. If the table is wider
/// than the terminal, the widest columns are cut, except for columns with IDs.
pub(super) fn format_records(columns: &[&str], records: &[Record], width: Option<usize>) -> String {
    let headings = columns.iter().map(|name| name.to_uppercase().replace('-', " ")).collect::<Vec<_>>();
    let rows = records.iter().map(|record| {
        columns.iter().map(|name| record.get(*name).map(format_cell).unwrap_or_default()).collect::<Vec<_>>()
    });
    let lines: Vec<Vec<String>> = std::iter::once(headings).chain(rows).collect();
    let mut widths: Vec<usize> = (0..columns.len())
        .map(|index| lines.iter().map(|line| line[index].width()).max().unwrap_or_default())
        .collect();
    if let Some(width) = width {
        shrink(columns, &mut widths, width);
    }
    let is_number = |name: &&str| {
        let mut values =
            records.iter().filter_map(|record| record.get(*name)).filter(|value| !value.is_null());
        values.clone().next().is_some() && values.all(Value::is_number)
    };
    let numbers: Vec<bool> = columns.iter().map(is_number).collect();
    lines.iter().fold(String::new(), |mut table, line| {
        let cells = line.iter().enumerate().map(|(index, text)| match widths[index] {
            width if numbers[index] => format!("{text:>width$}"),
            // The end of a path is its most specific part.
            width if columns[index] == "file" => fit_end(text, width),
            width => fit_start(text, width),
        });
        let cells: Vec<_> = cells.collect();
        table.push_str(cells.join(&" ".repeat(GAP)).trim_end());
        table.push('\n');
        table
    })
}

/// Cuts text columns, the widest first, until the table fits or no column can be cut further.
fn shrink(columns: &[&str], widths: &mut [usize], width: usize) {
    loop {
        let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let is_text = |name: &str| name != "id" && !name.ends_with("-id") && name != "sha256";
        let widest = (0..columns.len())
            .filter(|index| is_text(columns[*index]) && widths[*index] > MIN_CUT_WIDTH)
            .max_by_key(|index| widths[*index]);
        match widest {
            Some(index) if total > width => widths[index] -= 1,
            _ => return,
        }
    }
}

/// Pads a text to a width. A longer text is cut at its end.
fn fit_start(text: &str, width: usize) -> String {
    let text_width = text.width();
    if text_width <= width {
        return format!("{text}{}", " ".repeat(width - text_width));
    }
    let mut cut = String::new();
    let mut used = 1;
    for letter in text.chars() {
        used += letter.width().unwrap_or_default();
        if used > width {
            break;
        }
        cut.push(letter);
    }
    let missing = width.saturating_sub(cut.width() + 1);
    format!("{cut}…{}", " ".repeat(missing))
}

/// Pads a text to a width. A longer text is cut at its start.
fn fit_end(text: &str, width: usize) -> String {
    if text.width() <= width {
        return fit_start(text, width);
    }
    let mut used = 1;
    let fits = |letter: &char| {
        used += letter.width().unwrap_or_default();
        used <= width
    };
    let mut cut: Vec<char> = text.chars().rev().take_while(fits).collect();
    cut.push('…');
    fit_start(&cut.into_iter().rev().collect::<String>(), width)
}

/// Formats a value as one line of text. Values come from the service and may contain control characters, which must
/// not reach the terminal: they are replaced with U+FFFD.
fn format_cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(format_cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    // Characters that change the writing direction are replaced, too.
    let is_unsafe = |letter: char| {
        letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|letter| if is_unsafe(letter) { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::record;
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "the fields of a record are optional")]
    fn text(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    #[test]
    fn aligns_columns_of_wide_characters() {
        let rows = [
            record([("id", text("1")), ("name", text("渡辺"))]),
            record([("id", text("22")), ("name", None)]),
        ];
        assert_eq!(format_records(&["name", "id"], &rows, None), "NAME  ID\n渡辺  1\n-     22\n");
    }

    #[test]
    fn right_aligns_numbers() {
        let row = |rows: u64| {
            Record::from_iter([("rows".to_owned(), Value::from(rows)), ("b".to_owned(), "x".into())])
        };
        assert_eq!(
            format_records(&["rows", "b"], &[row(5), row(12345)], None),
            " ROWS  B\n    5  x\n12345  x\n"
        );
    }

    #[test]
    fn cuts_text_but_not_ids_to_the_terminal_width() {
        let rows = [record([("id", text(&"1".repeat(20))), ("name", text(&"渡".repeat(30)))])];
        let table = format_records(&["id", "name"], &rows, Some(40));
        assert!(table.lines().all(|line| line.width() <= 40), "{table}");
        assert!(table.contains(&"1".repeat(20)) && table.contains('…'));
    }

    #[test]
    fn keeps_the_end_of_a_path() {
        let rows =
            [record([("id", text(&"1".repeat(20))), ("file", text("/a/long/way/to/the/案内/letter.pdf"))])];
        let table = format_records(&["id", "file"], &rows, Some(40));
        assert!(table.lines().all(|line| line.width() <= 40) && table.contains("…"), "{table}");
        assert!(table.contains("letter.pdf\n"), "{table}");
    }

    #[test]
    fn replaces_control_characters_in_cells() {
        let rows = [record([("name", text("\u{1b}[2J\n\u{202e}x"))])];
        assert_eq!(format_records(&["name"], &rows, None), "NAME\n\u{fffd}[2J\u{fffd}\u{fffd}x\n");
    }
}
