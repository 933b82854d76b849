//! Measures how long a sandbox takes to start, and how long the fake takes to respond.
//!
//! ```text
//! cargo bench -p carium-mock --bench fake --features sandbox
//! cargo bench -p carium-mock --bench fake --features sandbox -- --quick      1 second instead of 30
//! ```
//!
//! Each row shows the median and the fastest round. The rounds of all rows are interleaved, so that other load on the
//! machine affects all rows. For comparison, the start of a sandbox is shown with that of two plain listeners, and a
//! call of the fake with serializing and parsing the same document with `serde_json`. Slow results do not fail.

use std::env;
use std::error::Error;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use carium::appointments::NewAppointment;
use carium::patients::{Gender, NewPatient};
use carium_mock::{FakeCarium, Sandbox};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

type BenchError = Box<dyn Error + Send + Sync>;

/// A benchmark, which runs this number of iterations and returns the total time.
type Benchmark<'a> = Box<dyn FnMut(u32) -> Result<Duration, BenchError> + 'a>;

fn main() -> Result<(), BenchError> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    // `cargo test --benches` runs the program without this argument.
    if !has("--bench") {
        return Ok(());
    }
    let (rounds, starts, calls) = if has("--quick") { (5, 5, 500) } else { (31, 20, 10_000) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    print_line(&format!("{rounds} rounds of {starts} starts and {calls} calls each\n"))?;
    print_line("start                          median    fastest   target")?;
    let first = start_sandboxes(&runtime, 1)?;
    print_line(&row("  first in the process", &mut [first], "10 ms"))?;
    let mut start_rows: [(&str, Benchmark<'_>, &str); 2] = [
        ("  sandbox", Box::new(|iterations| start_sandboxes(&runtime, iterations)), "10 ms"),
        ("  two plain listeners", Box::new(|iterations| start_listeners(&runtime, iterations)), ""),
    ];
    measure(&mut start_rows, rounds, starts)?;
    let fake = FakeCarium::new();
    let appointment = appointment(&fake)?;
    let id = runtime.block_on(fake.client().appointments().create(appointment))?;
    print_line("call")?;
    let document = appointment_document();
    let mut created = 0_u64;
    let mut call_rows: [(&str, Benchmark<'_>, &str); 3] = [
        (
            "  get an appointment",
            Box::new(|iterations| {
                timed(&runtime, iterations, async || {
                    Ok(black_box(fake.client().appointments().get(id).await).map(drop)?)
                })
            }),
            "10 us",
        ),
        (
            "  create a patient",
            Box::new(|iterations| {
                let patients: Result<Vec<_>, _> =
                    (0..u64::from(iterations)).map(|nth| patient(&fake, created + nth)).collect();
                created += u64::from(iterations);
                let mut patients = patients?.into_iter();
                timed(&runtime, iterations, async || match patients.next() {
                    Some(patient) => Ok(black_box(fake.client().patients().create(patient).await).map(drop)?),
                    None => Ok(()),
                })
            }),
            "10 us",
        ),
        (
            "  serialize and parse JSON",
            Box::new(|iterations| {
                timed(&runtime, iterations, async || {
                    let text = black_box(&document).to_string();
                    black_box(serde_json::from_str::<Value>(&text)?);
                    Ok(())
                })
            }),
            "",
        ),
    ];
    measure(&mut call_rows, rounds, calls)
}

/// Runs the rows in interleaved rounds and prints the results.
fn measure(
    rows: &mut [(&str, Benchmark<'_>, &str)],
    rounds: usize,
    iterations: u32,
) -> Result<(), BenchError> {
    let mut results = vec![Vec::new(); rows.len()];
    for _ in 0..rounds {
        for ((_, benchmark, _), times) in rows.iter_mut().zip(&mut results) {
            times.push(benchmark(iterations)? / iterations);
        }
    }
    for ((name, _, target), times) in rows.iter().zip(&mut results) {
        print_line(&row(name, times, target))?;
    }
    Ok(())
}

fn row(name: &str, times: &mut [Duration], target: &str) -> String {
    times.sort();
    let micros = |time: Duration| format!("{:.1} us", time.as_secs_f64() * 1e6);
    let (median, fastest) = (micros(times[times.len() / 2]), micros(times[0]));
    format!("{name:<28} {median:>11} {fastest:>10}   {target}")
}

fn timed(
    runtime: &Runtime,
    iterations: u32,
    mut work: impl AsyncFnMut() -> Result<(), BenchError>,
) -> Result<Duration, BenchError> {
    runtime.block_on(async {
        let started = Instant::now();
        for _ in 0..iterations {
            work().await?;
        }
        Ok(started.elapsed())
    })
}

fn start_sandboxes(runtime: &Runtime, iterations: u32) -> Result<Duration, BenchError> {
    let mut sandboxes = Vec::new();
    timed(runtime, iterations, async || {
        sandboxes.push(Sandbox::start().await?);
        Ok(())
    })
}

fn start_listeners(runtime: &Runtime, iterations: u32) -> Result<Duration, BenchError> {
    let mut listeners = Vec::new();
    timed(runtime, iterations, async || {
        for _ in 0..2 {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            listeners.push(tokio::spawn(async move { listener.accept().await }).abort_handle());
        }
        Ok(())
    })
}

fn patient(fake: &FakeCarium, nth: u64) -> Result<NewPatient, carium::Error> {
    let patient = fake.client().new_patient().first_name("James").last_name("Reece").birth_date("1980-07-04");
    patient.gender(Gender::Male).email(format!("patient.{nth}@example.com")).build()
}

fn appointment(fake: &FakeCarium) -> Result<NewAppointment, BenchError> {
    let appointment = fake
        .client()
        .new_appointment()
        .patient(fake.add_individual())
        .practitioner(fake.practitioner("Dr. Quill"))
        .status(fake.appointment_status("Scheduled"))
        .appointment_type(fake.appointment_type("Video visit"))
        .between("2030-01-01T09:00:00Z".parse()?, "2030-01-01T09:30:00Z".parse()?);
    Ok(appointment.location("Room 4").build()?)
}

/// Returns the response for an appointment.
fn appointment_document() -> Value {
    json!({"data": {"id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002", "type": "org-appointments", "attributes": {
        "add-video-channel": false,
        "end-time": "2030-01-01 09:30:00",
        "individual-id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002",
        "location": "Room 4",
        "organization-id": "8d25a2a6-8219-40d1-a34f-c24ec69f4f72",
        "practitioner-id": "2097e072-92f6-4333-99d6-9693d63be652",
        "start-time": "2030-01-01 09:00:00",
        "status-id": "8d25a2a6-8219-40d1-a34f-c24ec69f4f72",
        "type-id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002",
    }}})
}

fn print_line(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}
