//! Why a feed could not be read.

use std::io;

use super::Feed;

/// Why a feed could not be read. Nothing of it is used then.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The input could not be read.
    #[error("{feed} could not be read after byte {offset}")]
    Read {
        /// Feed.
        feed: Feed,
        /// Bytes read so far.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// The input is not what the feed publishes: cut off, damaged, or another file.
    #[error(
        "{feed} is malformed at byte {offset} (in {place}): {reason}; download it again, and check that it is the uncompressed {feed} feed"
    )]
    Malformed {
        /// Feed.
        feed: Feed,
        /// Bytes read when it was noticed, from 0.
        offset: u64,
        /// Part of the document, as a JSON path or a line of a table.
        place: String,
        /// What was found, and what was expected.
        reason: String,
    },
    /// The input is well-formed, but something that the feed always has is not there.
    #[error("{feed} has no {missing}; check that this is the {feed} feed, and complete")]
    Incomplete {
        /// Feed.
        feed: Feed,
        /// What is not there.
        missing: &'static str,
    },
    /// A further page could not be had.
    #[error("page {page} of {feed} could not be fetched: {reason}; try again later")]
    Page {
        /// Feed.
        feed: Feed,
        /// Number of the page, from 1.
        page: usize,
        /// Why.
        reason: String,
    },
    /// The pages do not end: one comes again, or there are more than [`MAX_PAGES`](super::MAX_PAGES).
    #[error("the pages of {feed} do not end ({pages} read); narrow the filter of the request")]
    Endless {
        /// Feed.
        feed: Feed,
        /// Pages read.
        pages: usize,
    },
}
