//! `headroom replay autoscaling` and its twin in the API: many workloads, each replayed on its own.

use std::collections::BTreeMap;

use domain::{Event, PolicyOutcome, Series};
use serde::Serialize;

use crate::{PolicyName, ReplaySettings, SettingsInput, Simulation, replay};

/// Instances that the largest demand would saturate, where no unit throughput is given.
const INSTANCES_AT_PEAK: f64 = 20.0;

/// What every workload is replayed with.
#[derive(Debug, Clone, PartialEq)]
pub struct AutoscalingInput {
    /// Policies, in the order in which they are reported.
    pub policies: Vec<PolicyName>,
    /// Demand at which one instance saturates; `None`: a twentieth of the largest demand of each series.
    pub unit_throughput: Option<f64>,
    /// Share of it to be used.
    pub target_utilization: f64,
    /// From asking for an instance until it serves, in seconds.
    pub lead_time_seconds: u32,
    /// Events that were announced before they came.
    pub events: Vec<Event>,
}

impl AutoscalingInput {
    /// Replays one workload.
    ///
    /// # Errors
    /// A sentence that names the series: its settings cannot be used, or its history is too short.
    pub fn replay(&self, series: &Series) -> Result<AutoscalingReplay, String> {
        let largest = series.values.iter().flatten().copied().fold(0.0, f64::max);
        let unit_throughput = self.unit_throughput.unwrap_or(largest / INSTANCES_AT_PEAK);
        let mut input = SettingsInput::new(unit_throughput);
        input.target_utilization = self.target_utilization;
        input.lead_time_seconds = self.lead_time_seconds;
        let settings = input.check().map_err(|error| format!("{}: {error}", series.unique_id))?;
        let simulation = Simulation::of(&settings);
        let settings = ReplaySettings { settings, simulation, events: self.events.clone(), warm_up: None };
        let outcomes = replay(series, &self.policies, &settings).map_err(|error| error.to_string())?;
        Ok(AutoscalingReplay { unique_id: series.unique_id.clone(), unit_throughput, outcomes })
    }
}

/// One workload replayed.
#[derive(Debug, Clone, PartialEq)]
pub struct AutoscalingReplay {
    unique_id: String,
    unit_throughput: f64,
    outcomes: Vec<PolicyOutcome>,
}

/// All workloads. Serializes to the JSON of `replay autoscaling`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = AutoscalingReplay))]
pub struct Autoscaling {
    /// The unit throughput of each series that was replayed.
    pub unit_throughput: BTreeMap<String, f64>,
    /// What each policy came to, by series.
    pub series: BTreeMap<String, Vec<PolicyOutcome>>,
    /// Series that could not be replayed, and why.
    pub warnings: Vec<String>,
}

impl Extend<Result<AutoscalingReplay, String>> for Autoscaling {
    fn extend<I: IntoIterator<Item = Result<AutoscalingReplay, String>>>(&mut self, replayed: I) {
        for one in replayed {
            match one {
                Ok(AutoscalingReplay { unique_id, unit_throughput, outcomes }) => {
                    self.unit_throughput.insert(unique_id.clone(), unit_throughput);
                    self.series.insert(unique_id, outcomes);
                }
                Err(reason) => self.warnings.push(reason),
            }
        }
    }
}
