//! A KEDA ScaledObject: cron triggers for the schedule, a trigger on CPU or on demand itself on top.

use super::schedule::{ExportError, Group, yearly_cron};

/// Where Prometheus answers inside a cluster that was set up with its usual chart.
const PROMETHEUS: &str = "http://prometheus-server.monitoring.svc:80";

/// What scales beside the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beside {
    /// CPU at the target utilization.
    Cpu,
    /// Requests a second from Prometheus, at what one replica is to carry.
    Prometheus,
}

/// One cron trigger a segment above the lowest minimum, which is the object's own. KEDA takes the largest of
/// its triggers. Cron knows no years, so the object is to be replaced after the plan.
pub(super) fn write(groups: &[Group], beside: Beside) -> Result<String, ExportError> {
    let documents: Result<Vec<String>, ExportError> =
        groups.iter().map(|group| scaled_object(group, beside)).collect();
    Ok(documents?.join("---\n"))
}

fn scaled_object(group: &Group, beside: Beside) -> Result<String, ExportError> {
    let segments = group.yearless()?;
    let lowest = segments.iter().map(|segment| segment.minimum).min().unwrap_or(group.smallest);
    let name = &group.name;
    let mut text = format!(
        r#"apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {name}
spec:
  scaleTargetRef:
    name: {name}
  minReplicaCount: {lowest}
  maxReplicaCount: {}
  triggers:
{}"#,
        group.maximum,
        trigger(group, beside)
    );
    for segment in segments.iter().filter(|segment| segment.minimum > lowest) {
        text += &format!(
            r#"    - type: cron
      metadata:
        timezone: Etc/UTC
        start: "{}"
        end: "{}"
        desiredReplicas: "{}"
"#,
            yearly_cron(segment.from),
            yearly_cron(segment.until),
            segment.minimum
        );
    }
    Ok(text)
}

fn trigger(group: &Group, beside: Beside) -> String {
    match beside {
        Beside::Cpu => format!(
            r#"    - type: cpu
      metricType: Utilization
      metadata:
        value: "{}"
"#,
            group.target_percent
        ),
        Beside::Prometheus => format!(
            r#"    - type: prometheus
      metadata:
        serverAddress: {PROMETHEUS}
        query: sum(rate(http_requests_total{{service="{}"}}[2m]))
        threshold: "{}"
"#,
            group.name, group.usable_throughput
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::schedule::tests::example;
    use super::*;

    #[test]
    fn triggers_are_the_segments_above_the_lowest() {
        let text = write(&example(), Beside::Cpu).unwrap();
        let documents = crate::testing::yaml_documents(&text);
        assert_eq!(documents.len(), 2);
        assert_eq!(documents[0]["spec"]["minReplicaCount"], 2);
        let triggers = documents[0]["spec"]["triggers"].as_array().unwrap();
        let cron: Vec<[&str; 3]> = triggers[1..]
            .iter()
            .map(|trigger| {
                ["start", "end", "desiredReplicas"].map(|key| trigger["metadata"][key].as_str().unwrap())
            })
            .collect();
        assert_eq!(
            cron,
            [
                ["0 23 26 11 *", "0 1 27 11 *", "20"],
                ["0 1 27 11 *", "0 2 27 11 *", "24"],
                ["0 2 27 11 *", "0 3 27 11 *", "3"],
            ]
        );
        insta::assert_snapshot!(write(&example()[1..], Beside::Cpu).unwrap(), @r##"
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: group-7-berall-x-a
spec:
  scaleTargetRef:
    name: group-7-berall-x-a
  minReplicaCount: 4
  maxReplicaCount: 8
  triggers:
    - type: cpu
      metricType: Utilization
      metadata:
        value: "70"
"##);
    }

    #[test]
    fn prometheus_scales_on_what_one_replica_is_to_carry() {
        let text = write(&example(), Beside::Prometheus).unwrap();
        let documents = crate::testing::yaml_documents(&text);
        let trigger = &documents[0]["spec"]["triggers"][0];
        assert_eq!(trigger["type"], "prometheus");
        assert_eq!(trigger["metadata"]["threshold"], "70", "100 a second at 70 %");
        assert_eq!(trigger["metadata"]["query"], r#"sum(rate(http_requests_total{service="shop"}[2m]))"#);
        assert_eq!(documents[0]["spec"]["triggers"].as_array().unwrap().len(), 4, "the schedule beside it");
        for document in &documents {
            let spec = document["spec"].as_object().unwrap();
            let known = ["scaleTargetRef", "minReplicaCount", "maxReplicaCount", "triggers"];
            assert!(spec.keys().all(|key| known.contains(&key.as_str())), "{spec:?}");
            assert!(spec["minReplicaCount"].as_u64() <= spec["maxReplicaCount"].as_u64());
            let triggers = spec["triggers"].as_array().unwrap();
            let texts = |trigger: &serde_json::Value| {
                trigger["metadata"].as_object().unwrap().values().all(serde_json::Value::is_string)
            };
            assert!(triggers.iter().all(texts), "KEDA takes the metadata of triggers as text only");
        }
    }
}
