//! Tests of reading rows again at their locations.

use carium_bulk::rows::{Header, RowError, RowFormat, RowLocation, RowOptions, Rows, read_row};
use futures_util::StreamExt as _;

use crate::support::{ORGANIZATION, block_on, salt};

/// Reads all rows of a file, and checks that each can be read again at its location.
pub(crate) fn check_locations(format: RowFormat, bytes: &[u8]) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let options = RowOptions::new().format(format);
    block_on(async {
        let rows = Rows::open(file.path(), options.clone(), salt()).await.unwrap();
        let rows: Vec<_> = rows.map(Result::unwrap).collect().await;
        // The header is read again, as in another process.
        let header = Header::read(file.path(), options, salt()).await.unwrap();
        for row in rows {
            assert!(read_row(file.path(), &header, row.location).await.unwrap() == row);
        }
    });
}

fn table() -> String {
    let row = format!("1980-07-04,female,ann@example.com,{ORGANIZATION}");
    format!(
        "first-name,last-name,birth-date,gender,email,organization-id,appointment-practitioner,appointment-type,\
         appointment-status,appointment-start-time,appointment-end-time,appointment-add-video-channel,\
         appointment-description\r\n\r\n\
         Ann,Lee,{row},a,b,c,2027-01-04T09:00:00Z,2027-01-04T09:30:00Z,true,\"two\r\nlines, \"\"quoted\"\"\"\r\n\
         Bob,Lee,{row},,,,,,,\r\n"
    )
}

#[test]
fn location_has_the_line_and_the_exact_bytes() {
    let file = table();
    block_on(async {
        let reader = std::io::Cursor::new(file.clone());
        let rows = Rows::from_reader(reader, RowFormat::Csv, RowOptions::new(), salt()).await.unwrap();
        let rows: Vec<_> = rows.map(Result::unwrap).collect().await;
        let bytes = |location: RowLocation| {
            let start = usize::try_from(location.offset).unwrap();
            &file[start..start + usize::try_from(location.length).unwrap()]
        };
        assert_eq!(rows.iter().map(|row| row.location.line).collect::<Vec<_>>(), [3, 5]);
        assert!(
            bytes(rows[0].location).starts_with("Ann,")
                && bytes(rows[0].location).ends_with("\"\"quoted\"\"\"")
        );
        assert!(bytes(rows[1].location).starts_with("Bob,") && bytes(rows[1].location).ends_with(",,,,,,,"));
        let description = rows[0].request.attributes().appointment.as_ref().unwrap().description.as_deref();
        assert_eq!(description, Some("two\r\nlines, \"quoted\""));
    });
    check_locations(RowFormat::Csv, file.as_bytes());
}

#[test]
fn rejects_locations_that_are_not_one_row() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), table()).unwrap();
    let options = RowOptions::new().format(RowFormat::Csv);
    block_on(async {
        let rows = Rows::open(file.path(), options, salt()).await.unwrap();
        let header = rows.header().clone();
        let location = rows.map(Result::unwrap).collect::<Vec<_>>().await[1].location;
        let read = |location: RowLocation| read_row(file.path(), &header, location);

        let two_rows = RowLocation { offset: 0, length: location.offset + location.length, ..location };
        let too_short = RowLocation { length: 20, ..location };
        let empty = RowLocation { length: 0, ..location };
        for invalid in [two_rows, too_short, empty] {
            let error = read(invalid).await.unwrap_err();
            assert!(matches!(error, RowError::Invalid(_)), "{error:?}");
        }
        let past_the_end = read(RowLocation { length: location.length + 100, ..location }).await.unwrap_err();
        assert!(matches!(past_the_end, RowError::Io(_)), "{past_the_end:?}");
        let too_long = read(RowLocation { length: u64::MAX, ..location }).await.unwrap_err();
        assert!(matches!(too_long, RowError::Invalid(_)), "{too_long:?}");
    });
}

/// The file is longer than the read buffer, and rows cross its boundaries.
#[test]
fn locations_are_correct_in_a_long_file() {
    let mut file = String::from(
        "first-name,last-name,birth-date,gender,email,organization-id,document-1-class,document-1-name,\
         document-1-path,document-1-description\r\n",
    );
    let mut lines = Vec::new();
    let mut line = 2;
    for row in 0..3000 {
        let length = if row % 500 == 0 { 20_000 } else { row % 7 };
        let text = "a\r\nb, \"\"c\"\" ".repeat(length);
        lines.push(line);
        line += 1 + length as u64;
        file.push_str(&format!(
            "Ann,Lee,1980-07-04,other,ann.{row}@example.com,{ORGANIZATION},Letters,Letter,{row}.pdf,\"{text}\"\r\n"
        ));
    }
    let stored = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(stored.path(), &file).unwrap();
    block_on(async {
        let options = RowOptions::new().format(RowFormat::Csv);
        let rows = Rows::open(stored.path(), options, salt()).await.unwrap();
        let header = rows.header().clone();
        let rows: Vec<_> = rows.map(Result::unwrap).collect().await;
        assert_eq!(rows.iter().map(|row| row.location.line).collect::<Vec<_>>(), lines);
        for row in rows.iter().step_by(125) {
            assert!(read_row(stored.path(), &header, row.location).await.unwrap() == *row);
        }
    });
}
