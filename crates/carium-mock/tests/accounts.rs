//! Signing in with one-time codes: each is good once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::{SystemTime, UNIX_EPOCH};

use carium::{Carium, ErrorKind, ListOptions};
use carium_mock::{FakeAccount, Sandbox};
use futures_util::TryStreamExt as _;
use serde_json::json;

/// The code of a step that is so many steps from now.
fn code(account: FakeAccount, steps: i64) -> String {
    let secret = totp_rs::Secret::try_from_base32(account.totp_secret.unwrap()).unwrap();
    let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    totp.generate(now.checked_add_signed(30 * steps).unwrap()).to_string()
}

async fn login(sandbox: &Sandbox, code: Option<&str>) -> (u16, Option<String>) {
    let account = sandbox.fake().account_with_codes();
    let mut body = json!({"username": account.username, "password": account.password});
    if let Some(code) = code {
        body["totp-code"] = code.into();
    }
    let request = reqwest::Client::new().post(format!("{}/identity/v1/login/", sandbox.url()));
    let answer = request.header("content-type", "application/json").body(body.to_string()).send();
    let answer = answer.await.unwrap();
    let status = answer.status().as_u16();
    let body: serde_json::Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    (status, body["errors"][0]["code"].as_str().map(str::to_owned))
}

#[tokio::test]
async fn a_code_is_good_once() {
    let sandbox = Sandbox::start().await.unwrap();
    let account = sandbox.fake().account_with_codes();
    let refused = |code: &str| (401, Some(code.to_owned()));
    assert_eq!(login(&sandbox, None).await, refused("one-time-code-required"));
    let now = code(account, 0);
    assert_eq!(login(&sandbox, Some(&now)).await, (200, None));
    assert_eq!(login(&sandbox, Some(&now)).await, refused("one-time-code-refused"));
    // That of an hour ago.
    assert_eq!(login(&sandbox, Some(&code(account, -120))).await, refused("one-time-code-refused"));
}

#[tokio::test]
async fn a_client_makes_its_codes_by_itself() {
    let sandbox = Sandbox::start().await.unwrap();
    for account in [sandbox.fake().account(), sandbox.fake().account_with_codes()] {
        let client =
            Carium::builder().base_url(sandbox.url()).credentials(account.credentials().unwrap()).build();
        let statuses = client.unwrap().appointments().statuses(ListOptions::default());
        assert_eq!(statuses.try_collect::<Vec<_>>().await.unwrap().len(), 1);
    }
    let wrong = carium::Credentials::new(sandbox.fake().account().username, "another").unwrap();
    let client = Carium::builder().base_url(sandbox.url()).credentials(wrong).build().unwrap();
    let error =
        client.appointments().statuses(ListOptions::default()).try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
}

#[test]
fn an_account_is_not_printed() {
    let printed = format!("{:?}", carium_mock::FakeCarium::new().account_with_codes());
    assert_eq!(printed, "FakeAccount { username: \"username-with-code\", .. }");
}
