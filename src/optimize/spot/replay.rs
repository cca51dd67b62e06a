//! A job walked through the price history of a pool, to hold the cost formula against what would have happened.

use super::cost::SHORT_HOURS;
use super::{Job, Pool};

/// A stretch of time with one price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// Its length.
    pub hours: f64,
    /// Spot price over the list price, which is the bid: above 1 there is no capacity.
    pub price: f64,
}

impl Stretch {
    fn is_up(&self) -> bool {
        self.price <= 1.0
    }
}

/// A stretch of time with capacity, or without.
struct Run {
    up: bool,
    hours: f64,
    /// Mean price.
    price: f64,
}

/// What a history shows of its pool: mean price, availability, shares of short stays and gaps, and interruptions per hour with half an
/// interruption added (the Jeffreys prior of a Poisson rate), so that none seen is not none ever.
/// `None` where there never was capacity.
pub fn observed(history: &[Stretch]) -> Option<Pool> {
    let runs = runs(history);
    let lengths =
        |up: bool| runs.iter().filter(|run| run.up == up).map(|run| run.hours).collect::<Vec<f64>>();
    let (ups, downs) = (lengths(true), lengths(false));
    let (up, down) = (ups.iter().sum::<f64>(), downs.iter().sum::<f64>());
    let paid: f64 = runs.iter().filter(|run| run.up).map(|run| run.hours * run.price).sum();
    (up > 0.0).then(|| Pool {
        price: paid / up,
        hazard: (interruptions(history) as f64 + 0.5) / up,
        availability: up / (up + down),
        short_stays: short(&ups),
        short_gaps: short(&downs),
    })
}

/// Share of lengths that are short; 0 of none.
fn short(lengths: &[f64]) -> f64 {
    let short = lengths.iter().filter(|hours| **hours < SHORT_HOURS).count();
    short as f64 / lengths.len().max(1) as f64
}

/// How often capacity went away.
pub fn interruptions(history: &[Stretch]) -> usize {
    runs(history).windows(2).filter(|pair| pair[0].up).count()
}

/// Cost of one useful hour over the list price for a job that saves its state after every `interval` hours of work.
///
/// It runs on spot while there is capacity and on demand while there is not. Each change costs a restart. An
/// interruption loses the work since the last state; on demand is left with its state saved. Time is charged by the
/// second. `None` where nothing useful was done.
pub fn cost_ratio(history: &[Stretch], job: &Job, interval: f64) -> Option<f64> {
    let runs = runs(history);
    let (mut cost, mut useful) = (0.0, 0.0);
    for (index, run) in runs.iter().enumerate() {
        let last = index + 1 == runs.len();
        let working = (run.hours - job.restart_hours).max(0.0);
        let cycle = interval + job.checkpoint_hours;
        let whole = (working / cycle).floor();
        useful += match (run.up, last) {
            (true, false) => whole * interval,
            // Nothing is lost where the history ends.
            (true, true) => whole * interval + (working - whole * cycle).min(interval),
            (false, false) => (working - job.checkpoint_hours).max(0.0),
            (false, true) => working,
        };
        cost += run.hours * if run.up { run.price } else { 1.0 };
    }
    (useful > 0.0).then(|| cost / useful)
}

fn runs(history: &[Stretch]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for stretch in history.iter().filter(|stretch| stretch.hours > 0.0) {
        let up = stretch.is_up();
        match runs.last_mut().filter(|run| run.up == up) {
            Some(run) => {
                let paid = run.price * run.hours + stretch.price * stretch.hours;
                run.hours += stretch.hours;
                run.price = paid / run.hours;
            }
            None => runs.push(Run { up, hours: stretch.hours, price: stretch.price }),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(stretches: &[(f64, f64)]) -> Vec<Stretch> {
        stretches.iter().map(|&(hours, price)| Stretch { hours, price }).collect()
    }

    #[test]
    fn a_small_history_costs_what_is_counted_by_hand() {
        // Eight hours at mixed prices, two without capacity, four at the end.
        let history = history(&[(6.0, 0.25), (2.0, 0.45), (2.0, 1.5), (4.0, 0.3)]);
        let job = Job { checkpoint_hours: 0.5, restart_hours: 0.5 };
        // First run: 7.5 h are three cycles of 2 + 0.5, so 6 h. On demand: 2 − 0.5 − 0.5. Last run: 3.5 h are one
        // cycle and one hour.
        let useful = 6.0 + 1.0 + 3.0;
        let cost = 6.0 * 0.25 + 2.0 * 0.45 + 2.0 + 4.0 * 0.3;
        let ratio = cost_ratio(&history, &job, 2.0).unwrap();
        assert!((ratio - cost / useful).abs() < 1e-12, "{ratio}");
        let pool = observed(&history).unwrap();
        assert!((pool.price - 3.6 / 12.0).abs() < 1e-12 && (pool.availability - 12.0 / 14.0).abs() < 1e-12);
        assert_eq!(interruptions(&history), 1);
    }

    #[test]
    fn the_formula_is_the_mean_over_exponential_runs() {
        // Inverse of the distribution function at the middles of equal parts: exact in mean but for the last part.
        let middles = |mean: f64, count: usize| {
            (0..count).map(move |part| -mean * (1.0 - (part as f64 + 0.5) / count as f64).ln())
        };
        let runs: Vec<(f64, f64)> = middles(6.0, 4001)
            .zip(middles(2.0, 4001))
            .flat_map(|(up, down)| [(up, 0.4), (down, 2.0)])
            .collect();
        let (history, job) = (history(&runs), Job { checkpoint_hours: 0.05, restart_hours: 0.1 });
        // Exponential lengths have short ones by themselves.
        let pool = Pool { short_stays: 0.0, short_gaps: 0.0, ..observed(&history).unwrap() };
        let replayed = cost_ratio(&history, &job, job.interval(pool.hazard)).unwrap();
        let formula = job.cost_ratio(&pool);
        assert!((formula / replayed - 1.0).abs() < 2e-3, "{formula} {replayed}");
    }

    #[test]
    fn a_pool_without_capacity_is_none() {
        assert_eq!(observed(&history(&[(5.0, 2.0)])), None);
        let all_day =
            cost_ratio(&history(&[(24.0, 2.0)]), &Job { checkpoint_hours: 0.0, restart_hours: 0.0 }, 1.0);
        assert!((all_day.unwrap() - 1.0).abs() < 1e-12);
    }
}
