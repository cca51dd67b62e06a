//! `headroom replay autoscaling` and its twin in the API: many workloads, each replayed on its own.

use std::collections::BTreeMap;

use domain::{Event, PolicyOutcome, Series};
use serde::Serialize;

use crate::{
    PolicyName, ReplaySettings, SettingsInput, Simulation, Trigger, TriggerReport, replay_runs, test_trigger,
};

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
    /// Triggers that are tested under every policy.
    pub triggers: Vec<Trigger>,
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
        let runs = replay_runs(series, &self.policies, &settings).map_err(|error| error.to_string())?;
        let lead_minutes = settings.simulation.boot_minutes as usize;
        let tested = runs.iter().flat_map(|run| {
            self.triggers.iter().map(move |trigger| test_trigger(trigger, run, lead_minutes))
        });
        Ok(AutoscalingReplay {
            unique_id: series.unique_id.clone(),
            unit_throughput,
            triggers: tested.collect(),
            outcomes: runs.into_iter().map(|run| run.outcome).collect(),
        })
    }
}

/// One workload replayed.
#[derive(Debug, Clone, PartialEq)]
pub struct AutoscalingReplay {
    unique_id: String,
    unit_throughput: f64,
    outcomes: Vec<PolicyOutcome>,
    triggers: Vec<TriggerReport>,
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
    /// How each trigger did under each policy, by series; left out when none was asked about.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub triggers: BTreeMap<String, Vec<TriggerReport>>,
    /// Series that could not be replayed, events that were not used, and why.
    pub warnings: Vec<String>,
}

impl Extend<Result<AutoscalingReplay, String>> for Autoscaling {
    fn extend<I: IntoIterator<Item = Result<AutoscalingReplay, String>>>(&mut self, replayed: I) {
        for one in replayed {
            match one {
                Ok(AutoscalingReplay { unique_id, unit_throughput, outcomes, triggers }) => {
                    self.unit_throughput.insert(unique_id.clone(), unit_throughput);
                    if !triggers.is_empty() {
                        self.triggers.insert(unique_id.clone(), triggers);
                    }
                    self.series.insert(unique_id, outcomes);
                }
                Err(reason) => self.warnings.push(reason),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Frequency, Grid, Stamp};

    use super::*;

    #[test]
    fn triggers_are_tested_under_every_policy_and_left_out_when_none_is_asked_about() {
        let grid =
            Grid { start: Stamp::Time("2026-09-07T00:00:00Z".parse().unwrap()), frequency: Frequency::HOUR };
        let day = |hour: usize| if (8..20).contains(&(hour % 24)) { 900.0 } else { 300.0 };
        let values = (0..30 * 24).map(|hour| Some(day(hour))).collect();
        let shop = Series { unique_id: "shop".to_owned(), grid, values };
        let mut input = AutoscalingInput {
            policies: vec![PolicyName::Static(5), PolicyName::StaticPeak],
            unit_throughput: Some(100.0),
            target_utilization: 0.7,
            lead_time_seconds: 300,
            events: Vec::new(),
            triggers: vec!["CPU > 50 %".parse().unwrap()],
        };
        let mut answer = Autoscaling::default();
        answer.extend([input.replay(&shop)]);
        let [fixed, peak] = answer.triggers["shop"].as_slice() else { panic!("{answer:?}") };
        // Fifteen days of which every morning brings more than five instances carry; it was on since the night.
        assert_eq!((fixed.policy.as_str(), fixed.shortages, fixed.in_time), ("static-5", 15, 15));
        assert_eq!((peak.policy.as_str(), peak.shortages, peak.fired), ("static-peak", 0, 15));
        input.triggers.clear();
        let mut silent = Autoscaling::default();
        silent.extend([input.replay(&shop)]);
        assert!(!serde_json::to_string(&silent).unwrap().contains("triggers"));
        assert_eq!(silent.series, answer.series);
    }
}
