//! Things with an id and a name, which others refer to.

/// Something with an id and a name that is drawn on, and how a page of it is read.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident, $id:ty, $list:ty, $shows_name:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $name {
            /// Its id.
            pub id: $id,
            /// Its name, where the service says it.
            pub name: Option<String>,
        }

        impl $name {
            /// One with this id and name.
            pub fn new(id: $id, name: impl Into<String>) -> Self {
                Self { id, name: Some(name.into()) }
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                let mut shown = f.debug_struct(stringify!($name));
                shown.field("id", &self.id);
                if $shows_name {
                    shown.field("name", &self.name);
                }
                shown.finish_non_exhaustive()
            }
        }

        impl $crate::page::Paged for $list {
            type Item = $name;

            fn into_parts(self) -> (Vec<$name>, ::carium_api::Attribute<::carium_api::types::PageLinks>) {
                let item = |item: ::carium_api::types::$name| {
                    let name = item.attributes.into_known().and_then(|said| said.name.into_known());
                    $name { id: item.id, name }
                };
                (self.data.into_iter().map(item).collect(), self.links)
            }
        }
    };
}

pub(crate) use named;
