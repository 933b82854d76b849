//! Reads the pages of a list in their order, and requests pages in advance.

use std::collections::{HashSet, VecDeque};
use std::panic;
use std::sync::Arc;

use carium_api::{BaseUrl, Operation};
use futures_util::stream::{self, StreamExt as _};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tracing::Instrument as _;
use url::Url;

use super::paging::{NextLink, Total};
use super::{DecodedPage, FetchPage, FetchedPage, Items, Page, hash_page_url};
use crate::error::{Error, ErrorKind};
use crate::page_cursor::{CursorPosition, ListOptions, PageCursor};

pub(super) struct PageReader<T> {
    operation: Arc<Operation>,
    base_url: BaseUrl,
    fetch: Box<FetchPage<T>>,
    page_size: u64,
    max_prefetched: usize,
    /// The page to read next. `None` after the last page and after an error.
    next: Option<PageCursor>,
    /// The pages that were requested in advance, in their order. The first one is the page at `next`.
    prefetched: VecDeque<PrefetchedPage<T>>,
    /// The hashes of the URLs that were requested, to detect links that form a cycle.
    requested_urls: HashSet<u64>,
    /// A hash of the IDs on the last page that had items.
    previous_ids: Option<u64>,
    /// The latest total that a page stated.
    total: Option<u64>,
    /// The total that the previous page stated.
    previous_total: Option<u64>,
}

/// A page that is requested in a task, which is aborted if the page is dropped.
///
/// It is a task because a future in the stream would make no progress while the caller handles an item. It would
/// keep its place under the client's concurrency limit, and calls by the caller could wait for that place forever.
struct PrefetchedPage<T> {
    cursor: PageCursor,
    /// Whether it was requested before the response to the page before it was read.
    is_concurrent: bool,
    task: JoinHandle<Result<FetchedPage<T>, Error>>,
}

impl<T> PrefetchedPage<T> {
    async fn result(mut self) -> Result<FetchedPage<T>, Error> {
        match (&mut self.task).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => panic::resume_unwind(error.into_panic()),
            Err(_) => Err(Error::new(ErrorKind::Canceled, "the runtime was shut down while a list was read")),
        }
    }
}

impl<T> Drop for PrefetchedPage<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<T: Send + 'static> PageReader<T> {
    pub(super) fn new(
        operation: Arc<Operation>,
        base_url: BaseUrl,
        fetch: Box<FetchPage<T>>,
        options: ListOptions,
    ) -> Self {
        Self {
            operation,
            base_url,
            fetch,
            page_size: options.page_size.get(),
            max_prefetched: options.prefetch,
            next: Some(options.page),
            prefetched: VecDeque::new(),
            requested_urls: HashSet::new(),
            previous_ids: None,
            total: None,
            previous_total: None,
        }
    }

    /// Returns the items of all pages.
    pub(super) fn into_items(self) -> Items<T> {
        let pages = stream::unfold(self, |mut reader| async {
            let cursor = reader.next.take()?;
            let (items, error) = match reader.read(&cursor).await {
                Ok((items, error)) => (Some(items), error),
                Err(error) => (None, Some(error.with(|inner| inner.page = Some(cursor.clone())))),
            };
            let received = items.as_ref().map_or(0, Vec::len) as u64;
            reader.request_in_advance(received);
            let page = items.map(|items| Page {
                items,
                next: reader.next.clone(),
                end: Some(PageCursor::offset(cursor.position().saturating_add(received))),
                total: reader.total,
            });
            Some((stream::iter(page.into_iter().map(Ok).chain(error.map(Err))), reader))
        });
        Items::from_pages(pages.flatten())
    }

    /// Reads a page and determines the next one. Returns its items, and an error if there is no valid next page.
    async fn read(&mut self, cursor: &PageCursor) -> Result<(Vec<T>, Option<Error>), Error> {
        let FetchedPage { page, url } = self.receive(cursor).await?;
        self.requested_urls.extend(url.as_ref().map(hash_page_url));
        if !page.items.is_empty() && self.previous_ids.replace(page.ids) == Some(page.ids) {
            return Err(self.error("the service returned a page of the list twice; resume the list later"));
        }
        self.previous_total = page.total.items();
        self.total = self.previous_total.or(self.total);
        let received = page.items.len() as u64;
        let link = match page.next {
            // A relative link is relative to the URL of its page. The template of a path has no values.
            NextLink::Link(link) => NextLink::Link(absolute_link(url.as_ref(), link)),
            link => link,
        };
        let next = self.next_page(cursor, received, link, page.total);
        let items = page.items;
        match next {
            Ok(next) => {
                self.next = next;
                Ok((items, None))
            }
            Err(error) => Ok((items, Some(error))),
        }
    }

    /// Returns the page at the cursor, from the pages that were requested in advance if possible.
    async fn receive(&mut self, cursor: &PageCursor) -> Result<FetchedPage<T>, Error> {
        let Some(prefetched) = self.prefetched.pop_front() else { return (self.fetch)(cursor).await };
        let is_concurrent = prefetched.is_concurrent;
        let fetched = prefetched.result().await?;
        if is_concurrent && !self.is_newer_than_previous(&fetched.page) {
            self.prefetched.clear();
            return (self.fetch)(cursor).await;
        }
        Ok(fetched)
    }

    /// Returns whether the total shows that a page is not older than the previous page.
    ///
    /// The service can handle concurrent requests in any order. If it handled the request for a later page first, and
    /// an item was inserted before it handled the earlier one, then the item between the pages is on neither of them.
    fn is_newer_than_previous(&self, page: &DecodedPage<T>) -> bool {
        match (self.previous_total, page.total) {
            (Some(previous), Total::Items(total)) => previous <= total,
            _ => false,
        }
    }

    /// Returns the page that follows a page with this number of items.
    fn next_page(
        &self,
        cursor: &PageCursor,
        received: u64,
        link: NextLink,
        total: Total,
    ) -> Result<Option<PageCursor>, Error> {
        let position = cursor.position().saturating_add(received);
        let is_paged_with_links = match link {
            NextLink::Link(link) => return self.linked_page(link, position).map(Some),
            NextLink::Invalid => return Err(self.error("the link to the next page is not a string")),
            NextLink::Last => true,
            NextLink::Unstated => matches!(cursor.0, CursorPosition::Link { .. }),
        };
        if total == Total::Invalid {
            return Err(self.error("the total number of items of the list is not a number or is negative"));
        }
        let is_last = match self.total {
            Some(total) if received == 0 && position < total => {
                let message = "the service returned an empty page before the total of the list was reached; \
                               resume the list later";
                return Err(self.error(message).with(|inner| inner.page = Some(cursor.clone())));
            }
            Some(total) => position >= total,
            None => is_paged_with_links || received < self.page_size,
        };
        Ok((!is_last).then(|| PageCursor::offset(position)))
    }

    fn linked_page(&self, link: String, offset: u64) -> Result<PageCursor, Error> {
        let Some(url) = self.base_url.resolve(&self.operation.path, &link) else {
            let message = "the link to the next page points to another origin and was not followed";
            return Err(self.error(message));
        };
        let requested = Url::parse(&url).ok().map(|url| hash_page_url(&url));
        if requested.is_some_and(|url| self.requested_urls.contains(&url)) {
            return Err(self.error("the page links of the list form a cycle"));
        }
        Ok(PageCursor(CursorPosition::Link { operation: self.operation.to_string(), link, offset }))
    }

    /// Requests the next pages in advance. `received` is the number of items of the current page.
    ///
    /// Only the offset of the next page is known for certain. Those of later pages assume that every page has as many
    /// items as the current one. If a page has another number, the pages after it are discarded.
    fn request_in_advance(&mut self, received: u64) {
        let Some(next) = self.next.clone() else { return self.prefetched.clear() };
        if self.prefetched.front().is_some_and(|page| page.cursor != next) {
            self.prefetched.clear();
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let mut following = match self.prefetched.back() {
            Some(last) => self.page_after(&last.cursor, received),
            None => Some(next),
        };
        while self.prefetched.len() < self.max_prefetched
            && let Some(cursor) = following
        {
            let task = runtime.spawn((self.fetch)(&cursor).in_current_span());
            following = self.page_after(&cursor, received);
            let is_concurrent = !self.prefetched.is_empty();
            self.prefetched.push_back(PrefetchedPage { cursor, is_concurrent, task });
        }
    }

    /// Returns the page after a page that was requested in advance, if it is expected to have this number of items.
    fn page_after(&self, cursor: &PageCursor, items: u64) -> Option<PageCursor> {
        let CursorPosition::Offset { offset } = cursor.0 else { return None };
        let next = offset.saturating_add(items);
        (items > 0 && self.total.is_some_and(|total| next < total)).then(|| PageCursor::offset(next))
    }

    fn error(&self, message: &'static str) -> Error {
        Error::new(ErrorKind::Undecodable, message)
            .with(|inner| inner.operation = Some((*self.operation).clone()))
    }
}

/// Resolves a link against the URL of the page that has it. An invalid link is not changed.
fn absolute_link(page: Option<&Url>, link: String) -> String {
    page.and_then(|page| page.join(&link).ok()).map_or(link, String::from)
}
