//! The operations of the API.

mod appointments;
pub(crate) mod documents;
mod examples;
pub(super) mod lists;
mod people;

use carium_api::Operation;
use http::StatusCode;

use self::documents::FileStore;
use super::message::{ErrorResponse, ParsedRequest, SuccessResponse};
use super::quirks::Quirk;
use super::resources::{self, ActionCall};
use super::state::ServiceState;
use crate::spec_check::Violation;

/// The result of an operation.
pub(super) enum Applied {
    Response(SuccessResponse),
    /// An action of a registered resource, which is called without the lock of the state.
    Action(ActionCall),
}

/// Applies the operation that a request is for. `violations` are those of the request, and `now` is in seconds since
/// the Unix epoch.
pub(super) fn apply(
    state: &mut ServiceState,
    store: &dyn FileStore,
    request: &ParsedRequest<'_>,
    violations: &[Violation],
    now: u64,
) -> Result<Applied, ErrorResponse> {
    if request.operation.needs_token && !request.token().is_some_and(|token| state.is_valid_token(token)) {
        let detail = "The access token is missing, invalid or expired.";
        return Err(ErrorResponse::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail));
    }
    request.check_accept()?;
    if let Some(violation) = violations.first().filter(|_| !state.quirks.has(Quirk::AcceptsInvalidRequests)) {
        return Err(request.violates_spec(violation));
    }
    let result = match request.operation.id {
        "login" => people::login(state, request, now),
        "resend_invitation" => people::invite(state, request),
        "create_patient" => people::create_patient(state, request),
        "create_appointment" => appointments::create(state, request),
        "get_appointment" => appointments::get(state, request),
        "update_appointment" => appointments::update(state, request),
        "delete_appointment" => appointments::delete(state, request),
        "list_organizations" => lists::named_items(state, request, "organizations", &state.organizations),
        "list_individual_groups" => lists::groups(state, request),
        "list_practitioners" => lists::named_items(state, request, "org-practitioners", &state.practitioners),
        "list_appointment_statuses" => {
            lists::named_items(state, request, "org-appointment-statuses", &state.appointment_statuses)
        }
        "list_appointment_types" => {
            lists::named_items(state, request, "org-appointment-types", &state.appointment_types)
        }
        "list_document_classes" => {
            lists::required_organization(state, request)?;
            lists::named_items(state, request, "org-document-classes", &state.document_classes)
        }
        "create_document_reference" => documents::create(state, store, request),
        "list_document_references" => documents::list(state, request),
        "process_upload" => documents::process(state, store, request),
        "get_download_info" => documents::download_info(state, store, request),
        Operation::RUN_TIME_ID => return resources::apply(state, request),
        _ => examples::respond(request),
    };
    result.map(Applied::Response)
}
