//! Balances the books: compares what the service has with what the program reports.

use std::collections::{BTreeMap, BTreeSet};

use carium_mock::FakeCarium;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The differences between both sides, and the outcomes that a person has to look up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Balance {
    /// What exists more than once.
    pub(crate) duplicates: Vec<String>,
    /// What is reported as completed but does not exist, or is neither completed nor parked.
    pub(crate) lost: Vec<String>,
    /// What exists but is neither reported as completed nor as unknown, and unknown rows that are not listed.
    pub(crate) unreported: Vec<String>,
    /// Failures that no person can have a reason to decide.
    pub(crate) failed: Vec<String>,
    /// The number of unknown outcomes.
    pub(crate) unknown: usize,
    /// The number of document references without a file.
    pub(crate) orphans: usize,
}

impl Balance {
    pub(crate) fn is_even(&self) -> bool {
        [&self.duplicates, &self.lost, &self.unreported, &self.failed].iter().all(|list| list.is_empty())
    }
}

pub(crate) fn email(row: usize) -> String {
    format!("zoe{row}@example.com")
}

pub(crate) fn letter(row: usize, number: usize) -> String {
    format!("Letter {number} to patient {row}. ").repeat((row * 7 + number) % 90 + 1)
}

/// The number of documents of a row.
pub(crate) fn documents(row: usize) -> usize {
    row % 3 + 1
}

/// What the service has for one row.
pub(crate) struct Created {
    pub(crate) patients: Vec<String>,
    pub(crate) invitations: usize,
    pub(crate) appointments: Vec<String>,
    /// For each document, the IDs of its processed references whose content is right, and of those without a file.
    pub(crate) documents: Vec<(Vec<String>, Vec<String>)>,
    /// The names of documents whose content is wrong or that the row does not have.
    pub(crate) wrong: Vec<String>,
}

/// Returns what the service has for a row.
pub(crate) fn created(fake: &FakeCarium, row: usize) -> Created {
    let patients = fake.patients();
    let email = email(row);
    let is_row = |name: &Option<_>| {
        name.as_ref().is_some_and(|name: &carium::api::types::Username| name.as_str() == email)
    };
    let ids: Vec<_> =
        patients.iter().filter(|(_, patient)| is_row(&patient.username)).map(|(id, _)| *id).collect();
    let appointments = fake.appointments();
    let appointments =
        appointments.iter().filter(|(_, appointment)| ids.contains(&appointment.individual_id));
    let mut found = vec![(Vec::new(), Vec::new()); documents(row)];
    let mut wrong = Vec::new();
    for document in fake.documents() {
        if !ids.contains(&document.attributes.individual_id) {
            continue;
        }
        let name = document.attributes.name.to_string();
        let number = (0..documents(row)).find(|number| name == format!("Letter {number}"));
        let Some(number) = number else {
            wrong.push(name);
            continue;
        };
        if !document.is_processed {
            found[number].1.push(document.id.to_string());
            continue;
        }
        let digest = |bytes: &[u8]| Sha256::digest(bytes);
        let stored = fake.document_bytes(document.id).map(|bytes| digest(&bytes));
        if stored == Some(digest(letter(row, number).as_bytes())) {
            found[number].0.push(document.id.to_string());
        } else {
            wrong.push(format!("{name}: the digest differs"));
        }
    }
    Created {
        patients: ids.iter().map(ToString::to_string).collect(),
        invitations: fake.invitations_to(&email).len(),
        appointments: appointments.map(|(id, _)| id.to_string()).collect(),
        documents: found,
        wrong,
    }
}

/// Compares the service with the output of `report`, `parked` and `orphans`, each as NDJSON.
pub(crate) fn balance(fake: &FakeCarium, rows: usize, report: &str, parked: &str, orphans: &str) -> Balance {
    let parse =
        |text: &str| -> Vec<Value> { text.lines().map(|line| serde_json::from_str(line).unwrap()).collect() };
    let (report, parked, orphans) = (parse(report), parse(parked), parse(orphans));
    let listed: BTreeSet<(i64, String)> = parked
        .iter()
        .filter(|entry| entry["state"] == "unknown")
        .map(|entry| (entry["row"].as_i64().unwrap(), entry["step"].as_str().unwrap().to_owned()))
        .collect();
    let orphans: BTreeSet<String> =
        orphans.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect();
    let by_line: BTreeMap<u64, &Value> =
        report.iter().map(|row| (row["line"].as_u64().unwrap(), row)).collect();
    let mut balance = Balance { orphans: orphans.len(), ..Balance::default() };
    if by_line.len() != rows || report.len() != rows {
        balance.lost.push(format!("the report has {} rows instead of {rows}", report.len()));
    }
    for row in 0..rows {
        let Some(record) = by_line.get(&(row as u64 + 1)) else { continue };
        let number = record["row"].as_i64().unwrap();
        if !["completed", "failed", "unknown"].contains(&record["state"].as_str().unwrap()) {
            balance.lost.push(format!("row {row} is {}", record["state"]));
        }
        if !record["failure"].is_null() {
            balance.failed.push(format!("row {row}: {}", record["failure"]));
        }
        let created = created(fake, row);
        balance.lost.extend(created.wrong.iter().map(|wrong| format!("row {row}: {wrong}")));
        let mut compare = |step: String, ids: &[String], count: usize| {
            let result = step_result(record, &step);
            if count > 1 {
                balance.duplicates.push(format!("row {row}: {step} exists {count} times"));
            }
            match result {
                Some(("completed", result)) => {
                    let id = result.to_string();
                    if count == 0 || !ids.is_empty() && !ids.iter().any(|known| id.contains(known.as_str())) {
                        balance.lost.push(format!("row {row}: {step} is {result} and exists {count} times"));
                    }
                }
                Some(("unknown", result)) => {
                    balance.unknown += 1;
                    if !listed.contains(&(number, step.clone())) {
                        balance
                            .unreported
                            .push(format!("row {row}: {step} is not among the parked: {result}"));
                    }
                }
                Some(("failed", result)) => balance.failed.push(format!("row {row}: {step}: {result}")),
                _ if count > 0 => balance.unreported.push(format!("row {row}: {step} exists: {result:?}")),
                _ => {}
            }
        };
        compare("patient".to_owned(), &created.patients, created.patients.len());
        compare("invite[email]".to_owned(), &[], created.invitations);
        compare("appointment".to_owned(), &created.appointments, created.appointments.len());
        for (number, (processed, _)) in created.documents.iter().enumerate() {
            compare(format!("documents[{number}]"), processed, processed.len());
        }
        for (number, (_, without_file)) in created.documents.iter().enumerate() {
            let is_unknown =
                matches!(step_result(record, &format!("documents[{number}]")), Some(("unknown", _)));
            for id in without_file.iter().filter(|id| !orphans.contains(*id) && !is_unknown) {
                balance.unreported.push(format!("row {row}: document reference {id} has no file"));
            }
        }
    }
    balance
}

/// Returns the result of a step in the report: its kind and its details.
fn step_result<'a>(record: &'a Value, step: &str) -> Option<(&'a str, &'a Value)> {
    let steps = record["outcome"]["steps"].as_array()?;
    let found = steps.iter().find(|report| report["step"] == step)?;
    let result = &found["result"];
    Some((result["outcome"].as_str()?, result))
}
