//! Sustained-use discounts of Google Cloud: the longer vCPUs and memory of a machine series run in a month, the less
//! each further hour costs.
//!
//! Source: Compute Engine documentation, "Sustained use discounts". Within a region all machines of a series count
//! together, vCPUs and memory each by itself: the vCPU that is in use for the longest part of the month counts as one
//! that ran so long, whichever machines it belonged to. Read by hours instead of by vCPUs that is: the quarter of the
//! month with the most usage is paid in full, the next quarter at the second rate, and so on. What a commitment covers
//! is no part of it. Months are those of UTC (Google Cloud's are those of Pacific time).

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{DateTime, Duration, Utc};
use domain::{BillingMonth, Provider};
use rust_decimal::Decimal;

use crate::demand::LineKey;
use crate::price_book::{MissingPrice, PriceBook, name_key, os_key};
use crate::simulate::BillingError;
use crate::ticks::{from_product, share};
use crate::waterfall::{list_region, rate_ticks};

/// Ten-thousandths off the list price in each quarter of the month: 30 % of a whole month.
const THIRTY: [i128; 4] = [0, 2_000, 4_000, 6_000];
/// The same for 20 % of a whole month.
const TWENTY: [i128; 4] = [0, 1_322, 2_670, 4_000];
/// What these are parts of.
const WHOLE: i128 = 10_000;

/// The series with a discount; E2, the Tau and the third and later generations have none.
const SERIES: [(&str, [i128; 4]); 8] = [
    ("n1", THIRTY),
    ("m1", THIRTY),
    ("m2", THIRTY),
    ("f1", THIRTY),
    ("g1", THIRTY),
    ("n2", TWENTY),
    ("n2d", TWENTY),
    ("c2", TWENTY),
];

/// Thousandths of a GiB per vCPU of the classes of predefined machine types.
const MEMORY_PER_VCPU: [(&str, i64); 10] = [
    ("n1-standard", 3_750),
    ("n1-highmem", 6_500),
    ("n1-highcpu", 900),
    ("n2-standard", 4_000),
    ("n2-highmem", 8_000),
    ("n2-highcpu", 1_000),
    ("n2d-standard", 4_000),
    ("n2d-highmem", 8_000),
    ("n2d-highcpu", 1_000),
    ("c2-standard", 4_000),
];

/// Thousandths of a GiB of types that have less or more per vCPU than the others of their class.
const MEMORY: [(&str, i64); 9] = [
    ("n2-highmem-128", 864_000),
    ("m1-megamem-96", 1_433_600),
    ("m1-ultramem-40", 961_000),
    ("m1-ultramem-80", 1_922_000),
    ("m1-ultramem-160", 3_844_000),
    ("m2-megamem-416", 5_888_000),
    ("m2-hypermem-416", 8_832_000),
    ("m2-ultramem-208", 5_888_000),
    ("m2-ultramem-416", 11_776_000),
];

/// Which lines count together, and what is taken off.
#[derive(Debug, Clone, Default)]
pub struct Sustained {
    /// Discounts of each pool by quarter of the month: vCPUs or memory of one series in one region.
    pools: Vec<[i128; 4]>,
    /// For each line, the pools that an instance-hour of it counts in, and its list price there in 10⁻¹² USD.
    shares: Vec<Vec<(usize, i128)>>,
}

/// Discounts in a window.
pub(crate) struct Discounts {
    /// USD by pool.
    pub(crate) pools: Vec<Decimal>,
    /// USD by line: each pool's, by month, in proportion to list price.
    pub(crate) lines: Vec<Decimal>,
}

impl Sustained {
    /// Finds the pools of `lines`, whose list prices are `on_demand`. A licence has no discount: where the price of the
    /// machine without it is unknown, the line has none, and the price goes to `missing`.
    pub(crate) fn new(
        lines: &[LineKey],
        on_demand: &[i128],
        book: &PriceBook,
        missing: &mut impl Extend<MissingPrice>,
    ) -> Result<Self, BillingError> {
        let mut found = Self { pools: Vec::new(), shares: vec![Vec::new(); lines.len()] };
        let mut index: BTreeMap<(String, &'static str, bool), usize> = BTreeMap::new();
        for ((line, list), shares) in lines.iter().zip(on_demand).zip(&mut found.shares) {
            let Some((series, tiers)) = series(line.provider, &line.instance_type) else { continue };
            let mut machine = *list;
            if os_key(&line.os) != "linux" {
                match book.on_demand(line.provider, list_region(line), &line.instance_type, "Linux") {
                    Ok(price) => machine = rate_ticks(price, &line.instance_type)?.min(machine),
                    Err(price) => {
                        missing.extend([price]);
                        continue;
                    }
                }
            }
            let region = name_key(list_region(line));
            let memory = match (book.memory_rate(&region, series), size(&line.instance_type)) {
                (Some(rate), Some((_, gib))) => rate_ticks(rate * gib, &line.instance_type)?.min(machine),
                _ => 0,
            };
            for (of_memory, price) in [(false, machine - memory), (true, memory)] {
                if price > 0 {
                    let pool = *index.entry((region.clone(), series, of_memory)).or_insert_with(|| {
                        found.pools.push(tiers);
                        found.pools.len() - 1
                    });
                    shares.push((pool, price));
                }
            }
        }
        Ok(found)
    }

    /// Whether no line has a discount.
    pub fn is_empty(&self) -> bool {
        self.pools.is_empty()
    }

    /// The discounts of some of the lines alone, in that order. Pools keep their numbers; without a discount there are none.
    #[must_use]
    pub fn of(&self, lines: &[usize]) -> Self {
        let shares: Vec<_> = lines.iter().map(|&line| self.shares[line].clone()).collect();
        let any = shares.iter().any(|shares| !shares.is_empty());
        Self { pools: if any { self.pools.clone() } else { Vec::new() }, shares }
    }

    /// Number of pools.
    pub fn pools(&self) -> usize {
        self.pools.len()
    }

    /// The pools that an instance-hour of a line counts in, and its list price there in 10⁻¹² USD.
    pub fn shares(&self, line: usize) -> &[(usize, i128)] {
        &self.shares[line]
    }

    /// Part of the list price that is paid, on average, from one part of the month's hours to another (0 to 1), hours
    /// sorted from the most usage to the least.
    pub fn paid(&self, pool: usize, part: Range<f64>) -> f64 {
        let length = (part.end - part.start).max(f64::MIN_POSITIVE);
        let quarters = self.pools[pool].iter().zip([0.0, 0.25, 0.5, 0.75]);
        let off = quarters.map(|(off, start)| {
            let overlap = part.end.min(start + 0.25) - part.start.max(start);
            *off as f64 / WHOLE as f64 * overlap.max(0.0)
        });
        1.0 - off.sum::<f64>() / length
    }

    /// What is taken off one pool in one month, in squared ticks, when `hours` are list prices hour by hour.
    pub(crate) fn discount(&self, pool: usize, mut hours: Vec<i128>) -> i128 {
        let length = hours.len() as i128;
        hours.sort_unstable_by(|a, b| b.cmp(a));
        let mut off = 0;
        for (rank, paid) in hours.into_iter().take_while(|paid| *paid != 0).enumerate() {
            // In quarters of an hour, quarters of the month begin at whole numbers.
            let (from, to) = (4 * rank as i128, 4 * rank as i128 + 4);
            for (quarter, tenthousandths) in (0..).zip(self.pools[pool]) {
                let overlap = to.min((quarter + 1) * length) - from.max(quarter * length);
                off += paid * tenthousandths * overlap.max(0);
            }
        }
        off / (4 * WHOLE)
    }

    /// Discounts of usage, given as ticks by hour of each line that has a discount.
    pub(crate) fn discounts<'a>(
        &self,
        months: &[Range<usize>],
        row: impl Fn(usize) -> &'a [i128],
    ) -> Discounts {
        let mut found = Discounts {
            pools: vec![Decimal::ZERO; self.pools.len()],
            lines: vec![Decimal::ZERO; self.shares.len()],
        };
        let members = |pool: usize| {
            let shares = self.shares.iter().enumerate();
            shares.flat_map(move |(line, shares)| {
                shares.iter().filter(move |(of, _)| *of == pool).map(move |(_, price)| (line, *price))
            })
        };
        for pool in 0..self.pools.len() {
            for month in months {
                let mut hours = vec![0; month.len()];
                for (line, price) in members(pool) {
                    for (sum, ticks) in hours.iter_mut().zip(&row(line)[month.clone()]) {
                        *sum += ticks * price;
                    }
                }
                let all: i128 = hours.iter().sum();
                let off = from_product(self.discount(pool, hours));
                found.pools[pool] += off;
                // Cumulative shares, so that the parts add up to the whole without a remainder.
                let (mut counted, mut handed_out) = (0, Decimal::ZERO);
                for (line, price) in members(pool) {
                    counted += row(line)[month.clone()].iter().sum::<i128>() * price;
                    let until_here = share(off, counted, all);
                    found.lines[line] += until_here - handed_out;
                    handed_out = until_here;
                }
            }
        }
        found
    }
}

/// The hours of a window, month by month. A month that lies in the window only in part is taken to go on like that part.
pub(crate) fn months(start: DateTime<Utc>, hours: usize) -> Vec<Range<usize>> {
    let mut months: Vec<Range<usize>> = Vec::new();
    while months.last().map_or(0, |last| last.end) < hours {
        let from = months.last().map_or(0, |last| last.end);
        let end = BillingMonth::of(start + Duration::hours(from as i64)).period().end;
        let to = usize::try_from((end - start).num_hours()).unwrap_or(hours);
        months.push(from..to.clamp(from + 1, hours));
    }
    months
}

/// USD per GiB and hour of a series, as the lowest and the highest memory per vCPU among `prices` of its predefined
/// types tell it; `None` where they are the same, and vCPUs and memory therefore always run together.
pub(crate) fn memory_rate<'a>(prices: impl Iterator<Item = (&'a str, Decimal)>) -> Option<Decimal> {
    let mut per_vcpu: Vec<(Decimal, Decimal)> = prices
        .filter(|(name, _)| !name.contains("custom"))
        .filter_map(|(name, price)| size(name).map(|(vcpu, gib)| (gib / vcpu, price / vcpu)))
        .collect();
    per_vcpu.sort_unstable();
    let (low, high) = (per_vcpu.first()?, per_vcpu.last()?);
    let rate = if high.0 > low.0 { (high.1 - low.1) / (high.0 - low.0) } else { return None };
    (rate > Decimal::ZERO && rate * low.0 < low.1).then_some(rate)
}

/// The series of a machine type, and its discounts, if it has any.
pub(crate) fn series(provider: Provider, instance_type: &str) -> Option<(&'static str, [i128; 4])> {
    if provider != Provider::Gcp {
        return None;
    }
    let name = name_key(instance_type);
    // Custom types of the first series do not name it.
    let of = if name.starts_with("custom-") { "n1" } else { name.split('-').next().unwrap_or(&name) };
    SERIES.into_iter().find(|(series, _)| *series == of)
}

/// vCPUs and GiB of a machine type.
fn size(instance_type: &str) -> Option<(Decimal, Decimal)> {
    let name = name_key(instance_type);
    if let Some((_, custom)) = name.split_once("custom-") {
        let mut numbers = custom.split('-').map(|number| number.parse::<i64>().ok().filter(|n| *n > 0));
        let (vcpu, mib) = (numbers.next()??, numbers.next()??);
        return Some((Decimal::from(vcpu), Decimal::from(mib) / Decimal::from(1024)));
    }
    let (class, vcpu) = name.rsplit_once('-')?;
    let vcpu: i64 = vcpu.parse().ok().filter(|vcpu| (1..100_000).contains(vcpu))?;
    let thousandths = match MEMORY.iter().find(|(known, _)| *known == name) {
        Some((_, gib)) => *gib,
        None => vcpu * MEMORY_PER_VCPU.iter().find(|(known, _)| *known == class)?.1,
    };
    Some((Decimal::from(vcpu), Decimal::new(thousandths, 3)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_types_have_sizes_and_series() {
        let dec = |text: &str| text.parse::<Decimal>().unwrap();
        assert_eq!(size("n1-standard-4"), Some((dec("4"), dec("15"))));
        assert_eq!(size("n2-highmem-128"), Some((dec("128"), dec("864"))));
        assert_eq!(size("n2-custom-6-20480-ext"), Some((dec("6"), dec("20"))));
        assert_eq!(size("f1-micro"), None);
        let of = |name| series(Provider::Gcp, name).map(|(series, _)| series);
        assert_eq!((of("custom-2-4096"), of("n2d-standard-2")), (Some("n1"), Some("n2d")));
        for without in ["e2-standard-4", "t2d-standard-4", "c3-standard-4", "n4-standard-2", "c2d-standard-2"]
        {
            assert_eq!(of(without), None, "{without}");
        }
        assert_eq!(series(Provider::Aws, "m1-ultramem-40"), None);
    }

    #[test]
    fn two_types_tell_what_memory_costs() {
        let dec = |text: &str| text.parse::<Decimal>().unwrap();
        // 0.03 USD per vCPU, 0.004 USD per GiB.
        let prices = [("n2-standard-4", dec("0.184")), ("n2-highmem-2", dec("0.124"))];
        assert_eq!(memory_rate(prices.into_iter()), Some(dec("0.004")));
        assert_eq!(memory_rate(prices.into_iter().take(1)), None);
    }

    #[test]
    fn windows_are_cut_at_months() {
        let start = "2026-01-31T22:00:00Z".parse().unwrap();
        assert_eq!(months(start, 2 + 28 * 24 + 1), [0..2, 2..674, 674..675]);
        assert_eq!(months(start, 0), []);
    }
}
