//! The company as a whole.

use chrono::{DateTime, Utc};
use domain::{
    Budget, Charge, Commitment, Currency, Event, HourlyMetric, Period, Resource, Series, UsageHour,
};

use crate::fleet::Fleet;
use crate::inventory::Inventory;
use crate::{DemoError, PriceSnapshot, Spec, Truth, charges, coverage, demand, price_snapshot, utilization};

/// The whole company: bill, utilization, inventory, plans and what is hidden in them.
#[derive(Debug, Clone, PartialEq)]
pub struct Company {
    /// Its name.
    pub name: String,
    /// Nothing after this instant is known.
    pub as_of: DateTime<Utc>,
    /// The time that charges, usage and demand cover.
    pub history: Period,
    /// Currency of every charge.
    pub currency: Currency,
    /// Daily FOCUS charges, ordered by provider, day, account, service and resource.
    pub charges: Vec<Charge>,
    /// Instance-hours of machines (without spot and managed services), ordered by hour.
    pub usage: Vec<UsageHour>,
    /// Hourly utilization of the last weeks, resource by resource, metric by metric, hour by hour.
    pub metrics: Vec<HourlyMetric>,
    /// Hourly demand over the whole history.
    pub demand: Vec<Series>,
    /// What exists at `as_of`.
    pub resources: Vec<Resource>,
    /// Commitments of the history; some ended before `as_of`.
    pub commitments: Vec<Commitment>,
    /// Past and announced events.
    pub events: Vec<Event>,
    /// What may be spent.
    pub budgets: Vec<Budget>,
    /// Prices used for the bill.
    pub prices: PriceSnapshot,
    /// What was planted.
    pub truths: Vec<Truth>,
    /// Resource ids of the clean control group: nothing may be raised about them, commitments aside.
    pub controls: Vec<String>,
}

/// The demo company of the embedded spec. The same every time.
///
/// # Panics
/// Never in a tested build: the spec is compiled in, and the tests generate from it.
pub fn company() -> Company {
    match Spec::embedded().and_then(|spec| company_with(&spec)) {
        Ok(company) => company,
        Err(error) => unreachable!("{error}"),
    }
}

/// A company of another spec.
///
/// # Errors
/// A spec that names an account, series, type or kind that does not exist, or that has no price.
pub fn company_with(spec: &Spec) -> Result<Company, DemoError> {
    let prices = price_snapshot();
    let demand = demand::series(spec);
    let fleet = Fleet::new(spec, &demand)?;
    let commitments = coverage::commitments(spec, &prices)?;
    let inventory = Inventory::new(spec, &fleet)?;
    Ok(Company {
        name: spec.name.clone(),
        as_of: spec.as_of,
        history: spec.history(),
        currency: Currency::USD,
        charges: charges::all(spec, &fleet, &commitments, &demand, &prices)?,
        usage: fleet.usage(spec),
        metrics: utilization::all(spec, &fleet, &demand)?,
        events: demand::events(spec),
        budgets: spec.budgets.clone(),
        demand,
        resources: inventory.resources,
        commitments,
        prices,
        truths: inventory.truths,
        controls: inventory.controls,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::LazyLock;

    use billing::{Demand, PriceBook};
    use domain::{
        BillingMonth, ChargeCategory, CommitmentDiscountStatus, MetricName, PricingPlan, Provider,
        ResourceKind, ResourceState,
    };
    use rust_decimal::Decimal;

    use super::*;
    use crate::Expectation;

    static COMPANY: LazyLock<Company> = LazyLock::new(company);

    type Ranges = BTreeMap<(&'static str, MetricName), (f64, f64, usize)>;

    static RANGES: LazyLock<Ranges> = LazyLock::new(|| {
        let mut ranges = Ranges::new();
        for reading in &COMPANY.metrics {
            let range =
                ranges.entry((&reading.resource_id, reading.metric)).or_insert((f64::MAX, f64::MIN, 0));
            *range = (range.0.min(reading.average), range.1.max(reading.maximum), range.2 + 1);
        }
        ranges
    });

    /// Smallest mean and largest maximum of one metric of a resource, with the number of hours.
    fn range(resource_id: &'static str, metric: MetricName) -> (f64, f64, usize) {
        RANGES.get(&(resource_id, metric)).copied().unwrap_or((f64::MAX, f64::MIN, 0))
    }

    fn of_kind(kind: &str) -> Vec<&'static Resource> {
        let truths = COMPANY.truths.iter().filter(|truth| truth.kind == kind);
        let ids: BTreeSet<_> = truths.flat_map(|truth| &truth.resource_ids).collect();
        let found: Vec<_> =
            COMPANY.resources.iter().filter(|resource| ids.contains(&resource.resource_id)).collect();
        assert_eq!(found.len(), ids.len(), "{kind}: a truth names a resource that does not exist");
        found
    }

    fn shape(resource: &Resource) -> &'static domain::Shape {
        let name = resource.instance_type.as_deref().unwrap();
        let mut shapes = COMPANY.prices.shapes.iter();
        shapes.find(|shape| shape.instance_type == name && shape.region == resource.region).unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_company_and_another_does_not() {
        assert!(company() == *COMPANY);
        let other = company_with(&Spec::embedded().unwrap().with_seed(1)).unwrap();
        assert_eq!(other.truths, COMPANY.truths);
        assert_ne!(other.demand, COMPANY.demand);
    }

    #[test]
    fn it_is_large_enough_to_be_real_and_small_enough_to_load_in_seconds() {
        let company = &*COMPANY;
        assert!((50_000..120_000).contains(&company.charges.len()), "{} charges", company.charges.len());
        assert!((150_000..300_000).contains(&company.usage.len()), "{} usage hours", company.usage.len());
        assert!((300_000..700_000).contains(&company.metrics.len()), "{} metrics", company.metrics.len());
        assert!((80..200).contains(&company.resources.len()), "{} resources", company.resources.len());
        assert!(company.truths.len() >= 30 && company.controls.len() >= 40);
        let teams: BTreeSet<_> = company.charges.iter().filter_map(Charge::team).collect();
        assert_eq!(teams, BTreeSet::from(["checkout", "data", "platform", "storefront"]));
        let untagged: Decimal = company
            .charges
            .iter()
            .filter(|charge| charge.team().is_none())
            .map(|charge| charge.effective_cost)
            .sum();
        assert!(untagged > Decimal::ONE_THOUSAND);
        assert!(company.charges.iter().all(|charge| company.history.contains(charge.charge_period_start)));
    }

    #[test]
    fn what_commitments_cost_is_what_they_covered_and_what_was_lost() {
        let mut paid: BTreeMap<&str, Decimal> = BTreeMap::new();
        let mut amortized: BTreeMap<&str, Decimal> = BTreeMap::new();
        for charge in &COMPANY.charges {
            let Some(id) = charge.commitment_discount_id.as_deref() else {
                assert_eq!(charge.billed_cost, charge.effective_cost, "{charge:?}");
                continue;
            };
            match charge.charge_category {
                ChargeCategory::Purchase => {
                    assert_eq!(charge.effective_cost, Decimal::ZERO);
                    *paid.entry(id).or_default() += charge.billed_cost;
                }
                _ => {
                    assert_eq!(charge.billed_cost, Decimal::ZERO);
                    *amortized.entry(id).or_default() += charge.effective_cost;
                }
            }
        }
        for commitment in &COMPANY.commitments {
            let id = commitment.id.as_str();
            let hours = (COMPANY.as_of.min(commitment.ends_at)
                - COMPANY.history.start.max(commitment.starts_at))
            .num_hours();
            let upfront = commitment.upfront.unwrap_or_default() * commitment.quantity;
            let spread =
                (upfront / Decimal::from(8760)).round_dp(crate::coverage::DIGITS) * Decimal::from(hours);
            let difference = amortized[id] - (paid[id] - upfront + spread);
            assert!(difference.abs() < Decimal::new(1, 5), "{id}: {difference}");
        }
    }

    #[test]
    fn the_bill_is_what_the_simulator_says() {
        let prices = COMPANY.prices.clone();
        let book = PriceBook::new(prices.quotes, prices.shapes, prices.disks, prices.storage, prices.sources)
            .unwrap();
        let bill =
            Demand::over(COMPANY.history, &COMPANY.usage).unwrap().bill(&COMPANY.commitments, &book).unwrap();
        let machines = |charge: &&Charge| charge.resource_type.as_deref() == Some("Virtual Machine");
        let charged: Decimal =
            COMPANY.charges.iter().filter(machines).map(|charge| charge.effective_cost).sum();
        let list: Decimal = COMPANY.charges.iter().filter(machines).map(|charge| charge.list_cost).sum();
        assert_eq!(domain::to_cents(list), domain::to_cents(bill.on_demand_equivalent));
        let difference = charged - (bill.on_demand_cost + bill.commitment_used_cost);
        assert!(difference.abs() < Decimal::new(1, 2), "{difference} of {charged}");
        for simulated in &bill.commitments {
            let lost: Decimal = COMPANY
                .charges
                .iter()
                .filter(|charge| charge.commitment_discount_id.as_deref() == Some(&simulated.id))
                .filter(|charge| charge.commitment_discount_status == Some(CommitmentDiscountStatus::Unused))
                .map(|charge| charge.effective_cost)
                .sum();
            assert!((lost - simulated.unused_cost).abs() < Decimal::new(1, 2), "{}: {lost}", simulated.id);
        }
    }

    #[test]
    fn support_is_a_share_of_the_month() {
        let month: BillingMonth = "2026-10".parse().unwrap();
        let of_month = |charge: &&Charge| {
            charge.provider_name == Provider::Aws.display_name()
                && month.period().contains(charge.charge_period_start)
        };
        let support = |charge: &Charge| charge.service_name.starts_with("AWS Support");
        let (fees, rest): (Vec<&Charge>, Vec<&Charge>) =
            COMPANY.charges.iter().filter(of_month).partition(|charge| support(charge));
        let rest: Decimal = rest.iter().map(|charge| charge.billed_cost).sum();
        assert_eq!(fees.len(), 1);
        assert_eq!(fees[0].billed_cost, domain::to_cents(rest / Decimal::TEN));
    }

    #[test]
    fn the_anomaly_stands_out_of_the_days_around_it() {
        let truth = COMPANY.truths.iter().find(|truth| truth.kind == "spend_anomaly").unwrap();
        let Expectation::Anomaly { account, service_name, starts_at, ends_at } = &truth.expected else {
            panic!("{truth:?}")
        };
        let daily = |from: DateTime<Utc>, to: DateTime<Utc>| {
            let inside = |charge: &&Charge| {
                charge.sub_account_id.as_ref() == Some(account)
                    && charge.service_name == *service_name
                    && from <= charge.charge_period_start
                    && charge.charge_period_start < to
            };
            let sum: Decimal =
                COMPANY.charges.iter().filter(inside).map(|charge| charge.effective_cost).sum();
            sum / Decimal::from((to - from).num_days())
        };
        let before = daily(*starts_at - chrono::Duration::days(14), *starts_at);
        assert!(daily(*starts_at, *ends_at) > before * Decimal::TEN);
        assert!(daily(*ends_at, *ends_at + chrono::Duration::days(14)) < before * Decimal::TWO);
    }

    #[test]
    fn machines_show_what_was_planted_in_them() {
        for resource in of_kind("idle_vm") {
            assert!(range(&resource.resource_id, MetricName::CpuUtilization).1 < 1.0);
            assert!(range(&resource.resource_id, MetricName::NetworkOut).1 < 0.00005);
        }
        for resource in of_kind("oversized_vm") {
            assert!(range(&resource.resource_id, MetricName::CpuUtilization).1 < 20.0);
            let memory = range(&resource.resource_id, MetricName::MemoryUsed).1;
            assert!(memory < shape(resource).memory_gib / 3.0, "{} {memory}", resource.resource_id);
        }
        for resource in of_kind("undersized_vm") {
            assert!(range(&resource.resource_id, MetricName::CpuUtilization).1 > 95.0);
        }
        for resource in of_kind("off_hours_vm") {
            let reading = |busy: bool| {
                let at = |reading: &&HourlyMetric| {
                    use chrono::{Datelike, Timelike};
                    let working = reading.hour.weekday().num_days_from_monday() < 5
                        && (7..18).contains(&reading.hour.hour());
                    reading.resource_id == resource.resource_id
                        && reading.metric == MetricName::CpuUtilization
                        && working == busy
                };
                COMPANY.metrics.iter().filter(at).map(|reading| reading.maximum).fold(0.0, f64::max)
            };
            assert!(reading(true) > 40.0 && reading(false) < 3.0);
        }
        for resource in of_kind("unmeasured_memory") {
            assert_eq!(range(&resource.resource_id, MetricName::MemoryUsed).2, 0);
            assert!(range(&resource.resource_id, MetricName::CpuUtilization).1 < 15.0);
        }
        let fleet = of_kind("batch_fleet");
        assert!(fleet.len() >= 6 && fleet.iter().all(|resource| resource.tags["interruptible"] == "true"));
    }

    #[test]
    fn storage_and_services_show_what_was_planted_in_them() {
        for resource in of_kind("unattached_disk").into_iter().chain(of_kind("unused_address")) {
            assert_eq!(resource.state, ResourceState::Unattached);
            assert!((COMPANY.as_of - resource.state_since.unwrap()).num_days() > 32);
        }
        for resource in of_kind("old_snapshot") {
            assert!((COMPANY.as_of - resource.state_since.unwrap()).num_days() > 200);
        }
        for resource in of_kind("gp2_volume") {
            assert!(range(&resource.resource_id, MetricName::DiskThroughput).1 < 100.0);
        }
        for resource in of_kind("cold_bucket") {
            assert!(resource.reads_per_gib_month.unwrap() < 0.1 && resource.mean_object_kib.unwrap() > 128.0);
        }
        for resource in of_kind("idle_database") {
            let (_, most, hours) = range(&resource.resource_id, MetricName::Connections);
            assert!(most == 0.0 && hours > 1000);
        }
        for resource in of_kind("idle_load_balancer") {
            assert_eq!(range(&resource.resource_id, MetricName::Requests), (0.0, 0.0, 45 * 24));
        }
    }

    #[test]
    fn commitments_show_what_was_planted_in_them() {
        let lost = |id: &str| {
            let last = COMPANY.as_of - chrono::Duration::days(30);
            let of = |charge: &&Charge| {
                charge.commitment_discount_id.as_deref() == Some(id)
                    && charge.charge_period_start >= last
                    && charge.charge_category == ChargeCategory::Usage
            };
            let sum = |status| -> Decimal {
                let has = |charge: &&Charge| charge.commitment_discount_status == Some(status);
                COMPANY.charges.iter().filter(of).filter(has).map(|charge| charge.effective_cost).sum()
            };
            let (used, unused) = (sum(CommitmentDiscountStatus::Used), sum(CommitmentDiscountStatus::Unused));
            domain::to_statistic(unused / (used + unused))
        };
        for truth in &COMPANY.truths {
            let [id] = truth.resource_ids.as_slice() else { continue };
            match truth.kind.as_str() {
                "wasted_commitment" => assert!(lost(id) > 0.3, "{id}"),
                "expiring_commitment" => {
                    let held = COMPANY.commitments.iter().find(|commitment| commitment.id == *id).unwrap();
                    assert!((held.ends_at - COMPANY.as_of).num_days() < 60 && lost(id) < 0.01);
                }
                _ => {}
            }
        }
        let well_used = COMPANY.commitments.iter().find(|held| held.id.ends_with("compute-3y")).unwrap();
        assert!(well_used.plan == PricingPlan::ComputeSp && lost(&well_used.id) < 0.02);
    }

    #[test]
    fn controls_are_clean_and_apart_from_the_truths() {
        let planted: BTreeSet<_> = COMPANY.truths.iter().flat_map(|truth| &truth.resource_ids).collect();
        for id in &COMPANY.controls {
            assert!(!planted.contains(id), "{id}");
            let resource = COMPANY.resources.iter().find(|resource| resource.resource_id == *id).unwrap();
            if resource.kind == ResourceKind::Vm {
                let (_, cpu, hours) = range(id, MetricName::CpuUtilization);
                let memory = range(id, MetricName::MemoryUsed).1 / shape(resource).memory_gib;
                // half the size would be too small, and this size is not
                assert!((52.0..70.0).contains(&cpu) && (0.6..0.8).contains(&memory), "{id} {cpu} {memory}");
                assert_eq!(hours, 45 * 24);
            }
        }
        let kinds: BTreeSet<_> = COMPANY
            .resources
            .iter()
            .filter(|r| COMPANY.controls.contains(&r.resource_id))
            .map(|r| r.kind)
            .collect();
        assert!(kinds.len() >= 8, "{kinds:?}");
    }

    #[test]
    fn ids_are_unique_and_a_wrong_reference_is_named() {
        let ids: BTreeSet<_> = COMPANY.resources.iter().map(|resource| &resource.resource_id).collect();
        assert_eq!(ids.len(), COMPANY.resources.len());
        let truths: BTreeSet<_> = COMPANY.truths.iter().map(|truth| &truth.id).collect();
        assert_eq!(truths.len(), COMPANY.truths.len());
        let mut spec = Spec::embedded().unwrap();
        spec.machines[0].instance_type = "m6i.huge".to_owned();
        let error = company_with(&spec).unwrap_err().to_string();
        assert!(
            error.contains("web") && error.contains("m6i.huge") && error.contains("compute.csv"),
            "{error}"
        );
    }
}
