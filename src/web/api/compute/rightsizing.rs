//! `POST /api/v1/rightsizing:compute`: the twin of `headroom plan rightsize`.

use axum::extract::State;
use domain::{Resource, Shape, canonical_os};
use optimize::rightsize::{self, Sizing};
use optimize::{Metrics, Sample};
use serde::Deserialize;
use utoipa::ToSchema;

use super::rows::{Faults, each};
use crate::api::answer::Answer;
use crate::api::request::Body;
use crate::session::Caller;
use crate::state::App;

/// Rows of each table.
const MAX_ROWS: usize = 200_000;

/// Machines, what they did, and what there is instead.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RightsizingBody {
    /// Rows `resource_id, ds, metric, value`.
    #[schema(min_items = 1, max_items = 200_000)]
    metrics: Vec<Sample>,
    /// Rows `resource_id, provider, account, region, instance_type, os, tags`.
    #[schema(min_items = 1, max_items = 200_000)]
    inventory: Vec<Resource>,
    /// Rows `provider, region, instance_type, family, architecture, vcpu, memory_gib, …, on_demand_hourly`.
    #[schema(min_items = 1, max_items = 200_000)]
    catalog: Vec<Shape>,
}

/// The size that each machine needs, from what it did.
#[utoipa::path(
    post,
    operation_id = "compute_rightsizing",
    path = "/rightsizing:compute",
    tag = "recommendations",
    request_body = RightsizingBody,
    responses((status = 200, body = Vec<Sizing>)),
)]
pub(crate) async fn compute(
    State(app): State<App>,
    _: Caller,
    Body(mut body): Body<RightsizingBody>,
) -> Answer {
    body.check().none()?;
    let compute = move || {
        let metrics: Metrics = body.metrics.into_iter().collect();
        Ok(rightsize::plan(&metrics, &body.inventory, &body.catalog, &app.state.policy))
    };
    app.computations.answer(compute).await
}

impl RightsizingBody {
    fn check(&mut self) -> Faults {
        let mut faults = Faults::default();
        faults.want_rows(&self.metrics, "metrics", MAX_ROWS);
        faults.want_rows(&self.inventory, "inventory", MAX_ROWS);
        faults.want_rows(&self.catalog, "catalog", MAX_ROWS);
        each(&mut faults, "metrics", &mut self.metrics, |row, sample| {
            row.texts(&[("resource_id", &sample.resource_id)]);
            row.time("ds", sample.ds);
        });
        each(&mut faults, "inventory", &mut self.inventory, |row, resource| {
            row.texts(&[
                ("resource_id", &resource.resource_id),
                ("account", &resource.account),
                ("region", &resource.region),
            ]);
            resource.os = resource.os.as_deref().map(canonical_os);
        });
        each(&mut faults, "catalog", &mut self.catalog, |row, shape| {
            row.texts(&[
                ("region", &shape.region),
                ("instance_type", &shape.instance_type),
                ("family", &shape.family),
                ("architecture", &shape.architecture),
            ]);
            for (column, value) in [
                ("vcpu", Some(shape.vcpu)),
                ("memory_gib", Some(shape.memory_gib)),
                ("network_gbps", shape.network_gbps),
                ("ebs_mbps", shape.ebs_mbps),
                ("ebs_iops", shape.ebs_iops),
                ("performance_per_vcpu", Some(shape.performance_per_vcpu)),
            ] {
                let fits = value.is_none_or(|value| value > 0.0 && value <= 1e9);
                row.want(fits, column, "a number above 0, at most 1e9");
            }
            row.amount("on_demand_hourly", shape.on_demand_hourly);
        });
        faults
    }
}
