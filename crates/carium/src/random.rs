//! Cryptographically secure random numbers.

use crate::error::{Error, ErrorKind};

/// Returns 128 random bits from the operating system.
///
/// `fastrand` is not suitable: any code in the process can seed its generator, so two processes with the same
/// seed would get the same numbers.
///
/// # Errors
/// Returns `Io` if the operating system's random number generator fails.
pub(crate) fn secure_u128() -> Result<u128, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|_| Error::new(ErrorKind::Io, "the operating system's random number generator failed"))?;
    Ok(u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_do_not_depend_on_the_seed_of_fastrand() {
        let draw = || {
            fastrand::seed(7);
            [secure_u128().unwrap(), secure_u128().unwrap()]
        };
        let (first, second) = (draw(), draw());
        assert!(first[0] != first[1] && first.iter().all(|bits| !second.contains(bits)));
    }
}
