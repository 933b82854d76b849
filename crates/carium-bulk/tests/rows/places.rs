//! Rows read again at their places.

use carium_bulk::rows::{Header, RowError, RowFormat, RowLocation, RowOptions, Rows, read_row};
use futures_util::StreamExt as _;

use crate::support::{ORGANIZATION, salt, wait};

/// Reads all rows of a file, and each of them again.
pub(crate) fn read_again(format: RowFormat, bytes: &[u8]) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let options = RowOptions::new().format(format);
    wait(async {
        let rows = Rows::open(file.path(), options.clone(), salt()).await.unwrap();
        let rows: Vec<_> = rows.map(Result::unwrap).collect().await;
        // As another process would.
        let header = Header::read(file.path(), options, salt()).await.unwrap();
        for row in rows {
            assert!(read_row(file.path(), &header, row.place).await.unwrap() == row);
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
fn a_place_says_the_line_and_exactly_the_bytes() {
    let file = table();
    wait(async {
        let reader = std::io::Cursor::new(file.clone());
        let rows = Rows::from_reader(reader, RowFormat::Csv, RowOptions::new(), salt()).await.unwrap();
        let rows: Vec<_> = rows.map(Result::unwrap).collect().await;
        let bytes = |place: RowLocation| {
            let start = usize::try_from(place.offset).unwrap();
            &file[start..start + usize::try_from(place.length).unwrap()]
        };
        assert_eq!(rows.iter().map(|row| row.place.line).collect::<Vec<_>>(), [3, 5]);
        assert!(
            bytes(rows[0].place).starts_with("Ann,") && bytes(rows[0].place).ends_with("\"\"quoted\"\"\"")
        );
        assert!(bytes(rows[1].place).starts_with("Bob,") && bytes(rows[1].place).ends_with(",,,,,,,"));
        let description = rows[0].request.attributes().appointment.as_ref().unwrap().description.as_deref();
        assert_eq!(description, Some("two\r\nlines, \"quoted\""));
    });
    read_again(RowFormat::Csv, file.as_bytes());
}

#[test]
fn a_place_that_is_no_longer_one_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), table()).unwrap();
    let options = RowOptions::new().format(RowFormat::Csv);
    wait(async {
        let rows = Rows::open(file.path(), options, salt()).await.unwrap();
        let header = rows.header().clone();
        let place = rows.map(Result::unwrap).collect::<Vec<_>>().await[1].place;
        let at = |place: RowLocation| read_row(file.path(), &header, place);

        let two = RowLocation { offset: 0, length: place.offset + place.length, ..place };
        for wrong in
            [two, RowLocation { length: place.length - 1, ..place }, RowLocation { length: 0, ..place }]
        {
            let refused = at(wrong).await.unwrap_err();
            assert!(matches!(refused, RowError::Invalid(_)), "{refused:?}");
        }
        let beyond = at(RowLocation { length: place.length + 100, ..place }).await.unwrap_err();
        assert!(matches!(beyond, RowError::Io(_)), "{beyond:?}");
        let endless = at(RowLocation { length: u64::MAX, ..place }).await.unwrap_err();
        assert!(matches!(endless, RowError::Invalid(_)), "{endless:?}");
    });
}

/// Longer than what is read at a time, in rows that lie across it.
#[test]
fn places_hold_in_a_long_file() {
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
    wait(async {
        let options = RowOptions::new().format(RowFormat::Csv);
        let rows = Rows::open(stored.path(), options, salt()).await.unwrap();
        let header = rows.header().clone();
        let rows: Vec<_> = rows.map(Result::unwrap).collect().await;
        assert_eq!(rows.iter().map(|row| row.place.line).collect::<Vec<_>>(), lines);
        for row in rows.iter().step_by(125) {
            assert!(read_row(stored.path(), &header, row.place).await.unwrap() == *row);
        }
    });
}
