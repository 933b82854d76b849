//! [`FakeResource`]: resources that the spec does not contain.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::service::Service;

/// The resources at a path that the spec does not contain, from [`FakeCarium::resource`](crate::FakeCarium::resource).
///
/// The fake serves them in the vendor's JSON:API shape: list with paging and filters, get, create, update and delete. A
/// list is filtered by each query parameter, `filter[name]` or a bare `name`, that is not about paging: an item matches
/// if the attribute has this value.
///
/// Quirks apply, and so do faults for an operation that is described at run time:
///
/// ```
/// # use carium::api::{Operation, RetryClass};
/// # use carium::Method;
/// # use carium_mock::{FakeCarium, Fault};
/// # let fake = FakeCarium::new();
/// # fake.resource("/caredb/v1/org-care-teams/");
/// let create = Operation::at_run_time(Method::POST, "/caredb/v1/org-care-teams/", RetryClass::Create);
/// fake.set_faults([Fault::on(&create).lose_response()]);
/// ```
///
/// # Examples
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
        let id = self.service.state().next_id().to_string();
        self.set(id.clone(), attributes);
        id
    }

    /// Sets the attributes of the item with this ID, which is created if necessary. They are a JSON object; any other
    /// value counts as an empty object.
    pub fn set(&self, id: impl Into<String>, attributes: Value) {
        let attributes = if let Value::Object(attributes) = attributes { attributes } else { Map::new() };
        self.service.state().resources.at(&self.path).items.insert(id.into(), attributes);
    }

    /// Returns the IDs and attributes of the items, in order of creation.
    pub fn items(&self) -> Vec<(String, Value)> {
        let mut state = self.service.state();
        let items = state.resources.at(&self.path).items.iter();
        items.map(|(id, attributes)| (id.clone(), attributes.clone().into())).collect()
    }

    /// Sets the response to an action: GET or POST to `{path}{id}/{name}/`. The function gets the ID of the item and the
    /// body of the request, which is `null` if there is none. It can use the fake, for example to [set](Self::set) the
    /// attributes of the item.
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
