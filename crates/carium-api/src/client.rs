//! The client whose methods are generated.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderValue, Method, Request};
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::extra_query::FurtherQuery;
use crate::request::RequestBuilder;
use crate::response::{Response, ResponseValue};
use crate::types::ErrorDocument;
use crate::{BaseUrl, Operation, Transport, TransportError};

/// A client of the Carium API: a method for each operation of the spec.
///
/// The methods come from the traits that are named after the services, [`ClientIdentityExt`],
/// [`ClientShowboatExt`] and [`ClientCaredbExt`]; all of them send through one [`Transport`]. Cheap to
/// clone: the clones share it.
///
/// ```no_run
/// use carium_api::{BaseUrl, Client, ClientCaredbExt as _, ClientIdentityExt as _, HttpTransport};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let base_url: BaseUrl = "https://api.carium.com".parse()?;
/// let plain = HttpTransport::new()?;
///
/// let answer = Client::new(base_url.clone(), plain.clone())
///     .login()
///     .body_map(|body| body.username("username").password("password"))
///     .send()
///     .await?;
/// let client = Client::new(base_url.clone(), plain.with_token(&base_url, &answer.access_token)?);
///
/// for practitioner in &client.list_practitioners().send().await?.data {
///     println!("{}", practitioner.id);
/// }
/// # Ok(())
/// # }
/// ```
///
/// [`ClientIdentityExt`]: crate::ClientIdentityExt
/// [`ClientShowboatExt`]: crate::ClientShowboatExt
/// [`ClientCaredbExt`]: crate::ClientCaredbExt
#[derive(Clone)]
pub struct Client {
    // The name that the generated methods use.
    pub(crate) baseurl: BaseUrl,
    transport: Arc<dyn Transport>,
}

impl Client {
    /// A client of the API at a base URL, over a transport.
    pub fn new(base_url: BaseUrl, transport: impl Transport) -> Self {
        Self::with_shared_transport(base_url, Arc::new(transport))
    }

    /// The same, over a transport that is shared already.
    pub fn with_shared_transport(base_url: BaseUrl, transport: Arc<dyn Transport>) -> Self {
        Self { baseurl: base_url, transport }
    }

    /// Where the API is.
    pub fn base_url(&self) -> &BaseUrl {
        &self.baseurl
    }

    /// The same client, which puts these further parameters onto the query of every request: filters of a list
    /// that the spec does not name. They are encoded here; their names and values are not checked.
    #[must_use]
    pub fn with_query(&self, parameters: &[(String, String)]) -> Self {
        match FurtherQuery::new(&self.transport, parameters) {
            Some(transport) => Self::new(self.baseurl.clone(), transport),
            None => self.clone(),
        }
    }

    /// Reads the page of a list that a link in another page of it leads to, such as `links.next`.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] where the link leads to another origin, which nothing is sent to; else as for
    /// the call of the list itself.
    pub async fn follow_link<T: DeserializeOwned>(
        &self,
        operation: &'static Operation,
        link: &str,
    ) -> Result<ResponseValue<T>, Error<ErrorDocument>> {
        let Some(url) = self.baseurl.resolve(operation.path, link) else {
            return Err(Error::InvalidRequest("the link to a page leads to another origin".to_owned()));
        };
        let request = RequestBuilder::new(Method::GET, url)
            .header(ACCEPT, HeaderValue::from_static("application/vnd.api+json"))
            .build()?;
        let response = self.call(operation, request).await?;
        let status = response.status();
        if status.is_success() {
            ResponseValue::from_response(response).await
        } else if status.is_client_error() || status.is_server_error() {
            Err(Error::ErrorResponse(ResponseValue::from_response(response).await?))
        } else {
            Err(Error::UnexpectedResponse(response))
        }
    }

    /// Sends the request of an operation: what each generated method ends with.
    pub(crate) async fn call(
        &self,
        operation: &'static Operation,
        request: Request<Bytes>,
    ) -> Result<Response, TransportError> {
        self.transport.send(operation, request).await.map(Response::from)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base_url", &self.baseurl).finish_non_exhaustive()
    }
}
