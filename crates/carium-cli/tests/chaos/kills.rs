//! The program is killed at every single request, before and after the service has applied it, and after every single
//! write.

use futures_util::stream::{self, StreamExt as _};

use crate::CONCURRENT_RUNS;
use crate::clinic::Clinic;
use crate::postgres::PostgresServer;
use crate::report;
use crate::support::has_strace;

/// Kills the program at each request of a run in turn, and then lets it finish. Each kill has a new service and queue.
async fn kill_at_every_request(rows: usize, has_server: bool) {
    let points = (1..=most_requests(rows)).flat_map(|request| [(request, false), (request, true)]);
    let runs = stream::iter(points).map(|(request, after_applying)| async move {
        let server = if has_server { Some(PostgresServer::start()?) } else { None };
        Some(kill_at(rows, server, request, after_applying).await)
    });
    let runs: Vec<_> = runs.buffer_unordered(CONCURRENT_RUNS).collect().await;
    let Some(runs) = runs.into_iter().collect::<Option<Vec<_>>>() else { return };
    let (unknown, kills): (usize, usize) =
        runs.iter().flatten().fold((0, 0), |(unknown, kills), new| (unknown + new, kills + 1));
    report(&format!("{rows} rows, killed at each of {kills} points, {unknown} unknown outcomes"));
    assert!(kills > 2 * 7 * rows, "{kills}");
    assert!(runs.len() > kills, "a run has more requests than are tested: {kills}");
}

/// More requests than a run of this number of rows has.
fn most_requests(rows: usize) -> u64 {
    10 + 12 * rows as u64
}

/// Kills the program at a request, and lets it finish. Returns the number of unknown outcomes, or `None` if there are
/// fewer requests.
async fn kill_at(
    rows: usize,
    server: Option<PostgresServer>,
    request: u64,
    after_applying: bool,
) -> Option<usize> {
    let clinic = Clinic::start(rows, server).await;
    let is_killed = clinic.run_and_kill(after_applying, move |call| call.total == request).await;
    let point = format!("killed at request {request}, after applying: {after_applying}");
    if is_killed { Some(finish(&clinic, &point).await) } else { None }
}

/// Kills the program after each system call with one of these names, or after one in `step` of them, until a run has no
/// more of them. Lets the program finish after each kill. Returns the number of kills, or `None` if the kills cannot be
/// tested. Needs a thread for each concurrent run, because a run blocks its thread while its server starts, and the others
/// must notice in time that their program is to be killed.
async fn kill_after_every(
    system_calls: &'static str,
    rows: usize,
    has_server: bool,
    step: usize,
) -> Option<usize> {
    if !has_strace() {
        return None;
    }
    let mut numbers = (1..).step_by(step);
    let mut unknown = Vec::new();
    loop {
        let runs = numbers.by_ref().take(CONCURRENT_RUNS);
        let runs = runs.map(|number| tokio::spawn(kill_after(system_calls, number, rows, has_server)));
        let runs: Vec<_> = runs.collect();
        let mut is_end = false;
        for run in runs {
            match run.await.unwrap()? {
                Some(unknown_of_run) => unknown.push(unknown_of_run),
                None => is_end = true,
            }
        }
        if is_end {
            break;
        }
    }
    let (kills, unknown) = (unknown.len(), unknown.iter().sum::<usize>());
    report(&format!("{rows} rows, killed after each of {kills} {system_calls}, {unknown} unknown outcomes"));
    Some(kills)
}

/// Kills the program after a system call, and lets it finish. Returns the number of unknown outcomes, `Some(None)` if there
/// are fewer calls, or `None` if the kill cannot be tested.
async fn kill_after(
    system_calls: &str,
    number: usize,
    rows: usize,
    has_server: bool,
) -> Option<Option<usize>> {
    let point = format!("killed after call {number} of {system_calls}");
    for _ in 0..10 {
        let server = if has_server { Some(PostgresServer::start()?) } else { None };
        let clinic = Clinic::start(rows, server).await;
        match clinic.run_and_kill_after(system_calls, number).await {
            Some(true) => return Some(Some(finish(&clinic, &point).await)),
            // The program ended before the signal.
            Some(false) => {}
            None => return Some(None),
        }
    }
    panic!("{point}: ended before the signal each time");
}

/// Lets the program finish after a kill, and balances the books. Returns the number of unknown outcomes.
async fn finish(clinic: &Clinic, point: &str) -> usize {
    let last = clinic.run_onboard().await;
    assert!([Some(0), Some(7)].contains(&last.code), "{point}: {last:?}");
    let balance = clinic.balance().await;
    assert!(balance.is_even(), "{point}: {balance:#?}");
    clinic.complete().await;
    let resolved = clinic.balance().await;
    assert!(resolved.is_even() && resolved.unknown == 0, "{point}: {resolved:#?}");
    balance.unknown
}

#[tokio::test(flavor = "multi_thread")]
async fn books_balance_after_a_kill_at_every_request() {
    kill_at_every_request(1, false).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; `cargo xtask ci --full` runs it"]
async fn books_balance_after_a_kill_at_every_request_of_three_rows() {
    kill_at_every_request(3, false).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; `cargo xtask ci --full` runs it"]
async fn books_balance_after_a_kill_at_every_request_with_postgres() {
    kill_at_every_request(2, true).await;
}

/// SQLite calls `fsync` for every transaction, so this is each point at which the queue's file has another state.
#[tokio::test(flavor = "multi_thread", worker_threads = 16)]
async fn books_balance_after_a_kill_at_writes() {
    let kills = kill_after_every(WRITES, 1, false, 5).await;
    assert!(kills.is_none_or(|kills| kills >= 5), "{kills:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 16)]
#[ignore = "takes minutes; `cargo xtask ci --full` runs it"]
async fn books_balance_after_a_kill_at_every_write_of_two_rows() {
    let kills = kill_after_every(WRITES, 2, false, 1).await;
    assert!(kills.is_none_or(|kills| kills > 30), "{kills:?}");
}

/// Whatever the program sends: to the service, to the object store, and to the database.
#[tokio::test(flavor = "multi_thread", worker_threads = 16)]
#[ignore = "takes minutes; `cargo xtask ci --full` runs it"]
async fn books_balance_after_a_kill_at_every_message_with_postgres() {
    let kills = kill_after_every("sendto,sendmsg,writev", 1, true, 1).await;
    assert!(kills.is_none_or(|kills| kills > 30), "{kills:?}");
}

/// The system calls that make a write durable.
const WRITES: &str = "fsync,fdatasync";
