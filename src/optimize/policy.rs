//! The policy: every threshold of every rule, as `models/policy.toml` states it.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{commitments, containers, idle, placement, rightsize, schedule, spot, storage};

/// Thresholds of the planner and its rules. `Policy::default()` is what `models/policy.toml` says.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// The joint plan.
    pub plan: PlanSettings,
    /// Idle and unattached resources.
    pub idle: idle::Settings,
    /// Right-sizing.
    pub rightsize: rightsize::Settings,
    /// Right-sizing of containers.
    pub containers: containers::Settings,
    /// Memory of functions.
    pub function: rightsize::function::Settings,
    /// Weekly schedules.
    pub schedule: schedule::Settings,
    /// Other regions and clouds.
    pub placement: placement::Settings,
    /// Spot.
    pub spot: spot::Settings,
    /// Volume types and storage classes.
    pub storage: storage::Settings,
}

/// Settings of the joint plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanSettings {
    /// Savings are those of an average month of this many coming days, in which held commitments expire
    /// (365, 30 to 1095).
    pub horizon_days: u32,
    /// An action that saves less a month, in USD, is left alone (2, 0 to 1000000).
    pub minimum_monthly_saving: Decimal,
    /// A held commitment used less than this share is reported as wasted (0.9, 0 to 1).
    pub commitment_utilization: f64,
    /// A held commitment that ends within this many days is reported as expiring (90, 0 to 1095).
    pub commitment_expiry_days: u32,
    /// Resources with one of these tags, as `key=value` or `key`, are never touched (`headroom=keep`).
    pub keep_tags: Vec<String>,
    /// Whether commitments are bought (true); without, the plan ends with the storage step.
    pub purchases: bool,
    /// Purchases minimize their expected cost with 0, the conditional value at risk with 1, a mix between (0, 0 to 1).
    pub risk: f64,
    /// Yearly rate at which ways to pay for commitments are compared (0.08, 0 to 1).
    pub cost_of_capital: f64,
    /// Most USD a month that the purchases of one plan commit to (no limit; 0 or more).
    pub maximum_monthly_commitment: Option<Decimal>,
    /// Most USD that are paid at once for the purchases of one plan (no limit; 0 or more).
    pub maximum_upfront: Option<Decimal>,
    /// Share of the usage, at list price, to be covered even where that does not pay (what pays; 0 to 1).
    pub target_coverage: Option<f64>,
}

impl Default for PlanSettings {
    fn default() -> Self {
        Self {
            horizon_days: 365,
            minimum_monthly_saving: Decimal::TWO,
            commitment_utilization: 0.9,
            commitment_expiry_days: 90,
            keep_tags: vec!["headroom=keep".to_owned()],
            purchases: true,
            risk: 0.0,
            cost_of_capital: 0.08,
            maximum_monthly_commitment: None,
            maximum_upfront: None,
            target_coverage: None,
        }
    }
}

impl PlanSettings {
    /// How commitments are planned at `as_of`.
    pub fn commitments(&self, as_of: DateTime<Utc>) -> commitments::Settings {
        commitments::Settings {
            as_of,
            horizon_days: self.horizon_days,
            later: commitments::Later::WhenHeldEnds,
            risk: self.risk,
            cost_of_capital: self.cost_of_capital,
            maximum_monthly_commitment: self.maximum_monthly_commitment,
            maximum_upfront: self.maximum_upfront,
            target_coverage: self.target_coverage,
        }
    }
}

/// A policy that cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// Not TOML, an unknown key, or a value of the wrong kind; the message names key and line.
    #[error("policy cannot be read: {0}")]
    Unreadable(String),
    /// A value outside its bounds.
    #[error("policy setting {setting} is {value}: expected {lowest} to {highest}")]
    OutOfBounds {
        /// Section and key.
        setting: &'static str,
        /// What stood there.
        value: f64,
        /// Smallest allowed value.
        lowest: f64,
        /// Largest allowed value.
        highest: f64,
    },
}

impl Policy {
    /// Reads a policy file. Keys that are missing keep their defaults.
    ///
    /// # Errors
    /// Text that is not TOML, an unknown key, a value of the wrong kind or outside its bounds.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = toml::from_str(text)
            .map_err(|error| PolicyError::Unreadable(error.to_string().trim().to_owned()))?;
        policy.check()?;
        Ok(policy)
    }

    /// Whether every value is inside its bounds.
    ///
    /// # Errors
    /// The first value that is not.
    pub fn check(&self) -> Result<(), PolicyError> {
        let plan = &self.plan;
        within("plan.horizon_days", f64::from(plan.horizon_days), 30.0, 1095.0)?;
        let saving = domain::to_statistic(plan.minimum_monthly_saving);
        within("plan.minimum_monthly_saving", saving, 0.0, 1e6)?;
        within("plan.commitment_utilization", plan.commitment_utilization, 0.0, 1.0)?;
        within("plan.commitment_expiry_days", f64::from(plan.commitment_expiry_days), 0.0, 1095.0)?;
        within("plan.risk", plan.risk, 0.0, 1.0)?;
        within("plan.cost_of_capital", plan.cost_of_capital, 0.0, 1.0)?;
        within("plan.target_coverage", plan.target_coverage.unwrap_or_default(), 0.0, 1.0)?;
        for (setting, most) in [
            ("plan.maximum_monthly_commitment", plan.maximum_monthly_commitment),
            ("plan.maximum_upfront", plan.maximum_upfront),
        ] {
            within(setting, domain::to_statistic(most.unwrap_or_default()), 0.0, 1e12)?;
        }
        self.idle.check()?;
        self.rightsize.check()?;
        self.containers.check()?;
        self.function.check()?;
        self.schedule.check()?;
        self.placement.check()?;
        self.spot.check()?;
        self.storage.check()
    }
}

/// Checks one value against its documented bounds.
pub(crate) fn within(
    setting: &'static str,
    value: f64,
    lowest: f64,
    highest: f64,
) -> Result<(), PolicyError> {
    if (lowest..=highest).contains(&value) {
        return Ok(());
    }
    Err(PolicyError::OutOfBounds { setting, value, lowest, highest })
}

/// Whether a resource carries one of these tags, each `key=value` or `key`; case is ignored.
/// Returns the first that matches.
pub(crate) fn tagged<'a>(resource: &domain::Resource, tags: &'a [String]) -> Option<&'a str> {
    let carries = |wanted: &str| {
        let (key, value) = wanted.split_once('=').map_or((wanted, None), |(key, value)| (key, Some(value)));
        resource.tags.iter().any(|(found_key, found_value)| {
            found_key.eq_ignore_ascii_case(key.trim())
                && value.is_none_or(|value| found_value.eq_ignore_ascii_case(value.trim()))
        })
    };
    tags.iter().map(String::as_str).find(|wanted| carries(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = include_str!("../../models/policy.toml");

    #[test]
    fn the_default_is_what_the_file_says() {
        assert_eq!(Policy::from_toml(FILE).unwrap(), Policy::default());
    }

    #[test]
    fn the_file_states_every_setting() {
        let stated: toml::Table = toml::from_str(FILE).unwrap();
        let all = toml::Table::try_from(Policy::default()).unwrap();
        for (section, settings) in &all {
            for key in settings.as_table().unwrap().keys() {
                assert!(stated[section].get(key).is_some(), "{section}.{key} is not in models/policy.toml");
            }
        }
    }

    #[test]
    fn unknown_keys_and_wild_values_are_refused() {
        let unknown = Policy::from_toml("[idle]\ncpu_max_procent = 1").unwrap_err().to_string();
        assert!(unknown.contains("cpu_max_procent") && unknown.contains("line 2"), "{unknown}");
        let wild = Policy::from_toml("[plan]\nhorizon_days = 5").unwrap_err();
        assert_eq!(wild.to_string(), "policy setting plan.horizon_days is 5: expected 30 to 1095");
    }
}
