//! A KEDA ScaledObject: cron triggers for the schedule, a CPU trigger on top.

use super::schedule::{ExportError, Group, yearly_cron};

/// One cron trigger a segment above the lowest minimum, which is the object's own. KEDA takes the largest of
/// its triggers. Cron knows no years, so the object is to be replaced after the plan.
pub(super) fn write(groups: &[Group]) -> Result<String, ExportError> {
    let documents: Result<Vec<String>, ExportError> = groups.iter().map(scaled_object).collect();
    Ok(documents?.join("---\n"))
}

fn scaled_object(group: &Group) -> Result<String, ExportError> {
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
    - type: cpu
      metricType: Utilization
      metadata:
        value: "{}"
"#,
        group.maximum, group.target_percent
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

#[cfg(test)]
mod tests {
    use super::super::schedule::tests::example;
    use super::*;

    #[test]
    fn triggers_are_the_segments_above_the_lowest() {
        let text = write(&example()).unwrap();
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
        insta::assert_snapshot!(write(&example()[1..]).unwrap(), @r##"
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
}
