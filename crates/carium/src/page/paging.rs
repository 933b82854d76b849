//! What a page states about the list: the link to the next page, and the number of items of the whole list.

use carium_api::Attribute;
use carium_api::types::{PageLinks, PageMeta};

/// The link of a page to the next page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NextLink {
    /// The page does not state whether there is a next page.
    Unstated,
    /// The list is paged with links, and this is its last page.
    Last,
    Link(String),
    /// The link is neither a string nor an object with a string in `href`.
    Invalid,
}

impl NextLink {
    pub(super) fn new(links: Attribute<PageLinks>) -> Self {
        let Some(links) = links.into_known() else { return Self::Unstated };
        match links.next {
            Attribute::Known(link) => Self::from_text(&link),
            Attribute::Null => Self::Last,
            Attribute::Unknown(value) => match value.as_json().get("href").and_then(|link| link.as_str()) {
                Some(link) => Self::from_text(link),
                None => Self::Invalid,
            },
            // Other page links show that the list is paged with links. `self` does not, because JSON:API allows it in
            // every response.
            Attribute::Missing => {
                let page_links = [&links.first, &links.prev, &links.last];
                let has_page_links = page_links.into_iter().any(|link| !link.is_missing());
                if has_page_links { Self::Last } else { Self::Unstated }
            }
        }
    }

    fn from_text(link: &str) -> Self {
        if link.is_empty() { Self::Last } else { Self::Link(link.to_owned()) }
    }
}

/// The number of items of the whole list, as stated by a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Total {
    Unstated,
    Items(u64),
    /// The total is not a number or is negative.
    Invalid,
}

impl Total {
    pub(super) fn new(meta: Attribute<PageMeta>) -> Self {
        match meta.into_known().map(|meta| meta.page_total) {
            Some(Attribute::Known(items)) => Self::Items(items.0),
            Some(Attribute::Unknown(_)) => Self::Invalid,
            Some(Attribute::Missing | Attribute::Null) | None => Self::Unstated,
        }
    }

    /// Returns the number of items, if it is stated and valid.
    pub(super) fn items(self) -> Option<u64> {
        match self {
            Self::Items(items) => Some(items),
            Self::Unstated | Self::Invalid => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_links_to_the_next_page() {
        let link = |link: &str| NextLink::Link(link.to_owned());
        for (links, expected) in [
            (json!({"next": "?a=1"}), link("?a=1")),
            (json!({"next": {"href": "?a=1", "meta": {}}}), link("?a=1")),
            (json!({"next": null}), NextLink::Last),
            (json!({"next": ""}), NextLink::Last),
            (json!({"prev": "?a=1"}), NextLink::Last),
            (json!({"first": "?a=1", "last": null}), NextLink::Last),
            (json!({"self": "?a=1"}), NextLink::Unstated),
            (json!({}), NextLink::Unstated),
            (json!(null), NextLink::Unstated),
            (json!([]), NextLink::Unstated),
            (json!({"next": 1}), NextLink::Invalid),
            (json!({"next": {"href": null}}), NextLink::Invalid),
        ] {
            assert_eq!(NextLink::new(serde_json::from_value(links.clone()).unwrap()), expected, "{links}");
        }
    }

    #[test]
    fn reads_totals() {
        for (meta, expected) in [
            (json!({"page[total]": 45, "page[limit]": 20}), Total::Items(45)),
            (json!({"page[total]": 0}), Total::Items(0)),
            (json!({"page[total]": -1}), Total::Invalid),
            (json!({"page[total]": "45"}), Total::Invalid),
            (json!({"page[total]": 4.5}), Total::Invalid),
            (json!({"page[total]": {}}), Total::Invalid),
            (json!({"page[total]": null}), Total::Unstated),
            (json!({"count": 45}), Total::Unstated),
            (json!(null), Total::Unstated),
            (json!("45"), Total::Unstated),
        ] {
            assert_eq!(Total::new(serde_json::from_value(meta.clone()).unwrap()), expected, "{meta}");
        }
    }
}
