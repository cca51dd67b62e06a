//! One file a command.

pub(crate) mod backtest;
pub(crate) mod config;
pub(crate) mod db;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod forecast;
pub(crate) mod ingest;
pub(crate) mod plan;
pub(crate) mod prices;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod token;
pub(crate) mod user;

use std::path::Path;
use std::process::ExitCode;

use ::ingest::series::Summary;
use ::ingest::{Place, ReadError, Reject};
use domain::{Event, Series, UnusedEvents};

/// Rejects shown to people; `--json` has the first thousand.
const REJECTS_SHOWN: usize = 20;

/// How a command ended, when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All of it.
    Done,
    /// Some input was rejected; the rejects were listed.
    SomeRejected,
}

impl Outcome {
    /// Done, unless rows were rejected.
    pub(crate) fn of_rejects(rejected: u64) -> Self {
        if rejected == 0 { Self::Done } else { Self::SomeRejected }
    }

    /// The worse of two.
    pub(crate) fn and(self, other: Self) -> Self {
        if other == Self::SomeRejected { other } else { self }
    }
}

/// The events of a file, and the places of their rows.
fn events(file: Option<&Path>) -> Result<(Vec<Event>, Vec<Place>), ReadError> {
    let Some(file) = file else { return Ok((Vec::new(), Vec::new())) };
    Ok(::ingest::events::read(file)?.all()?.into_iter().unzip())
}

/// What to say about the events that nothing uses of series which were read as a whole.
fn unused_events(events: &[Event], places: &[Place], series: &[Series], input: &Summary) -> Vec<String> {
    let mut unused = UnusedEvents::new(events);
    series.iter().for_each(|series| unused.see(&series.unique_id, series.grid.start));
    input.skipped.iter().for_each(|skipped| unused.leave_out(&skipped.unique_id));
    unused.warnings(|index| places[index].to_string())
}

/// Tells people what became of the rows of a table of series.
fn show_input(input: &Summary) {
    let counts = [
        (input.rejected, "rejected"),
        (input.duplicates, "averaged with others at their point"),
        (input.off_grid, "moved onto the grid"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if !counts.is_empty() {
        eprintln!("{} rows: {}", input.rows_read, counts.join(", "));
    }
    show_rejects(&input.rejects, input.rejected);
}

/// Tells people which rows were rejected, the first ones with place and reason.
fn show_rejects(rejects: &[Reject], rejected: u64) {
    for reject in rejects.iter().take(REJECTS_SHOWN) {
        eprintln!("  rejected: {reject}");
    }
    if rejected > REJECTS_SHOWN as u64 {
        eprintln!("  rejected: {} more; --json lists the first thousand", rejected - REJECTS_SHOWN as u64);
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::SomeRejected => Self::from(3),
        }
    }
}
