//! Instance types and operating systems, as bills hint at them.

use std::collections::BTreeMap;

/// Reads `$0.0464 per On Demand Linux t2.medium Instance Hour`: (operating system, instance type).
pub(super) fn from_description(description: &str) -> (Option<String>, Option<String>) {
    let mut words = description.split_ascii_whitespace().rev();
    let is_instance_hour = words
        .next()
        .is_some_and(|word| word.eq_ignore_ascii_case("hour") || word.eq_ignore_ascii_case("instance-hour"))
        && description.contains("nstance");
    if !is_instance_hour {
        return (None, None);
    }
    let kind = words.find(|word| !word.eq_ignore_ascii_case("instance")).filter(|word| is_aws_type(word));
    (kind.and_then(|_| os(description)), kind.map(str::to_owned))
}

/// Reads `USW2-BoxUsage:m5.large`, `SpotUsage:c5.xlarge`, `InstanceUsage:db.r5.large`, `HeavyUsage:…`.
pub(super) fn from_usage_type(usage_type: &str) -> Option<String> {
    let (usage, kind) = usage_type.split_once(':')?;
    let usage = usage.rsplit('-').next().unwrap_or(usage);
    let machine =
        ["BoxUsage", "SpotUsage", "HeavyUsage", "DedicatedUsage", "InstanceUsage", "NodeUsage", "UnusedBox"];
    (machine.iter().any(|name| usage.starts_with(name)) && is_aws_type(kind)).then(|| kind.to_owned())
}

/// Operating system of an EC2 operation (`RunInstances:0002` is Windows).
///
/// Codes: "Platform details and usage operation values" in the EC2 user guide.
pub(super) fn from_operation(operation: &str) -> Option<&'static str> {
    let code = match operation.split_once(':') {
        None => (operation == "RunInstances").then_some("")?,
        Some((verb, code)) => (verb == "RunInstances").then_some(code)?,
    };
    match code {
        "" | "SV001" | "SV002" | "SV003" | "0004" | "0100" | "0200" => Some("Linux"),
        "0002" | "0006" | "0102" | "0202" | "0800" | "0802" | "0806" => Some("Windows"),
        "0010" | "1010" | "0014" | "1014" | "0110" | "0210" | "00g0" => Some("RHEL"),
        "000g" => Some("SUSE"),
        _ => None,
    }
}

/// The size of an Azure machine: from the additional info, the reserved size of an order, or the meter
/// (`D2s v3` is `Standard_D2s_v3`; `D2 v3/D2s v3` is not clear).
pub(super) fn azure_size(
    info: &BTreeMap<String, String>,
    service: Option<&str>,
    meter: Option<&str>,
    order: Option<&str>,
) -> Option<String> {
    if let Some(size) = info.get("ServiceType").filter(|size| !size.is_empty()) {
        return Some(size.clone());
    }
    if service != Some("Virtual Machines") {
        return None;
    }
    if let Some(size) = order.and_then(|order| order.split(", ").find(|part| part.starts_with("Standard_"))) {
        return Some(size.to_owned());
    }
    let meter = meter.filter(|meter| !meter.contains('/'))?;
    let size = meter.trim_end_matches(" Spot").trim_end_matches(" Low Priority");
    let looks_right =
        size.starts_with(|c: char| c.is_ascii_uppercase()) && size.contains(|c: char| c.is_ascii_digit());
    (looks_right && size.len() <= 20).then(|| format!("Standard_{}", size.replace(' ', "_")))
}

/// The name of an operating system in our spelling, from whatever text mentions it.
pub(super) fn os(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let has = |word: &str| lower.contains(word);
    let name = if has("windows") {
        "Windows"
    } else if has("rhel") || has("red hat") || has("redhat") {
        "RHEL"
    } else if has("suse") || has("sles") {
        "SUSE"
    } else if ["linux", "ubuntu", "canonical", "debian", "centos", "unix"].into_iter().any(has) {
        "Linux"
    } else {
        return None;
    };
    Some(name.to_owned())
}

/// `m5.large`, `db.r5.xlarge`, `cache.m6g.large`, `u-6tb1.metal`.
fn is_aws_type(text: &str) -> bool {
    let Some((family, size)) = text.rsplit_once('.') else { return false };
    let known =
        ["nano", "micro", "small", "medium", "large", "metal"].into_iter().any(|name| size.contains(name));
    known && !family.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_from_descriptions_usage_types_and_operations() {
        let (os, kind) = from_description("$0.0464 per On Demand Linux t2.medium Instance Hour");
        assert_eq!((os.as_deref(), kind.as_deref()), (Some("Linux"), Some("t2.medium")));
        assert_eq!(from_description("$0.085 per GB - data transfer out per Hour"), (None, None));
        assert_eq!(from_usage_type("USW2-BoxUsage:m5.large").as_deref(), Some("m5.large"));
        assert_eq!(from_usage_type("APN1-InstanceUsage:db.m5.xlarge").as_deref(), Some("db.m5.xlarge"));
        assert_eq!(from_usage_type("EBS:VolumeUsage.gp3"), None);
        assert_eq!(from_operation("RunInstances:0002"), Some("Windows"));
        assert_eq!(from_operation("RunInstances"), Some("Linux"));
        assert_eq!(from_operation("GetObject"), None);
    }
}
