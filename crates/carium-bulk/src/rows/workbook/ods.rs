//! The size of the tables of an ODS file. A cell or row can state that it is repeated, so a small file can describe
//! more cells than fit into memory.

/// The maximum length of a tag that is kept. Longer ones have attributes that do not matter here.
const MAX_TAG_BYTES: usize = 64 * 1024;

/// Counts the cells between the first and the last one with a value, in all tables of `content.xml`.
#[derive(Default)]
pub(super) struct CellCounter {
    tag: Vec<u8>,
    is_in_tag: bool,
    quote: Option<u8>,
    /// The rows before the current one, and how often it is repeated.
    row: u64,
    row_repeats: u64,
    column: u64,
    last_row: u64,
    last_column: u64,
    /// The cells of the tables that are complete.
    cells: u64,
}

impl CellCounter {
    /// Reads the next bytes of the file.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match (self.is_in_tag, self.quote, byte) {
                (false, _, b'<') => (self.is_in_tag, self.quote) = (true, None),
                (false, ..) => {}
                (true, None, b'>') => {
                    self.is_in_tag = false;
                    let tag = std::mem::take(&mut self.tag);
                    self.add(&tag);
                    self.tag = tag;
                    self.tag.clear();
                }
                (true, quote, byte) => {
                    match (quote, byte) {
                        (None, b'"' | b'\'') => self.quote = Some(*byte),
                        (Some(open), byte) if open == *byte => self.quote = None,
                        _ => {}
                    }
                    if self.tag.len() < MAX_TAG_BYTES {
                        self.tag.push(*byte);
                    }
                }
            }
        }
    }

    /// Returns the number of cells.
    pub(super) fn cells(&self) -> u64 {
        self.cells.saturating_add(self.last_row.saturating_mul(self.last_column))
    }

    fn add(&mut self, tag: &[u8]) {
        let is = |name: &[u8]| {
            tag.strip_prefix(name).is_some_and(|rest| {
                rest.first().is_none_or(|next| !next.is_ascii_alphanumeric() && *next != b'-')
            })
        };
        if is(b"table:table") {
            *self = Self { cells: self.cells(), ..Self::default() };
        } else if is(b"table:table-row") {
            self.row = self.row.saturating_add(self.row_repeats);
            self.row_repeats = repeats(tag, b"table:number-rows-repeated");
            self.column = 0;
        } else if is(b"table:table-cell") || is(b"table:covered-table-cell") {
            self.column = self.column.saturating_add(repeats(tag, b"table:number-columns-repeated"));
            if contains(tag, b"office:value-type") {
                self.last_row = self.last_row.max(self.row.saturating_add(self.row_repeats));
                self.last_column = self.last_column.max(self.column);
            }
        }
    }
}

/// Returns the number that an attribute has, or 1. A number that cannot be read counts as the largest.
fn repeats(tag: &[u8], name: &[u8]) -> u64 {
    let Some(at) = tag.windows(name.len()).position(|part| part == name) else { return 1 };
    let value = tag[at + name.len()..].split(|byte| matches!(byte, b'"' | b'\'')).nth(1);
    let value = value.and_then(|value| str::from_utf8(value).ok()?.trim().parse().ok());
    value.unwrap_or(u64::MAX)
}

fn contains(tag: &[u8], word: &[u8]) -> bool {
    tag.windows(word.len()).any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(xml: &str) -> u64 {
        let mut counter = CellCounter::default();
        // The blocks end inside of tags.
        xml.as_bytes().chunks(7).for_each(|block| counter.feed(block));
        counter.cells()
    }

    #[test]
    fn counts_cells_up_to_the_last_value() {
        let cell = "<table:table-cell office:value-type=\"string\"><text:p>x</text:p></table:table-cell>";
        let empty = "<table:table-row table:number-rows-repeated=\"1048573\"><table:table-cell \
                     table:number-columns-repeated=\"16384\"/></table:table-row>";
        let table = format!(
            "<table:table a='>'><table:table-row>{cell}{cell}</table:table-row>{empty}</table:table>"
        );
        assert_eq!(count(&table), 2);
        assert_eq!(count(&format!("{table}{table}")), 4);
        let repeated = "<table:table><table:table-row table:number-rows-repeated='1000'><table:table-cell \
                        office:value-type='string' table:number-columns-repeated='50'>";
        assert_eq!(count(repeated), 50_000);
        let far = format!(
            "<table:table>{empty}<table:table-row><table:table-cell table:number-columns-repeated=\"99\"/>{cell}"
        );
        assert_eq!(count(&far), 1_048_574 * 100);
    }
}
