//! One way in for every feed.

use std::io::BufRead;

use serde::Deserializer;

use super::amount::Reason;
use super::input::Input;
use super::json::Trail;
use super::{
    Feed, FeedError, Prices, Wanted, aws_ec2, aws_s3, aws_savings_plans, aws_spot_advisor, azure_retail,
    gcp_catalog,
};

/// Reads a feed: one JSON document, or several one after the other (pages, or one file a region).
///
/// The bulk lists of AWS may also be their CSV variant, one file. Memory grows with what is `wanted`.
///
/// # Errors
/// Input that cannot be read, is damaged or cut off, or is not this feed. A single price that is missing,
/// zero or makes no sense is no error: it is counted in [`Prices::skipped`].
pub fn read(feed: Feed, input: impl BufRead, wanted: &Wanted) -> Result<Prices, FeedError> {
    dispatch(feed, input, wanted, |_| None)
}

/// What one feed does with its documents.
pub(super) trait Reader {
    /// Reads one document.
    fn document<'de, D: Deserializer<'de>>(&mut self, trail: &Trail, document: D) -> Result<(), D::Error>;

    /// Reads the rest of the input as a table, for feeds that have such a variant.
    fn table<R: BufRead>(&mut self, table: &mut Input<R>) -> Option<Result<(), TableError>> {
        let _ = table;
        None
    }

    /// The page after the last document.
    fn next_page(&mut self) -> Option<String> {
        None
    }

    /// Everything that was found, or what a feed of this kind always has and this one has not.
    fn finish(self, prices: &mut Prices) -> Result<(), &'static str>;
}

/// Why a table could not be read.
pub(super) struct TableError {
    pub(super) place: String,
    pub(super) reason: String,
    pub(super) io: Option<std::io::Error>,
}

/// How the page behind a link comes: `None` when pages are not followed.
pub(super) type Page<R> = Option<Result<R, String>>;

pub(super) fn dispatch<R: BufRead>(
    feed: Feed,
    first: R,
    wanted: &Wanted,
    fetch: impl FnMut(&str) -> Page<R>,
) -> Result<Prices, FeedError> {
    match feed {
        Feed::AwsEc2 => run(feed, aws_ec2::reader(wanted), first, wanted, fetch),
        Feed::AwsSavingsPlans => {
            run(feed, aws_savings_plans::SavingsPlans::new(wanted), first, wanted, fetch)
        }
        Feed::AwsS3 => run(feed, aws_s3::reader(wanted), first, wanted, fetch),
        Feed::AwsSpotAdvisor => run(feed, aws_spot_advisor::SpotAdvisor::new(wanted), first, wanted, fetch),
        Feed::AzureRetail => run(feed, azure_retail::Retail::new(wanted), first, wanted, fetch),
        Feed::GcpCatalog => run(feed, gcp_catalog::Catalog::new(wanted), first, wanted, fetch),
    }
}

fn run<R: BufRead>(
    feed: Feed,
    mut reader: impl Reader,
    first: R,
    wanted: &Wanted,
    fetch: impl FnMut(&str) -> Page<R>,
) -> Result<Prices, FeedError> {
    let mut prices = Prices::empty(feed, wanted.as_of);
    prices.next_page = super::pages::walk(feed, &mut reader, first, fetch)?;
    reader.finish(&mut prices).map_err(|missing| FeedError::Incomplete { feed, missing })?;
    Ok(prices)
}

/// Reads every document of one input.
pub(super) fn documents<R: BufRead>(feed: Feed, reader: &mut impl Reader, input: R) -> Result<(), FeedError> {
    let mut input = Input::new(input);
    let mut found = false;
    loop {
        let next = input.next_byte();
        let Some(byte) = next.map_err(|source| FeedError::Read { feed, offset: input.offset(), source })?
        else {
            break;
        };
        found = true;
        if byte != b'{'
            && byte != b'['
            && let Some(result) = reader.table(&mut input)
        {
            result.map_err(|error| table_error(feed, input.offset(), error))?;
            continue;
        }
        let trail = Trail::default();
        let mut document = serde_json::Deserializer::from_reader(&mut input);
        let result = reader.document(&trail, &mut document);
        drop(document);
        result.map_err(|error| json_error(feed, input.offset(), &trail, error))?;
    }
    if found { Ok(()) } else { Err(FeedError::Incomplete { feed, missing: "content" }) }
}

fn json_error(feed: Feed, offset: u64, trail: &Trail, error: serde_json::Error) -> FeedError {
    if error.is_io() {
        return FeedError::Read { feed, offset, source: error.into() };
    }
    FeedError::Malformed { feed, offset, place: trail.to_string(), reason: error.to_string() }
}

fn table_error(feed: Feed, offset: u64, error: TableError) -> FeedError {
    match error.io {
        Some(source) => FeedError::Read { feed, offset, source },
        None => FeedError::Malformed { feed, offset, place: error.place, reason: error.reason },
    }
}

/// Reasons that several feeds share.
pub(super) const NO_REGION: Reason = "region is not stated";
