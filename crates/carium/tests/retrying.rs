//! Each row of the retry table of `RetryPolicy`: how many requests the service receives, and after which
//! delays.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests panic to fail")]

mod support;

use std::fmt::Debug;
use std::time::Duration;

use carium::{ErrorKind, RetryPolicy};
use support::{Behavior, Service, call, call_from_tasks};

const SAFE: [&str; 2] = ["get_appointment", "list_practitioners"];
const IDEMPOTENT: [&str; 2] = ["update_appointment", "delete_appointment"];
const CREATE: [&str; 3] = ["create_patient", "create_appointment", "resend_invitation"];

/// The default first delay. The jitter of the tests is always 1, so the delay is equal to its upper bound.
const FIRST_DELAY: Duration = Duration::from_millis(200);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);

/// A way in which the first attempt of a call fails.
struct FailureCase {
    name: &'static str,
    step: Behavior,
    /// How long the attempt takes.
    duration: Duration,
    /// Whether it is certain that the request was not applied.
    is_not_applied: bool,
    /// Whether a later attempt can succeed.
    is_transient: bool,
}

fn failure_cases() -> Vec<FailureCase> {
    let case = |name, step, duration, is_not_applied, is_transient| FailureCase {
        name,
        step,
        duration,
        is_not_applied,
        is_transient,
    };
    let status = |status: u16| Behavior::status(status);
    let at_once = Duration::ZERO;
    vec![
        case("not sent", Behavior::NotSent, at_once, true, true),
        case("connection lost", Behavior::Lost, at_once, false, true),
        case("timeout", Behavior::Silent, ATTEMPT_TIMEOUT, false, true),
        case("408", status(408), at_once, false, true),
        case("429", status(429), at_once, true, true),
        case("500", status(500), at_once, false, true),
        case("502", status(502), at_once, false, true),
        case("503", status(503), at_once, true, true),
        case("504", status(504), at_once, false, true),
        case("301", status(301), at_once, false, false),
        case("307", status(307), at_once, false, false),
        case("400", status(400), at_once, true, false),
        case("403", status(403), at_once, true, false),
        case("404", status(404), at_once, true, false),
        case("409", status(409), at_once, true, false),
        case("422", status(422), at_once, true, false),
        case("501", status(501), at_once, false, false),
    ]
}

impl FailureCase {
    /// Checks that the call was retried once and succeeded, or that it was not retried and failed.
    #[track_caller]
    fn check<T: Debug, E: Debug>(
        &self,
        service: &Service,
        operation: &str,
        result: &Result<T, E>,
        is_retried: bool,
    ) {
        assert_eq!(result.is_ok(), is_retried, "{operation} {}: {result:?}", self.name);
        let times = [Duration::ZERO, self.duration + FIRST_DELAY];
        let expected = if is_retried { &times[..] } else { &times[..1] };
        assert_eq!(service.times(operation), expected, "{operation} {}", self.name);
    }
}

#[tokio::test(start_paused = true)]
async fn retries_safe_and_idempotent_calls_after_transient_failures_only() {
    for operation in SAFE.into_iter().chain(IDEMPOTENT) {
        for case in failure_cases() {
            let service = Service::script([case.step.clone(), Behavior::success(operation)]);
            let result = call(&service.client(), operation).await;
            case.check(&service, operation, &result, case.is_transient);
            if let Err(error) = result {
                assert_eq!(error.attempts(), 1, "{operation} {}", case.name);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn retries_creations_only_if_the_request_was_not_applied() {
    for operation in CREATE {
        for case in failure_cases() {
            let service = Service::script([case.step.clone(), Behavior::success(operation)]);
            let result = call(&service.client(), operation).await;
            case.check(&service, operation, &result, case.is_not_applied && case.is_transient);
            if let Err(error) = result {
                let expected = !case.is_not_applied;
                assert_eq!(error.may_have_been_applied(), expected, "{operation} {}: {error}", case.name);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn retries_low_level_document_calls_by_their_retry_class() {
    use carium::api::{ClientCaredbExt as _, types};
    let document: types::NewDocumentReference = types::NewDocumentReference::builder()
        .attachment_content_type("application/pdf")
        .attachment_filename("example.pdf")
        .class_id(support::ID)
        .name("Example Document")
        .individual_id(support::ID)
        .organization_id(support::ORGANIZATION)
        .try_into()
        .unwrap();
    for case in failure_cases() {
        let service = Service::script([case.step.clone(), Behavior::success("process_upload")]);
        let result = service.client().api().process_upload().id(support::ID).send().await;
        case.check(&service, "process_upload", &result, case.is_transient);

        let service = Service::script([case.step.clone(), Behavior::success("create_document_reference")]);
        let data = types::CreateDocumentReferenceData::builder().attributes(document.clone());
        let client = service.client();
        let result = client.api().create_document_reference().body_map(|body| body.data(data)).send().await;
        let is_retried = case.is_transient && case.is_not_applied;
        case.check(&service, "create_document_reference", &result, is_retried);
    }
}

#[tokio::test(start_paused = true)]
async fn retries_sign_in_only_if_not_applied_and_never_sends_a_code_twice() {
    for case in failure_cases() {
        for has_code in [false, true] {
            let first_step = case.step.clone();
            let service = Service::new(move |request, earlier| match (request.operation, earlier) {
                ("login", 0) => first_step.clone(),
                ("login", _) => Behavior::token("token"),
                _ => Behavior::success(request.operation),
            });
            let mut credentials = carium::Credentials::new("username", "password").unwrap();
            if has_code {
                credentials = credentials.one_time_code(carium::OneTimeCode::single_use("123456"));
            }
            let client = service.builder().credentials(credentials).build().unwrap();
            let result = call(&client, "get_appointment").await;
            // If the request was not sent, the code was not used.
            let is_retried =
                case.is_transient && case.is_not_applied && (!has_code || case.name == "not sent");
            case.check(&service, "login", &result, is_retried);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn undecodable_success_responses_leave_the_outcome_unknown() {
    for operation in ["create_patient", "create_appointment"] {
        for body in
            [serde_json::json!("canary"), serde_json::json!({}), serde_json::json!({"data": {"id": 7}})]
        {
            let service = Service::script([Behavior::body(body)]);
            let error = call(&service.client(), operation).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Undecodable);
            assert!(error.may_have_been_applied(), "{error}");
            assert_eq!(service.count(operation), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn delays_double_up_to_the_maximum_and_attempts_are_limited() {
    let policy = RetryPolicy::default().backoff(Duration::from_secs(1), Duration::from_secs(3));
    let service = Service::script([Behavior::status(503)]);
    let client = service.builder().retry_policy(policy.max_attempts(5)).build().unwrap();
    let error = call(&client, "get_appointment").await.unwrap_err();
    assert_eq!(service.times("get_appointment"), [0, 1, 3, 6, 9].map(Duration::from_secs));
    assert_eq!((error.kind(), error.attempts(), error.status()), (ErrorKind::Unavailable, 5, Some(503)));
    assert!(!error.may_have_been_applied());
}

#[tokio::test(start_paused = true)]
async fn jitter_ranges_from_zero_to_the_delay_bound() {
    for (random, expected) in [(0.0, 0), (0.5, 100), (1.0, 200)] {
        let service = Service::script([Behavior::status(503), Behavior::success("get_appointment")]);
        let client = service.builder().random(move || random).build().unwrap();
        call(&client, "get_appointment").await.unwrap();
        assert_eq!(service.times("get_appointment")[1], Duration::from_millis(expected));
    }
}

/// Checks that a call whose first attempt gets this response is retried 7 seconds after it.
async fn assert_retried_after_7_s(operation: &'static str, response: Behavior) {
    let service = Service::script([response, Behavior::success(operation)]);
    call(&service.client(), operation).await.unwrap();
    assert_eq!(service.times(operation), [0, 7].map(Duration::from_secs), "{operation}");
}

#[tokio::test(start_paused = true)]
async fn waits_for_retry_after_within_the_call_timeout_and_reports_it_otherwise() {
    let (now, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:44 GMT");
    let response = |status: u16| Behavior::status(status).with_header("date", now);
    for (status, retry_after) in [(429, "7"), (503, "7"), (429, later)] {
        // A creation is retried too, because these statuses mean that it was not applied.
        assert_retried_after_7_s("create_patient", response(status).with_header("retry-after", retry_after))
            .await;
    }
    for status in [408, 429, 500, 502, 503, 504] {
        assert_retried_after_7_s("get_appointment", response(status).with_header("retry-after", "7")).await;
    }
    let service = Service::script([response(429).with_header("retry-after", "61")]);
    let error = call(&service.client(), "get_appointment").await.unwrap_err();
    assert_eq!(service.count("get_appointment"), 1);
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(61)));
}

#[tokio::test(start_paused = true)]
async fn status_404_counts_as_success_for_deletions_that_may_have_been_applied_only() {
    for first in [Behavior::Lost, Behavior::status(500), Behavior::status(503)] {
        let service = Service::script([first, Behavior::status(404)]);
        call(&service.client(), "delete_appointment").await.unwrap();
    }
    for first in [Behavior::status(404), Behavior::NotSent, Behavior::status(429)] {
        let service = Service::script([first, Behavior::status(404)]);
        let error = call(&service.client(), "delete_appointment").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    let service = Service::script([Behavior::Lost, Behavior::status(404)]);
    let error = call(&service.client(), "update_appointment").await.unwrap_err();
    assert!(error.may_have_been_applied(), "the first attempt may have been applied: {error}");
}

#[tokio::test(start_paused = true)]
async fn calls_end_at_the_call_timeout() {
    for operation in ["get_appointment", "create_patient"] {
        let service = Service::script([Behavior::Silent]);
        let client = service.builder().call_timeout(Duration::from_secs(9)).build().unwrap();
        let start = tokio::time::Instant::now();
        let error = call(&client, operation).await.unwrap_err();
        assert_eq!(start.elapsed(), Duration::from_secs(9));
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(error.may_have_been_applied(), operation == "create_patient");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_time_out_before_sending_have_a_known_outcome() {
    let service = Service::script([Behavior::Silent]);
    let client = service.builder().max_concurrency(4).call_timeout(Duration::from_secs(10)).build().unwrap();
    let mut unknown_count = 0;
    for result in call_from_tasks(&client, "create_patient", 100).await {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        unknown_count += usize::from(error.may_have_been_applied());
    }
    assert_eq!((unknown_count, service.count("create_patient")), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn unknown_outcome_of_an_attempt_survives_later_attempts_except_for_reads() {
    for first in [Behavior::Lost, Behavior::status(500), Behavior::status(504), Behavior::Silent] {
        let service = Service::script([first, Behavior::status(422)]);
        let error = call(&service.client(), "update_appointment").await.unwrap_err();
        assert!(error.may_have_been_applied(), "{error:?}");
    }
    for last in [Behavior::Lost, Behavior::status(500), Behavior::Silent] {
        let service = Service::script([last]);
        let error = call(&service.client(), "get_appointment").await.unwrap_err();
        assert!(!error.may_have_been_applied(), "{error:?}");
    }
    // A failed sign-in does not hide the unknown outcome of an earlier attempt.
    let service = Service::new(|request, earlier| match (request.operation, earlier) {
        ("login", 0) => Behavior::token("token"),
        ("update_appointment", 0) => Behavior::Lost,
        _ => Behavior::status(401),
    });
    let error = call(&service.client(), "update_appointment").await.unwrap_err();
    assert_eq!((error.operation(), error.may_have_been_applied()), (Some("login"), true));
}

#[tokio::test(start_paused = true)]
async fn extreme_settings_do_not_overflow() {
    let service = Service::script([Behavior::status(503), Behavior::success("get_appointment")]);
    let policy = RetryPolicy::default().backoff(Duration::MAX, Duration::MAX);
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
    let step = Behavior::status(503).with_header("retry-after", "99999999999");
    let service = Service::script([step]);
    let error = call(&service.client(), "get_appointment").await.unwrap_err();
    assert_eq!(error.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn retries_with_retry_after_do_not_use_the_budget() {
    let service = Service::new(|request, earlier| match (request.operation, earlier % 2) {
        ("login", _) => Behavior::token("token"),
        (_, 0) => Behavior::status(429).with_header("retry-after", "1"),
        _ => Behavior::success(request.operation),
    });
    let client = service.client();
    for _ in 0..1_000 {
        call(&client, "get_appointment").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn all_calls_of_a_client_share_one_retry_budget() {
    let failures = std::iter::repeat_n(Behavior::status(503), 300);
    let successes = std::iter::repeat_n(Behavior::success("get_appointment"), 5);
    let service = Service::script(failures.chain(successes).chain([Behavior::status(503)]));
    let client = service.client();
    for _ in 0..200 {
        call(&client, "get_appointment").await.unwrap_err();
    }
    // 200 first attempts and the 100 retries that the budget allows.
    assert_eq!(service.count("get_appointment"), 300);
    for _ in 0..5 {
        call(&client, "get_appointment").await.unwrap();
    }
    // Five successes pay for one retry.
    for _ in 0..2 {
        call(&client, "get_appointment").await.unwrap_err();
    }
    assert_eq!(service.count("get_appointment"), 308);
}

#[tokio::test(start_paused = true)]
async fn calls_that_succeed_after_retries_use_no_budget() {
    let service = Service::new(|request, earlier| match request.operation {
        "login" => Behavior::token("token"),
        operation if earlier % 3 == 2 => Behavior::success(operation),
        _ => Behavior::status(503),
    });
    let client = service.client();
    for _ in 0..100 {
        call(&client, "get_appointment").await.unwrap();
    }
    assert_eq!(service.count("get_appointment"), 300);
}

#[tokio::test(start_paused = true)]
async fn a_policy_without_retries_allows_one_attempt() {
    let service = Service::script([Behavior::status(503)]);
    let client = service.builder().retry_policy(RetryPolicy::never()).build().unwrap();
    call(&client, "get_appointment").await.unwrap_err();
    assert_eq!(service.count("get_appointment"), 1);
}

#[tokio::test(start_paused = true)]
async fn limits_the_number_of_concurrent_requests() {
    let service = Service::script([Behavior::Silent]);
    let client = service
        .builder()
        .max_concurrency(3)
        .retry_policy(RetryPolicy::never())
        .call_timeout(Duration::from_secs(59))
        .build()
        .unwrap();
    let count_requests = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        for expected in [3, 6, 9] {
            assert_eq!(service.count("get_appointment"), expected);
            tokio::time::sleep(ATTEMPT_TIMEOUT).await;
        }
    };
    let (results, ()) = tokio::join!(call_from_tasks(&client, "get_appointment", 10), count_requests);
    for result in results {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::TimedOut);
    }
}
