//! What happens in a run. All of it follows from the seed.

use std::fmt;
use std::time::Duration;

use crate::proxy::{Call, Fault};

/// The faults and events of one seed.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// The part of the requests that fail, in percent.
    pub(crate) percent: u64,
    pub(crate) concurrency: u64,
    /// The number of processes that work on the queue.
    pub(crate) workers: usize,
    /// Events, each with the number of the request at which it happens.
    pub(crate) events: Vec<(u64, Event)>,
}

/// An event that concerns a process, the service or the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// A process is killed with SIGKILL and started again.
    Kill,
    /// The service and its store cannot be reached for this long.
    Down(Duration),
    /// Files cannot grow for this long, as on a full disk.
    DiskFull(Duration),
    /// The database crashes and starts again.
    DatabaseRestart,
}

impl Event {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Down(_) => "service down",
            Self::DiskFull(_) => "disk full",
            Self::DatabaseRestart => "database restart",
        }
    }
}

impl Plan {
    /// Draws a plan for this number of rows.
    pub(crate) fn new(seed: u64, rows: usize, has_server: bool) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        // A row needs about seven requests, and sign-ins and lookups come first.
        let requests = 12 + 7 * rows as u64;
        let mut events = Vec::new();
        for _ in 0..random.u64(2..=5) {
            let event = match random.u8(0..8) {
                0..4 => Event::Kill,
                4 | 5 => Event::Down(Duration::from_millis(random.u64(200..2500))),
                6 if has_server => Event::DatabaseRestart,
                _ if has_server => Event::Kill,
                _ => Event::DiskFull(Duration::from_millis(random.u64(200..2500))),
            };
            events.push((random.u64(1..requests), event));
        }
        events.sort_unstable();
        let workers = if has_server { 2 } else { random.usize(1..=2) };
        Self { seed, percent: random.u64(3..25), concurrency: random.u64(1..=16), workers, events }
    }

    /// Returns the fault of a request. It depends on the request alone, because the order of concurrent requests
    /// differs between runs.
    pub(crate) fn fault(&self, call: &Call) -> Option<Fault> {
        let mut seed = self.seed ^ call.number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for byte in call.operation.bytes() {
            seed = (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let mut random = fastrand::Rng::with_seed(seed);
        if random.u64(0..100) >= self.percent {
            return None;
        }
        Some(match random.u8(0..17) {
            0 => Fault::ResetBefore,
            1 => Fault::ResponseLost,
            2 => Fault::RateLimited { retry_after: random.bool() },
            3 => Fault::HtmlUnavailable,
            4 => Fault::HtmlAfterApplying,
            5 => Fault::Truncated,
            6 if call.operation != "upload" => Fault::Mistyped,
            7 => Fault::NotJson,
            8 => Fault::SilenceBefore,
            9 => Fault::SilenceAfter,
            10 => Fault::Slow,
            11 if call.operation != "upload" => Fault::TokensRevoked,
            12 => Fault::Redirect,
            13 | 14 => Fault::IdleClosed,
            _ if call.operation == "upload" && random.bool() => Fault::FormExpired,
            _ if call.operation == "upload" => Fault::StoreUnavailable,
            _ => Fault::ResponseLost,
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, percent, concurrency, workers, events } = self;
        write!(
            f,
            "seed {seed}: faults in {percent} % of the requests, {workers} workers, {concurrency} rows at a time"
        )?;
        events.iter().try_for_each(|(request, event)| write!(f, "\n  at request {request}: {event:?}"))
    }
}
