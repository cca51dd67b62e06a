//! Deciding which parts of the ledger a new delivery replaces.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};
use domain::BillingMonth;

use crate::load::OnOverlap;
use crate::manifest::Part;
use crate::{Overlap, StoreError};

/// Days that the new delivery may be short at each edge of what it replaces: time zones and late rows.
const EDGE: Days = Days::new(1);

/// What a new delivery has for one billing account and month, over all its objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) provider_name: String,
    pub(crate) billing_account_id: String,
    pub(crate) billing_month: BillingMonth,
    /// One of its objects, for messages.
    pub(crate) object_key: String,
    pub(crate) first_day: NaiveDate,
    pub(crate) last_day: NaiveDate,
}

impl Unit {
    pub(crate) fn is_of(&self, part: &Part) -> bool {
        self.billing_month == part.billing_month
            && self.billing_account_id == part.billing_account_id
            && self.provider_name == part.provider_name
    }
}

/// The live parts of the same source that `units` replace. `keys` are the keys of all objects of the delivery.
pub(crate) fn superseded<'a>(
    source: &str,
    units: &[Unit],
    keys: &BTreeSet<&str>,
    live: &'a [Part],
    on_overlap: OnOverlap,
) -> Result<Vec<&'a Part>, StoreError> {
    let mut gone = Vec::new();
    for part in live {
        let unit = units.iter().find(|unit| unit.is_of(part));
        if replaces(source, unit, keys.contains(part.object_key.as_str()), part, on_overlap)? {
            gone.push(part);
        }
    }
    Ok(gone)
}

fn replaces(
    source: &str,
    unit: Option<&Unit>,
    same_object: bool,
    part: &Part,
    on_overlap: OnOverlap,
) -> Result<bool, StoreError> {
    let Some(unit) = unit else {
        return match (same_object, on_overlap) {
            (false, _) | (true, OnOverlap::Append) => Ok(false),
            (true, OnOverlap::Replace) => Ok(true),
            (true, OnOverlap::Refuse) => Err(StoreError::MonthGone {
                object: part.object_key.clone(),
                billing_account_id: part.billing_account_id.clone(),
                billing_month: part.billing_month,
                rows: part.sums.rows,
            }),
        };
    };
    if same_object {
        return Ok(true);
    }
    let disjoint = unit.last_day < part.first_day || part.last_day < unit.first_day;
    if disjoint || on_overlap == OnOverlap::Append {
        return Ok(false);
    }
    if covers(unit, part) || on_overlap == OnOverlap::Replace {
        return Ok(true);
    }
    Err(Overlap {
        source_name: source.to_owned(),
        provider_name: part.provider_name.clone(),
        billing_account_id: part.billing_account_id.clone(),
        billing_month: part.billing_month,
        new_object: unit.object_key.clone(),
        new_first_day: unit.first_day,
        new_last_day: unit.last_day,
        old_object: part.object_key.clone(),
        old_first_day: part.first_day,
        old_last_day: part.last_day,
    }
    .into())
}

fn covers(unit: &Unit, part: &Part) -> bool {
    let latest_start = part.first_day.checked_add_days(EDGE).unwrap_or(NaiveDate::MAX);
    let earliest_end = part.last_day.checked_sub_days(EDGE).unwrap_or(NaiveDate::MIN);
    unit.first_day <= latest_start && unit.last_day >= earliest_end
}

#[cfg(test)]
mod tests {
    use domain::{Currency, ManifestId};

    use super::*;
    use crate::manifest::Sums;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, day).unwrap()
    }

    fn unit(first: u32, last: u32) -> Unit {
        Unit {
            provider_name: "AWS".to_owned(),
            billing_account_id: "1".to_owned(),
            billing_month: "2026-01".parse().unwrap(),
            object_key: "new".to_owned(),
            first_day: day(first),
            last_day: day(last),
        }
    }

    fn part(object_key: &str, first: u32, last: u32) -> Part {
        Part {
            id: 1,
            manifest_id: ManifestId(1),
            object_key: object_key.to_owned(),
            provider_name: "AWS".to_owned(),
            billing_account_id: "1".to_owned(),
            billing_month: "2026-01".parse().unwrap(),
            currency: Currency::USD,
            first_day: day(first),
            last_day: day(last),
            sums: Sums { rows: 7, ..Sums::default() },
            superseded_by: None,
        }
    }

    /// `Some(true)` replaced, `Some(false)` kept, `None` refused.
    fn verdict(units: &[Unit], part: Part, on_overlap: OnOverlap) -> Option<bool> {
        let live = [part];
        superseded("s", units, &BTreeSet::from(["new"]), &live, on_overlap).ok().map(|gone| gone.len() == 1)
    }

    #[test]
    fn replaces_what_is_covered_keeps_what_is_apart_and_asks_otherwise() {
        use OnOverlap::{Append, Refuse, Replace};
        for (new, old, refuse, replace, append) in [
            ((1, 31), part("old", 1, 20), Some(true), Some(true), Some(false)),
            // a day short at either edge
            ((2, 30), part("old", 1, 31), Some(true), Some(true), Some(false)),
            ((3, 31), part("old", 1, 31), None, Some(true), Some(false)),
            ((1, 29), part("old", 1, 31), None, Some(true), Some(false)),
            ((11, 20), part("old", 1, 10), Some(false), Some(false), Some(false)),
            ((1, 10), part("old", 11, 20), Some(false), Some(false), Some(false)),
            ((10, 20), part("old", 1, 10), None, Some(true), Some(false)),
            // a newer version of the same object, whatever its days
            ((10, 20), part("new", 1, 31), Some(true), Some(true), Some(true)),
        ] {
            let units = [unit(new.0, new.1)];
            assert_eq!(verdict(&units, old.clone(), Refuse), refuse, "{new:?} {old:?}");
            assert_eq!(verdict(&units, old.clone(), Replace), replace, "{new:?} {old:?}");
            assert_eq!(verdict(&units, old.clone(), Append), append, "{new:?} {old:?}");
        }
    }

    #[test]
    fn a_month_that_vanished_from_an_object_needs_a_decision() {
        assert_eq!(verdict(&[], part("new", 1, 31), OnOverlap::Refuse), None);
        assert_eq!(verdict(&[], part("new", 1, 31), OnOverlap::Replace), Some(true));
        assert_eq!(verdict(&[], part("new", 1, 31), OnOverlap::Append), Some(false));
        assert_eq!(verdict(&[], part("other", 1, 31), OnOverlap::Refuse), Some(false));
    }

    #[test]
    fn other_accounts_and_providers_are_left_alone() {
        let mut other = unit(1, 31);
        other.billing_account_id = "2".to_owned();
        assert_eq!(verdict(&[other], part("old", 5, 6), OnOverlap::Replace), Some(false));
        let mut other = unit(1, 31);
        other.provider_name = "Microsoft".to_owned();
        assert_eq!(verdict(&[other], part("old", 5, 6), OnOverlap::Replace), Some(false));
    }
}
