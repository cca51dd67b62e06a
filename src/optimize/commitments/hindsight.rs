//! The best purchases for usage that is known: what lookback rules do, and what a clairvoyant would.

use billing::{Demand, PriceBook};
use chrono::{DateTime, Duration, Utc};
use domain::{Commitment, to_statistic};

use super::cutting_planes::minimize;
use super::market::{Market, buy};
use super::offers;
use super::planner::shortest_term_hours;
use super::problem::{DETAIL, Future, MONTH_HOURS, Problem};
use super::{CommitmentError, Later};

/// Buys for the usage in `demand` as if it came after `at`, which is also when the first purchase starts;
/// more can be bought at the dates of `later`. Returns the purchases and the proven relative gap to the
/// best there are, `None` where they are not proven.
///
/// # Errors
/// Usage, prices or commitments that cannot be billed.
pub fn best_in_hindsight(
    demand: &Demand,
    held: &[Commitment],
    prices: &PriceBook,
    at: DateTime<Utc>,
    later: Later,
    cost_of_capital: f64,
) -> Result<(Vec<Commitment>, Option<f64>), CommitmentError> {
    let lines = demand.lines();
    let hours = demand.hours();
    let bill = demand.bill(&[], prices)?;
    let list_spend: Vec<f64> =
        bill.lines.iter().map(|line| to_statistic(line.on_demand_equivalent)).collect();
    let longest = shortest_term_hours(prices);
    let offers = offers::find(lines, &list_spend, prices, at, longest, cost_of_capital, false)?.offers;
    let market = Market::new(lines, held, &offers, prices, at, later, hours)?;
    let block_hours = if market.waterfall.sustained.is_empty() { hours } else { MONTH_HOURS };
    let future = Future::certain((0..lines.len()).map(|line| demand.series(line)).collect(), block_hours);
    let problem = Problem::new(&market.waterfall, future, &market.held, &market.columns, hours, DETAIL);
    let solution = minimize(&problem, 0.0, &market.granularity(&offers), &[]);
    let purchases = solution
        .units
        .iter()
        .zip(&market.bought)
        .map(|(units, (offer, start))| buy(&offers[*offer], at + Duration::hours(*start as i64), *units))
        .filter(|bought: &Commitment| !bought.quantity.is_zero())
        .collect();
    Ok((purchases, solution.proven()))
}
