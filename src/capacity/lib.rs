//! Capacity: from a demand forecast and planned events to instances, schedules, dates and compared policies.
//!
//! The road of one workload: [`apply`] scenarios → [`plan`] → [`export`] of the schedule, and [`simulate`] of
//! the plan against other policies.

mod adviser;
mod compare;
pub mod export;
mod fan;
mod group;
mod latency;
mod normal;
mod outcome;
mod output;
mod plan;
mod policy;
mod policy_name;
mod replay;
mod requirement;
mod scenario;
mod schedule;
mod settings;
mod simulate;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod theory;
mod trigger;

pub use adviser::{Advice, Candidate, Goal, advise};
pub use compare::{EventOutcome, compare, compare_event};
pub use fan::{path, quantile_path};
pub use latency::erlang_c;
pub use outcome::{Minute, Run};
pub use output::{PlanRow, PlanSummary, Summary, Totals, summary, to_rows};
pub use plan::{plan, row_hours};
pub use policy::{Policy, Reaction, Rule, Signal};
pub use policy_name::{PolicyName, UnknownPolicy};
pub use replay::{Replay, ReplayError, ReplaySettings, decide, replay};
pub use requirement::instances;
pub use scenario::{Scenario, Shape, apply};
pub use schedule::{changes, smooth};
pub use settings::{Settings, SettingsError, SettingsInput, Survive};
pub use simulate::{Simulation, simulate};
pub use trigger::{Trigger, TriggerReport, UnknownTrigger, Watched, test_trigger};
