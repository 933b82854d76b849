//! The model: one row, two workers, the service, the ledger and a person, with every interleaving of their actions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use carium::api::uuid::Uuid;
use carium::onboarding::{
    EntryState, EntryVersion, Ledger as _, LedgerEntry, MemoryLedger, Resolution, RowKey, resolve,
};
use futures_util::FutureExt as _;
use stateright::{Model, Property};

use crate::run::{
    Call, EntryId, Next, Number, Part, Reply, Report, RunId, Runs, Strand, model_version, reference, run_of,
};

/// A rule of the protocol that is removed, to check that the model finds the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// A call is sent although its intent could not be written.
    NoIntent,
    /// The intent is written, and is not there after a crash.
    LostIntent,
    /// The ledger replaces an entry whatever its version is.
    NoVersionCheck,
    /// A document whose creation has an unknown outcome is not looked up.
    NoLookup,
    /// A lost response counts as a call that was not applied.
    LostMeansNotApplied,
    /// The version of a row stays the same when the row is assigned.
    SameVersionForEachAssignment,
    /// The state of a row is stored whatever its version is.
    NoRowVersionCheck,
    /// The person decides without looking at the service.
    PersonGuesses,
    /// The person looks while a worker may still send a call.
    PersonDoesNotWait,
}

/// The bounds of the exploration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The number of calls, writes and processes that fail, crashes included.
    pub(crate) faults: u8,
    /// How often a row is assigned to a second worker while the first one still has it.
    pub(crate) overlaps: u8,
}

pub(crate) struct Protocol {
    parts: Vec<Part>,
    bounds: Bounds,
    mutation: Option<Mutation>,
    runs: Mutex<Runs>,
    pub(crate) refused_writes: AtomicU64,
    pub(crate) decisions: AtomicU64,
}

/// The states of the row in the row store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RowState {
    Pending,
    Completed,
    Parked,
}

/// The row in the row store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    pub(crate) state: RowState,
    version: u8,
    attempts: u8,
    unknown: BTreeSet<Part>,
    failed: BTreeSet<Part>,
    /// Whether the last run could not start.
    is_not_started: bool,
    /// All orphans that were reported.
    orphans: BTreeSet<Number>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Service {
    patients: u8,
    invitations: u8,
    appointments: u8,
    references: Vec<Reference>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Reference {
    number: Number,
    document: u8,
    has_file: bool,
    is_processed: bool,
    /// The run that created it, if another run had, or could have, looked the document up before.
    late_run: Option<u8>,
    /// Whether that run did not receive the response, or was killed. Then only the service knows the reference.
    is_untraceable: bool,
}

/// A worker that has the row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Worker {
    run: RunId,
    /// The row as the worker has read it.
    version: u8,
    attempts: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    ledger: BTreeMap<Part, EntryId>,
    service: Service,
    pub(crate) row: Row,
    workers: [Option<Worker>; 2],
    /// The number of runs.
    runs: u8,
    bounds_left: (u8, u8),
    /// The intents that were written and whose call was not sent, by run.
    intents: BTreeSet<(u8, Part)>,
    /// Whether a worker was killed whose row was assigned to another one, so that it did not store what it had done.
    is_report_stale: bool,
    violation: Option<Violation>,
}

/// A broken promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Violation {
    /// A call that must not be repeated was sent without an intent of its own.
    NoIntent,
    /// Something exists twice.
    AppliedTwice,
    /// A recorded result was replaced.
    RecordLost,
    /// Something was created for another patient than the recorded one.
    WrongPatient,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum How {
    Done,
    /// It is not applied, and the worker learns that.
    Unavailable,
    /// It is not applied, and cannot be with the same values.
    Rejected,
    /// It is applied, and its response is lost.
    ResponseLost,
    /// It is not applied, and the worker cannot know that.
    RequestLost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// A worker takes the row.
    Take(usize),
    /// A call of a worker reaches the service or the ledger.
    Call(usize, Strand, How),
    /// A worker stores the result of its run.
    Store(usize, How),
    /// A worker is killed.
    Crash(usize),
    /// A person looks at a parked row.
    Person,
}

impl Service {
    fn reference(&mut self, number: Number) -> &mut Reference {
        self.references.iter_mut().find(|reference| reference.number == number).unwrap()
    }
}

impl State {
    /// Marks the references that only a killed run could have reported.
    fn lose_references_of(&mut self, run: u8) {
        for reference in &mut self.service.references {
            reference.is_untraceable |= reference.late_run == Some(run);
        }
    }
}

/// The number of attempts after which a row is parked.
const MAX_ATTEMPTS: u8 = 2;

impl Protocol {
    pub(crate) fn new(parts: &[Part], bounds: Bounds) -> Self {
        Self {
            parts: parts.to_vec(),
            bounds,
            mutation: None,
            runs: Mutex::new(Runs::new(parts)),
            refused_writes: AtomicU64::new(0),
            decisions: AtomicU64::new(0),
        }
    }

    pub(crate) fn mutation(mut self, mutation: Mutation) -> Self {
        self.mutation = Some(mutation);
        self
    }

    /// Returns the number of states that runs have reached.
    pub(crate) fn run_states(&self) -> usize {
        self.runs().len()
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap()
    }

    fn has(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    fn entry_state(&self, state: &State, part: Part) -> Option<EntryState> {
        state.ledger.get(&part).map(|id| self.runs().entry(*id).state)
    }

    /// Writes an entry, and returns what the ledger replies.
    fn write(&self, state: &mut State, part: Part, expected: Option<EntryVersion>, entry: EntryId) -> Reply {
        let runs = self.runs();
        let current = state.ledger.get(&part).copied();
        let new = runs.entry(entry);
        if new.state == EntryState::Intent && self.has(Mutation::LostIntent) {
            return if expected.is_none() { Reply::Inserted(None) } else { Reply::Swapped(true) };
        }
        let is_expected = match expected {
            None => current.is_none(),
            Some(expected) => current.is_some_and(|current| runs.entry(current).version == expected),
        };
        let is_written = is_expected || self.has(Mutation::NoVersionCheck) || self.has(Mutation::LostIntent);
        if is_written {
            let was_completed = current.filter(|id| runs.entry(*id).state == EntryState::Completed);
            if was_completed
                .is_some_and(|current| new.state != EntryState::Completed || runs.entry(current).id != new.id)
            {
                state.violation = Some(Violation::RecordLost);
            }
            state.ledger.insert(part, entry);
        } else {
            self.refused_writes.fetch_add(1, Ordering::Relaxed);
        }
        match expected {
            None => Reply::Inserted(current.filter(|_| !is_written)),
            Some(_) => Reply::Swapped(is_written),
        }
    }

    /// Applies a call of a run, and returns the reply.
    fn apply(&self, state: &mut State, run: u8, call: Call) -> Reply {
        match call {
            Call::ReadEntries => {
                Reply::Entries(state.ledger.iter().map(|(part, entry)| (*part, *entry)).collect())
            }
            Call::Write { part, expected, entry } => self.write(state, part, expected, entry),
            Call::CreatePatient => Self::create(state, run, Part::Patient, |service| &mut service.patients),
            Call::Invite => {
                Self::create(state, run, Part::Invitation, |service| &mut service.invitations);
                Reply::Done
            }
            Call::Book { patient } => {
                self.check_patient(state, patient);
                Self::create(state, run, Part::Appointment, |service| &mut service.appointments)
            }
            Call::CreateReference { document, patient } => {
                self.check_patient(state, patient);
                Self::send(state, run, Part::Document(document));
                let entry =
                    state.ledger.get(&Part::Document(document)).map(|id| self.runs().entry(*id).version);
                let has_other = state.workers.iter().flatten().count() > 1;
                let is_late = has_other || entry.is_none_or(|version| run_of(version) != run);
                let number = reference(document, state.service.references.len());
                state.service.references.push(Reference {
                    number,
                    document,
                    has_file: false,
                    is_processed: false,
                    late_run: is_late.then_some(run),
                    is_untraceable: false,
                });
                Reply::Created(number)
            }
            Call::ListDocuments { .. } => {
                let all = state.service.references.iter().map(|reference| reference.number).collect();
                Reply::Documents(if self.has(Mutation::NoLookup) { Vec::new() } else { all })
            }
            Call::Post { reference } => {
                state.service.reference(reference).has_file = true;
                Reply::Done
            }
            Call::Process { reference } => {
                let reference = state.service.reference(reference);
                if !reference.has_file {
                    return Reply::Conflict;
                }
                reference.is_processed = true;
                let part = Part::Document(reference.document);
                if Self::applied(state, part) > 1 {
                    state.violation = Some(Violation::AppliedTwice);
                }
                Reply::Done
            }
            Call::DownloadUrl { reference } => {
                let is_processed = state.service.reference(reference).is_processed;
                if is_processed { Reply::Done } else { Reply::Conflict }
            }
        }
    }

    /// Checks that an intent of this run precedes a call.
    fn send(state: &mut State, run: u8, part: Part) {
        if !state.intents.remove(&(run, part)) {
            state.violation = Some(Violation::NoIntent);
        }
    }

    fn create(state: &mut State, run: u8, part: Part, count: fn(&mut Service) -> &mut u8) -> Reply {
        Self::send(state, run, part);
        let count = count(&mut state.service);
        *count += 1;
        let created = *count;
        if created > 1 {
            state.violation = Some(Violation::AppliedTwice);
        }
        Reply::Created(created)
    }

    fn check_patient(&self, state: &mut State, patient: Number) {
        let recorded = state.ledger.get(&Part::Patient).and_then(|entry| self.runs().entry(*entry).id);
        if recorded != Some(patient) {
            state.violation = Some(Violation::WrongPatient);
        }
    }

    /// Lets a call happen in one way, and returns what the worker is told.
    fn happen(&self, state: &mut State, run: u8, call: Call, how: How) -> Reply {
        let is_applied = matches!(how, How::Done | How::ResponseLost);
        let reply = is_applied.then(|| self.apply(state, run, call));
        if how == How::ResponseLost {
            state.lose_references_of(run);
        }
        if !is_applied && let Some(part) = sent_part(call) {
            Self::send(state, run, part);
        }
        match (how, reply) {
            (How::Done, Some(reply)) => reply,
            (How::Rejected, _) => Reply::Rejected,
            (How::Unavailable, _) => Reply::Unavailable,
            _ if matches!(call, Call::Write { .. }) || self.has(Mutation::LostMeansNotApplied) => {
                Reply::Unavailable
            }
            _ => Reply::Lost,
        }
    }

    fn call(&self, state: &mut State, worker: usize, strand: Strand, how: How) {
        let Some(Worker { run, .. }) = state.workers[worker] else { return };
        let run_state = self.runs().state(run);
        let call = run_state.calls[&strand];
        let mut reply = self.happen(state, run_state.number, call, how);
        if let Call::Write { part, expected, entry } = call {
            let written = if expected.is_none() { Reply::Inserted(None) } else { Reply::Swapped(true) };
            if reply == written && self.runs().entry(entry).is_before_call {
                state.intents.insert((run_state.number, part));
            }
            if reply == Reply::Unavailable && self.has(Mutation::NoIntent) {
                reply = written;
            }
        }
        let run = self.runs().reply(run, strand, reply);
        if let Some(worker) = &mut state.workers[worker] {
            worker.run = run;
        }
    }

    /// Stores the result of a run, as the row store does.
    fn store(&self, state: &mut State, worker: usize, how: How) {
        let Some(worker) = state.workers[worker].take() else { return };
        let report = self.runs().state(worker.run).report.clone().unwrap_or_default();
        state.intents.retain(|(run, _)| *run != self.runs().state(worker.run).number);
        if how == How::Unavailable {
            return;
        }
        let was_completed = state.row.state == RowState::Completed;
        let is_written = self.update_row(&mut state.row, &worker, &report);
        if was_completed && state.row.state != RowState::Completed {
            state.violation = Some(Violation::RecordLost);
        }
        // After a lost response, the worker writes again, and finds another version.
        if (!is_written || how == How::ResponseLost) && state.row.state != RowState::Completed {
            state.row.state = RowState::Pending;
            state.row.version += 1;
        }
    }

    fn update_row(&self, row: &mut Row, worker: &Worker, report: &Report) -> bool {
        let is_final = report.next == Next::Nothing;
        let is_current = row.state != RowState::Completed && (row.version == worker.version || is_final);
        if !is_current && !self.has(Mutation::NoRowVersionCheck) {
            self.refused_writes.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        row.version += 1;
        row.attempts = worker.attempts + u8::from(report.next == Next::Retry);
        row.state = match report.next {
            Next::Nothing => RowState::Completed,
            Next::Retry if row.attempts < MAX_ATTEMPTS => RowState::Pending,
            Next::Retry | Next::Person => RowState::Parked,
        };
        if report.has_outcome {
            row.unknown.clone_from(&report.unknown);
            row.failed.clone_from(&report.failed);
        }
        row.is_not_started = !report.has_outcome;
        row.orphans.extend(&report.orphans);
        true
    }

    /// Lets a person resolve all unknown steps by what the service has, and puts the row back on the queue.
    fn decide(&self, state: &mut State) {
        for part in state.row.unknown.clone() {
            let Some(entry) = state.ledger.get(&part).copied() else { continue };
            let resolution = if self.has(Mutation::PersonGuesses) {
                Resolution::NotApplied
            } else {
                self.look_up(state, part, entry)
            };
            if let Some(resolved) = self.resolve(part, entry, resolution) {
                self.decisions.fetch_add(1, Ordering::Relaxed);
                state.ledger.insert(part, resolved);
            }
        }
        state.is_report_stale = false;
        state.row.state = RowState::Pending;
        state.row.attempts = 0;
        state.row.version += 1;
    }

    fn look_up(&self, state: &State, part: Part, entry: EntryId) -> Resolution {
        let first = |count: u8| if count > 0 { created(1) } else { Resolution::NotApplied };
        match part {
            Part::Patient => first(state.service.patients),
            Part::Appointment => first(state.service.appointments),
            Part::Invitation if state.service.invitations > 0 => Resolution::Sent,
            Part::Invitation => Resolution::NotApplied,
            Part::Document(index) => {
                let known = self.runs().entry(entry).references.clone();
                let mut new =
                    state.service.references.iter().filter(|reference| {
                        reference.document == index && !known.contains(&reference.number)
                    });
                new.next().map_or(Resolution::NotApplied, |reference| created(reference.number))
            }
        }
    }

    /// Returns the entry that the real code writes for a decision. `None` if it refuses the decision.
    fn resolve(&self, part: Part, entry: EntryId, resolution: Resolution) -> Option<EntryId> {
        let stored = self.runs().entry(entry).entry();
        let (ledger, row, step) = (MemoryLedger::new(), RowKey::new("row"), part.step());
        let resolved = async {
            ledger.insert(&row, &step, &stored).await.unwrap();
            resolve(&ledger, &row, &step, resolution).await.ok()?;
            ledger.entries(&row).await.unwrap().pop()
        };
        let (_, resolved) = resolved.now_or_never().unwrap()?;
        // Each entry has one decision, so the version is unique.
        let version = model_version(u8::MAX, part, &entry.to_string());
        Some(self.runs().store(part, &resolved, version, None))
    }

    /// Returns whether the row is at rest: no worker has it, and it is not pending.
    fn is_at_rest(state: &State) -> bool {
        let is_free = state.workers.iter().all(Option::is_none);
        is_free && state.row.state != RowState::Pending && state.violation.is_none()
    }

    /// Returns how often a step was applied.
    fn applied(state: &State, part: Part) -> usize {
        let Service { patients, invitations, appointments, references } = &state.service;
        match part {
            Part::Patient => usize::from(*patients),
            Part::Invitation => usize::from(*invitations),
            Part::Appointment => usize::from(*appointments),
            Part::Document(index) => {
                let is_filed = |each: &&Reference| each.document == index && each.is_processed;
                references.iter().filter(is_filed).count()
            }
        }
    }

    /// Checks that a completed row is completed in the ledger and in the service.
    fn is_complete(&self, state: &State) -> bool {
        let is_completed = |part: &Part| {
            self.entry_state(state, *part) == Some(EntryState::Completed) && Self::applied(state, *part) == 1
        };
        !Self::is_at_rest(state)
            || state.row.state != RowState::Completed
            || self.parts.iter().all(is_completed)
    }

    /// Checks that every document reference without a file is in the ledger or reported, or that its step is unknown.
    fn has_all_references(&self, state: &State) -> bool {
        let known: BTreeSet<Number> =
            state.ledger.values().flat_map(|entry| self.runs().entry(*entry).references.clone()).collect();
        let mut references = state.service.references.iter();
        !Self::is_at_rest(state)
            || references.all(|reference| {
                let document = Part::Document(reference.document);
                known.contains(&reference.number)
                    || state.row.orphans.contains(&reference.number)
                    || self.entry_state(state, document) == Some(EntryState::Intent)
                    || reference.is_untraceable
            })
    }

    /// Checks that a parked row has a reason, and that its report names each step that may have been applied.
    fn is_report_current(&self, state: &State) -> bool {
        if !Self::is_at_rest(state) || state.row.state != RowState::Parked {
            return true;
        }
        let Row { unknown, failed, is_not_started, .. } = &state.row;
        if *is_not_started || state.is_report_stale {
            return true;
        }
        let has_reason = !unknown.is_empty() || !failed.is_empty();
        let is_named = |part: &Part| {
            let entry = self.entry_state(state, *part);
            // The next run processes a document again.
            let is_applied = Self::applied(state, *part) > 0 && !matches!(part, Part::Document(_));
            let may_be_applied = is_applied || entry == Some(EntryState::Intent);
            !may_be_applied || entry == Some(EntryState::Completed) || unknown.contains(part)
        };
        has_reason && self.parts.iter().all(is_named)
    }

    /// Returns the entries of the ledger.
    pub(crate) fn ledger(&self, state: &State) -> BTreeMap<Part, LedgerEntry> {
        state.ledger.iter().map(|(part, id)| (*part, self.runs().entry(*id).entry())).collect()
    }

    /// Returns the write that an action applies to the ledger.
    pub(crate) fn applied_write(
        &self,
        state: &State,
        action: Action,
    ) -> Option<(Part, Option<EntryVersion>, LedgerEntry)> {
        let Action::Call(index, strand, How::Done | How::ResponseLost) = action else { return None };
        let runs = self.runs();
        match runs.state(state.workers[index].as_ref()?.run).calls[&strand] {
            Call::Write { part, expected, entry } => Some((part, expected, runs.entry(entry).entry())),
            _ => None,
        }
    }

    /// Describes an action, for the trace of a counterexample.
    pub(crate) fn describe(&self, state: &State, action: Action) -> String {
        let Action::Call(index, strand, how) = action else { return format!("{action:?}") };
        let Some(worker) = &state.workers[index] else { return format!("{action:?}") };
        let call = self.runs().state(worker.run).calls[&strand];
        let entry = match call {
            Call::Write { entry, .. } => format!(" {}", self.runs().entry(entry).json()),
            _ => String::new(),
        };
        let call = if entry.is_empty() { format!("{call:?}") } else { "write".to_owned() };
        format!("worker {index}: {call} {how:?}{entry}")
    }

    /// Returns whether nothing more can happen without a further fault.
    fn is_at_end(&self, state: &State) -> bool {
        let mut actions = Vec::new();
        self.actions(state, &mut actions);
        actions.is_empty()
    }
}

fn created(number: Number) -> Resolution {
    Resolution::Created(Uuid::from_u64_pair(0xca41, number.into()))
}

/// Returns the step of a call that needs an intent.
fn sent_part(call: Call) -> Option<Part> {
    match call {
        Call::CreatePatient => Some(Part::Patient),
        Call::Invite => Some(Part::Invitation),
        Call::Book { .. } => Some(Part::Appointment),
        Call::CreateReference { document, .. } => Some(Part::Document(document)),
        _ => None,
    }
}

/// Returns the faults that a call can have.
fn faults(call: Call) -> &'static [How] {
    match call {
        Call::ReadEntries | Call::ListDocuments { .. } | Call::DownloadUrl { .. } => &[How::Unavailable],
        Call::Write { .. } => &[How::Unavailable, How::ResponseLost],
        Call::Post { .. } | Call::Process { .. } => &[How::Unavailable, How::ResponseLost, How::RequestLost],
        _ => &[How::Unavailable, How::Rejected, How::ResponseLost, How::RequestLost],
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            ledger: BTreeMap::new(),
            service: Service::default(),
            row: Row {
                state: RowState::Pending,
                version: 0,
                attempts: 0,
                unknown: BTreeSet::new(),
                failed: BTreeSet::new(),
                is_not_started: false,
                orphans: BTreeSet::new(),
            },
            workers: [None, None],
            runs: 0,
            bounds_left: (self.bounds.faults, self.bounds.overlaps),
            intents: BTreeSet::new(),
            is_report_stale: false,
            violation: None,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.violation.is_some() {
            return;
        }
        let (faults_left, overlaps_left) = state.bounds_left;
        let busy = state.workers.iter().flatten().count();
        for (index, worker) in state.workers.iter().enumerate() {
            let Some(worker) = worker else {
                // Both workers are alike, so the first one takes the row if both are free.
                let can_take = if busy == 0 { index == 0 } else { overlaps_left > 0 };
                if state.row.state == RowState::Pending && can_take {
                    actions.push(Action::Take(index));
                }
                continue;
            };
            let run = self.runs().state(worker.run);
            for (strand, call) in &run.calls {
                let hows: &[How] = if faults_left > 0 { faults(*call) } else { &[] };
                let hows = [How::Done].iter().chain(hows);
                actions.extend(hows.map(|how: &How| Action::Call(index, *strand, *how)));
            }
            if run.report.is_some() {
                actions.push(Action::Store(index, How::Done));
            }
            if faults_left > 0 {
                actions.push(Action::Crash(index));
                if run.report.is_some() {
                    actions.push(Action::Store(index, How::ResponseLost));
                }
            }
        }
        if state.row.state == RowState::Parked && (busy == 0 || self.has(Mutation::PersonDoesNotWait)) {
            actions.push(Action::Person);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Take(index) => {
                if state.workers.iter().any(Option::is_some) {
                    state.bounds_left.1 -= 1;
                }
                state.runs += 1;
                let run = self.runs().start(state.runs);
                if !self.has(Mutation::SameVersionForEachAssignment) {
                    state.row.version += 1;
                }
                let (version, attempts) = (state.row.version, state.row.attempts);
                state.workers[index] = Some(Worker { run, version, attempts });
            }
            Action::Call(index, strand, how) => {
                state.bounds_left.0 -= u8::from(how != How::Done);
                self.call(&mut state, index, strand, how);
            }
            Action::Store(index, how) => {
                state.bounds_left.0 -= u8::from(how != How::Done);
                self.store(&mut state, index, how);
            }
            Action::Crash(index) => {
                state.bounds_left.0 -= 1;
                if let Some(worker) = &state.workers[index] {
                    state.is_report_stale |= worker.version != state.row.version;
                    let run = self.runs().state(worker.run).number;
                    state.lose_references_of(run);
                }
                self.store(&mut state, index, How::Unavailable);
            }
            Action::Person => self.decide(&mut state),
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("an intent precedes each call", |_, state: &State| {
                state.violation != Some(Violation::NoIntent)
            }),
            Property::always("nothing exists twice", |_, state: &State| {
                state.violation != Some(Violation::AppliedTwice)
            }),
            Property::always("a recorded result stays", |_, state: &State| {
                state.violation != Some(Violation::RecordLost)
            }),
            Property::always("everything belongs to the recorded patient", |_, state: &State| {
                state.violation != Some(Violation::WrongPatient)
            }),
            Property::always("a completed row is complete", |model: &Self, state: &State| {
                model.is_complete(state)
            }),
            Property::always("no document reference is lost", |model: &Self, state: &State| {
                model.has_all_references(state)
            }),
            Property::always("the report of a parked row is current", |model: &Self, state: &State| {
                model.is_report_current(state)
            }),
            Property::always("the row is completed at the end", |model: &Self, state: &State| {
                let is_open = state.row.state != RowState::Completed && state.violation.is_none();
                !(is_open && model.is_at_end(state))
            }),
        ]
    }
}
