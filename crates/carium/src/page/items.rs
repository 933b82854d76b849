//! [`Items`]: the stream of a list's items or pages.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{fmt, vec};

use futures_util::stream::{self, BoxStream, Stream, StreamExt as _, TryReadyChunksError, TryStreamExt as _};

use crate::error::Error;
use crate::page_cursor::PageCursor;

/// A stream of the items of a list, which is either complete or ends with an error.
///
/// The first page is requested when the stream is polled. Further pages are requested in advance, see
/// [`ListOptions::prefetch`](crate::ListOptions::prefetch). The stream ends after its first error. To resume it, pass
/// [`Error::page_cursor`] to [`ListOptions::start_at`](crate::ListOptions::start_at).
///
/// # Completeness
///
/// The list follows `links.next`. If a page has no such link, the latest `page[total]` decides: the list ends when as
/// many items were received. If there is neither, it ends after a page with fewer items than requested. These
/// responses result in an error of the kind [`Undecodable`](crate::ErrorKind::Undecodable):
///
/// - an empty page before the total is reached
/// - a page with the same items as the page before it
/// - a total that is not a number or is negative
/// - page links that form a cycle or lead to another origin
///
/// # Changes while the list is read
///
/// The API has no snapshots. If items are inserted while the list is read, an item can be returned twice, but no item
/// that existed throughout is skipped. If items are deleted, the items after them move forward, and some of them can be
/// skipped.
///
/// # Pages
///
/// [`pages`](Self::pages) returns the pages instead of the items, with the position at which each ends.
///
/// # Implementing a trait
///
/// An implementation of a trait of this crate creates a list with [`from_items`](Self::from_items).
#[must_use = "a list requests nothing until it is polled"]
pub struct Items<T>(Source<T>);

/// The pages of a list.
pub type Pages<T> = BoxStream<'static, Result<Page<T>, Error>>;

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items, in the order of the service.
    pub items: Vec<T>,
    /// The next page. `None` on the last page, and on a page that is followed by an error.
    pub next: Option<PageCursor>,
    /// The position after the last item of this page. A list that starts at the end of the last page has only the items
    /// that were added at the end since then. `None` if the list does not come from the service.
    pub end: Option<PageCursor>,
    /// The number of items of the whole list, if the service stated it.
    pub total: Option<u64>,
}

impl<T> Page<T> {
    /// Creates a page that has these items and no position.
    pub fn new(items: Vec<T>) -> Self {
        Self { items, next: None, end: None, total: None }
    }
}

enum Source<T> {
    Pages { pages: Pages<T>, current: vec::IntoIter<T>, position: Page<()> },
    Items(BoxStream<'static, Result<T, Error>>),
}

impl<T: Send + 'static> Items<T> {
    /// Creates a list from a stream of items, for implementations of this crate's traits.
    pub fn from_items(items: impl Stream<Item = Result<T, Error>> + Send + 'static) -> Self {
        Self(Source::Items(items.boxed()))
    }

    /// Creates a list from a stream of pages, for implementations of this crate's traits.
    pub fn from_pages(pages: impl Stream<Item = Result<Page<T>, Error>> + Send + 'static) -> Self {
        let (current, position) = (Vec::new().into_iter(), Page::new(Vec::new()));
        Self(Source::Pages { pages: pages.boxed(), current, position })
    }

    /// Creates a list that has only this error.
    pub(crate) fn failed(error: Error) -> Self {
        Self::from_items(stream::iter([Err(error)]))
    }

    /// Returns the list with each item converted.
    pub fn map_items<U: Send + 'static>(self, convert: impl FnMut(T) -> U + Send + 'static) -> Items<U> {
        let mut convert = convert;
        let pages = self.pages().map_ok(move |Page { items, next, end, total }| {
            let items = items.into_iter().map(&mut convert).collect();
            Page { items, next, end, total }
        });
        Items::from_pages(pages)
    }

    /// Returns the pages of the list, from the current position. A page can be empty.
    ///
    /// A list that was created [from items](Self::from_items) has pages without positions.
    pub fn pages(self) -> Pages<T> {
        match self.0 {
            Source::Pages { pages, current, position } => {
                let items: Vec<T> = current.collect();
                let rest = (!items.is_empty()).then(|| {
                    let Page { next, end, total, .. } = position;
                    Ok(Page { items, next, end, total })
                });
                stream::iter(rest).chain(pages).boxed()
            }
            Source::Items(items) => {
                let chunks = items.try_ready_chunks(MAX_CHUNK).flat_map(|chunk| {
                    let (items, error) = match chunk {
                        Ok(items) => (items, None),
                        Err(TryReadyChunksError(items, error)) => (items, Some(error)),
                    };
                    let page = (!items.is_empty()).then(|| Ok(Page::new(items)));
                    stream::iter(page.into_iter().chain(error.map(Err)))
                });
                chunks.boxed()
            }
        }
    }
}

/// The number of items per page of a list that was created from items: that of the client's default page size.
const MAX_CHUNK: usize = 100;

// The stream never pins an item.
impl<T> Unpin for Items<T> {}

impl<T> Stream for Items<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.0 {
            Source::Items(items) => items.poll_next_unpin(context),
            Source::Pages { pages, current, position } => loop {
                if let Some(item) = current.next() {
                    return Poll::Ready(Some(Ok(item)));
                }
                match ready!(pages.poll_next_unpin(context)) {
                    Some(Ok(Page { items, next, end, total })) => {
                        *current = items.into_iter();
                        *position = Page { items: Vec::new(), next, end, total };
                    }
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => return Poll::Ready(None),
                }
            },
        }
    }
}

impl<T> fmt::Debug for Items<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").finish_non_exhaustive()
    }
}
