//! Reads a register from standard input and brings it to Carium, whose account is in the environment.

use std::io::{Read as _, Write as _};

use carium::Carium;
use clinic_sync::{admit, read};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let carium = Carium::from_env()?;
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let mut out = std::io::stdout();
    for person in read(&text) {
        match person {
            Ok(person) => {
                let admission = match person.patient(&carium) {
                    Ok(patient) => {
                        admit(carium.patients().as_ref(), carium.invitations().as_ref(), patient).await
                    }
                    Err(error) => Err(error),
                };
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
