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

use std::process::ExitCode;

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

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::SomeRejected => Self::from(3),
        }
    }
}
