//! Region ids behind the short codes in AWS usage types.

/// Short codes and their regions, as AWS lists them under "AWS Region billing codes".
const BILLING_CODES: &[(&str, &str)] = &[
    ("USE1", "us-east-1"),
    ("USE2", "us-east-2"),
    ("USW1", "us-west-1"),
    ("USW2", "us-west-2"),
    ("UGE1", "us-gov-east-1"),
    ("UGW1", "us-gov-west-1"),
    ("CAN1", "ca-central-1"),
    ("CAN2", "ca-west-1"),
    ("MXC1", "mx-central-1"),
    ("SAE1", "sa-east-1"),
    ("AFS1", "af-south-1"),
    ("APE1", "ap-east-1"),
    ("APE2", "ap-east-2"),
    ("APN1", "ap-northeast-1"),
    ("APN2", "ap-northeast-2"),
    ("APN3", "ap-northeast-3"),
    ("APS1", "ap-southeast-1"),
    ("APS2", "ap-southeast-2"),
    ("APS3", "ap-south-1"),
    ("APS4", "ap-southeast-3"),
    ("APS5", "ap-south-2"),
    ("APS6", "ap-southeast-4"),
    ("APS7", "ap-southeast-5"),
    ("APS8", "ap-southeast-6"),
    ("APS9", "ap-southeast-7"),
    ("EU", "eu-west-1"),
    ("EUW1", "eu-west-1"),
    ("EUW2", "eu-west-2"),
    ("EUW3", "eu-west-3"),
    ("EUC1", "eu-central-1"),
    ("EUC2", "eu-central-2"),
    ("EUN1", "eu-north-1"),
    ("EUS1", "eu-south-1"),
    ("EUS2", "eu-south-2"),
    ("MES1", "me-south-1"),
    ("MEC1", "me-central-1"),
    ("ILC1", "il-central-1"),
];

/// The region of usage types without a code.
const UNCODED: &str = "us-east-1";

/// What is used, without the code of the region: `BoxUsage:m5.large` of `USW2-BoxUsage:m5.large`.
pub(super) fn usage_of(usage_type: &str) -> &str {
    split(usage_type).1
}

/// The region that a usage type names; `None` for a code that is not known, such as that of a local zone.
pub(super) fn region_of(usage_type: &str) -> Option<&'static str> {
    let (code, _) = split(usage_type);
    let Some(code) = code else { return Some(UNCODED) };
    BILLING_CODES.iter().find(|(known, _)| *known == code).map(|&(_, region)| region)
}

/// Whether an id is that of a region. Local and wavelength zones carry the number of their region inside
/// (`us-west-2-den-1`).
pub(super) fn is_region(id: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match id.rsplit_once('-') {
        Some((name, number)) => is_number(number) && !name.split('-').any(is_number),
        None => false,
    }
}

fn split(usage_type: &str) -> (Option<&str>, &str) {
    match usage_type.split_once('-') {
        Some((code, rest)) if is_code(code) => (Some(code), rest),
        _ => (None, usage_type),
    }
}

/// Codes are upper case; usage types without one begin with a word (`Requests-SIA-Tier1`).
fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_regions_and_unknown_ones_none() {
        for (usage_type, region, usage) in [
            ("USW2-BoxUsage:m5.large", Some("us-west-2"), "BoxUsage:m5.large"),
            ("EU-TimedStorage-ByteHrs", Some("eu-west-1"), "TimedStorage-ByteHrs"),
            ("BoxUsage:m5.large", Some("us-east-1"), "BoxUsage:m5.large"),
            ("Requests-SIA-Tier1", Some("us-east-1"), "Requests-SIA-Tier1"),
            ("EBS:VolumeP-IOPS.gp3", Some("us-east-1"), "EBS:VolumeP-IOPS.gp3"),
            ("LAX1-BoxUsage:m5.large", None, "BoxUsage:m5.large"),
            ("", Some("us-east-1"), ""),
        ] {
            assert_eq!((region_of(usage_type), usage_of(usage_type)), (region, usage), "{usage_type}");
        }
    }

    #[test]
    fn zones_are_no_regions() {
        assert!(BILLING_CODES.iter().all(|(_, region)| is_region(region)));
        for zone in ["us-west-2-den-1", "us-east-1-wl1-bos-wlz-1", "eu-west-1-lcl-1", "", "any", "-"] {
            assert!(!is_region(zone), "{zone}");
        }
    }
}
