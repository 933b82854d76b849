//! What a hostile file can do: nothing.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use carium_bulk::rows::{RowError, RowFormat, RowOptions, Rows};
use futures_util::StreamExt as _;
use proptest::prelude::*;

use crate::support::{read, said, salt, wait};

const NAMES: &[u8] = b"first-name,last-name,birth-date,gender,email,organization-id\n";

/// 50 MB of one letter after a beginning, and how much of it was read.
struct Endless {
    beginning: io::Cursor<Vec<u8>>,
    left: u64,
    read: Arc<AtomicU64>,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = self.beginning.read(buffer)?;
        if read == 0 {
            read = buffer.len().min(usize::try_from(self.left).unwrap());
            buffer[..read].fill(b'a');
            self.left -= read as u64;
        }
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[test]
fn a_quote_that_is_never_closed_is_not_read_to_the_end() {
    let read = Arc::new(AtomicU64::new(0));
    let beginning = io::Cursor::new([NAMES, b"Ann,\"Lee"].concat());
    let endless = Endless { beginning, left: 50_000_000, read: Arc::clone(&read) };
    let all: Vec<_> = wait(async {
        let rows = Rows::from_reader(endless, RowFormat::Csv, RowOptions::new(), salt()).await;
        rows.unwrap().collect().await
    });
    let [Err(RowError::Invalid(problems))] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(
        problems.to_string(),
        "line 2: the row is longer than 1048576 bytes: close the quote that it may begin with; \
         nothing after this line was read"
    );
    assert!(read.load(Ordering::Relaxed) < 4 << 20, "{read:?}");
}

#[test]
fn a_row_of_separators_has_a_bounded_number_of_problems() {
    let many = ";".repeat(900_000);
    let file = format!("first-name,last-name,birth-date,gender,email,organization-id,invite\n,,,,,,{many}\n");
    let said = said(RowFormat::Csv, file, RowOptions::new());
    assert!(said.contains("has more than 100 values"), "{said}");
    assert!(said.lines().count() < 20);
}

/// Bytes that mean something, and some that do not.
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
    fn no_bytes_make_it_panic(bytes in bytes(), longest in 1_usize..500, has_key in any::<bool>()) {
        let options = || {
            let options = RowOptions::new().max_row_bytes(longest.max(NAMES.len()));
            if has_key { options.key("a") } else { options }
        };
        for (format, beginning) in
            [(RowFormat::Csv, &b""[..]), (RowFormat::Csv, NAMES), (RowFormat::Ndjson, b"")]
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
