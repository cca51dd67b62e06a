//! Burstable machines: whether the CPU credits last.

use domain::{Provider, Shape};

/// Baseline in percent of each vCPU by the end of the type name, with the number of vCPUs it holds for.
/// AWS "Burstable performance instances" (t3, t3a, t4g; t2 differs from xlarge on), Azure "Bsv1-series",
/// Google Cloud "shared-core machine types" (0.25, 0.5 and 1 of 2 vCPUs).
const BASELINES: [(Provider, &str, f64); 23] = [
    (Provider::Aws, "t2.xlarge", 22.5),
    (Provider::Aws, "t2.2xlarge", 17.0),
    (Provider::Aws, ".nano", 5.0),
    (Provider::Aws, ".micro", 10.0),
    (Provider::Aws, ".small", 20.0),
    (Provider::Aws, ".medium", 20.0),
    (Provider::Aws, ".large", 30.0),
    (Provider::Aws, ".xlarge", 40.0),
    (Provider::Aws, ".2xlarge", 40.0),
    (Provider::Azure, "_B1ls", 5.0),
    (Provider::Azure, "_B1s", 10.0),
    (Provider::Azure, "_B1ms", 20.0),
    (Provider::Azure, "_B2s", 20.0),
    (Provider::Azure, "_B2ms", 30.0),
    (Provider::Azure, "_B4ms", 22.5),
    (Provider::Azure, "_B8ms", 17.0),
    (Provider::Azure, "_B12ms", 17.0),
    (Provider::Azure, "_B16ms", 17.0),
    (Provider::Azure, "_B20ms", 17.0),
    (Provider::Gcp, "e2-micro", 12.5),
    (Provider::Gcp, "e2-small", 25.0),
    (Provider::Gcp, "e2-medium", 50.0),
    (Provider::Gcp, "g1-small", 50.0),
];
/// Share of the baseline that the mean may use before a fixed-performance machine is the safer choice.
const SHARE_OF_BASELINE: f64 = 0.7;
/// Credits are kept for this many hours of earning (AWS: 24).
const HOURS_KEPT: f64 = 24.0;

/// Whether `shape` can carry this CPU demand (vCPUs × speed, with the hours that each value lasts): the mean
/// stays under 70 % of the baseline and, from a half-full purse, credits never run out. A burstable type whose
/// baseline is not known carries nothing.
pub(crate) fn last(shape: &Shape, demand: &[f64], hours_each: f64) -> bool {
    let Some(share) = baseline(shape) else { return false };
    let earned_per_hour = share * shape.vcpu * shape.performance_per_vcpu;
    let mean = demand.iter().sum::<f64>() / demand.len().max(1) as f64;
    if mean > SHARE_OF_BASELINE * earned_per_hour {
        return false;
    }
    let purse = HOURS_KEPT * earned_per_hour;
    let mut balance = purse / 2.0;
    demand.iter().all(|used| {
        balance = (balance + (earned_per_hour - used) * hours_each).min(purse);
        balance >= 0.0
    })
}

fn baseline(shape: &Shape) -> Option<f64> {
    let found = BASELINES
        .iter()
        .find(|(provider, name, _)| *provider == shape.provider && shape.instance_type.ends_with(name));
    found.map(|(_, _, percent)| percent / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t3(size: &str) -> Shape {
        Shape {
            provider: Provider::Aws,
            region: "eu-central-1".to_owned(),
            instance_type: format!("t3.{size}"),
            family: "t3".to_owned(),
            architecture: "x86_64".to_owned(),
            vcpu: 2.0,
            memory_gib: 8.0,
            network_gbps: None,
            ebs_mbps: None,
            ebs_iops: None,
            burstable: true,
            performance_per_vcpu: 1.0,
            on_demand_hourly: rust_decimal::Decimal::ONE,
        }
    }

    #[test]
    fn credits_last_for_short_bursts_and_not_for_long_ones() {
        let short: Vec<f64> = (0..240).map(|hour| if hour % 24 == 0 { 2.0 } else { 0.1 }).collect();
        assert!(last(&t3("large"), &short, 1.0));
        let long: Vec<f64> = (0..240).map(|hour| if hour < 12 { 2.0 } else { 0.1 }).collect();
        assert!(!last(&t3("large"), &long, 1.0), "twelve hours at full speed empty half a purse of 7.2");
        assert!(!last(&t3("large"), &[0.5; 240], 1.0), "mean above 70 % of the baseline of 0.6");
        assert!(!last(&t3("huge"), &short, 1.0), "unknown baseline");
    }
}
