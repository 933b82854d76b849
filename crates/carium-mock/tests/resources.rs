//! Resources that the spec does not contain, in the fake and in the sandbox.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::num::NonZeroU64;

use carium::api::{Operation, RetryClass};
use carium::{Carium, ErrorKind, ListOptions, Method};
use carium_mock::{FakeCarium, Fault, Quirk, Sandbox};
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
    plans.on_action("archive", |id, body| json!({"id": id, "reason": body["reason"]}));
    let request = resource.action(Method::POST, &id, "archive").json(&json!({"reason": "done"}));
    assert_eq!(request.send().await.unwrap().json::<Value>().unwrap()["reason"], "done", "{quirks:?}");
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
        // The path that no test registered.
        assert_eq!(sandbox.take_violations().len(), 1, "{quirks:?}");
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
    let operation = Operation::at_run_time(Method::POST, PATH, RetryClass::Create);
    fake.set_faults([Fault::on(&operation).call(1).after_applying().reset()]);
    let error = fake.client().resource::<Value>(PATH).create(&json!({"name": "A"})).await.unwrap_err();
    assert!(error.may_have_been_applied());
    assert_eq!((plans.items().len(), fake.unused_faults().len()), (1, 0));
}
