//! Numbers that nobody can foresee.

use crate::error::{Error, ErrorKind};

/// 128 bits from the operating system. A generator in this process can be seeded by any part of it, and one that was
/// seeded the same way in two of them would have both draw the same.
///
/// # Errors
/// `Io`: the system has none to give.
pub(crate) fn bits() -> Result<u128, Error> {
    let mut bytes = [0; 16];
    // Its own words are of the system; there is nothing in them to hide, and nothing to mend.
    getrandom::fill(&mut bytes)
        .map_err(|_| Error::new(ErrorKind::Io, "the system has no random numbers to give"))?;
    Ok(u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_of_the_process_does_not_lead_to_them() {
        let drawn = || {
            fastrand::seed(7);
            [bits().unwrap(), bits().unwrap()]
        };
        let (one, other) = (drawn(), drawn());
        assert!(one[0] != one[1] && one.iter().all(|bits| !other.contains(bits)));
    }
}
