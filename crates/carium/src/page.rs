//! Lists, page by page.

use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::num::NonZeroU64;

use carium_api::types::{ErrorDocument, PageLinks};
use carium_api::{Attribute, Client, Operation, Redacted, ResponseValue};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use serde::de::DeserializeOwned;
use url::Url;

use crate::error::{Error, ErrorKind};
use crate::outcome;
use crate::transport::SentTo;

/// The items of a list, which are fetched a page at a time when they are asked for. The stream ends after its
/// first error; [`Error::page_cursor`] says where to resume.
pub type Items<T> = BoxStream<'static, Result<T, Error>>;

/// A page of a list: where to begin, and where to resume.
#[derive(Clone, PartialEq, Eq)]
pub struct PageCursor(Place);

#[derive(Clone, PartialEq, Eq)]
enum Place {
    First,
    Number(NonZeroU64),
    /// A link, of the list of this operation.
    Link(&'static str, String),
}

impl PageCursor {
    /// The first page.
    pub fn first() -> Self {
        Self(Place::First)
    }

    /// The page of this number, counted from 1.
    pub fn number(number: NonZeroU64) -> Self {
        Self(Place::Number(number))
    }

    pub(crate) fn as_number(&self) -> Option<NonZeroU64> {
        match &self.0 {
            Place::Number(number) => Some(*number),
            Place::First | Place::Link(..) => None,
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
            Place::First => f.write_str("PageCursor(first)"),
            Place::Number(number) => write!(f, "PageCursor({number})"),
            // Its query may name a patient.
            Place::Link(..) => write!(f, "PageCursor({})", Redacted::Phi),
        }
    }
}

/// Where a list begins, and how much of it a page holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOptions {
    pub(crate) page: PageCursor,
    pub(crate) page_size: Option<NonZeroU64>,
}

impl ListOptions {
    /// From this page on: [`PageCursor::number`], or what [`Error::page_cursor`] gave.
    #[must_use]
    pub fn start_at(mut self, page: PageCursor) -> Self {
        self.page = page;
        self
    }

    /// So many items a page, at the most. The service may give fewer. A page that is resumed has the size that
    /// it had.
    #[must_use]
    pub fn page_size(mut self, items: NonZeroU64) -> Self {
        self.page_size = Some(items);
        self
    }
}

/// A page as the service gives it, of whatever list.
pub(crate) trait Paged: DeserializeOwned + Send + 'static {
    type Item: Send + 'static;

    fn into_parts(self) -> (Vec<Self::Item>, Attribute<PageLinks>);
}

type Answered<P> = Result<ResponseValue<P>, carium_api::Error<ErrorDocument>>;

/// The items of a list from a page on. `begin` calls the list itself, for a page that is not a link.
pub(crate) fn items<P, B, F>(
    client: Client,
    operation: &'static Operation,
    from: PageCursor,
    begin: B,
) -> Items<P::Item>
where
    P: Paged,
    B: Fn(Client, PageCursor) -> F + Send + Sync + 'static,
    F: Future<Output = Answered<P>> + Send + 'static,
{
    let reader = Reader { client, operation, begin, next: Some(from), seen: HashSet::new() };
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

struct Reader<B> {
    client: Client,
    operation: &'static Operation,
    begin: B,
    next: Option<PageCursor>,
    /// The pages that were read, each by what it is asked with: one that comes again would lead in a circle.
    seen: HashSet<u64>,
}

impl<B> Reader<B> {
    /// The items of a page, and what is wrong with its link to the next one.
    async fn read<P, F>(&mut self, page: &PageCursor) -> Result<(Vec<P::Item>, Option<Error>), Error>
    where
        P: Paged,
        B: Fn(Client, PageCursor) -> F,
        F: Future<Output = Answered<P>>,
    {
        let answered = match &page.0 {
            Place::Link(operation, link) => {
                if *operation != self.operation.id {
                    let what = "the page to resume from is one of another list";
                    return Err(Error::new(ErrorKind::InvalidInput, what));
                }
                self.client.follow_link(self.operation, link).await
            }
            Place::First | Place::Number(_) => (self.begin)(self.client.clone(), page.clone()).await,
        };
        let (page, sent_to) = outcome::of(self.operation, answered)?;
        if let Some(SentTo(url)) = sent_to {
            self.seen.insert(identity(&url.to_string()));
        }
        let (items, links) = page.into_parts();
        // A page may be empty and have a next one.
        match self.next_after(links) {
            Ok(next) => {
                self.next = next;
                Ok((items, None))
            }
            Err(error) => Ok((items, Some(error))),
        }
    }

    fn next_after(&mut self, links: Attribute<PageLinks>) -> Result<Option<PageCursor>, Error> {
        let wrong = |what: &'static str| {
            Error::new(ErrorKind::Undecodable, what).with(|inner| inner.operation = Some(self.operation))
        };
        let link = match links.into_known().map(|links| links.next) {
            Some(Attribute::Known(link)) if !link.is_empty() => link,
            Some(Attribute::Unknown(_)) => return Err(wrong("the link to the next page is not a text")),
            _ => return Ok(None),
        };
        let Some(url) = self.client.base_url().resolve(self.operation.path, &link) else {
            return Err(wrong("the link to the next page leads to another origin, where nothing was sent"));
        };
        if self.seen.contains(&identity(&url)) {
            return Err(wrong("the pages of the list lead in a circle"));
        }
        Ok(Some(PageCursor(Place::Link(self.operation.id, link))))
    }
}

/// What tells a page from others, however its URL is written: the path, and the query's pairs in any order.
fn identity(url: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    if let Ok(url) = Url::parse(url) {
        let mut pairs: Vec<_> = url.query_pairs().into_owned().collect();
        pairs.sort_unstable();
        (url.path().trim_end_matches('/'), pairs).hash(&mut hasher);
    }
    hasher.finish()
}
