//! A service with lists that pages in different ways, limits its pages, and changes while a list is read.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests panic to fail, and each test file uses only some of the helpers"
)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carium::api::{Operation, Transport, TransportError};
use carium::{Carium, Credentials};
use http::{Request, Response};
use serde_json::{Value, json};
use tokio::time::sleep;
use url::form_urlencoded;

/// How the service pages its lists.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Paging {
    Total,
    Links,
    LinkObjects,
    Neither,
}

pub(crate) struct PagedService {
    pub(crate) paging: Paging,
    pub(crate) max_page_size: usize,
    pub(crate) items: Mutex<Vec<usize>>,
    /// Where items are inserted before the response to a request, in thousandths of the list, by the number of the
    /// response.
    pub(crate) insertions: HashMap<usize, Vec<usize>>,
    /// The delays before and after the service reads the list, by the number of the request. The last one is used for
    /// all further requests.
    pub(crate) delays: Vec<(u64, u64)>,
    pub(crate) requests: AtomicUsize,
    pub(crate) responses: AtomicUsize,
    pub(crate) in_flight: AtomicUsize,
    pub(crate) max_in_flight: AtomicUsize,
}

impl PagedService {
    pub(crate) fn new(paging: Paging, items: usize, max_page_size: usize) -> Self {
        Self {
            paging,
            max_page_size,
            items: Mutex::new((0..items).collect()),
            insertions: HashMap::new(),
            delays: vec![(0, 0)],
            requests: AtomicUsize::default(),
            responses: AtomicUsize::default(),
            in_flight: AtomicUsize::default(),
            max_in_flight: AtomicUsize::default(),
        }
    }

    pub(crate) fn client(self: &Arc<Self>, max_concurrency: usize) -> Carium {
        let transport: Arc<dyn Transport> = Arc::<Self>::clone(self);
        Carium::builder()
            .base_url("https://api.example.com")
            .credentials(Credentials::new("username", "password").unwrap())
            .organization(super::ORGANIZATION.parse().unwrap())
            .max_concurrency(max_concurrency)
            // Loading the root certificates is slow, and the service is in memory.
            .http_client(reqwest::Client::builder().tls_certs_only([]))
            .transport(transport)
            .build()
            .unwrap()
    }

    fn page(&self, path: &str, query: &str) -> Value {
        let parameters: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let number = |name: &str| parameters.get(name).map(|value| value.parse::<usize>().unwrap());
        let mut items = self.items.lock().unwrap();
        let response = self.responses.fetch_add(1, Ordering::Relaxed);
        for place in self.insertions.get(&response).into_iter().flatten() {
            let (index, new) = (items.len() * place / 1000, items.len());
            items.insert(index, new);
        }
        let (limit, offset) = (number("page[limit]").unwrap(), number("page[offset]").unwrap_or(0));
        let limit = limit.min(self.max_page_size);
        let resource = |item: &usize| json!({"id": id(*item)});
        let data: Vec<_> = items.iter().skip(offset).take(limit).map(resource).collect();
        let next = offset + data.len();
        let next = (next < items.len()).then(|| format!("{path}?page[limit]={limit}&page[offset]={next}"));
        match self.paging {
            Paging::Total => json!({"data": data, "meta": {"page[total]": items.len()}}),
            Paging::Links => json!({"data": data, "links": {"next": next}}),
            Paging::LinkObjects => {
                json!({"data": data, "links": {"next": next.map(|next| json!({"href": next}))}})
            }
            Paging::Neither => json!({"data": data}),
        }
    }
}

/// The ID of an item.
pub(crate) fn id(item: usize) -> String {
    format!("00000000-0000-4000-8000-{item:012x}")
}

/// Counts a request until it is handled or canceled.
struct InFlight<'a>(&'a AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl Transport for PagedService {
    async fn send(
        &self,
        operation: &Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let body = match operation.id {
            "login" => json!({"access-token": "token"}),
            "get_appointment" => json!({"data": {"id": id(0)}}),
            _ => {
                let number = self.requests.fetch_add(1, Ordering::Relaxed);
                let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
                self.max_in_flight.fetch_max(in_flight, Ordering::Relaxed);
                let _in_flight = InFlight(&self.in_flight);
                let (before, after) = self.delays[number.min(self.delays.len() - 1)];
                sleep(Duration::from_millis(before)).await;
                let page = self.page(request.uri().path(), request.uri().query().unwrap_or_default());
                sleep(Duration::from_millis(after)).await;
                page
            }
        };
        Ok(Response::new(body.to_string().into()))
    }
}
