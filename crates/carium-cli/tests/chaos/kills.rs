//! The program is killed at every single request, before and after the service has applied it.

use crate::clinic::Clinic;
use crate::postgres::PostgresServer;
use crate::report;

/// Kills the program at each request of a run in turn, and then lets it finish. Each kill has a new service and queue.
async fn kill_at_every_request(rows: usize, server: impl Fn() -> Option<Option<PostgresServer>>) {
    let mut kills = 0;
    let mut unknown = 0;
    for after_applying in [false, true] {
        for request in 1.. {
            let Some(server) = server() else { return };
            let clinic = Clinic::start(rows, server).await;
            if !clinic.run_and_kill(after_applying, move |call| call.total == request).await {
                break;
            }
            kills += 1;
            let last = clinic.run_onboard().await;
            assert!([Some(0), Some(7)].contains(&last.code), "request {request}: {last:?}");
            let place = format!("killed at request {request}, after applying: {after_applying}");
            let balance = clinic.balance().await;
            assert!(balance.is_even(), "{place}: {balance:#?}");
            unknown += balance.unknown;
            clinic.complete().await;
            let balance = clinic.balance().await;
            assert!(balance.is_even() && balance.unknown == 0, "{place}: {balance:#?}");
        }
    }
    report(&format!("{rows} rows, killed at each of {kills} points, {unknown} unknown outcomes"));
    assert!(kills > 2 * 7 * rows, "{kills}");
}

#[tokio::test(flavor = "multi_thread")]
async fn books_balance_after_a_kill_at_every_request() {
    kill_at_every_request(1, || Some(None)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; `cargo xtask ci --full` runs it"]
async fn books_balance_after_a_kill_at_every_request_of_three_rows() {
    kill_at_every_request(3, || Some(None)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; `cargo xtask ci --full` runs it"]
async fn books_balance_after_a_kill_at_every_request_with_postgres() {
    kill_at_every_request(2, || PostgresServer::start().map(Some)).await;
}
