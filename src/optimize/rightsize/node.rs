//! What another size of a managed database or cache does to its bill, and what the change itself is like.

use domain::{Commitment, Effort, Evidence, Resource, ResourceKind, to_cents};
use rust_decimal::Decimal;

use super::{Settings, Sizing};
use crate::Facts;
use crate::HOURS_PER_MONTH;
use crate::action::{Effect, evidence};
use crate::managed::{self, Engine, OPEN_ENGINES, Service, machine_family};
use crate::policy::tagged;

/// Decimal places of what remains of a cost.
const PLACES: u32 = 12;

/// A change of size that the bill can price.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) effect: Effect,
    pub(crate) effort: Effort,
    pub(crate) evidence: Vec<Evidence>,
}

/// What resizing a node of a cluster of `members` comes to, or why nothing is claimed for it.
///
/// Only what is billed by time follows the size; storage, requests and backups stay. Hours that a reserved node pays
/// for save nothing until it ends, and the simulator has no usage of managed nodes to find another use for it: such
/// nodes are not made smaller.
pub(crate) fn change(
    resource: &Resource,
    members: usize,
    sizing: &Sizing,
    facts: &Facts,
) -> Result<Change, String> {
    let (Some(current), Some(recommended)) = (&sizing.current, &sizing.recommended) else {
        return Err(sizing.reason.clone());
    };
    let not_billed = || "it is not on the bill of the last 30 days".to_owned();
    let monthly = facts.monthly_costs.get(&resource.resource_id).filter(|cost| **cost > Decimal::ZERO);
    let monthly = *monthly.ok_or_else(not_billed)?;
    let by_time = facts.time_costs.get(&resource.resource_id).ok_or_else(|| {
        "the bill does not say what of its cost is for hours of the node, which alone follow its size"
            .to_owned()
    })?;
    let grows = recommended.hourly > current.hourly;
    let reserved = facts.commitments.iter().find(|held| covers(held, resource, facts));
    if let Some(held) = reserved.filter(|_| !grows) {
        return Err(format!(
            "{} would do, but {} is reserved for its family until {}: what a smaller node saves before is not known",
            recommended.instance_type,
            held.id,
            held.ends_at.format("%Y-%m-%d")
        ));
    }
    let is_covered = by_time.committed > Decimal::ZERO;
    if is_covered && !grows {
        return Err(format!(
            "{} would do, but commitments pay for {} USD of its last 30 days: a smaller node saves nothing until they end",
            recommended.instance_type,
            to_cents(by_time.committed)
        ));
    }
    let more = match is_covered {
        // What is reserved stays paid, and the larger node is paid on top at list price.
        true => (recommended.hourly - current.hourly) * Decimal::from(HOURS_PER_MONTH),
        false => by_time.cost * (recommended.hourly / current.hourly - Decimal::ONE),
    };
    let share = (Decimal::ONE + more / monthly).max(Decimal::ZERO).round_dp(PLACES);
    let (effort, interruption) = interruption(resource, members, &facts.policy.rightsize);
    let priced = match managed::price_name(&facts.prices, resource) {
        Some(name) if name != OPEN_ENGINES => format!("list prices of {name}"),
        _ if Engine::of(resource) == Engine::Unknown => {
            "not stated: taken as one without a licence".to_owned()
        }
        _ => "list prices of engines without a licence".to_owned(),
    };
    Ok(Change {
        effect: Effect::Keep { share },
        effort,
        evidence: vec![
            evidence("Why this size", sizing.reason.clone()),
            evidence(
                "Billed by the hour",
                format!("{} of {} USD a month", to_cents(by_time.cost), to_cents(monthly)),
            ),
            evidence("Engine", priced),
            evidence("Interruption", interruption),
        ],
    })
}

/// Whether a held commitment is a reserved node of the family of this one.
fn covers(held: &Commitment, resource: &Resource, facts: &Facts) -> bool {
    let family = |name: &str| {
        let own = machine_family(resource.provider, name);
        own.split('.').next().unwrap_or(own).to_ascii_lowercase()
    };
    let named = held.instance_type.as_deref().or(held.family.as_deref()).unwrap_or_default();
    let (service, kind) = (Service::of_type(held.provider, named), Service::of_kind(resource.kind));
    held.provider == resource.provider
        && held.is_active(facts.as_of)
        && held.region.as_deref().is_none_or(|region| region.eq_ignore_ascii_case(&resource.region))
        && kind == Some(service)
        && resource.instance_type.as_deref().is_some_and(|own| family(own) == family(named))
}

/// How much work a change is, and what those who use the node feel of it.
fn interruption(resource: &Resource, members: usize, settings: &Settings) -> (Effort, String) {
    if let Some(tag) = tagged(resource, &settings.standby_tags) {
        let words = format!("fails over to its standby ({tag}): one or two minutes without writes");
        return (Effort::Low, words);
    }
    if members > 1 {
        let words = format!(
            "one of {members} nodes at a time, with a failover: sized so that the others carry the load meanwhile"
        );
        return (Effort::Low, words);
    }
    let words = match resource.kind {
        ResourceKind::Cache => "a single node: it starts empty, and what stands behind it has to bear that",
        _ => "a single node: minutes without it, in its maintenance window",
    };
    (Effort::Medium, words.to_owned())
}
