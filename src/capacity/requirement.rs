//! From demand to instances (replicas, workers, units, GiB), with the failure that is to be survived, in whole lots.

use crate::settings::{Settings, Survive};

/// Rounding noise below which a fraction of an instance is not one: 0.7 × 10 / 7 is one instance, not two.
const ROUNDING: f64 = 1e-9;

/// Instances, or what else the kind counts, that carry `demand` at the target utilization and survive what the settings
/// ask for, in whole lots.
///
/// A zone is survived when the others carry everything: ⌈need ÷ (zones − 1)⌉ in each zone (static stability:
/// nothing has to be started while the zone is down). More demand never needs less.
pub fn instances(demand: f64, settings: &Settings) -> u32 {
    instances_at(settings.given.target_utilization, demand, settings)
}

/// The same at another utilization than the target.
pub(crate) fn instances_at(utilization: f64, demand: f64, settings: &Settings) -> u32 {
    let given = &settings.given;
    let need = whole(demand / (given.unit_throughput * utilization)).max(given.min_instances);
    let survives = match given.survive {
        Survive::None => need,
        Survive::Instance => need.saturating_add(1),
        Survive::Zone => need.div_ceil(given.zones - 1).saturating_mul(given.zones),
    };
    survives.div_ceil(given.lot).saturating_mul(given.lot)
}

/// Instances that fail independently of each other: the smallest number of which at
/// least `need` are up with probability `reliability`, when each is up with probability `availability`.
pub fn instances_for_reliability(need: u32, availability: f64, reliability: f64) -> u32 {
    let availability = availability.clamp(1e-6, 1.0);
    let mut count = need;
    // Binomial tail, summed from the term in which all are up.
    while count < need.saturating_mul(2).saturating_add(100) {
        let mut term = availability.powi(i32::try_from(count).unwrap_or(i32::MAX));
        let mut up = term;
        for down in 1..=(count - need) {
            term *= f64::from(count - down + 1) / f64::from(down) * (1.0 - availability) / availability;
            up += term;
        }
        if up >= reliability {
            return count;
        }
        count += 1;
    }
    count
}

/// The smallest whole number of instances not below `need`, up to rounding noise.
fn whole(need: f64) -> u32 {
    // `as` saturates, and takes a NaN to 0.
    (need * (1.0 - ROUNDING)).ceil().max(0.0) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::settings::SettingsInput;

    fn settings(survive: Survive, zones: u32) -> Settings {
        SettingsInput { survive, zones, ..SettingsInput::new(100.0) }.check().unwrap()
    }

    #[test]
    fn failures_are_added_as_documented() {
        assert_eq!(instances(700.0, &settings(Survive::None, 3)), 10);
        assert_eq!(instances(700.1, &settings(Survive::None, 3)), 11);
        assert_eq!(instances(700.0, &settings(Survive::Instance, 3)), 11);
        assert_eq!(instances(700.0, &settings(Survive::Zone, 3)), 15);
        assert_eq!(instances(700.0, &settings(Survive::Zone, 2)), 20);
        assert_eq!(instances(770.0, &settings(Survive::Zone, 4)), 16);
        assert_eq!(instances(0.0, &settings(Survive::None, 3)), 1);
        assert_eq!(instances(1e300, &settings(Survive::Zone, 3)), u32::MAX);
    }

    #[test]
    fn spare_instances_keep_the_promise() {
        assert_eq!(instances_for_reliability(10, 1.0, 0.9999), 10);
        // 11 of which at least 10 are up: 0.99¹¹ + 11 · 0.99¹⁰ · 0.01 = 0.99482.
        assert_eq!(instances_for_reliability(10, 0.99, 0.994), 11);
        assert_eq!(instances_for_reliability(10, 0.99, 0.995), 12);
    }

    proptest! {
        #[test]
        fn more_demand_never_needs_less(demand in 0.0..1e7, more in 0.0..1e7, zones in 2u32..6) {
            for survive in [Survive::None, Survive::Instance, Survive::Zone] {
                let settings = settings(survive, zones);
                prop_assert!(instances(demand + more, &settings) >= instances(demand, &settings));
            }
        }

        #[test]
        fn a_lost_zone_leaves_enough(demand in 0.0..1e6, zones in 2u32..6) {
            let total = instances(demand, &settings(Survive::Zone, zones));
            prop_assert_eq!(total % zones, 0);
            let left = total - total / zones;
            prop_assert!(left >= instances(demand, &settings(Survive::None, zones)));
        }
    }
}
