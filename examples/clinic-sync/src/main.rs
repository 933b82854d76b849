//! Reads a register from standard input, and admits each person to Carium with the account from the environment.

use std::io::{Read as _, Write as _};

use carium::Carium;
use clinic_sync::{admit, read_register};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Reads the input before the runtime starts, because reading blocks the thread.
    let mut register = String::new();
    std::io::stdin().read_to_string(&mut register)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let carium = Carium::from_env()?;
    let mut out = std::io::stdout();
    for person in read_register(&register) {
        match person {
            Ok(person) => {
                let admission = person.to_patient(&carium).and_then(|patient| {
                    runtime.block_on(admit(
                        carium.patients().as_ref(),
                        carium.invitations().as_ref(),
                        patient,
                    ))
                });
                match admission {
                    Ok(admission) => writeln!(out, "{}: {admission:?}", person.number)?,
                    Err(error) => writeln!(out, "{}: {error}", person.number)?,
                }
            }
            Err(invalid) => {
                writeln!(out, "line {}, column {}: invalid person", invalid.line, invalid.column)?;
            }
        }
    }
    Ok(())
}
