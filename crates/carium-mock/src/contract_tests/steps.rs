//! Test data, and the calls that several groups of test cases make.
//!
//! The data is random, because the service under test may still have the data of earlier runs.

use bytes::Bytes;
use carium::appointments::{Appointment, AppointmentId, NewAppointment, NewAppointmentBuilder};
use carium::documents::{
    Content, DocumentReferenceId, DownloadResponse, FilePart, NewDocument, NewDocumentBuilder, UploadForm,
};
use carium::patients::{Gender, IndividualId, NewPatient, NewPatientBuilder};
use carium::{DateTime, Error, ErrorKind, NewInvitation, Secret};
use futures_util::StreamExt as _;
use uuid::Uuid;

use super::assertions::{CaseResult, ensure, ensure_eq, ensure_ok, ensure_some};
use super::fixture::{AppointmentsFixture, DocumentsFixture, Fixture, InvitationsFixture, PatientsFixture};

/// The number of calls in test cases of concurrent calls.
pub(super) const CONCURRENT_CALLS: usize = 16;

/// Returns an ID that does not exist.
pub(super) fn unknown_id<T: From<Uuid>>() -> T {
    uuid::Builder::from_random_bytes(fastrand::u128(..).to_be_bytes()).into_uuid().into()
}

/// Returns a unique word.
pub(super) fn unique_word() -> String {
    format!("{:024x}", fastrand::u128(..) >> 32)
}

/// Returns a unique email address.
pub(super) fn unique_email() -> String {
    format!("{}@example.com", unique_word())
}

/// Returns a random phone number from the unassigned 555 range. With ten million numbers, a collision is unlikely.
pub(super) fn random_phone() -> String {
    format!("+1555{:07}", fastrand::u32(..10_000_000))
}

/// Returns a builder with all required fields except the contact.
pub(super) fn patient_builder(fixture: &dyn Fixture) -> NewPatientBuilder {
    let builder = NewPatient::builder().first_name("James").last_name("Reece").birth_date("1980-07-04");
    builder.gender(Gender::Male).organization(fixture.organization())
}

/// Builds a patient. The input of the test cases is valid, so an error is a failure of the test case.
pub(super) fn build_patient(builder: NewPatientBuilder) -> CaseResult<NewPatient> {
    ensure_ok("building a patient", builder.build())
}

pub(super) async fn try_create_patient(
    fixture: &dyn PatientsFixture,
    patient: NewPatientBuilder,
) -> CaseResult<Result<IndividualId, Error>> {
    Ok(fixture.patients().create(build_patient(patient)?).await)
}

pub(super) async fn create_patient(
    fixture: &dyn PatientsFixture,
    patient: NewPatientBuilder,
) -> CaseResult<IndividualId> {
    ensure_ok("creating a patient", try_create_patient(fixture, patient).await?)
}

pub(super) async fn try_invite(
    fixture: &dyn InvitationsFixture,
    invitation: Result<NewInvitation, Error>,
) -> CaseResult<Result<(), Error>> {
    Ok(fixture.invitations().send(ensure_ok("building an invitation", invitation)?).await)
}

pub(super) fn time(text: &str) -> CaseResult<DateTime> {
    let parse_error = |_| Error::new(ErrorKind::InvalidInput, "the time is invalid");
    ensure_ok("parsing a time", text.parse().map_err(parse_error))
}

/// Returns a builder of an appointment with the required fields only.
pub(super) fn appointment_builder(fixture: &dyn AppointmentsFixture) -> CaseResult<NewAppointmentBuilder> {
    let appointment = NewAppointment::builder()
        .organization(fixture.organization())
        .patient(fixture.individual())
        .practitioner(fixture.two_practitioners()[0])
        .status(fixture.two_statuses()[0])
        .appointment_type(fixture.two_types()[0]);
    Ok(appointment.between(time("2030-01-01T09:00:00Z")?, time("2030-01-01T09:30:00Z")?))
}

pub(super) fn build_appointment(appointment: NewAppointmentBuilder) -> CaseResult<NewAppointment> {
    ensure_ok("building an appointment", appointment.build())
}

pub(super) async fn create_appointment(
    fixture: &dyn AppointmentsFixture,
    appointment: NewAppointmentBuilder,
) -> CaseResult<AppointmentId> {
    let result = fixture.appointments().create(build_appointment(appointment)?).await;
    ensure_ok("creating an appointment", result)
}

pub(super) async fn get_appointment(
    fixture: &dyn AppointmentsFixture,
    id: AppointmentId,
) -> CaseResult<Appointment> {
    ensure_ok("reading an appointment", fixture.appointments().get(id).await)
}

/// Returns a builder for a valid document of a patient.
pub(super) fn document_builder(fixture: &dyn DocumentsFixture, patient: IndividualId) -> NewDocumentBuilder {
    NewDocument::builder()
        .organization(fixture.organization())
        .patient(patient)
        .class(fixture.two_classes()[0])
        .name(unique_word())
        .file_name("letter.pdf")
}

/// Returns a builder for a valid document.
pub(super) fn any_document(fixture: &dyn DocumentsFixture) -> NewDocumentBuilder {
    document_builder(fixture, fixture.two_individuals()[0])
}

pub(super) fn build_document(document: NewDocumentBuilder) -> CaseResult<NewDocument> {
    ensure_ok("building a document", document.build())
}

/// Creates a document reference, and returns its ID and its upload form.
pub(super) async fn create_document(
    fixture: &dyn DocumentsFixture,
    document: NewDocument,
) -> CaseResult<(DocumentReferenceId, UploadForm)> {
    let reference = ensure_ok("creating a document", fixture.documents().create(document).await)?;
    Ok((reference.id, ensure_some("the upload form of a created document", reference.form)?))
}

/// Returns the file of a document as a single chunk.
pub(super) fn single_chunk_part(document: &NewDocument, content: impl Into<Bytes>) -> FilePart {
    let content = content.into();
    let length = content.len() as u64;
    FilePart::new(document.file_name(), document.media_type(), length, Content::Bytes(content))
}

/// Creates a document and uploads its file, without processing it.
pub(super) async fn upload_document(
    fixture: &dyn DocumentsFixture,
    document: NewDocumentBuilder,
    content: impl Into<Bytes>,
) -> CaseResult<DocumentReferenceId> {
    let document = build_document(document)?;
    let file = single_chunk_part(&document, content);
    let (id, form) = create_document(fixture, document).await?;
    ensure_ok("uploading a file", fixture.transfers().post(&form, file).await)?;
    Ok(id)
}

/// Creates a document, uploads its file and processes it.
pub(super) async fn store_document(
    fixture: &dyn DocumentsFixture,
    document: NewDocumentBuilder,
    content: impl Into<Bytes>,
) -> CaseResult<DocumentReferenceId> {
    let id = upload_document(fixture, document, content).await?;
    ensure_ok("processing an uploaded file", fixture.documents().process(id).await)?;
    Ok(id)
}

pub(super) async fn download_url(
    fixture: &dyn DocumentsFixture,
    id: DocumentReferenceId,
) -> CaseResult<Secret> {
    ensure_ok("requesting the download URL of a document", fixture.documents().download_url(id).await)
}

/// Reads the body. Stops after the chunk that exceeds the expected length.
pub(super) async fn read_body(
    checked: &str,
    mut response: DownloadResponse,
    expected_length: usize,
) -> CaseResult<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.body.next().await {
        bytes.extend_from_slice(&ensure_ok(format!("reading {checked}"), chunk)?);
        if bytes.len() > expected_length {
            break;
        }
    }
    Ok(bytes)
}

pub(super) fn check_bytes(checked: &str, actual: &[u8], expected: &[u8]) -> CaseResult {
    let difference = match actual.iter().zip(expected).position(|(a, b)| a != b) {
        Some(index) => format!("different from byte {index} on"),
        None => "equal up to the shorter length".to_owned(),
    };
    let description = format!("{} bytes, {difference}", actual.len());
    ensure(actual == expected, checked, format!("exactly {} bytes", expected.len()), description)
}

/// Checks that the download of a document returns exactly these bytes.
pub(super) async fn check_download(
    fixture: &dyn DocumentsFixture,
    checked: &str,
    id: DocumentReferenceId,
    expected: &[u8],
) -> CaseResult {
    let url = download_url(fixture, id).await?;
    let response = ensure_ok(format!("downloading {checked}"), fixture.transfers().get(&url, None).await)?;
    ensure_eq(format!("the start offset of {checked}"), &response.start, &0)?;
    if let Some(total) = response.total {
        ensure_eq(format!("the declared length of {checked}"), &total, &(expected.len() as u64))?;
    }
    check_bytes(checked, &read_body(checked, response, expected.len()).await?, expected)
}
