//! One sign-in for any number of calls.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use carium::{Credentials, ErrorKind, OneTimeCode, Secret};
use serde_json::{Value, json};
use support::{Service, Step, call};
use tokio::time::{Instant, sleep};

fn credentials() -> Credentials {
    Credentials::new("username", "password").unwrap()
}

/// A service whose tokens are refused when they are older than they may be.
fn strict(lifetime: Duration) -> Arc<Service> {
    strict_and_slow(lifetime, Duration::ZERO)
}

fn strict_and_slow(lifetime: Duration, takes: Duration) -> Arc<Service> {
    let issued = Mutex::new(Vec::<Instant>::new());
    Service::new(move |seen, before| {
        let mut issued = issued.lock().unwrap();
        if seen.operation == "login" {
            issued.push(Instant::now());
            return Step::body(json!({"access-token": format!("token-{before}")}));
        }
        let number: usize = seen.token.as_deref().unwrap().trim_start_matches("token-").parse().unwrap();
        if issued[number].elapsed() < lifetime {
            Step::Later(takes, Box::new(Step::success(seen.operation)))
        } else {
            Step::status(401)
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_thousand_tasks_over_an_expiring_token_sign_in_once_a_lifetime() {
    let lifetime = Duration::from_mins(5);
    let service = strict(lifetime);
    let client = service.builder().token_lifetime(lifetime).max_concurrency(1_000).build().unwrap();
    let lifetimes = 4;
    let calls: Vec<_> = (0..1_000)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move {
                // All at once, and a little apart: over every moment of the lifetimes.
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
        "no call was refused and sent again"
    );
    // A token is renewed ahead of its end, by 30 seconds here: five in twenty minutes.
    assert_eq!(service.count("login"), 5);
}

#[tokio::test(start_paused = true)]
async fn a_queue_longer_than_a_token_lasts_fails_no_call() {
    // Four at a time, a second each, and tokens of a minute: most wait past the end of several.
    let lifetime = Duration::from_mins(1);
    let service = strict_and_slow(lifetime, Duration::from_secs(1));
    let deadline = Duration::from_hours(1);
    let builder = service.builder().token_lifetime(lifetime).max_concurrency(4).call_timeout(deadline);
    let client = builder.build().unwrap();
    let calls: Vec<_> = (0..1_000)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { call(&client, "get_appointment").await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(service.count("get_appointment"), 1_000, "no call was refused and sent again");
    assert!((4..=6).contains(&service.count("login")), "{}", service.count("login"));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_refused_with_an_old_token_takes_the_new_one() {
    // The first two calls leave with the same token; the second is refused after the first has renewed.
    let service = Service::new(|seen, before| match (seen.operation, before, seen.token.as_deref()) {
        ("login", _, _) => Step::body(json!({"access-token": format!("token-{before}")})),
        (_, 1, Some("token-0")) => Step::Later(Duration::from_secs(2), Box::new(Step::status(401))),
        (_, _, Some("token-0")) => Step::status(401),
        _ => Step::success(seen.operation),
    });
    let client = service.client();
    let (one, other) = tokio::join!(call(&client, "get_appointment"), call(&client, "get_appointment"));
    one.unwrap();
    other.unwrap();
    assert_eq!(service.count("login"), 2, "the refused token was not the current one any more");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_tasks_that_wake_after_the_end_sign_in_once() {
    let service = strict(Duration::from_hours(1));
    let client = service.builder().max_concurrency(1_000).build().unwrap();
    for wake in 1..=3_usize {
        let calls: Vec<_> = (0..1_000)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move { call(&client, "get_appointment").await })
            })
            .collect();
        for call in calls {
            call.await.unwrap().unwrap();
        }
        assert_eq!(service.count("login"), wake);
        sleep(Duration::from_hours(2)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_the_service_ends_sooner_is_replaced_once() {
    // The service says nothing of it: an hour is assumed, and a minute is true.
    let service = strict(Duration::from_mins(1));
    let client = service.builder().max_concurrency(100).build().unwrap();
    call(&client, "get_appointment").await.unwrap();
    sleep(Duration::from_mins(2)).await;
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { call(&client, "create_patient").await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(service.count("login"), 2);
    assert!(service.count("create_patient") <= 200, "each was sent once with either token at the most");
}

#[tokio::test(start_paused = true)]
async fn a_401_renews_once_and_repeats_once() {
    let service = Service::script([Step::status(401)]);
    let error = call(&service.client(), "create_patient").await.unwrap_err();
    assert_eq!((service.count("login"), service.count("create_patient")), (2, 2));
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(!error.may_have_been_applied());
    let tokens: BTreeSet<_> = service.seen().into_iter().filter_map(|seen| seen.token).collect();
    assert_eq!(tokens.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_good_token_is_kept_while_renewing_fails() {
    let lifetime = Duration::from_mins(10);
    let service = Service::new(|seen, before| match (seen.operation, before) {
        ("login", 0) => Step::body(json!({"access-token": "token-0"})),
        ("login", _) => Step::status(500),
        _ => Step::success(seen.operation),
    });
    let client = service.builder().token_lifetime(lifetime).build().unwrap();
    for _ in 0..59 {
        call(&client, "get_appointment").await.unwrap();
        sleep(Duration::from_secs(10)).await;
    }
    assert!(service.count("login") > 1, "it was tried");
    sleep(Duration::from_secs(20)).await;
    let error = call(&client, "get_appointment").await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Unavailable, Some("login")));
}

#[tokio::test(start_paused = true)]
async fn everyone_who_waits_for_a_sign_in_is_told_why_it_failed() {
    let service = Service::new(|_, _| Step::NotSent);
    let client = service.client();
    let (one, other) = tokio::join!(call(&client, "get_appointment"), call(&client, "get_appointment"));
    for error in [one.unwrap_err(), other.unwrap_err()] {
        let source = std::error::Error::source(&error).unwrap();
        assert!(source.to_string().contains("nothing was sent"), "{source}");
    }
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_not_tried_again_by_themselves() {
    let service = Service::new(|_, _| Step::status(401));
    let error = call(&service.client(), "get_appointment").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.operation(), error.status()),
        (ErrorKind::Unauthenticated, Some("login"), Some(401))
    );
    assert_eq!((service.count("login"), service.count("get_appointment")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_left_alone_for_a_while_and_what_the_login_says_is_the_logins() {
    for status in [400, 401, 403, 404, 409, 422] {
        let service = Service::new(move |_, _| Step::status(status));
        let client = service.client();
        for _ in 0..100 {
            let error = call(&client, "delete_appointment").await.unwrap_err();
            assert_eq!(
                (error.kind(), error.operation()),
                (ErrorKind::Unauthenticated, Some("login")),
                "{status}"
            );
        }
        assert_eq!(service.count("login"), 1, "accounts get locked");
        sleep(Duration::from_secs(6)).await;
        call(&client, "delete_appointment").await.unwrap_err();
        assert_eq!(service.count("login"), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_panics_or_repeats_itself_does_not_end_the_session() {
    let service = Service::script([Step::success("get_appointment")]);
    let asked = Arc::new(Mutex::new(0));
    let code = OneTimeCode::from_fn(move || {
        let asked = {
            let mut asked = asked.lock().unwrap();
            *asked += 1;
            *asked
        };
        async move {
            assert!(asked > 1, "the first time");
            Secret::from("123456")
        }
    });
    let client = service.builder().credentials(credentials().one_time_code(code)).build().unwrap();
    let error = call(&client, "get_appointment").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    call(&client, "get_appointment").await.unwrap();
    // The token ends, and the callback gives the same code: it is not sent a second time.
    sleep(Duration::from_hours(2)).await;
    let error = call(&client, "get_appointment").await.unwrap_err();
    assert!(error.to_string().contains("used before"), "{error}");
    assert_eq!(service.count("login"), 1);
}

#[test]
fn a_session_survives_its_runtime() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let (service, client) = first.block_on(async {
        let service = Service::script([Step::success("get_appointment")]);
        let client = service.client();
        // Begins to sign in, and is gone before that is polled once.
        let given_up = call(&client, "get_appointment");
        assert!(futures_util::FutureExt::now_or_never(given_up).is_none());
        (service, client.clone())
    });
    drop(first);
    runtime().block_on(async { call(&client, "get_appointment").await }).unwrap();
    assert_eq!(service.count("login"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_code_that_was_never_sent_can_be_used_again_and_an_odd_401_does_not_end_a_token() {
    let service = Service::new(|seen, before| match (seen.operation, before) {
        ("login", 0..5) => Step::NotSent,
        ("login", _) => Step::body(json!({"access-token": "token"})),
        ("create_patient", _) => Step::status(401),
        _ => Step::success(seen.operation),
    });
    let client = service
        .builder()
        .credentials(credentials().one_time_code(OneTimeCode::single_use("123456")))
        .build()
        .unwrap();
    assert_eq!(call(&client, "get_appointment").await.unwrap_err().kind(), ErrorKind::Unavailable);
    call(&client, "get_appointment").await.unwrap();
    assert_eq!(call(&client, "create_patient").await.unwrap_err().kind(), ErrorKind::Unauthenticated);
    call(&client, "get_appointment").await.unwrap();
    assert_eq!(service.count("login"), 6);
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_by_the_low_level_client_sends_its_code_once_too() {
    use carium::api::ClientIdentityExt as _;
    for (one_time_code, sent) in [(false, 2), (true, 1)] {
        let service = Service::new(|_, before| match before {
            0 => Step::status(503),
            _ => Step::body(json!({"access-token": "token"})),
        });
        let client = service.client();
        let login = client.api().login().body_map(|body| {
            let body = body.username("username").password("password");
            if one_time_code { body.totp_code("123456") } else { body }
        });
        assert_eq!(login.send().await.is_ok(), !one_time_code);
        assert_eq!(service.count("login"), sent);
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_gives_up_does_not_make_the_others_begin_again() {
    let service = Service::new(|seen, _| match seen.operation {
        "login" => Step::Silent,
        _ => Step::success(seen.operation),
    });
    let client = service.client();
    let impatient = tokio::time::timeout(Duration::from_secs(1), call(&client, "get_appointment"));
    let (gave_up, waited) = tokio::join!(impatient, call(&client, "get_appointment"));
    assert!(gave_up.is_err() && waited.is_err());
    assert_eq!(service.count("login"), 1);
}

fn code_of(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).unwrap();
    body["totp-code"].as_str().map(str::to_owned)
}

#[tokio::test(start_paused = true)]
async fn a_single_code_signs_in_once_and_the_session_says_so() {
    let service = Service::script([Step::success("get_appointment"), Step::status(401)]);
    let client = service
        .builder()
        .credentials(credentials().one_time_code(OneTimeCode::single_use("123456")))
        .build()
        .unwrap();
    call(&client, "get_appointment").await.unwrap();
    let error = call(&client, "get_appointment").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.to_string().contains("single one-time code"), "{error}");
    assert_eq!(service.count("login"), 1);
}

#[tokio::test(start_paused = true)]
async fn codes_made_from_a_secret_are_never_sent_twice() {
    let secret = Secret::from("JBSW Y3DP EHPK 3PXP");
    // Every token is refused, so each call signs in, more often than codes change.
    let service = Service::script([Step::status(401)]);
    let code = OneTimeCode::from_totp_secret(&secret).unwrap();
    let client = service.builder().credentials(credentials().one_time_code(code)).build().unwrap();
    for _ in 0..3 {
        call(&client, "get_appointment").await.unwrap_err();
    }
    let logins: Vec<_> = service.seen().into_iter().filter(|seen| seen.operation == "login").collect();
    let codes: Vec<_> = logins.iter().map(|seen| code_of(&seen.body).unwrap()).collect();
    assert!(codes.len() >= 4);
    assert!(codes.iter().all(|code| code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit())));
    // Each in a step of its own: the next was waited for.
    for pair in logins.windows(2) {
        assert!(pair[1].after > pair[0].after);
    }
}

#[tokio::test(start_paused = true)]
async fn a_callback_is_asked_each_time() {
    let service = Service::script([Step::status(401)]);
    let asked = Arc::new(Mutex::new(0));
    let counter = Arc::clone(&asked);
    let code = OneTimeCode::from_fn(move || {
        let mut asked = counter.lock().unwrap();
        *asked += 1;
        let code = Secret::from(format!("code-{asked}"));
        async move { code }
    });
    let client = service.builder().credentials(credentials().one_time_code(code)).build().unwrap();
    call(&client, "get_appointment").await.unwrap_err();
    let codes: Vec<_> = service
        .seen()
        .iter()
        .filter(|seen| seen.operation == "login")
        .map(|seen| code_of(&seen.body))
        .collect();
    assert_eq!(codes, [Some("code-1".to_owned()), Some("code-2".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_lifetime_is_asked_for_only_when_the_builder_did() {
    let member = "access-token-expiration-seconds";
    for (lifetime, expected) in [(None, Value::Null), (Some(Duration::from_mins(10)), json!(600))] {
        let service = Service::script([Step::success("get_appointment")]);
        let mut builder = service.builder();
        if let Some(lifetime) = lifetime {
            builder = builder.token_lifetime(lifetime);
        }
        call(&builder.build().unwrap(), "get_appointment").await.unwrap();
        let login: Value = serde_json::from_slice(&service.seen()[0].body).unwrap();
        assert_eq!(login[member], expected);
    }
}
