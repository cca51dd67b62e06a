//! `POST /api/v1/throughput:compute`: what one instance carries by a load test, and the latency of groups of them.

use axum::extract::State;
use capacity::{LoadTest, SettingsInput, Simulation, StaffingRow, UnitThroughput, staffing_table};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rows::Faults;
use crate::api::answer::Answer;
use crate::api::request::Body;
use crate::error::WebError;
use crate::session::Caller;
use crate::state::App;

/// Largest demand; more is a mistake.
const MAX_DEMAND: f64 = 1e9;
/// Instances that a table goes up to.
const MAX_INSTANCES: f64 = 100_000.0;

/// The result of a load test, and what was promised.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ThroughputBody {
    /// The file as text: summary of k6 (JSON), or result or report table of JMeter (CSV).
    #[schema(min_length = 1)]
    load_test: String,
    /// Instances that answered it; 1 when absent.
    #[schema(minimum = 1)]
    instances: Option<u32>,
    /// 95th percentile of latency that had to be kept, in milliseconds; 200 when absent.
    #[schema(exclusive_minimum = 0)]
    latency_p95_ms: Option<f64>,
    /// Share of failed requests that was accepted; 0.01 when absent.
    #[schema(minimum = 0, maximum = 1)]
    error_share: Option<f64>,
    /// Demand a second that groups are compared at; no table when absent.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    demand: Option<f64>,
    /// Share of an instance to be used; 0.7 when absent.
    #[schema(exclusive_minimum = 0, maximum = 1)]
    target_utilization: Option<f64>,
}

/// What one instance carries, and how groups of them answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Throughput {
    /// From the load test.
    throughput: UnitThroughput,
    /// Groups of several sizes at the demand (M/M/c); empty without one.
    staffing: Vec<StaffingRow>,
}

/// Learns what one instance carries from a load test, and shows the latency model behind it.
#[utoipa::path(
    post,
    operation_id = "compute_throughput",
    path = "/throughput:compute",
    tag = "capacity",
    request_body = ThroughputBody,
    responses((status = 200, body = Throughput)),
)]
pub(crate) async fn compute(State(app): State<App>, _: Caller, Body(body): Body<ThroughputBody>) -> Answer {
    let usual = LoadTest::default();
    let test = LoadTest {
        instances: body.instances.unwrap_or(usual.instances),
        latency_p95_ms: body.latency_p95_ms.unwrap_or(usual.latency_p95_ms),
        error_share: body.error_share.unwrap_or(usual.error_share),
    };
    let mut faults = Faults::default();
    faults.want(test.instances >= 1, || "instances".to_owned(), "1 or more");
    faults.want(test.latency_p95_ms > 0.0, || "latency_p95_ms".to_owned(), "above 0");
    faults.want((0.0..=1.0).contains(&test.error_share), || "error_share".to_owned(), "0 to 1");
    let fits = body.demand.is_none_or(|demand| (0.0..=MAX_DEMAND).contains(&demand));
    faults.want(fits, || "demand".to_owned(), "0 to 1e9");
    faults.none()?;
    let invalid = |field, what: String| WebError::Invalid(field, what);
    let throughput =
        test.throughput(&body.load_test).map_err(|error| invalid("load_test", error.to_string()))?;
    let mut input = SettingsInput::new(throughput.unit_throughput);
    input.target_utilization = body.target_utilization.unwrap_or(input.target_utilization);
    let settings = input.check().map_err(|error| invalid("target_utilization", error.to_string()))?;
    let largest = body.demand.unwrap_or(0.0) / settings.usable_throughput();
    if largest > MAX_INSTANCES {
        return Err(invalid("demand", "must be what 100000 instances can serve".to_owned()).into());
    }
    let compute = move || {
        let service_ms = Simulation::of(&settings).service_ms;
        let table = |demand| staffing_table(demand, test.latency_p95_ms, service_ms, &settings);
        Ok(Throughput { throughput, staffing: body.demand.map(table).unwrap_or_default() })
    };
    app.computations.answer(compute).await
}
