//! What every handler needs: the database, the settings, the clock, and the hooks into the service.

use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::OrganizationId;
use governor::clock::MonotonicClock;
use store::PgPool;

use crate::api::{Computations, RateLimit};
use crate::responses::Responses;
use crate::sign_in_limit::SignInLimit;

/// Settings of the pages; none of them is secret.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where people reach the pages, without a trailing slash (`https://headroom.example.com`).
    pub public_url: String,
    /// The organization whose data this process shows to people who sign in with a password.
    pub organization: OrganizationId,
    /// Whether cookies carry `Secure`; true whenever `public_url` starts with `https`.
    pub secure_cookies: bool,
    /// Requests that one token or user may make of the JSON API in a minute.
    pub api_requests_per_minute: NonZeroU32,
    /// Whether pages say that the company is made up, and the sign-in page offers the demo account.
    pub demo: Option<DemoAccount>,
}

/// The account that the demo prints and the sign-in page offers.
#[derive(Debug, Clone)]
pub struct DemoAccount {
    /// Mail address.
    pub email: String,
    /// Password, in clear: it protects made-up data on a loopback address.
    pub password: String,
}

/// A group of instances and the demand that drives it, as configured.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Name of its capacity plan (`CapacityPlan::unique_id`).
    pub name: String,
    /// Name of its demand forecast (`<metric>/<resource id>`).
    pub demand: String,
    /// What drives that demand, from one with a history of its own on; empty where it has that itself.
    pub drivers: Vec<capacity::DrivenBy>,
    /// The wall clock that the demand follows; empty: UTC.
    pub utc_offsets: Vec<forecast::UtcOffset>,
    /// What it is planned for.
    pub settings: capacity::SettingsInput,
    /// Where its unit throughput comes from, in a sentence; nothing where it was typed in.
    pub basis: Option<String>,
    /// Its group in the inventory, whose machines tell what one of them carries.
    pub group: Option<String>,
    /// Whether they tell what it is planned for, in place of the unit throughput in `settings`.
    pub by_history: bool,
    /// What measures its backlog, in place of the one in `settings`.
    pub queue: Option<Queue>,
    /// What has to be asked for in time.
    pub lead_times: Vec<capacity::LeadTime>,
}

/// A queue whose messages wait for workers.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    /// What measures how many wait: `queue_length/<resource id>`.
    pub series: String,
    /// From the beginning of a plan until they are to be gone, in seconds.
    pub drain_seconds: u32,
}

/// What a hook of the service answers: a sentence for the page, or why it failed.
pub type HookAnswer = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

/// Sends one report schedule now, to the address of whoever asked: `(organization, schedule id, address)`.
pub type SendReport = Arc<dyn Fn(OrganizationId, i64, String) -> HookAnswer + Send + Sync>;

/// Everything the router is made from.
#[derive(Clone)]
pub struct AppState {
    /// Connections to the database.
    pub pool: PgPool,
    /// Settings.
    pub settings: Settings,
    /// The clock of the service; the demo may stand still.
    pub clock: fn() -> DateTime<Utc>,
    /// Configured workloads: what-if and exports of the capacity pages need their settings.
    pub workloads: Vec<Workload>,
    /// Thresholds by which bodies of resources are sized.
    pub policy: optimize::Policy,
    /// Sends a report as a test; `None` when this process has no mail.
    pub send_report: Option<SendReport>,
    /// Operational figures of the rest of the process, as Prometheus text; appended to `/metrics`.
    pub process_metrics: Option<fn() -> String>,
}

/// The state that handlers see.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) state: Arc<AppState>,
    pub(crate) sign_in_limit: Arc<SignInLimit>,
    pub(crate) responses: Arc<Responses>,
    pub(crate) rate_limit: Arc<RateLimit>,
    pub(crate) computations: Computations,
}

impl App {
    /// Wraps the state of one router.
    pub(crate) fn new(state: AppState) -> Self {
        let rate_limit = RateLimit::new(state.settings.api_requests_per_minute, MonotonicClock);
        Self {
            state: Arc::new(state),
            sign_in_limit: Arc::default(),
            responses: Arc::default(),
            rate_limit: Arc::new(rate_limit),
            computations: Computations::default(),
        }
    }

    /// Now, by the clock of the service.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        (self.state.clock)()
    }

    /// Connections to the database.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.state.pool
    }
}
