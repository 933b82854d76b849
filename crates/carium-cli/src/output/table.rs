//! Tables for people.

use serde_json::Value;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Record;

/// What stands between two columns.
const GAP: usize = 2;
/// No column is cut further than this.
const NARROWEST: usize = 8;

/// One record, a line for each field.
pub(super) fn of_one(record: &Record) -> String {
    let widest = record.keys().map(|name| name.width()).max().unwrap_or_default();
    record.iter().fold(String::new(), |mut table, (name, value)| {
        let line = format!("{name}{}{}", " ".repeat(widest - name.width() + GAP), cell(value));
        table.push_str(line.trim_end());
        table.push('\n');
        table
    })
}

/// Many records, a line for each under the names of the columns; numbers stand to the right. Where that is wider than
/// the terminal, the widest column that holds no ids is cut.
pub(super) fn of_many(columns: &[&str], records: &[Record], width: Option<usize>) -> String {
    let heads = columns.iter().map(|name| name.to_uppercase().replace('-', " ")).collect::<Vec<_>>();
    let rows = records.iter().map(|record| {
        columns.iter().map(|name| record.get(*name).map(cell).unwrap_or_default()).collect::<Vec<_>>()
    });
    let lines: Vec<Vec<String>> = std::iter::once(heads).chain(rows).collect();
    let mut widths: Vec<usize> = (0..columns.len())
        .map(|at| lines.iter().map(|line| line[at].width()).max().unwrap_or_default())
        .collect();
    if let Some(width) = width {
        fit(columns, &mut widths, width);
    }
    let is_number = |name: &&str| {
        let mut values =
            records.iter().filter_map(|record| record.get(*name)).filter(|value| !value.is_null());
        values.clone().next().is_some() && values.all(Value::is_number)
    };
    let numbers: Vec<bool> = columns.iter().map(is_number).collect();
    lines.iter().fold(String::new(), |mut table, line| {
        let cells = line.iter().enumerate().map(|(at, text)| match widths[at] {
            width if numbers[at] => format!("{text:>width$}"),
            // Of a path, the end says most.
            width if columns[at] == "file" => padded_from_left(text, width),
            width => padded(text, width),
        });
        let cells: Vec<_> = cells.collect();
        table.push_str(cells.join(&" ".repeat(GAP)).trim_end());
        table.push('\n');
        table
    })
}

/// Cuts columns of text, the widest first, until the table has room or nothing is left to cut.
fn fit(columns: &[&str], widths: &mut [usize], width: usize) {
    loop {
        let all = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let is_text = |name: &str| name != "id" && !name.ends_with("-id") && name != "sha256";
        let widest = (0..columns.len())
            .filter(|at| is_text(columns[*at]) && widths[*at] > NARROWEST)
            .max_by_key(|at| widths[*at]);
        match widest {
            Some(at) if all > width => widths[at] -= 1,
            _ => return,
        }
    }
}

fn padded(text: &str, width: usize) -> String {
    let own = text.width();
    if own <= width {
        return format!("{text}{}", " ".repeat(width - own));
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

/// The same, cut at its beginning.
fn padded_from_left(text: &str, width: usize) -> String {
    if text.width() <= width {
        return padded(text, width);
    }
    let mut used = 1;
    let fits = |letter: &char| {
        used += letter.width().unwrap_or_default();
        used <= width
    };
    let mut cut: Vec<char> = text.chars().rev().take_while(fits).collect();
    cut.push('…');
    padded(&cut.into_iter().rev().collect::<String>(), width)
}

/// A value in a line. What would move the cursor or colour the screen is shown as what it is: the service has it
/// from others.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    // Beside control characters, those that turn the direction of writing.
    let is_odd = |letter: char| {
        letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|letter| if is_odd(letter) { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::record;
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "a record has what may be missing")]
    fn text(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    #[test]
    fn columns_stand_under_each_other_in_any_script() {
        let rows = [
            record([("id", text("1")), ("name", text("渡辺"))]),
            record([("id", text("22")), ("name", None)]),
        ];
        assert_eq!(of_many(&["name", "id"], &rows, None), "NAME  ID\n渡辺  1\n-     22\n");
    }

    #[test]
    fn numbers_stand_to_the_right() {
        let row = |rows: u64| {
            Record::from_iter([("rows".to_owned(), Value::from(rows)), ("b".to_owned(), "x".into())])
        };
        assert_eq!(of_many(&["rows", "b"], &[row(5), row(12345)], None), " ROWS  B\n    5  x\n12345  x\n");
    }

    #[test]
    fn a_table_is_cut_to_the_terminal_but_not_its_ids() {
        let rows = [record([("id", text(&"1".repeat(20))), ("name", text(&"渡".repeat(30)))])];
        let table = of_many(&["id", "name"], &rows, Some(40));
        assert!(table.lines().all(|line| line.width() <= 40), "{table}");
        assert!(table.contains(&"1".repeat(20)) && table.contains('…'));
    }

    #[test]
    fn of_a_path_the_end_is_kept() {
        let rows =
            [record([("id", text(&"1".repeat(20))), ("file", text("/a/long/way/to/the/案内/letter.pdf"))])];
        let table = of_many(&["id", "file"], &rows, Some(40));
        assert!(table.lines().all(|line| line.width() <= 40) && table.contains("…"), "{table}");
        assert!(table.contains("letter.pdf\n"), "{table}");
    }

    #[test]
    fn nothing_in_a_cell_reaches_the_terminal_as_a_command() {
        let rows = [record([("name", text("\u{1b}[2J\n\u{202e}x"))])];
        assert_eq!(of_many(&["name"], &rows, None), "NAME\n\u{fffd}[2J\u{fffd}\u{fffd}x\n");
    }
}
