//! The program is killed at every single request, before and after the service has applied it.

use futures_util::stream::{self, StreamExt as _};

use crate::CONCURRENT_RUNS;
use crate::clinic::Clinic;
use crate::postgres::PostgresServer;
use crate::report;

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
    if !clinic.run_and_kill(after_applying, move |call| call.total == request).await {
        return None;
    }
    let last = clinic.run_onboard().await;
    assert!([Some(0), Some(7)].contains(&last.code), "request {request}: {last:?}");
    let place = format!("killed at request {request}, after applying: {after_applying}");
    let balance = clinic.balance().await;
    assert!(balance.is_even(), "{place}: {balance:#?}");
    clinic.complete().await;
    let resolved = clinic.balance().await;
    assert!(resolved.is_even() && resolved.unknown == 0, "{place}: {resolved:#?}");
    Some(balance.unknown)
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
