//! JSON:API resources of any type.

#![allow(
    clippy::needless_pass_by_value,
    reason = "a parameter of type `impl Display` accepts values and references"
)]

use std::fmt;
use std::marker::PhantomData;

use carium_api::Client;
use http::Method;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::page::{Items, ListOptions};
use crate::request::RequestBuilder;

/// The resources at one path of the API, such as `/caredb/v1/org-care-teams/`, from
/// [`Carium::resource`](crate::Carium::resource).
///
/// According to the vendor's SDK, every resource of the platform has the same operations: list, get, create, update,
/// delete, and actions. `T` is the type of the attributes; [`serde_json::Value`] accepts all.
///
/// # Examples
///
/// ```
/// # use carium_mock::FakeCarium;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), carium::Error> {
/// # let fake = FakeCarium::new();
/// # let carium = fake.client();
/// # fake.resource("/caredb/v1/org-care-teams/");
/// use carium::ListOptions;
/// use futures_util::TryStreamExt;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct CareTeam {
///     name: String,
/// }
///
/// let teams = carium.resource::<CareTeam>("/caredb/v1/org-care-teams/");
/// let id = teams.create(&CareTeam { name: "Cardiology".to_owned() }).await?;
/// assert_eq!(teams.get(&id).await?.attributes.name, "Cardiology");
/// let named = teams.filter("name", "Cardiology").list(ListOptions::default());
/// assert_eq!(named.try_collect::<Vec<_>>().await?.len(), 1);
/// # Ok(())
/// # }
/// ```
pub struct Resource<T> {
    client: Client,
    path: String,
    type_name: String,
    query: Vec<(String, String)>,
    attributes: PhantomData<fn() -> T>,
}

impl<T> Resource<T> {
    pub(crate) fn new(client: Client, path: &str) -> Self {
        let path = path.trim_end_matches('/');
        let type_name = path.rsplit('/').next().unwrap_or_default().to_owned();
        Self { client, path: format!("{path}/"), type_name, query: Vec::new(), attributes: PhantomData }
    }

    /// Sets the JSON:API type that is sent in requests. Defaults to the last segment of the path.
    #[must_use]
    pub fn resource_type(mut self, name: impl Into<String>) -> Self {
        self.type_name = name.into();
        self
    }

    /// Returns only items with this value of an attribute in [`list`](Self::list): adds `filter[name]` to the query.
    #[must_use]
    pub fn filter(self, name: impl fmt::Display, value: impl fmt::Display) -> Self {
        self.query(format!("filter[{name}]"), value)
    }

    /// Adds a query parameter to [`list`](Self::list). Some lists are filtered by a bare `organization-id`.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        self.query.push((name.into(), value.to_string()));
        self
    }

    /// Starts an action of an item: a request to `{path}{id}/{name}/`. Add a body if the action has one, and send it.
    pub fn action(&self, method: Method, id: impl fmt::Display, name: impl fmt::Display) -> RequestBuilder {
        self.request(method, &format!("{{id}}/{name}/")).path_param("id", id)
    }

    /// Deletes an item.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound): the item does not exist.
    pub async fn delete(&self, id: impl fmt::Display) -> Result<(), Error> {
        self.request(Method::DELETE, "{id}/").path_param("id", id).send().await.map(drop)
    }

    fn request(&self, method: Method, relative: &str) -> RequestBuilder {
        RequestBuilder::to_path(self.client.clone(), method, &format!("{}{relative}", self.path))
    }
}

impl<T: DeserializeOwned + Send + 'static> Resource<T> {
    /// Lists the items.
    ///
    /// The list is complete or ends with an error. An item whose attributes cannot be decoded as `T` is an error.
    pub fn list(&self, options: ListOptions) -> Items<ResourceItem<T>> {
        let request = self.request(Method::GET, "");
        self.query.iter().fold(request, |request, (name, value)| request.query(name, value)).items(options)
    }

    /// Reads an item.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound): the item does not exist.
    pub async fn get(&self, id: impl fmt::Display) -> Result<ResourceItem<T>, Error> {
        let response = self.request(Method::GET, "{id}/").path_param("id", id).send().await?;
        response.json::<Document<ResourceItem<T>>>().map(|document| document.data)
    }

    /// Creates an item and returns its ID.
    ///
    /// # Errors
    /// If the error [may have been applied](Error::may_have_been_applied), check whether the item exists before you
    /// create it again.
    pub async fn create(&self, attributes: &(impl Serialize + Sync)) -> Result<String, Error> {
        let body = json!({"data": {"type": self.type_name, "attributes": to_value(attributes)?}});
        let response = self.request(Method::POST, "").json(&body).send().await?;
        response.json::<Document<ResourceItem<Value>>>().map(|document| document.data.id)
    }

    /// Changes the given attributes of an item, and keeps the others. `null` clears an attribute.
    ///
    /// The body contains the ID of the item (`data.id`), as the vendor's SDK sends it. Returns the item after the change,
    /// or `None` if the service confirmed the change without it.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound): the item does not exist.
    pub async fn update(
        &self,
        id: impl fmt::Display,
        changes: &(impl Serialize + Sync),
    ) -> Result<Option<ResourceItem<T>>, Error> {
        let id = id.to_string();
        let data = json!({"id": id, "type": self.type_name, "attributes": to_value(changes)?});
        let request = self.request(Method::PATCH, "{id}/").path_param("id", id).json(&json!({"data": data}));
        let response = request.send().await?;
        if response.is_without_data() {
            return Ok(None);
        }
        response.json::<Document<ResourceItem<T>>>().map(|document| Some(document.data))
    }
}

fn to_value(attributes: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(attributes)
        .map_err(|_| Error::invalid("the attributes cannot be serialized as JSON", Vec::new()))
}

impl<T> Clone for Resource<T> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            path: self.path.clone(),
            type_name: self.type_name.clone(),
            query: self.query.clone(),
            attributes: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Resource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource").field("resource_type", &self.type_name).finish_non_exhaustive()
    }
}

/// An item of a [`Resource`].
///
/// `Debug` does not show the attributes, because they can be health information.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceItem<T> {
    /// The ID, usually a UUID.
    pub id: String,
    /// The JSON:API type, if the service returned one.
    pub resource_type: Option<String>,
    /// The attributes. If the service returned none, they are decoded from an empty object.
    pub attributes: T,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for ResourceItem<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
            id: String,
            #[serde(rename = "type")]
            resource_type: Option<String>,
            attributes: Option<Value>,
        }
        let Fields { id, resource_type, attributes } = Fields::deserialize(deserializer)?;
        if id.is_empty() {
            return Err(D::Error::custom("the ID is empty"));
        }
        let attributes = attributes.unwrap_or_else(|| Map::new().into());
        // The message of serde can quote the value, so it is replaced.
        let attributes =
            T::deserialize(attributes).map_err(|_| D::Error::custom("the attributes have another shape"))?;
        Ok(Self { id, resource_type, attributes })
    }
}

impl<T> fmt::Debug for ResourceItem<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceItem")
            .field("id", &self.id)
            .field("resource_type", &self.resource_type)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Document<T> {
    data: T,
}
