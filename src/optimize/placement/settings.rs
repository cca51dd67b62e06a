//! What the policy says about placement: where machines may go, what keeps them, and what going there costs.

use std::collections::BTreeMap;

use domain::{Place, Provider};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::policy::{PolicyError, within};

/// What lies between two places.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Where traffic is sent from.
    pub from: Place,
    /// Where it arrives.
    pub to: Place,
    /// Round trip in ms; either direction's holds for both.
    pub latency_ms: Option<f64>,
    /// USD per GiB sent in this direction.
    pub gib: Option<Decimal>,
}

/// Settings of placement: name, meaning (default, bounds).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Places that machines may be moved to (none: nothing is moved).
    pub places: Vec<Place>,
    /// Whether they may be of another cloud (false).
    pub other_cloud: bool,
    /// Account, subscription or project that pays in another cloud, by provider; where it is not said, the one with
    /// the most usage there.
    pub accounts: BTreeMap<Provider, String>,
    /// Tags that pin a machine, and everything that belongs to it, to where it is.
    pub pinned_tags: Vec<String>,
    /// Keys of tags that tell what belongs together: what has the same value in one region moves together or not at
    /// all, like the machines of a group.
    pub together_keys: Vec<String>,
    /// Places between which data may move, by the name of the group. What runs in a place of a group stays in it.
    pub region_groups: BTreeMap<String, Vec<Place>>,
    /// Keys of tags whose value names the region group that the data must not leave.
    pub residency_keys: Vec<String>,
    /// Longest round trip in ms between the old and the new place (30, 0 to 1000).
    pub maximum_latency_ms: f64,
    /// Tags of work that no distance hurts.
    pub any_latency_tags: Vec<String>,
    /// Round trips, and prices of traffic, between places.
    pub links: Vec<Link>,
    /// USD per GiB sent to the internet, by place.
    pub internet_gib: BTreeMap<Place, Decimal>,
    /// Share of the measured traffic that is with what stays behind (1, 0 to 1); the rest is with the internet.
    pub stays_behind_share: Decimal,
    /// Hours of work to move what belongs together, to another region (16, 0 to 10000).
    pub engineering_hours: Decimal,
    /// The same to another cloud (80, 0 to 10000).
    pub engineering_hours_other_cloud: Decimal,
    /// USD for an hour of work (100, 0 to 10000).
    pub hourly_rate: Decimal,
    /// Days on which the old and the new machine run (7, 0 to 365).
    pub dual_run_days: Decimal,
    /// Months over which what is paid once is spread (12, 1 to 60).
    pub payback_months: u32,
    /// Days of measured traffic without which nothing is moved (14, 1 to 30).
    pub minimum_days: u32,
    /// Doubt about the relative speed of another cloud (0.2, 0 to 0.5).
    pub speed_doubt: f64,
    /// Smallest saving, as a share of the list price of what moves, that is worth a move (0.15, 0 to 0.9).
    pub minimum_saving: f64,
}

impl Default for Settings {
    fn default() -> Self {
        let texts = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
        Self {
            places: Vec::new(),
            other_cloud: false,
            accounts: BTreeMap::new(),
            pinned_tags: texts(&[
                "placement=pinned",
                "stateful=true",
                "role=database",
                "role=db",
                "role=queue",
                "licence=bound",
                "license=bound",
            ]),
            together_keys: texts(&["app", "application", "stack"]),
            region_groups: BTreeMap::new(),
            residency_keys: texts(&["residency", "data-residency"]),
            maximum_latency_ms: 30.0,
            any_latency_tags: texts(&[
                "latency=any",
                "workload=batch",
                "workload=ci",
                "role=batch",
                "role=ci",
            ]),
            links: Vec::new(),
            internet_gib: BTreeMap::new(),
            stays_behind_share: Decimal::ONE,
            engineering_hours: Decimal::from(16),
            engineering_hours_other_cloud: Decimal::from(80),
            hourly_rate: Decimal::ONE_HUNDRED,
            dual_run_days: Decimal::from(7),
            payback_months: 12,
            minimum_days: 14,
            speed_doubt: 0.2,
            minimum_saving: 0.15,
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), PolicyError> {
        let amount = |setting, value, highest| within(setting, domain::to_statistic(value), 0.0, highest);
        for link in &self.links {
            within("placement.links.latency_ms", link.latency_ms.unwrap_or(0.0), 0.0, 10_000.0)?;
            amount("placement.links.gib", link.gib.unwrap_or_default(), 1000.0)?;
        }
        for price in self.internet_gib.values() {
            amount("placement.internet_gib", *price, 1000.0)?;
        }
        within("placement.maximum_latency_ms", self.maximum_latency_ms, 0.0, 1000.0)?;
        amount("placement.stays_behind_share", self.stays_behind_share, 1.0)?;
        amount("placement.engineering_hours", self.engineering_hours, 10_000.0)?;
        amount("placement.engineering_hours_other_cloud", self.engineering_hours_other_cloud, 10_000.0)?;
        amount("placement.hourly_rate", self.hourly_rate, 10_000.0)?;
        amount("placement.dual_run_days", self.dual_run_days, 365.0)?;
        within("placement.payback_months", f64::from(self.payback_months), 1.0, 60.0)?;
        within("placement.minimum_days", f64::from(self.minimum_days), 1.0, 30.0)?;
        within("placement.speed_doubt", self.speed_doubt, 0.0, 0.5)?;
        within("placement.minimum_saving", self.minimum_saving, 0.0, 0.9)
    }

    /// The round trip between two places, as either direction states it.
    pub(super) fn latency_ms(&self, one: &Place, other: &Place) -> Option<f64> {
        let stated = |from, to| self.link(from, to).find_map(|link| link.latency_ms);
        stated(one, other).or_else(|| stated(other, one))
    }

    /// USD per GiB sent from one place to another, or which one is missing.
    pub(super) fn gib(&self, from: &Place, to: &Place) -> Result<Decimal, String> {
        let stated = self.link(from, to).find_map(|link| link.gib);
        stated.ok_or_else(|| {
            format!("no price of traffic from {from} to {to}: add it to placement.links as gib")
        })
    }

    /// USD per GiB sent to the internet from a place, or that it is missing.
    pub(super) fn internet(&self, from: &Place) -> Result<Decimal, String> {
        let stated = self.internet_gib.get(from).copied();
        stated.ok_or_else(|| {
            format!("no price of traffic from {from} to the internet: add it to placement.internet_gib")
        })
    }

    fn link<'a>(&'a self, from: &'a Place, to: &'a Place) -> impl Iterator<Item = &'a Link> {
        self.links.iter().filter(move |link| link.from == *from && link.to == *to)
    }
}

#[cfg(test)]
mod tests {
    use crate::Policy;

    #[test]
    fn a_policy_is_read_with_its_places_and_links() {
        let policy = Policy::from_toml(
            r#"[placement]
            places = ["aws/eu-west-1", "GCP/Europe-West3"]
            accounts = { gcp = "shop" }
            region_groups = { eu = ["aws/eu-central-1", "aws/eu-west-1"] }
            internet_gib = { "aws/eu-west-1" = "0.09" }
            links = [{ from = "aws/eu-central-1", to = "aws/eu-west-1", latency_ms = 25, gib = "0.02" }]"#,
        );
        let settings = policy.unwrap().placement;
        let [near, far] = [&settings.places[0], &settings.places[1]];
        assert_eq!(far.to_string(), "gcp/europe-west3");
        let here = &settings.region_groups["eu"][0];
        assert_eq!(settings.latency_ms(near, here), Some(25.0));
        assert_eq!(settings.gib(here, near), Ok("0.02".parse().unwrap()));
        assert!(settings.gib(near, here).unwrap_err().contains("from aws/eu-west-1 to aws/eu-central-1"));
        assert!(settings.internet(near).is_ok() && settings.internet(here).is_err());
    }

    #[test]
    fn what_is_no_place_and_a_negative_price_are_refused() {
        let error = Policy::from_toml("[placement]\nplaces = [\"eu-west-1\"]").unwrap_err().to_string();
        assert!(error.contains("provider/region") && error.contains("line 2"), "{error}");
        let link = "[placement]\nlinks = [{ from = \"aws/a\", to = \"aws/b\", gib = \"-1\" }]";
        assert!(Policy::from_toml(link).unwrap_err().to_string().contains("placement.links.gib"));
    }
}
