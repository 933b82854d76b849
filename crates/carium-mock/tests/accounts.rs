//! Sign-in with one-time codes, each of which can be used once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::{SystemTime, UNIX_EPOCH};

use carium::{Carium, ErrorKind, ListOptions};
use carium_mock::{FakeAccount, Sandbox};
use futures_util::TryStreamExt as _;
use serde_json::json;

/// Returns the code of the time step at this offset from the current one.
fn code(account: FakeAccount, step_offset: i64) -> String {
    let secret = totp_rs::Secret::try_from_base32(account.totp_secret.unwrap()).unwrap();
    let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    totp.generate(now.checked_add_signed(30 * step_offset).unwrap()).to_string()
}

/// Signs in and returns the status and the error code of the response.
async fn login(sandbox: &Sandbox, code: Option<&str>) -> (u16, Option<String>) {
    let account = sandbox.fake().account_with_totp();
    let mut body = json!({"username": account.username, "password": account.password});
    if let Some(code) = code {
        body["totp-code"] = code.into();
    }
    let request = reqwest::Client::new().post(format!("{}/identity/v1/login/", sandbox.url()));
    let response = request.header("content-type", "application/json").body(body.to_string()).send();
    let response = response.await.unwrap();
    let status = response.status().as_u16();
    let body: serde_json::Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    (status, body["errors"][0]["code"].as_str().map(str::to_owned))
}

#[tokio::test]
async fn code_can_be_used_once() {
    let sandbox = Sandbox::start().await.unwrap();
    let account = sandbox.fake().account_with_totp();
    let rejected = |code: &str| (401, Some(code.to_owned()));
    assert_eq!(login(&sandbox, None).await, rejected("one-time-code-required"));
    let now = code(account, 0);
    assert_eq!(login(&sandbox, Some(&now)).await, (200, None));
    assert_eq!(login(&sandbox, Some(&now)).await, rejected("one-time-code-refused"));
    // A code from an hour ago.
    assert_eq!(login(&sandbox, Some(&code(account, -120))).await, rejected("one-time-code-refused"));
}

#[tokio::test]
async fn client_generates_one_time_codes() {
    let sandbox = Sandbox::start().await.unwrap();
    for account in [sandbox.fake().account(), sandbox.fake().account_with_totp()] {
        let client = Carium::builder().base_url(sandbox.url()).credentials(account.credentials()).build();
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
fn debug_of_account_shows_only_the_username() {
    let printed = format!("{:?}", carium_mock::FakeCarium::new().account_with_totp());
    assert_eq!(printed, "FakeAccount { username: \"username-with-code\", .. }");
}
