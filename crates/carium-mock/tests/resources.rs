//! Resources that the spec does not contain, in the fake and in the sandbox.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::num::NonZeroU64;

use carium::api::{Operation, RetryClass, operations};
use carium::{Carium, ErrorKind, ListOptions, Method};
use carium_mock::{FakeCarium, Fault, FaultPlan, Quirk, Sandbox};
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};

const PATH: &str = "/caredb/v1/org-plans/";

/// Uses every operation of a resource.
async fn use_resource(fake: &FakeCarium, carium: &Carium, quirks: &[Quirk]) {
    let plans = fake.resource(PATH);
    for index in 0..45 {
        plans.add(json!({"name": format!("Plan {index}"), "active": index % 2 == 0, "size": index}));
    }
    let resource = carium.resource::<Value>(PATH);
    let options = || ListOptions::default().page_size(NonZeroU64::new(10).unwrap());
    let listed: Vec<_> = resource.list(options()).map_items(|item| item.id).try_collect().await.unwrap();
    let expected: Vec<_> = plans.items().into_iter().map(|(id, _)| id).collect();
    assert_eq!(listed, expected, "{quirks:?}");
    let count = async |name: &str, value: &str| {
        let filtered = resource.clone().filter(name, value).list(options());
        filtered.try_collect::<Vec<_>>().await.unwrap().len()
    };
    assert_eq!(count("active", "true").await, 23, "{quirks:?}");
    assert_eq!((count("size", "7").await, count("name", "Plan 7").await), (1, 1), "{quirks:?}");
    assert_eq!(count("unknown", "7").await, 0, "{quirks:?}");
    let id = resource.create(&json!({"name": "New"})).await.unwrap();
    assert_eq!(resource.get(&id).await.unwrap().attributes["name"], "New", "{quirks:?}");
    let updated = resource.update(&id, &json!({"name": "Newer", "size": 3})).await.unwrap();
    assert_eq!(updated.is_none(), quirks.contains(&Quirk::UpdateReturns204), "{quirks:?}");
    assert_eq!(resource.get(&id).await.unwrap().attributes["name"], "Newer", "{quirks:?}");
    let archived = plans.clone();
    plans.on_action("archive", move |id, body| {
        archived.set(id, json!({"archived": true}));
        json!({"id": id, "reason": body["reason"]})
    });
    let request = resource.action(Method::POST, &id, "archive").json(&json!({"reason": "done"}));
    assert_eq!(request.send().await.unwrap().json::<Value>().unwrap()["reason"], "done", "{quirks:?}");
    assert_eq!(resource.get(&id).await.unwrap().attributes["archived"], true, "{quirks:?}");
    // A list whose path has the ID of another resource.
    let notes = fake.resource(&format!("{PATH}{id}/notes/"));
    let expected_notes: Vec<_> = (0..45).map(|index| notes.add(json!({"index": index}))).collect();
    let request = carium.request(Method::GET, format!("{PATH}{{plan}}/notes/")).path_param("plan", &id);
    let listed = request.items::<Value>(options()).map_items(|item| item["id"].clone());
    assert_eq!(listed.try_collect::<Vec<_>>().await.unwrap(), expected_notes, "{quirks:?}");
    let error = carium.request(Method::DELETE, "/caredb/v1/org-practitioners/").send().await.unwrap_err();
    assert_eq!(error.status(), Some(405), "{quirks:?}");
    resource.delete(&id).await.unwrap();
    for error in [
        resource.get(&id).await.unwrap_err(),
        resource.update(&id, &json!({})).await.unwrap_err(),
        resource.delete(&id).await.unwrap_err(),
        resource.action(Method::POST, &id, "archive").send().await.unwrap_err(),
        resource.action(Method::POST, &expected[0], "other").send().await.unwrap_err(),
        carium.request(Method::GET, "/caredb/v1/org-other/").send().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{quirks:?}");
    }
}

#[tokio::test]
async fn fake_and_sandbox_serve_resources_with_every_quirk() {
    let all = Quirk::ALL.into_iter().map(|quirk| vec![quirk]);
    for quirks in [Vec::new()].into_iter().chain(all) {
        let fake = FakeCarium::new();
        fake.set_quirks(quirks.iter().copied());
        use_resource(&fake, fake.client(), &quirks).await;
        let sandbox = Sandbox::start().await.unwrap();
        sandbox.fake().set_quirks(quirks.iter().copied());
        use_resource(sandbox.fake(), sandbox.client(), &quirks).await;
        // The method that the spec does not have, and the path that no test registered.
        assert_eq!(sandbox.take_violations().len(), 2, "{quirks:?}");
    }
}

#[tokio::test]
async fn resource_rejects_bodies_of_another_shape() {
    let fake = FakeCarium::new();
    let plans = fake.resource(PATH);
    let id = plans.add(json!({}));
    let carium = fake.client();
    for (body, pointer) in [
        (json!({}), "type"),
        (json!({"data": {"type": "org-others", "attributes": {}}}), "type"),
        (json!({"data": {"type": "org-plans"}}), "attributes"),
        (json!({"data": {"type": "org-plans", "attributes": []}}), "attributes"),
    ] {
        let error = carium.request(Method::POST, PATH).json(&body).send().await.unwrap_err();
        assert_eq!(error.status(), Some(422), "{body} {pointer}");
    }
    let other = json!({"data": {"type": "org-plans", "id": "other", "attributes": {}}});
    let request = carium.request(Method::PATCH, format!("{PATH}{{id}}/")).path_param("id", &id).json(&other);
    assert_eq!(request.send().await.unwrap_err().status(), Some(409));
    let error = carium.request(Method::PUT, PATH).send().await.unwrap_err();
    assert_eq!(error.status(), Some(405));
    assert_eq!(plans.items(), [(id, json!({}))]);
}

#[tokio::test]
async fn request_to_a_path_of_the_spec_is_served_as_its_operation() {
    let fake = FakeCarium::new();
    let id = fake.practitioner("Dr. Quill");
    let response = fake.client().request(Method::GET, "/caredb/v1/org-practitioners/").send().await.unwrap();
    assert_eq!(response.json::<Value>().unwrap()["data"][0]["id"], json!(id));
    assert_eq!(fake.calls().last().unwrap().operation, "list_practitioners");
}

#[tokio::test(start_paused = true)]
async fn faults_apply_to_resources() {
    let fake = FakeCarium::new();
    let plans = fake.resource(PATH);
    let other = fake.resource("/caredb/v1/org-others/").add(json!({}));
    let operation = |method, path: &str| Operation::at_run_time(method, path.to_owned(), RetryClass::Create);
    fake.set_faults([
        Fault::on(&operation(Method::POST, PATH)).after_applying().reset(),
        Fault::on(&operation(Method::GET, &format!("{PATH}{{plan}}/"))).every_call().respond(503),
        Fault::on(&operation(Method::POST, &format!("{PATH}{{plan}}/archive/"))).respond(409),
        Fault::on(&operation(Method::GET, "/caredb/v1/org-practitioners/")).respond(403),
    ]);
    let client = fake.client();
    let resource = client.resource::<Value>(PATH);
    // Calls of other operations and of other resources.
    client.resource::<Value>("/caredb/v1/org-others/").get(&other).await.unwrap();
    assert_eq!(resource.list(ListOptions::default()).try_collect::<Vec<_>>().await.unwrap(), []);
    let error = resource.create(&json!({"name": "A"})).await.unwrap_err();
    assert!(error.may_have_been_applied());
    let id = plans.items()[0].0.clone();
    assert_eq!(resource.get(&id).await.unwrap_err().status(), Some(503));
    let error = resource.action(Method::POST, &id, "archive").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let practitioners = client.appointments().practitioners(ListOptions::default());
    assert_eq!(practitioners.try_collect::<Vec<_>>().await.unwrap_err().kind(), ErrorKind::Forbidden);
    assert_eq!(fake.unused_faults(), []);
    let mut calls: Vec<_> = fake.calls().into_iter().map(|call| call.operation).collect();
    calls.dedup();
    let expected = [
        "login",
        "GET /caredb/v1/org-others/{id}/",
        "GET /caredb/v1/org-plans/",
        "POST /caredb/v1/org-plans/",
        "GET /caredb/v1/org-plans/{id}/",
        "POST /caredb/v1/org-plans/{id}/archive/",
        "list_practitioners",
    ];
    assert_eq!(calls, expected);
}

#[test]
fn fault_plan_names_a_resource_by_method_and_path() {
    let plan = |on: &str| format!("[[fault]]\non = \"{on}\"\ndo = \"reset\"").parse::<FaultPlan>();
    let operation = Operation::at_run_time(Method::GET, format!("{PATH}{{plan}}/"), RetryClass::Safe);
    let expected = FaultPlan::new([Fault::on(&operation).reset()]);
    assert_eq!(plan("GET /caredb/v1/org-plans/{id}/").unwrap(), expected);
    let known = FaultPlan::new([Fault::on(&operations::LIST_PRACTITIONERS).reset()]);
    assert_eq!(plan("GET /caredb/v1/org-practitioners/").unwrap(), known);
    for invalid in ["GTE /a/", "get /a/", "GET a/", "GET /a", "GET", "GET /a b/", "request"] {
        assert!(plan(invalid).is_err(), "{invalid}");
    }
}
