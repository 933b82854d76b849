//! What [`Patients`](carium::Patients) promises.

use std::sync::Arc;

use carium::patients::{Gender, IndividualId, Locale, NewPatientBuilder};
use carium::{Error, ErrorKind};
use futures_util::future::join_all;

use super::PatientsFixture;
use super::finding::{Outcome, REFUSALS, distinct, done, holds, refused, refused_for, same};
use super::inputs::{email, patient, person, phone, unknown};

type Subject<'a> = &'a dyn PatientsFixture;

/// How the service refuses a username that is taken (the page leaves open which).
const TAKEN: [ErrorKind; 2] = [ErrorKind::Conflict, ErrorKind::Rejected];
const MANY: usize = 16;

async fn create(subject: Subject<'_>, person: NewPatientBuilder) -> Outcome<Result<IndividualId, Error>> {
    Ok(subject.patients().create(patient(person)?).await)
}

async fn created(subject: Subject<'_>, person: NewPatientBuilder) -> Outcome<IndividualId> {
    done("creating a patient", create(subject, person).await?)
}

/// Whoever would have this username is refused.
async fn is_taken(subject: Subject<'_>, person: NewPatientBuilder) -> Outcome {
    let result = create(subject, person).await?;
    refused_for(subject, "username", "creating a patient whose username is taken", result, &TAKEN)
}

pub(super) async fn each_patient_has_an_id_of_their_own(subject: Subject<'_>) -> Outcome {
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(created(subject, person(subject).email(email())).await?);
    }
    distinct("the ids of three patients", &ids)
}

pub(super) async fn a_username_is_one_persons(subject: Subject<'_>) -> Outcome {
    let (email, other) = (email(), email());
    created(subject, person(subject).email(&email)).await?;
    is_taken(subject, person(subject).email(&email)).await?;
    // Nor is it free for someone who differs in everything else.
    let someone = person(subject).first_name("Ann").last_name("Reed").birth_date("1990-01-31");
    is_taken(subject, someone.gender(Gender::Female).email(&email).mobile_phone(phone())).await?;
    created(subject, person(subject).email(other)).await.map(drop)
}

pub(super) async fn the_username_is_the_address_where_none_is_given(subject: Subject<'_>) -> Outcome {
    let (email, phone) = (email(), phone());
    created(subject, person(subject).email(&email).mobile_phone(&phone)).await?;
    // The phone is nobody's username.
    created(subject, person(subject).mobile_phone(phone)).await?;
    is_taken(subject, person(subject).email(email)).await
}

pub(super) async fn the_username_is_the_phone_where_there_is_no_address(subject: Subject<'_>) -> Outcome {
    let phone = phone();
    created(subject, person(subject).mobile_phone(&phone)).await?;
    is_taken(subject, person(subject).mobile_phone(&phone)).await
}

pub(super) async fn a_phone_can_be_chosen_as_the_username(subject: Subject<'_>) -> Outcome {
    let (email, phone) = (email(), phone());
    created(subject, person(subject).email(&email).mobile_phone(&phone).username(&phone)).await?;
    is_taken(subject, person(subject).mobile_phone(phone)).await?;
    // The address is nobody's username.
    created(subject, person(subject).email(email)).await.map(drop)
}

pub(super) async fn phones_may_be_shared(subject: Subject<'_>) -> Outcome {
    let phone = phone();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(created(subject, person(subject).email(email()).mobile_phone(&phone)).await?);
    }
    distinct("the ids of three patients with one phone", &ids)
}

pub(super) async fn an_organization_must_be_there(subject: Subject<'_>) -> Outcome {
    let result = create(subject, person(subject).email(email()).organization(unknown())).await?;
    let at = "creating a patient in an organization that is not there";
    refused_for(subject, "organization-id", at, result, &REFUSALS)
}

pub(super) async fn groups_must_be_there(subject: Subject<'_>) -> Outcome {
    let [known, _] = subject.groups();
    for groups in [vec![unknown()], vec![known, unknown()], vec![unknown(), known]] {
        let result = create(subject, person(subject).email(email()).groups(groups)).await?;
        let at = "creating a patient in a group that is not there";
        refused_for(subject, "individual-group-ids", at, result, &REFUSALS)?;
    }
    Ok(())
}

pub(super) async fn groups_that_are_there_are_taken(subject: Subject<'_>) -> Outcome {
    let [one, other] = subject.groups();
    for groups in [vec![], vec![one], vec![one, other]] {
        let at = format!("creating a patient in {} groups", groups.len());
        done(at, create(subject, person(subject).email(email()).groups(groups)).await?)?;
    }
    Ok(())
}

pub(super) async fn who_is_refused_is_not_created(subject: Subject<'_>) -> Outcome {
    let person = person(subject).email(email());
    for wrong in [person.clone().organization(unknown()), person.clone().groups([unknown()])] {
        refused("creating a patient where they cannot be", create(subject, wrong).await?, &REFUSALS)?;
    }
    done("creating a patient who was rejected by the service and then mended", create(subject, person).await?)
        .map(drop)
}

pub(super) async fn every_gender_and_locale_is_taken(subject: Subject<'_>) -> Outcome {
    for gender in [Gender::Male, Gender::Female, Gender::Pnta, Gender::Other, Gender::Unknown] {
        let result = create(subject, person(subject).email(email()).gender(gender)).await?;
        done(format!("creating a patient of each gender: {}", gender.as_str()), result)?;
    }
    for locale in [Locale::EnUs, Locale::EsUs] {
        let result = create(subject, person(subject).email(email()).locale(locale)).await?;
        done("creating a patient of each locale", result)?;
    }
    Ok(())
}

pub(super) async fn birth_dates_of_the_past_are_taken(subject: Subject<'_>) -> Outcome {
    for date in ["1900-03-01", "1969-12-31", "2000-02-29", "2024-02-29"] {
        let result = create(subject, person(subject).email(email()).birth_date(date)).await?;
        done(format!("creating a patient who was born on {date}"), result)?;
    }
    Ok(())
}

pub(super) async fn of_many_at_once_with_one_username_one_is_created(subject: Subject<'_>) -> Outcome {
    let patients: Arc<_> = subject.patients();
    let patient = patient(person(subject).email(email()))?;
    let calls = join_all((0..MANY).map(|_| patients.create(patient.clone()))).await;
    let (created, refusals): (Vec<_>, Vec<_>) = calls.into_iter().partition(Result::is_ok);
    same("how many of many with one username were created", &created.len(), &1)?;
    for refusal in refusals {
        refused("creating one of many with one username", refusal, &TAKEN)?;
    }
    Ok(())
}

pub(super) async fn many_at_once_have_ids_of_their_own(subject: Subject<'_>) -> Outcome {
    let patients = subject.patients();
    let mut people = Vec::new();
    for _ in 0..MANY {
        people.push(patient(person(subject).email(email()))?);
    }
    let calls = join_all(people.into_iter().map(|person| patients.create(person))).await;
    let mut ids = Vec::new();
    for call in calls {
        ids.push(done("creating one of many patients at once", call)?);
    }
    holds(
        ids.len() == MANY,
        "the patients that were created at once",
        MANY.to_string(),
        ids.len().to_string(),
    )?;
    distinct("the ids of patients that were created at once", &ids)
}
