//! Options of a paginated list: where it starts, the page size and the prefetch.

use std::fmt;
use std::num::NonZeroU64;

use carium_api::Redacted;
use serde::{Deserialize, Serialize};

/// The page size that is requested by default. The vendor's own SDK requests the same.
const DEFAULT_PAGE_SIZE: NonZeroU64 = NonZeroU64::new(100).expect("100 is not zero");
/// Limits the memory of a list: at most this many pages are requested in advance.
const MAX_PREFETCH: usize = 16;

/// A position in a list, from which the list can be started or resumed.
///
/// It can be serialized, so that a later run can continue the list. If the service pages with links, the cursor has the
/// link, whose query can contain the ID of a patient: store it like health information if
/// [`may_contain_phi`](Self::may_contain_phi) returns `true`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PageCursor(pub(crate) CursorPosition);

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum CursorPosition {
    /// The `next` link of an earlier page. It is valid only for the list operation that returned it.
    Link {
        operation: String,
        link: String,
        /// The number of items before the page.
        offset: u64,
    },
    /// The page that starts after this many items.
    Offset { offset: u64 },
}

impl PageCursor {
    /// Returns a cursor for the first page.
    pub fn first() -> Self {
        Self::offset(0)
    }

    /// Returns a cursor for the page that starts after this many items of the list.
    pub fn offset(items: u64) -> Self {
        Self(CursorPosition::Offset { offset: items })
    }

    /// Returns whether the cursor has a page link of the service, which can contain the ID of a patient.
    pub fn may_contain_phi(&self) -> bool {
        matches!(self.0, CursorPosition::Link { .. })
    }

    /// Returns the number of items before the page.
    pub(crate) fn position(&self) -> u64 {
        match self.0 {
            CursorPosition::Offset { offset } | CursorPosition::Link { offset, .. } => offset,
        }
    }
}

impl Default for PageCursor {
    fn default() -> Self {
        Self::first()
    }
}

impl fmt::Debug for PageCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            CursorPosition::Offset { offset: 0 } => f.write_str("PageCursor(first)"),
            CursorPosition::Offset { offset } => write!(f, "PageCursor(offset {offset})"),
            // The query of the link can contain health information.
            CursorPosition::Link { .. } => write!(f, "PageCursor({})", Redacted::Phi),
        }
    }
}

/// Options for listing: where the list starts, the page size, and how many pages are requested in advance.
///
/// # Examples
///
/// ```
/// use std::num::NonZeroU64;
///
/// use carium::{ListOptions, PageCursor};
///
/// // Skips 200 items and requests up to four pages of 50 items concurrently.
/// let options = ListOptions::default()
///     .start_at(PageCursor::offset(200))
///     .page_size(NonZeroU64::new(50).unwrap())
///     .prefetch(4);
/// # let _ = options;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOptions {
    pub(crate) page: PageCursor,
    pub(crate) page_size: NonZeroU64,
    pub(crate) prefetch: usize,
}

impl Default for ListOptions {
    fn default() -> Self {
        Self { page: PageCursor::first(), page_size: DEFAULT_PAGE_SIZE, prefetch: 1 }
    }
}

impl ListOptions {
    /// Starts the list at this page, from [`PageCursor::offset`] or
    /// [`Error::page_cursor`](crate::Error::page_cursor). Defaults to the first page.
    #[must_use]
    pub fn start_at(mut self, page: PageCursor) -> Self {
        self.page = page;
        self
    }

    /// Sets the maximum number of items per page. Defaults to 100.
    ///
    /// The service may return fewer items. A list that is resumed from a page link keeps its original page size.
    #[must_use]
    pub fn page_size(mut self, items: NonZeroU64) -> Self {
        self.page_size = items;
        self
    }

    /// Sets how many pages are requested in advance, while the items of the current page are consumed. Defaults
    /// to 1. At most 16; larger values have the same effect as 16.
    ///
    /// - 0 requests a page only when its first item is polled.
    /// - More than 1 has an effect only if the service states the size of the list and does not return page links.
    ///   Then up to this number of pages are requested concurrently.
    ///
    /// Items keep their order, and an error is returned after the items of the pages before it. The list keeps at
    /// most this number of pages in memory, in addition to the current page. Dropping the stream cancels the
    /// requests. Pages are requested in advance only within a tokio runtime.
    #[must_use]
    pub fn prefetch(mut self, pages: usize) -> Self {
        self.prefetch = pages.min(MAX_PREFETCH);
        self
    }
}
