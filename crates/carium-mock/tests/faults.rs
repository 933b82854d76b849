//! One plan of faults, in the fake and behind HTTP: each kind of fault, before and after the work.

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

/// What a caller sees of an error.
fn seen(error: &Error) -> (ErrorKind, Option<u16>, bool) {
    (error.kind(), error.status(), error.may_have_been_applied())
}

/// A client that repeats nothing and does not wait long, of both; the second is over HTTP.
async fn both() -> (Sandbox, Vec<(FakeCarium, Carium)>) {
    let sandbox = Sandbox::start().await.unwrap();
    let fake = FakeCarium::new();
    let once = |fake: &FakeCarium| {
        let builder = fake
            .client_builder()
            .retry_policy(RetryPolicy::never())
            .attempt_timeout(Duration::from_millis(300));
        builder.build().unwrap()
    };
    let clients = [fake, sandbox.fake().clone()].map(|fake| (fake.clone(), once(&fake)));
    (sandbox, clients.into())
}

#[tokio::test]
async fn a_call_of_the_api_meets_each_fault() {
    use ErrorKind::{Conflict, RateLimited, Rejected, TimedOut, Unavailable, Undecodable};
    let (_sandbox, clients) = both().await;
    let on = || Fault::on(&operations::CREATE_PATIENT);
    let page = FaultResponse::status(502).header("content-type", "text/html").body("<html>down</html>");
    // The fault, what the caller sees of it, and whether the patient is there.
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
        (on().silence(), Some((TimedOut, None, true)), false),
        (on().after_applying().silence(), Some((TimedOut, None, true)), true),
        (on().revoke_token(), None, true),
        (on().call(2).respond(503), None, true),
    ];
    for (number, (fault, expected, is_there)) in cases.into_iter().enumerate() {
        for (place, (fake, client)) in ["fake", "wire"].iter().zip(&clients) {
            let before = fake.patients().len();
            fake.set_faults([fault.clone()]);
            let new = patient(client, &format!("patient-{number}"));
            let result = client.patients().create(new).await;
            assert_eq!(result.as_ref().err().map(seen), expected, "{place}: {fault}");
            assert_eq!(fake.patients().len() - before, usize::from(is_there), "{place}: {fault}");
            assert_eq!(
                fake.unused_faults().is_empty(),
                !fault.to_string().contains("call 2"),
                "{place}: {fault}"
            );
            fake.clear_faults();
        }
    }
}

#[tokio::test]
async fn a_transfer_meets_each_fault() {
    use ErrorKind::{Corrupt, Expired, Forbidden, Rejected, Unavailable};
    let (sandbox, _) = both().await;
    let fakes = [FakeCarium::new(), sandbox.fake().clone()];
    let content = vec![7; 300_000];
    // The kind, and whether the file is there.
    let uploads = [
        (Fault::on_upload().respond(503), Some(Unavailable), false),
        (Fault::on_upload().respond(403), Some(Forbidden), false),
        (Fault::on_upload().respond(413), Some(Rejected), false),
        (Fault::on_upload().after_applying().respond(500), Some(Unavailable), true),
        (Fault::on_upload().reset(), Some(Unavailable), false),
        (Fault::on_upload().reset_after(1000), Some(Unavailable), false),
        (Fault::on_upload().lose_response(), Some(Unavailable), true),
        (Fault::on_upload().expire(), Some(Expired), false),
        (Fault::on_upload().call(2).expire(), None, true),
    ];
    for (fault, expected, is_there) in uploads {
        for (place, fake) in ["fake", "wire"].iter().zip(&fakes) {
            let (id, result) = post(fake, &fault, &content).await;
            assert_eq!(result.as_ref().err().map(Error::kind), expected, "{place}: {fault}");
            assert_eq!(fake.document_bytes(id).is_some(), is_there, "{place}: {fault}");
        }
    }
    let downloads = [
        (Fault::on_download().respond(503), Some(Unavailable)),
        (Fault::on_download().reset(), Some(Unavailable)),
        (Fault::on_download().reset_after(1000), Some(Unavailable)),
        (Fault::on_download().truncate(), Some(Unavailable)),
        (Fault::on_download().expire(), Some(Expired)),
        (Fault::on_download().corrupt(), Some(Corrupt)),
        (Fault::on_download().call(2).corrupt(), None),
    ];
    for (fault, expected) in downloads {
        for (place, fake) in ["fake", "wire"].iter().zip(&fakes) {
            let result = get(fake, &fault, &content).await;
            assert_eq!(result.err(), expected, "{place}: {fault}");
        }
    }
}

#[tokio::test]
async fn a_download_is_cut_before_its_end_or_comes_whole() {
    let (sandbox, _) = both().await;
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

/// A document whose file is posted once.
async fn post(fake: &FakeCarium, fault: &Fault, content: &[u8]) -> (DocumentReferenceId, Result<(), Error>) {
    let announced = carium::Documents::create(fake, document(fake)).await.unwrap();
    let (length, content) =
        (content.len() as u64, carium::documents::Content::Bytes(content.to_vec().into()));
    let file = carium::documents::FilePart::new("letter.pdf", "application/pdf", length, content);
    fake.set_faults([fault.clone()]);
    let result = fake.client().transfers().post(&announced.form.unwrap(), file).await;
    (announced.id, result)
}

/// A file that is read once.
async fn get(fake: &FakeCarium, fault: &Fault, content: &[u8]) -> Result<(), ErrorKind> {
    use futures_util::TryStreamExt as _;
    fake.clear_faults();
    let source = UploadSource::bytes(content.to_vec());
    let id = fake.client().uploads().upload(document(fake), source).await.unwrap().id;
    let url = carium::Documents::download_info(fake, id).await.unwrap();
    fake.set_faults([fault.clone()]);
    let incoming = fake.client().transfers().get(&url, None).await.map_err(|error| error.kind())?;
    assert_eq!(incoming.total, Some(content.len() as u64));
    let read: Vec<_> = incoming.body.try_collect().await.map_err(|error| error.kind())?;
    if read.concat() == content { Ok(()) } else { Err(ErrorKind::Corrupt) }
}

fn document(fake: &FakeCarium) -> carium::documents::NewDocument {
    let document = fake.client().new_document().patient(fake.new_individual());
    document.class(fake.document_class("Letter")).name("Letter").file_name("letter.pdf").build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn silence_of_the_store_ends() {
    let fake = FakeCarium::new();
    for fault in [Fault::on_upload().silence(), Fault::on_upload().after_applying().silence()] {
        let (_, result) = post(&fake, &fault, b"x").await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::TimedOut);
    }
    assert_eq!(get(&fake, &Fault::on_download().silence(), b"x").await, Err(ErrorKind::TimedOut));
}

#[tokio::test]
async fn calls_are_counted_and_rules_come_in_order() {
    let fake = FakeCarium::new();
    fake.set_faults([
        Fault::on(&operations::GET_APPOINTMENT).call(2).respond(403),
        Fault::on(&operations::GET_APPOINTMENT).calls(2..4).respond(400),
        Fault::on(&operations::GET_APPOINTMENT).calls(6..).respond(409),
        Fault::on(&operations::DELETE_APPOINTMENT).every_call().respond(401),
    ]);
    let nothing = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72".parse().unwrap();
    let mut statuses = Vec::new();
    for _ in 0..7 {
        let error = carium::Appointments::get(&fake, nothing).await.unwrap_err();
        statuses.push(error.status().unwrap());
    }
    assert_eq!(statuses, [404, 403, 400, 404, 404, 409, 409]);
    let unmet: Vec<_> = fake.unused_faults().iter().map(ToString::to_string).collect();
    assert_eq!(unmet, ["delete_appointment, every call: answer 401"]);
    let answered: Vec<_> =
        fake.calls().iter().skip(1).map(|call| (call.status, call.fault_injected)).collect();
    assert_eq!(answered[..2], [(Some(404), false), (None, true)]);
}

#[test]
fn a_plan_is_read_from_toml() {
    let plan: FaultPlan = r#"
        [[fault]]
        on = "create_patient"
        calls = "2-4"
        do = "answer"
        after-the-work = true
        status = 503
        headers = { retry-after = "1" }
        body = "Please come again."

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
        do = "lose-answer"

        [random]
        seed = 7
        one-in = 3
    "#
    .parse()
    .unwrap();
    let reply = FaultResponse::status(503).header("retry-after", "1").body("Please come again.");
    let expected = FaultPlan::random(7)
        .one_in(3)
        .with(Fault::on(&operations::CREATE_PATIENT).calls(2..=4).after_applying().respond(reply))
        .with(Fault::on_upload().reset_after(1000))
        .with(Fault::on_download().every_call().truncate())
        .with(Fault::on(&operations::LOGIN).calls(3..).lose_response());
    assert_eq!(plan, expected);
}

#[test]
fn all_that_is_wrong_with_a_plan_is_said_at_once() {
    let text = r#"[[fault]]
on = "create_patients"
calls = "0"
do = "answer"

[[fault]]
on = "upload"
do = "truncate"
bytes = 7

[[fault]]
on = "login"
do = "expire"
after-the-work = true
status = 500

[[fault]]
on = "login"
do = "answer"
status = 1000
headers = { "a b" = "c" }
"#;
    let message = text.parse::<FaultPlan>().unwrap_err().to_string();
    for (line, expected) in [
        (1, "names no operation; there are login, resend_invitation, create_patient"),
        (1, "`calls` is none of"),
        (1, "`answer` needs a `status`"),
        (6, "no body that could be truncated"),
        (6, "`bytes` is for `reset`"),
        (11, "`expire` is for `upload`"),
        (11, "`after-the-work` is for"),
        (11, "are for `do = \"answer\"`"),
        (17, "`status` is 1000"),
        (17, "\"a b\" cannot be sent"),
    ] {
        let found = message
            .lines()
            .any(|each| each.starts_with(&format!("  line {line}: ")) && each.contains(expected));
        assert!(found, "{line}: {expected}\n{message}");
    }
    assert_eq!(message.lines().count(), 11, "{message}");
    for (text, line) in [("[[fault]]\non = 1\ndo = \"reset\"", 2), ("[[fault]]\n\nof = 1", 3), ("x", 1)] {
        let message = text.parse::<FaultPlan>().unwrap_err().to_string();
        assert!(message.contains(&format!("\n  line {line}: ")), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_random_plan_is_the_same_each_time_and_another_for_another_seed() {
    let run = async |seed| {
        let fake = FakeCarium::new();
        fake.set_faults(FaultPlan::random(seed).one_in(3));
        let mut results = Vec::new();
        for number in 0..40 {
            let new = patient(fake.client(), &format!("patient-{number}"));
            let result = carium::Patients::create(&fake, new).await;
            results.push(result.as_ref().err().map(seen));
        }
        (results, fake.calls())
    };
    let (first, again, other) = (run(1).await, run(1).await, run(2).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
    assert!(first.0.iter().any(Option::is_some) && first.0.iter().any(Option::is_none));
}
