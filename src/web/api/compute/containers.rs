//! `POST /api/v1/containers:compute`: the twin of `headroom plan containers`.

use axum::extract::State;
use domain::Resource;
use optimize::containers::{self, ContainerSizing};
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

/// Containers, and what they did.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ContainersBody {
    /// Rows `resource_id, ds, metric, value`.
    #[schema(min_items = 1, max_items = 200_000)]
    metrics: Vec<Sample>,
    /// Rows `resource_id, provider, account, region`, with `kind` `container` and what it requests as `container`.
    #[schema(min_items = 1, max_items = 200_000)]
    inventory: Vec<Resource>,
}

/// What each container should request, and what its autoscaler should aim at.
#[utoipa::path(
    post,
    operation_id = "compute_containers",
    path = "/containers:compute",
    tag = "recommendations",
    request_body = ContainersBody,
    responses((status = 200, body = Vec<ContainerSizing>)),
)]
pub(crate) async fn compute(
    State(app): State<App>,
    _: Caller,
    Body(mut body): Body<ContainersBody>,
) -> Answer {
    body.check().none()?;
    let compute = move || {
        let metrics: Metrics = body.metrics.into_iter().collect();
        Ok(containers::plan(&metrics, &body.inventory, &app.state.policy))
    };
    app.computations.answer(compute).await
}

impl ContainersBody {
    fn check(&mut self) -> Faults {
        let mut faults = Faults::default();
        faults.want_rows(&self.metrics, "metrics", MAX_ROWS);
        faults.want_rows(&self.inventory, "inventory", MAX_ROWS);
        each(&mut faults, "metrics", &mut self.metrics, |row, sample| {
            row.texts(&[("resource_id", &sample.resource_id)]);
            row.time("ds", sample.ds);
        });
        each(&mut faults, "inventory", &mut self.inventory, |row, resource| {
            row.texts(&[("resource_id", &resource.resource_id)]);
            let Some(container) = &resource.container else { return };
            row.texts(&[
                ("container.namespace", &container.namespace),
                ("container.workload", &container.workload),
                ("container.name", &container.name),
            ]);
            for (column, value) in [
                ("container.cpu_request", container.cpu_request),
                ("container.cpu_limit", container.cpu_limit),
                ("container.memory_request_gib", container.memory_request_gib),
                ("container.memory_limit_gib", container.memory_limit_gib),
                (
                    "container.autoscaler.cpu_target",
                    container.autoscaler.as_ref().and_then(|scaler| scaler.cpu_target),
                ),
            ] {
                let fits = value.is_none_or(|value| value > 0.0 && value <= 1e9);
                row.want(fits, column, "a number above 0, at most 1e9");
            }
            if let Some(scaler) = &container.autoscaler {
                row.texts(&[("container.autoscaler.name", &scaler.name)]);
                let fits = 1 <= scaler.min_replicas && scaler.min_replicas <= scaler.max_replicas;
                row.want(
                    fits,
                    "container.autoscaler.max_replicas",
                    "no fewer than min_replicas, which is 1 or more",
                );
                row.want(
                    scaler.max_replicas <= 100_000,
                    "container.autoscaler.max_replicas",
                    "at most 100000 pods",
                );
            }
        });
        faults
    }
}
