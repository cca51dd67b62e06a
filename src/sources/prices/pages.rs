//! Feeds that come in pages, fetched by somebody else.

use std::collections::BTreeSet;
use std::fmt;
use std::io::BufRead;

use super::read::{Page, Reader, dispatch, documents};
use super::{Feed, FeedError, Prices, Wanted};

/// Pages after which reading stops with an error. All virtual machines of all Azure regions are about
/// 1,500 pages of 100.
pub const MAX_PAGES: usize = 20_000;

/// Reads a feed from its `first` page to its last.
///
/// `fetch` gets what the feed says about the next page, word for word: for `azure-retail` a whole link
/// (`NextPageLink`), for `gcp-catalog` a token (`nextPageToken`, a query parameter of the same request).
/// It decides whether to follow: a link comes from the network and may point anywhere.
///
/// # Errors
/// As [`read`](super::read), and when a page cannot be fetched, comes a second time, or pages do not end.
pub fn read_pages<R: BufRead, E: fmt::Display>(
    feed: Feed,
    first: R,
    wanted: &Wanted,
    mut fetch: impl FnMut(&str) -> Result<R, E>,
) -> Result<Prices, FeedError> {
    dispatch(feed, first, wanted, |link| Some(fetch(link).map_err(|error| error.to_string())))
}

/// Reads pages until there is none left or the next is not followed: then its link is the answer.
pub(super) fn walk<R: BufRead>(
    feed: Feed,
    reader: &mut impl Reader,
    first: R,
    mut fetch: impl FnMut(&str) -> Page<R>,
) -> Result<Option<String>, FeedError> {
    let mut seen = BTreeSet::new();
    let mut input = first;
    for pages in 1..=MAX_PAGES {
        documents(feed, reader, input)?;
        let Some(link) = reader.next_page() else { return Ok(None) };
        if seen.contains(&link) {
            return Err(FeedError::Endless { feed, pages });
        }
        input = match fetch(&link) {
            None => return Ok(Some(link)),
            Some(Ok(page)) => page,
            Some(Err(reason)) => return Err(FeedError::Page { feed, page: pages + 1, reason }),
        };
        seen.insert(link);
    }
    Err(FeedError::Endless { feed, pages: MAX_PAGES })
}
