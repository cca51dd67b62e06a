//! Operating systems under one spelling.

pub(crate) use domain::canonical_os as canonical;
