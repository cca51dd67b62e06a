//! Utilization samples become hourly average, P95 and maximum.

use std::path::Path;

use chrono::{DateTime, Utc};
use domain::{HourlyMetric, MetricName, Stamp};

use crate::{ReadError, Reject, Rows};

/// One raw sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Whose.
    pub resource_id: String,
    /// When.
    pub ds: Stamp,
    /// What, in the unit of [`MetricName`].
    pub metric: MetricName,
    /// How much.
    pub value: f64,
}

/// When the integer steps of a file without a clock were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepClock {
    /// The instant of step 0.
    pub origin: DateTime<Utc>,
    /// Seconds from step to step.
    pub step_seconds: u32,
}

/// What was found on the way from samples to hours.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    /// Rows in the file.
    pub rows_read: u64,
    /// Rows without a value.
    pub missing: u64,
    /// Rows left out.
    pub rejected: u64,
    /// The first 1,000 of them.
    pub rejects: Vec<Reject>,
    /// Hours handed over.
    pub hours: u64,
}

/// Rolls the samples of `input` up by hour and hands the hours over in batches, each resource in one batch.
///
/// `clock` is needed only for files whose `ds` are integer steps.
pub fn read<E>(
    input: &Path,
    _clock: Option<StepClock>,
    _sink: &mut dyn FnMut(Vec<HourlyMetric>) -> Result<(), E>,
) -> Result<Summary, ReadError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Err(ReadError::Empty { path: input.display().to_string() })
}

/// The raw samples, for `plan rightsize`.
pub fn samples(input: &Path) -> Result<Rows<Sample>, ReadError> {
    Err(ReadError::Empty { path: input.display().to_string() })
}
