//! An in-memory service and an object store on a local socket that is as strict as S3, for tests of documents.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests panic to fail, and each test file uses only some of the helpers"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use carium::{Carium, CariumBuilder, RetryPolicy};
use carium_mock::object_store::{Object, ObjectStore, PresignPost};
use serde_json::{Map, Value, json};

use super::{Behavior, ReceivedRequest, Service};

pub(crate) struct DocumentFixture {
    pub(crate) store: ObjectStore,
    pub(crate) service: Arc<Service>,
    pub(crate) presigns: Arc<Mutex<Presigns>>,
}

/// The settings and a record of the presigned forms and URLs.
pub(crate) struct Presigns {
    /// The validity of the next forms and URLs, in order. The last one is used for all further ones.
    pub(crate) valid_for: Vec<Duration>,
    /// The maximum size of a file in bytes.
    pub(crate) max_bytes: u64,
    /// The parts of the forms and URLs that must not be logged.
    pub(crate) secrets: Vec<String>,
    references: Vec<Value>,
}

impl Presigns {
    fn valid_for(&mut self) -> Duration {
        if self.valid_for.len() > 1 { self.valid_for.remove(0) } else { self.valid_for[0] }
    }
}

impl DocumentFixture {
    pub(crate) async fn start() -> Self {
        let store = ObjectStore::start().await.unwrap();
        let presigns = Arc::new(Mutex::new(Presigns {
            valid_for: vec![Duration::from_secs(3600)],
            max_bytes: 64 * 1024 * 1024,
            secrets: Vec::new(),
            references: Vec::new(),
        }));
        let (service_store, service_presigns) = (store.clone(), Arc::clone(&presigns));
        let service = Service::new(move |request, _| {
            respond(&service_store, &mut service_presigns.lock().unwrap(), request)
        });
        Self { store, service, presigns }
    }

    /// A builder for a client with short retry delays and a transfer idle timeout of 250 ms.
    pub(crate) fn builder(&self) -> CariumBuilder {
        self.service
            .builder()
            .base_url("http://127.0.0.1:1")
            .retry_policy(RetryPolicy::default().backoff(Duration::from_millis(1), Duration::from_millis(2)))
            .transfer_idle_timeout(Duration::from_millis(250))
    }

    pub(crate) fn client(&self) -> Carium {
        self.builder().build().unwrap()
    }

    /// Adds a document and returns its ID.
    pub(crate) fn add_document(&self, object: Object) -> carium::documents::DocumentReferenceId {
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

fn respond(store: &ObjectStore, presigns: &mut Presigns, request: &ReceivedRequest) -> Behavior {
    // The segments of the path are counted from the end.
    let segment = |index: usize| request.uri.split('?').next().unwrap().split('/').nth_back(index).unwrap();
    match request.operation {
        "login" => Behavior::body(json!({"access-token": "canary-token"})),
        "create_document_reference" => {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let id = id(presigns.references.len());
            let mut attributes = body["data"]["attributes"].clone();
            presigns.references.push(json!({"id": id, "attributes": attributes}));
            let form = store.presign_post(
                PresignPost::new(&id)
                    .valid_for(presigns.valid_for())
                    .content_length_range(0..=presigns.max_bytes)
                    .field("x-amz-meta-canary", "canary-field"),
            );
            let fields: Map<String, Value> =
                form.fields.into_iter().map(|(name, value)| (name, value.into())).collect();
            let is_secret = |name: &&String| ["policy", "x-amz-signature"].contains(&name.as_str());
            let secrets =
                fields.iter().filter(|(name, _)| is_secret(name)).map(|(_, value)| value.as_str().unwrap());
            presigns.secrets.extend(secrets.map(str::to_owned));
            attributes["upload-info"] = json!({"upload-url": form.url, "upload-data": fields});
            Behavior::body(json!({"data": {"id": id, "attributes": attributes}}))
        }
        "process_upload" => Behavior::status(202),
        "get_download_info" => {
            let url = store.presign_get(segment(2), presigns.valid_for());
            presigns.secrets.push(url.split_once('?').unwrap().1.to_owned());
            Behavior::body(json!({"data": {"attributes": {"download-url": url}}}))
        }
        "list_document_references" => Behavior::body(json!({"data": presigns.references})),
        "list_document_classes" => Behavior::body(json!({"data": [
            {"id": super::ID, "attributes": {"name": "Referral letter"}},
        ]})),
        other => panic!("the service does not support {other}"),
    }
}
