//! Typed keys of stored rows.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[doc = $doc:literal])* $name:ident) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// The tenant that owns a row.
    OrganizationId
}
id! {
    /// One run of the pipeline; every number on a page names the run that made it.
    RunId
}
id! {
    /// One imported object (a file, or a page of an API) in the import manifest.
    ManifestId
}
id! {
    /// A person who signs in.
    UserId
}
