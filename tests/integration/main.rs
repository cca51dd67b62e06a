//! What users see, checked on the built binary.
#![expect(clippy::unwrap_used, reason = "a step that fails fails its test")]

mod api;
mod bills;
mod browser;
mod buckets;
mod cli;
mod demo;
mod forecast;
mod ingest;
mod instances;
mod mail;
mod notebook;
mod plan_files;
mod shared_bills;
mod tools;
