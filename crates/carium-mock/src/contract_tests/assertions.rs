//! The error of a test case, and the assertions that create it.

use std::fmt;
use std::num::NonZeroU64;

use carium::{Error, ErrorKind, Items, ListOptions, PageCursor};
use futures_util::StreamExt as _;

use super::fixture::Fixture;

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

/// Fails if a field is not as expected. `fields` has the name of each field and whether its value is the expected one.
pub(super) fn ensure_fields(checked: &str, fields: &[(&str, bool)]) -> CaseResult {
    let different: Vec<_> = fields.iter().filter(|(_, is_same)| !is_same).map(|(name, _)| *name).collect();
    let actual = format!("different values in {different:?}");
    ensure(different.is_empty(), checked, "the expected field values", actual)
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

/// Maximum number of items that are read, so that an endless list fails the test case instead of blocking it.
const MAX_ITEMS: usize = 100_000;
/// Page sizes to test: the smallest ones, the service's default of 25 and its neighbor, and a very large one.
const PAGE_SIZES: [u64; 6] = [1, 2, 7, 25, 26, 1000];

/// The bounds on the ID of a list item.
pub(super) trait ItemId: Ord + Copy + fmt::Debug + Send + Sync {}

impl<I: Ord + Copy + fmt::Debug + Send + Sync> ItemId for I {}

/// Reads all items of a list.
pub(super) async fn read_all<T>(list_name: &str, mut items: Items<T>) -> CaseResult<Vec<T>> {
    let mut all = Vec::new();
    while let Some(item) = items.next().await {
        all.push(ensure_ok(format!("reading {list_name}"), item)?);
        ensure(all.len() <= MAX_ITEMS, list_name, format!("at most {MAX_ITEMS} items"), "more items")?;
    }
    Ok(all)
}

async fn read_ids<T: Send + Sync, I: ItemId>(
    list_name: &str,
    items: Items<T>,
    id: fn(&T) -> I,
) -> CaseResult<Vec<I>> {
    Ok(read_all(list_name, items).await?.iter().map(id).collect())
}

/// Returns list options with this page size.
pub(super) fn with_page_size(items: u64) -> ListOptions {
    NonZeroU64::new(items).map_or_else(ListOptions::default, |items| ListOptions::default().page_size(items))
}

/// Checks that a list has the required items, has no duplicates, and is the same for every page size.
pub(super) async fn check_complete<T: Send + Sync, I: ItemId>(
    list_name: &str,
    list: impl Fn(ListOptions) -> Items<T> + Send + Sync,
    id: fn(&T) -> I,
    required: &[I],
) -> CaseResult {
    let ids = read_ids(list_name, list(ListOptions::default()), id).await?;
    for required in required {
        let actual = format!("{} other items", ids.len());
        ensure(ids.contains(required), list_name, format!("an item {required:?}"), actual)?;
    }
    ensure_distinct(list_name, &ids)?;
    for size in PAGE_SIZES {
        let paged = read_ids(list_name, list(with_page_size(size)), id).await?;
        let expected =
            format!("the same {} items in the same order as with the default page size", ids.len());
        let actual = format!("{} items", paged.len());
        ensure(paged == ids, format!("{list_name}, with a page size of {size}"), expected, actual)?;
    }
    for prefetch in [0, 4] {
        let paged = read_ids(list_name, list(with_page_size(7).prefetch(prefetch)), id).await?;
        let expected = format!("the same {} items in the same order as with the default prefetch", ids.len());
        let actual = format!("{} items", paged.len());
        ensure(paged == ids, format!("{list_name}, with a prefetch of {prefetch}"), expected, actual)?;
    }
    Ok(())
}

/// Checks that a list starts at the requested page, and that a caller can stop reading it early.
pub(super) async fn check_start_and_early_stop<T: Send + Sync + 'static, I: ItemId>(
    list_name: &str,
    list: impl Fn(ListOptions) -> Items<T> + Send + Sync,
    id: fn(&T) -> I,
) -> CaseResult {
    let ids = read_ids(list_name, list(ListOptions::default()), id).await?;
    for (offset, skipped) in [(0, 0), (1, 1)] {
        let options = with_page_size(1).start_at(PageCursor::offset(offset));
        let rest = read_ids(list_name, list(options), id).await?;
        let expected = format!("all but the first {skipped} of {} items", ids.len());
        let actual = format!("{} items", rest.len());
        let checked = format!("{list_name}, with a page size of 1, starting at offset {offset}");
        ensure(ids.get(skipped..) == Some(&rest), checked, expected, actual)?;
    }
    let first_ids = read_ids(list_name, Items::from_items(list(with_page_size(1)).take(1)), id).await?;
    ensure_eq(format!("the first item of {list_name}"), &first_ids.first(), &ids.first())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct TestFixture {
        names_fields: bool,
    }

    impl Fixture for TestFixture {
        fn organization(&self) -> carium::patients::OrganizationId {
            uuid::Uuid::nil().into()
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
