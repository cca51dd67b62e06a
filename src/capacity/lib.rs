//! Capacity: from a demand forecast and planned events to instances, schedules, dates and compared policies.
//!
//! The road of one workload: [`apply`] scenarios → [`plan`] → [`export`] of the schedule, and [`simulate`] of
//! the plan against other policies.

mod adviser;
mod autoscaling;
mod backlog;
mod calendar;
mod compare;
mod driver;
pub mod export;
mod fan;
mod follow;
mod foresight;
mod group;
#[cfg(test)]
mod kinds;
mod latency;
mod learn_driver;
mod load_test;
mod normal;
mod order_by;
mod outcome;
mod outlook;
mod output;
mod past_event;
mod plan;
mod policy;
mod policy_name;
mod regression;
mod replay;
mod requirement;
mod review;
mod runbook;
mod scenario;
mod schedule;
mod settings;
mod simulate;
mod staffing;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod theory;
mod throughput;
mod trigger;

pub use adviser::{Advice, Candidate, Goal, ScheduleTried, advise, futures};
pub use autoscaling::{Autoscaling, AutoscalingInput, AutoscalingReplay};
pub use backlog::Backlog;
pub use calendar::{Country, DayRule, DaySet, Recurrence, occurrences, shopping_days};
pub use compare::{COMPARED_AT, EventOutcome, compare, compare_event, plan_compared};
pub use driver::{Driver, DriverSource, Term, carry_through, unit_cost};
pub use fan::{path, quantile_path};
pub use follow::{learn_daily, measured_mean};
pub use foresight::foresight;
pub use latency::erlang_c;
pub use learn_driver::{DrivenBy, NoDriver, learn_chain, learn_driver};
pub use load_test::{LoadTest, LoadTestError, read_jmeter, read_k6};
pub use order_by::{Exhaustion, LeadTime, Order, exhaustion, orders, quota_exhaustion};
pub use outcome::{Minute, Run};
pub use outlook::{NamedScenario, Outlook, OutlookCommitment, outlooks};
pub use output::{PlanRow, PlanSummary, Summary, Totals, summary, to_rows};
pub use past_event::{NothingLearned, PastEvent, learn_event};
pub use plan::{plan, rounded, row_hours};
pub use policy::{Policy, Reaction, Rule, Signal};
pub use policy_name::{PolicyName, UnknownPolicy};
pub use replay::{Replay, ReplayError, ReplaySettings, decide, replay, replay_runs};
pub use requirement::{instances, instances_for_reliability};
pub use review::{Review, ReviewRow, review};
pub use runbook::{RunbookStep, runbook};
pub use scenario::{Scenario, Shape, apply};
pub use schedule::{changes, smooth};
pub use settings::{Settings, SettingsError, SettingsInput, Survive};
pub use simulate::{Simulation, simulate};
pub use staffing::{
    Staffing, StaffingRow, instances_for_latency, square_root_staffing, staffing, staffing_table,
};
pub use throughput::{
    GroupUse, NoThroughput, Stage, UnitThroughput, group_of, throughput_from_history,
    throughput_from_load_test, throughput_of_group,
};
pub use trigger::{Trigger, TriggerReport, UnknownTrigger, Watched, test_trigger};
