//! The best commitments for usage that is known, and how long finding them takes: our side of `benches/commitments.py`.
//!
//! `cargo run --release -p headroom-optimize --example hindsight -- FOLDER [HOURS]` writes the instance to
//! `FOLDER/usage.csv` (one row an hour, one column a family) and `FOLDER/prices.csv`, and prints the answer as JSON.
//!
//! Six families run as hourly electricity loads of five years. On offer are reservations and a savings plan of each
//! family, and one savings plan over all: 13 plans.

mod loads;

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use billing::{Demand, PriceBook};
use chrono::{DateTime, Duration, Utc};
use domain::{Payment, Period, PriceQuote, PricingPlan, Provider, UsageHour, from_statistic, to_statistic};
use headroom_optimize::commitments::{Later, best_in_hindsight};
use loads::{SOURCE, load, read};
use rust_decimal::Decimal;

/// Machine type, its zones, and ten-thousandths of a dollar: on demand, reserved, savings plan of the family, and of
/// all. Half of the families are cheaper reserved, half under their savings plan.
const FAMILIES: [(&str, &[&str], [i64; 4]); 6] = [
    ("m5.large", &["pjm_AEP"], [960, 590, 620, 700]),
    ("c5.xlarge", &["pjm_DAYTON"], [1700, 1110, 1080, 1240]),
    ("r5.large", &["pjm_DUQ"], [1260, 790, 820, 910]),
    ("m6i.large", &["pjm_DEOK"], [960, 640, 610, 690]),
    ("c6i.xlarge", &["pjm_FE"], [1700, 1060, 1090, 1270]),
    ("r6i.large", &["pjm_DUQ", "pjm_DEOK"], [1260, 830, 800, 930]),
];
/// Five years without their leap day.
const HOURS: usize = 43_800;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = Path::new(arguments.first().ok_or("usage: hindsight FOLDER [HOURS]")?);
    let hours = arguments.get(1).map_or(Ok(HOURS), |hours| hours.parse())?;
    if !Path::new(SOURCE).exists() {
        println!("skipped: {SOURCE} is not beside the checkout");
        return Ok(());
    }
    let zones = read()?;
    let start: DateTime<Utc> = "2013-01-01T00:00:00Z".parse()?;
    let load = |of| load(&zones, of, "2013-01-01", "2018-01-01").1;
    // Usage is written, and solved by others, as the six decimals that are planned for.
    let used: Vec<Vec<Decimal>> = FAMILIES
        .iter()
        .map(|(_, zones, _)| {
            load(zones).into_iter().take(hours).map(|y| from_statistic(y).round_dp(6)).collect()
        })
        .collect();
    let usage: Vec<UsageHour> = (0..hours)
        .flat_map(|hour| used.iter().zip(FAMILIES).map(move |(used, family)| (hour, used[hour], family.0)))
        .map(|(hour, quantity, instance_type)| UsageHour {
            hour: start + Duration::hours(hour as i64),
            provider: Provider::Aws,
            account: "1".to_owned(),
            region: "us-east-1".to_owned(),
            instance_type: instance_type.to_owned(),
            os: "Linux".to_owned(),
            quantity,
        })
        .collect();
    write(folder, &used)?;
    let prices = prices()?;
    let demand = Demand::over(Period { start, end: start + Duration::hours(hours as i64) }, &usage)?;

    #[expect(clippy::disallowed_methods, reason = "an example that measures speed is its own caller")]
    let clock = std::time::Instant::now();
    let (purchases, gap) = best_in_hindsight(&demand, &[], &prices, start, Later::Never, 0.08)?;
    let seconds = clock.elapsed().as_secs_f64();
    let bill = demand.bill(&purchases, &prices)?;
    let bought: Vec<_> = purchases
        .iter()
        .map(|bought| {
            let name = bought.instance_type.as_deref().or(bought.family.as_deref()).unwrap_or("all");
            format!("{} {name} {}", bought.plan, bought.quantity.normalize())
        })
        .collect();
    println!(
        "{}",
        serde_json::json!({"seconds": seconds, "cost": to_statistic(bill.total), "gap": gap, "bought": bought})
    );
    Ok(())
}

fn write(folder: &Path, used: &[Vec<Decimal>]) -> Result<(), Box<dyn Error>> {
    let mut text = FAMILIES.map(|(name, ..)| name).join(",") + "\n";
    for hour in 0..used[0].len() {
        let row: Vec<String> = used.iter().map(|used| used[hour].to_string()).collect();
        writeln!(text, "{}", row.join(","))?;
    }
    fs::write(folder.join("usage.csv"), text)?;
    let mut text = "instance_type,on_demand,reserved,family_plan,broad_plan\n".to_owned();
    for (name, _, prices) in FAMILIES {
        let row = prices.map(|price| Decimal::new(price, 4).to_string());
        writeln!(text, "{name},{}", row.join(","))?;
    }
    fs::write(folder.join("prices.csv"), text)?;
    Ok(())
}

/// Commitments run as long as the usage.
fn prices() -> Result<PriceBook, billing::PriceError> {
    use PricingPlan::{ComputeSp, Ec2InstanceSp, OnDemand, RiStandard};
    let plans = [OnDemand, RiStandard, Ec2InstanceSp, ComputeSp];
    let quotes = FAMILIES.iter().flat_map(|(name, _, prices)| {
        plans.into_iter().zip(prices).map(|(plan, price)| PriceQuote {
            provider: Provider::Aws,
            region: "us-east-1".to_owned(),
            instance_type: (*name).to_owned(),
            os: "Linux".to_owned(),
            plan,
            term_years: plan.is_commitment().then_some(5),
            payment: plan.is_commitment().then_some(Payment::NoUpfront),
            hourly: Decimal::new(*price, 4),
            upfront: Decimal::ZERO,
        })
    });
    PriceBook::new(quotes.collect(), vec![], vec![], vec![], vec![])
}
