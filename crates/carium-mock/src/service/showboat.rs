//! Patients.

use carium_api::types::{CreatePatientRequest, IndividualId, Username};
use email_address::EmailAddress;
use http::StatusCode;
use serde_json::json;

use super::answer::{Answer, Refusal};
use super::asked::Asked;
use super::world::{World, known};

/// Creates a patient. A username is one person's; phones and addresses may be shared.
pub(crate) fn create_patient(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let request: CreatePatientRequest = asked.body()?;
    let mut patient = request.data.attributes;
    world.has_organization(patient.organization_id)?;
    let groups_known = patient.individual_group_ids.iter().all(|group| world.groups.contains(group));
    known("individual-group-ids", "group", groups_known)?;
    if let Some(email) = &patient.email {
        let is_address = EmailAddress::is_valid(email.as_str()) && !email.as_str().contains('<');
        let refusal = || Refusal::attribute("invalid", "email", "It is no e-mail address.");
        is_address.then_some(()).ok_or_else(refusal)?;
    }
    let email = patient.email.as_ref().map(|email| email.as_str().to_owned());
    let phone = patient.mobile_phone.as_ref().map(|phone| phone.as_str().to_owned());
    let Some(default) = email.clone().or(phone.clone()) else {
        return Err(Refusal::attribute(
            "missing",
            "email",
            "There is neither an e-mail address nor a phone.",
        ));
    };
    let username = patient.username.as_ref().map_or(default, |username| username.as_str().to_owned());
    if ![&email, &phone].into_iter().flatten().any(|contact| *contact == username) {
        let detail = "It is neither the e-mail address nor the phone.";
        return Err(Refusal::attribute("invalid", "username", detail));
    }
    if world.is_taken(&username) {
        let refusal = Refusal::attribute("duplicate", "username", "The username is taken.");
        return Err(refusal.with_status(StatusCode::CONFLICT));
    }
    patient.username = Username::try_from(username.as_str()).ok();
    let id = IndividualId(world.next_id());
    world.add_patient(id, patient);
    Ok(Answer::created(json!({"data": {"id": id, "type": "ui-patients"}})))
}
