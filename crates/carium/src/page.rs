//! Paginated lists.
//!
//! | the response has | the list continues |
//! | --- | --- |
//! | `links.next` | at this link |
//! | `meta["page[total]"]` | at `page[offset]`, until the total is reached |
//! | neither | at `page[offset]`, after a page with as many items as requested |
//!
//! Each page is checked before the list continues, so that a list is either complete or ends with an error.

mod items;
mod paging;
mod reader;

use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::Arc;

use carium_api::types::{ErrorDocument, PageLimit, PageLinks, PageMeta, PageOffset};
use carium_api::{Attribute, Client, Operation, ResponseValue};
use futures_util::future::{self, BoxFuture, FutureExt as _};
use serde::de::DeserializeOwned;
use url::Url;

pub use self::items::{Items, Page, Pages};
use self::paging::{NextLink, Total};
use self::reader::PageReader;
use crate::api_result;
use crate::error::{Error, ErrorKind};
use crate::page_cursor::CursorPosition;
pub use crate::page_cursor::{ListOptions, PageCursor};
use crate::transport::RequestUri;

/// A response to a list operation.
pub(crate) trait ListPage: DeserializeOwned + Send + 'static {
    type Item: Send + 'static;

    fn into_page(self) -> DecodedPage<Self::Item>;
}

/// The content of a page.
pub(crate) struct DecodedPage<T> {
    items: Vec<T>,
    /// A hash of the IDs of the items, in their order.
    ids: u64,
    next: NextLink,
    total: Total,
}

impl<T> DecodedPage<T> {
    pub(crate) fn new<I: Hash>(
        items: Vec<T>,
        id: impl Fn(&T) -> I,
        links: Attribute<PageLinks>,
        meta: Attribute<PageMeta>,
    ) -> Self {
        let ids: Vec<_> = items.iter().map(id).collect();
        Self::from_ids(items, ids, links, meta)
    }

    /// Creates a page from its items and their IDs, in the same order.
    pub(crate) fn from_ids<I: Hash>(
        items: Vec<T>,
        ids: impl IntoIterator<Item = I>,
        links: Attribute<PageLinks>,
        meta: Attribute<PageMeta>,
    ) -> Self {
        let mut hasher = DefaultHasher::new();
        for id in ids {
            id.hash(&mut hasher);
        }
        Self { ids: hasher.finish(), items, next: NextLink::new(links), total: Total::new(meta) }
    }
}

/// The query parameters of the request for a page.
pub(crate) struct PageParameters {
    pub(crate) limit: PageLimit,
    pub(crate) offset: Option<PageOffset>,
}

type ApiResult<P> = Result<ResponseValue<P>, carium_api::Error<ErrorDocument>>;

/// A page and the request that returned it.
struct FetchedPage<T> {
    page: DecodedPage<T>,
    /// The requested URL, if the transport reports it.
    url: Option<Url>,
}

/// Requests the page at a cursor. The future does not borrow, because pages are also requested in tasks.
type FetchPage<T> = dyn Fn(&PageCursor) -> BoxFuture<'static, Result<FetchedPage<T>, Error>> + Send + Sync;

/// Returns the items of a list.
///
/// `request_page` requests a page by its offset. Pages that a link refers to are requested with [`Client::follow_link`].
pub(crate) fn items<P, B, F>(
    client: Client,
    operation: &Operation,
    options: ListOptions,
    request_page: B,
) -> Items<P::Item>
where
    P: ListPage,
    B: Fn(Client, PageParameters) -> F + Send + Sync + 'static,
    F: Future<Output = ApiResult<P>> + Send + 'static,
{
    let (base_url, limit) = (client.base_url().clone(), options.page_size);
    let operation = Arc::new(operation.clone());
    let listed = Arc::clone(&operation);
    let fetch = move |cursor: &PageCursor| {
        let (client, operation) = (client.clone(), Arc::clone(&listed));
        match cursor.0.clone() {
            CursorPosition::Offset { offset } => {
                let offset = (offset > 0).then_some(PageOffset(offset));
                let request = request_page(client, PageParameters { limit: PageLimit(limit), offset });
                async move { fetched(&operation, request.await) }.boxed()
            }
            CursorPosition::Link { operation: list, link, .. } if list == operation.to_string() => {
                async move { fetched(&operation, client.follow_link::<P>(&operation, &link).await) }.boxed()
            }
            CursorPosition::Link { .. } => {
                let message = "the page cursor belongs to a different list";
                future::ready(Err(Error::new(ErrorKind::InvalidInput, message))).boxed()
            }
        }
    };
    PageReader::new(operation, base_url, Box::new(fetch), options).into_items()
}

fn fetched<P: ListPage>(operation: &Operation, result: ApiResult<P>) -> Result<FetchedPage<P::Item>, Error> {
    let uri = result.as_ref().ok().and_then(|response| response.extensions().get::<RequestUri>());
    let url = uri.and_then(|RequestUri(uri)| Url::parse(&uri.to_string()).ok());
    let page = api_result::convert_result(operation, result)?.into_page();
    Ok(FetchedPage { page, url })
}

/// Hashes the URL of a page, so that different spellings of the same URL have the same hash.
///
/// The hash covers the path without a trailing slash and the decoded query parameters in any order. The fragment
/// is ignored.
fn hash_page_url(url: &Url) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut pairs: Vec<_> = url.query_pairs().into_owned().collect();
    pairs.sort_unstable();
    (url.path().trim_end_matches('/'), pairs).hash(&mut hasher);
    hasher.finish()
}
