//! Converts the faults of a fault plan to faults of the object store.

use http::Method;

use crate::faults::{Fault, FaultInjector, FaultKind, FaultResponse, FaultTarget, FaultTiming};
use crate::object_store::{StoreCall, StoreFault, StoreResponse};

/// Counts a call of the object store and returns its fault, if any.
pub(super) fn next(faults: &FaultInjector, call: &StoreCall) -> Option<StoreFault> {
    let target = match call.method {
        Method::POST => FaultTarget::Upload,
        Method::GET => FaultTarget::Download,
        _ => return None,
    };
    faults.next(target).map(to_store_fault)
}

fn to_store_fault(fault: Fault) -> StoreFault {
    match (fault.kind, fault.timing) {
        (FaultKind::Respond(response), FaultTiming::Before) => {
            StoreFault::Respond(to_store_response(&response))
        }
        (FaultKind::Respond(response), FaultTiming::After) => {
            StoreFault::ApplyThenRespond(to_store_response(&response))
        }
        (FaultKind::Reset { after: Some(bytes) }, _) => StoreFault::ResetAfter(bytes),
        // The whole body of an upload is read before the reset. A download is reset before its response.
        (FaultKind::Reset { after: None }, FaultTiming::Before) if fault.target == FaultTarget::Upload => {
            StoreFault::ResetAfter(u64::MAX)
        }
        (FaultKind::Reset { after: None }, _) => StoreFault::LoseResponse,
        (FaultKind::Hang, FaultTiming::Before) if fault.target == FaultTarget::Upload => {
            StoreFault::HangAfter(u64::MAX)
        }
        (FaultKind::Hang, _) => StoreFault::ApplyThenHang,
        (FaultKind::Truncate, _) => StoreFault::Truncate,
        (FaultKind::Corrupt, _) => StoreFault::Corrupt,
        (FaultKind::Expire | FaultKind::RevokeToken, _) => {
            StoreFault::error(403, "AccessDenied", "Request has expired")
        }
    }
}

fn to_store_response(response: &FaultResponse) -> StoreResponse {
    let store_response = StoreResponse::new(response.status.as_u16()).with_body(response.body.clone());
    response.headers.iter().fold(store_response, |store_response, (name, value)| match value.to_str() {
        Ok(value) => store_response.with_header(name.as_str(), value),
        Err(_) => store_response,
    })
}
