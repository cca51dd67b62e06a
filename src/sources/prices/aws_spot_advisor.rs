//! AWS Spot Advisor: savings against on-demand and bands of interruption.

use std::collections::BTreeMap;
use std::ops::Range;

use domain::Provider;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess};
use serde::{Deserialize, Deserializer};

use super::amount::Reason;
use super::json::{Fields, Object, Trail};
use super::quotes::Skipped;
use super::read::Reader;
use super::{Prices, SpotAdvice, Wanted};

const NO_BAND: Reason = "interruption band is not described";
const NO_SAVINGS: Reason = "spot savings are impossible (100 % or more, or ten times the price on top)";

/// Savings in percent that are believed: spot is never free, but can be dearer than on-demand.
const SAVINGS: Range<i64> = -1000..100;
const TWICE: Reason = "spot advice for the same thing twice";

/// What was found in advisor files.
pub(super) struct SpotAdvisor<'w> {
    wanted: &'w Wanted,
    labels: BTreeMap<u8, String>,
    advice: BTreeMap<(String, String, String), Advice>,
    skipped: Skipped,
    has_advice: bool,
}

#[derive(Deserialize, Clone, Copy)]
struct Advice {
    /// Savings in percent.
    s: i64,
    /// Index of the interruption band.
    r: i64,
}

#[derive(Deserialize)]
struct Band {
    index: u8,
    label: String,
}

impl<'w> SpotAdvisor<'w> {
    pub(super) fn new(wanted: &'w Wanted) -> Self {
        Self {
            wanted,
            labels: BTreeMap::new(),
            advice: BTreeMap::new(),
            skipped: Skipped::default(),
            has_advice: false,
        }
    }
}

impl Reader for SpotAdvisor<'_> {
    fn document<'de, D: Deserializer<'de>>(&mut self, trail: &Trail, document: D) -> Result<(), D::Error> {
        Object(&mut Document { advisor: self, trail }).deserialize(document)
    }

    fn finish(mut self, prices: &mut Prices) -> Result<(), &'static str> {
        if !self.has_advice {
            return Err("spot_advisor");
        }
        for ((region, os, instance_type), Advice { s, r }) in self.advice {
            let band = u8::try_from(r).ok().and_then(|band| Some((band, self.labels.get(&band)?)));
            let savings = i16::try_from(s).ok().filter(|_| SAVINGS.contains(&s));
            match (savings, band) {
                (Some(savings_percent), Some((interruption_band, label))) => prices.spot.push(SpotAdvice {
                    provider: Provider::Aws,
                    region,
                    instance_type,
                    os,
                    savings_percent,
                    interruption_band,
                    interruption_label: label.clone(),
                }),
                (None, _) => self.skipped.count(NO_SAVINGS),
                (_, None) => self.skipped.count(NO_BAND),
            }
        }
        prices.skipped = self.skipped.into_counts();
        Ok(())
    }
}

struct Document<'a, 'w> {
    advisor: &'a mut SpotAdvisor<'w>,
    trail: &'a Trail,
}

impl Fields for Document<'_, '_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "ranges" => {
                self.trail.at("ranges", "[]");
                let ranges: Vec<Band> = map.next_value()?;
                self.advisor.labels.extend(ranges.into_iter().map(|range| (range.index, range.label)));
            }
            "spot_advisor" => {
                self.advisor.has_advice = true;
                map.next_value_seed(Object(&mut Regions { advisor: self.advisor, trail: self.trail }))?;
            }
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

/// Region, then operating system, then instance type.
struct Regions<'a, 'w> {
    advisor: &'a mut SpotAdvisor<'w>,
    trail: &'a Trail,
}

impl Fields for Regions<'_, '_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, region: &str, map: &mut A) -> Result<(), A::Error> {
        self.trail.at("spot_advisor", region);
        if !self.advisor.wanted.has_region(region) {
            map.next_value::<IgnoredAny>()?;
            return Ok(());
        }
        let systems: BTreeMap<String, BTreeMap<String, Advice>> = map.next_value()?;
        for (os, types) in systems {
            if !self.advisor.wanted.has_os(&os) {
                continue;
            }
            for (instance_type, advice) in types {
                if !self.advisor.wanted.has_type(&instance_type) {
                    continue;
                }
                let key = (region.to_owned(), os.clone(), instance_type);
                if self.advisor.advice.insert(key, advice).is_some() {
                    self.advisor.skipped.count(TWICE);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use domain::{PriceQuote, PricingPlan};
    use rust_decimal::Decimal;

    use super::*;
    use crate::prices::Feed;
    use crate::prices::fixture::{SPOT_ADVISOR, decimal, everything, find, skips};

    #[test]
    fn bands_get_their_labels_wherever_those_stand() {
        let prices = find(Feed::AwsSpotAdvisor, SPOT_ADVISOR, &everything()).unwrap();
        let advice: Vec<_> = prices
            .spot
            .iter()
            .map(|spot| {
                (
                    spot.instance_type.as_str(),
                    spot.os.as_str(),
                    spot.savings_percent,
                    &*spot.interruption_label,
                )
            })
            .collect();
        let expected = [
            ("m6i.large", "Linux", 59, "5-10%"),
            ("m6i.large", "Windows", 33, "<5%"),
            ("m5.large", "Linux", 62, ">20%"),
        ];
        assert_eq!(advice, expected);
        assert_eq!(skips(&prices), BTreeMap::from([(NO_BAND, 1), (NO_SAVINGS, 1)]));
    }

    #[test]
    fn spot_prices_follow_from_on_demand_prices_of_the_same_thing() {
        let prices = find(Feed::AwsSpotAdvisor, SPOT_ADVISOR, &everything()).unwrap();
        let on_demand = PriceQuote {
            provider: Provider::Aws,
            region: "eu-west-1".to_owned(),
            instance_type: "m6i.large".to_owned(),
            os: "Linux".to_owned(),
            plan: PricingPlan::OnDemand,
            term_years: None,
            payment: None,
            hourly: decimal("0.107"),
            upfront: Decimal::ZERO,
        };
        let spot = prices.spot[0].quote(&on_demand).unwrap();
        assert_eq!((spot.hourly, spot.plan), (decimal("0.04387"), PricingPlan::Spot));
        assert_eq!(prices.spot[1].quote(&on_demand), None, "another operating system");
        let elsewhere = PriceQuote { region: "us-east-2".to_owned(), ..on_demand };
        assert_eq!(prices.spot[0].quote(&elsewhere), None);
    }

    #[test]
    fn real_advice_survives_the_way_through() {
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/prices/aws_spot_advisor_2025-06.csv");
        let Ok(text) = std::fs::read_to_string(path) else {
            println!("skipped: the shared price data is not beside the repository");
            return;
        };
        let mut document = serde_json::json!({ "ranges": [], "spot_advisor": {} });
        let mut rows = BTreeMap::new();
        for line in text.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            let [region, os, instance_type, _, _, savings, band, label] = cells[..] else { panic!("{line}") };
            let (savings, band): (i16, u8) = (savings.parse().unwrap(), band.parse().unwrap());
            document["spot_advisor"][region][os][instance_type] =
                serde_json::json!({ "s": savings, "r": band });
            rows.insert((region, os, instance_type), (savings, band, label));
        }
        let labels: BTreeMap<u8, &str> = rows.values().map(|&(_, band, label)| (band, label)).collect();
        for (index, label) in labels {
            let ranges = document["ranges"].as_array_mut().unwrap();
            ranges.push(serde_json::json!({ "index": index, "label": label }));
        }
        let prices = find(Feed::AwsSpotAdvisor, &document.to_string(), &everything()).unwrap();
        assert_eq!((prices.spot.len(), prices.skipped.len()), (rows.len(), 0));
        for spot in &prices.spot {
            let row = rows[&(spot.region.as_str(), spot.os.as_str(), spot.instance_type.as_str())];
            assert_eq!((spot.savings_percent, spot.interruption_band, &*spot.interruption_label), row);
        }
    }
}
