//! Commitments under a saved scenario: what would be bought beside what would be bought as it goes, and what the purchases
//! that are advised today are worth if the scenario comes true.

use std::collections::BTreeMap;

use billing::{LineKey, PriceBook};
use capacity::{Driver, NamedScenario, Scenario};
use chrono::{DateTime, Duration, NaiveDate, Utc};
use domain::{
    Commitment, Components, Forecast, Frequency, Grid, OrganizationId, Period, Purchase, Series, Stamp,
    UsageHour, midnight, to_statistic,
};
use optimize::commitments::{self, CommitmentError, Input, SavingSummary, Settings};
use serde::Serialize;
use store::PgConnection;
use utoipa::ToSchema;

use crate::budget_scenario::demands;
use crate::error::WebError;
use crate::state::App;

/// Days of instance-hours that commitments are planned on, as in a run.
const USAGE_DAYS: i64 = 800;
/// Days of them from which is learned what they follow.
const LEARNED_DAYS: i64 = 365;
/// Days over which savings are counted.
const HORIZON_DAYS: u32 = 365;

/// What one plan buys.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Bought {
    /// The purchases, today and when held commitments end, each worth what it adds to the ones before it.
    pub(crate) purchases: Vec<Purchase>,
    /// What they save together over the horizon, in USD.
    pub(crate) saving: SavingSummary,
}

/// The purchases that the latest run advises.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Advised {
    /// The commitments.
    pub(crate) commitments: Vec<Commitment>,
    /// What they save over the horizon as it goes, in USD.
    pub(crate) as_it_goes: SavingSummary,
    /// What they save if the scenario comes true.
    pub(crate) under: SavingSummary,
}

/// Purchases with and without a scenario.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PurchasesUnder {
    /// Name of the scenario.
    pub(crate) scenario: String,
    /// What would be bought as it goes.
    pub(crate) as_it_goes: Bought,
    /// What would be bought if it was known that the scenario comes true.
    pub(crate) under: Bought,
    /// What is advised today.
    pub(crate) advised: Advised,
    /// Kinds of usage that follow a demand of the workloads, and that the scenario changes.
    pub(crate) following: usize,
    /// Which usage follows demand, and what the plans are made from.
    pub(crate) assumptions: Vec<String>,
}

/// The facts of a comparison.
pub(crate) struct Facts {
    usage: Vec<UsageHour>,
    prices: PriceBook,
    held: Vec<Commitment>,
    advised: Vec<Commitment>,
    demands: Vec<Series>,
    settings: Settings,
}

impl Facts {
    /// What the latest run could see.
    pub(crate) async fn read(
        conn: &mut PgConnection,
        org: OrganizationId,
        app: &App,
    ) -> Result<Self, WebError> {
        let none = |what: &str| WebError::NotFound(format!("There is {what} yet: start a run."));
        let plan = store::plan::latest(conn, org).await?.ok_or_else(|| none("no plan"))?;
        let run = store::run::get(conn, org, plan.run_id).await?;
        let usage = store::usage::read(conn, org, Period::days_before(run.as_of, USAGE_DAYS)).await?;
        let last = usage.iter().map(|row| row.hour).max().ok_or_else(|| none("no usage to commit to"))?;
        let prices = store::price::load(conn, org).await?;
        let prices =
            PriceBook::new(prices.quotes, prices.shapes, prices.disks, prices.storage, prices.sources);
        let purchases = plan.plan.recommendations.into_iter().filter_map(|advice| advice.purchase);
        Ok(Self {
            usage,
            prices: prices.map_err(|error| failed(&error))?,
            held: store::commitment::list(conn, org, Some(run.as_of)).await?,
            advised: purchases.map(|purchase| purchase.commitment).collect(),
            demands: demands(conn, org, app, run.as_of).await?,
            settings: Settings {
                horizon_days: HORIZON_DAYS,
                ..app.state.policy.plan.commitments(last + Duration::hours(1))
            },
        })
    }

    /// Plans with and without the changes of a scenario.
    pub(crate) fn compare(&self, scenario: &NamedScenario) -> Result<PurchasesUnder, CommitmentError> {
        let drivers = self.drivers();
        let multipliers: BTreeMap<&LineKey, Vec<f64>> =
            drivers.iter().map(|(line, found)| (line, self.multiplier(found, &scenario.scenarios))).collect();
        let change = |line: &LineKey, at: DateTime<Utc>| {
            let hour = usize::try_from((at - self.settings.as_of).num_hours()).unwrap_or(0);
            multipliers.get(line).map_or(1.0, |path| path.get(hour).or(path.last()).copied().unwrap_or(1.0))
        };
        let input = Input {
            usage: &self.usage,
            prices: &self.prices,
            held: &self.held,
            settings: self.settings.clone(),
        };
        let compared = commitments::compare(&input, &self.advised, &change)?;
        let advised = Advised {
            as_it_goes: compared.worth_as_it_goes,
            under: compared.worth_under,
            commitments: self.advised.clone(),
        };
        let bought = |output: commitments::Output| Bought {
            purchases: [output.purchases, output.later].concat(),
            saving: output.saving,
        };
        Ok(PurchasesUnder {
            scenario: scenario.name.clone(),
            as_it_goes: bought(compared.as_it_goes),
            under: bought(compared.under),
            advised,
            following: drivers.len(),
            assumptions: self.assumptions(&drivers),
        })
    }

    /// The lines whose instance-hours follow a demand: mean of a day, and driver.
    fn drivers(&self) -> BTreeMap<LineKey, (f64, Driver)> {
        let first = (self.settings.as_of - Duration::days(LEARNED_DAYS)).date_naive();
        // The last day may be a part of one.
        let days = usize::try_from((self.settings.as_of.date_naive() - first).num_days()).unwrap_or(0);
        let mut lines: BTreeMap<LineKey, Vec<Option<f64>>> = BTreeMap::new();
        for row in self.usage.iter().filter(|row| row.hour.date_naive() >= first) {
            let values = lines.entry(LineKey::of(row)).or_insert_with(|| vec![Some(0.0); days]);
            let day = usize::try_from((row.hour.date_naive() - first).num_days()).unwrap_or(0);
            if let Some(Some(value)) = values.get_mut(day) {
                *value += to_statistic(row.quantity);
            }
        }
        let learn = |(line, values): (LineKey, Vec<Option<f64>>)| {
            let own = daily(first, values);
            let driver = capacity::learn_daily(&own, &self.demands).ok()?;
            Some((line, (capacity::measured_mean(&own), driver)))
        };
        lines.into_iter().filter_map(learn).collect()
    }

    /// What the changes multiply the instance-hours of a line by, in each hour over which savings are counted.
    fn multiplier(&self, (level, driver): &(f64, Driver), changes: &[Scenario]) -> Vec<f64> {
        let hours = HORIZON_DAYS as usize * 24;
        let flat = Forecast {
            unique_id: driver.resource.clone(),
            grid: Grid { start: Stamp::Time(self.settings.as_of), frequency: Frequency::HOUR },
            mean: vec![*level; hours],
            levels: vec![0.5],
            quantiles: vec![vec![*level; hours]],
            members: Vec::new(),
            reason: String::new(),
            accuracy: None,
            baseline: None,
            mase_by_step: Vec::new(),
            components: Components::default(),
            warnings: Vec::new(),
        };
        let changed = driver.under(&flat, changes).mean;
        changed.into_iter().map(|value| (value / level.max(f64::MIN_POSITIVE)).max(0.0)).collect()
    }

    fn assumptions(&self, drivers: &BTreeMap<LineKey, (f64, Driver)>) -> Vec<String> {
        let lines: std::collections::BTreeSet<LineKey> = self.usage.iter().map(LineKey::of).collect();
        let mut said = vec![format!(
            "{} of {} kinds of usage follow a demand of the workloads and are changed by the scenario; the others stay",
            drivers.len(),
            lines.len()
        )];
        said.extend(drivers.iter().map(|(line, (_, driver))| {
            format!("{} in {}: {}", line.instance_type, line.region, driver.share_sentence())
        }));
        said.push(
            "planned from usage as it ran, beside what is held: what the plan advises to stop, resize, schedule or move \
             is not taken out here"
                .to_owned(),
        );
        said.push("the scenario is certain: only demand itself is in doubt".to_owned());
        said
    }
}

fn daily(first: NaiveDate, values: Vec<Option<f64>>) -> Series {
    let grid = Grid { start: Stamp::Time(midnight(first)), frequency: Frequency::DAY };
    Series { unique_id: "instance-hours".to_owned(), grid, values }
}

/// A comparison that cannot be made from what is stored.
pub(crate) fn failed(error: &dyn std::error::Error) -> WebError {
    WebError::NotFound(format!("What would be bought cannot be told: {error}."))
}

#[cfg(test)]
mod tests {
    use domain::{Payment, PriceQuote, PricingPlan, Provider};
    use rust_decimal::Decimal;

    use super::*;

    const DAYS: i64 = 120;

    fn start() -> DateTime<Utc> {
        "2026-03-01T00:00:00Z".parse().unwrap()
    }

    fn requests(day: i64) -> f64 {
        80.0 + ((day * 7) % 19) as f64 * 5.0
    }

    /// One kind of machine for every ten requests, and four of another kind whatever happens.
    fn facts() -> Facts {
        let row = |hour: i64, instance_type: &str, quantity: f64| UsageHour {
            hour: start() + Duration::hours(hour),
            provider: Provider::Aws,
            account: "1".to_owned(),
            region: "us-east-1".to_owned(),
            instance_type: instance_type.to_owned(),
            os: "Linux".to_owned(),
            quantity: domain::from_statistic(quantity),
        };
        let hours = 0..DAYS * 24;
        let usage = hours.flat_map(|hour| {
            [row(hour, "m5.large", requests(hour / 24) / 10.0), row(hour, "c5.xlarge", 4.0)]
        });
        let quote = |instance_type: &str, plan: PricingPlan, hourly: &str| PriceQuote {
            provider: Provider::Aws,
            region: "us-east-1".to_owned(),
            instance_type: instance_type.to_owned(),
            os: "Linux".to_owned(),
            plan,
            term_years: plan.is_commitment().then_some(1),
            payment: plan.is_commitment().then_some(Payment::NoUpfront),
            hourly: hourly.parse().unwrap(),
            upfront: Decimal::ZERO,
        };
        let quotes = vec![
            quote("m5.large", PricingPlan::OnDemand, "0.096"),
            quote("m5.large", PricingPlan::Ec2InstanceSp, "0.0615"),
            quote("c5.xlarge", PricingPlan::OnDemand, "0.17"),
            quote("c5.xlarge", PricingPlan::Ec2InstanceSp, "0.109"),
        ];
        let grid = Grid { start: Stamp::Time(start()), frequency: Frequency::DAY };
        let values = (0..DAYS).map(|day| Some(requests(day))).collect();
        Facts {
            usage: usage.collect(),
            prices: PriceBook::new(quotes, vec![], vec![], vec![], vec![]).unwrap(),
            held: vec![],
            advised: vec![],
            demands: vec![Series { unique_id: "requests/web".to_owned(), grid, values }],
            settings: Settings::new(start() + Duration::days(DAYS)),
        }
    }

    fn named(scenarios: &[Scenario]) -> NamedScenario {
        NamedScenario { name: "a scenario".to_owned(), scenarios: scenarios.to_vec() }
    }

    /// USD an hour committed to for a family.
    fn committed(bought: &Bought, family: &str) -> Decimal {
        let of = bought.purchases.iter().map(|purchase| &purchase.commitment);
        of.filter(|commitment| commitment.family.as_deref() == Some(family)).map(|found| found.quantity).sum()
    }

    #[test]
    fn growth_buys_more_of_what_follows_demand_and_a_fall_makes_today_s_purchases_lose() {
        let mut facts = facts();
        let grown = facts.compare(&named(&[Scenario::Growth { factor: 2.0 }])).unwrap();
        assert!(committed(&grown.under, "m5") > committed(&grown.as_it_goes, "m5") * Decimal::new(17, 1));
        assert_eq!(committed(&grown.under, "c5"), committed(&grown.as_it_goes, "c5"), "whatever happens");
        assert!(grown.assumptions[0].starts_with("1 of 2 kinds of usage"), "{:?}", grown.assumptions);
        facts.advised =
            grown.as_it_goes.purchases.iter().map(|purchase| purchase.commitment.clone()).collect();
        let fallen = facts.compare(&named(&[Scenario::Growth { factor: 0.1 }])).unwrap();
        let (as_it_goes, under) = (&fallen.advised.as_it_goes, &fallen.advised.under);
        assert!(as_it_goes.expected_usd > under.expected_usd, "{fallen:?}");
        assert!(committed(&fallen.under, "m5") < committed(&fallen.as_it_goes, "m5"));
        assert_eq!(fallen.following, 1);
        let same = facts.compare(&named(&[])).unwrap();
        assert_eq!(same.as_it_goes.saving, same.under.saving);
        assert_eq!(same.advised.as_it_goes, same.advised.under);
    }
}
