//! Signing in and renewing the access token.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests panic to fail")]

mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use carium::{Carium, Credentials, ErrorKind, OneTimeCode, Secret};
use serde_json::{Value, json};
use support::{Behavior, Service, call, call_from_tasks};
use tokio::time::{Instant, sleep};

/// A client that signs in with one-time codes.
fn client_with_code(service: &Arc<Service>, code: OneTimeCode) -> Carium {
    let credentials = Credentials::new("username", "password").unwrap().one_time_code(code);
    service.builder().credentials(credentials).build().unwrap()
}

/// A service that rejects tokens older than `lifetime` and takes `delay` for each response.
fn service_with_token_lifetime(lifetime: Duration, delay: Duration) -> Arc<Service> {
    let issued = Mutex::new(Vec::<Instant>::new());
    Service::new(move |request, earlier| {
        let mut issued = issued.lock().unwrap();
        if request.operation == "login" {
            issued.push(Instant::now());
            return Behavior::token(format!("token-{earlier}"));
        }
        let number: usize = request.token.as_deref().unwrap().trim_start_matches("token-").parse().unwrap();
        if issued[number].elapsed() < lifetime {
            Behavior::Later(delay, Box::new(Behavior::success(request.operation)))
        } else {
            Behavior::status(401)
        }
    })
}

#[tokio::test(start_paused = true)]
async fn concurrent_tasks_sign_in_once_per_token_lifetime() {
    let lifetime = Duration::from_secs(300);
    let service = service_with_token_lifetime(lifetime, Duration::ZERO);
    let client = service.builder().token_lifetime(lifetime).max_concurrency(1_000).build().unwrap();
    let lifetimes = 4;
    let calls: Vec<_> = (0..1_000)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move {
                // The small offsets spread the calls over the whole lifetime of the tokens.
                for _ in 0..lifetimes * 10 {
                    call(&client, "get_appointment").await.unwrap();
                    sleep(Duration::from_secs(30) + Duration::from_millis(number % 7)).await;
                }
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(
        service.count("get_appointment"),
        1_000 * lifetimes * 10,
        "no call was rejected and sent again"
    );
    // Each token is renewed 30 seconds before it expires, so 20 minutes need five tokens.
    assert_eq!(service.count("login"), 5);
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_longer_than_a_token_lifetime_succeed() {
    // With 4 concurrent calls of 1 second each and tokens of 1 minute, most calls wait longer than several
    // tokens live.
    let lifetime = Duration::from_secs(60);
    let service = service_with_token_lifetime(lifetime, Duration::from_secs(1));
    let deadline = Duration::from_secs(3600);
    let builder = service.builder().token_lifetime(lifetime).max_concurrency(4).call_timeout(deadline);
    let client = builder.build().unwrap();
    for result in call_from_tasks(&client, "get_appointment", 1_000).await {
        result.unwrap();
    }
    assert_eq!(service.count("get_appointment"), 1_000, "no call was rejected and sent again");
    assert!((4..=6).contains(&service.count("login")), "{}", service.count("login"));
}

#[tokio::test(start_paused = true)]
async fn call_rejected_with_an_old_token_uses_the_renewed_token() {
    // Both calls are sent with the same token. The second is rejected after the first has renewed the token.
    let service =
        Service::new(|request, earlier| match (request.operation, earlier, request.token.as_deref()) {
            ("login", _, _) => Behavior::token(format!("token-{earlier}")),
            (_, 1, Some("token-0")) => {
                Behavior::Later(Duration::from_secs(2), Box::new(Behavior::status(401)))
            }
            (_, _, Some("token-0")) => Behavior::status(401),
            _ => Behavior::success(request.operation),
        });
    let client = service.client();
    let (first, second) = tokio::join!(call(&client, "get_appointment"), call(&client, "get_appointment"));
    first.unwrap();
    second.unwrap();
    assert_eq!(service.count("login"), 2, "the rejected token had already been replaced");
}

#[tokio::test(start_paused = true)]
async fn concurrent_tasks_sign_in_once_after_the_token_expired() {
    let service = service_with_token_lifetime(Duration::from_secs(3600), Duration::ZERO);
    let client = service.builder().max_concurrency(1_000).build().unwrap();
    for round in 1..=3_usize {
        for result in call_from_tasks(&client, "get_appointment", 1_000).await {
            result.unwrap();
        }
        assert_eq!(service.count("login"), round);
        sleep(Duration::from_secs(7200)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn token_that_expires_early_is_replaced_once() {
    // The client assumes a lifetime of 1 hour, but the service uses 1 minute.
    let service = service_with_token_lifetime(Duration::from_secs(60), Duration::ZERO);
    let client = service.builder().max_concurrency(100).build().unwrap();
    call(&client, "get_appointment").await.unwrap();
    sleep(Duration::from_secs(120)).await;
    for result in call_from_tasks(&client, "create_patient", 100).await {
        result.unwrap();
    }
    assert_eq!(service.count("login"), 2);
    assert!(service.count("create_patient") <= 200, "each call was sent at most once with each token");
}

#[tokio::test(start_paused = true)]
async fn status_401_renews_the_token_once_and_resends_once() {
    let service = Service::script([Behavior::status(401)]);
    let error = call(&service.client(), "create_patient").await.unwrap_err();
    assert_eq!((service.count("login"), service.count("create_patient")), (2, 2));
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(!error.may_have_been_applied());
    let tokens: BTreeSet<_> = service.requests().into_iter().filter_map(|request| request.token).collect();
    assert_eq!(tokens.len(), 2);
    // All attempts of a call replace one token.
    let service = Service::script([401, 503, 401].map(Behavior::status));
    let error = call(&service.client(), "create_patient").await.unwrap_err();
    assert_eq!((service.count("login"), service.count("create_patient")), (2, 3));
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
}

#[tokio::test(start_paused = true)]
async fn valid_token_is_used_while_renewal_fails() {
    let lifetime = Duration::from_secs(600);
    let service = Service::new(|request, earlier| match (request.operation, earlier) {
        ("login", 0) => Behavior::token("token-0"),
        ("login", _) => Behavior::status(500),
        _ => Behavior::success(request.operation),
    });
    let client = service.builder().token_lifetime(lifetime).build().unwrap();
    for _ in 0..59 {
        call(&client, "get_appointment").await.unwrap();
        sleep(Duration::from_secs(10)).await;
    }
    assert!(service.count("login") > 1, "the client tried to renew the token");
    sleep(Duration::from_secs(20)).await;
    let error = call(&client, "get_appointment").await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Unavailable, Some("login")));
}

#[tokio::test(start_paused = true)]
async fn rejected_renewal_is_repeated_after_its_cooldown_only() {
    let service = Service::new(|request, earlier| match (request.operation, earlier) {
        ("login", 0) => Behavior::token("token"),
        ("login", _) => Behavior::status(401),
        _ => Behavior::success(request.operation),
    });
    let client = service.builder().token_lifetime(Duration::from_secs(600)).build().unwrap();
    call(&client, "get_appointment").await.unwrap();
    // The token is valid, but due for renewal.
    sleep(Duration::from_secs(550)).await;
    for logins in 2..5 {
        for _ in 0..40 {
            call(&client, "get_appointment").await.unwrap();
            sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(service.count("login"), logins, "repeated sign-ins could lock the account");
        sleep(Duration::from_secs(2)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn all_waiting_calls_get_the_cause_of_a_failed_sign_in() {
    let service = Service::new(|_, _| Behavior::NotSent);
    let client = service.client();
    let (first, second) = tokio::join!(call(&client, "get_appointment"), call(&client, "get_appointment"));
    for error in [first.unwrap_err(), second.unwrap_err()] {
        let source = std::error::Error::source(&error).unwrap();
        assert!(source.to_string().contains("nothing was sent"), "{source}");
    }
}

#[tokio::test(start_paused = true)]
async fn rejected_credentials_are_not_retried() {
    let service = Service::new(|_, _| Behavior::status(401));
    let error = call(&service.client(), "get_appointment").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.operation(), error.status()),
        (ErrorKind::Unauthenticated, Some("login"), Some(401))
    );
    assert_eq!((service.count("login"), service.count("get_appointment")), (1, 0));
}

/// The error describes the sign-in, but an earlier attempt of the call was sent.
#[tokio::test(start_paused = true)]
async fn failed_sign_in_counts_the_attempts_of_the_call() {
    for login in [Behavior::status(401), Behavior::NotSent] {
        let service = Service::new(move |request, earlier| match (request.operation, earlier) {
            ("login", 0) => Behavior::token("token"),
            ("login", _) => login.clone(),
            (_, 0) => Behavior::status(503),
            _ => Behavior::status(401),
        });
        let error = call(&service.client(), "create_patient").await.unwrap_err();
        assert_eq!(error.operation(), Some("login"));
        assert!(error.attempts() > 2, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn rejected_credentials_are_cached_briefly_and_reported_as_unauthenticated() {
    for status in [400, 401, 403, 404, 409, 422] {
        let service = Service::new(move |_, _| Behavior::status(status));
        let client = service.client();
        for _ in 0..100 {
            let error = call(&client, "delete_appointment").await.unwrap_err();
            assert_eq!(
                (error.kind(), error.operation()),
                (ErrorKind::Unauthenticated, Some("login")),
                "{status}"
            );
        }
        assert_eq!(service.count("login"), 1, "repeated sign-ins could lock the account");
        sleep(Duration::from_secs(6)).await;
        call(&client, "delete_appointment").await.unwrap_err();
        assert_eq!(service.count("login"), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_rejected_after_a_401_are_sent_once_per_cooldown() {
    // The token and the credentials are revoked while 20 calls are in flight. Their responses arrive one by one.
    let service = Service::new(|request, earlier| match (request.operation, earlier) {
        ("login", 0) => Behavior::token("token"),
        ("login", _) => Behavior::status(401),
        _ => Behavior::Later(Duration::from_millis(100 * earlier as u64), Box::new(Behavior::status(401))),
    });
    let client = service.client();
    for result in call_from_tasks(&client, "get_appointment", 20).await {
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.operation()), (ErrorKind::Unauthenticated, Some("login")));
    }
    assert_eq!(service.count("login"), 2, "repeated sign-ins could lock the account");
    sleep(Duration::from_secs(6)).await;
    call(&client, "get_appointment").await.unwrap_err();
    assert_eq!(service.count("login"), 3);
}

#[tokio::test(start_paused = true)]
async fn session_survives_a_code_function_that_panics_or_returns_a_used_code() {
    let service = Service::script([Behavior::success("get_appointment")]);
    let calls = Arc::new(Mutex::new(0));
    let code = OneTimeCode::from_fn(move || {
        let call_number = {
            let mut calls = calls.lock().unwrap();
            *calls += 1;
            *calls
        };
        async move {
            assert!(call_number > 1, "the first call panics");
            Secret::from("123456")
        }
    });
    let client = client_with_code(&service, code);
    let error = call(&client, "get_appointment").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    call(&client, "get_appointment").await.unwrap();
    // After the token has expired, the function returns the same code. It must not be sent a second time.
    sleep(Duration::from_secs(7200)).await;
    let error = call(&client, "get_appointment").await.unwrap_err();
    assert!(error.to_string().contains("already used"), "{error}");
    assert_eq!(service.count("login"), 1);
}

#[test]
fn session_survives_the_shutdown_of_its_runtime() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let (service, client) = first.block_on(async {
        let service = Service::script([Behavior::success("get_appointment")]);
        let client = service.client();
        // Starts a sign-in task that is dropped with the runtime before it runs.
        let canceled_call = call(&client, "get_appointment");
        assert!(futures_util::FutureExt::now_or_never(canceled_call).is_none());
        (service, client.clone())
    });
    drop(first);
    runtime().block_on(async { call(&client, "get_appointment").await }).unwrap();
    assert_eq!(service.count("login"), 1);
}

#[tokio::test(start_paused = true)]
async fn unsent_code_is_reused_and_token_that_cannot_be_renewed_is_kept_after_401() {
    let service = Service::new(|request, earlier| match (request.operation, earlier) {
        ("login", 0..5) => Behavior::NotSent,
        ("login", _) => Behavior::token("token"),
        ("create_patient", _) => Behavior::status(401),
        _ => Behavior::success(request.operation),
    });
    let client = client_with_code(&service, OneTimeCode::single_use("123456"));
    assert_eq!(call(&client, "get_appointment").await.unwrap_err().kind(), ErrorKind::Unavailable);
    call(&client, "get_appointment").await.unwrap();
    assert_eq!(call(&client, "create_patient").await.unwrap_err().kind(), ErrorKind::Unauthenticated);
    call(&client, "get_appointment").await.unwrap();
    assert_eq!(service.count("login"), 6);
}

#[tokio::test(start_paused = true)]
async fn low_level_sign_in_sends_its_code_once() {
    use carium::api::ClientIdentityExt as _;
    for (has_code, request_count) in [(false, 2), (true, 1)] {
        let service = Service::new(|_, earlier| match earlier {
            0 => Behavior::status(503),
            _ => Behavior::token("token"),
        });
        let client = service.client();
        let login = client.api().login().body_map(|body| {
            let body = body.username("username").password("password");
            if has_code { body.totp_code("123456") } else { body }
        });
        assert_eq!(login.send().await.is_ok(), !has_code);
        assert_eq!(service.count("login"), request_count);
    }
}

#[tokio::test(start_paused = true)]
async fn canceled_call_does_not_restart_the_sign_in_of_others() {
    let service = Service::new(|request, _| match request.operation {
        "login" => Behavior::Silent,
        _ => Behavior::success(request.operation),
    });
    let client = service.client();
    let canceled_call = tokio::time::timeout(Duration::from_secs(1), call(&client, "get_appointment"));
    let (canceled, completed) = tokio::join!(canceled_call, call(&client, "get_appointment"));
    assert!(canceled.is_err() && completed.is_err());
    assert_eq!(service.count("login"), 1);
}

fn code_of(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).unwrap();
    body["totp-code"].as_str().map(str::to_owned)
}

#[tokio::test(start_paused = true)]
async fn single_use_code_signs_in_once_and_then_fails_with_a_clear_error() {
    let service = Service::script([Behavior::success("get_appointment"), Behavior::status(401)]);
    let client = client_with_code(&service, OneTimeCode::single_use("123456"));
    call(&client, "get_appointment").await.unwrap();
    let error = call(&client, "get_appointment").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.to_string().contains("single one-time code"), "{error}");
    assert_eq!(service.count("login"), 1);
}

#[tokio::test(start_paused = true)]
async fn totp_codes_are_never_sent_twice() {
    let secret = Secret::from("JBSW Y3DP EHPK 3PXP");
    // Every token is rejected, so the calls sign in more often than the codes change.
    let service = Service::script([Behavior::status(401)]);
    let code = OneTimeCode::from_totp_secret(&secret).unwrap();
    let client = client_with_code(&service, code);
    for _ in 0..3 {
        call(&client, "get_appointment").await.unwrap_err();
    }
    let logins = service.requests_for("login");
    let codes: Vec<_> = logins.iter().map(|request| code_of(&request.body).unwrap()).collect();
    assert!(codes.len() >= 4);
    assert!(codes.iter().all(|code| code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit())));
    // Each sign-in waited for the next time step.
    for pair in logins.windows(2) {
        assert!(pair[1].received_at > pair[0].received_at);
    }
}

#[tokio::test(start_paused = true)]
async fn code_function_is_called_for_each_sign_in() {
    let service = Service::script([Behavior::status(401)]);
    let calls = Arc::new(Mutex::new(0));
    let code = OneTimeCode::from_fn(move || {
        let mut calls = calls.lock().unwrap();
        *calls += 1;
        let code = Secret::from(format!("code-{calls}"));
        async move { code }
    });
    let client = client_with_code(&service, code);
    call(&client, "get_appointment").await.unwrap_err();
    let codes: Vec<_> = service.requests_for("login").iter().map(|request| code_of(&request.body)).collect();
    assert_eq!(codes, [Some("code-1".to_owned()), Some("code-2".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn token_lifetime_is_requested_only_if_configured() {
    let member = "access-token-expiration-seconds";
    for (lifetime, expected) in [(None, Value::Null), (Some(Duration::from_secs(600)), json!(600))] {
        let service = Service::script([Behavior::success("get_appointment")]);
        let mut builder = service.builder();
        if let Some(lifetime) = lifetime {
            builder = builder.token_lifetime(lifetime);
        }
        call(&builder.build().unwrap(), "get_appointment").await.unwrap();
        let login: Value = serde_json::from_slice(&service.requests()[0].body).unwrap();
        assert_eq!(login[member], expected);
    }
}
