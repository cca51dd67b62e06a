//! `GET /api/v1/capacity`: capacity plans of the latest run, and what today's events and scenarios make of them.

use axum::extract::State;
use capacity::export::Format;
use capacity::{Advice, Driver, Goal, Order, Outlook, Review, RunbookStep};
use domain::CapacityPlan;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::answer::{Answer, Page, Reading};
use crate::api::request::{Paging, Path, Query};
use crate::error::WebError;
use crate::exhaustion::{self, Filling};
use crate::pages::policies::{check_goal, parse_policy, parse_trigger};
use crate::pages::scenarios::{self, Chosen};
use crate::state::App;
use crate::workload::{FromHistory, Known, TriggerTest, configured, from_history};

/// Capacity plans: requirement and schedule by step, policies compared, quota dates.
#[utoipa::path(
    get,
    path = "/capacity",
    tag = "capacity",
    params(Paging),
    responses((status = 200, body = Page<CapacityPlan>)),
)]
pub(crate) async fn list(mut read: Reading, paging: Paging) -> Answer {
    let all = plans(&mut read).await?;
    read.page(all, &paging, |plan| plan.unique_id.clone())
}

/// The capacity plan of one workload.
#[utoipa::path(
    get,
    path = "/capacity/{workload}",
    tag = "capacity",
    params(("workload" = String, Path, description = "Name of the workload")),
    responses((status = 200, body = CapacityPlan)),
)]
pub(crate) async fn one(mut read: Reading, Path(workload): Path<String>) -> Answer {
    let found = plans(&mut read).await?.into_iter().find(|plan| plan.unique_id == workload);
    read.found(found, format!("There is no capacity plan of “{workload}”."))
}

/// What today's events and the saved scenarios make of a workload.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Outlooks {
    /// As the run planned, with today's events, and with each saved scenario on top of them; budgets are compared with
    /// the first.
    outlooks: Vec<Outlook>,
    /// What has to be ordered for today's events, most urgent first.
    orders: Vec<Order>,
}

/// A workload planned again with today's events, and under each saved scenario.
#[utoipa::path(
    get,
    path = "/capacity/{workload}/outlooks",
    tag = "capacity",
    params(("workload" = String, Path, description = "Name of the workload")),
    responses((status = 200, body = Outlooks)),
)]
pub(crate) async fn outlooks(
    State(app): State<App>,
    mut read: Reading,
    Path(workload): Path<String>,
) -> Answer {
    let org = read.org;
    let known = Known::read(&mut read.conn, org, configured(&app, &workload)?).await?;
    let saved = scenarios::list(&mut read.conn, org).await?.into_iter().map(|(_, named)| named);
    let orders = known.orders_today().await?;
    let outlooks = known.outlooks(saved.collect()).await?;
    read.answer(&Outlooks { outlooks, orders })
}

/// Which trigger, and what the group does meanwhile.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TriggerQuery {
    /// `CPU > 70 %`, `requests > 1000/s` or `queue > 500 for 5 min`; `CPU > 70 %` when absent.
    trigger: Option<String>,
    /// Policy that the group follows: planned, reactive-N, static-N, …; planned when absent.
    policy: Option<String>,
}

/// A trigger tested on the last weeks, on today's events and on each saved scenario: shortages that it would have
/// announced in time, and false alarms.
#[utoipa::path(
    get,
    path = "/capacity/{workload}/triggers",
    tag = "capacity",
    params(("workload" = String, Path, description = "Name of the workload"), TriggerQuery),
    responses((status = 200, body = Vec<TriggerTest>)),
)]
pub(crate) async fn triggers(
    State(app): State<App>,
    mut read: Reading,
    Path(workload): Path<String>,
    Query(asked): Query<TriggerQuery>,
) -> Answer {
    let org = read.org;
    let workload = configured(&app, &workload)?;
    let trigger = parse_trigger(asked.trigger.as_deref().unwrap_or("CPU > 70 %"))?;
    let policy = parse_policy(asked.policy.as_deref().unwrap_or("planned"))?;
    let known = Known::read(&mut read.conn, org, workload).await?;
    let saved = scenarios::list(&mut read.conn, org).await?.into_iter().map(|(_, named)| named);
    let tests = known.test_trigger(trigger, policy, saved.collect()).await?;
    read.answer(&tests)
}

/// What the policy has to keep, and under which scenario.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AdviceQuery {
    /// 95th percentile of latency in milliseconds; 200 when absent.
    #[param(exclusive_minimum = 0)]
    latency_p95_ms: Option<f64>,
    /// Share of all requests that may stay unserved, 0 to 1; 0 when absent.
    #[param(minimum = 0, maximum = 1)]
    unserved_share: Option<f64>,
    /// Key of a saved scenario that comes on top of today's events.
    scenario: Option<i64>,
    /// Format in which the choice is written as well: terraform, aws-cli, azure-autoscale, gcp-autoscaler, k8s-hpa,
    /// keda-cron, keda-prometheus, terraform-policy or azure-cli.
    export: Option<String>,
}

/// The cheapest policy that keeps a goal with today's events, and why the cheaper ones do not.
#[utoipa::path(
    get,
    path = "/capacity/{workload}/advice",
    tag = "capacity",
    params(("workload" = String, Path, description = "Name of the workload"), AdviceQuery),
    responses((status = 200, body = WorkloadAdvice)),
)]
pub(crate) async fn advice(
    State(app): State<App>,
    mut read: Reading,
    Path(workload): Path<String>,
    Query(asked): Query<AdviceQuery>,
) -> Answer {
    let org = read.org;
    let workload = configured(&app, &workload)?;
    let usual = Goal::default();
    let goal = check_goal(Goal {
        latency_p95_ms: asked.latency_p95_ms.unwrap_or(usual.latency_p95_ms),
        unserved_share: asked.unserved_share.unwrap_or(usual.unserved_share),
    })?;
    let format = asked.export.as_deref().map(str::parse::<Format>).transpose();
    let format = format.map_err(|error| WebError::Invalid("export", format!("This is an {error}.")))?;
    let known = Known::read(&mut read.conn, org, workload).await?;
    let saved = scenarios::list(&mut read.conn, org).await?;
    let (demand, changes) = scenarios::changes(&saved, Chosen { scenario: asked.scenario })?;
    let advice = known.advise(goal, &changes).await?;
    let export = match format.zip(advice.chosen.as_ref()) {
        Some((format, chosen)) => {
            let policy = parse_policy(&chosen.policy)?;
            Some(known.export_policy(policy, chosen.schedule, &changes, format).await?)
        }
        None => None,
    };
    read.answer(&WorkloadAdvice { workload: workload.name.clone(), demand, goal, advice, export })
}

/// What is advised for a workload.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkloadAdvice {
    /// Name of the workload.
    workload: String,
    /// Which demand: with today's events alone, or under this scenario.
    demand: String,
    /// What the policy has to keep.
    goal: Goal,
    /// The choice, why, and what was tried.
    advice: Advice,
    /// The choice as a file, where a format was asked for and there is a choice.
    export: Option<String>,
}

/// What drives the demand of a workload.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Drivers {
    /// The demand series.
    demand: String,
    /// Its drivers, from a demand with a history of its own on; empty where it has that itself.
    drivers: Vec<Driver>,
    /// Why what is configured as driver does not drive it.
    reason: Option<String>,
}

/// What drives the demand of a workload, learned from what the latest run saw: slope, elasticity, lag and fit.
#[utoipa::path(
    get,
    path = "/capacity/{workload}/drivers",
    tag = "capacity",
    params(("workload" = String, Path, description = "Name of the workload")),
    responses((status = 200, body = Drivers)),
)]
pub(crate) async fn drivers(
    State(app): State<App>,
    mut read: Reading,
    Path(workload): Path<String>,
) -> Answer {
    let org = read.org;
    let workload = configured(&app, &workload)?;
    let known = Known::read(&mut read.conn, org, workload).await?;
    let (drivers, reason) = (known.drivers, known.undriven);
    read.answer(&Drivers { demand: workload.demand.clone(), drivers, reason })
}

/// Of which machines history is asked.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct GroupQuery {
    /// Group of the inventory; that of the workload when absent.
    group: Option<String>,
}

/// What one instance of a workload carries by the history that is stored: demand against the CPU of its group, as a line
/// or one with a knee.
#[utoipa::path(
    get,
    path = "/capacity/{workload}/throughput",
    tag = "capacity",
    params(("workload" = String, Path, description = "Name of the workload"), GroupQuery),
    responses((status = 200, body = FromHistory)),
)]
pub(crate) async fn throughput(
    State(app): State<App>,
    mut read: Reading,
    Path(workload): Path<String>,
    Query(asked): Query<GroupQuery>,
) -> Answer {
    let org = read.org;
    let workload = configured(&app, &workload)?;
    let why = workload.settings.kind.unscaled().unwrap_or("Name a group: the workload has none.");
    let missing = || WebError::Invalid("group", why.to_owned());
    let group = asked.group.as_deref().or(workload.group.as_deref()).ok_or_else(missing)?;
    let found = from_history(&mut read.conn, org, workload, group).await?;
    read.answer(&found)
}

/// How long it takes to get more.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LeadQuery {
    /// Days from asking for more storage until it is there; 7 when absent.
    #[param(maximum = 1000)]
    lead_days: Option<u32>,
}

/// Disks and databases of known size: when they are full (P50, and P90: one in ten), and by when to order more.
#[utoipa::path(
    get,
    path = "/exhaustion",
    tag = "capacity",
    params(LeadQuery, Paging),
    responses((status = 200, body = Page<Filling>)),
)]
pub(crate) async fn exhaustion(mut read: Reading, paging: Paging, Query(asked): Query<LeadQuery>) -> Answer {
    let org = read.org;
    let lead_days = asked.lead_days.unwrap_or(exhaustion::LEAD_DAYS);
    let all = exhaustion::list(&mut read.conn, org, lead_days).await?;
    read.page(all, &paging, |filling| filling.resource_id.clone())
}

/// What to do for an event, step by step, with the numbers of today's plan.
#[utoipa::path(
    get,
    path = "/capacity/{workload}/runbooks/{event}",
    tag = "capacity",
    params(
        ("workload" = String, Path, description = "Name of the workload"),
        ("event" = i64, Path, description = "Key of the event"),
    ),
    responses((status = 200, body = Vec<RunbookStep>)),
)]
pub(crate) async fn runbook(
    State(app): State<App>,
    mut read: Reading,
    Path((workload, event)): Path<(String, i64)>,
) -> Answer {
    let org = read.org;
    let (known, event) = Known::about(&mut read.conn, org, configured(&app, &workload)?, event).await?;
    let steps = known.runbook(&event).await?;
    read.answer(&steps)
}

/// How an event went: the plan of the day before it, and what came.
#[utoipa::path(
    get,
    path = "/capacity/{workload}/reviews/{event}",
    tag = "capacity",
    params(
        ("workload" = String, Path, description = "Name of the workload"),
        ("event" = i64, Path, description = "Key of the event"),
    ),
    responses((status = 200, body = Review)),
)]
pub(crate) async fn review(
    State(app): State<App>,
    mut read: Reading,
    Path((workload, event)): Path<(String, i64)>,
) -> Answer {
    let org = read.org;
    let (known, event) = Known::about(&mut read.conn, org, configured(&app, &workload)?, event).await?;
    let review = known.review(&event).await?;
    read.answer(&review)
}

async fn plans(read: &mut Reading) -> Result<Vec<CapacityPlan>, WebError> {
    Ok(match store::run::latest(&mut read.conn, read.org).await? {
        Some(run) => store::capacity::list(&mut read.conn, read.org, run.id).await?,
        None => vec![],
    })
}
