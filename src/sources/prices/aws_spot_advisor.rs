//! AWS Spot Advisor: savings against on-demand and bands of interruption.

use std::collections::BTreeMap;

use domain::Provider;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess};
use serde::{Deserialize, Deserializer};

use super::amount::Reason;
use super::json::{Fields, Object, Trail};
use super::quotes::Skipped;
use super::read::Reader;
use super::{Prices, SpotAdvice, Wanted};

const NO_BAND: Reason = "interruption band is not described";
const NO_SAVINGS: Reason = "spot savings are not between 0 and 100 %";
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
struct Range {
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
            let savings = u8::try_from(s).ok().filter(|&savings| savings <= 100);
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
                let ranges: Vec<Range> = map.next_value()?;
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
