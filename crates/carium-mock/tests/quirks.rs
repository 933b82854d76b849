//! The client handles each quirk, in memory and over HTTP, and each quirk changes the responses.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support {
    pub(crate) mod raw_client;
}

use carium::appointments::{AppointmentUpdate, NewAppointment};
use carium::documents::{DocumentQuery, UploadSource};
use carium::patients::{Gender, IndividualId};
use carium::{Carium, DateTime, ErrorKind, ListOptions, NewInvitation};
use carium_mock::{FakeCarium, Quirk, Sandbox};
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use support::raw_client::{FIRST, RawClient, SECOND, patient};

/// Uses every operation of the client, in the order of the vendor's Examples page.
async fn use_every_operation(fake: &FakeCarium, carium: &Carium, quirk: Quirk) {
    let email = "james.reece@example.com";
    let patient = carium.new_patient().first_name("James").last_name("Reece").birth_date("1980-07-04");
    let patient = patient.gender(Gender::Male).email(email).build().unwrap();
    let id = carium.patients().create(patient.clone()).await.unwrap();
    let error = carium.patients().create(patient).await.unwrap_err();
    match quirk {
        Quirk::DuplicateReturns422 => assert_eq!(error.kind(), ErrorKind::Rejected),
        _ => assert_eq!(error.kind(), ErrorKind::Conflict),
    }
    assert!(error.is_already_exists(), "{quirk:?}");
    assert_eq!(error.code(), (quirk != Quirk::ErrorsWithoutBody).then_some("duplicate"), "{quirk:?}");
    let existing_id = (quirk == Quirk::ErrorsWithMeta).then(|| id.to_string());
    assert_eq!(error.existing_id(), existing_id.as_deref(), "{quirk:?}");
    carium.invitations().send(NewInvitation::by_email(email).unwrap()).await.unwrap();
    let appointments = carium.appointments();
    let appointment = appointments.create(appointment(fake, carium, id)).await.unwrap();
    let start = |hour: u32| format!("2020-01-01T{hour:02}:00:00Z").parse::<DateTime>().unwrap();
    assert_eq!(appointments.get(appointment).await.unwrap().start, Some(start(9)), "{quirk:?}");
    let update = AppointmentUpdate::default().between(start(10), start(11)).location("Room 5");
    let updated = appointments.update(appointment, update).await.unwrap();
    assert_eq!((updated.start, updated.location.as_deref()), (Some(start(10)), Some("Room 5")), "{quirk:?}");
    assert_eq!(appointments.get(appointment).await.unwrap().start, Some(start(10)), "{quirk:?}");
    appointments.delete(appointment).await.unwrap();
    for index in 0..30 {
        fake.practitioner(&format!("Dr. {index}"));
    }
    let listed: Vec<_> = appointments.practitioners(ListOptions::default()).try_collect().await.unwrap();
    assert!(listed.len() >= 30, "{}", listed.len());
    assert_ne!(appointments.statuses(ListOptions::default()).try_collect::<Vec<_>>().await.unwrap(), []);
    assert_ne!(appointments.types(ListOptions::default()).try_collect::<Vec<_>>().await.unwrap(), []);
    let class = fake.document_class("Referral letter");
    let classes: Vec<_> = carium.documents().classes(ListOptions::default()).try_collect().await.unwrap();
    assert!(classes.iter().any(|listed| listed.id == class), "{quirk:?}");
    let document = carium.new_document().patient(id).class(class).name("Letter").file_name("letter.pdf");
    let receipt =
        carium.uploads().upload(document.build().unwrap(), UploadSource::bytes("text")).await.unwrap();
    carium.documents().process(receipt.id).await.unwrap();
    let mut written = Vec::new();
    carium.downloads().to_writer(receipt.id, &mut written).await.unwrap();
    assert_eq!(written, b"text");
    let query = DocumentQuery::default().patient(id);
    assert_eq!(carium.documents().list(query).try_collect::<Vec<_>>().await.unwrap().len(), 1);
}

fn appointment(fake: &FakeCarium, carium: &Carium, patient: IndividualId) -> NewAppointment {
    carium
        .new_appointment()
        .patient(patient)
        .practitioner(fake.practitioner("Dr. Quill"))
        .status(fake.appointment_status("Scheduled"))
        .appointment_type(fake.appointment_type("Video visit"))
        .between("2020-01-01T09:00:00Z".parse().unwrap(), "2020-01-01T09:30:00Z".parse().unwrap())
        .build()
        .unwrap()
}

#[tokio::test]
async fn client_handles_every_quirk() {
    for quirk in Quirk::ALL {
        let requires_id = quirk == Quirk::UpdateRequiresId;
        let fake = FakeCarium::new();
        fake.set_quirks([quirk]);
        let client = fake.client_builder().send_id_in_updates(requires_id).build().unwrap();
        use_every_operation(&fake, &client, quirk).await;
        let sandbox = Sandbox::builder().quirk(quirk).start().await.unwrap();
        let client = sandbox.client_builder().send_id_in_updates(requires_id).build().unwrap();
        use_every_operation(sandbox.fake(), &client, quirk).await;
        assert_eq!(sandbox.violations(), [], "{quirk:?}");
    }
}

#[test]
fn quirks_are_parsed_from_their_names() {
    for quirk in Quirk::ALL {
        assert_eq!(quirk.name().parse(), Ok(quirk));
    }
    assert!("links".parse::<Quirk>().unwrap_err().to_string().contains("links-paging"));
}

/// A sandbox and a client that sends raw HTTP requests to it.
struct RawSandbox {
    sandbox: Sandbox,
    client: RawClient,
}

impl RawSandbox {
    async fn with_quirks(quirks: &[Quirk]) -> Self {
        let sandbox = Sandbox::start().await.unwrap();
        sandbox.fake().set_quirks(quirks.iter().copied());
        let client = RawClient::signed_in(&sandbox).await;
        Self { sandbox, client }
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        self.client.send(method, path, body).await
    }

    async fn create_patient(&self) -> (u16, Value) {
        self.send("POST", "/showboat/v1/patients/", Some(patient())).await
    }
}

#[tokio::test]
async fn quirks_change_the_responses() {
    let plain = RawSandbox::with_quirks(&[]).await;
    let quirky = RawSandbox::with_quirks(&[
        Quirk::ErrorsWithoutBody,
        Quirk::BodyInsteadOf204,
        Quirk::CreateReturns200,
        Quirk::DuplicateReturns422,
        Quirk::UnknownAttributes,
        Quirk::UnknownEnumValues,
    ])
    .await;
    let (status, body) = plain.create_patient().await;
    assert_eq!((status, body.pointer("/data/attributes/gender")), (201, None));
    let (status, body) = quirky.create_patient().await;
    assert_eq!((status, &body["data"]["attributes"]["gender"]), (200, &json!("x-unknown")));
    assert!(body["data"]["attributes"]["x-unknown"].is_object());
    let (status, body) = plain.create_patient().await;
    assert_eq!((status, &body["errors"][0]["code"]), (409, &json!("duplicate")));
    assert_eq!(quirky.create_patient().await, (422, Value::Null));
    quirky.sandbox.fake().set_quirks([Quirk::ErrorsWithMeta]);
    let (status, body) = quirky.create_patient().await;
    assert_eq!((status, &body["errors"][0]["code"]), (409, &json!("Duplicate")));
    let (existing, _) = &quirky.sandbox.fake().patients()[0];
    assert_eq!(body["errors"][0]["meta"], json!({"id": existing}));
    quirky.sandbox.fake().set_quirks([Quirk::BodyInsteadOf204]);
    let appointment = &format!("/caredb/v1/org-appointments/{FIRST}/");
    assert_eq!(plain.send("DELETE", appointment, None).await, (204, Value::Null));
    let (status, body) = quirky.send("DELETE", appointment, None).await;
    assert!(status == 200 && body.is_object(), "{status}");
}

#[tokio::test]
async fn quirks_change_updates() {
    let service = RawSandbox::with_quirks(&[]).await;
    let path = &format!("/caredb/v1/org-appointments/{FIRST}/");
    let update = async |id: Option<&str>| {
        let mut data = json!({"type": "org-appointments", "attributes": {"location": "Room 5"}});
        if let Some(id) = id {
            data["id"] = id.into();
        }
        service.send("PATCH", path, Some(json!({"data": data}))).await
    };
    // The Examples page sends no ID, the vendor's SDK does.
    assert_eq!(update(None).await.0, 200);
    assert_eq!(update(Some(FIRST)).await.0, 200);
    let (status, body) = update(Some(SECOND)).await;
    assert_eq!((status, &body["errors"][0]["source"]["pointer"]), (409, &json!("/data/id")));
    service.sandbox.fake().set_quirks([Quirk::UpdateRequiresId, Quirk::IsoDateTimes]);
    let (status, body) = update(None).await;
    assert_eq!((status, &body["errors"][0]["source"]["pointer"]), (422, &json!("/data/id")));
    let (status, body) = update(Some(FIRST)).await;
    let start = body["data"]["attributes"]["start-time"].as_str().unwrap();
    assert!(status == 200 && start.ends_with(":00:00+00:00") && start.contains('T'), "{status} {start}");
    service.sandbox.fake().set_quirks([Quirk::UpdateReturns204]);
    assert_eq!(update(None).await, (204, Value::Null));
}

#[tokio::test]
async fn quirks_change_pages() {
    let path = "/caredb/v1/org-practitioners/";
    let page = async |quirks: &[Quirk], query: &str| {
        let service = RawSandbox::with_quirks(quirks).await;
        for index in 1..25 {
            service.sandbox.fake().practitioner(&format!("Dr. {index}"));
        }
        let (_, mut page) = service.send("GET", &format!("{path}?{query}"), None).await;
        let items = page["data"].take().as_array().unwrap().len();
        (items, page, service.sandbox.url().to_owned())
    };
    let total = page(&[], "").await.1["meta"]["page[total]"].as_u64().unwrap();
    let link = |offset: u64| format!("{path}?page%5Blimit%5D=20&page%5Boffset%5D={offset}");
    let (first, last) = ("page[limit]=20", &format!("page[limit]=20&page[offset]={}", total - 1));
    let last_link = link(total - 1);
    let (_, body, url) = page(&[Quirk::AbsoluteLinks], first).await;
    assert_eq!(body["links"]["next"], json!(format!("{url}{}", link(20))));
    let meta = json!({"page[total]": total});
    for (quirks, query, items, expected) in [
        (vec![], first, 20, json!({"data": null, "meta": meta})),
        (vec![], last, 1, json!({"data": null, "meta": meta})),
        (vec![Quirk::NoPagingInfo], first, 20, json!({"data": null})),
        (vec![Quirk::MaxPageSize20], "page[limit]=25", 20, json!({"data": null, "meta": meta})),
        (
            vec![Quirk::LinksPaging],
            first,
            20,
            json!({"data": null, "links": {"self": link(0), "next": link(20)}}),
        ),
        (
            vec![Quirk::LinksPaging],
            last,
            1,
            json!({"data": null, "links": {"self": last_link, "next": null}}),
        ),
        (vec![Quirk::LastPageOmitsNextLink], last, 1, json!({"data": null, "links": {"self": last_link}})),
        (
            vec![Quirk::LinkObjects],
            first,
            20,
            json!({"data": null, "links": {"self": {"href": link(0)}, "next": {"href": link(20)}}}),
        ),
    ] {
        let (received, body, _) = page(&quirks, query).await;
        assert_eq!((received, body), (items, expected), "{quirks:?}");
    }
}

#[tokio::test]
async fn quirks_change_document_responses() {
    let client = RawSandbox::with_quirks(&[Quirk::NonStringFormFields]).await;
    let document = json!({"data": {"type": "org-document-references", "attributes": {
        "attachment-content-type": "text/plain", "attachment-filename": "a.txt", "class-id": FIRST,
        "name": "A", "individual-id": FIRST, "organization-id": SECOND,
    }}});
    let (_, body) = client.send("POST", "/caredb/v1/org-document-references/", Some(document)).await;
    let fields = &body["data"]["attributes"]["upload-info"]["upload-data"];
    assert!(fields["x-ignore-number"].is_number() && fields["x-ignore-flag"].is_boolean(), "{fields}");
    let id = body["data"]["id"].as_str().unwrap();
    client.sandbox.object_store().put(id, "text");
    let process = format!("/caredb/v1/org-document-references/{id}/process-upload/");
    for status in [204, 204] {
        assert_eq!(client.send("POST", &process, None).await.0, status);
    }
    client.sandbox.fake().set_quirks([Quirk::ReprocessReturns409]);
    assert_eq!(client.send("POST", &process, None).await.0, 409);
    let info = format!("/caredb/v1/org-document-references/{id}/get-download-info/");
    let cases = [
        (None, "/download-url"),
        (Some(Quirk::DownloadUrlNested), "/download-info/download-url"),
        (Some(Quirk::DownloadUrlInUrl), "/url"),
    ];
    for (quirk, pointer) in cases {
        client.sandbox.fake().set_quirks(quirk);
        let (_, body) = client.send("GET", &info, None).await;
        let attributes = body["data"]["attributes"].clone();
        assert!(attributes.pointer(pointer).is_some_and(Value::is_string), "{pointer}");
        assert_eq!(attributes.as_object().unwrap().len(), 1, "{pointer}");
    }
    client.sandbox.fake().set_quirks([Quirk::BareDownloadUrl]);
    let (_, body) = client.send("GET", &info, None).await;
    assert!(body["url"].is_string() && body.as_object().unwrap().len() == 1);
}
