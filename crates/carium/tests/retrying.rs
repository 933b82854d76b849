//! Every row of the table of repetitions: how many requests reached the service, and after which waits.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use carium::{ErrorKind, RetryPolicy};
use support::{Service, Step, call};

const SAFE: [&str; 2] = ["get_appointment", "list_practitioners"];
const IDEMPOTENT: [&str; 2] = ["update_appointment", "delete_appointment"];
const CREATE: [&str; 3] = ["create_patient", "create_appointment", "resend_invitation"];

/// The first wait at the most, which is what the tests' jitter draws.
const WAIT: Duration = Duration::from_millis(200);
const TRY: Duration = Duration::from_secs(20);

/// What can befall a try: how it is brought about, how long it takes, whether the request was certainly not
/// carried out, and whether it may pass.
fn causes() -> Vec<(&'static str, Step, Duration, bool, bool)> {
    let answered = |status: u16| Step::status(status);
    let at_once = Duration::ZERO;
    vec![
        ("not sent", Step::NotSent, at_once, true, true),
        ("lost", Step::Lost, at_once, false, true),
        ("timeout", Step::Silent, TRY, false, true),
        ("408", answered(408), at_once, false, true),
        ("429", answered(429), at_once, true, true),
        ("500", answered(500), at_once, false, true),
        ("502", answered(502), at_once, false, true),
        ("503", answered(503), at_once, true, true),
        ("504", answered(504), at_once, false, true),
        ("301", answered(301), at_once, false, false),
        ("307", answered(307), at_once, false, false),
        ("400", answered(400), at_once, true, false),
        ("403", answered(403), at_once, true, false),
        ("404", answered(404), at_once, true, false),
        ("409", answered(409), at_once, true, false),
        ("422", answered(422), at_once, true, false),
        ("501", answered(501), at_once, false, false),
    ]
}

#[tokio::test(start_paused = true)]
async fn safe_and_idempotent_calls_are_repeated_after_what_may_pass_and_after_nothing_else() {
    for operation in SAFE.into_iter().chain(IDEMPOTENT) {
        for (name, step, takes, _, passes) in causes() {
            let service = Service::script([step, Step::success(operation)]);
            let result = call(&service.client(), operation).await;
            let times = service.times(operation);
            if passes {
                assert!(result.is_ok(), "{operation} {name}: {result:?}");
                assert_eq!(times, [Duration::ZERO, takes + WAIT], "{operation} {name}");
            } else {
                assert_eq!(times.len(), 1, "{operation} {name}");
                assert_eq!(result.unwrap_err().attempts(), 1, "{operation} {name}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn creations_are_repeated_only_after_what_was_certainly_not_done() {
    for operation in CREATE {
        for (name, step, takes, not_done, passes) in causes() {
            let service = Service::script([step, Step::success(operation)]);
            let result = call(&service.client(), operation).await;
            let times = service.times(operation);
            if not_done && passes {
                assert!(result.is_ok(), "{operation} {name}: {result:?}");
                assert_eq!(times, [Duration::ZERO, takes + WAIT], "{operation} {name}");
            } else {
                let error = result.unwrap_err();
                assert_eq!(times.len(), 1, "{operation} {name}: one request on the wire");
                assert_eq!(error.may_have_been_applied(), !not_done, "{operation} {name}: {error}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn documents_follow_their_classes_through_the_low_level_client() {
    use carium::api::{ClientCaredbExt as _, types};
    for (name, step, takes, not_done, passes) in causes() {
        let service = Service::script([step.clone(), Step::success("process_upload")]);
        let answered = service.client().api().process_upload().id(support::ID).send().await;
        assert_eq!(answered.is_ok(), passes, "process_upload {name}");
        let expected = if passes { vec![Duration::ZERO, takes + WAIT] } else { vec![Duration::ZERO] };
        assert_eq!(service.times("process_upload"), expected, "process_upload {name}");

        let service = Service::script([step, Step::success("create_document_reference")]);
        let document: types::NewDocumentReference = types::NewDocumentReference::builder()
            .attachment_content_type("application/pdf")
            .attachment_filename("example.pdf")
            .class_id(support::ID)
            .name("Example Document")
            .individual_id(support::ID)
            .organization_id(support::ORGANIZATION)
            .try_into()
            .unwrap();
        let data = types::CreateDocumentReferenceData::builder().attributes(document);
        let client = service.client();
        let answered = client.api().create_document_reference().body_map(|body| body.data(data)).send().await;
        let repeated = passes && not_done;
        assert_eq!(answered.is_ok(), repeated, "create_document_reference {name}");
        let expected = if repeated { vec![Duration::ZERO, takes + WAIT] } else { vec![Duration::ZERO] };
        assert_eq!(service.times("create_document_reference"), expected, "create_document_reference {name}");
    }
}

#[tokio::test(start_paused = true)]
async fn signing_in_is_repeated_only_after_what_was_certainly_not_done_and_a_code_never_twice() {
    for (name, step, takes, not_done, passes) in causes() {
        for one_time_code in [false, true] {
            let first = step.clone();
            let service = Service::new(move |seen, before| match (seen.operation, before) {
                ("login", 0) => first.clone(),
                ("login", _) => Step::body(serde_json::json!({"access-token": "token"})),
                _ => Step::success(seen.operation),
            });
            let mut credentials = carium::Credentials::new("username", "password").unwrap();
            if one_time_code {
                credentials = credentials.one_time_code(carium::OneTimeCode::single_use("123456"));
            }
            let client = service.builder().credentials(credentials).build().unwrap();
            let result = call(&client, "get_appointment").await;
            // What was never sent took no code along.
            let repeated = passes && not_done && (!one_time_code || name == "not sent");
            assert_eq!(result.is_ok(), repeated, "{name} {one_time_code}: {result:?}");
            let expected = if repeated { vec![Duration::ZERO, takes + WAIT] } else { vec![Duration::ZERO] };
            assert_eq!(service.times("login"), expected, "{name} {one_time_code}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_success_that_cannot_be_read_may_have_happened() {
    for operation in ["create_patient", "create_appointment"] {
        for body in
            [serde_json::json!("canary"), serde_json::json!({}), serde_json::json!({"data": {"id": 7}})]
        {
            let service = Service::script([Step::body(body)]);
            let error = call(&service.client(), operation).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Undecodable);
            assert!(error.may_have_been_applied(), "{error}");
            assert_eq!(service.count(operation), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn waits_double_up_to_the_longest_and_tries_end() {
    let policy = RetryPolicy::default().delays(Duration::from_secs(1), Duration::from_secs(3));
    let service = Service::script([Step::status(503)]);
    let client = service.builder().retry_policy(policy.max_attempts(5)).build().unwrap();
    let error = call(&client, "get_appointment").await.unwrap_err();
    assert_eq!(service.times("get_appointment"), [0, 1, 3, 6, 9].map(Duration::from_secs));
    assert_eq!((error.kind(), error.attempts(), error.status()), (ErrorKind::Unavailable, 5, Some(503)));
    assert!(!error.may_have_been_applied());
}

#[tokio::test(start_paused = true)]
async fn jitter_is_full() {
    for (drawn, expected) in [(0.0, 0), (0.5, 100), (1.0, 200)] {
        let service = Service::script([Step::status(503), Step::success("get_appointment")]);
        let client = service.builder().random(move || drawn).build().unwrap();
        call(&client, "get_appointment").await.unwrap();
        assert_eq!(service.times("get_appointment")[1], Duration::from_millis(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured_within_the_deadline_and_told_past_it() {
    let (now, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:44 GMT");
    let asks = |status: u16| Step::status(status).with_header("date", now);
    for (step, seconds) in [
        (asks(429).with_header("retry-after", "7"), 7),
        (asks(503).with_header("retry-after", "7"), 7),
        (asks(429).with_header("retry-after", later), 7),
    ] {
        // A creation too: it was certainly not done.
        let service = Service::script([step, Step::success("create_patient")]);
        call(&service.client(), "create_patient").await.unwrap();
        assert_eq!(service.times("create_patient"), [0, seconds].map(Duration::from_secs));
    }
    let service = Service::script([asks(429).with_header("retry-after", "61")]);
    let error = call(&service.client(), "get_appointment").await.unwrap_err();
    assert_eq!(service.count("get_appointment"), 1);
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(61)));
}

#[tokio::test(start_paused = true)]
async fn a_404_on_a_repeated_deletion_is_success_and_on_a_first_one_is_not() {
    let service = Service::script([Step::Lost, Step::status(404)]);
    call(&service.client(), "delete_appointment").await.unwrap();
    let service = Service::script([Step::status(404)]);
    let error = call(&service.client(), "delete_appointment").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let service = Service::script([Step::Lost, Step::status(404)]);
    let error = call(&service.client(), "update_appointment").await.unwrap_err();
    assert!(error.may_have_been_applied(), "the first try may have changed it: {error}");
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_its_deadline_wherever_it_is() {
    for operation in ["get_appointment", "create_patient"] {
        let service = Service::script([Step::Silent]);
        let client = service.builder().call_timeout(Duration::from_secs(9)).build().unwrap();
        let start = tokio::time::Instant::now();
        let error = call(&client, operation).await.unwrap_err();
        assert_eq!(start.elapsed(), Duration::from_secs(9));
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(error.may_have_been_applied(), operation == "create_patient");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_never_sent_is_not_in_doubt_when_the_deadline_passes_in_the_queue() {
    let service = Service::script([Step::Silent]);
    let client = service.builder().max_concurrency(4).call_timeout(Duration::from_secs(10)).build().unwrap();
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { call(&client, "create_patient").await.unwrap_err() })
        })
        .collect();
    let mut in_doubt = 0;
    for call in calls {
        let error = call.await.unwrap();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        in_doubt += usize::from(error.may_have_been_applied());
    }
    assert_eq!((in_doubt, service.count("create_patient")), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn doubt_outlives_the_tries_after_it_and_reading_is_never_in_doubt() {
    for first in [Step::Lost, Step::status(500), Step::status(504), Step::Silent] {
        let service = Service::script([first, Step::status(422)]);
        let error = call(&service.client(), "update_appointment").await.unwrap_err();
        assert!(error.may_have_been_applied(), "{error:?}");
    }
    for last in [Step::Lost, Step::status(500), Step::Silent] {
        let service = Service::script([last]);
        let error = call(&service.client(), "get_appointment").await.unwrap_err();
        assert!(!error.may_have_been_applied(), "{error:?}");
    }
    // A token that cannot be had does not hide what an earlier try left behind.
    let service = Service::new(|seen, before| match (seen.operation, before) {
        ("login", 0) => Step::body(serde_json::json!({"access-token": "token"})),
        ("update_appointment", 0) => Step::Lost,
        _ => Step::status(401),
    });
    let error = call(&service.client(), "update_appointment").await.unwrap_err();
    assert_eq!((error.operation(), error.may_have_been_applied()), (Some("login"), true));
}

#[tokio::test(start_paused = true)]
async fn settings_past_any_sense_do_no_harm() {
    let service = Service::script([Step::status(503), Step::success("get_appointment")]);
    let policy = RetryPolicy::default().delays(Duration::MAX, Duration::MAX);
    let client = service
        .builder()
        .call_timeout(Duration::MAX)
        .attempt_timeout(Duration::MAX)
        .max_concurrency(usize::MAX)
        .retry_policy(policy)
        .random(|| f64::NAN)
        .build()
        .unwrap();
    call(&client, "get_appointment").await.unwrap();
    let forever = Step::status(503).with_header("retry-after", "99999999999");
    let service = Service::script([forever]);
    let error = call(&service.client(), "get_appointment").await.unwrap_err();
    assert_eq!(error.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_client_that_waits_as_it_is_told_does_not_run_out() {
    let service = Service::new(|seen, before| match (seen.operation, before % 2) {
        ("login", _) => Step::body(serde_json::json!({"access-token": "token"})),
        (_, 0) => Step::status(429).with_header("retry-after", "1"),
        _ => Step::success(seen.operation),
    });
    let client = service.client();
    for _ in 0..1_000 {
        call(&client, "get_appointment").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn one_budget_for_the_whole_client() {
    let service = Service::script([Step::status(503)]);
    let client = service.client();
    for _ in 0..200 {
        call(&client, "get_appointment").await.unwrap_err();
    }
    // 200 first tries, and the 100 repetitions that the budget holds.
    assert_eq!(service.count("get_appointment"), 300);
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_in_flight_than_the_limit() {
    let service = Service::script([Step::Silent]);
    let client = service
        .builder()
        .max_concurrency(3)
        .retry_policy(RetryPolicy::never())
        .call_timeout(Duration::from_secs(59))
        .build()
        .unwrap();
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { call(&client, "get_appointment").await })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(service.count("get_appointment"), 3);
    tokio::time::sleep(TRY).await;
    assert_eq!(service.count("get_appointment"), 6);
    tokio::time::sleep(TRY).await;
    assert_eq!(service.count("get_appointment"), 9);
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
    }
}
