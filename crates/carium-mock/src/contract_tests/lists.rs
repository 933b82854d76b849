//! What every list promises.

use std::fmt::Debug;
use std::num::NonZeroU64;

use carium::{Items, ListOptions, PageCursor};
use futures_util::StreamExt as _;

use super::finding::{Outcome, distinct, done, holds, same};

/// More items than this are not read: a list without an end is a finding, not a check without one.
const MOST: usize = 100_000;
/// Sizes of pages: the smallest ones, those around what is usual, and more than anybody gives.
const SIZES: [u64; 6] = [1, 2, 7, 25, 26, 1000];

/// What items are told apart by.
pub(super) trait Id: Ord + Copy + Debug + Send + Sync {}

impl<I: Ord + Copy + Debug + Send + Sync> Id for I {}

/// The items of a list, all of them.
pub(super) async fn all<T>(at: &str, mut items: Items<T>) -> Outcome<Vec<T>> {
    let mut all = Vec::new();
    while let Some(item) = items.next().await {
        all.push(done(format!("reading {at}"), item)?);
        holds(all.len() <= MOST, at, "that it ends", "more and more items")?;
    }
    Ok(all)
}

/// Options with pages of this size.
pub(super) fn pages_of(items: u64) -> ListOptions {
    NonZeroU64::new(items).map_or_else(ListOptions::default, |items| ListOptions::default().page_size(items))
}

/// A list is whole: with what must be in it, nothing twice, and the same for every size of page.
pub(super) async fn is_whole<T: Send + Sync, I: Id>(
    at: &str,
    list: impl Fn(ListOptions) -> Items<T> + Send + Sync,
    id: fn(&T) -> I,
    known: &[I],
) -> Outcome {
    let items = all(at, list(ListOptions::default())).await?;
    let ids: Vec<_> = items.iter().map(id).collect();
    for known in known {
        let came = format!("{} others", ids.len());
        holds(ids.contains(known), at, format!("that {known:?} is in it"), came)?;
    }
    distinct(at, &ids)?;
    for size in SIZES {
        let paged = all(at, list(pages_of(size))).await?;
        let paged: Vec<_> = paged.iter().map(id).collect();
        let expected = format!("the {} items that it has otherwise, in their order", ids.len());
        let came = format!("{} items", paged.len());
        holds(paged == ids, format!("{at}, with pages of {size}"), expected, came)?;
    }
    Ok(())
}

/// A list begins where it is told to, and can be left.
pub(super) async fn begins_and_ends_as_told<T: Send + Sync, I: Id>(
    at: &str,
    list: impl Fn(ListOptions) -> Items<T> + Send + Sync,
    id: fn(&T) -> I,
) -> Outcome {
    let items = all(at, list(ListOptions::default())).await?;
    let ids: Vec<_> = items.iter().map(id).collect();
    for (number, skipped) in [(1, 0), (2, 1)] {
        let Some(number) = NonZeroU64::new(number) else { continue };
        let from = all(at, list(pages_of(1).start_at(PageCursor::number(number)))).await?;
        let from: Vec<_> = from.iter().map(id).collect();
        let expected = format!("all but {skipped} of {} items", ids.len());
        let came = format!("{} items", from.len());
        let at = format!("{at}, with pages of 1, from page {number} on");
        holds(ids.get(skipped..) == Some(&from), at, expected, came)?;
    }
    let first = list(pages_of(1)).take(1).collect::<Vec<_>>().await;
    let mut taken = Vec::new();
    for item in first {
        taken.push(id(&done(format!("reading {at}"), item)?));
    }
    same(format!("{at}, of which one item is read"), &taken.first(), &ids.first())
}
