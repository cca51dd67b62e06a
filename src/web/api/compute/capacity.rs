//! `POST /api/v1/capacity:compute`, `/advice:compute` and `/autoscaling:replay`: the twins of `headroom plan capacity`,
//! its `--advise`, and `headroom replay autoscaling`.

use std::collections::BTreeMap;

use axum::extract::State;
use capacity::{
    Advice, Autoscaling, AutoscalingInput, Backlog, Goal, PolicyName, Settings, SettingsInput, Simulation,
    Survive, Trigger,
};
use domain::{CapacityKind, CapacityPlan, Event, Frequency, Series};
use forecast::Request;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::forecasts::ForecastsBody;
use super::rows::Faults;
use super::series::{SeriesBody, check_events, series, unused_events};
use crate::api::answer::Answer;
use crate::api::request::Body;
use crate::error::WebError;
use crate::pages::policies::check_goal;
use crate::session::Caller;
use crate::state::App;

/// Instances that any demand may need.
const MAX_INSTANCES: f64 = 100_000.0;
/// Days that are simulated minute by minute, over all series.
const MAX_DAYS: f64 = 2_000.0;
/// Zones of a group.
const MAX_ZONES: u32 = 100;
/// Longest lead time: 30 days.
const MAX_LEAD_SECONDS: u32 = 2_592_000;
/// Policies, and triggers, of one request.
const MAX_POLICIES: usize = 20;
/// Days of one request for advice: each is simulated under more than fifty policies, three times.
const MAX_ADVISED_DAYS: f64 = 100.0;

/// A workload and its demand so far.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CapacityBody {
    /// Demand, in the unit of `unit_throughput`, and how far to look ahead.
    demand: ForecastsBody,
    /// What is counted; instances when absent, and below they stand for any.
    kind: Option<CapacityKind>,
    /// Units or GiB that are bought together, of throughput units and storage; 1 when absent.
    #[schema(minimum = 1)]
    lot: Option<u32>,
    /// What waits for workers already.
    backlog: Option<Backlog>,
    /// Demand at which one instance saturates.
    #[schema(exclusive_minimum = 0)]
    unit_throughput: f64,
    /// Share of it to be used; 0.7 when absent.
    #[schema(exclusive_minimum = 0, maximum = 1)]
    target_utilization: Option<f64>,
    /// Share that the schedule alone plans for, where target tracking adds the rest up to `target_utilization`.
    #[schema(exclusive_minimum = 0, maximum = 1)]
    schedule_utilization: Option<f64>,
    /// From asking for an instance until it serves; 600 when absent.
    #[schema(maximum = 2_592_000)]
    lead_time_seconds: Option<u32>,
    /// Zones the group spans; 3 when absent.
    #[schema(minimum = 1, maximum = 100)]
    zones: Option<u32>,
    /// Failure to be survived; none when absent.
    #[schema(value_type = Option<String>, pattern = "^(none|instance|zone)$")]
    survive: Option<Survive>,
    /// Accepted probability that demand exceeds the plan; 0.01 when absent.
    #[schema(exclusive_minimum = 0)]
    risk: Option<f64>,
    /// Quota in instances.
    #[schema(minimum = 1)]
    limit: Option<u32>,
}

/// Plans capacity for demand that is sent along: forecast, requirement, schedule, policies compared.
#[utoipa::path(
    post,
    operation_id = "compute_capacity",
    path = "/capacity:compute",
    tag = "capacity",
    request_body = CapacityBody,
    responses((status = 200, body = Vec<CapacityPlan>)),
)]
pub(crate) async fn compute(State(app): State<App>, _: Caller, Body(body): Body<CapacityBody>) -> Answer {
    let (series, request, settings) = body.check(MAX_DAYS)?;
    let compute = move || {
        let unused = unused_events(&request.events, "demand.events", &series);
        let plan = |demand| {
            let mut plan = capacity::plan_compared(&settings.work(demand), &settings);
            plan.assumptions.extend_from_slice(&unused);
            plan
        };
        let demand = forecast::forecast_all(&series, &request);
        Ok(demand.into_iter().map(plan).collect::<Vec<CapacityPlan>>())
    };
    app.computations.answer(compute).await
}

impl CapacityBody {
    /// The series, what is asked about them, and what to plan for; at most `most_days` ahead, over all series.
    fn check(self, most_days: f64) -> Result<(Vec<Series>, Request, Settings), WebError> {
        let mut input = SettingsInput::new(self.unit_throughput);
        input.kind = self.kind.unwrap_or(input.kind);
        input.lot = self.lot.unwrap_or(input.lot);
        input.backlog = self.backlog;
        input.target_utilization = self.target_utilization.unwrap_or(input.target_utilization);
        input.schedule_utilization = self.schedule_utilization;
        input.lead_time_seconds = self.lead_time_seconds.unwrap_or(input.lead_time_seconds);
        input.zones = self.zones.unwrap_or(input.zones);
        input.survive = self.survive.unwrap_or(input.survive);
        input.risk = self.risk.unwrap_or(input.risk);
        input.limit = self.limit;
        let mut faults = Faults::default();
        faults.want(input.zones <= MAX_ZONES, || "zones".to_owned(), "1 to 100 zones");
        faults.want(input.lead_time_seconds <= MAX_LEAD_SECONDS, || "lead_time_seconds".to_owned(), LEAD);
        let settings = input.check().map_err(|error| WebError::Invalid("settings", error.to_string()))?;
        let (series, mut request) = self.demand.check().map_err(|error| error.within("demand"))?;
        let ahead: f64 = series.iter().map(|series| days(series, request.horizon)).sum();
        let wanted = format!("at most {most_days} days, over all series");
        faults.want(ahead <= most_days, || "demand.horizon".to_owned(), &wanted);
        let largest = request.events.iter().map(Event::high).fold(1.0, f64::max);
        if settings.values().kind.unscaled().is_none() {
            check_instances(&series, settings.usable_throughput() / largest, "demand.series", &mut faults);
        }
        faults.none()?;
        request.levels = settings.forecast_levels();
        request.lower_bound = Some(0.0);
        Ok((series, request, settings))
    }
}

/// A workload, and what a policy has to keep.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AdviceBody {
    /// As for `capacity:compute`; at most 100 days ahead, over all series.
    capacity: CapacityBody,
    /// 95th percentile of latency in milliseconds; 200 when absent.
    #[schema(exclusive_minimum = 0)]
    latency_p95_ms: Option<f64>,
    /// Share of all requests that may stay unserved; 0 when absent.
    #[schema(minimum = 0, maximum = 1)]
    unserved_share: Option<f64>,
}

/// The cheapest policy that keeps a goal, by series: what was tried, and why the cheaper ones fail.
#[utoipa::path(
    post,
    operation_id = "compute_advice",
    path = "/advice:compute",
    tag = "capacity",
    request_body = AdviceBody,
    responses((status = 200, body = AdviceBySeries)),
)]
pub(crate) async fn advise(State(app): State<App>, _: Caller, Body(body): Body<AdviceBody>) -> Answer {
    let usual = Goal::default();
    let goal = check_goal(Goal {
        latency_p95_ms: body.latency_p95_ms.unwrap_or(usual.latency_p95_ms),
        unserved_share: body.unserved_share.unwrap_or(usual.unserved_share),
    })?;
    let (series, request, settings) =
        body.capacity.check(MAX_ADVISED_DAYS).map_err(|error| error.within("capacity"))?;
    let compute = move || {
        let simulation = Simulation::of(&settings);
        let unused = unused_events(&request.events, "capacity.demand.events", &series);
        let advice = |demand| {
            let demand = settings.work(demand);
            let futures = capacity::futures(&demand);
            let mut advice = capacity::advise(&demand, &futures, &goal, &settings, &simulation);
            advice.reasons.extend_from_slice(&unused);
            (demand.unique_id, advice)
        };
        let advice = forecast::forecast_all(&series, &request).into_iter().map(advice).collect();
        Ok(AdviceBySeries { advice })
    };
    app.computations.answer(compute).await
}

/// Advice on policies.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdviceBySeries {
    /// The name of each series, and what is advised for it.
    advice: BTreeMap<String, Advice>,
}

const LEAD: &str = "0 to 2592000 seconds";

/// Workloads and the policies to be replayed on them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AutoscalingBody {
    /// Demand that came: at most 200 series, with at most 50,000 values and 2,000 days together.
    #[schema(min_items = 1, max_items = 200)]
    demand: Vec<SeriesBody>,
    /// planned, scheduled, reactive-N, step-N, static-peak or static-N; planned, reactive-70 and static-peak when
    /// absent.
    #[schema(min_items = 1, max_items = 20)]
    policies: Option<Vec<String>>,
    /// Demand at which one instance saturates; a twentieth of the largest demand when absent.
    #[schema(exclusive_minimum = 0)]
    unit_throughput: Option<f64>,
    /// Share of it to be used; 0.7 when absent.
    #[schema(exclusive_minimum = 0, maximum = 1)]
    target_utilization: Option<f64>,
    /// From asking for an instance until it serves; 600 when absent.
    #[schema(maximum = 2_592_000)]
    lead_time_seconds: Option<u32>,
    /// Events that were announced before they came.
    #[serde(default)]
    #[schema(max_items = 1000)]
    events: Vec<Event>,
    /// Triggers to test under every policy: `CPU > 70 %`, `requests > 1000/s`, `queue > 500 for 5 min`.
    #[serde(default)]
    #[schema(max_items = 20)]
    triggers: Vec<String>,
}

/// Scales through history as each policy would have, with only the past in view.
#[utoipa::path(
    post,
    operation_id = "replay_autoscaling",
    path = "/autoscaling:replay",
    tag = "capacity",
    request_body = AutoscalingBody,
    responses((status = 200, body = Autoscaling)),
)]
pub(crate) async fn replay(State(app): State<App>, _: Caller, Body(body): Body<AutoscalingBody>) -> Answer {
    let mut faults = Faults::default();
    let names =
        body.policies.unwrap_or_else(|| ["planned", "reactive-70", "static-peak"].map(str::to_owned).into());
    faults.want_rows(&names, "policies", MAX_POLICIES);
    let mut policies = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        match name.parse::<PolicyName>() {
            Ok(policy) if f64::from(policy.fixed_instances()) > MAX_INSTANCES => {
                faults.want(false, || format!("policies[{index}]"), "at most 100000 instances");
            }
            Ok(policy) => policies.push(policy),
            Err(error) => faults.want(false, || format!("policies[{index}]"), &error.to_string()),
        }
    }
    faults.want(body.triggers.len() <= MAX_POLICIES, || "triggers".to_owned(), "at most 20 triggers");
    let mut triggers = Vec::with_capacity(body.triggers.len());
    for (index, text) in body.triggers.iter().enumerate() {
        match text.parse::<Trigger>() {
            Ok(trigger) => triggers.push(trigger),
            Err(error) => faults.want(false, || format!("triggers[{index}]"), &error.to_string()),
        }
    }
    let throughput = body.unit_throughput;
    let target = body.target_utilization.unwrap_or(0.7);
    let lead_time_seconds = body.lead_time_seconds.unwrap_or(600);
    faults.want(throughput.is_none_or(|unit| unit > 0.0), || "unit_throughput".to_owned(), "above 0");
    faults.want(target > 0.0 && target <= 1.0, || "target_utilization".to_owned(), "above 0, at most 1");
    faults.want(lead_time_seconds <= MAX_LEAD_SECONDS, || "lead_time_seconds".to_owned(), LEAD);
    check_events(&body.events, &mut faults);
    let demand = series(body.demand, "demand", 0, &mut faults);
    let replayed: f64 = demand.iter().map(|series| days(series, series.len())).sum();
    faults.want(replayed <= MAX_DAYS, || "demand".to_owned(), "at most 2000 days, over all series");
    let largest = body.events.iter().map(Event::high).fold(1.0, f64::max);
    check_instances(&demand, throughput.unwrap_or(f64::INFINITY) * target / largest, "demand", &mut faults);
    faults.none()?;
    let input = AutoscalingInput {
        policies,
        unit_throughput: throughput,
        target_utilization: target,
        lead_time_seconds,
        events: body.events,
        triggers,
    };
    let compute = move || {
        let mut answer = Autoscaling::default();
        answer.extend(demand.par_iter().map(|series| input.replay(series)).collect::<Vec<_>>());
        if answer.series.is_empty() {
            return Err(WebError::Invalid("demand", answer.warnings.join("; ")));
        }
        answer.warnings.extend(unused_events(&input.events, "events", &demand));
        Ok(answer)
    };
    app.computations.answer(compute).await
}

/// Days that this many steps of a series last; a step without a clock is an hour.
fn days(series: &Series, steps: usize) -> f64 {
    let seconds = match series.grid.frequency {
        Frequency::Steps(_) => 3600.0,
        frequency => frequency.mean_seconds().unwrap_or(3600.0),
    };
    seconds * steps as f64 / 86_400.0
}

fn check_instances(series: &[Series], usable_throughput: f64, table: &str, faults: &mut Faults) {
    for (index, series) in series.iter().enumerate() {
        let largest = series.values.iter().flatten().copied().fold(0.0, f64::max);
        let place = || format!("{table}[{index}].y");
        faults.want(largest / usable_throughput <= MAX_INSTANCES, place, "what 100000 instances can serve");
    }
}
