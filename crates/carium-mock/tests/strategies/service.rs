//! A service whose lists are empty: queries are judged when they are sent.

use std::sync::Arc;

use carium::api::bytes::Bytes;
use carium::api::http::{Request, Response};
use carium::api::{Operation, Transport, TransportError, async_trait};
use carium::documents::DocumentQuery;
use carium::{Carium, Credentials, Error};
use futures_util::StreamExt as _;

struct Empty;

#[async_trait]
impl Transport for Empty {
    async fn send(
        &self,
        operation: &'static Operation,
        _request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let answer: &[u8] =
            if operation.id == "login" { br#"{"access-token": "token"}"# } else { br#"{"data": []}"# };
        Ok(Response::new(Bytes::from_static(answer)))
    }
}

/// Lists the documents of queries.
pub(crate) struct Lister {
    carium: Carium,
    runtime: tokio::runtime::Runtime,
}

impl Lister {
    pub(crate) fn new() -> Self {
        let carium = Carium::builder()
            .credentials(Credentials::new("username", "password").unwrap())
            .organization("8d25a2a6-8219-40d1-a34f-c24ec69f4f72".parse().unwrap())
            .transport(Arc::new(Empty))
            .build()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { carium, runtime }
    }

    pub(crate) fn list(&self, query: DocumentQuery) -> Result<(), Error> {
        let items = self.carium.documents().list(query).collect::<Vec<_>>();
        self.runtime.block_on(items).into_iter().try_for_each(|item| item.map(drop))
    }
}
