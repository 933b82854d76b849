//! Faults that are drawn.

use super::{Calls, Fault, FaultResponse, Moment, Target, What};

/// Where faults are drawn from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Random {
    pub(super) seed: u64,
    pub(super) one_in: u64,
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, one_in: 10 }
    }

    /// What becomes of this call. It follows from the call alone and not from what was drawn before it: calls that
    /// go on side by side come in another order each time.
    pub(super) fn draw(&self, target: Target, nth: u64) -> Option<Fault> {
        let mut seed = self.seed ^ nth.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in target.name().bytes() {
            // FNV-1a: the name's every byte counts.
            seed = (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let mut draw = fastrand::Rng::with_seed(seed);
        if draw.u64(..self.one_in) != 0 {
            return None;
        }
        let (moment, what) = match target {
            Target::Api(operation) => match draw.u8(..if operation == "login" { 6 } else { 7 }) {
                0 => (Moment::Before, answer(429, &mut draw)),
                1 => (Moment::Before, answer(503, &mut draw)),
                2 => (Moment::Before, What::Reset { after: None }),
                3 => (Moment::After, What::Reset { after: None }),
                4 => (Moment::After, What::Truncate),
                5 => (Moment::After, What::Corrupt),
                _ => (Moment::Before, What::RevokeToken),
            },
            Target::Upload => match draw.u8(..4) {
                0 => (Moment::Before, answer(503, &mut draw)),
                1 => (Moment::Before, What::Reset { after: None }),
                2 => (Moment::After, What::Reset { after: None }),
                _ => (Moment::Before, What::Expire),
            },
            Target::Download => match draw.u8(..4) {
                0 => (Moment::Before, answer(503, &mut draw)),
                1 => (Moment::Before, What::Reset { after: None }),
                2 => (Moment::Before, What::Truncate),
                _ => (Moment::Before, What::Expire),
            },
        };
        Some(Fault { target, calls: Calls::one(nth), moment, what })
    }
}

/// A refusal, half of them with a word on when to come again.
fn answer(status: u16, draw: &mut fastrand::Rng) -> What {
    let reply = FaultResponse::status(status);
    What::Answer(if draw.bool() { reply.header("retry-after", "0") } else { reply })
}
