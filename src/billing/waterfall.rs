//! The order in which commitments are applied to usage, compiled once for a set of lines.
//!
//! Sources: AWS EC2 user guide, "How your Reserved Instance discount is applied"; AWS Savings Plans user
//! guide, "Understanding how Savings Plans apply to your usage"; Azure "How discounts are applied"
//! (reservations, then savings plans); Google Cloud "Committed use discounts" (resource-based, then flexible; what they
//! leave gets the sustained-use discounts of the month).

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

use domain::{Commitment, Payment, PriceQuote, PricingPlan, Provider};
use rust_decimal::Decimal;

use crate::demand::LineKey;
use crate::flexibility::{Flexibility, family, flexibility};
use crate::price_book::{MissingPrice, PriceBook, name_key, os_key};
use crate::simulate::BillingError;
use crate::sustained::Sustained;
use crate::ticks::{ONE, to_ticks};

/// Share of a partial-upfront spend commitment that is paid at purchase when no quote tells (AWS Savings
/// Plans: half).
const PARTIAL_UPFRONT_SHARE: Decimal = Decimal::from_parts(5, 0, 0, false, 1);

/// When a commitment gets its turn within an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// AWS Reserved Instance bound to one zone.
    Zonal,
    /// Regional Reserved Instance, Azure reservation, Google Cloud resource CUD.
    Reservation,
    /// EC2 Instance Savings Plan.
    FamilyPlan,
    /// Compute Savings Plan, Azure savings plan, Google Cloud flexible CUD.
    BroadPlan,
}

/// Commitments that act as one: same owner, same reach, same rates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// When it is applied.
    pub stage: Stage,
    /// Indices of its commitments, in the order in which usage fills them: oldest first.
    pub members: Vec<usize>,
}

/// One application: a pool to a line. Applying the steps in order to an hour is the whole rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Index of the pool.
    pub pool: usize,
    /// Index of the line.
    pub line: usize,
    /// What an instance-hour of the line takes from the pool: size for reservations, 10⁻¹² USD for plans.
    pub weight: i128,
    /// 10⁻¹² USD per covered instance-hour still paid at list price: the licence of an operating system
    /// that the commitment does not cover.
    pub licence: i128,
}

/// What one unit (an instance, or a committed dollar per hour) of a commitment costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitPrice {
    /// USD in every hour of the term.
    pub hourly: Decimal,
    /// USD at purchase.
    pub upfront: Decimal,
    /// USD per hour with the upfront spread over 8,760 hours a year.
    pub amortized: Decimal,
}

impl UnitPrice {
    fn new(hourly: Decimal, upfront: Decimal, term_years: u8) -> Self {
        Self { hourly, upfront, amortized: hourly + upfront / term_hours(term_years) }
    }
}

/// Pools and steps for a set of lines under a set of commitments.
#[derive(Debug, Clone)]
pub struct Waterfall {
    /// List price of each line in 10⁻¹² USD per instance-hour.
    pub on_demand: Vec<i128>,
    /// The pools.
    pub pools: Vec<Pool>,
    /// The steps, in legal order.
    pub steps: Vec<Step>,
    /// For each commitment, what it adds to its pool in each of its hours, in units of
    /// 10⁻¹² × [`Step::weight`].
    pub capacity: Vec<i128>,
    /// Rates that would be needed to apply a plan to a line; the line is treated as not covered by it.
    pub missing: Vec<MissingPrice>,
    /// What had to be assumed, one sentence each.
    pub assumptions: Vec<String>,
    /// For each commitment, what one unit of it costs.
    pub unit_prices: Vec<UnitPrice>,
    /// Discounts on what the steps leave uncovered in the course of a month.
    pub sustained: Sustained,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Type { region: String, instance_type: String, os: Option<String> },
    Group { region: String, group: String, os: Option<String> },
    Family { region: String, family: String },
    Everything,
}

type PoolKey = (Stage, Provider, String, Reach, Option<(PricingPlan, u8, Payment)>);

impl Waterfall {
    /// Compiles the order. Fails when a line has no list price, or a commitment makes no sense.
    pub fn new(
        lines: &[LineKey],
        commitments: &[Commitment],
        book: &PriceBook,
    ) -> Result<Self, BillingError> {
        let mut on_demand = Vec::with_capacity(lines.len());
        for line in lines {
            let price = book.on_demand(line.provider, list_region(line), &line.instance_type, &line.os)?;
            on_demand.push(rate_ticks(price, &line.instance_type)?);
        }
        let mut notes = Notes::default();
        let mut keys: BTreeMap<PoolKey, Vec<usize>> = BTreeMap::new();
        let mut capacity = Vec::with_capacity(commitments.len());
        let mut ids = BTreeSet::new();
        for (index, commitment) in commitments.iter().enumerate() {
            check(commitment)?;
            if !ids.insert(commitment.id.as_str()) {
                return Err(refuse(commitment, "the id is used twice; give each commitment its own"));
            }
            let (key, weight) = pool_key(commitment, book)?;
            keys.entry(key).or_default().push(index);
            let quantity =
                to_ticks(commitment.quantity).ok_or_else(|| refuse(commitment, "quantity is too large"))?;
            capacity.push(quantity * weight);
        }
        let mut steps = Vec::new();
        let mut pools = Vec::with_capacity(keys.len());
        let mut terms = vec![None; commitments.len()];
        for (pool, (key, mut members)) in keys.into_iter().enumerate() {
            let mut split = None;
            for (line, used) in lines.iter().enumerate() {
                let Some(reached) = reach(&key, used, on_demand[line], book, &mut notes)? else { continue };
                split = split.or(reached.quote);
                let step = Step { pool, line, weight: reached.weight, licence: reached.licence };
                let pass = if used.account == key.2 { Pass::Owner } else { Pass::Others };
                steps.push((key.0, used.provider, pass, step));
            }
            for &member in &members {
                terms[member] = Some(unit_terms(&commitments[member], split, book)?);
            }
            members.sort_by_key(|&member| (commitments[member].starts_at, &commitments[member].id));
            pools.push(Pool { stage: key.0, members });
        }
        steps.sort_by(|a, b| legal_order(a, b, &on_demand));
        let sustained = Sustained::new(lines, &on_demand, book, &mut notes.missing)?;
        Ok(Self {
            on_demand,
            pools,
            steps: steps.into_iter().map(|(.., step)| step).collect(),
            capacity,
            missing: notes.missing.into_iter().collect(),
            assumptions: notes.assumptions.into_iter().collect(),
            unit_prices: terms.into_iter().flatten().collect(),
            sustained,
        })
    }
}

/// Owner before the rest of the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pass {
    Owner,
    Others,
}

#[derive(Default)]
struct Notes {
    missing: BTreeSet<MissingPrice>,
    assumptions: BTreeSet<String>,
}

struct Reached<'a> {
    weight: i128,
    licence: i128,
    quote: Option<&'a PriceQuote>,
}

fn term_hours(term_years: u8) -> Decimal {
    Decimal::from(8760 * u32::from(term_years))
}

fn refuse(commitment: &Commitment, problem: &str) -> BillingError {
    BillingError::Commitment { id: commitment.id.clone(), problem: problem.to_owned() }
}

pub(crate) fn rate_ticks(price: Decimal, instance_type: &str) -> Result<i128, BillingError> {
    to_ticks(price).ok_or_else(|| BillingError::Price { instance_type: instance_type.to_owned(), price })
}

fn check(commitment: &Commitment) -> Result<(), BillingError> {
    let provider = match commitment.plan {
        PricingPlan::OnDemand | PricingPlan::Spot => {
            return Err(refuse(commitment, "on_demand and spot are no commitments; remove the row"));
        }
        PricingPlan::RiStandard
        | PricingPlan::RiConvertible
        | PricingPlan::Ec2InstanceSp
        | PricingPlan::ComputeSp => Provider::Aws,
        PricingPlan::AzureReservation | PricingPlan::AzureSavingsPlan => Provider::Azure,
        PricingPlan::GcpCudResource | PricingPlan::GcpCudFlexible => Provider::Gcp,
    };
    let negative = |value: Option<Decimal>| value.is_some_and(|value| value < Decimal::ZERO);
    if commitment.provider != provider {
        return Err(refuse(commitment, &format!("{} is sold by {provider} only", commitment.plan)));
    }
    if commitment.quantity < Decimal::ZERO || negative(commitment.hourly) || negative(commitment.upfront) {
        return Err(refuse(commitment, "quantity, hourly and upfront must not be negative"));
    }
    if commitment.term_years == 0 || commitment.ends_at <= commitment.starts_at {
        return Err(refuse(commitment, "the term must be 1 year or more and end after it starts"));
    }
    Ok(())
}

/// The pool that a commitment belongs to, and the size of its unit there.
fn pool_key(commitment: &Commitment, book: &PriceBook) -> Result<(PoolKey, i128), BillingError> {
    let Commitment { plan, provider, .. } = *commitment;
    let account = commitment.account.trim().to_owned();
    let rates = Some((plan, commitment.term_years, commitment.payment));
    let region = || match commitment.region.as_deref().map(name_key) {
        Some(region) if !region.is_empty() => Ok(region),
        _ => Err(refuse(commitment, "the plan is bound to a region; fill the region")),
    };
    if plan == PricingPlan::Ec2InstanceSp {
        let of_type = || commitment.instance_type.as_deref().map(|name| family(provider, name));
        let Some(family) = commitment.family.clone().or_else(of_type) else {
            return Err(refuse(commitment, "the plan is bound to a family; fill family or instance_type"));
        };
        let reach = Reach::Family { region: region()?, family: name_key(&family) };
        return Ok(((Stage::FamilyPlan, provider, account, reach, rates), ONE));
    }
    if plan.is_spend_based() {
        return Ok(((Stage::BroadPlan, provider, account, Reach::Everything, rates), ONE));
    }
    let Some(instance_type) = commitment.instance_type.as_deref() else {
        return Err(refuse(commitment, "a reservation counts instances of one type; fill instance_type"));
    };
    let region = region()?;
    let os = commitment.os.as_deref().map(os_key).filter(|os| !os.is_empty());
    if provider == Provider::Aws && os.is_none() {
        return Err(refuse(commitment, "a Reserved Instance is bound to an operating system; fill os"));
    }
    let zonal = provider == Provider::Aws && parent_region(provider, &region) != region;
    let shape = book.shape(provider, parent_region(provider, &region), instance_type);
    let flexible = flexibility(provider, instance_type, os.as_deref().unwrap_or("linux"), shape);
    match flexible.filter(|_| !zonal) {
        Some(Flexibility { group, weight }) => {
            let reach = Reach::Group { region, group, os };
            Ok(((Stage::Reservation, provider, account, reach, None), i128::from(weight)))
        }
        None => {
            let stage = if zonal { Stage::Zonal } else { Stage::Reservation };
            let reach = Reach::Type { region, instance_type: name_key(instance_type), os };
            Ok(((stage, provider, account, reach, None), 1))
        }
    }
}

/// Whether a pool covers a line, and what an instance-hour takes from it.
fn reach<'a>(
    key: &PoolKey,
    line: &LineKey,
    on_demand: i128,
    book: &'a PriceBook,
    notes: &mut Notes,
) -> Result<Option<Reached<'a>>, BillingError> {
    let (_, provider, _, reach, rates) = key;
    if *provider != line.provider {
        return Ok(None);
    }
    let region = name_key(list_region(line));
    let (weight, os) = match reach {
        Reach::Type { region: bound, instance_type, os } => {
            let here = name_key(&line.region) == *bound;
            let zone_unknown = region == name_key(&line.region) && parent_region(*provider, bound) == region;
            if *instance_type != name_key(&line.instance_type) || !(here || zone_unknown || region == *bound)
            {
                return Ok(None);
            }
            if zone_unknown && region != *bound {
                notes.assumptions.insert(format!(
                    "usage of {instance_type} in {region} does not tell its zone: reservations of {bound} are applied to it"
                ));
            }
            (1, os)
        }
        Reach::Group { region: bound, group, os } => {
            let shape = book.shape(*provider, &region, &line.instance_type);
            match flexibility(*provider, &line.instance_type, &line.os, shape) {
                Some(flexible) if region == *bound && flexible.group == *group => {
                    (i128::from(flexible.weight), os)
                }
                _ => return Ok(None),
            }
        }
        Reach::Family { region: bound, family: bound_family } => {
            if region != *bound || name_key(&family(*provider, &line.instance_type)) != *bound_family {
                return Ok(None);
            }
            return planned(rates, line, on_demand, book, notes);
        }
        Reach::Everything => return planned(rates, line, on_demand, book, notes),
    };
    let line_os = os_key(&line.os);
    let licence = match os {
        Some(os) if *os == line_os => 0,
        Some(_) => return Ok(None),
        None if line_os == "linux" => 0,
        // Without an operating system the commitment covers the machine, not its licence.
        None => match book.on_demand(*provider, list_region(line), &line.instance_type, "Linux") {
            Ok(machine) => (on_demand - rate_ticks(machine, &line.instance_type)?).max(0),
            Err(missing) => {
                notes.missing.insert(missing);
                return Ok(None);
            }
        },
    };
    Ok(Some(Reached { weight, licence, quote: None }))
}

/// A spend-based plan covers a line at the plan's rate, unless the rate is unknown or above list price.
fn planned<'a>(
    rates: &Option<(PricingPlan, u8, Payment)>,
    line: &LineKey,
    on_demand: i128,
    book: &'a PriceBook,
    notes: &mut Notes,
) -> Result<Option<Reached<'a>>, BillingError> {
    let Some((plan, years, payment)) = *rates else { return Ok(None) };
    let region = list_region(line);
    match book.quote(line.provider, region, &line.instance_type, &line.os, plan, Some(years), Some(payment)) {
        Ok(quote) => {
            let weight = rate_ticks(quote.effective_hourly(), &line.instance_type)?;
            Ok((weight > 0 && weight <= on_demand).then_some(Reached {
                weight,
                licence: 0,
                quote: Some(quote),
            }))
        }
        Err(missing) => {
            notes.missing.insert(missing);
            Ok(None)
        }
    }
}

/// Price of one unit: locked at purchase, else today's quote. A committed dollar costs a dollar; its
/// quote only tells how much of it is paid at purchase.
fn unit_terms(
    commitment: &Commitment,
    split: Option<&PriceQuote>,
    book: &PriceBook,
) -> Result<UnitPrice, BillingError> {
    let years = commitment.term_years;
    let locked = match (commitment.hourly, commitment.upfront) {
        (None, None) => None,
        (hourly, upfront) => Some((hourly.unwrap_or_default(), upfront.unwrap_or_default())),
    };
    if commitment.plan.is_spend_based() {
        let (hourly, upfront) =
            locked.or(split.map(|quote| (quote.hourly, quote.upfront))).unwrap_or_default();
        let effective = hourly + upfront / term_hours(years);
        let upfront_share = match commitment.payment {
            _ if !effective.is_zero() => upfront / term_hours(years) / effective,
            Payment::NoUpfront => Decimal::ZERO,
            Payment::PartialUpfront => PARTIAL_UPFRONT_SHARE,
            Payment::AllUpfront => Decimal::ONE,
        };
        let upfront = (upfront_share * term_hours(years)).round_dp(12);
        return Ok(UnitPrice { hourly: Decimal::ONE - upfront_share, upfront, amortized: Decimal::ONE });
    }
    if let Some((hourly, upfront)) = locked {
        return Ok(UnitPrice::new(hourly, upfront, years));
    }
    let region = commitment.region.as_deref().unwrap_or_default();
    let quote = book.quote(
        commitment.provider,
        parent_region(commitment.provider, region.trim()),
        commitment.instance_type.as_deref().unwrap_or_default(),
        commitment.os.as_deref().unwrap_or("Linux"),
        commitment.plan,
        Some(years),
        Some(commitment.payment),
    )?;
    Ok(UnitPrice::new(quote.hourly, quote.upfront, years))
}

/// Stage, then owner before the organization; reservations from the smallest size up; plans from the
/// largest saving down, the lower rate first where savings are equal.
fn legal_order(
    a: &(Stage, Provider, Pass, Step),
    b: &(Stage, Provider, Pass, Step),
    on_demand: &[i128],
) -> Ordering {
    let by_stage = (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2));
    let (x, y) = (a.3, b.3);
    let by_worth = match a.0 {
        Stage::Zonal | Stage::Reservation => x.weight.cmp(&y.weight),
        // Largest saving = smallest rate ÷ list price, compared without dividing.
        Stage::FamilyPlan | Stage::BroadPlan => (x.weight * on_demand[y.line])
            .cmp(&(y.weight * on_demand[x.line]))
            .then_with(|| x.weight.cmp(&y.weight)),
    };
    by_stage.then(by_worth).then_with(|| (x.line, Reverse(y.pool)).cmp(&(y.line, Reverse(x.pool))))
}

/// The region under which a line is priced.
pub(crate) fn list_region(line: &LineKey) -> &str {
    parent_region(line.provider, &line.region)
}

/// The region of a zone (`us-east-1a` → `us-east-1`, `us-central1-a` → `us-central1`); a region as it is.
fn parent_region(provider: Provider, name: &str) -> &str {
    let is_letter = |c: char| c.is_ascii_lowercase();
    let Some(bare) = name.strip_suffix(is_letter) else { return name };
    let bare = match provider {
        Provider::Aws => bare,
        Provider::Gcp => bare.strip_suffix('-').unwrap_or(name),
        Provider::Azure => name,
    };
    if bare.ends_with(|c: char| c.is_ascii_digit()) { bare } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_belong_to_regions() {
        assert_eq!(parent_region(Provider::Aws, "us-east-1a"), "us-east-1");
        assert_eq!(parent_region(Provider::Aws, "us-east-1"), "us-east-1");
        assert_eq!(parent_region(Provider::Gcp, "us-central1-a"), "us-central1");
        assert_eq!(parent_region(Provider::Gcp, "us-central1"), "us-central1");
        assert_eq!(parent_region(Provider::Azure, "eastus2"), "eastus2");
    }
}
