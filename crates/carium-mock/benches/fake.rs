//! What a test waits for: a sandbox to start, and the fake to answer.
//!
//! ```text
//! cargo bench -p carium-mock --bench fake --features sandbox
//! cargo bench -p carium-mock --bench fake --features sandbox -- --quick      a second instead of half a minute
//! ```
//!
//! Each row is the median of rounds that are taken in turns, so that what else the machine does meets all of them;
//! beside it the fastest. A start stands beside that of two bare listeners, which is what of it is the system's; a
//! call beside a round trip of the same document through `serde_json`, which is what of it is JSON's. Nothing fails
//! for being slow.

use std::env;
use std::error::Error;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use carium::appointments::NewAppointment;
use carium::patients::{Gender, NewPatient};
use carium::{Appointments, Patients};
use carium_mock::{FakeCarium, Sandbox};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

type Failed = Box<dyn Error + Send + Sync>;

/// Measured work: does it so many times.
type Work<'a> = Box<dyn FnMut(u32) -> Result<Duration, Failed> + 'a>;

fn main() -> Result<(), Failed> {
    let words: Vec<String> = env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|each| each == word);
    // `cargo test --benches` builds it, and starts it without this word.
    if !has("--bench") {
        return Ok(());
    }
    let (rounds, starts, calls) = if has("--quick") { (5, 5, 500) } else { (31, 20, 10_000) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    say(&format!("{rounds} rounds of {starts} starts and {calls} calls each\n"))?;
    say("start                          median    fastest   wanted")?;
    let first = starting(&runtime, 1)?;
    say(&row("  the first of the process", &mut [first], "10 ms"))?;
    let mut start: [(&str, Work<'_>, &str); 2] = [
        ("  a sandbox", Box::new(|times| starting(&runtime, times)), "10 ms"),
        ("  two bare listeners", Box::new(|times| listening(&runtime, times)), ""),
    ];
    measure(&mut start, rounds, starts)?;
    let fake = FakeCarium::new();
    let appointment = appointment(&fake)?;
    let id = runtime.block_on(Appointments::create(&fake, appointment))?;
    say("call")?;
    let document = document();
    let mut created = 0_u64;
    let mut call: [(&str, Work<'_>, &str); 3] = [
        (
            "  get an appointment",
            Box::new(|times| timed(&runtime, times, async || Ok(black_box(fake.get(id).await).map(drop)?))),
            "10 us",
        ),
        (
            "  create a patient",
            Box::new(|times| {
                let patients: Result<Vec<_>, _> =
                    (0..u64::from(times)).map(|nth| patient(&fake, created + nth)).collect();
                created += u64::from(times);
                let mut patients = patients?.into_iter();
                timed(&runtime, times, async || match patients.next() {
                    Some(patient) => Ok(black_box(Patients::create(&fake, patient).await).map(drop)?),
                    None => Ok(()),
                })
            }),
            "10 us",
        ),
        (
            "  its JSON, written and read",
            Box::new(|times| {
                timed(&runtime, times, async || {
                    let text = black_box(&document).to_string();
                    black_box(serde_json::from_str::<Value>(&text)?);
                    Ok(())
                })
            }),
            "",
        ),
    ];
    measure(&mut call, rounds, calls)
}

/// Takes the rows in turns, and prints them.
fn measure(rows: &mut [(&str, Work<'_>, &str)], rounds: usize, times: u32) -> Result<(), Failed> {
    let mut taken = vec![Vec::new(); rows.len()];
    for _ in 0..rounds {
        for ((_, work, _), taken) in rows.iter_mut().zip(&mut taken) {
            taken.push(work(times)? / times);
        }
    }
    for ((name, _, wanted), taken) in rows.iter().zip(&mut taken) {
        say(&row(name, taken, wanted))?;
    }
    Ok(())
}

fn row(name: &str, taken: &mut [Duration], wanted: &str) -> String {
    taken.sort();
    let micros = |time: Duration| format!("{:.1} us", time.as_secs_f64() * 1e6);
    let (median, fastest) = (micros(taken[taken.len() / 2]), micros(taken[0]));
    format!("{name:<28} {median:>11} {fastest:>10}   {wanted}")
}

fn timed(
    runtime: &Runtime,
    times: u32,
    mut work: impl AsyncFnMut() -> Result<(), Failed>,
) -> Result<Duration, Failed> {
    runtime.block_on(async {
        let begun = Instant::now();
        for _ in 0..times {
            work().await?;
        }
        Ok(begun.elapsed())
    })
}

fn starting(runtime: &Runtime, times: u32) -> Result<Duration, Failed> {
    let mut sandboxes = Vec::new();
    timed(runtime, times, async || {
        sandboxes.push(Sandbox::start().await?);
        Ok(())
    })
}

fn listening(runtime: &Runtime, times: u32) -> Result<Duration, Failed> {
    let mut listeners = Vec::new();
    timed(runtime, times, async || {
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

fn appointment(fake: &FakeCarium) -> Result<NewAppointment, Failed> {
    let appointment = fake
        .client()
        .new_appointment()
        .patient(fake.new_individual())
        .practitioner(fake.practitioner("Dr. Quill"))
        .status(fake.appointment_status("Scheduled"))
        .appointment_type(fake.appointment_type("Video visit"))
        .between("2030-01-01T09:00:00Z".parse()?, "2030-01-01T09:30:00Z".parse()?);
    Ok(appointment.location("Room 4").build()?)
}

/// An appointment as it is answered.
fn document() -> Value {
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

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}
