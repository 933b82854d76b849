//! Tests of the report for a whole file.

use carium_bulk::rows::{RowFormat, RowOptions, RowProblem};

use crate::support::{ORGANIZATION, block_on, open, problem_lines};

#[test]
fn counts_all_problems_and_keeps_the_first() {
    let mut file = String::from("first-name,last-name,birth-date,gender,email,organization-id\n");
    for row in 0..1000 {
        // Every tenth row has the email of the row before it, and every hundredth has no birth date.
        let email = row - usize::from(row % 10 == 9);
        let date = if row % 100 == 0 { "" } else { "1980-07-04" };
        file.push_str(&format!("Ann,Lee,{date},other,ann.{email}@example.com,{ORGANIZATION}\n"));
    }
    let validate = |max_problems: usize| {
        let file = file.clone();
        block_on(async {
            open(RowFormat::Csv, file, RowOptions::new()).await.unwrap().validate(max_problems).await
        })
    };
    let full = validate(1000).unwrap();
    assert_eq!((full.rows, full.invalid_rows, full.problem_count), (1000, 110, 110));
    assert!(!full.is_ok() && full.problems.len() == 110);
    assert!(full.problems.is_sorted_by_key(RowProblem::line));

    let limited = validate(3).unwrap();
    assert_eq!((limited.rows, limited.invalid_rows, limited.problem_count), (1000, 110, 110));
    assert_eq!(limited.problems, full.problems[..3]);
    assert_eq!(
        problem_lines(&limited).lines().next(),
        Some("line 2, column 3, `birth-date`: is missing: write a past date such as 1980-07-04")
    );
}

#[test]
fn counts_a_row_with_two_problems_once() {
    let row = format!("Ann,Lee,,other,ann@example.com,{ORGANIZATION}\n");
    let file = format!("first-name,last-name,birth-date,gender,email,organization-id\n{row}{row}");
    let report =
        block_on(async { open(RowFormat::Csv, file, RowOptions::new()).await.unwrap().validate(9).await });
    let report = report.unwrap();
    assert_eq!((report.rows, report.invalid_rows, report.problem_count), (2, 2, 3));
}
