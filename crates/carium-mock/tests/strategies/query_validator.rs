//! A client with a transport that returns empty lists. Queries are validated when they are sent.

use std::sync::Arc;

use carium::api::bytes::Bytes;
use carium::api::http::{Request, Response};
use carium::api::{Operation, Transport, TransportError, async_trait};
use carium::documents::DocumentQuery;
use carium::{Carium, Credentials, Error};
use futures_util::StreamExt as _;

struct EmptyListTransport;

#[async_trait]
impl Transport for EmptyListTransport {
    async fn send(
        &self,
        operation: &Operation,
        _request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let body: &[u8] =
            if operation.id == "login" { br#"{"access-token": "token"}"# } else { br#"{"data": []}"# };
        Ok(Response::new(Bytes::from_static(body)))
    }
}

pub(crate) struct QueryValidator {
    carium: Carium,
    runtime: tokio::runtime::Runtime,
}

impl QueryValidator {
    pub(crate) fn new() -> Self {
        let carium = Carium::builder()
            .credentials(Credentials::new("username", "password").unwrap())
            .organization("8d25a2a6-8219-40d1-a34f-c24ec69f4f72".parse().unwrap())
            .transport(Arc::new(EmptyListTransport))
            .build()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { carium, runtime }
    }

    /// Lists documents with the query, and returns the first error.
    pub(crate) fn validate(&self, query: DocumentQuery) -> Result<(), Error> {
        let items = self.carium.documents().list(query).collect::<Vec<_>>();
        self.runtime.block_on(items).into_iter().try_for_each(|item| item.map(drop))
    }
}
