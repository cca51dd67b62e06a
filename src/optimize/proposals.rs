//! What each rule says about each resource, given what earlier steps of the plan do to it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use billing::BillingError;
use domain::{
    ActionType, Effort, Finding, Resource, ResourceKind, ResourceState, Step, StoragePrice, to_statistic,
};
use rayon::prelude::*;

use crate::action::{Action, Effect, Verdict, evidence};
use crate::containers::pools::Pools;
use crate::idle::short;
use crate::ledger::{Ledger, Target};
use crate::placement::{Outcome, Place, Placement};
use crate::policy::tagged;
use crate::rightsize::{Machine, Sizing, change, function};
use crate::sizings::{Clusters, is_machine, sizings};
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
            Effect::Spot { .. } | Effect::Keep { .. } | Effect::Free { .. } => {}
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
    /// One per running machine, database or cache.
    sizings: BTreeMap<&'a str, Sizing>,
    clusters: Clusters<'a>,
    groups: BTreeMap<&'a str, Vec<&'a Resource>>,
    pools: Pools<'a>,
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
        let pools = Pools::new(facts, &resources);
        let clusters = Clusters::new(&resources);
        let sizings = sizings(facts, &resources, &clusters, &pools);
        let placement = Placement::new(facts, &resources);
        Self { facts, resources, sizings, clusters, groups, pools, placement }
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
        let sizing = self.sizings.get(resource.resource_id.as_str()).filter(|_| is_machine(resource));
        let Some(sizing) = sizing else {
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
            patch: None,
        })
    }

    fn rightsize(&self, resource: &Resource) -> Verdict {
        const CONSIDERED: &str = "another size";
        if let Some(pool) = self.pools.of_node(resource) {
            let reason = format!(
                "it is a node of {pool}, whose containers are known: fewer nodes are asked for, not smaller ones"
            );
            return Verdict::skip(resource, CONSIDERED, reason);
        }
        if let Some(verdict) = self.pools.verdict(resource) {
            return verdict.clone();
        }
        let Some(sizing) = self.sizings.get(resource.resource_id.as_str()) else {
            return match resource.kind {
                ResourceKind::Function => function(resource, self.facts),
                ResourceKind::Disk => self.spare_room(resource),
                _ => Verdict::NotConcerned,
            };
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
        let mut effect = Effect::Resize {
            instance_type: recommended.instance_type.clone(),
            price_ratio: recommended.hourly / current.hourly,
        };
        let same_architecture = current.architecture == recommended.architecture;
        let mut effort = if same_architecture { Effort::Low } else { Effort::High };
        let mut said = facts_of(sizing);
        if !is_machine(resource) {
            let change = match change(resource, self.clusters.size(resource), sizing, self.facts) {
                Ok(change) => change,
                Err(reason) => return Verdict::skip(resource, CONSIDERED, reason),
            };
            (effect, effort) = (change.effect, change.effort);
            said.extend(change.evidence);
        }
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
            effect,
            // Had it to go back, or one size up again, that part would be lost.
            range: if grows { (1.0, 1.0) } else { (0.5, 1.0) },
            risk: sizing.performance_risk,
            evidence: said,
            flips_if: flips_if(sizing, grows),
            effort,
            restart_needed: true,
            rollback_possible: true,
            lookback_days: lookback(sizing),
            patch: None,
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

    /// What is said about a disk, or the storage of a database, that is much larger than what it holds.
    fn spare_room(&self, resource: &Resource) -> Verdict {
        let id = resource.resource_id.as_str();
        let by_time = self.facts.time_costs.get(id).map(|by_time| by_time.cost).unwrap_or_default();
        let for_storage = self.facts.monthly_costs.get(id).map(|cost| *cost - by_time);
        let metrics = self.facts.metrics.of(id);
        storage::spare_room(resource, metrics, for_storage, &self.facts.policy.storage)
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
            ResourceKind::Database => self.spare_room(resource),
            _ => Verdict::NotConcerned,
        }
    }
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
    let limiting =
        sizing.limiting_metric.map_or("cpu_utilization", |metric| metric.as_str()).replace('_', " ");
    if grows {
        return format!("{limiting} falls back for good, or the software is made to need less");
    }
    format!("{limiting} grows beyond what was seen in {} days", lookback(sizing))
}

fn lookback(sizing: &Sizing) -> u32 {
    sizing.evidence.window.map_or(0, |window| window.days.round() as u32)
}
