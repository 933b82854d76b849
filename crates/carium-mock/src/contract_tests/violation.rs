//! The error of a test case, and the assertions that create it.

use std::fmt;

use carium::{Error, ErrorKind};

use super::Fixture;

/// The error of a test case whose requirement is not met: the requirement, what was checked, and the expected and the
/// actual result.
#[derive(Clone, PartialEq, Eq)]
pub struct ContractViolation {
    test_case: &'static str,
    requirement: &'static str,
    mismatch: Mismatch,
}

impl ContractViolation {
    pub(super) fn new(test_case: &'static str, requirement: &'static str, mismatch: Mismatch) -> Self {
        Self { test_case, requirement, mismatch }
    }

    /// Returns the name of the test case that failed, such as `patients::username_is_unique`.
    pub fn test_case(&self) -> &'static str {
        self.test_case
    }

    /// Returns the requirement that is not met, as a sentence.
    pub fn requirement(&self) -> &'static str {
        self.requirement
    }
}

impl fmt::Display for ContractViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mismatch { checked, expected, actual } = &self.mismatch;
        writeln!(f, "{}: contract violation: {}", self.test_case, self.requirement)?;
        writeln!(f, "  checked:  {checked}")?;
        writeln!(f, "  expected: {expected}")?;
        write!(f, "  actual:   {actual}")
    }
}

/// Same as `Display`, because the test harness prints the `Debug` form of a returned error.
impl fmt::Debug for ContractViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ContractViolation {}

/// A failed assertion of a test case.
///
/// It contains IDs, error kinds and field names, but no field values or file contents: the implementation under test
/// may be a real service that returns data of other patients.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Mismatch {
    checked: String,
    expected: String,
    actual: String,
}

/// The result of a test case or of one of its steps.
pub(super) type CaseResult<T = ()> = Result<T, Mismatch>;

/// Fails if the condition is false.
pub(super) fn ensure(
    condition: bool,
    checked: impl Into<String>,
    expected: impl Into<String>,
    actual: impl Into<String>,
) -> CaseResult {
    if condition {
        return Ok(());
    }
    Err(Mismatch { checked: checked.into(), expected: expected.into(), actual: actual.into() })
}

/// Fails if the values differ. A failure shows both, so this is for IDs, numbers and the like only.
pub(super) fn ensure_eq<T: PartialEq + fmt::Debug>(
    checked: impl Into<String>,
    actual: &T,
    expected: &T,
) -> CaseResult {
    ensure(actual == expected, checked, format!("{expected:?}"), format!("{actual:?}"))
}

/// Fails if two of the values are equal.
pub(super) fn ensure_distinct<T: Ord + Copy + fmt::Debug>(checked: &str, values: &[T]) -> CaseResult {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let duplicate = sorted.windows(2).find(|pair| pair[0] == pair[1]);
    let actual = format!("{:?} more than once", duplicate.map(|pair| pair[0]));
    ensure(duplicate.is_none(), checked, "no duplicates", actual)
}

/// Returns the value of a successful result.
pub(super) fn ensure_ok<T>(checked: impl Into<String>, result: Result<T, Error>) -> CaseResult<T> {
    result.map_err(|error| Mismatch {
        checked: checked.into(),
        expected: "success".into(),
        actual: describe(&error),
    })
}

/// Returns the value of an option.
pub(super) fn ensure_some<T>(checked: impl Into<String>, option: Option<T>) -> CaseResult<T> {
    option.ok_or_else(|| Mismatch {
        checked: checked.into(),
        expected: "a value".into(),
        actual: "no value".into(),
    })
}

/// The kinds of error with which a service may reject a reference to something that does not exist. The vendor's page
/// does not specify which one it uses.
pub(super) const REJECTION_KINDS: [ErrorKind; 4] =
    [ErrorKind::Rejected, ErrorKind::NotFound, ErrorKind::Conflict, ErrorKind::Forbidden];

/// Fails unless the call was rejected: with one of these kinds, with a status that fits the kind, and with certainty
/// that nothing was applied.
pub(super) fn ensure_rejected<T>(
    checked: &str,
    result: Result<T, Error>,
    kinds: &[ErrorKind],
) -> CaseResult<Error> {
    let expected = format!("an error of one of the kinds {kinds:?}");
    let Err(error) = result else {
        return Err(Mismatch { checked: checked.into(), expected, actual: "success".into() });
    };
    ensure(kinds.contains(&error.kind()), checked, expected, describe(&error))?;
    let checked = format!("the error of {checked}");
    let expected = "`may_have_been_applied()` is false";
    ensure(!error.may_have_been_applied(), &checked, expected, describe(&error))?;
    let expected = "a status that fits the kind";
    ensure(status_fits_kind(error.kind(), error.status()), &checked, expected, describe(&error))?;
    Ok(error)
}

/// Same as [`ensure_rejected`]. Also fails unless the error names the invalid field, if the fixture supports that.
pub(super) fn ensure_field_rejected<T>(
    fixture: &dyn Fixture,
    field: &str,
    checked: &str,
    result: Result<T, Error>,
    kinds: &[ErrorKind],
) -> CaseResult {
    let error = ensure_rejected(checked, result, kinds)?;
    let is_named = error.problems().iter().any(|problem| problem.field() == Some(field));
    let expected = format!("a problem with the field `{field}`");
    let checked = format!("the error of {checked}");
    ensure(is_named || !fixture.names_fields(), checked, expected, describe(&error))
}

/// Checks a status against an error kind. A fake may omit the status, and an error from before the request was sent
/// has none.
fn status_fits_kind(kind: ErrorKind, status: Option<u16>) -> bool {
    status.is_none_or(|status| match kind {
        ErrorKind::InvalidInput | ErrorKind::Io => false,
        ErrorKind::NotFound => matches!(status, 404 | 410),
        ErrorKind::Conflict => status == 409,
        _ => (400..500).contains(&status),
    })
}

fn describe(error: &Error) -> String {
    format!("{:?}: {error}", error.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct TestFixture {
        names_fields: bool,
    }

    impl Fixture for TestFixture {
        fn organization(&self) -> carium::patients::OrganizationId {
            super::super::inputs::unknown_id()
        }

        fn names_fields(&self) -> bool {
            self.names_fields
        }
    }

    fn error(kind: ErrorKind) -> Result<(), Error> {
        Err(Error::new(kind, "no"))
    }

    #[test]
    fn violation_shows_requirement_and_mismatch() {
        let mismatch = ensure_eq("the number of patients", &1, &2).unwrap_err();
        let violation = ContractViolation::new("patients::some", "Patients are kept.", mismatch);
        let expected = "patients::some: contract violation: Patients are kept.\n  \
            checked:  the number of patients\n  expected: 2\n  actual:   1";
        assert_eq!((violation.to_string().as_str(), format!("{violation:?}").as_str()), (expected, expected));
        assert_eq!(
            (violation.test_case(), violation.requirement()),
            ("patients::some", "Patients are kept.")
        );
    }

    #[test]
    fn accepts_only_consistent_rejections() {
        let kinds = [ErrorKind::Conflict, ErrorKind::NotFound];
        let is_accepted = |result| ensure_rejected("a call", result, &kinds).is_ok();
        assert!(is_accepted(error(ErrorKind::Conflict)));
        assert!(is_accepted(error(ErrorKind::NotFound).map_err(|error| error.with_status(410))));
        assert!(!is_accepted(error(ErrorKind::NotFound).map_err(|error| error.with_status(409))));
        assert!(!is_accepted(error(ErrorKind::Conflict).map_err(|error| error.with_status(422))));
        assert!(!is_accepted(error(ErrorKind::Conflict).map_err(Error::with_unknown_outcome)));
        assert!(!is_accepted(error(ErrorKind::Unavailable)));
        assert!(!is_accepted(Ok(())));
        let sent = error(ErrorKind::InvalidInput).map_err(|error| error.with_status(400));
        assert!(ensure_rejected("a call", sent, &[ErrorKind::InvalidInput]).is_err());
    }

    #[test]
    fn requires_field_only_if_fixture_names_fields() {
        let is_accepted = |names_fields, error| {
            let fixture = TestFixture { names_fields };
            let result = Err::<(), _>(error);
            ensure_field_rejected(&fixture, "username", "a call", result, &REJECTION_KINDS).is_ok()
        };
        let error = || Error::new(ErrorKind::Conflict, "no");
        assert!(is_accepted(true, error().with_problem("username", "is taken")));
        assert!(!is_accepted(true, error().with_problem("email", "is taken")));
        assert!(!is_accepted(true, error()));
        assert!(is_accepted(false, error()));
    }

    #[test]
    fn detects_duplicates() {
        assert!(ensure_distinct("ids", &[1, 2, 3]).is_ok());
        assert!(ensure_distinct("ids", &[1, 2, 1]).is_err());
    }
}
