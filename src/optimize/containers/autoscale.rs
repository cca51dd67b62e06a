//! Request, target and fewest pods of an autoscaled workload, chosen together by replaying its demand.
//!
//! The replayed autoscaler is Kubernetes' HorizontalPodAutoscaler: it wants `ceil(use ÷ (request × target))` pods, leaves
//! the number alone within a tenth of the target, and goes down only to the most that it wanted in the last five minutes.

use std::collections::VecDeque;

use super::need::whole_cores;

/// Deviation from the target that changes nothing (`--horizontal-pod-autoscaler-tolerance`).
const TOLERANCE: f64 = 0.1;
/// Seconds back over which the largest wish counts before there are fewer pods (`stabilizationWindowSeconds`).
const STABILIZATION_SECONDS: f64 = 300.0;
/// Requests that are tried, as parts of the current one.
const REQUESTS: [f64; 9] = [0.25, 0.35, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0];
/// Requested cores of the fewest pods that are tried, as parts of the current ones.
const FLOORS: [f64; 8] = [0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0, 1.25];
/// Smallest target that is tried and distance to the next, in percent.
const LOWEST_TARGET: u32 = 30;
const TARGET_STEP: usize = 5;
/// Two numbers this close are equal.
const CLOSE: f64 = 1e-9;

/// Demand of a workload in cores, oldest first.
#[derive(Debug, Clone)]
pub(super) struct Demand {
    pub(super) step_seconds: f64,
    /// Mean of each step, which the autoscaler follows.
    pub(super) average: Vec<f64>,
    /// What has to be served in each step.
    pub(super) peak: Vec<f64>,
}

/// What is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Setting {
    /// Requested cores of a pod.
    pub(super) request: f64,
    /// Share of the request that is aimed at.
    pub(super) target: f64,
    pub(super) fewest: u32,
    pub(super) most: u32,
}

impl Setting {
    /// Cores that a pod uses at the target.
    fn load(&self) -> f64 {
        self.request * self.target
    }
}

/// What holds for every setting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Seconds from demand to pods that serve it.
    pub(super) reaction_seconds: f64,
    /// Use of the busiest pod over that of the mean one.
    pub(super) imbalance: f64,
    /// Share of the time in which demand may exceed what the pods request.
    pub(super) overload_probability: f64,
    /// Largest target, a share.
    pub(super) highest_target: f64,
    /// Fewest pods that are ever recommended.
    pub(super) fewest: u32,
    /// What the memory of a pod costs, in cores.
    pub(super) memory_in_cores: f64,
}

/// What a replay found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outcome {
    /// Mean number of pods.
    pub(super) pods: f64,
    /// Largest number of pods.
    pub(super) largest: u32,
    /// Share of the steps in which the busiest pod wanted more than its request.
    pub(super) overloaded: f64,
    /// Largest mean use of a pod, in cores.
    pub(super) busiest: f64,
    /// Share of the steps with the most pods allowed.
    pub(super) at_most: f64,
}

/// The cheapest setting whose overload is allowed, or no worse than now, with its replay; `None` when that is the
/// current one.
///
/// Every request × target × floor of the grid is replayed, so the answer is exact for the grid. No pod is planned to be
/// busier than pods are now: what it does beyond, its memory and latency there, was never measured. The most pods carry
/// what the most pods carry now.
pub(super) fn solve(demand: &Demand, now: Setting, rules: &Rules) -> Option<(Setting, Outcome)> {
    let current = replay(demand, now, rules, f64::INFINITY, f64::INFINITY)?;
    let allowed = current.overloaded.max(rules.overload_probability);
    let busiest = now.load().min(current.busiest);
    let mut best: Option<(f64, Setting, Outcome)> = None;
    for setting in grid(now, busiest, rules) {
        let price = setting.request + rules.memory_in_cores;
        let bound = best.as_ref().map_or(f64::INFINITY, |(cost, ..)| *cost) / price;
        let Some(outcome) = replay(demand, setting, rules, bound, allowed) else { continue };
        let cost = outcome.pods * price;
        if best.as_ref().is_none_or(|(least, ..)| cost < *least * (1.0 - CLOSE)) {
            best = Some((cost, setting, outcome));
        }
    }
    best.filter(|(_, setting, _)| *setting != now).map(|(_, setting, outcome)| (setting, outcome))
}

/// The settings that are tried, in an order in which the gentler change comes first.
fn grid(now: Setting, busiest: f64, rules: &Rules) -> Vec<Setting> {
    let percents = (LOWEST_TARGET..=100).step_by(TARGET_STEP).map(|percent| f64::from(percent) / 100.0);
    let mut targets: Vec<f64> =
        percents.filter(|target| *target <= rules.highest_target + CLOSE).chain([now.target]).collect();
    targets.sort_by(|a, b| (a - now.target).abs().total_cmp(&(b - now.target).abs()).then(a.total_cmp(b)));
    targets.dedup();
    let mut requests: Vec<f64> = REQUESTS.iter().map(|part| whole_cores(now.request * part)).collect();
    requests.push(now.request);
    requests.sort_by(|a, b| (a - now.request).abs().total_cmp(&(b - now.request).abs()).then(a.total_cmp(b)));
    requests.dedup();
    let mut settings = Vec::new();
    for request in requests {
        for target in &targets {
            let load = request * target;
            if load > busiest * (1.0 + CLOSE) {
                continue;
            }
            let most = (f64::from(now.most) * now.load() / load - CLOSE).ceil() as u32;
            let mut floors: Vec<u32> = FLOORS
                .iter()
                .map(|part| (f64::from(now.fewest) * now.request * part / request - CLOSE).ceil() as u32)
                .chain([now.fewest, rules.fewest.min(now.fewest)])
                .map(|floor| floor.clamp(rules.fewest.min(now.fewest).max(1), most.max(1)))
                .collect();
            floors.sort_unstable_by(|a, b| b.cmp(a));
            floors.dedup();
            settings.extend(floors.into_iter().map(|fewest| Setting {
                request,
                target: *target,
                fewest,
                most,
            }));
        }
    }
    settings
}

/// Walks through the demand with the pods that the autoscaler had by then; `None` as soon as the mean number of pods is
/// above `bound` or the share of overload above `allowed`.
pub(super) fn replay(
    demand: &Demand,
    setting: Setting,
    rules: &Rules,
    bound: f64,
    allowed: f64,
) -> Option<Outcome> {
    let steps = demand.average.len();
    let lag = ((rules.reaction_seconds / demand.step_seconds).ceil() as usize).max(1);
    let window = ((STABILIZATION_SECONDS / demand.step_seconds).ceil() as usize).max(1);
    let wanted = |used: f64| {
        let pods = (used / setting.load() - CLOSE).ceil().clamp(0.0, f64::from(u32::MAX)) as u32;
        pods.clamp(setting.fewest, setting.most.max(setting.fewest))
    };
    let mut pods = wanted(*demand.average.first()?);
    let mut wishes: VecDeque<u32> = VecDeque::with_capacity(window + 1);
    let (mut total, mut over, mut full, mut largest, mut busiest) = (0_u64, 0_usize, 0_usize, 0, 0.0_f64);
    let (most_total, most_over) = (bound * steps as f64 * (1.0 + CLOSE), allowed * steps as f64 + CLOSE);
    for step in 0..steps {
        if let Some(seen) = step.checked_sub(lag) {
            let used = demand.average[seen];
            let ratio = used / (f64::from(pods) * setting.load());
            let wish = if (ratio - 1.0).abs() <= TOLERANCE { pods } else { wanted(used) };
            wishes.push_back(wish);
            if wishes.len() > window {
                wishes.pop_front();
            }
            pods = if wish >= pods { wish } else { wishes.iter().copied().max().unwrap_or(wish).min(pods) };
        }
        total += u64::from(pods);
        let imbalance = if pods > 1 { rules.imbalance } else { 1.0 };
        let capacity = f64::from(pods) * setting.request;
        over += usize::from(demand.peak[step] * imbalance > capacity * (1.0 + CLOSE));
        full += usize::from(pods == setting.most && pods > setting.fewest);
        largest = largest.max(pods);
        busiest = busiest.max(demand.average[step] / f64::from(pods));
        if total as f64 > most_total || over as f64 > most_over {
            return None;
        }
    }
    let share = |count: usize| count as f64 / steps as f64;
    let pods = total as f64 / steps as f64;
    Some(Outcome { pods, largest, overloaded: share(over), busiest, at_most: share(full) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: Rules = Rules {
        reaction_seconds: 180.0,
        imbalance: 1.2,
        overload_probability: 0.005,
        highest_target: 0.85,
        fewest: 2,
        memory_in_cores: 0.1,
    };

    fn demand(step_seconds: f64, average: Vec<f64>) -> Demand {
        Demand { step_seconds, peak: average.clone(), average }
    }

    fn daily(step_seconds: f64, days: usize) -> Demand {
        let steps = (86_400.0 / step_seconds) as usize;
        let at = |step: usize| 6.0 - 4.0 * (step as f64 / steps as f64 * std::f64::consts::TAU).cos();
        demand(step_seconds, (0..steps * days).map(at).collect())
    }

    /// The same autoscaler written a second time, over whole histories instead of a window.
    fn plain(demand: &Demand, setting: Setting, rules: &Rules) -> (f64, f64) {
        let lag = (rules.reaction_seconds / demand.step_seconds).ceil().max(1.0) as usize;
        let window = (300.0 / demand.step_seconds).ceil().max(1.0) as usize;
        let limit = |pods: f64| pods.max(f64::from(setting.fewest)).min(f64::from(setting.most));
        let wanted = |used: f64| limit((used / (setting.request * setting.target) - 1e-9).ceil());
        let (mut pods, mut wishes) = (vec![wanted(demand.average[0])], Vec::<f64>::new());
        for step in 1..demand.average.len() {
            let now = *pods.last().unwrap();
            if step < lag {
                pods.push(now);
                continue;
            }
            let used = demand.average[step - lag];
            let off = used / (now * setting.request * setting.target) - 1.0;
            wishes.push(if off.abs() <= 0.1 { now } else { wanted(used) });
            let recent = wishes.iter().rev().take(window).copied().fold(0.0, f64::max);
            let wish = *wishes.last().unwrap();
            pods.push(if wish >= now { wish } else { recent.min(now) });
        }
        let over = pods.iter().zip(&demand.peak).filter(|(pods, peak)| {
            let imbalance = if **pods > 1.0 { rules.imbalance } else { 1.0 };
            **peak * imbalance > **pods * setting.request * (1.0 + 1e-9)
        });
        (pods.iter().sum::<f64>() / pods.len() as f64, over.count() as f64 / pods.len() as f64)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

        #[test]
        fn the_search_finds_what_brute_force_finds(
            levels in prop::collection::vec(0.0..20.0_f64, 8..120),
            (request, target) in (2..40_u32, 30..95_u32),
            (fewest, more) in (1..6_u32, 0..20_u32),
            step_seconds in prop_oneof![Just(60.0), Just(300.0), Just(3600.0)],
        ) {
            let (request, target) = (f64::from(request) / 20.0, f64::from(target) / 100.0);
            let now = Setting { request, target, fewest, most: fewest + more };
            let demand = demand(step_seconds, levels);
            let current = replay(&demand, now, &RULES, f64::INFINITY, f64::INFINITY).unwrap();
            let (pods, over) = plain(&demand, now, &RULES);
            prop_assert!((current.pods - pods).abs() < 1e-9 && (current.overloaded - over).abs() < 1e-9);
            let cost = |setting: Setting, pods: f64| pods * (setting.request + RULES.memory_in_cores);
            let least = grid(now, now.load().min(current.busiest), &RULES)
                .into_iter()
                .map(|setting| (setting, plain(&demand, setting, &RULES)))
                .filter(|(_, (_, over))| *over <= current.overloaded.max(RULES.overload_probability) + 1e-12)
                .map(|(setting, (pods, _))| cost(setting, pods))
                .fold(f64::INFINITY, f64::min);
            match solve(&demand, now, &RULES) {
                Some((setting, outcome)) => {
                    prop_assert!((cost(setting, outcome.pods) / least - 1.0).abs() < 1e-6);
                    prop_assert!(setting.load() <= now.load() * (1.0 + 1e-9));
                    prop_assert!(outcome.overloaded <= current.overloaded.max(RULES.overload_probability) + 1e-9);
                    prop_assert!(f64::from(setting.most) * setting.load() >= f64::from(now.most) * now.load() * 0.999);
                }
                None => prop_assert!(least.is_infinite() || cost(now, current.pods) <= least * (1.0 + 1e-6)),
            }
        }
    }

    #[test]
    fn a_low_target_over_slow_demand_is_raised_and_the_request_falls_with_it() {
        let now = Setting { request: 1.0, target: 0.4, fewest: 4, most: 40 };
        let demand = daily(300.0, 3);
        let before = replay(&demand, now, &RULES, f64::INFINITY, f64::INFINITY).unwrap();
        let (setting, after) = solve(&demand, now, &RULES).unwrap();
        assert!(setting.target > 0.6 && setting.request < 0.7, "{setting:?}");
        assert!(after.pods * setting.request < 0.7 * before.pods * now.request, "{before:?} {after:?}");
        assert!(after.overloaded <= 0.005 && setting.load() <= now.load() + 1e-9);
    }

    #[test]
    fn the_later_the_pods_the_more_room_is_left() {
        let now = Setting { request: 1.0, target: 0.4, fewest: 2, most: 40 };
        let demand = daily(300.0, 3);
        let cores = |reaction_seconds: f64| {
            let rules = Rules { reaction_seconds, ..RULES };
            let (setting, after) = solve(&demand, now, &rules).unwrap();
            after.pods * setting.request
        };
        assert!(cores(3600.0) > cores(180.0), "{} {}", cores(3600.0), cores(180.0));
    }

    #[test]
    fn what_comes_later_does_not_change_what_the_pods_were() {
        let setting = Setting { request: 0.5, target: 0.6, fewest: 1, most: 50 };
        let mut demand = daily(300.0, 1);
        let known = replay(&demand, setting, &RULES, f64::INFINITY, f64::INFINITY).unwrap();
        // A jump in the last step cannot be seen before it is over.
        *demand.average.last_mut().unwrap() = 1000.0;
        let jumped = replay(&demand, setting, &RULES, f64::INFINITY, f64::INFINITY).unwrap();
        assert_eq!((known.pods, known.largest), (jumped.pods, jumped.largest));
    }
}
