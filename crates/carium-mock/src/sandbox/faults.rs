//! The plan of faults, in the words of the object store.

use http::Method;

use crate::faults::{Fault, FaultResponse, Faults, Moment, Target, What};
use crate::object_store::{StoreCall, StoreFault, StoreResponse};

/// What becomes of this call of the store.
pub(super) fn of_store(faults: &Faults, call: &StoreCall) -> Option<StoreFault> {
    let target = match call.method {
        Method::POST => Target::Upload,
        Method::GET => Target::Download,
        _ => return None,
    };
    faults.next(target).map(in_its_words)
}

fn in_its_words(fault: Fault) -> StoreFault {
    match (fault.what, fault.moment) {
        (What::Answer(reply), Moment::Before) => StoreFault::Status(answer(&reply)),
        (What::Answer(reply), Moment::After) => StoreFault::ApplyThenStatus(answer(&reply)),
        (What::Reset { after: Some(bytes) }, _) => StoreFault::ResetAfter(bytes),
        // An upload is read whole, and a download not begun.
        (What::Reset { after: None }, Moment::Before) if fault.target == Target::Upload => {
            StoreFault::ResetAfter(u64::MAX)
        }
        (What::Reset { after: None }, _) => StoreFault::LostResponse,
        (What::Silence, Moment::Before) if fault.target == Target::Upload => StoreFault::StallAfter(u64::MAX),
        (What::Silence, _) => StoreFault::ApplyThenStall,
        (What::Truncate, _) => StoreFault::Truncated,
        (What::Corrupt, _) => StoreFault::Corrupt,
        (What::Expire | What::RevokeToken, _) => {
            StoreFault::error(403, "AccessDenied", "Request has expired")
        }
    }
}

fn answer(reply: &FaultResponse) -> StoreResponse {
    let answer = StoreResponse::new(reply.status.as_u16()).with_body(reply.body.clone());
    reply.headers.iter().fold(answer, |answer, (name, value)| {
        value.to_str().map_or(answer.clone(), |value| answer.with_header(name.as_str(), value))
    })
}
