//! Each kind of fault, before and after the operation is applied, in the fake and over HTTP.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use carium::documents::{DocumentReferenceId, UploadSource};
use carium::patients::{Gender, NewPatient};
use carium::{Carium, Error, ErrorKind, RetryPolicy};
use carium_api::operations;
use carium_mock::{FakeCarium, Fault, FaultPlan, FaultResponse, Sandbox};

fn patient(carium: &Carium, name: &str) -> NewPatient {
    let patient = carium.new_patient().first_name("James").last_name("Reece").birth_date("1980-07-04");
    patient.gender(Gender::Male).email(format!("{name}@example.com")).build().unwrap()
}

/// Returns the parts of an error that callers act on.
fn summary(error: &Error) -> (ErrorKind, Option<u16>, bool) {
    (error.kind(), error.status(), error.may_have_been_applied())
}

/// Returns the in-memory fake and that of a sandbox, each with a client that never retries and has a short timeout.
async fn fake_and_sandbox() -> (Sandbox, Vec<(FakeCarium, Carium)>) {
    let sandbox = Sandbox::start().await.unwrap();
    let fake = FakeCarium::new();
    let client_of = |fake: &FakeCarium| {
        let builder = fake
            .client_builder()
            .retry_policy(RetryPolicy::never())
            .attempt_timeout(Duration::from_millis(300));
        builder.build().unwrap()
    };
    let clients = [fake, sandbox.fake().clone()].map(|fake| (fake.clone(), client_of(&fake)));
    (sandbox, clients.into())
}

#[tokio::test]
async fn api_calls_fail_with_each_fault() {
    use ErrorKind::{Conflict, RateLimited, Rejected, TimedOut, Unavailable, Undecodable};
    let (_sandbox, clients) = fake_and_sandbox().await;
    let on = || Fault::on(&operations::CREATE_PATIENT);
    let page = FaultResponse::status(502).header("content-type", "text/html").body("<html>down</html>");
    // The fault, the error for the caller, and whether the patient is created.
    let cases = [
        (on().respond(503), Some((Unavailable, Some(503), false)), false),
        (
            on().respond(FaultResponse::status(429).header("retry-after", "1")),
            Some((RateLimited, Some(429), false)),
            false,
        ),
        (on().respond(page.clone()), Some((Unavailable, Some(502), true)), false),
        (on().respond(409), Some((Conflict, Some(409), false)), false),
        (on().respond(418), Some((Rejected, Some(418), false)), false),
        (on().after_applying().respond(page), Some((Unavailable, Some(502), true)), true),
        (on().after_applying().respond(200), Some((Undecodable, Some(200), true)), true),
        (on().reset(), Some((Unavailable, None, true)), false),
        (on().lose_response(), Some((Unavailable, None, true)), true),
        (on().truncate(), Some((Unavailable, None, true)), true),
        (on().corrupt(), Some((Undecodable, Some(201), true)), true),
        (on().hang(), Some((TimedOut, None, true)), false),
        (on().after_applying().hang(), Some((TimedOut, None, true)), true),
        (on().revoke_token(), None, true),
        (on().call(2).respond(503), None, true),
    ];
    for (number, (fault, expected, is_created)) in cases.into_iter().enumerate() {
        for (side, (fake, client)) in ["fake", "sandbox"].iter().zip(&clients) {
            let before = fake.patients().len();
            fake.set_faults([fault.clone()]);
            let new = patient(client, &format!("patient-{number}"));
            let result = client.patients().create(new).await;
            assert_eq!(result.as_ref().err().map(summary), expected, "{side}: {fault}");
            assert_eq!(fake.patients().len() - before, usize::from(is_created), "{side}: {fault}");
            assert_eq!(
                fake.unused_faults().is_empty(),
                !fault.to_string().contains("call 2"),
                "{side}: {fault}"
            );
            fake.clear_faults();
        }
    }
}

#[tokio::test]
async fn transfers_fail_with_each_fault() {
    use ErrorKind::{Corrupt, Expired, Forbidden, Rejected, Unavailable};
    let (sandbox, _) = fake_and_sandbox().await;
    let fakes = [FakeCarium::new(), sandbox.fake().clone()];
    let content = vec![7; 300_000];
    // The fault, the kind of error, and whether the file is stored.
    let uploads = [
        (Fault::on_upload().respond(503), Some(Unavailable), false),
        (Fault::on_upload().respond(403), Some(Forbidden), false),
        (Fault::on_upload().respond(413), Some(Rejected), false),
        (Fault::on_upload().after_applying().respond(500), Some(Unavailable), true),
        (Fault::on_upload().respond_early(503), Some(Unavailable), false),
        (Fault::on_upload().reset(), Some(Unavailable), false),
        (Fault::on_upload().reset_after(1000), Some(Unavailable), false),
        (Fault::on_upload().lose_response(), Some(Unavailable), true),
        (Fault::on_upload().expire(), Some(Expired), false),
        (Fault::on_upload().call(2).expire(), None, true),
    ];
    for (fault, expected, is_stored) in uploads {
        for (side, fake) in ["fake", "sandbox"].iter().zip(&fakes) {
            let (id, result) = post(fake, &fault, &content).await;
            assert_eq!(result.as_ref().err().map(Error::kind), expected, "{side}: {fault}");
            assert_eq!(fake.document_bytes(id).is_some(), is_stored, "{side}: {fault}");
        }
    }
    let downloads = [
        (Fault::on_download().respond(503), Some(Unavailable)),
        (Fault::on_download().reset(), Some(Unavailable)),
        (Fault::on_download().reset_after(1000), Some(Unavailable)),
        (Fault::on_download().truncate(), Some(Unavailable)),
        (Fault::on_download().expire(), Some(Expired)),
        (Fault::on_download().corrupt(), Some(Corrupt)),
        (Fault::on_download().replace_file(vec![8; 300_000]), Some(Corrupt)),
        (Fault::on_download().ignore_range(), None),
        (Fault::on_download().call(2).corrupt(), None),
    ];
    for (fault, expected) in downloads {
        for (side, fake) in ["fake", "sandbox"].iter().zip(&fakes) {
            let result = get(fake, &fault, &content).await;
            assert_eq!(result.err(), expected, "{side}: {fault}");
        }
    }
}

#[tokio::test]
async fn downloads_are_complete_if_the_fault_is_not_before_their_end() {
    let (sandbox, _) = fake_and_sandbox().await;
    for fake in [FakeCarium::new(), sandbox.fake().clone()] {
        for (content, fault, expected) in [
            (&b"four"[..], Fault::on_download().reset_after(3), Err(ErrorKind::Unavailable)),
            (b"four", Fault::on_download().reset_after(4), Ok(())),
            (b"four", Fault::on_download().reset_after(1000), Ok(())),
            (b"f", Fault::on_download().truncate(), Err(ErrorKind::Unavailable)),
            (b"", Fault::on_download().truncate(), Ok(())),
        ] {
            assert_eq!(get(&fake, &fault, content).await, expected, "{} bytes, {fault}", content.len());
        }
    }
}

#[tokio::test]
async fn ignore_range_returns_the_whole_file() {
    use futures_util::TryStreamExt as _;
    let (sandbox, _) = fake_and_sandbox().await;
    for fake in [FakeCarium::new(), sandbox.fake().clone()] {
        let source = UploadSource::bytes("four");
        let id = fake.client().uploads().upload(document(&fake), source).await.unwrap().id;
        let url = fake.client().documents().download_url(id).await.unwrap();
        fake.set_faults([Fault::on_download().call(2).ignore_range()]);
        for expected in [(1, "our"), (0, "four")] {
            let range = Some(carium::documents::ByteRange::starting_at(1));
            let response = fake.client().transfers().get(&url, range).await.unwrap();
            let start = response.start;
            let chunks: Vec<_> = response.body.try_collect().await.unwrap();
            assert_eq!((start, chunks.concat().as_slice()), (expected.0, expected.1.as_bytes()));
        }
    }
}

/// Creates a document and posts its file once.
async fn post(fake: &FakeCarium, fault: &Fault, content: &[u8]) -> (DocumentReferenceId, Result<(), Error>) {
    let created = fake.client().documents().create(document(fake)).await.unwrap();
    let (length, content) =
        (content.len() as u64, carium::documents::Content::Bytes(content.to_vec().into()));
    let file = carium::documents::FilePart::new("letter.pdf", "application/pdf", length, content);
    fake.set_faults([fault.clone()]);
    let result = fake.client().transfers().post(&created.form.unwrap(), file).await;
    (created.id, result)
}

/// Uploads a file and downloads it once.
async fn get(fake: &FakeCarium, fault: &Fault, content: &[u8]) -> Result<(), ErrorKind> {
    use futures_util::TryStreamExt as _;
    fake.clear_faults();
    let source = UploadSource::bytes(content.to_vec());
    let id = fake.client().uploads().upload(document(fake), source).await.unwrap().id;
    let url = fake.client().documents().download_url(id).await.unwrap();
    fake.set_faults([fault.clone()]);
    let response = fake.client().transfers().get(&url, None).await.map_err(|error| error.kind())?;
    assert_eq!(response.total, Some(content.len() as u64));
    let chunks: Vec<_> = response.body.try_collect().await.map_err(|error| error.kind())?;
    if chunks.concat() == content { Ok(()) } else { Err(ErrorKind::Corrupt) }
}

fn document(fake: &FakeCarium) -> carium::documents::NewDocument {
    let document = fake.client().new_document().patient(fake.add_individual());
    document.class(fake.document_class("Letter")).name("Letter").file_name("letter.pdf").build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn hanging_transfers_time_out() {
    let fake = FakeCarium::new();
    let on_upload = Fault::on_upload;
    for fault in [on_upload().hang(), on_upload().hang_after(1), on_upload().after_applying().hang()] {
        let (_, result) = post(&fake, &fault, b"x").await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::TimedOut);
    }
    for fault in [Fault::on_download().hang(), Fault::on_download().hang_after(1)] {
        assert_eq!(get(&fake, &fault, b"xy").await, Err(ErrorKind::TimedOut));
    }
}

#[tokio::test]
async fn first_matching_fault_is_injected() {
    let fake = FakeCarium::new();
    fake.set_faults([
        Fault::on(&operations::GET_APPOINTMENT).call(2).respond(403),
        Fault::on(&operations::GET_APPOINTMENT).calls(2..4).respond(400),
        Fault::on(&operations::GET_APPOINTMENT).calls(6..).respond(409),
        Fault::on(&operations::DELETE_APPOINTMENT).every_call().respond(401),
    ]);
    let unknown_id = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72".parse().unwrap();
    let mut statuses = Vec::new();
    for _ in 0..7 {
        let error = fake.client().appointments().get(unknown_id).await.unwrap_err();
        statuses.push(error.status().unwrap());
    }
    assert_eq!(statuses, [404, 403, 400, 404, 404, 409, 409]);
    let unused: Vec<_> = fake.unused_faults().iter().map(ToString::to_string).collect();
    assert_eq!(unused, ["delete_appointment, every call: respond 401"]);
    let calls: Vec<_> = fake.calls().iter().skip(1).map(|call| (call.status, call.fault_injected)).collect();
    assert_eq!(calls[..2], [(Some(404), false), (None, true)]);
}

#[test]
fn parses_plan_from_toml() {
    let plan: FaultPlan = r#"
        [[fault]]
        on = "create_patient"
        calls = "2-4"
        do = "respond"
        after-applying = true
        status = 503
        headers = { retry-after = "1" }
        body = "Service unavailable"

        [[fault]]
        on = "upload"
        do = "reset"
        bytes = 1000

        [[fault]]
        on = "download"
        calls = "every"
        do = "truncate"

        [[fault]]
        on = "login"
        calls = "3-"
        do = "lose-response"

        [random]
        seed = 7
        one-in = 3
    "#
    .parse()
    .unwrap();
    let response = FaultResponse::status(503).header("retry-after", "1").body("Service unavailable");
    let expected = FaultPlan::random(7)
        .one_in(3)
        .fault(Fault::on(&operations::CREATE_PATIENT).calls(2..=4).after_applying().respond(response))
        .fault(Fault::on_upload().reset_after(1000))
        .fault(Fault::on_download().every_call().truncate())
        .fault(Fault::on(&operations::LOGIN).calls(3..).lose_response());
    assert_eq!(plan, expected);
}

#[test]
fn reports_all_problems_of_a_plan() {
    let text = r#"[[fault]]
on = "create_patients"
calls = "0"
do = "respond"

[[fault]]
on = "upload"
do = "truncate"
bytes = 7

[[fault]]
on = "login"
do = "expire"
after-applying = true
status = 500

[[fault]]
on = "login"
do = "respond"
status = 1000
headers = { "a b" = "c" }
"#;
    let message = text.parse::<FaultPlan>().unwrap_err().to_string();
    for (line, expected) in [
        (1, "`on` must be one of login, resend_invitation, "),
        (1, "`calls` must have the form"),
        (1, "`respond` needs a `status`"),
        (6, "`truncate` and `corrupt` are not for `upload`"),
        (6, "`bytes` is only for `reset`"),
        (11, "`expire` is only for `upload`"),
        (11, "`after-applying` is only for"),
        (11, "are only for `do = \"respond\"`"),
        (17, "`status` must be between 200 and 999, but is 1000"),
        (17, "\"a b\" has an invalid name or value"),
    ] {
        let is_reported = message
            .lines()
            .any(|text| text.starts_with(&format!("  line {line}: ")) && text.contains(expected));
        assert!(is_reported, "{line}: {expected}\n{message}");
    }
    assert_eq!(message.lines().count(), 11, "{message}");
    for (text, line) in [("[[fault]]\non = 1\ndo = \"reset\"", 2), ("[[fault]]\n\nof = 1", 3), ("x", 1)] {
        let message = text.parse::<FaultPlan>().unwrap_err().to_string();
        assert!(message.contains(&format!("\n  line {line}: ")), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn random_faults_depend_only_on_the_seed() {
    let run = async |seed| {
        let fake = FakeCarium::new();
        fake.set_faults(FaultPlan::random(seed).one_in(3));
        let mut results = Vec::new();
        for number in 0..40 {
            let new = patient(fake.client(), &format!("patient-{number}"));
            let result = fake.client().patients().create(new).await;
            results.push(result.as_ref().err().map(summary));
        }
        (results, fake.calls())
    };
    let (first, again, other) = (run(1).await, run(1).await, run(2).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
    assert!(first.0.iter().any(Option::is_some) && first.0.iter().any(Option::is_none));
}

mod fuzz {
    use proptest::prelude::*;

    use super::*;

    const PLAN: &str = r#"
        [[fault]]
        on = "create_patient"
        calls = "2-4"
        do = "respond"
        status = 503
        headers = { retry-after = "1" }

        [[fault]]
        on = "upload"
        do = "reset"
        bytes = 1000

        [random]
        seed = 7
        one-in = 10
    "#;

    proptest! {
        #[test]
        fn any_text_is_a_fault_plan_or_an_error_with_lines(
            text in any::<String>(),
            edits in proptest::collection::vec(
                (any::<prop::sample::Index>(), 0_usize..20, prop_oneof![
                    "[a-z-]{0,6} ?= ?[0-9\"a-z-]{0,8}\n?",
                    "[\\[\\]{}=\"'\n,.#0-9-]{0,6}",
                    Just("18446744073709551615".to_owned()),
                    Just("\u{feff}\0é".to_owned()),
                ]),
                0..5,
            ),
        ) {
            prop_assert!(PLAN.parse::<FaultPlan>().is_ok());
            let mut plan = PLAN.to_owned();
            for (index, length, replacement) in &edits {
                let starts: Vec<_> = plan.char_indices().map(|(start, _)| start).chain([plan.len()]).collect();
                let start = index.index(starts.len());
                let end = starts[(start + length).min(starts.len() - 1)];
                plan.replace_range(starts[start]..end, replacement);
            }
            for text in [&text, &plan] {
                if let Err(error) = text.parse::<FaultPlan>() {
                    prop_assert!(!error.to_string().is_empty());
                }
            }
        }
    }
}
