//! Answers on disk, one file for each month and grouping, written page by page.

use std::path::{Path, PathBuf};

use aws_sdk_costexplorer::operation::get_cost_and_usage::GetCostAndUsageOutput;
use aws_sdk_costexplorer::types::Group;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::SourceError;

/// The answers for one month.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CachedMonth {
    /// Day of the first page.
    pub(super) fetched_on: NaiveDate,
    /// Whether the last page is there.
    pub(super) complete: bool,
    /// Where to go on when it is not.
    pub(super) next_page_token: Option<String>,
    /// The pages.
    pub(super) pages: Vec<CachedPage>,
}

/// One page: what of the answer becomes charges.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CachedPage {
    pub(super) days: Vec<CachedDay>,
}

/// One day of one page.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CachedDay {
    pub(super) day: String,
    pub(super) estimated: bool,
    pub(super) groups: Vec<CachedGroup>,
}

/// One group of one day, amounts as AWS wrote them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CachedGroup {
    pub(super) keys: Vec<String>,
    pub(super) unblended: String,
    pub(super) amortized: String,
    pub(super) currency: String,
    pub(super) quantity: String,
    pub(super) unit: String,
}

impl CachedMonth {
    /// The month under `key`; an unreadable file counts as absent, it is only fetched again.
    pub(super) fn read(folder: &Path, key: &str) -> Option<Self> {
        let text = std::fs::read_to_string(file(folder, key)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// The answers as one text, without when they were fetched.
    pub(super) fn pages_as_text(&self) -> String {
        serde_json::to_string(&self.pages).unwrap_or_default()
    }

    /// Writes beside and renames, so that a crash leaves the old file or the new one.
    pub(super) fn write(&self, folder: &Path, key: &str) -> Result<(), SourceError> {
        let path = file(folder, key);
        let failed = |source| SourceError::Cache { path: path.clone(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let beside = path.with_extension("partial");
        let text = serde_json::to_string(self).map_err(|error| failed(error.into()))?;
        std::fs::write(&beside, text).map_err(failed)?;
        std::fs::rename(&beside, &path).map_err(failed)
    }
}

fn file(folder: &Path, key: &str) -> PathBuf {
    folder.join(format!("{key}.json"))
}

impl From<GetCostAndUsageOutput> for CachedPage {
    fn from(output: GetCostAndUsageOutput) -> Self {
        let days = output.results_by_time.unwrap_or_default().into_iter().map(|day| CachedDay {
            day: day.time_period.map(|period| period.start).unwrap_or_default(),
            estimated: day.estimated,
            groups: day.groups.unwrap_or_default().into_iter().map(CachedGroup::from).collect(),
        });
        Self { days: days.collect() }
    }
}

impl From<Group> for CachedGroup {
    fn from(group: Group) -> Self {
        let metrics = group.metrics.unwrap_or_default();
        let amount = |name: &str| {
            metrics.get(name).and_then(|value| value.amount.clone()).unwrap_or_else(|| "0".to_owned())
        };
        let unit = |name: &str| metrics.get(name).and_then(|value| value.unit.clone()).unwrap_or_default();
        Self {
            keys: group.keys.unwrap_or_default(),
            unblended: amount("UnblendedCost"),
            amortized: amount("AmortizedCost"),
            currency: unit("UnblendedCost"),
            quantity: amount("UsageQuantity"),
            unit: unit("UsageQuantity"),
        }
    }
}
