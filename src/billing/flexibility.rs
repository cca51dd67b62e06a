//! How instance types share a reservation: family, flexibility group and relative size.

use domain::{Provider, Shape};

use crate::price_book::{name_key, os_key};

/// AWS families whose regional reservations fit one size only (AWS EC2 user guide, "How your Reserved
/// Instance discount is applied"); whole prefixes, to be kept in step with that page.
const AWS_INFLEXIBLE: [&str; 20] = [
    "g4ad", "g4dn", "g5", "g5g", "g6", "g6e", "gr6", "inf1", "inf2", "p2", "p3", "p3dn", "p4d", "p4de", "p5",
    "p5e", "trn1", "trn1n", "vt1", "dl1",
];

/// Sizes below `xlarge` in quarters of a normalized unit (AWS EC2 user guide: nano 0.25, micro 0.5, small 1,
/// medium 2, large 4); N × xlarge is 8 N.
const AWS_SMALL_SIZES: [(&str, i64); 5] =
    [("nano", 1), ("micro", 2), ("small", 4), ("medium", 8), ("large", 16)];

/// Types with equal `group` (within provider, region and operating system) share reservations; `weight`
/// says how much of one an instance-hour takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flexibility {
    /// Name of the group.
    pub group: String,
    /// Size within the group: quarters of a normalized unit on AWS, vCPUs elsewhere. Above 0.
    pub weight: i64,
}

/// The family of an instance type: `m5` of `m5.large`, `Dsv5` of `Standard_D4s_v5`, `n2` of `n2-standard-4`.
pub fn family(provider: Provider, instance_type: &str) -> String {
    let name = instance_type.trim();
    match provider {
        Provider::Aws => name.split('.').next().unwrap_or(name).to_owned(),
        Provider::Azure => azure_parts(name).map_or_else(|| name.to_owned(), |(family, _)| family),
        Provider::Gcp => name.split('-').next().unwrap_or(name).to_owned(),
    }
}

/// The flexibility of an instance type, or `None` when a reservation fits that type only.
///
/// * AWS: Linux with default tenancy, by normalization factor.
/// * Azure: by vCPU ratio within a family; the B series and versions 1 and 2, whose names do not tell the
///   vCPUs, need the catalogue's shape.
/// * Google Cloud: by vCPU within one class (`n2-standard`), where memory per vCPU is constant.
pub fn flexibility(
    provider: Provider,
    instance_type: &str,
    os: &str,
    shape: Option<&Shape>,
) -> Option<Flexibility> {
    let name = name_key(instance_type);
    match provider {
        Provider::Aws => aws(&name, os, shape),
        Provider::Azure => {
            let (group, number) = azure_parts(&name)?;
            let told = ["v3", "v4", "v5", "v6", "v7"].iter().any(|version| group.ends_with(version));
            let vcpu = match shape.and_then(|shape| whole(shape.vcpu)) {
                Some(vcpu) => vcpu,
                None if told && !group.starts_with('b') => number,
                None => return None,
            };
            Some(Flexibility { group, weight: vcpu })
        }
        Provider::Gcp => {
            let (class, number) = name.rsplit_once('-')?;
            let vcpu: i64 = number.parse().ok()?;
            (vcpu > 0 && !class.contains("custom"))
                .then(|| Flexibility { group: class.to_owned(), weight: vcpu })
        }
    }
}

fn aws(name: &str, os: &str, shape: Option<&Shape>) -> Option<Flexibility> {
    let (family, size) = name.split_once('.')?;
    if os_key(os) != "linux"
        || AWS_INFLEXIBLE.contains(&family)
        || family.starts_with("hpc")
        || family.starts_with("u-")
    {
        return None;
    }
    let quarters = match AWS_SMALL_SIZES.iter().find(|(known, _)| *known == size) {
        Some((_, quarters)) => *quarters,
        None => match size.strip_suffix("xlarge") {
            Some("") => 32,
            Some(times) => 32 * times.parse::<i64>().ok().filter(|times| *times > 0)?,
            // A whole host counts as the size with its vCPUs: 4 of them to an xlarge.
            None if size.starts_with("metal") => 8 * shape.and_then(|shape| whole(shape.vcpu))?,
            None => return None,
        },
    };
    Some(Flexibility { group: family.to_owned(), weight: quarters })
}

/// `Standard_D4s_v5` → (`Dsv5`, 4): letters before and after the first number, and the version.
fn azure_parts(name: &str) -> Option<(String, i64)> {
    let bare = match name.get(..9) {
        Some(prefix) if prefix.eq_ignore_ascii_case("standard_") => &name[9..],
        _ => name,
    };
    let first_digit = bare.find(|c: char| c.is_ascii_digit())?;
    let after = &bare[first_digit..];
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    let number = after[..digits].parse().ok().filter(|number: &i64| *number > 0)?;
    // A constrained size (`M8-2ms`) is priced as the size before the dash.
    let rest = after[digits..].trim_start_matches(|c: char| c == '-' || c.is_ascii_digit());
    let family = format!("{}{}", &bare[..first_digit], rest.replace('_', ""));
    (first_digit > 0).then_some((family, number))
}

fn whole(vcpu: f64) -> Option<i64> {
    (vcpu >= 1.0 && vcpu.fract() == 0.0 && vcpu < 100_000.0).then_some(vcpu as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(provider: Provider, name: &str) -> Option<(String, i64)> {
        flexibility(provider, name, "Linux", None).map(|flexible| (flexible.group, flexible.weight))
    }

    #[test]
    fn aws_sizes_follow_the_normalization_table() {
        let units = |name| weight(Provider::Aws, name).map(|(_, quarters)| quarters as f64 / 4.0);
        for (name, expected) in [
            ("t3.nano", 0.25),
            ("t3.micro", 0.5),
            ("t2.small", 1.0),
            ("t2.medium", 2.0),
            ("m5.large", 4.0),
            ("m5.xlarge", 8.0),
            ("x.3xlarge", 24.0),
            ("r6i.32xlarge", 256.0),
        ] {
            assert_eq!(units(name), Some(expected), "{name}");
        }
        assert_eq!(units("g4dn.xlarge"), None);
        assert_eq!(units("m5.metal"), None, "unknown without its vCPUs");
        assert_eq!(flexibility(Provider::Aws, "m5.large", "Windows", None), None);
    }

    #[test]
    fn azure_and_google_group_by_series() {
        let azure = |name| weight(Provider::Azure, name);
        assert_eq!(azure("Standard_D4s_v5"), Some(("dsv5".to_owned(), 4)));
        assert_eq!(azure("Standard_E16-4ds_v5"), Some(("edsv5".to_owned(), 16)));
        assert_eq!(azure("Standard_DS2_v2"), None);
        assert_eq!(azure("Standard_B2ms"), None);
        assert_eq!(family(Provider::Azure, "Standard_D4s_v5"), "Dsv5");
        assert_eq!(weight(Provider::Gcp, "n2-standard-4"), Some(("n2-standard".to_owned(), 4)));
        assert_eq!(weight(Provider::Gcp, "e2-micro"), None);
        assert_eq!(family(Provider::Gcp, "n2-highmem-8"), "n2");
    }
}
