//! The start of a paginated list: the first page to read and the page size.

use std::fmt;
use std::num::NonZeroU64;

use carium_api::Redacted;

/// A position in a list, from which the list can be started or resumed.
#[derive(Clone, PartialEq, Eq)]
pub struct PageCursor(pub(crate) CursorPosition);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum CursorPosition {
    First,
    Number(NonZeroU64),
    /// The `next` link of an earlier page. It is valid only for the list operation that returned it.
    Link {
        operation: &'static str,
        link: String,
    },
}

impl PageCursor {
    /// Returns a cursor for the first page.
    pub fn first() -> Self {
        Self(CursorPosition::First)
    }

    /// Returns a cursor for the page with this number. The first page has number 1.
    pub fn number(number: NonZeroU64) -> Self {
        Self(CursorPosition::Number(number))
    }

    pub(crate) fn as_number(&self) -> Option<NonZeroU64> {
        match &self.0 {
            CursorPosition::Number(number) => Some(*number),
            CursorPosition::First | CursorPosition::Link { .. } => None,
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
            CursorPosition::First => f.write_str("PageCursor(first)"),
            CursorPosition::Number(number) => write!(f, "PageCursor({number})"),
            // The query of the link can contain health information.
            CursorPosition::Link { .. } => write!(f, "PageCursor({})", Redacted::Phi),
        }
    }
}

/// Options for listing: the first page to read and the page size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOptions {
    pub(crate) page: PageCursor,
    pub(crate) page_size: Option<NonZeroU64>,
}

impl ListOptions {
    /// Starts the list at this page, from [`PageCursor::number`] or [`Error::page_cursor`](crate::Error::page_cursor). Defaults to the
    /// first page.
    #[must_use]
    pub fn start_at(mut self, page: PageCursor) -> Self {
        self.page = page;
        self
    }

    /// Sets the maximum number of items per page. Defaults to the service's page size.
    ///
    /// The service may return fewer items. A list that is resumed from [`Error::page_cursor`](crate::Error::page_cursor) keeps its
    /// original page size.
    #[must_use]
    pub fn page_size(mut self, items: NonZeroU64) -> Self {
        self.page_size = Some(items);
        self
    }
}
