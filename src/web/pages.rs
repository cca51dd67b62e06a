//! The pages: one file each, with its route's handler, its query and its view.

pub(crate) mod sign_in;
