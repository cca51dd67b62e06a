//! What can go wrong in the store, named by what the caller can do about it.

use domain::BillingMonth;
use rust_decimal::Decimal;

/// Every error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing there under that key in this organization: answer 404.
    #[error("no {what} {key:?}")]
    NotFound {
        /// Kind of thing (`user`, `run`, …).
        what: &'static str,
        /// Key that was asked for.
        key: String,
    },
    /// That key is taken: answer 409.
    #[error("{what} {key:?} exists already")]
    AlreadyExists {
        /// Kind of thing.
        what: &'static str,
        /// Key that is taken.
        key: String,
    },
    /// The caller's value can't be stored: answer 422.
    #[error("{0}")]
    Invalid(String),
    /// A delivery overlaps an earlier one in a way that needs a decision; nothing was changed.
    #[error("{0}")]
    Overlap(Box<Overlap>),
    /// A newer version of an object has nothing more for a month that its older version had; nothing was changed.
    #[error(
        "{object} has no row any more for account {billing_account_id:?}, {billing_month}, where its last version had {rows}; nothing was changed: check that the file is complete, then import it again with --on-overlap replace to drop these rows, or --on-overlap append to keep them"
    )]
    MonthGone {
        /// The object.
        object: String,
        /// Billing account.
        billing_account_id: String,
        /// Billing month.
        billing_month: BillingMonth,
        /// Rows that are there.
        rows: u64,
    },
    /// The sums that the reader counted are not the sums that arrived in the database; nothing was changed.
    #[error(
        "{column} of {source_name} does not add up: the file has {in_file}, the database received {in_store}; nothing was changed, run the import again"
    )]
    SumsDiffer {
        /// Column, or `rows`.
        column: &'static str,
        /// Source of the delivery.
        source_name: String,
        /// What the reader counted.
        in_file: Decimal,
        /// What was received.
        in_store: Decimal,
    },
    /// No PostgreSQL to talk to and none to start.
    #[error("{0}")]
    NoServer(String),
    /// Another process of ours uses the data directory.
    #[error("{0}")]
    InUse(String),
    /// The database could not be reached or went away: try again later.
    #[error("the database is not reachable")]
    Unavailable(#[source] sqlx::Error),
    /// The schema is older or newer than this binary.
    #[error("the database schema can't be brought up to date")]
    Schema(#[source] sqlx::migrate::MigrateError),
    /// A statement failed.
    #[error("the database refused a statement")]
    Sql(#[source] sqlx::Error),
    /// A stored value can't be read back.
    #[error("stored {what} can't be read")]
    Corrupt {
        /// Table or column.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A file or process of the embedded server.
    #[error("{action}")]
    Io {
        /// What was tried.
        action: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

/// Two deliveries of one source that share charge days without the new one covering the old one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{new_object} ({new_first_day} to {new_last_day}) overlaps {old_object} ({old_first_day} to {old_last_day}) of source {source_name:?}, account {billing_account_id:?}, {billing_month}, without covering it; nothing was changed: import it again with --on-overlap replace to drop the older rows of that month, or --on-overlap append to keep both"
)]
pub struct Overlap {
    /// Source of both.
    pub source_name: String,
    /// Provider on the bill.
    pub provider_name: String,
    /// Billing account of both.
    pub billing_account_id: String,
    /// Billing month of both.
    pub billing_month: BillingMonth,
    /// Object that was about to be loaded.
    pub new_object: String,
    /// Its first charge day of that month.
    pub new_first_day: chrono::NaiveDate,
    /// Its last charge day of that month.
    pub new_last_day: chrono::NaiveDate,
    /// Object that is there.
    pub old_object: String,
    /// Its first charge day of that month.
    pub old_first_day: chrono::NaiveDate,
    /// Its last charge day of that month.
    pub old_last_day: chrono::NaiveDate,
}

/// What PostgreSQL says about values that its types don't hold: a number out of range, a date out of range, a text
/// with a NUL.
const UNSTORABLE: [&str; 3] = ["22003", "22008", "22021"];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            sqlx::Error::Database(ref database)
                if database.code().is_some_and(|code| UNSTORABLE.contains(&code.as_ref())) =>
            {
                Self::Invalid(format!("a value can't be stored: {}", database.message()))
            }
            sqlx::Error::Database(ref database) if shuts_down(database.code().as_deref()) => {
                Self::Unavailable(error)
            }
            other => Self::Sql(other),
        }
    }
}

impl From<Overlap> for StoreError {
    fn from(overlap: Overlap) -> Self {
        Self::Overlap(Box::new(overlap))
    }
}

impl StoreError {
    /// Turns a unique violation into [`StoreError::AlreadyExists`], leaves everything else alone.
    pub(crate) fn or_exists(error: sqlx::Error, what: &'static str, key: &str) -> Self {
        match &error {
            sqlx::Error::Database(database) if database.is_unique_violation() => {
                Self::AlreadyExists { what, key: key.to_owned() }
            }
            _ => error.into(),
        }
    }

    /// [`StoreError::NotFound`] for `key`.
    pub(crate) fn not_found(what: &'static str, key: impl std::fmt::Display) -> Self {
        Self::NotFound { what, key: key.to_string() }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Sql(sqlx::Error::Database(database)) => {
                // serialization failure, deadlock
                matches!(database.code().as_deref(), Some("40001" | "40P01"))
            }
            _ => false,
        }
    }
}

/// SQLSTATE classes that say that the server is going away, starting, out of connections, memory or disk.
fn shuts_down(code: Option<&str>) -> bool {
    code.is_some_and(|code| code.starts_with("08") || code.starts_with("53") || code.starts_with("57P"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlap_names_both_objects_and_the_choices() {
        let day = |text: &str| text.parse::<chrono::NaiveDate>().unwrap();
        let error = StoreError::from(Overlap {
            source_name: "focus".to_owned(),
            provider_name: "AWS".to_owned(),
            billing_account_id: "1".to_owned(),
            billing_month: "2026-01".parse().unwrap(),
            new_object: "late.csv".to_owned(),
            new_first_day: day("2026-01-10"),
            new_last_day: day("2026-01-31"),
            old_object: "early.csv".to_owned(),
            old_first_day: day("2026-01-01"),
            old_last_day: day("2026-01-20"),
        });
        let text = error.to_string();
        for part in ["late.csv", "early.csv", "2026-01-20", "--on-overlap replace", "--on-overlap append"] {
            assert!(text.contains(part), "{part} missing in {text}");
        }
        assert!(!error.is_transient());
    }
}
