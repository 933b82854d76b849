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

/// A running PgBouncer, which is ended on drop.
#[cfg(feature = "postgres")]
struct Pooler(std::process::Child);

#[cfg(feature = "postgres")]
impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn pooler_in_transaction_mode() {
    use std::process::{Command, Stdio};

    if Command::new("pgbouncer").arg("--version").output().is_err() {
        println!("skipped: `pgbouncer` is not installed");
        return;
    }
    let Some(fixture) = support::QueueFixture::postgres() else { return };
    let QueueLocation::Postgres(url) = &fixture.location else { panic!("the queue is not on a server") };
    let pool = sqlx::PgPool::connect(url).await.unwrap();
    let sql = "SELECT current_database(), current_user::text, current_setting('port')";
    let (name, user, port): (String, String, String) = sqlx::query_as(sql).fetch_one(&pool).await.unwrap();
    for (mode, expected) in [("session", None), ("transaction", Some("does not keep sessions"))] {
        let pooler_port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let users = folder.path().join("users.txt");
        std::fs::write(&users, format!("\"{user}\" \"\"\n")).unwrap();
        let settings = format!(
            "[databases]\n{name} = host=127.0.0.1 port={port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {pooler_port}\nauth_type = trust\nauth_file = {}\npool_mode = {mode}\n\
             unix_socket_dir =\nignore_startup_parameters = extra_float_digits,options\n",
            users.display()
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        let mut command = Command::new("pgbouncer");
        #[cfg(unix)]
        if std::os::unix::fs::MetadataExt::uid(&folder.path().metadata().unwrap()) == 0 {
            // It does not run as root.
            let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(folder.path(), readable).unwrap();
            command.args(["-u", "postgres"]);
        }
        let _pooler = Pooler(command.arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        while tokio::net::TcpStream::connect(("127.0.0.1", pooler_port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let location = QueueLocation::Postgres(format!("postgres://{user}@127.0.0.1:{pooler_port}/{name}"));
        let (target, key) = (carium_bulk::Target::sandbox(None), carium_bulk::EncryptionKey::from([1; 32]));
        let opened = OnboardingQueue::open_encrypted(&location, target, &key).await;
        match expected {
            None => opened.unwrap().close().await,
            Some(message) => {
                let error = opened.unwrap_err();
                assert!(error.to_string().contains(message), "{error}");
            }
        }
    }
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

/// A program that is killed during its first transaction leaves a journal, which only a connection that can write may use.
#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn queue_whose_creation_was_interrupted_is_opened() {
    use sqlx::Executor as _;
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

    let folder = tempfile::tempdir().unwrap();
    let (original, copy) = (folder.path().join("original.db"), folder.path().join("copy.db"));
    let options = SqliteConnectOptions::new().filename(&original).create_if_missing(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    // With so small a cache, SQLite writes to the file before the end of the transaction.
    pool.execute("PRAGMA cache_size = 1").await.unwrap();
    pool.execute("BEGIN").await.unwrap();
    pool.execute("CREATE TABLE carium_queue (text TEXT)").await.unwrap();
    for _ in 0..100 {
        pool.execute("INSERT INTO carium_queue VALUES (hex(randomblob(2000)))").await.unwrap();
    }
    std::fs::copy(&original, &copy).unwrap();
    std::fs::copy(folder.path().join("original.db-journal"), folder.path().join("copy.db-journal")).unwrap();
    pool.close().await;
    let target = carium_bulk::Target::sandbox(None);
    OnboardingQueue::open(&QueueLocation::Sqlite(copy), target).await.unwrap().close().await;
}
