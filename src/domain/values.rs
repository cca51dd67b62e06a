//! Closed sets of values that stand in files, columns and JSON under a fixed spelling.

/// A text that is none of the values that a column allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {column} {found:?}: expected one of {expected}")]
pub struct UnknownValue {
    /// Column name.
    pub column: &'static str,
    /// What stood there.
    pub found: String,
    /// The allowed values, comma separated.
    pub expected: &'static str,
}

/// Makes an enum whose values have one spelling everywhere: `as_str`, `Display`, `FromStr` (ignoring
/// case) and serde all use it.
macro_rules! named_values {
    ($(#[doc = $doc:literal])* $name:ident, $column:literal, $expected:literal, { $($(#[doc = $vdoc:literal])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        pub enum $name { $($(#[doc = $vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The spelling in files, columns and JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownValue;

            fn from_str(text: &str) -> Result<Self, $crate::UnknownValue> {
                $(if text.trim().eq_ignore_ascii_case($text) { return Ok(Self::$variant); })+
                Err($crate::UnknownValue { column: $column, found: text.to_owned(), expected: $expected })
            }
        }
    };
}
pub(crate) use named_values;
