//! Query parameters that the spec does not name.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};

use crate::{Operation, Transport, TransportError};

/// A transport that adds parameters to the query of every request.
pub(crate) struct ExtraQuery {
    inner: Arc<dyn Transport>,
    /// Encoded, without a leading `?` or `&`.
    query: String,
}

impl ExtraQuery {
    /// Returns `None` if there are no parameters.
    pub(crate) fn new(inner: &Arc<dyn Transport>, parameters: &[(String, String)]) -> Option<Self> {
        // Encoding pairs of strings cannot fail.
        let query = serde_urlencoded::to_string(parameters).unwrap_or_default();
        (!query.is_empty()).then(|| Self { inner: Arc::clone(inner), query })
    }

    fn extend(&self, uri: &Uri) -> Result<Uri, TransportError> {
        let separator = if uri.query().is_some() { '&' } else { '?' };
        let extended = format!("{uri}{separator}{}", self.query);
        extended.parse().map_err(|_| TransportError::new("the query is too long"))
    }
}

#[async_trait]
impl Transport for ExtraQuery {
    async fn send(
        &self,
        operation: &Operation,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        *request.uri_mut() = self.extend(request.uri())?;
        self.inner.send(operation, request).await
    }
}
