//! What a capacity plan is made for: checked once, valid from then on.

use domain::{CapacityKind, Forecast};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::backlog::Backlog;

/// Scheduled actions that AWS allows for one autoscaling group (service quota "Scheduled actions per Auto
/// Scaling group").
const AWS_SCHEDULED_ACTIONS: usize = 125;

/// What the group has to survive without falling below its requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Survive {
    /// Nothing: the requirement as it is.
    #[default]
    None,
    /// The loss of one instance: one more.
    Instance,
    /// The loss of one zone: the other zones carry the requirement (static stability).
    Zone,
}

impl std::str::FromStr for Survive {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        match text {
            "none" => Ok(Self::None),
            "instance" => Ok(Self::Instance),
            "zone" => Ok(Self::Zone),
            other => Err(SettingsError::Survive(other.to_owned())),
        }
    }
}

/// Settings as given; [`SettingsInput::check`] makes them usable.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `kind` | instances | what is counted | [`CapacityKind`] |
/// | `lot` | 1 | units of one purchase | 1 or more; above 1 for throughput units and storage only |
/// | `backlog` | none | messages that wait already | workers only; messages and time above 0 |
/// | `unit_throughput` | required | demand at which one instance saturates, in the unit of the demand | above 0 |
/// | `target_utilization` | 0.7 | share of it to be used | above 0, at most 1 |
/// | `lead_time_seconds` | 600 | from asking for an instance until it serves | any |
/// | `zones` | 3 | zones the group spans | 1 or more; 2 or more to survive one |
/// | `survive` | none | failure to be survived | none, instance, zone; none for throughput units and storage |
/// | `risk` | 0.01 | accepted probability, per row, that demand exceeds the plan | above 0, below 0.5 |
/// | `limit` | none | quota in instances | 1 or more |
/// | `quota_lead_time_seconds` | the lead time | from asking for a higher quota until it holds | any |
/// | `schedule_utilization` | the target | utilization to which demand at the plan's risk may drive the scheduled minimum alone; above the target it leans on target tracking to add the rest | target to 1; not for throughput units and storage |
/// | `min_instances` | 1 | the group never gets smaller | any |
/// | `change_penalty` | 1 | what one change of the schedule must save, in instance-hours | 0 or more |
/// | `max_changes` | 125 | most changes in one schedule | 1 or more |
/// | `hourly_price` | none | USD per instance-hour | 0 or more |
/// | `committed_price` | none | USD per instance-hour of what could be committed to, paid in every hour | 0 or more |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsInput {
    /// What is counted: instances below stands for any of it.
    pub kind: CapacityKind,
    /// Units of one purchase; 1 for what is added one by one.
    pub lot: u32,
    /// What waits already for workers.
    pub backlog: Option<Backlog>,
    /// Demand at which one instance saturates, in the unit of the demand.
    pub unit_throughput: f64,
    /// Share of it to be used.
    pub target_utilization: f64,
    /// From asking for an instance until it serves, in seconds.
    pub lead_time_seconds: u32,
    /// Zones the group spans.
    pub zones: u32,
    /// Failure to be survived.
    pub survive: Survive,
    /// Accepted probability, per row, that demand exceeds the plan.
    pub risk: f64,
    /// Quota in instances.
    pub limit: Option<u32>,
    /// From asking for a higher quota until it holds, in seconds; `None`: the lead time.
    pub quota_lead_time_seconds: Option<u32>,
    /// Utilization to which demand at the plan's risk may drive the scheduled minimum; `None`: the target.
    pub schedule_utilization: Option<f64>,
    /// The group never gets smaller.
    pub min_instances: u32,
    /// What one change of the schedule must save, in instance-hours.
    pub change_penalty: f64,
    /// Most changes in one schedule.
    pub max_changes: usize,
    /// USD per instance-hour, when costs are wanted.
    pub hourly_price: Option<Decimal>,
    /// Effective USD per instance-hour of a commitment, paid in every hour, when it is to be weighed.
    pub committed_price: Option<Decimal>,
}

impl SettingsInput {
    /// The defaults, for instances that saturate at `unit_throughput`.
    pub fn new(unit_throughput: f64) -> Self {
        Self {
            kind: CapacityKind::default(),
            lot: 1,
            backlog: None,
            unit_throughput,
            target_utilization: 0.7,
            lead_time_seconds: 600,
            zones: 3,
            survive: Survive::None,
            risk: 0.01,
            limit: None,
            quota_lead_time_seconds: None,
            schedule_utilization: None,
            min_instances: 1,
            change_penalty: 1.0,
            max_changes: AWS_SCHEDULED_ACTIONS,
            hourly_price: None,
            committed_price: None,
        }
    }

    /// Checks every bound.
    ///
    /// # Errors
    /// The first setting out of its range.
    pub fn check(self) -> Result<Settings, SettingsError> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let is_group = self.kind.unscaled().is_none();
        if self.lot == 0 || (self.lot > 1 && is_group) {
            return Err(SettingsError::Lot(self.lot, self.kind));
        }
        if let Some(backlog) = self.backlog {
            if self.kind != CapacityKind::Workers {
                return Err(SettingsError::NotQueued(self.kind));
            }
            if !positive(backlog.messages) || backlog.drain_seconds == 0 {
                return Err(SettingsError::Backlog);
            }
        }
        if !is_group && (self.survive != Survive::None || self.schedule_utilization.is_some()) {
            return Err(SettingsError::NoGroup(self.kind));
        }
        if !positive(self.unit_throughput) {
            return Err(SettingsError::UnitThroughput(self.unit_throughput));
        }
        if !positive(self.target_utilization) || self.target_utilization > 1.0 {
            return Err(SettingsError::TargetUtilization(self.target_utilization));
        }
        if !positive(self.risk) || self.risk >= 0.5 {
            return Err(SettingsError::Risk(self.risk));
        }
        if let Some(utilization) = self.schedule_utilization
            && !(self.target_utilization..=1.0).contains(&utilization)
        {
            return Err(SettingsError::ScheduleUtilization(utilization));
        }
        if self.zones == 0 || (self.survive == Survive::Zone && self.zones < 2) {
            return Err(SettingsError::Zones(self.zones));
        }
        if self.limit == Some(0) {
            return Err(SettingsError::Limit);
        }
        if !self.change_penalty.is_finite() || self.change_penalty < 0.0 {
            return Err(SettingsError::ChangePenalty(self.change_penalty));
        }
        if self.max_changes == 0 {
            return Err(SettingsError::MaxChanges);
        }
        let prices = [self.hourly_price, self.committed_price];
        match prices.into_iter().flatten().find(Decimal::is_sign_negative) {
            Some(price) => Err(SettingsError::HourlyPrice(price)),
            None => Ok(Settings { given: self }),
        }
    }
}

/// Settings within their bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub(crate) given: SettingsInput,
}

impl Settings {
    /// The values.
    pub fn values(&self) -> &SettingsInput {
        &self.given
    }

    /// What there is to do: `arrivals`, with what waits already.
    pub fn work(&self, arrivals: Forecast) -> Forecast {
        match self.given.backlog {
            Some(backlog) => backlog.added_to(arrivals),
            None => arrivals,
        }
    }

    /// Demand that one instance is to carry: unit throughput × target utilization.
    pub fn usable_throughput(&self) -> f64 {
        self.given.unit_throughput * self.given.target_utilization
    }

    /// The quantile level that the plan covers: 1 − risk.
    pub fn level(&self) -> f64 {
        1.0 - self.given.risk
    }

    /// The quantile levels to ask a forecast for, so that nothing has to be extrapolated.
    pub fn forecast_levels(&self) -> Vec<f64> {
        let mut levels = vec![0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, self.level()];
        levels.sort_by(f64::total_cmp);
        levels.dedup_by(|a, b| (*a - *b).abs() < 1e-9);
        levels
    }
}

/// A setting out of its range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SettingsError {
    /// Not a number of units that come together.
    #[error(
        "lot {0} makes no sense for kind {1}: a lot is 1 or more, and above 1 only where units are bought together \
         (throughput_units, storage); leave it out"
    )]
    Lot(u32, CapacityKind),
    /// Nothing waits.
    #[error(
        "a backlog makes no sense for kind {0}: only workers have one; leave it out, or say kind workers"
    )]
    NotQueued(CapacityKind),
    /// Not a backlog.
    #[error("a backlog is a number of messages above 0 that is to be gone within a time above 0")]
    Backlog,
    /// Members that do not fail, and are not tracked.
    #[error(
        "survive and schedule_utilization make no sense for kind {0}: there are no machines that fail or that target \
         tracking adds; leave them out"
    )]
    NoGroup(CapacityKind),
    /// Not a positive number.
    #[error("unit throughput {0} must be a number above 0: the demand at which one instance saturates")]
    UnitThroughput(f64),
    /// Not a share.
    #[error("target utilization {0} must be above 0 and at most 1, for example 0.7")]
    TargetUtilization(f64),
    /// Not a small probability.
    #[error("risk {0} must be above 0 and below 0.5, for example 0.01")]
    Risk(f64),
    /// Below the target, or above all there is.
    #[error(
        "schedule utilization {0} must be at least the target utilization and at most 1, for example 0.9"
    )]
    ScheduleUtilization(f64),
    /// Too few zones.
    #[error("{0} zones are too few: at least 1, and at least 2 to survive the loss of one")]
    Zones(u32),
    /// A quota of nothing.
    #[error("limit 0 allows no instance at all: leave it out when there is no quota")]
    Limit,
    /// Not a cost.
    #[error("change penalty {0} must be 0 or more instance-hours")]
    ChangePenalty(f64),
    /// No change allowed.
    #[error("max changes must be at least 1")]
    MaxChanges,
    /// A negative price.
    #[error("hourly price {0} must be 0 or more")]
    HourlyPrice(Decimal),
    /// Not one of the three words.
    #[error("unknown failure to survive {0:?}: expected none, instance or zone")]
    Survive(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bound_is_checked_and_named() {
        let bad = |change: fn(&mut SettingsInput)| {
            let mut input = SettingsInput::new(100.0);
            change(&mut input);
            input.check().unwrap_err().to_string()
        };
        assert!(SettingsInput::new(100.0).check().is_ok());
        assert!(bad(|input| input.unit_throughput = f64::NAN).contains("unit throughput NaN"));
        assert!(bad(|input| input.target_utilization = 1.01).contains("target utilization 1.01"));
        assert!(bad(|input| input.risk = 0.5).contains("risk 0.5"));
        assert!(bad(|input| input.schedule_utilization = Some(0.6)).contains("schedule utilization 0.6"));
        assert!(bad(|input| (input.survive, input.zones) = (Survive::Zone, 1)).contains("1 zones"));
        assert!(bad(|input| input.limit = Some(0)).contains("limit 0"));
        assert!(bad(|input| input.change_penalty = -1.0).contains("change penalty -1"));
        assert!(bad(|input| input.max_changes = 0).contains("max changes"));
        assert!(bad(|input| input.hourly_price = Some(Decimal::NEGATIVE_ONE)).contains("hourly price -1"));
    }

    #[test]
    fn levels_to_ask_for_ascend_and_hold_the_plan_level() {
        let mut input = SettingsInput::new(1.0);
        input.risk = 0.05;
        assert_eq!(input.check().unwrap().forecast_levels(), [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]);
        let levels = SettingsInput::new(1.0).check().unwrap().forecast_levels();
        assert!(levels.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(levels.last(), Some(&0.99));
    }
}
