//! Strategic merge patches: what a workload and its autoscaler are to be given.

use domain::{Autoscaler, Container};

use super::sizing::Requests;

/// MiB of a GiB.
const MIB: f64 = 1024.0;

/// The patch of the workload, and that of its autoscaler where there is one, as YAML documents. What stays as it is is
/// not named: Kubernetes merges maps, and containers by their names. The metrics of an autoscaler are replaced.
pub(crate) fn write(container: &Container, now: &Requests, new: &Requests) -> String {
    let mut text = String::new();
    let requests =
        entries([("cpu", cores(now.cpu_request, new.cpu_request)), ("memory", memory(now, new, false))]);
    let limits = entries([("cpu", cores(now.cpu_limit, new.cpu_limit)), ("memory", memory(now, new, true))]);
    if !requests.is_empty() || !limits.is_empty() {
        text += &format!(
            "apiVersion: apps/v1\nkind: {}\n{}spec:\n  template:\n    spec:\n      containers:\n        - name: {}\n          \
             resources:\n",
            container.workload_kind,
            metadata(&container.namespace, &container.workload),
            quoted(&container.name)
        );
        for (name, entries) in [("requests", requests), ("limits", limits)] {
            if !entries.is_empty() {
                text += &format!("            {name}:\n{entries}");
            }
        }
    }
    if let Some(scaler) = new.autoscaler.as_ref().filter(|scaler| now.autoscaler.as_ref() != Some(scaler)) {
        if !text.is_empty() {
            text += "---\n";
        }
        text += &autoscaler(&container.namespace, scaler);
    }
    text
}

fn autoscaler(namespace: &str, scaler: &Autoscaler) -> String {
    let target = scaler.cpu_target.map_or(String::new(), |percent| {
        format!(
            "  metrics:\n    - type: Resource\n      resource:\n        name: cpu\n        target:\n          \
             type: Utilization\n          averageUtilization: {percent:.0}\n"
        )
    });
    format!(
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\n{}spec:\n  minReplicas: {}\n  maxReplicas: {}\n{target}",
        metadata(namespace, &scaler.name),
        scaler.min_replicas,
        scaler.max_replicas
    )
}

fn metadata(namespace: &str, name: &str) -> String {
    format!("metadata:\n  name: {}\n  namespace: {}\n", quoted(name), quoted(namespace))
}

fn entries(values: [(&str, Option<String>); 2]) -> String {
    values
        .into_iter()
        .filter_map(|(name, value)| Some(format!("              {name}: {}\n", value?)))
        .collect()
}

/// Millicores, where they change.
fn cores(now: Option<f64>, new: Option<f64>) -> Option<String> {
    new.filter(|_| now != new).map(|cores| format!("{:.0}m", (cores * 1000.0).ceil()))
}

/// MiB, where they change.
fn memory(now: &Requests, new: &Requests, limit: bool) -> Option<String> {
    let of =
        |requests: &Requests| if limit { requests.memory_limit_gib } else { requests.memory_request_gib };
    of(new).filter(|_| of(now) != of(new)).map(|gib| format!("{:.0}Mi", (gib * MIB).ceil()))
}

/// A text in double quotes, as JSON and YAML both read it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
