//! Reads a register from standard input and brings it to Carium, whose account is in the environment.

use std::io::{Read as _, Write as _};

use carium::Carium;
use clinic_sync::{admit, read};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Read before anything runs that reading would hold up.
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let carium = Carium::from_env()?;
    let mut out = std::io::stdout();
    for person in read(&text) {
        match person {
            Ok(person) => {
                let admission = person.patient(&carium).and_then(|patient| {
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
            Err(at) => writeln!(out, "line {}, column {}: this is no person", at.line, at.column)?,
        }
    }
    Ok(())
}
