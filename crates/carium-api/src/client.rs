//! [`Client`]: the client with one generated method per operation.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderValue, Method, Request};
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::extra_query::ExtraQuery;
use crate::request::RequestBuilder;
use crate::response::{Response, ResponseValue};
use crate::types::ErrorDocument;
use crate::{BaseUrl, Operation, Transport, TransportError};

/// Client for the Carium API with one method per operation of the spec.
///
/// The methods are in one trait per service: [`ClientIdentityExt`], [`ClientShowboatExt`] and
/// [`ClientCaredbExt`]. All of them send through one [`Transport`]. Cloning is cheap, and clones share the transport.
///
/// ```no_run
/// use carium_api::{BaseUrl, Client, ClientCaredbExt as _, ClientIdentityExt as _, HttpTransport};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let base_url: BaseUrl = "https://api.carium.com".parse()?;
/// let transport = HttpTransport::new()?;
///
/// let login = Client::new(base_url.clone(), transport.clone())
///     .login()
///     .body_map(|body| body.username("username").password("password"))
///     .send()
///     .await?;
/// let client = Client::new(base_url.clone(), transport.with_token(&base_url, &login.access_token)?);
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
    // Generated methods use this name.
    pub(crate) baseurl: BaseUrl,
    transport: Arc<dyn Transport>,
}

impl Client {
    /// Creates a client for the API at `base_url` that sends through `transport`.
    pub fn new(base_url: BaseUrl, transport: impl Transport) -> Self {
        Self::with_shared_transport(base_url, Arc::new(transport))
    }

    /// Creates a client that sends through a shared transport.
    pub fn with_shared_transport(base_url: BaseUrl, transport: Arc<dyn Transport>) -> Self {
        Self { baseurl: base_url, transport }
    }

    /// Returns the transport, so that another client can share or wrap it.
    pub fn transport(&self) -> &Arc<dyn Transport> {
        &self.transport
    }

    /// Returns the base URL of the API.
    pub fn base_url(&self) -> &BaseUrl {
        &self.baseurl
    }

    /// Returns a client that adds these parameters to the query of every request, such as list filters that the
    /// spec does not name.
    ///
    /// Names and values are percent-encoded but not checked.
    #[must_use]
    pub fn with_query(&self, parameters: &[(String, String)]) -> Self {
        match ExtraQuery::new(&self.transport, parameters) {
            Some(transport) => Self::new(self.baseurl.clone(), transport),
            None => self.clone(),
        }
    }

    /// Reads the page of a list that a link of another page refers to, such as `links.next`.
    ///
    /// # Errors
    /// - [`Error::InvalidRequest`] if the link is invalid or leads to another origin. Nothing is sent.
    /// - Otherwise the same errors as the list operation itself.
    pub async fn follow_link<T: DeserializeOwned>(
        &self,
        operation: &Operation,
        link: &str,
    ) -> Result<ResponseValue<T>, Error<ErrorDocument>> {
        let Some(url) = self.baseurl.resolve(&operation.path, link) else {
            return Err(Error::InvalidRequest(
                "the link to the page is invalid or leads to another origin".to_owned(),
            ));
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

    /// Sends the request of an operation. Every generated method ends with this call.
    pub(crate) async fn call(
        &self,
        operation: &Operation,
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
