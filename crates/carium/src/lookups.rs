//! Lookup types: resources with an ID and a name that other resources refer to.

/// Defines a lookup type and the conversion of its list pages. `$shows_name` is whether `Debug` shows the name.
macro_rules! lookup_type {
    ($(#[$doc:meta])* $name:ident, $id:ty, $list:ty, $shows_name:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $name {
            /// The ID.
            pub id: $id,
            /// The name, if the service returned one.
            pub name: Option<String>,
        }

        impl $name {
            /// Creates a value with this ID and name.
            pub fn new(id: $id, name: impl Into<String>) -> Self {
                Self { id, name: Some(name.into()) }
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                let mut output = f.debug_struct(stringify!($name));
                output.field("id", &self.id);
                if $shows_name {
                    output.field("name", &self.name);
                }
                output.finish_non_exhaustive()
            }
        }

        impl $crate::page::ListPage for $list {
            type Item = $name;

            fn into_page(self) -> $crate::page::DecodedPage<$name> {
                let item = |item: ::carium_api::types::$name| {
                    let name = item.attributes.into_known().and_then(|attributes| attributes.name.into_known());
                    $name { id: item.id, name }
                };
                let items = self.data.into_iter().map(item).collect();
                $crate::page::DecodedPage::new(items, |item| item.id, self.links, self.meta)
            }
        }
    };
}

/// Expands to a list of items with an optional filter for the organization.
macro_rules! list_lookup {
    ($self:ident, $organization:expr, $options:ident, $operation:ident, $method:ident) => {{
        let organization = $organization;
        let request_page = move |client: Client, page: PageParameters| async move {
            let mut request = client.$method();
            if let Some(organization) = organization {
                request = request.organization_id(organization);
            }
            request.page_limit(page.limit).page_offset(page.offset).send().await
        };
        items($self.client.clone(), &operations::$operation, $options, request_page)
    }};
}

pub(crate) use {list_lookup, lookup_type};
