//! Runs one seed: starts the program again until it is done, lets the events happen, and balances the books.

use std::collections::BTreeMap;
use std::fmt;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::balance::Balance;
use crate::clinic::{Clinic, send_signal};
use crate::plan::{Event, Plan};
use crate::postgres::PostgresServer;
use crate::proxy::{Action, Counts};

/// The longest time that a seed may take.
const TIME_LIMIT: Duration = Duration::from_mins(6);

/// What happened in the run of a seed.
pub(crate) struct SeedReport {
    plan: Plan,
    rows: usize,
    has_server: bool,
    counts: Counts,
    events: BTreeMap<&'static str, u64>,
    starts: u64,
    /// The balance when the program was done, and the one after a person had resolved what was unknown.
    balance: Balance,
    resolved: Balance,
    /// Why the run did not end.
    stuck: Option<String>,
}

impl SeedReport {
    pub(crate) fn is_ok(&self) -> bool {
        let is_settled = self.resolved.unknown == 0;
        self.stuck.is_none() && self.balance.is_even() && self.resolved.is_even() && is_settled
    }
}

impl fmt::Display for SeedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, rows, has_server, counts, balance, resolved, stuck, .. } = self;
        writeln!(f, "{plan}\n  {rows} rows, {} requests, faults: {:?}", counts.total, counts.faults)?;
        writeln!(f, "  balance: {balance:#?}\n  after resolving: {resolved:#?}")?;
        if let Some(stuck) = stuck {
            writeln!(f, "  {stuck}")?;
        }
        let option = if *has_server { " --postgres" } else { "" };
        write!(f, "  again: cargo xtask chaos --seed {} --rows {rows}{option}", plan.seed)
    }
}

/// Runs a seed.
pub(crate) async fn run_seed(seed: u64, rows: usize, server: Option<PostgresServer>) -> SeedReport {
    let plan = Plan::new(seed, rows, server.is_some());
    let mut clinic = Clinic::start(rows, server).await;
    let faults = plan.clone();
    clinic.proxy.set_hook(move |call| faults.fault(call).map_or(Action::Pass, Action::Fail));
    let mut run =
        Run { events: plan.events.clone(), happened: BTreeMap::new(), processes: Vec::new(), starts: 0 };
    let stuck = run.until_done(&mut clinic, &plan).await.err();
    let counts = clinic.proxy.counts();
    clinic.proxy.set_hook(|_| Action::Pass);
    let mut report = SeedReport {
        plan,
        rows,
        has_server: clinic.server.is_some(),
        counts,
        events: std::mem::take(&mut run.happened),
        starts: run.starts,
        balance: Balance::default(),
        resolved: Balance::default(),
        stuck,
    };
    if report.stuck.is_none() {
        report.balance = clinic.balance().await;
        clinic.complete().await;
        report.resolved = clinic.balance().await;
    }
    report
}

/// The processes of a run, and the events that are left.
struct Run {
    events: Vec<(u64, Event)>,
    happened: BTreeMap<&'static str, u64>,
    processes: Vec<Option<Child>>,
    starts: u64,
}

impl Run {
    /// Starts the processes again until all have ended and every row is settled.
    async fn until_done(&mut self, clinic: &mut Clinic, plan: &Plan) -> Result<(), String> {
        let started = Instant::now();
        let concurrency = plan.concurrency.to_string();
        let options = ["--concurrency", &concurrency];
        let mut is_settled = false;
        self.processes.resize_with(plan.workers, || None);
        while !is_settled {
            let commands = (0..plan.workers)
                .map(|worker| if worker == 0 { clinic.onboard(&options) } else { clinic.worker(&options) });
            for (process, command) in self.processes.iter_mut().zip(commands.collect::<Vec<_>>()) {
                // A worker needs the queue that the first process creates.
                if process.is_none() {
                    *process = Some(clinic.spawn(&command));
                    self.starts += 1;
                }
            }
            sleep(Duration::from_millis(5)).await;
            self.let_events_happen(clinic).await;
            if let Some(status) = ended(&mut self.processes[0]) {
                is_settled = matches!(status.code(), Some(0 | 7));
                if !is_settled && ![None, Some(1), Some(5), Some(6), Some(8)].contains(&status.code()) {
                    return Err(format!("the program ended with {status}:\n{}", clinic.messages()));
                }
            }
            for process in &mut self.processes[1..] {
                // Without a queue, a worker fails and is started again. 101 is the code of a panic.
                if ended(process).is_some_and(|status| status.code() == Some(101)) {
                    return Err(format!("a worker panicked:\n{}", clinic.messages()));
                }
            }
            if started.elapsed() > TIME_LIMIT {
                self.stop();
                return Err(format!("the program was not done after {TIME_LIMIT:?}:\n{}", clinic.messages()));
            }
        }
        // The others end when no row is pending.
        let deadline = Instant::now() + Duration::from_mins(1);
        while self.processes.iter_mut().any(|process| process.is_some() && ended(process).is_none()) {
            if Instant::now() > deadline {
                self.stop();
                return Err(format!("a worker did not end:\n{}", clinic.messages()));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn let_events_happen(&mut self, clinic: &mut Clinic) {
        while let Some((_, event)) = self.events.first().filter(|(at, _)| *at <= clinic.proxy.counts().total)
        {
            let event = *event;
            self.events.remove(0);
            *self.happened.entry(event.name()).or_default() += 1;
            match event {
                Event::Kill => {
                    let index = clinic.proxy.counts().total as usize % self.processes.len();
                    if let Some(mut process) = self.processes[index].take() {
                        let _ = process.kill();
                        let _ = process.wait();
                    }
                }
                Event::Down(duration) => {
                    clinic.proxy.set_down(true);
                    sleep(duration).await;
                    clinic.proxy.set_down(false);
                }
                Event::DiskFull(duration) => {
                    self.limit_files("1");
                    sleep(duration).await;
                    self.limit_files("unlimited");
                }
                Event::DatabaseRestart => {
                    let mut server = clinic.server.take().unwrap();
                    clinic.server = Some(
                        tokio::task::spawn_blocking(move || {
                            server.restart();
                            server
                        })
                        .await
                        .unwrap(),
                    );
                }
            }
        }
    }

    /// Limits the size of the files of all processes.
    fn limit_files(&self, bytes: &str) {
        for process in self.processes.iter().flatten() {
            let mut command = Command::new("prlimit");
            command.args(["--pid", &process.id().to_string(), &format!("--fsize={bytes}:")]);
            // The process may have ended already.
            let _ = command.stderr(std::process::Stdio::null()).status();
        }
    }

    fn stop(&mut self) {
        for mut process in self.processes.drain(..).flatten() {
            send_signal(process.id(), "KILL");
            let _ = process.wait();
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Takes a process that has ended, and returns its status.
fn ended(process: &mut Option<Child>) -> Option<ExitStatus> {
    let status = process.as_mut()?.try_wait().unwrap()?;
    *process = None;
    Some(status)
}

/// The closing table.
#[derive(Default)]
pub(crate) struct Totals {
    seeds: u64,
    failed_seeds: u64,
    rows: usize,
    requests: u64,
    connections: u64,
    starts: u64,
    faults: BTreeMap<String, u64>,
    events: BTreeMap<&'static str, u64>,
    unknown: usize,
    orphans: usize,
    duplicates: usize,
    lost: usize,
    unreported: usize,
    failed: usize,
}

impl Totals {
    pub(crate) fn add(&mut self, seed: SeedReport) {
        self.seeds += 1;
        self.failed_seeds += u64::from(!seed.is_ok());
        self.rows += seed.rows;
        self.requests += seed.counts.total;
        self.connections += seed.counts.connections;
        self.starts += seed.starts;
        for (fault, count) in seed.counts.faults {
            *self.faults.entry(format!("{fault:?}")).or_default() += count;
        }
        for (event, count) in seed.events {
            *self.events.entry(event).or_default() += count;
        }
        self.unknown += seed.balance.unknown;
        self.orphans += seed.resolved.orphans;
        for balance in [&seed.balance, &seed.resolved] {
            self.duplicates += balance.duplicates.len();
            self.lost += balance.lost.len();
            self.unreported += balance.unreported.len();
            self.failed += balance.failed.len();
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, count: u64| writeln!(f, "{name:<40}{count:>8}");
        line("seeds", self.seeds)?;
        line("seeds that failed", self.failed_seeds)?;
        line("rows", self.rows as u64)?;
        line("requests", self.requests)?;
        line("connections", self.connections)?;
        line("starts of the program", self.starts)?;
        for (event, count) in &self.events {
            line(&format!("event: {event}"), *count)?;
        }
        for (fault, count) in &self.faults {
            line(&format!("fault: {fault}"), *count)?;
        }
        line("outcomes that a person looked up", self.unknown as u64)?;
        line("orphans, all reported", self.orphans as u64)?;
        line("duplicates", self.duplicates as u64)?;
        line("lost", self.lost as u64)?;
        line("unreported", self.unreported as u64)?;
        line("failed without a reason", self.failed as u64)
    }
}
