//! Paginated lists.

use std::collections::HashSet;
use std::future::Future;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use carium_api::types::{ErrorDocument, PageLinks};
use carium_api::{Attribute, Client, Operation, ResponseValue};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use serde::de::DeserializeOwned;
use url::Url;

use crate::api_result;
use crate::error::{Error, ErrorKind};
use crate::page_cursor::CursorPosition;
pub use crate::page_cursor::{ListOptions, PageCursor};
use crate::transport::RequestUri;

/// A stream of the items of a list.
///
/// Pages are fetched lazily: the next page is requested only after all items of the previous page were yielded. The
/// stream ends after its first error. To resume it, pass [`Error::page_cursor`] to [`ListOptions::start_at`].
pub type Items<T> = BoxStream<'static, Result<T, Error>>;

/// A page of a list, as the service returns it.
pub(crate) trait ListPage: DeserializeOwned + Send + 'static {
    type Item: Send + 'static;

    fn into_parts(self) -> (Vec<Self::Item>, Attribute<PageLinks>);
}

type ApiResult<P> = Result<ResponseValue<P>, carium_api::Error<ErrorDocument>>;

/// Returns the items of a list, starting at a page.
///
/// `request_page` requests the first page, or a page by its number. Later pages are requested by following the links
/// in the responses.
pub(crate) fn items<P, B, F>(
    client: Client,
    operation: &'static Operation,
    start: PageCursor,
    request_page: B,
) -> Items<P::Item>
where
    P: ListPage,
    B: Fn(Client, PageCursor) -> F + Send + Sync + 'static,
    F: Future<Output = ApiResult<P>> + Send + 'static,
{
    let reader =
        PageReader { client, operation, request_page, next: Some(start), requested_pages: HashSet::new() };
    stream::unfold(reader, |mut reader| async {
        let page = reader.next.take()?;
        let (items, error) = match reader.read(&page).await {
            Ok((items, error)) => (items, error),
            Err(error) => (Vec::new(), Some(error.with(|inner| inner.page = Some(page)))),
        };
        Some((stream::iter(items.into_iter().map(Ok).chain(error.map(Err))), reader))
    })
    .flatten()
    .boxed()
}

struct PageReader<B> {
    client: Client,
    operation: &'static Operation,
    request_page: B,
    next: Option<PageCursor>,
    /// The [hashes](hash_page_url) of the pages that were requested, to detect links that form a cycle.
    requested_pages: HashSet<u64>,
}

impl<B> PageReader<B> {
    /// Reads a page. Returns its items, and an error if its link to the next page is invalid.
    async fn read<P, F>(&mut self, page: &PageCursor) -> Result<(Vec<P::Item>, Option<Error>), Error>
    where
        P: ListPage,
        B: Fn(Client, PageCursor) -> F,
        F: Future<Output = ApiResult<P>>,
    {
        let result = match &page.0 {
            CursorPosition::Link { operation, link } => {
                if *operation != self.operation.id {
                    let message = "the page cursor belongs to a different list";
                    return Err(Error::new(ErrorKind::InvalidInput, message));
                }
                self.client.follow_link(self.operation, link).await
            }
            CursorPosition::First | CursorPosition::Number(_) => {
                (self.request_page)(self.client.clone(), page.clone()).await
            }
        };
        if let Ok(response) = &result
            && let Some(RequestUri(uri)) = response.extensions().get()
        {
            self.requested_pages.insert(hash_page_url(&uri.to_string()));
        }
        let page = api_result::convert_result(self.operation, result)?;
        let (items, links) = page.into_parts();
        // The presence of a `next` link decides whether the list continues, because a page can be empty.
        match self.next_page(links) {
            Ok(next) => {
                self.next = next;
                Ok((items, None))
            }
            Err(error) => Ok((items, Some(error))),
        }
    }

    fn next_page(&mut self, links: Attribute<PageLinks>) -> Result<Option<PageCursor>, Error> {
        let invalid_link = |message: &'static str| {
            Error::new(ErrorKind::Undecodable, message).with(|inner| inner.operation = Some(self.operation))
        };
        let link = match links.into_known().map(|links| links.next) {
            Some(Attribute::Known(link)) if !link.is_empty() => link,
            Some(Attribute::Unknown(_)) => {
                return Err(invalid_link("the link to the next page is not a string"));
            }
            _ => return Ok(None),
        };
        let Some(url) = self.client.base_url().resolve(self.operation.path, &link) else {
            return Err(invalid_link(
                "the link to the next page points to another origin and was not followed",
            ));
        };
        if self.requested_pages.contains(&hash_page_url(&url)) {
            return Err(invalid_link("the page links of the list form a cycle"));
        }
        Ok(Some(PageCursor(CursorPosition::Link { operation: self.operation.id, link })))
    }
}

/// Hashes the URL of a page, so that different spellings of the same URL have the same hash.
///
/// The hash covers the path without a trailing slash and the decoded query parameters in any order. The fragment
/// is ignored.
fn hash_page_url(url: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    if let Ok(url) = Url::parse(url) {
        let mut pairs: Vec<_> = url.query_pairs().into_owned().collect();
        pairs.sort_unstable();
        (url.path().trim_end_matches('/'), pairs).hash(&mut hasher);
    }
    hasher.finish()
}
