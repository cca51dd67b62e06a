//! How long the whole plan takes for many machines, and how much memory: 30 days of hourly metrics each.
//!
//! `cargo run --release -p headroom-optimize --example plan_scale -- [MACHINES …]` makes a company of each size (default
//! 1250 2500 5000 10000), each in a process of its own so that its peak of memory is its own, plans it on two threads
//! and prints a table. Companies are deterministic: machines of all habits in 16 accounts, two regions, five families
//! and two operating systems, a third of them in groups; every commitment is on offer, and some are held.

use std::collections::BTreeMap;
use std::process::Command;

use billing::PriceBook;
use chrono::{DateTime, Datelike, Duration, Timelike, Utc};
use domain::{
    Commitment, Currency, HourlyMetric, MetricName, Payment, PriceQuote, PricingPlan, Provider, Resource,
    ResourceKind, ResourceState, Shape, Step, UsageHour,
};
use headroom_optimize::{Facts, Policy, plan};
use rust_decimal::Decimal;

const HOURS: i64 = 720;
const ACCOUNTS: usize = 16;
const REGIONS: [&str; 2] = ["eu-central-1", "us-east-1"];
/// Family, GiB per vCPU, thousandths of a dollar for two vCPU.
const FAMILIES: [(&str, f64, i64); 5] =
    [("m6i", 4.0, 100), ("c6i", 2.0, 85), ("r6i", 8.0, 126), ("m5", 4.0, 102), ("m7g", 4.0, 80)];
const SIZES: [(&str, i64); 5] =
    [("large", 2), ("xlarge", 4), ("2xlarge", 8), ("4xlarge", 16), ("8xlarge", 32)];
const SYSTEMS: [&str; 2] = ["Linux", "Windows"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, machines] = arguments.as_slice()
        && flag == "--one"
    {
        return one(machines.parse()?);
    }
    let sizes = if arguments.is_empty() {
        ["1250", "2500", "5000", "10000"].map(str::to_owned).to_vec()
    } else {
        arguments
    };
    println!(
        "| machines | lines of usage | seconds | seconds per 1,000 | CPU seconds | peak MB | recommendations | of them purchases |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for machines in sizes {
        let mut command = Command::new(std::env::current_exe()?);
        let output = command.args(["--one", &machines]).env("RAYON_NUM_THREADS", "2").output()?;
        print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn one(machines: usize) -> Result<(), Box<dyn std::error::Error>> {
    let facts = company(machines)?;
    let kinds: std::collections::BTreeSet<_> =
        facts.usage.iter().map(|row| (&row.account, &row.region, &row.instance_type, &row.os)).collect();
    let lines = kinds.len();
    let before = cpu_seconds();
    #[expect(clippy::disallowed_methods, reason = "an example that measures speed is its own caller")]
    let clock = std::time::Instant::now();
    let plan = plan(&facts)?;
    let seconds = clock.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("").trim();
    let peak: f64 = peak.trim_end_matches(" kB").parse().unwrap_or(f64::NAN);
    println!(
        "| {machines} | {lines} | {seconds:.1} | {:.2} | {:.1} | {:.0} | {} | {} |",
        seconds / machines as f64 * 1000.0,
        cpu_seconds() - before,
        peak / 1024.0,
        plan.recommendations.len(),
        plan.recommendations.iter().filter(|found| found.step == Step::Commit).count()
    );
    Ok(())
}

/// CPU seconds of this process; ticks are hundredths of a second on Linux.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<f64> = after.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect();
    fields.get(11).zip(fields.get(12)).map_or(f64::NAN, |(user, system)| (user + system) / 100.0)
}

fn as_of() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + Duration::days(20_522)
}

/// A number from 0 to 1 that hangs on its arguments only.
fn hash(index: usize, salt: u64) -> f64 {
    let mut state =
        (index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt.wrapping_mul(0xD1B5_4A32_D192_ED03);
    for shift in [30, 27, 31] {
        state = (state ^ (state >> shift)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    }
    (state >> 11) as f64 / (1_u64 << 53) as f64
}

fn pick<T: Copy>(from: &[T], index: usize, salt: u64) -> T {
    from[(hash(index, salt) * from.len() as f64) as usize % from.len()]
}

/// Idle, office hours, daily, busy, or growing; in percent of CPU.
fn cpu(index: usize, hour: DateTime<Utc>) -> f64 {
    let noise = hash(index * 1000 + hour.hour() as usize * 31 + hour.ordinal() as usize, 7);
    let office = hour.weekday().num_days_from_monday() < 5 && (8..18).contains(&hour.hour());
    let day = (f64::from(hour.hour()) / 24.0 * std::f64::consts::TAU).sin().abs();
    match index % 6 {
        0 => 0.3 + 0.3 * noise,
        1 if office => 30.0 + 10.0 * noise,
        1 => 0.4,
        2 => 8.0 + 12.0 * day + 4.0 * noise,
        3 => 45.0 + 20.0 * day + 5.0 * noise,
        4 => 10.0 + 0.01 * (as_of() - hour).num_hours() as f64 + 5.0 * noise,
        _ => 20.0 + 25.0 * day * noise,
    }
}

fn company(machines: usize) -> Result<Facts, billing::PriceError> {
    let start = as_of() - Duration::hours(HOURS);
    let shapes = shapes();
    let mut resources = Vec::new();
    let mut running: BTreeMap<(String, String, String, String), Vec<usize>> = BTreeMap::new();
    for index in 0..machines {
        let shape = pick(&shapes.iter().collect::<Vec<_>>(), index, 1);
        let resource = machine(index, shape);
        let os = resource.os.clone().unwrap_or_default();
        let line = (resource.account.clone(), resource.region.clone(), shape.instance_type.clone(), os);
        running.entry(line).or_default().push(index);
        resources.push(resource);
    }
    let hours = || (0..HOURS).map(|hour| start + Duration::hours(hour));
    let usage = running.iter().flat_map(|((account, region, instance_type, os), members)| {
        hours().map(move |hour| UsageHour {
            hour,
            provider: Provider::Aws,
            account: account.clone(),
            region: region.clone(),
            instance_type: instance_type.clone(),
            os: os.clone(),
            quantity: Decimal::from(members.len()),
        })
    });
    let usage = usage.collect();
    let memory =
        |index: usize| shapes[index % shapes.len()].memory_gib.min(8.0) * (0.3 + 0.5 * hash(index, 4));
    let metrics = (0..machines)
        .flat_map(|index| {
            let resource_id = format!("i-{index:06}");
            hours().flat_map(move |hour| {
                let row = |metric, value: f64| HourlyMetric {
                    resource_id: resource_id.clone(),
                    metric,
                    hour,
                    average: value,
                    p95: value * 1.05,
                    maximum: value * 1.1,
                    samples: 12,
                };
                [
                    row(MetricName::CpuUtilization, cpu(index, hour)),
                    row(MetricName::MemoryUsed, memory(index)),
                    row(MetricName::NetworkOut, 1.0 + hash(index, 5)),
                ]
            })
        })
        .collect();
    let monthly_costs =
        resources.iter().map(|machine| (machine.resource_id.clone(), Decimal::ONE_HUNDRED)).collect();
    Ok(Facts {
        as_of: as_of(),
        currency: Currency::USD,
        resources,
        metrics,
        usage,
        monthly_costs,
        time_costs: BTreeMap::new(),
        commitments: held(machines),
        prices: PriceBook::new(quotes(&shapes), shapes, vec![], vec![], vec![])?,
        policy: Policy::default(),
    })
}

fn machine(index: usize, shape: &Shape) -> Resource {
    let tags: &[(&str, &str)] = match index % 5 {
        0 => &[("env", "dev")],
        1 => &[("workload", "batch")],
        2 => &[("arch", "multi")],
        _ => &[("env", "prod")],
    };
    let os = SYSTEMS[usize::from(shape.architecture == "x86_64" && hash(index, 2) < 0.15)];
    Resource {
        resource_id: format!("i-{index:06}"),
        provider: Provider::Aws,
        account: format!("{:012}", (hash(index, 3) * ACCOUNTS as f64) as usize),
        region: shape.region.clone(),
        kind: ResourceKind::Vm,
        instance_type: Some(shape.instance_type.clone()),
        os: Some(os.to_owned()),
        state: ResourceState::Running,
        state_since: None,
        size_gib: None,
        storage_class: None,
        reads_per_gib_month: None,
        mean_object_kib: None,
        spot: false,
        group: index.is_multiple_of(3).then(|| format!("group-{}", index / 12)),
        container: None,
        tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    }
}

fn shapes() -> Vec<Shape> {
    let of = |region: &'static str| {
        FAMILIES.into_iter().flat_map(move |(family, gib, millis)| {
            SIZES.into_iter().map(move |(size, vcpu)| Shape {
                provider: Provider::Aws,
                region: region.to_owned(),
                instance_type: format!("{family}.{size}"),
                family: family.to_owned(),
                architecture: if family.ends_with('g') { "arm64" } else { "x86_64" }.to_owned(),
                vcpu: vcpu as f64,
                memory_gib: gib * vcpu as f64,
                network_gbps: Some(vcpu as f64 * 0.4),
                ebs_mbps: Some(vcpu as f64 * 300.0),
                ebs_iops: Some(vcpu as f64 * 1500.0),
                burstable: false,
                performance_per_vcpu: 1.0,
                on_demand_hourly: Decimal::new(millis * vcpu / 2, 3),
            })
        })
    };
    REGIONS.into_iter().flat_map(of).collect()
}

/// Committed rates are 60 % (Reserved Instance), 62 % (plan of a family) and 70 % (plan of all); spot is 35 %.
fn quotes(shapes: &[Shape]) -> Vec<PriceQuote> {
    let plans = [
        (PricingPlan::OnDemand, 100),
        (PricingPlan::Spot, 35),
        (PricingPlan::RiStandard, 60),
        (PricingPlan::Ec2InstanceSp, 62),
        (PricingPlan::ComputeSp, 70),
    ];
    let quote = |shape: &Shape, os: &str, (plan, percent): (PricingPlan, i64)| PriceQuote {
        provider: Provider::Aws,
        region: shape.region.clone(),
        instance_type: shape.instance_type.clone(),
        os: os.to_owned(),
        plan,
        term_years: plan.is_commitment().then_some(1),
        payment: plan.is_commitment().then_some(Payment::NoUpfront),
        hourly: shape.on_demand_hourly * Decimal::new(if os == "Linux" { percent } else { percent + 50 }, 2),
        upfront: Decimal::ZERO,
    };
    let of = |shape| SYSTEMS.into_iter().flat_map(move |os| plans.map(|plan| quote(shape, os, plan)));
    shapes.iter().flat_map(of).collect()
}

/// Reservations and savings plans for about a fifth of the machines, which end within the year.
fn held(machines: usize) -> Vec<Commitment> {
    let size = machines as i64;
    let held = |index: usize, plan: PricingPlan, instance_type: Option<&str>, quantity: Decimal| Commitment {
        id: format!("held-{index}"),
        provider: Provider::Aws,
        account: format!("{:012}", index % ACCOUNTS),
        region: instance_type.map(|_| REGIONS[index % 2].to_owned()),
        plan,
        instance_type: instance_type.map(str::to_owned),
        family: None,
        os: instance_type.map(|_| "Linux".to_owned()),
        quantity,
        term_years: 1,
        payment: Payment::NoUpfront,
        starts_at: as_of() - Duration::days(365 - 60 * (index as i64 % 4 + 1)),
        ends_at: as_of() + Duration::days(60 * (index as i64 % 4 + 1)),
        hourly: None,
        upfront: None,
    };
    let mut all: Vec<Commitment> = ["m6i.large", "c6i.large", "r6i.large", "m5.large"]
        .into_iter()
        .enumerate()
        .map(|(index, name)| held(index, PricingPlan::RiStandard, Some(name), Decimal::from(size / 20)))
        .collect();
    all.push(held(4, PricingPlan::ComputeSp, None, Decimal::new(size * 5, 3)));
    all
}
