//! Collects quotes from prices that arrive part by part, and says why some never became one.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use domain::{Payment, PriceQuote, PricingPlan, Provider};
use rust_decimal::Decimal;

use super::amount::Reason;
use super::read::NO_PRICE;

const SPLIT: Reason = "upfront and hourly parts do not fit the payment option";
const CONFLICT: Reason = "two different prices for the same thing";
const SUPERSEDED: Reason = "a later price for the same thing is in force";
pub(super) const NOT_YET: Reason = "price takes effect later";

/// What one quote is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QuoteKey {
    pub(super) provider: Provider,
    pub(super) region: String,
    pub(super) instance_type: String,
    pub(super) os: String,
    pub(super) plan: PricingPlan,
    pub(super) terms: Option<(u8, Payment)>,
}

/// Which part of a quote an amount is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// USD per instance-hour.
    Hourly,
    /// USD per instance for the whole term.
    Upfront,
}

/// Counts rows that gave no price, by reason.
#[derive(Debug, Default)]
pub(super) struct Skipped(BTreeMap<Reason, u64>);

impl Skipped {
    pub(super) fn count(&mut self, reason: Reason) {
        *self.0.entry(reason).or_default() += 1;
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (reason, count) in other.0 {
            *self.0.entry(reason).or_default() += count;
        }
    }

    pub(super) fn into_counts(self) -> BTreeMap<String, u64> {
        self.0.into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect()
    }
}

#[derive(Debug, Default)]
struct Parts {
    since: Option<DateTime<Utc>>,
    hourly: Option<Decimal>,
    upfront: Option<Decimal>,
    conflict: bool,
}

/// Quotes in the making.
#[derive(Debug)]
pub(super) struct Quotes {
    as_of: DateTime<Utc>,
    parts: BTreeMap<QuoteKey, Parts>,
}

impl Quotes {
    /// No quotes yet; prices that take effect after `as_of` will be left out.
    pub(super) fn new(as_of: DateTime<Utc>) -> Self {
        Self { as_of, parts: BTreeMap::new() }
    }

    /// Takes one amount that is in force `since`. Of two different dates the later wins; two different
    /// amounts of one date are a conflict, and the quote is dropped.
    pub(super) fn add(
        &mut self,
        key: QuoteKey,
        since: Option<DateTime<Utc>>,
        part: Part,
        amount: Decimal,
    ) -> Result<(), Reason> {
        if since.is_some_and(|since| since > self.as_of) {
            return Err(NOT_YET);
        }
        let parts = self.parts.entry(key).or_insert_with(|| Parts { since, ..Parts::default() });
        let mut replaced = Ok(());
        if since < parts.since {
            return Err(SUPERSEDED);
        }
        if since > parts.since {
            *parts = Parts { since, ..Parts::default() };
            replaced = Err(SUPERSEDED);
        }
        let slot = match part {
            Part::Hourly => &mut parts.hourly,
            Part::Upfront => &mut parts.upfront,
        };
        parts.conflict |= slot.is_some_and(|earlier| earlier != amount);
        *slot = Some(amount);
        replaced
    }

    /// The quotes that are whole; the others are counted.
    pub(super) fn finish(self, skipped: &mut Skipped) -> Vec<PriceQuote> {
        let mut quotes = Vec::with_capacity(self.parts.len());
        for (key, parts) in self.parts {
            match quote(key, &parts) {
                Ok(quote) => quotes.push(quote),
                Err(reason) => skipped.count(reason),
            }
        }
        quotes
    }
}

fn quote(key: QuoteKey, parts: &Parts) -> Result<PriceQuote, Reason> {
    if parts.conflict {
        return Err(CONFLICT);
    }
    let hourly = parts.hourly.unwrap_or_default();
    let upfront = parts.upfront.unwrap_or_default();
    let payment = key.terms.map(|(_, payment)| payment);
    let fits = match payment {
        None | Some(Payment::NoUpfront) => upfront.is_zero(),
        Some(Payment::PartialUpfront) => !hourly.is_zero() && !upfront.is_zero(),
        Some(Payment::AllUpfront) => !upfront.is_zero(),
    };
    if hourly.is_zero() && upfront.is_zero() {
        return Err(NO_PRICE);
    }
    if !fits {
        return Err(SPLIT);
    }
    Ok(PriceQuote {
        provider: key.provider,
        region: key.region,
        instance_type: key.instance_type,
        os: key.os,
        plan: key.plan,
        term_years: key.terms.map(|(years, _)| years),
        payment,
        hourly,
        upfront,
    })
}

/// A date of a feed: RFC 3339, or a day of UTC.
pub(super) fn date(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    DateTime::parse_from_rfc3339(text).map(|time| time.with_timezone(&Utc)).ok().or_else(|| {
        let day: NaiveDate = text.parse().ok()?;
        Some(day.and_time(NaiveTime::MIN).and_utc())
    })
}

/// Years of a term as feeds spell it: `1yr`, `1 yr`, `1 Year`, `3 Years`. Only one and three are sold by all.
pub(super) fn term_years(text: &str) -> Option<u8> {
    let text = text.trim();
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let unit = text[digits.len()..].trim().to_ascii_lowercase();
    match (digits, unit.as_str()) {
        ("1", "yr" | "year" | "years") => Some(1),
        ("3", "yr" | "year" | "years") => Some(3),
        _ => None,
    }
}

/// A payment option as AWS spells it (`No Upfront`).
pub(super) fn payment(text: &str) -> Option<Payment> {
    match text.trim().to_ascii_lowercase().as_str() {
        "no upfront" => Some(Payment::NoUpfront),
        "partial upfront" => Some(Payment::PartialUpfront),
        "all upfront" => Some(Payment::AllUpfront),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(payment: Option<Payment>) -> QuoteKey {
        QuoteKey {
            provider: Provider::Aws,
            region: "eu-west-1".to_owned(),
            instance_type: "m6i.large".to_owned(),
            os: "Linux".to_owned(),
            plan: payment.map_or(PricingPlan::OnDemand, |_| PricingPlan::RiStandard),
            terms: payment.map(|payment| (1, payment)),
        }
    }

    fn finish(quotes: Quotes) -> (Vec<PriceQuote>, BTreeMap<String, u64>) {
        let mut skipped = Skipped::default();
        (quotes.finish(&mut skipped), skipped.into_counts())
    }

    #[test]
    fn parts_must_fit_the_payment_option() {
        let one = Decimal::ONE;
        let cases = [
            (None, Some(one), None, true),
            (None, None, Some(one), false),
            (Some(Payment::NoUpfront), Some(one), Some(one), false),
            (Some(Payment::PartialUpfront), Some(one), Some(one), true),
            (Some(Payment::PartialUpfront), None, Some(one), false),
            (Some(Payment::PartialUpfront), Some(one), None, false),
            (Some(Payment::AllUpfront), Some(Decimal::ZERO), Some(one), true),
            (Some(Payment::AllUpfront), Some(Decimal::ZERO), Some(Decimal::ZERO), false),
        ];
        for (payment, hourly, upfront, whole) in cases {
            let mut quotes = Quotes::new(DateTime::UNIX_EPOCH);
            for (part, amount) in [(Part::Hourly, hourly), (Part::Upfront, upfront)] {
                if let Some(amount) = amount {
                    quotes.add(key(payment), None, part, amount).unwrap();
                }
            }
            let (found, skipped) = finish(quotes);
            assert_eq!((found.len(), skipped.len()), if whole { (1, 0) } else { (0, 1) }, "{payment:?}");
        }
    }

    #[test]
    fn later_dates_win_in_any_order_and_ties_that_differ_are_dropped() {
        let day = |day: i64| Some(DateTime::UNIX_EPOCH + chrono::Duration::days(day));
        for days in [[1, 2], [2, 1]] {
            let mut quotes = Quotes::new(DateTime::UNIX_EPOCH + chrono::Duration::days(9));
            let superseded = days
                .into_iter()
                .filter(|&since| {
                    quotes.add(key(None), day(since), Part::Hourly, Decimal::from(since)).is_err()
                })
                .count();
            assert_eq!(superseded, 1);
            assert_eq!(quotes.add(key(None), day(10), Part::Hourly, Decimal::TEN), Err(NOT_YET));
            assert_eq!(finish(quotes).0[0].hourly, Decimal::TWO);
        }
        let mut quotes = Quotes::new(DateTime::UNIX_EPOCH);
        for amount in [Decimal::ONE, Decimal::TWO] {
            quotes.add(key(None), day(0), Part::Hourly, amount).unwrap();
        }
        let (found, skipped) = finish(quotes);
        assert_eq!((found.len(), skipped.get(CONFLICT)), (0, Some(&1)));
    }

    #[test]
    fn reads_terms_and_dates_of_all_providers() {
        assert_eq!(
            ["1yr", "3 Years", "1 Year", "3 yr"].map(term_years),
            [Some(1), Some(3), Some(1), Some(3)]
        );
        assert_eq!(["", "5 Years", "yr", "１yr", "13yr", "1 month"].map(term_years), [None; 6]);
        assert_eq!(date("2026-10-01"), date("2026-10-01T02:00:00+02:00"));
        assert_eq!(date("soon"), None);
    }
}
