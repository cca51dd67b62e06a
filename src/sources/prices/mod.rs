//! Readers of the providers' own public price feeds: bytes in, prices out, no network of their own.
//!
//! Feeds are read as streams: what nobody wants is passed over without being kept, so memory grows with
//! the prices that are wanted, not with the file.

mod amount;
mod aws_ebs;
mod aws_ec2;
mod aws_offer;
mod aws_offer_document;
mod aws_offer_table;
mod aws_region;
mod aws_s3;
mod aws_savings_plans;
mod aws_savings_plans_document;
mod aws_shape;
mod aws_spot_advisor;
mod azure_item;
mod azure_retail;
mod azure_storage;
mod error;
mod feed;
#[cfg(test)]
mod fixture;
mod found;
mod gcp_catalog;
mod gcp_machine;
mod gcp_price;
mod gcp_sku;
mod input;
mod json;
mod pages;
mod quotes;
mod read;
mod storage_parts;
mod wanted;

pub use error::FeedError;
pub use feed::{Feed, UnknownFeed};
pub use found::{Prices, SpotAdvice};
pub use pages::{MAX_PAGES, read_pages};
pub use read::read;
pub use wanted::{MachineType, Wanted};
