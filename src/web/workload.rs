//! A configured workload with what is known of its demand today: planned again whenever somebody asks.

use capacity::export::Format;
use capacity::{
    Advice, COMPARED_AT, Driver, Goal, GroupUse, NamedScenario, Order, Outlook, PolicyName, ReplaySettings,
    Review, RunbookStep, Scenario, ScheduleTried, Simulation, Trigger, TriggerReport, UnitThroughput,
};
use chrono::{DateTime, Utc};
use domain::{CapacityPlan, Event, Forecast, MetricName, OrganizationId, Period, Series, Stamp};
use serde::Serialize;
use store::PgConnection;
use store::event::StoredEvent;
use utoipa::ToSchema;

use crate::error::WebError;
use crate::state::{App, Queue, Workload};

/// The first two columns of a comparison.
const AS_RUN: &str = "As the run planned";
pub(crate) const TODAY: &str = "With today’s events";
/// Most instances that are simulated.
const MAX_INSTANCES: f64 = 100_000.0;
/// Steps of history that triggers are tested on, after as many from which the first day is planned: five weeks.
const TRIGGER_STEPS: usize = 35 * 24;
/// Steps of demand before an event at which its review forecasts it again.
const REVIEW_LEAD_STEPS: usize = 24;
/// Days of history that tell what an instance carries.
const HISTORY_DAYS: i64 = 365;
/// Fewest steps of history that a review forecasts from.
const REVIEW_LEAST_STEPS: usize = 14 * 24;

/// The workload of this name.
pub(crate) fn configured<'a>(app: &'a App, name: &str) -> Result<&'a Workload, WebError> {
    let found = app.state.workloads.iter().find(|workload| workload.name == name);
    found.ok_or_else(|| WebError::NotFound(format!("The workload “{name}” is not configured here.")))
}

/// How a trigger did on one stretch of demand.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct TriggerTest {
    /// Which demand: the past, today's events, or a saved scenario.
    pub(crate) demand: String,
    /// How it did; none where it could not be tested.
    pub(crate) report: Option<TriggerReport>,
    /// Why it could not be tested.
    pub(crate) reason: Option<String>,
}

/// A workload and its demand, with today's events.
pub(crate) struct Known {
    workload: Workload,
    settings: capacity::Settings,
    history: Series,
    pub(crate) events: Vec<StoredEvent>,
    /// Demand ahead as the run forecast it.
    stored: Forecast,
    /// What drives demand, as learned today; empty where it has a history of its own.
    pub(crate) drivers: Vec<Driver>,
    /// Why what is configured as driver does not drive it.
    pub(crate) undriven: Option<String>,
    /// The demand at the head of its drivers, with today's events in place of those that the run knew.
    head: Forecast,
    /// Demand ahead with today's events.
    demand: Forecast,
    pub(crate) as_of: DateTime<Utc>,
}

impl Workload {
    /// Whether its demand is what is stored, forecast by the day and without events: they bring requests, not bytes.
    pub(crate) fn is_stored(&self) -> bool {
        let metric = self.demand.split('/').next();
        self.drivers.is_empty() && metric == Some(MetricName::StorageUsed.as_str())
    }
}

impl Known {
    /// Reads the history that the latest run saw, and forecasts it with the events of today.
    pub(crate) async fn read(
        conn: &mut PgConnection,
        org: OrganizationId,
        workload: &Workload,
    ) -> Result<Self, WebError> {
        let workload = &learned(conn, org, workload).await?;
        let missing = || WebError::NotFound(format!("There is no forecast “{}”.", workload.demand));
        let stored = store::forecast::latest(conn, org, &workload.demand).await?.ok_or_else(missing)?;
        let read = if workload.is_stored() {
            store::metric::stored(conn, org, stored.as_of, Some(&workload.demand)).await?.pop()
        } else {
            store::metric::history(conn, org, stored.as_of, &workload.demand).await?
        };
        let history = read.ok_or_else(missing)?;
        let mut histories = vec![history.clone()];
        for by in &workload.drivers {
            histories.extend(store::metric::history(conn, org, stored.as_of, &by.demand).await?);
        }
        let events = store::event::list(conn, org).await?;
        let settings = check(workload.settings.clone())?;
        let mut request = forecast::Request::new(stored.forecast.mean.len());
        request.levels.clone_from(&stored.forecast.levels);
        request.lower_bound = Some(0.0);
        if !workload.is_stored() {
            request.events = events.iter().map(|stored| stored.event.clone()).collect();
            request.utc_offsets.clone_from(&workload.utc_offsets);
        }
        let chain = workload.drivers.clone();
        let (head, drivers, undriven) = off_thread(move || {
            let (drivers, undriven) = match capacity::learn_chain(&chain, &histories) {
                Ok(drivers) => (drivers, None),
                Err(reason) => (vec![], Some(reason.to_string())),
            };
            // Without a driver, demand is the first of the histories.
            let head = chain.first().filter(|_| undriven.is_none()).map(|by| by.demand.as_str());
            let head = histories.iter().find(|history| Some(history.unique_id.as_str()) == head);
            (forecast::forecast(head.unwrap_or(&histories[0]), &request), drivers, undriven)
        })
        .await?;
        let demand = settings.work(capacity::carry_through(&drivers, head.clone()));
        let (as_of, stored) = (stored.as_of, settings.work(stored.forecast));
        let workload = workload.clone();
        Ok(Self { workload, settings, history, events, stored, drivers, undriven, head, demand, as_of })
    }

    /// Demand ahead with today's events and `scenarios`: they change the head, and are carried from there.
    fn under(&self, scenarios: &[Scenario]) -> Forecast {
        self.settings.work(capacity::carry_through(&self.drivers, capacity::apply(&self.head, scenarios)))
    }

    /// The same, for an event that has to be about this demand.
    pub(crate) async fn about(
        conn: &mut PgConnection,
        org: OrganizationId,
        workload: &Workload,
        event: i64,
    ) -> Result<(Self, Event), WebError> {
        let event = store::event::get(conn, org, event).await?.event;
        if !concerns(&event, workload) {
            let (event, name) = (event.name, &workload.name);
            return Err(WebError::NotFound(format!("“{event}” is not about the demand of “{name}”.")));
        }
        Ok((Self::read(conn, org, workload).await?, event))
    }

    /// The plan with today's events and `scenarios`, policies compared; `settings` in place of the configured ones.
    pub(crate) async fn plan(
        &self,
        scenarios: Vec<Scenario>,
        settings: Option<capacity::Settings>,
    ) -> Result<CapacityPlan, WebError> {
        let settings = settings.unwrap_or_else(|| self.settings.clone());
        let (demand, name) = (self.under(&scenarios), self.workload.name.clone());
        check_size(&demand, &settings)?;
        off_thread(move || {
            let mut plan = capacity::plan_compared(&demand, &settings);
            plan.unique_id = name;
            plan
        })
        .await
    }

    /// What the run planned, what today's events make of it, and on top of these each of the saved scenarios; budgets
    /// are compared with the run's.
    pub(crate) async fn outlooks(&self, saved: Vec<NamedScenario>) -> Result<Vec<Outlook>, WebError> {
        let (stored, settings) = (self.stored.clone(), self.settings.clone());
        let (head, drivers) = (self.head.clone(), self.drivers.clone());
        off_thread(move || {
            let named = |name: &str| NamedScenario { name: name.to_owned(), scenarios: Vec::new() };
            let mut outlooks = capacity::outlooks(|_| stored.clone(), &[named(AS_RUN)], &settings);
            let today: Vec<NamedScenario> = std::iter::once(named(TODAY)).chain(saved).collect();
            let under = |changes: &[Scenario]| {
                settings.work(capacity::carry_through(&drivers, capacity::apply(&head, changes)))
            };
            outlooks.extend(capacity::outlooks(under, &today, &settings));
            let planned = outlooks[0].cost;
            let committed = outlooks[0].commitment.as_ref().map(|commitment| commitment.cost);
            for outlook in &mut outlooks {
                outlook.budget_change = outlook.cost.zip(planned).map(|(cost, planned)| cost - planned);
                if let Some((own, planned)) = outlook.commitment.as_mut().zip(committed) {
                    own.budget_change = own.cost - planned;
                }
            }
            outlooks
        })
        .await
    }

    /// How `trigger` would have done while the group followed `policy`: over the last weeks, as they would have
    /// been planned, and over what is ahead, with today's events and with each of the saved scenarios.
    pub(crate) async fn test_trigger(
        &self,
        trigger: Trigger,
        policy: PolicyName,
        saved: Vec<NamedScenario>,
    ) -> Result<Vec<TriggerTest>, WebError> {
        let kind = self.workload.settings.kind;
        if let Some(why) = kind.unscaled() {
            let demand = self.history.unique_id.clone();
            return Ok(vec![TriggerTest { demand, report: None, reason: Some(why.to_owned()) }]);
        }
        if f64::from(policy.fixed_instances()) > MAX_INSTANCES {
            let much = format!("A group has at most {MAX_INSTANCES} {} here.", kind.unit());
            return Err(WebError::Invalid("policy", much));
        }
        let today = NamedScenario { name: TODAY.to_owned(), scenarios: Vec::new() };
        let mut ahead = Vec::with_capacity(saved.len() + 1);
        for named in std::iter::once(today).chain(saved) {
            let demand = self.under(&named.scenarios);
            check_size(&demand, &self.settings)?;
            ahead.push((named.name, demand));
        }
        let first = self.history.len().saturating_sub(2 * TRIGGER_STEPS);
        let past = Series {
            unique_id: self.history.unique_id.clone(),
            grid: self.history.grid.advance(first),
            values: self.history.values[first..].to_vec(),
        };
        let (settings, simulation) = (self.settings.clone(), Simulation::of(&self.settings));
        let events = self.events.iter().map(|stored| stored.event.clone()).collect();
        off_thread(move || {
            let lead_minutes = simulation.boot_minutes as usize;
            let replayed = ReplaySettings { settings, simulation, events, warm_up: None };
            let past = capacity::replay_runs(&past, std::slice::from_ref(&policy), &replayed);
            let weeks = TRIGGER_STEPS / (7 * 24);
            let (report, reason) = match past.as_ref().map(|runs| runs.first()) {
                Ok(run) => (run.map(|run| capacity::test_trigger(&trigger, run, lead_minutes)), None),
                Err(error) => (None, Some(error.to_string())),
            };
            let mut tests = vec![TriggerTest { demand: format!("The last {weeks} weeks"), report, reason }];
            let ReplaySettings { settings, simulation, .. } = replayed;
            for (name, demand) in ahead {
                let plan = capacity::plan(&demand, &settings);
                let path = capacity::path(&demand, COMPARED_AT);
                let runs =
                    capacity::compare(&plan, &path, std::slice::from_ref(&policy), &settings, &simulation);
                let report = runs.first().map(|run| capacity::test_trigger(&trigger, run, lead_minutes));
                tests.push(TriggerTest { demand: name, report, reason: None });
            }
            tests
        })
        .await
    }

    /// The cheapest policy that keeps `goal` on every way in which demand may turn out, with today's events and
    /// `scenarios`.
    pub(crate) async fn advise(&self, goal: Goal, scenarios: &[Scenario]) -> Result<Advice, WebError> {
        let (demand, settings) = (self.under(scenarios), self.settings.clone());
        check_size(&demand, &settings)?;
        off_thread(move || {
            let simulation = Simulation::of(&settings);
            capacity::advise(&demand, &capacity::futures(&demand), &goal, &settings, &simulation)
        })
        .await
    }

    /// A policy as a file, for demand with today's events and `scenarios`.
    pub(crate) async fn export_policy(
        &self,
        policy: PolicyName,
        tried: Option<ScheduleTried>,
        scenarios: &[Scenario],
        format: Format,
    ) -> Result<String, WebError> {
        let (demand, settings, name) =
            (self.under(scenarios), self.settings.clone(), self.workload.name.clone());
        check_size(&demand, &settings)?;
        let written = off_thread(move || {
            capacity::export::export_policy(&name, &demand, &policy, tried, format, &settings)
        });
        written
            .await?
            .map_err(|error| WebError::Invalid("export", format!("This cannot be written: {error}.")))
    }

    /// The plan with today's events alone, no policy compared: what dates and steps need.
    async fn schedule(&self) -> Result<CapacityPlan, WebError> {
        let (demand, settings) = (self.demand.clone(), self.settings.clone());
        off_thread(move || capacity::plan(&demand, &settings)).await
    }

    /// What has to be ordered with today's events, most urgent first.
    pub(crate) async fn orders_today(&self) -> Result<Vec<Order>, WebError> {
        Ok(self.orders(&self.schedule().await?))
    }

    /// What has to be ordered for a plan, most urgent first.
    pub(crate) fn orders(&self, plan: &CapacityPlan) -> Vec<Order> {
        capacity::orders(plan, &self.workload.lead_times, Stamp::Time(self.as_of))
    }

    /// End of the forecast.
    pub(crate) fn ends_at(&self) -> Stamp {
        self.demand.grid.stamp(self.demand.mean.len())
    }

    /// What to do for an event, step by step, with the numbers of today's plan.
    pub(crate) async fn runbook(&self, event: &Event) -> Result<Vec<RunbookStep>, WebError> {
        let plan = self.schedule().await?;
        Ok(capacity::runbook(&plan, event, &self.orders(&plan), &self.settings))
    }

    /// How an event that is over went: the plan that would have been made the day before it, and what came.
    ///
    /// The plan sees nothing after its day but the announcement.
    pub(crate) async fn review(&self, event: &Event) -> Result<Review, WebError> {
        let steps =
            |until: Stamp| (0..=self.history.len()).find(|step| self.history.grid.stamp(*step) >= until);
        let measured = steps(event.starts_at).zip(steps(event.ends_at));
        let planned = measured.map(|(start, end)| (start.saturating_sub(REVIEW_LEAD_STEPS), end));
        let Some((origin, end)) = planned.filter(|(origin, _)| *origin >= REVIEW_LEAST_STEPS) else {
            let wanted =
                "can be reviewed once its whole time was measured, with two weeks of history before it";
            return Err(WebError::NotFound(format!("“{}” {wanted}.", event.name)));
        };
        let mut known = self.history.clone();
        known.values.truncate(origin);
        let mut request = forecast::Request::new(end - origin);
        request.levels = self.settings.forecast_levels();
        request.lower_bound = Some(0.0);
        request.events = self.events.iter().map(|stored| stored.event.clone()).collect();
        request.utc_offsets.clone_from(&self.workload.utc_offsets);
        let (event, history, settings) = (event.clone(), self.history.clone(), self.settings.clone());
        off_thread(move || {
            let plan = capacity::plan(&forecast::forecast(&known, &request), &settings);
            capacity::review(&plan, &event, &history, &settings)
        })
        .await
    }
}

/// The workload as it is planned: by what history says of an instance where it is configured so.
///
/// # Errors
/// History that does not tell.
pub(crate) async fn learned(
    conn: &mut PgConnection,
    org: OrganizationId,
    workload: &Workload,
) -> Result<Workload, WebError> {
    let mut learned = workload.clone();
    if let Some(group) = workload.group.as_deref().filter(|_| workload.by_history) {
        let found = from_history(conn, org, workload, group).await?;
        let throughput = found.throughput.as_ref().ok_or_else(|| WebError::NotFound(found.basis.clone()))?;
        learned.settings.unit_throughput = throughput.unit_throughput;
        learned.basis = Some(found.sentence());
    }
    if let Some(queue) = &workload.queue
        && let Some(run) = store::run::latest(conn, org).await?
    {
        learned.settings.backlog = waiting(conn, org, queue, run.as_of).await?.backlog;
    }
    Ok(learned)
}

/// What waits for workers as it was last measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// None where nothing waited, or nothing was measured.
    pub backlog: Option<capacity::Backlog>,
    /// What was measured when, in a sentence.
    pub sentence: String,
}

/// What waited in a queue when it was last measured, in the day before `as_of`.
///
/// # Errors
/// Only those of the database.
pub async fn waiting(
    conn: &mut PgConnection,
    org: OrganizationId,
    queue: &Queue,
    as_of: DateTime<Utc>,
) -> Result<Waiting, store::StoreError> {
    let Queue { series, drain_seconds } = queue;
    let measured = store::metric::latest(conn, org, as_of, series).await?;
    let sentence = match measured {
        Some((hour, messages)) => format!(
            "By {series}, {messages:.0} messages waited in the hour from {} UTC on.",
            hour.format("%Y-%m-%d %H:%M")
        ),
        None => format!("Of {series}, nothing was measured in the last day: no backlog is counted."),
    };
    let backlog = measured.map(|(_, messages)| messages).filter(|messages| *messages > 0.0);
    let backlog = backlog.map(|messages| capacity::Backlog { messages, drain_seconds: *drain_seconds });
    Ok(Waiting { backlog, sentence })
}

/// What history says of an instance, and of which machines.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FromHistory {
    /// The group of the inventory.
    pub group: String,
    /// What one of its machines carries; none where history does not tell.
    pub throughput: Option<UnitThroughput>,
    /// Where that comes from, or why it cannot be told.
    pub basis: String,
}

impl FromHistory {
    /// What was found, with its fit and what to be careful about.
    pub fn sentence(&self) -> String {
        let Some(found) = &self.throughput else { return self.basis.clone() };
        let fit = found.r_squared.map_or_else(String::new, |fit| {
            format!(" The line explains {:.0} % of what {} hours show.", 100.0 * fit, found.points)
        });
        let warning = found.warning.as_ref().map_or_else(String::new, |said| format!(" Careful: {said}."));
        let group = &self.group;
        format!("By the history of the group “{group}”, {}.{fit}{warning}", found.reason)
    }
}

/// What one machine of a group carries by a year before the latest run.
pub(crate) async fn from_history(
    conn: &mut PgConnection,
    org: OrganizationId,
    workload: &Workload,
    group: &str,
) -> Result<FromHistory, WebError> {
    if let Some(why) = workload.settings.kind.unscaled() {
        return Err(WebError::NotFound(why.to_owned()));
    }
    let missing = || WebError::NotFound(format!("There is no history of {} yet.", workload.demand));
    let run = store::run::latest(conn, org).await?.ok_or_else(missing)?;
    let demand = store::metric::history(conn, org, run.as_of, &workload.demand).await?.ok_or_else(missing)?;
    Ok(throughput_of(conn, org, &demand, group, run.as_of).await?)
}

/// What one machine of a group carries: measured `demand` against the utilization of the group, over a year before
/// `as_of`.
///
/// # Errors
/// Only those of the database: what history does not tell is a part of the answer.
pub async fn throughput_of(
    conn: &mut PgConnection,
    org: OrganizationId,
    demand: &Series,
    group: &str,
    as_of: DateTime<Utc>,
) -> Result<FromHistory, store::StoreError> {
    let none = |why: String| FromHistory { group: group.to_owned(), throughput: None, basis: why };
    let hours =
        store::capacity::group_hours(conn, org, group, Period::days_before(as_of, HISTORY_DAYS)).await?;
    let Some(first) = hours.first() else {
        return Ok(none(format!(
            "No machine of a group “{group}” is in the inventory with its CPU measured."
        )));
    };
    let used: Vec<GroupUse> = hours
        .iter()
        .map(|hour| GroupUse {
            at: Stamp::Time(hour.hour),
            machines: hour.machines,
            utilization: hour.cpu / 100.0,
        })
        .collect();
    let source = format!(
        "{} shared by the machines of “{group}” against their CPU, {} hours from {} on, the machines counted by \
         instance-hours",
        demand.unique_id,
        hours.len(),
        crate::show::day(first.hour)
    );
    Ok(match capacity::throughput_of_group(demand, &used) {
        Ok(throughput) => {
            FromHistory { group: group.to_owned(), throughput: Some(throughput), basis: format!("{source}.") }
        }
        Err(reason) => none(format!("{source}: {reason}.")),
    })
}

/// Refuses demand of a size that is not simulated.
fn check_size(demand: &Forecast, settings: &capacity::Settings) -> Result<(), WebError> {
    let kind = settings.values().kind;
    if kind.unscaled().is_some() {
        return Ok(());
    }
    let highest = capacity::quantile_path(demand, settings.level()).into_iter().fold(0.0, f64::max);
    if highest / settings.usable_throughput() > MAX_INSTANCES {
        let much =
            format!("More than {MAX_INSTANCES} {} would be needed: that is not simulated.", kind.unit());
        return Err(WebError::Invalid("value", much));
    }
    Ok(())
}

/// Demands that an event can be about.
pub(crate) fn event_demands(app: &App) -> Vec<String> {
    let rates = app.state.workloads.iter().filter(|workload| !workload.is_stored());
    rates.map(|workload| workload.demand.clone()).collect()
}

/// Whether an event is about the demand of a workload.
pub(crate) fn concerns(event: &Event, workload: &Workload) -> bool {
    let drives = |concerned: &str| workload.drivers.iter().any(|by| by.demand == concerned);
    !workload.is_stored()
        && event
            .unique_id
            .as_deref()
            .is_none_or(|concerned| concerned == workload.demand || drives(concerned))
}

/// The settings, or what is wrong with them.
pub(crate) fn check(settings: capacity::SettingsInput) -> Result<capacity::Settings, WebError> {
    settings.check().map_err(|error| WebError::Invalid("settings", error.to_string()))
}

/// Computes beside the threads that serve.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, WebError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a capacity plan could not be computed");
        WebError::Internal
    })
}
