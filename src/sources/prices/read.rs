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
pub(super) const NO_PRICE: Reason = "price is missing or zero";

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use proptest::prelude::*;

    use super::*;
    use crate::prices::fixture::{ALL, everything, find};

    #[test]
    fn the_same_feed_gives_the_same_prices() {
        for (feed, text) in ALL {
            let prices = find(feed, text, &everything()).unwrap();
            assert_eq!(find(feed, text, &everything()).unwrap(), prices);
            // A byte order mark and small reads change nothing.
            let marked = format!("\u{feff}\n{text}\n\n");
            let slow = BufReader::with_capacity(1, marked.as_bytes());
            assert_eq!(read(feed, slow, &everything()).unwrap(), prices);
        }
    }

    #[test]
    fn damage_is_located() {
        let (feed, text) = ALL[0];
        let at = text.find("M6ILWIN").unwrap() + 30;
        let error = find(feed, &text[..at], &everything()).unwrap_err();
        let FeedError::Malformed { offset, place, .. } = &error else { panic!("{error}") };
        assert_eq!((*offset, place.as_str()), (at as u64, "$.products.M6ILWIN"));
        assert!(error.to_string().contains("download it again"), "{error}");
        let trailing = find(feed, &format!("{text} x"), &everything());
        assert!(trailing.is_err());
    }

    #[test]
    fn a_source_that_fails_is_not_called_malformed() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("connection reset"))
            }
        }
        for (feed, text) in ALL {
            let half = BufReader::new(text.as_bytes()[..text.len() / 2].chain(Broken));
            let error = read(feed, half, &everything()).unwrap_err();
            assert!(matches!(error, FeedError::Read { .. }), "{error}");
        }
    }

    #[test]
    fn feeds_are_not_taken_for_one_another() {
        for (feed, text) in ALL {
            for other in Feed::ALL.into_iter().filter(|&other| other != feed) {
                assert!(find(other, text, &everything()).is_err(), "{feed} read as {other}");
            }
        }
    }

    /// What holds for every price of every feed, however damaged.
    fn is_sane(prices: &Prices) -> bool {
        let payable = |amount: rust_decimal::Decimal| amount > rust_decimal::Decimal::ZERO;
        prices.quotes.iter().all(|quote| {
            payable(quote.hourly + quote.upfront)
                && quote.term_years.is_some() == quote.plan.is_commitment()
                && quote.payment.is_some() == quote.plan.is_commitment()
        }) && prices.shapes.iter().all(|shape| payable(shape.on_demand_hourly) && shape.vcpu > 0.0)
            && prices.disks.iter().all(|disk| payable(disk.gib_month))
            && prices.storage.iter().all(|class| payable(class.gib_month) && payable(class.read_1000))
            && prices.spot.iter().all(|spot| spot.savings_percent < 100)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn truncated_documents_are_refused(which in 0..ALL.len(), share in 0.0_f64..1.0) {
            let (feed, text) = ALL[which];
            let cut = &text[..(text.trim_end().len() as f64 * share) as usize];
            let result = find(feed, cut, &everything());
            // A table has no end mark: one that is cut between rows looks whole.
            let is_document = text.starts_with('{');
            prop_assert!(result.is_err() || !is_document);
        }

        #[test]
        fn damaged_input_never_panics_nor_yields_impossible_prices(
            which in 0..ALL.len(),
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..12),
        ) {
            let (feed, text) = ALL[which];
            let mut bytes = text.as_bytes().to_vec();
            for (index, byte, kind) in edits {
                let at = index.index(bytes.len());
                match kind {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, b"0123456789eE.-\"{}[],"[usize::from(byte) % 20]),
                    _ => drop(bytes.remove(at)),
                }
            }
            if let Ok(prices) = read(feed, bytes.as_slice(), &everything()) {
                prop_assert!(is_sane(&prices), "{prices:?}");
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400), which in 0_usize..6) {
            let _ = read(Feed::ALL[which], bytes.as_slice(), &everything());
        }
    }
}
