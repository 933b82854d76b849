//! [`FakeResource`]: resources that the spec does not contain.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::service::Service;

/// The resources at a path that the spec does not contain, from [`FakeCarium::resource`](crate::FakeCarium::resource).
///
/// The fake serves them in the vendor's JSON:API shape: list with paging and filters, get, create, update and delete. A
/// list is filtered by each query parameter, `filter[name]` or a bare `name`, that is not about paging: an item matches
/// if the attribute has this value. Quirks and faults apply; a fault for
/// [`Operation::RUN_TIME_ID`](carium_api::Operation::RUN_TIME_ID) applies to the calls of all such resources.
///
/// ```
/// use carium::Method;
/// use carium_mock::FakeCarium;
/// use serde_json::{Value, json};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), carium::Error> {
/// let fake = FakeCarium::new();
/// let runs = fake.resource("/caredb/v1/customjob-runs/");
/// runs.on_action("get-output", |id, _body| json!({"url": format!("https://output.example.com/{id}")}));
/// let id = runs.add(json!({"state": "done"}));
///
/// let resource = fake.client().resource::<Value>("/caredb/v1/customjob-runs/");
/// assert_eq!(resource.get(&id).await?.attributes["state"], "done");
/// let output: Value = resource.action(Method::GET, &id, "get-output").send().await?.json()?;
/// assert_eq!(output["url"], format!("https://output.example.com/{id}"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FakeResource {
    service: Arc<Service>,
    path: String,
}

impl FakeResource {
    pub(super) fn new(service: Arc<Service>, path: &str) -> Self {
        service.state().resources.at(path);
        Self { service, path: path.to_owned() }
    }

    /// Adds an item with these attributes, a JSON object, and returns its ID. Any other value counts as an empty object.
    pub fn add(&self, attributes: Value) -> String {
        let attributes = if let Value::Object(attributes) = attributes { attributes } else { Map::new() };
        let mut state = self.service.state();
        let id = state.next_id().to_string();
        state.resources.at(&self.path).items.insert(id.clone(), attributes);
        id
    }

    /// Returns the IDs and attributes of the items, in order of creation.
    pub fn items(&self) -> Vec<(String, Value)> {
        let mut state = self.service.state();
        let items = state.resources.at(&self.path).items.iter();
        items.map(|(id, attributes)| (id.clone(), attributes.clone().into())).collect()
    }

    /// Sets the response to an action: GET or POST to `{path}{id}/{name}/`. The function gets the ID of the item and the
    /// body of the request, which is `null` if there is none. It must not use the fake.
    pub fn on_action(
        &self,
        name: impl Into<String>,
        respond: impl Fn(&str, &Value) -> Value + Send + Sync + 'static,
    ) {
        let mut state = self.service.state();
        state.resources.at(&self.path).actions.insert(name.into(), Arc::new(respond));
    }
}

impl fmt::Debug for FakeResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeResource").field("path", &self.path).finish_non_exhaustive()
    }
}
