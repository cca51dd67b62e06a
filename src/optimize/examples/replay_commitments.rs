//! Every way to buy commitments, replayed on ten hourly loads of several years: regrets, and whether claims
//! came true.
//!
//! `cargo run --release -p headroom-optimize --example replay_commitments -- [tune|report] [single|ladder] [stable|drift] [policy …]`
//!
//! The loads are electricity loads of zones of the PJM grid (../shared/data/series/pjm_hourly_dev.csv.gz), whole or
//! in two eras, 70 % of the lowest load taken off, scaled to a mean of 200 instances. With drift they are multiplied by
//! a seeded path: growth of 15 ± 15 % a year, a walk of 12 % a year, and 0.35 jumps a year of −10 to −40 % or
//! +10 to +40 %. The halves share no zone; `docs/optimization.md` says which settings were chosen with both in sight.

mod loads;

use std::collections::BTreeMap;

use billing::PriceBook;
use chrono::{DateTime, Duration, Utc};
use domain::{Payment, PriceQuote, PricingPlan, Provider, UsageHour, from_statistic};
use headroom_optimize::replay::{self, Policy, PolicyReplay, ReplayInput};
use loads::{SOURCE, load, read};
use rayon::prelude::*;
use rust_decimal::Decimal;

/// Name, zones that are added up, first and last hour.
const TUNE: [(&str, &[&str], &str, &str); 5] = [
    ("AEP 2004-11", &["pjm_AEP"], "2004-10-02", "2011-09-01"),
    ("AEP 2011-18", &["pjm_AEP"], "2011-09-01", "2018-08-01"),
    ("DAYTON 2004-11", &["pjm_DAYTON"], "2004-10-02", "2011-09-01"),
    ("DAYTON 2011-18", &["pjm_DAYTON"], "2011-09-01", "2018-08-01"),
    ("AEP+DAYTON 2008-15", &["pjm_AEP", "pjm_DAYTON"], "2008-03-01", "2015-02-01"),
];
/// As [`TUNE`].
const REPORT: [(&str, &[&str], &str, &str); 5] = [
    ("DUQ 2005-11", &["pjm_DUQ"], "2005-01-02", "2011-11-01"),
    ("DUQ 2011-18", &["pjm_DUQ"], "2011-11-01", "2018-08-01"),
    ("DEOK 2012-18", &["pjm_DEOK"], "2012-01-02", "2018-08-01"),
    ("FE 2011-18", &["pjm_FE"], "2011-06-02", "2018-08-01"),
    ("DUQ+DEOK+FE 2012-18", &["pjm_DUQ", "pjm_DEOK", "pjm_FE"], "2012-01-02", "2018-08-01"),
];
const POLICIES: [&str; 7] =
    ["headroom", "lookback-7", "lookback-30", "lookback-60", "azure-min", "p10-floor", "none"];
/// The policy that the others are compared with.
const COMPARED: &str = "lookback-30";
/// Committed price over on-demand.
const PRICES: [f64; 2] = [0.73, 0.63];
/// Days before the first purchase.
const HISTORY_DAYS: i64 = 730;
/// Days between the dates of single purchases: five months, so that they fall into all months.
const SINGLE_STEP_DAYS: i64 = 152;
/// Days of a ladder.
const LADDER_DAYS: i64 = 1461;
/// Drift paths per load: single purchases, ladders.
const PATHS: [u64; 2] = [2, 1];
/// Resamples of a bootstrap interval.
const RESAMPLES: usize = 2000;

/// One load: its name and its hours.
struct Load {
    name: String,
    start: DateTime<Utc>,
    hours: Vec<f64>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let asked = |name: &str, other: &str| {
        wanted.iter().any(|arg| arg == name) || !wanted.iter().any(|arg| arg == other)
    };
    if !std::path::Path::new(SOURCE).exists() {
        println!("skipped: {SOURCE} is not beside the checkout");
        return Ok(());
    }
    let zones = read()?;
    for (half, of) in [("tune", &TUNE), ("report", &REPORT)] {
        if !asked(half, if half == "tune" { "report" } else { "tune" }) {
            continue;
        }
        let loads: Vec<Load> = of
            .iter()
            .map(|(name, of, start, end)| {
                let (start, hours) = load(&zones, of, start, end);
                Load { name: (*name).to_owned(), start, hours }
            })
            .collect();
        for (kind, paths) in [("single", PATHS[0]), ("ladder", PATHS[1])] {
            if !asked(kind, if kind == "single" { "ladder" } else { "single" }) {
                continue;
            }
            for price in PRICES {
                if asked("stable", "drift") {
                    table(half, kind, "stable", price, &loads)?;
                }
                if !asked("drift", "stable") {
                    continue;
                }
                let drifted: Vec<Load> = loads
                    .iter()
                    .enumerate()
                    .flat_map(|(index, load)| {
                        (0..paths).map(move |path| drifting(load, index as u64 * 100 + path))
                    })
                    .collect();
                table(half, kind, "drift", price, &drifted)?;
            }
        }
    }
    Ok(())
}

fn drifting(load: &Load, seed: u64) -> Load {
    let mut random = Random(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) + 1);
    let growth = (1.0 + (0.15 + 0.15 * random.normal()).max(-0.5)).ln() / 8766.0;
    let mut level = 0.0_f64;
    let path = |value: &f64| {
        level += growth + 0.12 / 8766_f64.sqrt() * random.normal();
        if random.unit() < 0.35 / 8766.0 {
            let size = 0.1 + 0.3 * random.unit();
            level += if random.unit() < 0.5 { (1.0 - size).ln() } else { (1.0 + size).ln() };
        }
        value * level.exp()
    };
    Load { name: load.name.clone(), start: load.start, hours: load.hours.iter().map(path).collect() }
}

/// One replay: its load, and what each policy came to.
type Case = (String, Vec<PolicyReplay>);

fn table(
    half: &str,
    kind: &str,
    set: &str,
    price: f64,
    loads: &[Load],
) -> Result<(), Box<dyn std::error::Error>> {
    let asked: Vec<String> = std::env::args().filter(|arg| arg.parse::<Policy>().is_ok()).collect();
    let names = if asked.is_empty() { POLICIES.map(str::to_owned).to_vec() } else { asked };
    let compared = names
        .iter()
        .position(|name| name == COMPARED)
        .ok_or("lookback-30 is what others are compared with")?;
    let policies: Vec<Policy> = names.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
    let prices = prices(price)?;
    // Load, first hour known, first purchase, hours replayed.
    let mut asked: Vec<(&Load, i64, i64)> = Vec::new();
    for (index, load) in loads.iter().enumerate() {
        let length = load.hours.len() as i64;
        if kind == "ladder" {
            let days = LADDER_DAYS.min(length / 24 - HISTORY_DAYS);
            asked.push((load, HISTORY_DAYS * 24, days * 24));
        } else {
            let mut start = (HISTORY_DAYS + 31 * (index as i64 % 5)) * 24;
            while start + 8760 <= length {
                asked.push((load, start, 8760));
                start += SINGLE_STEP_DAYS * 24;
            }
        }
    }
    let cases: Vec<Case> = asked
        .par_iter()
        .map(|(load, start, length)| {
            let usage = usage(load, (start + length) as usize);
            let input = ReplayInput {
                usage: &usage,
                prices: &prices,
                policies: &policies,
                every_days: if kind == "ladder" { 30 } else { 365 },
                start: load.start + Duration::hours(*start),
                risk: 0.0,
                cost_of_capital: 0.08,
            };
            replay::commitments(&input).map(|replay| (load.name.clone(), replay.policies))
        })
        .collect::<Result<_, _>>()?;
    println!(
        "\n{half}, {kind}, {set}, committed price {price}: {} replays of {} loads",
        cases.len(),
        TUNE.len()
    );
    println!(
        "| policy | mean regret % | p90 % | against lookback-30, points (95 %) | utilization | losing | realized ÷ claimed | above P10 |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (index, name) in names.iter().enumerate() {
        let of = |case: &'_ Case| case.1[index].clone();
        let mut regrets: Vec<f64> = cases.iter().map(|case| 100.0 * of(case).regret).collect();
        let differences: Vec<(String, f64)> = cases
            .iter()
            .map(|case| (case.0.clone(), 100.0 * (of(case).regret - case.1[compared].regret)))
            .collect();
        let (low, high) = interval(&differences);
        let mean = mean(&regrets);
        regrets.sort_by(f64::total_cmp);
        let purchases: usize = cases.iter().map(|case| of(case).purchases).sum();
        let losing: usize = cases.iter().map(|case| of(case).losing_purchases).sum();
        let utilization: f64 =
            cases.iter().filter_map(|case| of(case).utilization).sum::<f64>() / cases.len() as f64;
        let claims: Vec<_> = cases.iter().filter_map(|case| of(case).claims).collect();
        let sum = |of: fn(&replay::Claims) -> Decimal| claims.iter().map(of).sum::<Decimal>();
        let (claimed, realized) = (sum(|c| c.claimed_usd), sum(|c| c.realized_usd));
        let counted: usize = claims.iter().map(|claims| claims.purchases).sum();
        let above: usize = claims.iter().map(|claims| claims.above_p10).sum();
        let came_true =
            if claimed.is_zero() { "–".to_owned() } else { format!("{:.3}", realized / claimed) };
        let above = if counted == 0 {
            "–".to_owned()
        } else {
            format!("{:.1} % of {counted}", 100.0 * above as f64 / counted as f64)
        };
        println!(
            "| {name} | {mean:.2} | {:.2} | {:+.2} ({low:+.2} to {high:+.2}) | {:.1} % | {:.1} % | {came_true} | {above} |",
            regrets[regrets.len() * 9 / 10],
            differences.iter().map(|(_, difference)| difference).sum::<f64>() / differences.len() as f64,
            100.0 * utilization,
            100.0 * losing as f64 / purchases.max(1) as f64,
        );
    }
    Ok(())
}

fn prices(price: f64) -> Result<PriceBook, billing::PriceError> {
    let quote = |plan: PricingPlan, hourly: f64| PriceQuote {
        provider: Provider::Aws,
        region: "us-east-1".to_owned(),
        instance_type: "m5.large".to_owned(),
        os: "Linux".to_owned(),
        plan,
        term_years: plan.is_commitment().then_some(1),
        payment: plan.is_commitment().then_some(Payment::NoUpfront),
        hourly: from_statistic(hourly),
        upfront: Decimal::ZERO,
    };
    let quotes = vec![quote(PricingPlan::OnDemand, 0.1), quote(PricingPlan::ComputeSp, 0.1 * price)];
    PriceBook::new(quotes, vec![], vec![], vec![], vec![])
}

fn usage(load: &Load, length: usize) -> Vec<UsageHour> {
    let row = |(hour, quantity): (usize, &f64)| UsageHour {
        hour: load.start + Duration::hours(hour as i64),
        provider: Provider::Aws,
        account: "1".to_owned(),
        region: "us-east-1".to_owned(),
        instance_type: "m5.large".to_owned(),
        os: "Linux".to_owned(),
        quantity: from_statistic(*quantity).round_dp(3),
    };
    load.hours[..length].iter().enumerate().map(row).collect()
}

/// 95 % bootstrap interval of the mean; loads are resampled whole.
fn interval(values: &[(String, f64)]) -> (f64, f64) {
    let mut by_load: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (name, value) in values {
        by_load.entry(name).or_default().push(*value);
    }
    let loads: Vec<Vec<f64>> = by_load.into_values().collect();
    let mut random = Random(7);
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let drawn: Vec<f64> = (0..loads.len())
                .flat_map(|_| loads[(random.unit() * loads.len() as f64) as usize].iter().copied())
                .collect();
            mean(&drawn)
        })
        .collect();
    means.sort_by(f64::total_cmp);
    (means[RESAMPLES / 40], means[RESAMPLES - RESAMPLES / 40 - 1])
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// SplitMix64 (Steele, Lea & Flood 2014).
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Standard normal (Box & Muller 1958).
    fn normal(&mut self) -> f64 {
        let (radius, angle) = (1.0 - self.unit(), self.unit());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }
}
