//! The count of paid calls in a calendar month, kept in the cache folder over restarts.

use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, Utc};
use domain::BillingMonth;

use super::SourceError;

/// The calls of one calendar month.
pub(super) struct Budget {
    path: PathBuf,
    month: BillingMonth,
    today: NaiveDate,
    allowed: u32,
    spent_before: u32,
    spent_now: u32,
}

impl Budget {
    pub(super) fn open(folder: &Path, as_of: DateTime<Utc>, allowed: u32) -> Result<Self, SourceError> {
        let month = BillingMonth::of(as_of);
        let path = folder.join(format!("calls-{month}.txt"));
        let spent_before = match std::fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().map_err(|_| SourceError::Cache {
                path: path.clone(),
                source: std::io::Error::other(format!("{text:?} is not a number of calls")),
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(source) => return Err(SourceError::Cache { path, source }),
        };
        Ok(Self { path, month, today: as_of.date_naive(), allowed, spent_before, spent_now: 0 })
    }

    pub(super) fn left(&self) -> u32 {
        self.allowed.saturating_sub(self.spent_before + self.spent_now)
    }

    pub(super) fn spent_now(&self) -> u32 {
        self.spent_now
    }

    pub(super) fn today(&self) -> NaiveDate {
        self.today
    }

    /// Books one call before it is made, so that a crash can only overcount.
    pub(super) fn spend(&mut self) -> Result<(), SourceError> {
        if self.left() == 0 {
            return Err(SourceError::BudgetUsedUp { allowed: self.allowed, month: self.month });
        }
        self.spent_now += 1;
        let failed = |source| SourceError::Cache { path: self.path.clone(), source };
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        std::fs::write(&self.path, (self.spent_before + self.spent_now).to_string()).map_err(failed)
    }
}
