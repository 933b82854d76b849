//! Query parameters that the spec does not name.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};

use crate::{Operation, Transport, TransportError};

/// Puts further parameters onto the query of every request.
pub(crate) struct FurtherQuery {
    inner: Arc<dyn Transport>,
    /// Encoded, without `?` or `&` in front.
    query: String,
}

impl FurtherQuery {
    /// `None` where there is nothing to put on.
    pub(crate) fn new(inner: &Arc<dyn Transport>, parameters: &[(String, String)]) -> Option<Self> {
        // Pairs of texts can always be encoded.
        let query = serde_urlencoded::to_string(parameters).unwrap_or_default();
        (!query.is_empty()).then(|| Self { inner: Arc::clone(inner), query })
    }

    fn on(&self, uri: &Uri) -> Result<Uri, TransportError> {
        let separator = if uri.query().is_some() { '&' } else { '?' };
        let longer = format!("{uri}{separator}{}", self.query);
        longer.parse().map_err(|_| TransportError::new("the query is too long to be sent"))
    }
}

#[async_trait]
impl Transport for FurtherQuery {
    async fn send(
        &self,
        operation: &'static Operation,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        *request.uri_mut() = self.on(request.uri())?;
        self.inner.send(operation, request).await
    }
}
