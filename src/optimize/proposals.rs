//! What each rule says about each resource, given what earlier steps of the plan do to it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use billing::BillingError;
use chrono::Duration;
use domain::{
    ActionType, Effort, Finding, Provider, Resource, ResourceKind, ResourceState, Shape, Step, StoragePrice,
    to_statistic,
};
use rayon::prelude::*;
use rust_decimal::Decimal;

use crate::action::{Action, Effect, Verdict, evidence};
use crate::idle::short;
use crate::ledger::{Ledger, Target};
use crate::metrics::envelope;
use crate::opening::full_hour;
use crate::placement::{Outcome, Place, Placement};
use crate::policy::tagged;
use crate::rightsize::{Candidate, Machine, Sizing, decide};
use crate::spot::Group;
use crate::{Facts, idle, schedule, spot, storage};

/// What earlier steps do to a machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fate {
    pub(crate) removed: bool,
    pub(crate) instance_type: Option<String>,
    pub(crate) place: Option<Place>,
    pub(crate) scheduled: bool,
}

impl Fate {
    pub(crate) fn suffer(&mut self, effect: &Effect) {
        match effect {
            Effect::Remove => self.removed = true,
            Effect::Resize { instance_type, .. } => self.instance_type = Some(instance_type.clone()),
            Effect::Schedule { .. } => self.scheduled = true,
            Effect::Move(relocation) => {
                self.place = Some(relocation.place.clone());
                if relocation.instance_type.is_some() {
                    self.instance_type.clone_from(&relocation.instance_type);
                }
            }
            Effect::Spot { .. } | Effect::Keep { .. } => {}
        }
    }

    /// The resource where earlier steps leave it.
    fn at<'r>(&self, resource: &'r Resource) -> Cow<'r, Resource> {
        match &self.place {
            Some(place) => {
                let (provider, region) = (place.provider, place.region.clone());
                Cow::Owned(Resource { provider, region, ..resource.clone() })
            }
            None => Cow::Borrowed(resource),
        }
    }
}

/// The rules over one set of facts. Resources are looked at in the order of their ids.
pub(crate) struct Proposals<'a> {
    facts: &'a Facts,
    resources: Vec<&'a Resource>,
    /// One per running machine.
    sizings: BTreeMap<&'a str, Sizing>,
    groups: BTreeMap<&'a str, Vec<&'a Resource>>,
    placement: Placement<'a>,
}

impl<'a> Proposals<'a> {
    pub(crate) fn new(facts: &'a Facts) -> Self {
        let mut resources: Vec<&Resource> = facts.resources.iter().collect();
        resources.sort_by(|a, b| a.resource_id.cmp(&b.resource_id));
        let mut groups: BTreeMap<&str, Vec<&Resource>> = BTreeMap::new();
        for resource in resources.iter().filter(|resource| is_machine(resource)) {
            if let Some(group) = resource.group.as_deref() {
                groups.entry(group).or_default().push(resource);
            }
        }
        let sizings = sizings(facts, &resources);
        let placement = Placement::new(facts, &resources);
        Self { facts, resources, sizings, groups, placement }
    }

    /// Machines and what they may become.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (&str, Target)> {
        let recommended = |id: &str| Some(self.sizings.get(id)?.recommended.as_ref()?.instance_type.clone());
        let resized = self.sizings.keys().filter_map(move |id| {
            Some((*id, Target { instance_type: Some(recommended(id)?), ..Target::default() }))
        });
        // Of one cloud, it moves as what it was before or as what it becomes first.
        let moved = self.placement.targets().flat_map(move |(id, target)| {
            let instance_type = recommended(id).filter(|_| target.instance_type.is_none());
            let resized = instance_type.map(|new| Target { instance_type: Some(new), ..target.clone() });
            [Some((id, target)), resized.map(|target| (id, target))].into_iter().flatten()
        });
        resized.chain(moved)
    }

    /// The moves, each of all that belongs together, and what stays.
    pub(crate) fn moves(
        &self,
        fates: &BTreeMap<String, Fate>,
        ledger: &Ledger<'_>,
    ) -> Result<Vec<Outcome<'a>>, BillingError> {
        self.placement.outcomes(fates, ledger)
    }

    /// Whether a resource moves only with others.
    pub(crate) fn is_tied(&self, resource_id: &str) -> bool {
        self.placement.is_tied(resource_id)
    }

    /// The verdicts of one step, with their resources, in the order of ids.
    pub(crate) fn of(
        &self,
        step: Step,
        fates: &BTreeMap<String, Fate>,
        ledger: &Ledger<'_>,
    ) -> Vec<(&'a Resource, Verdict)> {
        let untouched = Fate::default();
        let verdict = |resource: &&'a Resource| {
            let fate = fates.get(&resource.resource_id).unwrap_or(&untouched);
            (*resource, self.verdict(resource, step, fate, fates, ledger))
        };
        self.resources.par_iter().map(verdict).collect()
    }

    /// The verdict of one step on a resource with that `fate`, others having `fates`; of a move, where it goes alone.
    pub(crate) fn verdict(
        &self,
        resource: &Resource,
        step: Step,
        fate: &Fate,
        fates: &BTreeMap<String, Fate>,
        ledger: &Ledger<'_>,
    ) -> Verdict {
        match step {
            _ if fate.removed || resource.state == ResourceState::Deleted => Verdict::NotConcerned,
            _ if tagged(resource, &self.facts.policy.plan.keep_tags).is_some() => self.kept(step, resource),
            Step::Delete => self.delete(resource),
            Step::Rightsize => self.rightsize(resource),
            Step::Schedule => self.schedule(resource),
            Step::Move => match self.placement.alone(resource, fate, ledger) {
                Ok(action) => action.map_or(Verdict::NotConcerned, Verdict::act),
                Err(error) => Verdict::skip(resource, "another place", error.to_string()),
            },
            Step::Spot => self.spot(&fate.at(resource), fate, fates, ledger),
            Step::Storage => self.storage(&fate.at(resource)),
            Step::Commit => Verdict::NotConcerned,
        }
    }

    fn kept(&self, step: Step, resource: &Resource) -> Verdict {
        match tagged(resource, &self.facts.policy.plan.keep_tags) {
            Some(tag) if step == Step::Delete => {
                Verdict::skip(resource, "any change", format!("its tag {tag} says to keep it as it is"))
            }
            _ => Verdict::NotConcerned,
        }
    }

    fn delete(&self, resource: &Resource) -> Verdict {
        let Some(sizing) = self.sizings.get(resource.resource_id.as_str()) else {
            let metrics = self.facts.metrics.of(&resource.resource_id);
            return idle::resource(resource, metrics, self.facts.as_of, &self.facts.policy.idle);
        };
        if sizing.finding != Finding::Idle {
            return Verdict::NotConcerned;
        }
        Verdict::act(Action {
            step: Step::Delete,
            action_type: ActionType::Stop,
            finding: Finding::Idle,
            summary: format!("Stop {}: {}", short(resource), sizing.reason),
            current: resource.instance_type.clone().unwrap_or_default(),
            recommended: None,
            effect: Effect::Remove,
            range: (0.9, 1.0),
            risk: sizing.performance_risk,
            evidence: facts_of(sizing),
            flips_if: "somebody names a use for it, such as standing by for disaster recovery".to_owned(),
            effort: Effort::VeryLow,
            restart_needed: false,
            rollback_possible: true,
            lookback_days: lookback(sizing),
        })
    }

    fn rightsize(&self, resource: &Resource) -> Verdict {
        const CONSIDERED: &str = "another size";
        let Some(sizing) = self.sizings.get(resource.resource_id.as_str()) else {
            return Verdict::NotConcerned;
        };
        let (Some(current), Some(recommended)) = (&sizing.current, &sizing.recommended) else {
            return match sizing.finding {
                Finding::Idle => Verdict::NotConcerned,
                _ => Verdict::skip(resource, CONSIDERED, sizing.reason.clone()),
            };
        };
        if current.hourly.is_zero() {
            return Verdict::skip(
                resource,
                CONSIDERED,
                format!("the list price of {} is zero", current.instance_type),
            );
        }
        let grows = sizing.finding == Finding::UnderProvisioned;
        let same_capacity = current.vcpu == recommended.vcpu && current.memory_gib == recommended.memory_gib;
        let action_type = if current.architecture != recommended.architecture {
            ActionType::MigrateToGraviton
        } else if current.family != recommended.family && same_capacity {
            ActionType::Upgrade
        } else {
            ActionType::Rightsize
        };
        let verb = if grows { "Grow" } else { "Resize" };
        Verdict::act(Action {
            step: Step::Rightsize,
            action_type,
            finding: sizing.finding,
            summary: format!(
                "{verb} {} from {} to {}",
                short(resource),
                current.instance_type,
                recommended.instance_type
            ),
            current: current.instance_type.clone(),
            recommended: Some(recommended.instance_type.clone()),
            effect: Effect::Resize {
                instance_type: recommended.instance_type.clone(),
                price_ratio: recommended.hourly / current.hourly,
            },
            // Had it to go back, or one size up again, that part would be lost.
            range: if grows { (1.0, 1.0) } else { (0.5, 1.0) },
            risk: sizing.performance_risk,
            evidence: facts_of(sizing),
            flips_if: flips_if(sizing, grows),
            effort: if current.architecture == recommended.architecture { Effort::Low } else { Effort::High },
            restart_needed: true,
            rollback_possible: true,
            lookback_days: lookback(sizing),
        })
    }

    fn schedule(&self, resource: &Resource) -> Verdict {
        let metrics = self.facts.metrics.of(&resource.resource_id);
        schedule::machine(resource, metrics, self.facts.as_of, &self.facts.policy.schedule)
    }

    fn spot(
        &self,
        resource: &Resource,
        fate: &Fate,
        fates: &BTreeMap<String, Fate>,
        ledger: &Ledger<'_>,
    ) -> Verdict {
        if fate.scheduled {
            return Verdict::skip(resource, "spot", "it runs by a schedule already");
        }
        let Some(instance_type) = fate.instance_type.as_deref().or(resource.instance_type.as_deref()) else {
            return Verdict::NotConcerned;
        };
        let stays = |member: &&&Resource| !fates.get(&member.resource_id).is_some_and(|fate| fate.removed);
        let members = resource.group.as_deref().and_then(|group| self.groups.get(group));
        let members: Vec<&Resource> = members.into_iter().flatten().filter(stays).copied().collect();
        let on_demand = members.iter().filter(|member| !member.spot);
        let group = Group {
            members: members.len().max(1),
            position: on_demand.take_while(|member| member.resource_id != resource.resource_id).count(),
            has_spot: members.iter().any(|member| member.spot),
        };
        let running_share = ledger.running_share(&resource.resource_id);
        spot::machine(
            resource,
            instance_type,
            group,
            running_share,
            &self.facts.prices,
            &self.facts.policy.spot,
        )
    }

    fn storage(&self, resource: &Resource) -> Verdict {
        let prices = &self.facts.prices;
        match resource.kind {
            ResourceKind::Disk => {
                let price = |kind: &str| {
                    prices
                        .disk(resource.provider, &resource.region, kind)
                        .map_err(|missing| missing.to_string())
                };
                let metrics = self.facts.metrics.of(&resource.resource_id);
                storage::disk(resource, metrics, price("gp2"), price("gp3"), &self.facts.policy.storage)
            }
            ResourceKind::Bucket => {
                let classes: Vec<&StoragePrice> =
                    prices.storage_classes(resource.provider, &resource.region).collect();
                storage::bucket(resource, &classes, &self.facts.policy.storage)
            }
            _ => Verdict::NotConcerned,
        }
    }
}

/// A machine type and its price under one operating system.
type Priced<'a> = (&'a Shape, Decimal);

/// Sizes every running machine; machines of one group and type together, because they have to stay alike.
fn sizings<'a>(facts: &Facts, resources: &[&'a Resource]) -> BTreeMap<&'a str, Sizing> {
    let machines: Vec<&Resource> =
        resources.iter().filter(|resource| is_machine(resource)).copied().collect();
    let os = |resource: &Resource| resource.os.clone().unwrap_or_else(|| "Linux".to_owned());
    let mut catalogs: BTreeMap<(Provider, &str, String), Vec<Priced<'_>>> = BTreeMap::new();
    let mut units: BTreeMap<(Option<&str>, &str, &str, &str), Vec<&'a Resource>> = BTreeMap::new();
    for machine in machines {
        catalogs.entry((machine.provider, &machine.region, os(machine))).or_insert_with_key(
            |(provider, region, os)| {
                let shapes = facts.prices.shapes(*provider, region);
                let priced = |shape| Some((shape, price_of(facts, shape, os)?));
                shapes.filter_map(priced).collect()
            },
        );
        let kind = machine.instance_type.as_deref().unwrap_or_default();
        let alone = if machine.group.is_none() { machine.resource_id.as_str() } else { "" };
        units.entry((machine.group.as_deref(), &machine.region, kind, alone)).or_default().push(machine);
    }
    let last_hour = Some(full_hour(facts.as_of) - Duration::hours(1));
    let units: Vec<Vec<&Resource>> = units.into_values().collect();
    let size = |members: &Vec<&'a Resource>| -> Vec<(&'a str, Sizing)> {
        let Some(first) = members.first() else { return Vec::new() };
        let catalog =
            catalogs.get(&(first.provider, &first.region, os(first))).map(Vec::as_slice).unwrap_or_default();
        let candidates: Vec<Candidate<'_>> =
            catalog.iter().map(|(shape, hourly)| Candidate { shape, hourly: *hourly }).collect();
        let measured: Vec<_> =
            members.iter().filter_map(|member| facts.metrics.of(&member.resource_id)).collect();
        let together = if measured.len() > 1 { Some(envelope(&measured)) } else { None };
        let metrics = together.as_ref().or(measured.first().copied());
        let sizing = decide(first, metrics, &candidates, last_hour, &facts.policy);
        let of = |member: &&'a Resource| {
            let resource_id = member.resource_id.clone();
            (member.resource_id.as_str(), Sizing { resource_id, ..sizing.clone() })
        };
        members.iter().map(of).collect()
    };
    units.par_iter().flat_map_iter(size).collect()
}

fn price_of(facts: &Facts, shape: &Shape, os: &str) -> Option<Decimal> {
    facts.prices.on_demand(shape.provider, &shape.region, &shape.instance_type, os).ok()
}

fn is_machine(resource: &Resource) -> bool {
    resource.kind == ResourceKind::Vm && resource.state == ResourceState::Running
}

/// The measured quantiles in words.
fn facts_of(sizing: &Sizing) -> Vec<domain::Evidence> {
    let measured = &sizing.evidence;
    let mut facts: Vec<domain::Evidence> = measured
        .p95
        .iter()
        .map(|(metric, p95)| {
            let of =
                |values: &BTreeMap<domain::MetricName, f64>| values.get(metric).copied().unwrap_or_default();
            let value = format!(
                "P50 {:.1}, P95 {p95:.1}, P99.5 {:.1}, largest {:.1}",
                of(&measured.p50),
                of(&measured.p99_5),
                of(&measured.max)
            );
            evidence(metric.as_str(), value)
        })
        .collect();
    if let Some(window) = measured.window {
        facts.push(evidence(
            "Watched",
            format!("{:.0} days, {} hours or samples", window.days, measured.samples),
        ));
    }
    if let (Some(current), Some(recommended)) = (&sizing.current, &sizing.recommended) {
        let size = |machine: &Machine| {
            format!(
                "{} vCPU, {} GiB, {:.4} USD/h",
                machine.vcpu,
                machine.memory_gib,
                to_statistic(machine.hourly)
            )
        };
        facts.push(evidence(&current.instance_type, size(current)));
        facts.push(evidence(&recommended.instance_type, size(recommended)));
    }
    facts
}

fn flips_if(sizing: &Sizing, grows: bool) -> String {
    let limiting = sizing.limiting_metric.map_or("cpu_utilization", |metric| metric.as_str());
    if grows {
        return format!("{limiting} falls back for good, or the software is made to need less");
    }
    format!("{limiting} grows beyond what was seen in {} days", lookback(sizing))
}

fn lookback(sizing: &Sizing) -> u32 {
    sizing.evidence.window.map_or(0, |window| window.days.round() as u32)
}
