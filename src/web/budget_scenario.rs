//! Budgets under saved scenarios: which share of their cost follows demand, and what a scenario makes of their period.

use capacity::{Driver, Scenario};
use chrono::{DateTime, Days, Utc};
use domain::{Budget, BudgetOutlook, Currency, Forecast, OrganizationId, Series};
use serde::Serialize;
use store::PgConnection;
use store::budget::{KnownCost, StoredBudget};
use store::charge::{CostLeaf, Query, daily_leaves};
use utoipa::ToSchema;

use crate::error::WebError;
use crate::state::{App, Workload};
use crate::workload::off_thread;

/// Days of the ledger from which is learned what costs follow.
const HISTORY: Days = Days::new(365);

/// The demands at the heads of the configured workloads, and which of the finest costs (account, service and team) follow
/// them: a cost that follows demand is found there, where the noise of others does not hide it.
pub(crate) struct Demands {
    series: Vec<Series>,
    /// Every cost with its mean, and its driver where there is one.
    costs: Vec<(CostLeaf, f64, Option<Driver>)>,
}

impl Demands {
    /// Demands and costs as the latest run could see them.
    pub(crate) async fn read(
        conn: &mut PgConnection,
        org: OrganizationId,
        app: &App,
        currency: Currency,
    ) -> Result<Self, WebError> {
        let Some(run) = store::run::latest(conn, org).await? else {
            return Ok(Self { series: Vec::new(), costs: Vec::new() });
        };
        let series = demands(conn, org, app, run.as_of).await?;
        let until = run.as_of.date_naive();
        let from = until.checked_sub_days(HISTORY).unwrap_or(until);
        let leaves = daily_leaves(conn, org, &Query::new(from, until, currency)).await?;
        off_thread(move || Self::learn(series, leaves)).await
    }

    fn learn(series: Vec<Series>, leaves: Vec<CostLeaf>) -> Self {
        let learn = |leaf: CostLeaf| {
            let driver = capacity::learn_daily(&leaf.series, &series).ok();
            (capacity::measured_mean(&leaf.series), driver, leaf)
        };
        let costs =
            leaves.into_iter().map(learn).map(|(level, driver, leaf)| (leaf, level, driver)).collect();
        Self { series, costs }
    }

    /// What a cost series follows: as learned from a year of its parts, or the `share` of it that somebody states.
    pub(crate) fn followed_by(&self, unique_id: &str, share: Option<f64>) -> Follows {
        let parts = || self.costs.iter().filter(|(leaf, ..)| leaf.belongs_to(unique_id));
        let level: f64 = parts().map(|(_, level, _)| level).sum();
        let driven: Vec<(f64, &Driver)> =
            parts().filter_map(|(_, level, driver)| Some((*level, driver.as_ref()?))).collect();
        let learned = Driver::of_parts(unique_id, level, &driven);
        let found = match share {
            None => learned.ok_or_else(|| {
                format!(
                    "No demand of a configured workload explains any of the {} parts of it (account, service and \
                     team): the scenario leaves it as it is.",
                    parts().count()
                )
            }),
            Some(share) => {
                let strongest = learned.as_ref().map(|driver| driver.terms[0].demand.as_str());
                let is_it = |demand: &&Series| strongest.is_none_or(|id| demand.unique_id == id);
                let demand = self.series.iter().find(is_it);
                let missing = "No demand is known: configure a workload, and import its demand.";
                let stated = |demand| Driver::by_share(unique_id, level, demand, share);
                demand.map(stated).ok_or_else(|| missing.to_owned())
            }
        };
        match found {
            Ok(driver) => {
                let sentence = format!("{}.", driver.share_sentence());
                Follows { driver: Some(driver), sentence }
            }
            Err(sentence) => Follows { driver: None, sentence },
        }
    }
}

/// The demands at the heads of the configured workloads, as measured until `as_of`.
pub(crate) async fn demands(
    conn: &mut PgConnection,
    org: OrganizationId,
    app: &App,
    as_of: DateTime<Utc>,
) -> Result<Vec<Series>, WebError> {
    let head = |workload: &Workload| match workload.drivers.first() {
        Some(by) => by.demand.clone(),
        None => workload.demand.clone(),
    };
    // What is stored only trends: it would explain every cost that trends.
    let rates = app.state.workloads.iter().filter(|workload| !workload.is_stored());
    let mut names: Vec<String> = rates.map(head).collect();
    names.sort();
    names.dedup();
    let mut series = Vec::with_capacity(names.len());
    for name in names {
        series.extend(store::metric::history(conn, org, as_of, &name).await?);
    }
    Ok(series)
}

/// What a cost follows.
pub(crate) struct Follows {
    driver: Option<Driver>,
    /// In words, or why it follows nothing.
    pub(crate) sentence: String,
}

impl Follows {
    /// The share of the cost that follows demand, 0 to 1.
    pub(crate) fn share(&self) -> f64 {
        self.driver.as_ref().map_or(0.0, Driver::share)
    }

    /// The cost's forecast under the changes of a scenario.
    pub(crate) fn under(&self, forecast: &Forecast, changes: &[Scenario]) -> Forecast {
        match &self.driver {
            Some(driver) => driver.under(forecast, changes),
            None => forecast.clone(),
        }
    }
}

/// What a budget's period comes to under a saved scenario.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BudgetUnder {
    /// Key of the scenario.
    pub(crate) scenario: i64,
    /// Its name.
    pub(crate) name: String,
    /// What the period comes to.
    pub(crate) outlook: BudgetOutlook,
    /// Share of the cost that follows demand and is changed by the scenario, 0 to 1.
    pub(crate) share: f64,
    /// How that share is known, or why there is none.
    pub(crate) basis: String,
}

/// A budget with its cost; none before there is a forecast of it.
pub(crate) struct BudgetKnown {
    pub(crate) stored: StoredBudget,
    pub(crate) cost: Option<KnownCost>,
}

impl BudgetKnown {
    /// One budget.
    pub(crate) async fn read(
        conn: &mut PgConnection,
        org: OrganizationId,
        stored: StoredBudget,
        currency: Currency,
    ) -> Result<Self, WebError> {
        let cost = store::budget::known_cost(conn, org, &stored.budget, currency).await?;
        Ok(Self { stored, cost })
    }

    /// Every budget, by name.
    pub(crate) async fn all(
        conn: &mut PgConnection,
        org: OrganizationId,
        currency: Currency,
    ) -> Result<Vec<Self>, WebError> {
        let mut all = Vec::new();
        for stored in store::budget::list(conn, org).await? {
            all.push(Self::read(conn, org, stored, currency).await?);
        }
        Ok(all)
    }

    /// What the period comes to as it goes.
    pub(crate) fn outlook(&self) -> Option<BudgetOutlook> {
        self.cost.as_ref().map(|cost| cost.outlook(&self.stored.budget, &cost.stored.forecast))
    }

    /// The same under scenarios (key, name, changes), where there is a forecast.
    pub(crate) fn under<'a>(
        &self,
        demands: &Demands,
        scenarios: impl IntoIterator<Item = (i64, &'a str, &'a [Scenario])>,
        share: Option<f64>,
    ) -> Vec<BudgetUnder> {
        let Some(cost) = &self.cost else { return Vec::new() };
        let follows = demands.followed_by(&self.stored.budget.unique_id, share);
        let budget: &Budget = &self.stored.budget;
        let under = |(scenario, name, changes): (i64, &str, &[Scenario])| BudgetUnder {
            scenario,
            name: name.to_owned(),
            outlook: cost.outlook(budget, &follows.under(&cost.stored.forecast, changes)),
            share: follows.share(),
            basis: follows.sentence.clone(),
        };
        scenarios.into_iter().map(under).collect()
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use domain::{BudgetPeriod, Components, Frequency, Grid, RunId, Stamp, midnight, to_statistic};
    use rust_decimal::Decimal;
    use store::forecast::{ForecastKind, StoredForecast};

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn daily(unique_id: &str, values: Vec<f64>) -> Series {
        let grid = Grid { start: Stamp::Time(midnight(day("2026-01-01"))), frequency: Frequency::DAY };
        Series { unique_id: unique_id.to_owned(), grid, values: values.into_iter().map(Some).collect() }
    }

    fn leaf(service: &str, cost: impl Fn(usize) -> f64) -> CostLeaf {
        let (account, service, team) = ("1".to_owned(), service.to_owned(), String::new());
        CostLeaf { account, service, team, series: daily("cost/leaf", (0..100).map(cost).collect()) }
    }

    /// Two costs of about the same size, one of which follows requests; the other one jumps about.
    fn demands() -> Demands {
        let requests = |index: usize| 80.0 + ((index * 7) % 19) as f64 * 5.0;
        let web = leaf("web", move |index| 40.0 + 0.5 * requests(index));
        let other = leaf("other", |index| if index % 30 == 0 { 2000.0 } else { 40.0 });
        Demands::learn(vec![daily("requests/web", (0..100).map(requests).collect())], vec![web, other])
    }

    /// A budget of this cost series, which is forecast at 100 a day, 90 at P10 and 110 at P90.
    fn known(unique_id: &str) -> BudgetKnown {
        let start = day("2026-04-11");
        let forecast = Forecast {
            unique_id: unique_id.to_owned(),
            grid: Grid { start: Stamp::Time(midnight(start)), frequency: Frequency::DAY },
            mean: vec![100.0; 60],
            levels: vec![0.1, 0.5, 0.9],
            quantiles: vec![vec![90.0; 60], vec![100.0; 60], vec![110.0; 60]],
            members: vec![],
            reason: String::new(),
            accuracy: None,
            baseline: None,
            mase_by_step: vec![],
            components: Components::default(),
            warnings: vec![],
        };
        let (run_id, as_of, kind) = (RunId(1), DateTime::UNIX_EPOCH, ForecastKind::Cost);
        let stored = StoredForecast { run_id, as_of, kind, forecast };
        let days = day("2026-04-01").iter_days().take(10).map(|day| (day, Decimal::from(100))).collect();
        let budget = Budget {
            name: "All".to_owned(),
            unique_id: unique_id.to_owned(),
            period: BudgetPeriod::Month,
            amount: Decimal::from(3400),
            owner: None,
        };
        let changed_by = "ada".to_owned();
        BudgetKnown {
            stored: StoredBudget { id: 1, budget, changed_by, changed_at: DateTime::UNIX_EPOCH },
            cost: Some(KnownCost { start, days, stored }),
        }
    }

    fn under(unique_id: &str, factor: f64, share: Option<f64>) -> BudgetUnder {
        let changes = [Scenario::Growth { factor }];
        known(unique_id).under(&demands(), [(7, "more", &changes[..])], share).remove(0)
    }

    fn median(outlook: &BudgetOutlook) -> f64 {
        to_statistic(outlook.risk.as_ref().unwrap().total[1])
    }

    #[test]
    fn a_scenario_takes_the_same_road_as_no_scenario() {
        let as_it_goes = known("cost/total").outlook().unwrap();
        assert!(!as_it_goes.is_at_risk());
        assert_eq!(under("cost/service/other", 3.0, None).outlook, as_it_goes);
        let same = under("cost/total", 1.0, None).outlook;
        assert!((median(&same) - median(&as_it_goes)).abs() < 1e-6, "growth of nothing");
    }

    #[test]
    fn growth_moves_the_part_that_follows_demand_and_breaks_the_budget() {
        let twice = under("cost/total", 2.0, None);
        assert!(twice.basis.contains("follows requests/web (learned from 100 days"), "{}", twice.basis);
        let web = under("cost/service/web", 2.0, None).share;
        // 62 of 170 a day on average are driven, most of the 102 of `web`.
        assert!((0.6..0.65).contains(&web) && (0.2..0.4).contains(&twice.share), "{web} {}", twice.share);
        let more = median(&twice.outlook) - median(&known("cost/total").outlook().unwrap());
        assert!((more - 20.0 * 100.0 * twice.share).abs() < 0.01, "{more} {}", twice.share);
        assert!(twice.outlook.is_at_risk() && twice.outlook.breaks_on.is_some());
    }

    #[test]
    fn what_is_stated_counts_and_what_is_not_known_changes_nothing() {
        let stated = under("cost/total", 2.0, Some(0.1));
        assert_eq!((stated.share, stated.basis.contains("as stated")), (0.1, true), "{}", stated.basis);
        let unknown = under("cost/service/other", 2.0, None);
        assert_eq!(unknown.share, 0.0);
        assert!(unknown.basis.starts_with("No demand of a configured workload explains any of the 1 parts"));
        let none = Demands::learn(vec![], vec![]);
        assert_eq!(none.followed_by("cost/total", Some(0.5)).share(), 0.0);
    }
}
