//! What a check finds, and how it looks.

use std::fmt;

use carium::{Error, ErrorKind};

use super::Fixture;

/// A promise that is not kept: which, where that showed, what was expected and what came.
#[derive(Clone, PartialEq, Eq)]
pub struct ContractViolation {
    check: &'static str,
    promise: &'static str,
    finding: Finding,
}

impl ContractViolation {
    pub(super) fn new(check: &'static str, promise: &'static str, finding: Finding) -> Self {
        Self { check, promise, finding }
    }

    /// The check that found it, such as `patients::a_username_is_one_persons`.
    pub fn check(&self) -> &'static str {
        self.check
    }

    /// The promise, in words.
    pub fn promise(&self) -> &'static str {
        self.promise
    }
}

impl fmt::Display for ContractViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { at, expected, came } = &self.finding;
        writeln!(f, "{}: a promise is not kept: {}", self.check, self.promise)?;
        writeln!(f, "  looked at: {at}")?;
        writeln!(f, "  expected:  {expected}")?;
        write!(f, "  came:      {came}")
    }
}

/// As `Display`: it is what a test prints that returns it.
impl fmt::Debug for ContractViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ContractViolation {}

/// What a check finds. Says ids, kinds and names of fields, no texts or bytes: a subject may be a service that has
/// others than were sent.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Finding {
    at: String,
    expected: String,
    came: String,
}

/// What a check comes to.
pub(super) type Outcome<T = ()> = Result<T, Finding>;

/// A finding where something does not hold.
pub(super) fn holds(
    it_does: bool,
    at: impl Into<String>,
    expected: impl Into<String>,
    came: impl Into<String>,
) -> Outcome {
    if it_does {
        return Ok(());
    }
    Err(Finding { at: at.into(), expected: expected.into(), came: came.into() })
}

/// What came is what was expected. For ids, numbers and the like: a finding shows both.
pub(super) fn same<T: PartialEq + fmt::Debug>(at: impl Into<String>, came: &T, expected: &T) -> Outcome {
    holds(came == expected, at, format!("{expected:?}"), format!("{came:?}"))
}

/// No two of these are the same.
pub(super) fn distinct<T: Ord + Copy + fmt::Debug>(at: &str, things: &[T]) -> Outcome {
    let mut sorted = things.to_vec();
    sorted.sort_unstable();
    let twice = sorted.windows(2).find(|pair| pair[0] == pair[1]);
    holds(twice.is_none(), at, "each of its own", format!("{:?} twice", twice.map(|pair| pair[0])))
}

/// It was done.
pub(super) fn done<T>(at: impl Into<String>, result: Result<T, Error>) -> Outcome<T> {
    result.map_err(|error| Finding { at: at.into(), expected: "it is done".into(), came: told(&error) })
}

/// There is one.
pub(super) fn there<T>(at: impl Into<String>, thing: Option<T>) -> Outcome<T> {
    thing.ok_or_else(|| Finding {
        at: at.into(),
        expected: "there is one".into(),
        came: "there is none".into(),
    })
}

/// What the page leaves open: how a service refuses what refers to nothing.
pub(super) const REFUSALS: [ErrorKind; 4] =
    [ErrorKind::Rejected, ErrorKind::NotFound, ErrorKind::Conflict, ErrorKind::Forbidden];

/// It was rejected by the service: with one of these kinds, a status that goes with the kind, and without doubt.
pub(super) fn refused<T>(at: &str, result: Result<T, Error>, kinds: &[ErrorKind]) -> Outcome<Error> {
    let expected = format!("a refusal: {kinds:?}");
    let Err(error) = result else {
        return Err(Finding { at: at.into(), expected, came: "it was done".into() });
    };
    holds(kinds.contains(&error.kind()), at, expected, told(&error))?;
    let expected = "certainty that it was not done";
    holds(!error.may_have_been_applied(), format!("the error of {at}"), expected, told(&error))?;
    let expected = "a status that goes with the kind";
    holds(goes_with(error.kind(), error.status()), format!("the error of {at}"), expected, told(&error))?;
    Ok(error)
}

/// The same, and the error names the field that is at fault, where the subject does so.
pub(super) fn refused_for<T>(
    scene: &dyn Fixture,
    field: &str,
    at: &str,
    result: Result<T, Error>,
    kinds: &[ErrorKind],
) -> Outcome {
    let error = refused(at, result, kinds)?;
    let is_named = error.problems().iter().any(|problem| problem.field() == Some(field));
    let expected = format!("that it names `{field}`");
    holds(is_named || !scene.names_fields(), format!("the error of {at}"), expected, told(&error))
}

/// A stand-in may leave the status out. What was not sent has none.
fn goes_with(kind: ErrorKind, status: Option<u16>) -> bool {
    status.is_none_or(|status| match kind {
        ErrorKind::InvalidInput | ErrorKind::Io => false,
        ErrorKind::NotFound => matches!(status, 404 | 410),
        ErrorKind::Conflict => status == 409,
        _ => (400..500).contains(&status),
    })
}

/// An error, with what a program goes by.
fn told(error: &Error) -> String {
    format!("{:?}: {error}", error.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Somewhere {
        names_fields: bool,
    }

    impl Fixture for Somewhere {
        fn organization(&self) -> carium::patients::OrganizationId {
            super::super::inputs::unknown()
        }

        fn names_fields(&self) -> bool {
            self.names_fields
        }
    }

    fn of(kind: ErrorKind) -> Result<(), Error> {
        Err(Error::new(kind, "no"))
    }

    #[test]
    fn a_failure_says_all_of_it() {
        let finding = same("the number of patients", &1, &2).unwrap_err();
        let broken = ContractViolation::new("patients::some", "Patients are kept.", finding);
        let expected = "patients::some: a promise is not kept: Patients are kept.\n  \
            looked at: the number of patients\n  expected:  2\n  came:      1";
        assert_eq!((broken.to_string().as_str(), format!("{broken:?}").as_str()), (expected, expected));
        assert_eq!((broken.check(), broken.promise()), ("patients::some", "Patients are kept."));
    }

    #[test]
    fn only_a_refusal_passes_for_one() {
        let kinds = [ErrorKind::Conflict, ErrorKind::NotFound];
        let judged = |result| refused("it", result, &kinds).is_ok();
        assert!(judged(of(ErrorKind::Conflict)));
        assert!(judged(of(ErrorKind::NotFound).map_err(|error| error.with_status(410))));
        assert!(!judged(of(ErrorKind::NotFound).map_err(|error| error.with_status(409))));
        assert!(!judged(of(ErrorKind::Conflict).map_err(|error| error.with_status(422))));
        assert!(!judged(of(ErrorKind::Conflict).map_err(Error::with_unknown_outcome)));
        assert!(!judged(of(ErrorKind::Unavailable)));
        assert!(!judged(Ok(())));
        let sent = of(ErrorKind::InvalidInput).map_err(|error| error.with_status(400));
        assert!(refused("it", sent, &[ErrorKind::InvalidInput]).is_err());
    }

    #[test]
    fn a_field_is_asked_for_where_fields_are_named() {
        let judged = |names_fields, error| {
            refused_for(&Somewhere { names_fields }, "username", "it", Err::<(), _>(error), &REFUSALS).is_ok()
        };
        let error = || Error::new(ErrorKind::Conflict, "no");
        assert!(judged(true, error().with_problem("username", "is taken")));
        assert!(!judged(true, error().with_problem("email", "is taken")));
        assert!(!judged(true, error()));
        assert!(judged(false, error()));
    }

    #[test]
    fn what_is_there_twice_is_found() {
        assert!(distinct("ids", &[1, 2, 3]).is_ok());
        assert!(distinct("ids", &[1, 2, 1]).is_err());
    }
}
