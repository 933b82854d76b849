//! Assertions that apply to every list.

use std::fmt::Debug;
use std::num::NonZeroU64;

use carium::{Items, ListOptions, PageCursor};
use futures_util::StreamExt as _;

use super::violation::{CaseResult, ensure, ensure_distinct, ensure_eq, ensure_ok};

/// Maximum number of items that are read, so that an endless list fails the test case instead of blocking it.
const MAX_ITEMS: usize = 100_000;
/// Page sizes to test: the smallest ones, the service's default of 25 and its neighbor, and a very large one.
const PAGE_SIZES: [u64; 6] = [1, 2, 7, 25, 26, 1000];

/// The bounds on the ID of a list item.
pub(super) trait ItemId: Ord + Copy + Debug + Send + Sync {}

impl<I: Ord + Copy + Debug + Send + Sync> ItemId for I {}

/// Reads all items of a list.
pub(super) async fn read_all<T>(list_name: &str, mut items: Items<T>) -> CaseResult<Vec<T>> {
    let mut all = Vec::new();
    while let Some(item) = items.next().await {
        all.push(ensure_ok(format!("reading {list_name}"), item)?);
        ensure(all.len() <= MAX_ITEMS, list_name, format!("at most {MAX_ITEMS} items"), "more items")?;
    }
    Ok(all)
}

/// Returns list options with this page size.
pub(super) fn with_page_size(items: u64) -> ListOptions {
    NonZeroU64::new(items).map_or_else(ListOptions::default, |items| ListOptions::default().page_size(items))
}

/// Checks that a list has the required items, has no duplicates, and is the same for every page size.
pub(super) async fn check_complete<T: Send + Sync, I: ItemId>(
    list_name: &str,
    list: impl Fn(ListOptions) -> Items<T> + Send + Sync,
    id: fn(&T) -> I,
    required: &[I],
) -> CaseResult {
    let items = read_all(list_name, list(ListOptions::default())).await?;
    let ids: Vec<_> = items.iter().map(id).collect();
    for required in required {
        let actual = format!("{} other items", ids.len());
        ensure(ids.contains(required), list_name, format!("an item {required:?}"), actual)?;
    }
    ensure_distinct(list_name, &ids)?;
    for size in PAGE_SIZES {
        let paged = read_all(list_name, list(with_page_size(size))).await?;
        let paged: Vec<_> = paged.iter().map(id).collect();
        let expected =
            format!("the same {} items in the same order as with the default page size", ids.len());
        let actual = format!("{} items", paged.len());
        ensure(paged == ids, format!("{list_name}, with a page size of {size}"), expected, actual)?;
    }
    Ok(())
}

/// Checks that a list starts at the requested page, and that a caller can stop reading it early.
pub(super) async fn check_start_and_early_stop<T: Send + Sync, I: ItemId>(
    list_name: &str,
    list: impl Fn(ListOptions) -> Items<T> + Send + Sync,
    id: fn(&T) -> I,
) -> CaseResult {
    let items = read_all(list_name, list(ListOptions::default())).await?;
    let ids: Vec<_> = items.iter().map(id).collect();
    for (number, skipped) in [(1, 0), (2, 1)] {
        let Some(number) = NonZeroU64::new(number) else { continue };
        let rest = read_all(list_name, list(with_page_size(1).start_at(PageCursor::number(number)))).await?;
        let rest: Vec<_> = rest.iter().map(id).collect();
        let expected = format!("all but the first {skipped} of {} items", ids.len());
        let actual = format!("{} items", rest.len());
        let checked = format!("{list_name}, with a page size of 1, starting at page {number}");
        ensure(ids.get(skipped..) == Some(&rest), checked, expected, actual)?;
    }
    let first_results = list(with_page_size(1)).take(1).collect::<Vec<_>>().await;
    let mut first_ids = Vec::new();
    for item in first_results {
        first_ids.push(id(&ensure_ok(format!("reading {list_name}"), item)?));
    }
    ensure_eq(format!("the first item of {list_name}"), &first_ids.first(), &ids.first())
}
