//! Lists of the service: the option `--limit`, and the output.

use std::num::NonZeroU64;

use carium::{Items, ListOptions};
use clap::Args;
use futures_util::stream::StreamExt as _;
use serde_json::Value;

use crate::error::CliError;
use crate::output::{Format, ListWriter};
use crate::stderr;

/// The page size of lists by default.
const DEFAULT_PAGE_SIZE: NonZeroU64 = NonZeroU64::new(100).expect("100 is not zero");

/// The option of commands that list items of the service.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct ListLimit {
    /// Stop after this number of items
    #[arg(long, value_name = "NUMBER")]
    limit: Option<NonZeroU64>,
}

impl ListLimit {
    pub(super) fn is_set(self) -> bool {
        self.limit.is_some()
    }

    /// Returns list options that request no more pages than the limit needs.
    pub(super) fn options(self) -> ListOptions {
        let options = ListOptions::default();
        match self.limit {
            None => options,
            Some(limit) if limit < DEFAULT_PAGE_SIZE => options.page_size(limit).prefetch(0),
            Some(_) => options.prefetch(0),
        }
    }

    /// Writes the items to stdout, up to the limit. A table is followed by the number of items on stderr. `nouns` are
    /// the words for one item and for several.
    pub(super) async fn write<T>(
        self,
        format: Format,
        columns: &'static [&'static str],
        nouns: [&str; 2],
        mut items: Items<T>,
        to_record: impl Fn(&T) -> Value,
    ) -> Result<(), CliError> {
        let limit = self.limit.map_or(u64::MAX, NonZeroU64::get);
        let mut output = ListWriter::new(format, columns);
        let mut count = 0;
        while count < limit
            && output.is_open()
            && let Some(item) = items.next().await
        {
            output.push(to_record(&item?))?;
            count += 1;
        }
        output.finish()?;
        if format == Format::Table {
            let [one, several] = nouns;
            let limited = if count == limit { " (stopped at `--limit`)" } else { "" };
            stderr::print(&format!("{count} {}{limited}", if count == 1 { one } else { several }));
        }
        Ok(())
    }
}
