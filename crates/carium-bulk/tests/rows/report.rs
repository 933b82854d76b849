//! A whole file, counted.

use carium_bulk::rows::{RowFormat, RowOptions, RowProblem};

use crate::support::{ORGANIZATION, lines, open, wait};

#[test]
fn everything_is_counted_and_the_first_problems_are_kept() {
    let mut file = String::from("first-name,last-name,birth-date,gender,email,organization-id\n");
    for row in 0..1000 {
        // Each tenth is the one before it again, and each hundredth has no date.
        let (address, date) =
            (row - usize::from(row % 10 == 9), if row % 100 == 0 { "" } else { "1980-07-04" });
        file.push_str(&format!("Ann,Lee,{date},other,ann.{address}@example.com,{ORGANIZATION}\n"));
    }
    let report = |keep: usize| {
        let file = file.clone();
        wait(async { open(RowFormat::Csv, file, RowOptions::new()).await.unwrap().validate(keep).await })
    };
    let report_of_all = report(1000).unwrap();
    assert_eq!((report_of_all.rows, report_of_all.invalid_rows, report_of_all.count), (1000, 110, 110));
    assert!(!report_of_all.is_ok() && report_of_all.problems.len() == 110);
    assert!(report_of_all.problems.is_sorted_by_key(RowProblem::line));

    let bounded = report(3).unwrap();
    assert_eq!((bounded.rows, bounded.invalid_rows, bounded.count), (1000, 110, 110));
    assert_eq!(bounded.problems, report_of_all.problems[..3]);
    assert_eq!(
        lines(&bounded).lines().next(),
        Some("line 2, column 3, `birth-date`: is missing: write a day of the past like 1980-07-04")
    );
}

#[test]
fn a_row_with_two_faults_is_one_wrong_row() {
    let row = format!("Ann,Lee,,other,ann@example.com,{ORGANIZATION}\n");
    let file = format!("first-name,last-name,birth-date,gender,email,organization-id\n{row}{row}");
    let report =
        wait(async { open(RowFormat::Csv, file, RowOptions::new()).await.unwrap().validate(9).await });
    let report = report.unwrap();
    assert_eq!((report.rows, report.invalid_rows, report.count), (2, 2, 3));
}
