//! Queues that cannot be opened: each cause is reported at once, in a sentence of its own, and without a password.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use carium::ErrorKind;
use carium_bulk::{OnboardingQueue, QueueLocation};

async fn assert_error(location: &str, kind: ErrorKind, message: &str) {
    let started = Instant::now();
    let error = OnboardingQueue::inspect(&QueueLocation::parse(location)).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(15), "{message}: {:?}", started.elapsed());
    assert_eq!(error.kind(), kind, "{message}: {error}");
    assert!(error.to_string().contains(message), "{message}: {error}");
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn servers_that_cannot_be_reached() {
    let refused = "postgres://u:canary@127.0.0.1:9/carium";
    assert_error(refused, ErrorKind::Unavailable, "refused the connection").await;
    let unknown = "postgres://u:canary@queue.invalid/carium";
    assert_error(unknown, ErrorKind::InvalidInput, "cannot be resolved").await;
    let socket = "postgres://u:canary@/carium?host=/nonexistent";
    assert_error(socket, ErrorKind::Unavailable, "socket of the queue's server does not exist").await;
    let keywords = "host=127.0.0.1 dbname=carium password=canary";
    assert_error(keywords, ErrorKind::InvalidInput, "list of keywords").await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn databases_of_a_server() {
    let Some(fixture) = support::QueueFixture::postgres() else { return };
    let QueueLocation::Postgres(url) = &fixture.location else { panic!("the queue is not on a server") };
    let pool = sqlx::PgPool::connect(url).await.unwrap();
    let (name, port): (String, String) =
        sqlx::query_as("SELECT current_database(), current_setting('port')").fetch_one(&pool).await.unwrap();
    let (base, _) = url.rsplit_once(&name).unwrap();
    let missing = format!("{base}canary_missing");
    assert_error(&missing, ErrorKind::InvalidInput, "does not exist on its server").await;
    let tls = format!("{url}{}sslmode=require", if url.contains('?') { "&" } else { "?" });
    assert_error(&tls, ErrorKind::InvalidInput, "no encrypted connection").await;
    let sql = "CREATE ROLE limited LOGIN PASSWORD 'canary'";
    sqlx::query(sql).execute(&pool).await.unwrap();
    let limited = QueueLocation::Postgres(format!("postgres://limited:canary@127.0.0.1:{port}/{name}"));
    let (target, key) = (carium_bulk::Target::sandbox(None), carium_bulk::EncryptionKey::from([1; 32]));
    let error = OnboardingQueue::open_encrypted(&limited, target, &key).await.unwrap_err();
    assert!(error.to_string().contains("may not create or use its tables"), "{error}");
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_queues() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "x".repeat(4096)).unwrap();
    let location = format!("file:{}", file.display());
    assert_error(&location, ErrorKind::InvalidInput, "is not a SQLite database").await;
    let missing = folder.path().join("missing.db");
    assert_error(missing.to_str().unwrap(), ErrorKind::NotFound, "no queue exists").await;
    assert!(!missing.exists());
}
