//! What one instance carries: from history (load against utilization, with its knee) or from load tests.

use std::collections::BTreeMap;

use domain::{Frequency, Grid, Series, Stamp};
use serde::{Deserialize, Serialize};

use crate::regression::{least_squares, mean, squared_error};

/// Fewest points of history.
const FEWEST_POINTS: usize = 24;

/// A knee has to take away this share of the error of the straight line.
const WORTH_A_KNEE: f64 = 0.3;

/// Loads that are tried as knee: this many between the 10th and the 90th percentile of load.
const KNEES: usize = 80;

/// What one instance carries, and how it is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UnitThroughput {
    /// Demand at which one instance saturates, in the unit of the demand.
    pub unit_throughput: f64,
    /// Load of one instance from which more of it costs more than before, where there is one.
    pub knee: Option<f64>,
    /// Share of the variance of utilization explained; `None` from a load test.
    pub r_squared: Option<f64>,
    /// Points or stages behind it.
    pub points: usize,
    /// In words, with what was not seen.
    pub reason: String,
    /// What to be careful about.
    pub warning: Option<String>,
}

/// What a group of machines was seen to do in one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupUse {
    /// Start of the step, or any instant in it.
    pub at: Stamp,
    /// Machines that shared the load.
    pub machines: f64,
    /// Their mean utilization, 0 to 1.
    pub utilization: f64,
}

/// What one machine of a group carries: the demand that each had in a step against their mean utilization in it.
///
/// # Errors
/// As of [`throughput_from_history`].
pub fn throughput_of_group(demand: &Series, group: &[GroupUse]) -> Result<UnitThroughput, NoThroughput> {
    let pair = |used: &GroupUse| {
        let step = step_of(demand.grid, used.at)?;
        let demand = (*demand.values.get(step)?)?;
        (used.machines > 0.0).then(|| (demand / used.machines, used.utilization))
    };
    throughput_from_history(&group.iter().filter_map(pair).collect::<Vec<_>>())
}

/// The group behind readings of its machines (name, time, utilization from 0 to 1): of each step of `demand`, the machines
/// that were read in it and the mean of their means.
pub fn group_of<'a>(
    demand: &Series,
    readings: impl IntoIterator<Item = (&'a str, Stamp, f64)>,
) -> Vec<GroupUse> {
    let mut steps: BTreeMap<usize, BTreeMap<&str, (f64, f64)>> = BTreeMap::new();
    for (machine, at, utilization) in readings {
        let Some(step) = step_of(demand.grid, at) else { continue };
        let (sum, count) = steps.entry(step).or_default().entry(machine).or_default();
        *sum += utilization;
        *count += 1.0;
    }
    let group = |(step, machines): (usize, BTreeMap<&str, (f64, f64)>)| {
        let means: Vec<f64> = machines.values().map(|(sum, count)| sum / count).collect();
        GroupUse { at: demand.grid.stamp(step), machines: means.len() as f64, utilization: mean(&means) }
    };
    steps.into_iter().map(group).collect()
}

/// The step of a grid of fixed length that holds `at`; none before its start.
fn step_of(grid: Grid, at: Stamp) -> Option<usize> {
    let (passed, length) = match (grid.start, at, grid.frequency) {
        (Stamp::Time(start), Stamp::Time(at), Frequency::Seconds(length)) => {
            ((at - start).num_seconds(), length)
        }
        (Stamp::Step(start), Stamp::Step(at), Frequency::Steps(length)) => (at.checked_sub(start)?, length),
        _ => return None,
    };
    usize::try_from(passed.checked_div_euclid(length)?).ok()
}

/// Why no throughput can be told.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoThroughput {
    /// Too little history.
    #[error("{0} points have both load and utilization, {FEWEST_POINTS} are needed")]
    TooShort(usize),
    /// Utilization has nothing to do with the load.
    #[error("utilization does not rise with the load: another resource, or another load, is behind it")]
    NoSlope,
    /// Every stage of a load test broke the promises.
    #[error("no stage of the load test keeps p95 within {slo_ms} ms and errors within {max_errors}")]
    NoStage {
        /// The latency promised.
        slo_ms: f64,
        /// The share of errors allowed.
        max_errors: f64,
    },
}

/// The throughput of one instance from pairs of its load (demand per instance) and its utilization (0 to 1).
///
/// Utilization is fitted as a straight line of load, or as one that bends upward at a knee when that explains
/// clearly more; the instance saturates where the line reaches 1.
///
/// # Errors
/// Fewer than 24 points, or a utilization that does not rise with load.
pub fn throughput_from_history(pairs: &[(f64, f64)]) -> Result<UnitThroughput, NoThroughput> {
    let pairs: Vec<(f64, f64)> =
        pairs.iter().copied().filter(|(load, used)| load.is_finite() && used.is_finite()).collect();
    if pairs.len() < FEWEST_POINTS {
        return Err(NoThroughput::TooShort(pairs.len()));
    }
    let (loads, used): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    let line = least_squares(&[&loads], &used).ok_or(NoThroughput::NoSlope)?;
    if line[1] <= 0.0 {
        return Err(NoThroughput::NoSlope);
    }
    let straight = squared_error(&line, &[&loads], &used);
    let middle = mean(&used);
    let spread: f64 = used.iter().map(|value| (value - middle).powi(2)).sum::<f64>().max(f64::MIN_POSITIVE);
    // What rounding leaves of a line that explains everything is no bend.
    let bent = knee(&loads, &used)
        .filter(|(_, _, error)| straight > 1e-12 * spread && *error < straight * (1.0 - WORTH_A_KNEE));
    let highest = used.iter().copied().fold(0.0, f64::max);
    let (unit_throughput, knee, error) = match bent {
        // a + b·x + c·(x − k) = 1
        Some((knee, bend, error)) => {
            ((1.0 - bend[0] + bend[2] * knee) / (bend[1] + bend[2]), Some(knee), error)
        }
        None => ((1.0 - line[0]) / line[1], None, straight),
    };
    let beyond = if highest < 0.9 {
        format!("; utilization was never above {:.0} %, beyond that the line is believed", highest * 100.0)
    } else {
        String::new()
    };
    let bend = knee.map_or(String::new(), |knee| format!(", with a knee at {knee:.1}"));
    let largest = loads.iter().copied().fold(0.0, f64::max);
    let warning = knee.is_none().then(|| {
        format!(
            "no knee was seen up to the largest load, {largest:.1} each: beyond it one may saturate earlier \
             than the line says; a load test tells"
        )
    });
    Ok(UnitThroughput {
        unit_throughput,
        knee,
        r_squared: Some(1.0 - error / spread),
        points: loads.len(),
        reason: format!("utilization reaches 100 % at {unit_throughput:.1} each{bend}{beyond}"),
        warning,
    })
}

/// The best bend: its load, the coefficients of 1, load and load above it, and the error that is left.
fn knee(loads: &[f64], used: &[f64]) -> Option<(f64, Vec<f64>, f64)> {
    let mut sorted = loads.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted[sorted.len() / 10], sorted[sorted.len() * 9 / 10]);
    let tried = (1..KNEES).filter_map(|part| {
        let at = low + (high - low) * part as f64 / KNEES as f64;
        let above: Vec<f64> = loads.iter().map(|load| (load - at).max(0.0)).collect();
        let columns: [&[f64]; 2] = [loads, &above];
        let bend = least_squares(&columns, used)?;
        let error = squared_error(&bend, &columns, used);
        (bend[1] > 0.0 && bend[2] > 0.0).then_some((at, bend, error))
    });
    tried.min_by(|a, b| a.2.total_cmp(&b.2))
}

/// One stage of a load test, or a window of one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Requests answered a second, by all instances.
    pub throughput: f64,
    /// 95th percentile of the response time in milliseconds.
    pub latency_p95_ms: f64,
    /// Share of failed requests, 0 to 1.
    pub error_share: f64,
}

/// The throughput of one instance from load-test stages against `instances` of them: the largest that kept the
/// promises below the first stage that broke them.
///
/// # Errors
/// When no stage kept them.
pub fn throughput_from_load_test(
    stages: &[Stage],
    instances: u32,
    slo_ms: f64,
    max_errors: f64,
) -> Result<UnitThroughput, NoThroughput> {
    let keeps = |stage: &&Stage| stage.latency_p95_ms <= slo_ms && stage.error_share <= max_errors;
    let mut sorted: Vec<&Stage> = stages.iter().collect();
    sorted.sort_by(|a, b| a.throughput.total_cmp(&b.throughput));
    let kept: Vec<&Stage> = sorted.iter().copied().take_while(keeps).collect();
    let best = kept.last().ok_or(NoThroughput::NoStage { slo_ms, max_errors })?;
    let count = f64::from(instances.max(1));
    let limit = match sorted.get(kept.len()) {
        Some(broken) => format!(
            "at {:.1} p95 was {:.0} ms with {:.1} % errors",
            broken.throughput / count,
            broken.latency_p95_ms,
            broken.error_share * 100.0
        ),
        None => "no stage went further, so it may carry more".to_owned(),
    };
    Ok(UnitThroughput {
        unit_throughput: best.throughput / count,
        knee: None,
        r_squared: None,
        points: stages.len(),
        reason: format!(
            "each answered {:.1} a second with a p95 of {:.0} ms; {limit}",
            best.throughput / count,
            best.latency_p95_ms
        ),
        warning: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(utilization: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        (0..300)
            .map(|step| {
                let load = 10.0 + f64::from(step % 60);
                let noise = (f64::from(step * 7919 % 101) / 101.0 - 0.5) * 0.02;
                (load, utilization(load) + noise)
            })
            .collect()
    }

    #[test]
    fn a_line_reaches_full_utilization_where_the_instance_saturates() {
        let found = throughput_from_history(&pairs(|load| 0.05 + load * 0.0095)).unwrap();
        assert!((found.unit_throughput - 100.0).abs() < 1.0, "{found:?}");
        assert_eq!(found.knee, None);
        assert!(found.r_squared.unwrap() > 0.99);
        assert!(found.reason.contains("never above"), "{}", found.reason);
        assert!(found.warning.unwrap().contains("no knee was seen up to the largest load, 69.0 each"));
    }

    #[test]
    fn a_knee_saturates_earlier() {
        let bent = |load: f64| 0.05 + 0.008 * load + 0.02 * (load - 50.0f64).max(0.0);
        let found = throughput_from_history(&pairs(bent)).unwrap();
        assert!((found.knee.unwrap() - 50.0).abs() < 2.0, "{found:?}");
        assert_eq!(found.warning, None);
        // 0.05 + 0.008 x + 0.02 (x − 50) = 1
        assert!((found.unit_throughput - 1.95 / 0.028).abs() < 1.0, "{found:?}");
    }

    #[test]
    fn a_group_shares_its_load_and_machines_come_and_go() {
        let start = Stamp::Time("2026-03-01T00:00:00Z".parse().unwrap());
        let grid = Grid { start, frequency: Frequency::HOUR };
        let values = (0..48).map(|hour| Some(100.0 + 10.0 * f64::from(hour % 24))).collect();
        let demand = Series { unique_id: "requests/web".to_owned(), grid, values };
        // Two machines, four in the second half of each day; two readings an hour; 1 % for each of the requests.
        let readings = (0..96usize).flat_map(|half| {
            let hour = half / 2;
            let machines = if hour % 24 < 12 { 2 } else { 4 };
            let load = (100.0 + 10.0 * (hour % 24) as f64) / machines as f64;
            let at = Grid { frequency: Frequency::Seconds(1800), ..grid }.stamp(half);
            ["a", "b", "c", "d"][..machines]
                .iter()
                .map(move |name| (*name, at, load * 0.01))
                .collect::<Vec<_>>()
        });
        let group = group_of(&demand, readings);
        assert_eq!((group.len(), group[0].machines, group[12].machines), (48, 2.0, 4.0));
        let found = throughput_of_group(&demand, &group).unwrap();
        assert!((found.unit_throughput - 100.0).abs() < 1e-6 && found.points == 48, "{found:?}");
        let none = throughput_of_group(&demand, &[]);
        assert_eq!(none, Err(NoThroughput::TooShort(0)));
    }

    #[test]
    fn what_does_not_follow_the_load_is_refused() {
        assert_eq!(throughput_from_history(&pairs(|load| 0.9 - load * 0.001)), Err(NoThroughput::NoSlope));
        assert_eq!(throughput_from_history(&[(1.0, 0.1); 5]), Err(NoThroughput::TooShort(5)));
    }

    #[test]
    fn the_last_stage_before_the_promises_break_counts() {
        let stage =
            |throughput, latency_p95_ms, error_share| Stage { throughput, latency_p95_ms, error_share };
        let stages = [stage(200.0, 80.0, 0.0), stage(400.0, 150.0, 0.0), stage(450.0, 900.0, 0.03)];
        let found = throughput_from_load_test(&stages, 4, 200.0, 0.01).unwrap();
        assert_eq!(found.unit_throughput, 100.0);
        assert!(found.reason.contains("at 112.5 p95 was 900 ms"), "{}", found.reason);
        assert!(throughput_from_load_test(&stages, 4, 50.0, 0.01).is_err());
    }
}
