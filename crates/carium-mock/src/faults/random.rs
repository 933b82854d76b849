//! Random faults.

use super::{CallRange, Fault, FaultKind, FaultResponse, FaultTarget, FaultTiming};

/// A source of random faults.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RandomFaults {
    pub(super) seed: u64,
    pub(super) one_in: u64,
}

impl RandomFaults {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, one_in: 10 }
    }

    /// Returns the fault for a call, if any.
    ///
    /// The result depends on the call alone and not on earlier draws, because the order of concurrent calls differs
    /// between runs.
    pub(super) fn draw(&self, target: FaultTarget, call_number: u64) -> Option<Fault> {
        let mut seed = self.seed ^ call_number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in target.name().bytes() {
            // FNV-1a
            seed = (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let mut rng = fastrand::Rng::with_seed(seed);
        if rng.u64(..self.one_in) != 0 {
            return None;
        }
        let (timing, kind) = match target {
            FaultTarget::Api(operation) => match rng.u8(..if operation == "login" { 6 } else { 7 }) {
                0 => (FaultTiming::Before, error_response(429, &mut rng)),
                1 => (FaultTiming::Before, error_response(503, &mut rng)),
                2 => (FaultTiming::Before, FaultKind::Reset { after: None }),
                3 => (FaultTiming::After, FaultKind::Reset { after: None }),
                4 => (FaultTiming::After, FaultKind::Truncate),
                5 => (FaultTiming::After, FaultKind::Corrupt),
                _ => (FaultTiming::Before, FaultKind::RevokeToken),
            },
            FaultTarget::Upload => match rng.u8(..4) {
                0 => (FaultTiming::Before, error_response(503, &mut rng)),
                1 => (FaultTiming::Before, FaultKind::Reset { after: None }),
                2 => (FaultTiming::After, FaultKind::Reset { after: None }),
                _ => (FaultTiming::Before, FaultKind::Expire),
            },
            FaultTarget::Download => match rng.u8(..4) {
                0 => (FaultTiming::Before, error_response(503, &mut rng)),
                1 => (FaultTiming::Before, FaultKind::Reset { after: None }),
                2 => (FaultTiming::Before, FaultKind::Truncate),
                _ => (FaultTiming::Before, FaultKind::Expire),
            },
        };
        Some(Fault { target, calls: CallRange::one(call_number), timing, kind })
    }
}

/// Returns an error response. Half of them have a `Retry-After` header.
fn error_response(status: u16, rng: &mut fastrand::Rng) -> FaultKind {
    let response = FaultResponse::status(status);
    FaultKind::Respond(if rng.bool() { response.header("retry-after", "0") } else { response })
}
