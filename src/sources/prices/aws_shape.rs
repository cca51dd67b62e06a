//! What an EC2 product says about the machine.

use domain::{Provider, Shape};
use rust_decimal::Decimal;

use super::amount::Reason;
use super::aws_offer::Attributes;

const NO_SIZE: Reason = "machine shape without vCPUs or memory";
const NO_PROCESSOR: Reason = "machine shape without a processor";

/// The shape of an instance type, its price still open.
pub(super) fn shape(region: &str, instance_type: &str, attributes: &Attributes) -> Result<Shape, Reason> {
    let vcpu = attributes.vcpu.as_deref().and_then(positive).ok_or(NO_SIZE)?;
    let memory = attributes.memory.as_deref().and_then(|text| text.trim().strip_suffix("GiB"));
    let memory_gib = memory.and_then(positive).ok_or(NO_SIZE)?;
    let processor = attributes.processor.as_deref().ok_or(NO_PROCESSOR)?;
    let family = instance_type.split('.').next().unwrap_or(instance_type);
    Ok(Shape {
        provider: Provider::Aws,
        region: region.to_owned(),
        instance_type: instance_type.to_owned(),
        family: family.to_owned(),
        architecture: architecture(processor).to_owned(),
        vcpu,
        memory_gib,
        network_gbps: attributes.network.as_deref().and_then(|text| baseline(text, "Gigabit")),
        ebs_mbps: attributes.ebs_throughput.as_deref().and_then(|text| baseline(text, "Mbps")),
        ebs_iops: None,
        burstable: is_burstable(family),
        performance_per_vcpu: 1.0,
        on_demand_hourly: Decimal::ZERO,
    })
}

fn architecture(processor: &str) -> &'static str {
    let arm = ["Graviton", "Apple M"].iter().any(|name| processor.contains(name));
    if arm { "arm64" } else { "x86_64" }
}

/// T1, T2, T3, T3a and T4g; not Trn.
fn is_burstable(family: &str) -> bool {
    family.strip_prefix('t').is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()))
}

/// A stated bandwidth. `Up to 10 Gigabit` is a burst, and no baseline.
fn baseline(text: &str, unit: &str) -> Option<f64> {
    text.trim().strip_suffix(unit).and_then(positive)
}

fn positive(text: &str) -> Option<f64> {
    let value: f64 = text.trim().replace(',', "").parse().ok()?;
    (value.is_finite() && value > 0.0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes_and_does_not_take_bursts_for_baselines() {
        let attributes = Attributes {
            vcpu: Some("96".to_owned()),
            memory: Some("1,152 GiB".to_owned()),
            processor: Some("AWS Graviton2 Processor".to_owned()),
            network: Some("25 Gigabit".to_owned()),
            ebs_throughput: Some("Up to 4750 Mbps".to_owned()),
            ..Attributes::default()
        };
        let shape = shape("eu-west-1", "x2gd.metal", &attributes).unwrap();
        assert_eq!((shape.vcpu, shape.memory_gib, shape.network_gbps), (96.0, 1152.0, Some(25.0)));
        assert_eq!((shape.architecture.as_str(), shape.ebs_mbps, shape.burstable), ("arm64", None, false));
        assert!(is_burstable("t4g") && !is_burstable("trn1"));
    }

    #[test]
    fn a_shape_without_size_is_refused() {
        for (vcpu, memory) in [(None, Some("8 GiB")), (Some("2"), Some("8 GB")), (Some("NaN"), Some("8 GiB"))]
        {
            let attributes = Attributes {
                vcpu: vcpu.map(str::to_owned),
                memory: memory.map(str::to_owned),
                processor: Some("Intel Xeon".to_owned()),
                ..Attributes::default()
            };
            assert_eq!(shape("eu-west-1", "m5.large", &attributes), Err(NO_SIZE));
        }
    }
}
