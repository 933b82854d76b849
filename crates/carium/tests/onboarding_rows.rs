//! Validation of rows: all problems are reported at once, by their paths in the schema, and no message contains a
//! value.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use carium::ErrorKind;
use carium::onboarding::{OnboardingRequest, OnboardingRow, RowKey, schema};
use serde_json::{Value, json};
use support::fault_injection::{FaultHarness, documents_folder, full_row, parse_request};

/// Returns the problems of a row: the field and the message of each.
fn problems(row: &Value) -> Vec<(String, String)> {
    let error = serde_json::from_str::<OnboardingRow>(&row.to_string()).unwrap().check().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let text = format!("{error} {error:?}");
    assert!(!text.contains("canary"), "{text}");
    let problem = |problem: &carium::Problem| {
        (problem.field().unwrap().to_owned(), problem.message().unwrap().to_owned())
    };
    error.problems().iter().map(problem).collect()
}

/// Returns the invalid fields of a row, sorted.
fn invalid_fields(row: &Value) -> Vec<String> {
    let mut fields: Vec<_> = problems(row).into_iter().map(|(field, _)| field).collect();
    fields.sort_unstable();
    fields
}

#[test]
fn accepts_the_example_of_the_schema() {
    let text = include_str!("../../../specs/onboarding.schema.json");
    let spec: Value = serde_json::from_str(text).unwrap();
    let example = &spec["examples"][0];
    let row: OnboardingRow = serde_json::from_value(example.clone()).unwrap();
    let request = row.check().unwrap();
    assert_eq!(request.username(), "zoe.ohara@example.com");
    // The username has a default; all other fields are unchanged.
    let mut expected = example.clone();
    expected["username"] = "zoe.ohara@example.com".into();
    assert_eq!(serde_json::to_value(request.attributes()).unwrap(), expected);
    // The type of the schema converts to the same request.
    let typed: schema::OnboardingRequest = serde_json::from_value(example.clone()).unwrap();
    assert_eq!(OnboardingRequest::try_from(&typed).unwrap(), request);
    assert_eq!(OnboardingRequest::try_from(request.attributes()).unwrap(), request);
}

#[test]
fn reads_every_field_of_the_schema() {
    let harness = FaultHarness::new();
    let mut row = full_row(&harness.fake);
    row["mobile-phone"] = "+15555550100".into();
    row["username"] = "+15555550100".into();
    row["locale"] = "es_US".into();
    row["individual-group-ids"] = json!(["2097e072-92f6-4333-99d6-9693d63be652", "Diabetes program"]);
    row["invite"] = json!(["sms", "email"]);
    row["appointment"]["add-video-channel"] = false.into();
    for field in ["guest-url", "host-url"] {
        row["appointment"][field] = format!("https://example.com/{field}").into();
    }
    for field in ["description", "patient-instruction", "location"] {
        row["appointment"][field] = format!("the {field}").into();
    }
    // Fields that were added to the schema since get a value of their type.
    let text = include_str!("../../../specs/onboarding.schema.json");
    let schema: Value = serde_json::from_str(text).unwrap();
    let definition = |name: &str| &schema["definitions"][name]["properties"];
    for (pointer, properties) in [
        ("", &schema["properties"]),
        ("/documents/1", definition("OnboardingDocument")),
        ("/appointment", definition("OnboardingAppointment")),
    ] {
        let object = row.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
        for (name, property) in properties.as_object().unwrap() {
            object.entry(name.clone()).or_insert_with(|| sample(&schema, property));
        }
    }
    let request = serde_json::from_value::<OnboardingRow>(row.clone()).unwrap().check().unwrap();
    assert_eq!(serde_json::to_value(request.attributes()).unwrap(), row);
}

/// Returns a value of a property.
fn sample(schema: &Value, property: &Value) -> Value {
    let reference = property["allOf"][0]["$ref"].as_str().or(property["$ref"].as_str());
    let name = reference.and_then(|reference| reference.strip_prefix("#/definitions/"));
    let property = name.map_or(property, |name| &schema["definitions"][name]);
    match (property["type"].as_str(), property["format"].as_str()) {
        (Some("boolean"), _) => true.into(),
        (Some("array"), _) => json!([sample(schema, &property["items"])]),
        (_, Some("uuid")) => "2097e072-92f6-4333-99d6-9693d63be652".into(),
        (_, Some("date")) => "2024-02-29".into(),
        (_, Some("date-time")) => "2027-01-04T09:00:00Z".into(),
        (_, Some("uri")) => "https://example.com/sample".into(),
        _ => property["enum"].get(0).cloned().unwrap_or_else(|| "Sample".into()),
    }
}

#[test]
fn reports_all_problems_at_once() {
    let row = json!({
        "first-name": "",
        "last-name": 17,
        "birth-date": "canary",
        "gender": "canary",
        "email": "canary",
        "mobile-phone": "canary",
        "locale": "canary",
        "individual-group-ids": [" ", "Diabetes program", 17],
        "organization-id": "canary",
        "invite": ["canary", "email", "email"],
        "documents": [
            {"class": "", "name": " ", "path": "../canary"},
            {"class": "Referral", "name": "canary", "path": "/canary", "color": "canary"},
            "canary",
        ],
        "appointment": {
            "practitioner": null,
            "type": "First visit",
            "start-time": "2027-01-04T09:00:00Z",
            "end-time": "2027-01-04T08:30:00Z",
            "add-video-channel": "canary",
            "guest-url": "canary",
        },
        "+15555550100": "canary",
    });
    let mut expected = vec![
        "a field whose name is hidden",
        "appointment.add-video-channel",
        "appointment.end-time",
        "appointment.guest-url",
        "appointment.practitioner",
        "appointment.status",
        "birth-date",
        "documents[0].class",
        "documents[0].name",
        "documents[0].path",
        "documents[1].color",
        "documents[1].path",
        "documents[2]",
        "documents[2].class",
        "documents[2].name",
        "documents[2].path",
        "email",
        "first-name",
        "gender",
        "individual-group-ids[0]",
        "individual-group-ids[2]",
        "invite[0]",
        "invite[2]",
        "last-name",
        "locale",
        "mobile-phone",
        "organization-id",
    ];
    expected.sort_unstable();
    assert_eq!(invalid_fields(&row), expected);
}

#[test]
fn reports_each_violated_rule_for_its_field() {
    let harness = FaultHarness::new();
    let valid = full_row(&harness.fake);
    assert!(serde_json::from_value::<OnboardingRow>(valid.clone()).unwrap().check().is_ok());
    for (pointer, value, field) in [
        ("/first-name", Value::Null, "first-name"),
        ("/organization-id", Value::Null, "organization-id"),
        ("/email", Value::Null, "email"),
        ("/username", json!("canary"), "username"),
        ("/invite", json!(["sms"]), "invite[0]"),
        ("/invite", json!(["email", "email"]), "invite[1]"),
        ("/invite", json!("email"), "invite"),
        ("/documents", json!({}), "documents"),
        ("/documents/0/path", json!("a\\canary"), "documents[0].path"),
        ("/documents/0/path", json!("C:canary"), "documents[0].path"),
        ("/documents/0/path", json!("a/../../canary"), "documents[0].path"),
        ("/documents/0/path", json!("canary\u{0}"), "documents[0].path"),
        ("/documents/0/path", json!("."), "documents[0].path"),
        ("/documents/1/class", json!(1), "documents[1].class"),
        ("/appointment/type", json!(" "), "appointment.type"),
        ("/appointment/start-time", Value::Null, "appointment.start-time"),
        ("/appointment/start-time", json!("canary"), "appointment.start-time"),
        ("/appointment/end-time", json!("2027-01-04T09:00:00.5Z"), "appointment.end-time"),
        ("/appointment/add-video-channel", Value::Null, "appointment.add-video-channel"),
        ("/appointment/host-url", json!("https://example.com/canary"), "appointment.host-url"),
        ("/appointment", json!([]), "appointment"),
    ] {
        let mut row = valid.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        row.pointer_mut(parent).unwrap()[name] = value;
        let fields = invalid_fields(&row);
        // A missing email address also invalidates the invitation, and an invalid appointment lacks all its fields.
        assert!(fields.iter().any(|each| each == field), "{pointer}: {fields:?}");
        let has_several = pointer == "/appointment" || pointer == "/email";
        assert!(has_several || fields.len() == 1, "{pointer}: {fields:?}");
    }
}

#[test]
fn reports_at_most_100_problems() {
    let row: serde_json::Map<String, Value> =
        (0..50_000).map(|index| (format!("canary{index}"), json!(1))).collect();
    assert_eq!(invalid_fields(&Value::Object(row)).len(), 100);
    for (name, value) in
        [("documents", json!({})), ("invite", json!("fax")), ("individual-group-ids", json!(1))]
    {
        let row = json!({name: vec![value; 50_000]});
        assert_eq!(invalid_fields(&row).len(), 100, "{name}");
    }
}

#[test]
fn rejects_duplicate_fields_and_quotes_no_invalid_json() {
    let row: OnboardingRow = serde_json::from_str(r#"{"email": "canary", "email": "canary"}"#).unwrap();
    let error = row.check().unwrap_err();
    let is_duplicate = error.problems().iter().any(|problem| problem.message() == Some("is given twice"));
    assert!(is_duplicate && !format!("{row:?} {error:?}").contains("canary"));
    for text in [r#"{"email": canary}"#, r#"{"email": "canary"#, "canary", r#"{"canary": 1e999}"#] {
        let Err(error) = serde_json::from_str::<OnboardingRow>(text) else { panic!("{text} was accepted") };
        assert!(!error.to_string().contains("canary") && error.line() == 1, "{error}");
    }
    let row: OnboardingRow = serde_json::from_str("[]").unwrap();
    assert_eq!(row.check().unwrap_err().problems()[0].message(), Some("is not an object"));
}

#[tokio::test]
async fn sends_nothing_for_a_row_with_missing_documents() {
    let folder = documents_folder();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("canary"), "canary").unwrap();
    let inside = folder.path();
    std::fs::create_dir(inside.join("folder.pdf")).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(outside.path().join("canary"), inside.join("out.pdf")).unwrap();
        std::os::unix::fs::symlink(outside.path(), inside.join("away")).unwrap();
        std::os::unix::fs::symlink(inside.join("letter.pdf"), inside.join("in.pdf")).unwrap();
    }
    let harness = FaultHarness::new();
    let onboarding = harness.onboarding(inside);
    let request = |path: &str| {
        let mut row = full_row(&harness.fake);
        row["documents"][1]["path"] = path.into();
        parse_request(&row)
    };
    let rejected = if cfg!(unix) {
        &["canary.pdf", "folder.pdf", "letter.pdf/canary", "out.pdf", "away/canary"][..]
    } else {
        &["canary.pdf", "folder.pdf", "letter.pdf/canary"]
    };
    for path in rejected {
        let (request, key) = (request(path), RowKey::new("row"));
        for error in [
            onboarding.check_documents(&request).await.unwrap_err(),
            onboarding.run(&key, &request).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let fields: Vec<_> = error.problems().iter().map(|problem| problem.field().unwrap()).collect();
            assert_eq!(fields, ["documents[1].path"], "{path}: {error}");
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        }
    }
    let without_folder = onboarding.clone().documents_folder(inside.join("canary"));
    let error = without_folder.run(&RowKey::new("row"), &request("scans/scan.png")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    assert!(harness.fake.patients().is_empty());
    if cfg!(unix) {
        let outcome = onboarding.run(&RowKey::new("row"), &request("in.pdf")).await.unwrap();
        assert!(outcome.is_complete(), "{outcome:?}");
    }
}

#[tokio::test]
async fn sends_nothing_for_a_row_with_unknown_names() {
    let folder = documents_folder();
    let harness = FaultHarness::new();
    let onboarding = harness.onboarding(folder.path());
    let mut row = full_row(&harness.fake);
    harness.fake.add_group("Diabetes program");
    row["individual-group-ids"] = json!(["Diabetes program", "canary"]);
    row["documents"][0]["class"] = "canary".into();
    row["documents"][1]["path"] = "nowhere.pdf".into();
    row["appointment"]["practitioner"] = "canary".into();
    row["appointment"]["status"] = "canary".into();
    let request = parse_request(&row);
    let error = onboarding.run(&RowKey::new("row"), &request).await.unwrap_err();
    let fields: Vec<_> = error.problems().iter().map(|problem| problem.field().unwrap()).collect();
    let expected = [
        "individual-group-ids[1]",
        "documents[0].class",
        "documents[1].path",
        "appointment.practitioner",
        "appointment.status",
    ];
    assert_eq!(fields, expected);
    assert!(!format!("{error} {error:?}").contains("canary"));
    assert!(harness.fake.patients().is_empty());

    // IDs need no lookup, and names of another organization are not looked up.
    let request = parse_request(&full_row(&harness.fake));
    let other_organization =
        onboarding.clone().lookup_organization(harness.fake.add_organization("Other Clinic"));
    let error = other_organization.run(&RowKey::new("row"), &request).await.unwrap_err();
    assert_eq!(error.problems().len(), 5);
    let no_organization = onboarding.clone().lookup_organization(None);
    assert_eq!(no_organization.run(&RowKey::new("row"), &request).await.unwrap_err().problems().len(), 5);
    let mut row = full_row(&harness.fake);
    for index in [0, 1] {
        row["documents"][index]["class"] = harness.fake.document_class("Referral").to_string().into();
    }
    row["appointment"]["practitioner"] = harness.fake.practitioner("Dr. Ann Reed").to_string().into();
    row["appointment"]["type"] = harness.fake.appointment_type("First visit").to_string().into();
    row["appointment"]["status"] = harness.fake.appointment_status("Booked").to_string().into();
    harness.inject([]);
    let outcome = other_organization.run(&RowKey::new("row"), &parse_request(&row)).await.unwrap();
    assert!(outcome.is_complete() && !harness.reached_points().iter().any(|point| point.starts_with("list")));
}

#[tokio::test(start_paused = true)]
async fn caches_lists_and_refreshes_them_for_unknown_names() {
    let harness = FaultHarness::new();
    let onboarding = harness.onboarding("/".as_ref());
    let row = |name: &str, index: usize| {
        let mut row = full_row(&harness.fake);
        row["documents"] = json!([]);
        row["email"] = format!("patient{index}@example.com").into();
        row["appointment"]["practitioner"] = name.into();
        parse_request(&row)
    };
    let list_calls =
        || harness.reached_points().iter().filter(|point| point.starts_with("list_practitioners")).count();
    for index in 0..5 {
        let key = RowKey::new(index.to_string());
        let outcome = onboarding.run(&key, &row("Dr. Ann Reed", index)).await.unwrap();
        assert!(outcome.is_complete());
    }
    assert_eq!(list_calls(), 1);
    // An unknown name in many rows does not list the practitioners again until the list is 30 seconds old.
    for index in 5..10 {
        assert!(onboarding.run(&RowKey::new("wrong"), &row("Dr. Unknown", index)).await.is_err());
    }
    assert_eq!(list_calls(), 1);
    harness.fake.practitioner("Dr. New");
    tokio::time::sleep(std::time::Duration::from_secs(31)).await;
    let outcome = onboarding.run(&RowKey::new("new"), &row("Dr. New", 10)).await.unwrap();
    assert!(outcome.is_complete());
    assert_eq!(list_calls(), 2);
}

#[tokio::test]
async fn creates_patient_in_groups_given_by_id_or_name() {
    let harness = FaultHarness::new();
    let other = harness.fake.add_organization("Other Clinic");
    let (by_name, by_id) =
        (harness.fake.add_group("Diabetes program"), harness.fake.add_group("New patients"));
    harness.fake.add_group_to(other, "Diabetes program");
    let mut row = full_row(&harness.fake);
    row["individual-group-ids"] = json!(["Diabetes program", by_id]);
    row["documents"] = json!([]);
    let onboarding = harness.onboarding("/".as_ref());
    let outcome = onboarding.run(&RowKey::new("row"), &parse_request(&row)).await.unwrap();
    assert!(outcome.is_complete(), "{outcome:?}");
    assert_eq!(harness.fake.patients()[0].1.individual_group_ids, [by_name, by_id]);

    // The patient exists, so the groups are no longer looked up.
    row["individual-group-ids"] = json!(["unknown"]);
    let outcome = onboarding.run(&RowKey::new("row"), &parse_request(&row)).await.unwrap();
    assert!(outcome.is_complete(), "{outcome:?}");
}
