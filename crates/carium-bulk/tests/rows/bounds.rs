//! Tests that malicious files neither exhaust memory nor cause panics.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use carium_bulk::rows::{RowError, RowFormat, RowOptions, Rows};
use futures_util::StreamExt as _;
use proptest::prelude::*;

use crate::support::{block_on, problems, read, salt};

const HEADER_LINE: &[u8] = b"first-name,last-name,birth-date,gender,email,organization-id\n";

/// A reader of some first bytes followed by a repeated letter, which counts the bytes that were read.
struct LongFile {
    beginning: io::Cursor<Vec<u8>>,
    remaining: u64,
    read: Arc<AtomicU64>,
}

impl Read for LongFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = self.beginning.read(buffer)?;
        if read == 0 {
            read = buffer.len().min(usize::try_from(self.remaining).unwrap());
            buffer[..read].fill(b'a');
            self.remaining -= read as u64;
        }
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[test]
fn stops_reading_at_an_unclosed_quote() {
    let read = Arc::new(AtomicU64::new(0));
    let beginning = io::Cursor::new([HEADER_LINE, b"Ann,\"Lee"].concat());
    let file = LongFile { beginning, remaining: 50_000_000, read: Arc::clone(&read) };
    let all: Vec<_> = block_on(async {
        let rows = Rows::from_reader(file, RowFormat::Csv, RowOptions::new(), salt()).await;
        rows.unwrap().collect().await
    });
    let [Err(RowError::Invalid(problems))] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(
        problems.to_string(),
        "line 2: the row is longer than 1048576 bytes: check for a quote that is not closed; \
         the rest of the file was not read"
    );
    assert!(read.load(Ordering::Relaxed) < 4 << 20, "{read:?}");
}

#[test]
fn limits_the_problems_of_a_row_of_separators() {
    let separators = ";".repeat(900_000);
    let file =
        format!("first-name,last-name,birth-date,gender,email,organization-id,invite\n,,,,,,{separators}\n");
    let problems = problems(RowFormat::Csv, file, RowOptions::new());
    assert!(problems.contains("has more than 100 values"), "{problems}");
    assert!(problems.lines().count() < 20);
}

/// Random bytes, most of which have a meaning in CSV or JSON.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => prop::sample::select(b"\",;\r\n{}[]:0.-e \t".to_vec()),
        1 => any::<u8>(),
        1 => prop::sample::select(b"abc@+\xef\xbb\xbf".to_vec()),
    ];
    prop::collection::vec(byte, 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn does_not_panic_on_random_bytes(bytes in bytes(), max_row_bytes in 1_usize..500, has_key in any::<bool>()) {
        let options = || {
            let options = RowOptions::new().max_row_bytes(max_row_bytes.max(HEADER_LINE.len()));
            if has_key { options.key("a") } else { options }
        };
        for (format, beginning) in
            [(RowFormat::Csv, &b""[..]), (RowFormat::Csv, HEADER_LINE), (RowFormat::Ndjson, b"")]
        {
            let file = [beginning, &bytes].concat();
            if let Ok(rows) = read(format, file, options()) {
                for row in rows {
                    prop_assert!(!matches!(row, Err(RowError::Io(_))), "{row:?}");
                }
            }
        }
    }
}
