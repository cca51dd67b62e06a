//! A backend tier by tier: what each part of it needs when demand comes, in its own unit.

use domain::{CapacityPlan, Forecast, Stamp};
use serde::{Deserialize, Serialize};

use crate::driver::Driver;
use crate::plan::plan;
use crate::settings::{SettingsError, SettingsInput};

/// What a tier is made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TierKind {
    /// Instances, pods, cache nodes: what carries load together.
    Instances,
    /// Database replicas: one node writes, the others share the reads; the requirement is that of the readers.
    ReadReplicas,
    /// Queue workers that keep up with arrivals and work off what waits.
    Workers {
        /// Messages that wait already.
        backlog: f64,
        /// Time in which they are to be gone.
        drain_seconds: f64,
    },
    /// Throughput units (read and write units, request units, shards): bought in lots.
    ThroughputUnits {
        /// Units of one lot.
        lot: u32,
    },
    /// Storage in GiB: what was used stays used, so the requirement never falls.
    Storage {
        /// GiB that it grows by at least.
        lot: u32,
    },
}

/// A tier: its demand, and what it is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tier {
    /// Its name.
    pub name: String,
    /// What drives it; its resource is what other tiers may be driven by.
    pub driver: Driver,
    /// What it is made of.
    pub kind: TierKind,
    /// What its plan is made for; for throughput units and storage, `unit_throughput` is 1.
    pub settings: SettingsInput,
}

/// What a tier needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TierPlan {
    /// Its name.
    pub name: String,
    /// What it is made of.
    pub kind: TierKind,
    /// What drives it, in words.
    pub driver: String,
    /// Its own demand.
    pub demand: Forecast,
    /// Requirement by row, in instances, replicas, workers, units or GiB.
    pub plan: CapacityPlan,
}

/// Why a tier cannot be planned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TierError {
    /// Its driver needs a demand that is not there.
    #[error("tier {tier}: there is no forecast of {demand}; put the tier that makes it first")]
    NoDemand {
        /// The tier.
        tier: String,
        /// What it needs.
        demand: String,
    },
    /// Its settings are out of range.
    #[error("tier {tier}: {error}")]
    Settings {
        /// The tier.
        tier: String,
        /// What is wrong.
        error: SettingsError,
    },
}

/// Plans `tiers` in their order: a tier may be driven by `demands` and by the resource of any tier before it
/// (requests → web → database reads → cache).
///
/// # Errors
/// The first tier whose demand is missing or whose settings are out of range.
pub fn plan_tiers(tiers: &[Tier], demands: &[Forecast]) -> Result<Vec<TierPlan>, TierError> {
    let mut known = demands.to_vec();
    let mut plans = Vec::with_capacity(tiers.len());
    for tier in tiers {
        let demand = tier.driver.carry(&known).ok_or_else(|| {
            let missing = tier.driver.terms.iter().map(|term| &term.demand);
            let mut missing = missing.filter(|name| known.iter().all(|found| found.unique_id != **name));
            TierError::NoDemand {
                tier: tier.name.clone(),
                demand: missing.next().cloned().unwrap_or_default(),
            }
        })?;
        let planned =
            one(tier, &demand).map_err(|error| TierError::Settings { tier: tier.name.clone(), error })?;
        known.push(demand.clone());
        plans.push(TierPlan {
            name: tier.name.clone(),
            kind: tier.kind,
            driver: tier.driver.sentence(),
            demand,
            plan: planned,
        });
    }
    Ok(plans)
}

fn one(tier: &Tier, demand: &Forecast) -> Result<CapacityPlan, SettingsError> {
    let settings = tier.settings.clone().check()?;
    let mut plan = match tier.kind {
        TierKind::Workers { backlog, drain_seconds } => {
            plan(&with_backlog(demand, backlog, drain_seconds), &settings)
        }
        _ => plan(demand, &settings),
    };
    plan.unique_id.clone_from(&tier.name);
    let rows = &mut plan.rows;
    match tier.kind {
        TierKind::Instances | TierKind::Workers { .. } => {}
        TierKind::ReadReplicas => {
            plan.assumptions
                .push("One node writes; the rows are the replicas that share the reads.".to_owned());
        }
        TierKind::ThroughputUnits { lot } => {
            for row in rows {
                row.required = in_lots(row.required, lot);
                row.scheduled = in_lots(row.scheduled, lot);
            }
        }
        TierKind::Storage { lot } => {
            let mut least = (0, 0);
            for row in rows {
                least = (least.0.max(in_lots(row.required, lot)), least.1.max(in_lots(row.scheduled, lot)));
                (row.required, row.scheduled) = least;
            }
        }
    }
    Ok(plan)
}

fn in_lots(count: u32, lot: u32) -> u32 {
    count.div_ceil(lot.max(1)).saturating_mul(lot.max(1))
}

/// Arrivals, and the backlog spread evenly over the time in which it is to be gone.
fn with_backlog(arrivals: &Forecast, backlog: f64, drain_seconds: f64) -> Forecast {
    let mut work = arrivals.clone();
    let start = arrivals.grid.start;
    let rate = backlog.max(0.0) / drain_seconds.max(1.0);
    for step in 0..work.horizon() {
        let since = match (start, work.grid.stamp(step)) {
            (Stamp::Time(start), Stamp::Time(at)) => (at - start).num_seconds() as f64,
            (Stamp::Step(start), Stamp::Step(at)) => (at - start) as f64 * 3600.0,
            _ => 0.0,
        };
        if since < drain_seconds {
            work.mean[step] += rate;
            work.quantiles.iter_mut().for_each(|path| path[step] += rate);
        }
    }
    work
}

/// Instances that fail independently of each other: the smallest number of which at
/// least `need` are up with probability `reliability`, when each is up with probability `availability`.
pub fn instances_for_reliability(need: u32, availability: f64, reliability: f64) -> u32 {
    let availability = availability.clamp(1e-6, 1.0);
    let mut count = need;
    // Binomial tail, summed from the term in which all are up.
    while count < need.saturating_mul(2).saturating_add(100) {
        let mut term = availability.powi(i32::try_from(count).unwrap_or(i32::MAX));
        let mut up = term;
        for down in 1..=(count - need) {
            term *= f64::from(count - down + 1) / f64::from(down) * (1.0 - availability) / availability;
            up += term;
        }
        if up >= reliability {
            return count;
        }
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use domain::{Frequency, Grid};

    use super::*;

    fn requests(values: &[f64]) -> Forecast {
        let start = Stamp::Time("2026-11-27T00:00:00Z".parse().unwrap());
        let grid = Grid { start, frequency: Frequency::HOUR };
        crate::testing::forecast(grid, &[0.5, 0.99], &[values.to_vec(), values.to_vec()])
    }

    fn tier(name: &str, driver: Driver, kind: TierKind, unit_throughput: f64) -> Tier {
        let settings = SettingsInput {
            target_utilization: 1.0,
            change_penalty: 0.0,
            lead_time_seconds: 0,
            min_instances: 0,
            ..SettingsInput::new(unit_throughput)
        };
        Tier { name: name.to_owned(), driver, kind, settings }
    }

    fn required(plan: &TierPlan) -> Vec<u32> {
        plan.plan.rows.iter().map(|row| row.required).collect()
    }

    #[test]
    fn demand_walks_through_the_tiers() {
        let tiers = [
            tier("web", Driver::by_hand("web", "shop", 1.0, 0), TierKind::Instances, 100.0),
            tier("reads", Driver::by_hand("reads", "shop", 3.0, 0), TierKind::ReadReplicas, 1000.0),
            tier("cache", Driver::by_hand("cache", "reads", 0.5, 1), TierKind::Instances, 400.0),
            tier(
                "units",
                Driver::by_hand("units", "reads", 0.1, 0),
                TierKind::ThroughputUnits { lot: 100 },
                1.0,
            ),
            tier("disk", Driver::by_hand("disk", "shop", 0.2, 0), TierKind::Storage { lot: 50 }, 1.0),
        ];
        let plans = plan_tiers(&tiers, &[requests(&[500.0, 2000.0, 800.0])]).unwrap();
        let found: Vec<Vec<u32>> = plans.iter().map(required).collect();
        assert_eq!(found[0], [5, 20, 8]);
        assert_eq!(found[1], [2, 6, 3]);
        assert_eq!(found[2], [2, 2, 8], "half of the reads of the hour before");
        assert_eq!(found[3], [200, 600, 300]);
        assert_eq!(found[4], [100, 400, 400], "what is stored stays");
        let orphan = tier("cache", Driver::by_hand("cache", "nothing", 1.0, 0), TierKind::Instances, 1.0);
        assert!(plan_tiers(&[orphan], &[]).unwrap_err().to_string().contains("no forecast of nothing"));
    }

    #[test]
    fn a_backlog_is_gone_in_time() {
        let kind = TierKind::Workers { backlog: 72_000.0, drain_seconds: 7200.0 };
        let workers = tier("workers", Driver::by_hand("workers", "shop", 1.0, 0), kind, 5.0);
        let plans = plan_tiers(&[workers], &[requests(&[20.0, 20.0, 20.0])]).unwrap();
        assert_eq!(required(&plans[0]), [6, 6, 4], "10 a second of backlog for two hours");
    }

    #[test]
    fn spare_instances_keep_the_promise() {
        assert_eq!(instances_for_reliability(10, 1.0, 0.9999), 10);
        // 11 of which at least 10 are up: 0.99¹¹ + 11 · 0.99¹⁰ · 0.01 = 0.99482.
        assert_eq!(instances_for_reliability(10, 0.99, 0.994), 11);
        assert_eq!(instances_for_reliability(10, 0.99, 0.995), 12);
    }
}
