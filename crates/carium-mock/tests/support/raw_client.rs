//! A client that can send invalid requests to a sandbox.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and each uses only some of the helpers"
)]

use carium_mock::Sandbox;
use serde_json::{Value, json};

/// The IDs of the vendor's Examples page.
pub(crate) const FIRST: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";
pub(crate) const SECOND: &str = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72";

/// A client that can send invalid requests.
pub(crate) struct RawClient {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl RawClient {
    pub(crate) async fn signed_in(sandbox: &Sandbox) -> Self {
        let mut client =
            Self { http: reqwest::Client::new(), url: sandbox.url().to_owned(), token: String::new() };
        let account = sandbox.fake().account();
        let login = json!({"username": account.username, "password": account.password});
        let (status, body) = client.send("POST", "/identity/v1/login/", Some(login)).await;
        assert_eq!(status, 200);
        body["access-token"].as_str().unwrap().clone_into(&mut client.token);
        client
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let body = body.map(|body| ("application/json", body.to_string()));
        let body = body.as_ref().map(|(media_type, body)| (*media_type, body.as_str()));
        self.send_with_media_type(method, path, body).await
    }

    pub(crate) async fn send_with_media_type(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, &str)>,
    ) -> (u16, Value) {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.url));
        let mut request = request.header("accept", "application/vnd.api+json");
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        if let Some((media_type, body)) = body {
            request = request.header("content-type", media_type).body(body.to_owned());
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
    }
}

/// Returns the body of a request that creates a patient.
pub(crate) fn patient() -> Value {
    json!({"data": {"type": "ui-patients", "attributes": {
        "first-name": "James", "last-name": "Reece", "birth-date": "1980-07-04", "gender": "male",
        "email": "james.reece@example.com", "organization-id": SECOND,
    }}})
}
