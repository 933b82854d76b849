//! A service in memory beside an object store on a socket, as strict as S3: what documents travel between.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, and uses what it needs"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use carium::{Carium, CariumBuilder, RetryPolicy};
use carium_mock::object_store::{Object, ObjectStore, PresignPost};
use serde_json::{Map, Value, json};

use super::{Seen, Service, Step};

pub(crate) struct Clinic {
    pub(crate) store: ObjectStore,
    pub(crate) service: Arc<Service>,
    pub(crate) presigns: Arc<Mutex<Presigns>>,
}

/// What the service presigns.
pub(crate) struct Presigns {
    /// How long the forms and the URLs to come are valid; the last one for ever.
    pub(crate) valid_for: Vec<Duration>,
    /// How many bytes a file may have.
    pub(crate) at_most: u64,
    /// What every form and every URL held that must not be printed.
    pub(crate) secrets: Vec<String>,
    references: Vec<Value>,
}

impl Presigns {
    fn valid_for(&mut self) -> Duration {
        if self.valid_for.len() > 1 { self.valid_for.remove(0) } else { self.valid_for[0] }
    }
}

impl Clinic {
    pub(crate) async fn start() -> Self {
        let store = ObjectStore::start().await.unwrap();
        let presigns = Arc::new(Mutex::new(Presigns {
            valid_for: vec![Duration::from_hours(1)],
            at_most: 64 * 1024 * 1024,
            secrets: Vec::new(),
            references: Vec::new(),
        }));
        let (stored, known) = (store.clone(), Arc::clone(&presigns));
        let service =
            Service::new(move |seen, before| answer(&stored, &mut known.lock().unwrap(), seen, before));
        Self { store, service, presigns }
    }

    /// A client with quick repetitions, whose transfers may be silent for a quarter of a second.
    pub(crate) fn builder(&self) -> CariumBuilder {
        self.service
            .builder()
            .base_url("http://127.0.0.1:1")
            .retry_policy(RetryPolicy::default().delays(Duration::from_millis(1), Duration::from_millis(2)))
            .transfer_idle_timeout(Duration::from_millis(250))
    }

    pub(crate) fn client(&self) -> Carium {
        self.builder().build().unwrap()
    }

    /// Puts a document in, and gives its id.
    pub(crate) fn file(&self, object: Object) -> carium::documents::DocumentReferenceId {
        let references = &mut self.presigns.lock().unwrap().references;
        let id = id(references.len());
        self.store.put_object(&id, object);
        references.push(json!({"id": id}));
        id.parse().unwrap()
    }
}

fn id(index: usize) -> String {
    format!("00000000-0000-4000-8000-{:012}", index + 1)
}

fn answer(store: &ObjectStore, presigns: &mut Presigns, seen: &Seen, _before: usize) -> Step {
    let segment = |at: usize| seen.uri.split('?').next().unwrap().split('/').nth_back(at).unwrap();
    match seen.operation {
        "login" => Step::body(json!({"access-token": "canary-token"})),
        "create_document_reference" => {
            let asked: Value = serde_json::from_slice(&seen.body).unwrap();
            let id = id(presigns.references.len());
            let mut attributes = asked["data"]["attributes"].clone();
            presigns.references.push(json!({"id": id, "attributes": attributes}));
            let form = store.presign_post(
                PresignPost::new(&id)
                    .valid_for(presigns.valid_for())
                    .content_length_range(0..=presigns.at_most)
                    .field("x-amz-meta-canary", "canary-field"),
            );
            let fields: Map<String, Value> =
                form.fields.into_iter().map(|(name, value)| (name, value.into())).collect();
            let hidden = |name: &&String| ["policy", "x-amz-signature"].contains(&name.as_str());
            let secrets =
                fields.iter().filter(|(name, _)| hidden(name)).map(|(_, value)| value.as_str().unwrap());
            presigns.secrets.extend(secrets.map(str::to_owned));
            attributes["upload-info"] = json!({"upload-url": form.url, "upload-data": fields});
            Step::body(json!({"data": {"id": id, "attributes": attributes}}))
        }
        "process_upload" => Step::status(202),
        "get_download_info" => {
            let url = store.presign_get(segment(2), presigns.valid_for());
            presigns.secrets.push(url.split_once('?').unwrap().1.to_owned());
            Step::body(json!({"data": {"attributes": {"download-url": url}}}))
        }
        "list_document_references" => Step::body(json!({"data": presigns.references})),
        "list_document_classes" => Step::body(json!({"data": [
            {"id": super::ID, "attributes": {"name": "Referral letter"}},
        ]})),
        other => panic!("{other} is not asked here"),
    }
}
