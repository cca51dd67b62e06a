//! Application Auto Scaling of the readers of an Aurora cluster that is named like the workload.

use chrono::{DateTime, Utc};

use super::schedule::{Group, Segment};

/// Most readers of an Aurora cluster (Aurora user guide, "Replication with Amazon Aurora").
const MOST_READERS: u32 = 15;
const NAMESPACE: &str = "rds";
const DIMENSION: &str = "rds:cluster:ReadReplicaCount";
const CPU: &str = "RDSReaderAverageCPUUtilization";

/// The readers that target tracking may add up to: none beyond what a cluster can have, unless more are scheduled.
fn maximum(group: &Group) -> u32 {
    let peak = group.segments().iter().map(|segment| segment.minimum).max().unwrap_or(0);
    group.maximum.min(MOST_READERS.max(peak))
}

/// The first minimum, which the target itself has, and the later ones, which its scheduled actions bring.
fn first_and_later(group: &Group) -> (u32, Vec<Segment>) {
    let segments = group.segments();
    let first = segments.first().map_or(0, |segment| segment.minimum);
    (first, segments.into_iter().skip(1).collect())
}

fn at(time: DateTime<Utc>) -> String {
    time.format("at(%Y-%m-%dT%H:%M:%S)").to_string()
}

/// The target, and one action a change. Actions move what the target was made with, so that it is left to them.
pub(super) fn terraform(group: &Group) -> Vec<String> {
    let (name, resource, maximum) = (&group.name, group.resource(), maximum(group));
    let (first, later) = first_and_later(group);
    let target = format!(
        r#"resource "aws_appautoscaling_target" "{resource}" {{
  service_namespace  = "{NAMESPACE}"
  scalable_dimension = "{DIMENSION}"
  resource_id        = "cluster:{name}"
  min_capacity       = {first}
  max_capacity       = {maximum}

  lifecycle {{
    ignore_changes = [min_capacity, max_capacity]
  }}
}}
"#
    );
    let of_target = of_target(&resource);
    let action = |segment: Segment| {
        let (label, from, minimum) = (segment.label(), at(segment.from), segment.minimum);
        format!(
            r#"resource "aws_appautoscaling_scheduled_action" "{resource}_{label}" {{
  name               = "headroom-{name}-{label}"
{of_target}  schedule           = "{from}"

  scalable_target_action {{
    min_capacity = {minimum}
    max_capacity = {maximum}
  }}
}}
"#
        )
    };
    std::iter::once(target).chain(later.into_iter().map(action)).collect()
}

/// Target tracking of the readers' CPU, which adds to the minimum.
pub(super) fn terraform_policy(group: &Group) -> String {
    let (name, resource, target) = (&group.name, group.resource(), group.target_percent);
    let of_target = of_target(&resource);
    format!(
        r#"resource "aws_appautoscaling_policy" "{resource}" {{
  name               = "headroom-{name}"
  policy_type        = "TargetTrackingScaling"
{of_target}
  target_tracking_scaling_policy_configuration {{
    target_value = {target}

    predefined_metric_specification {{
      predefined_metric_type = "{CPU}"
    }}
  }}
}}
"#
    )
}

/// The attributes of what belongs to a target.
fn of_target(resource: &str) -> String {
    ["service_namespace ", "scalable_dimension", "resource_id       "]
        .map(|key| format!("  {key} = aws_appautoscaling_target.{resource}.{}\n", key.trim_end()))
        .concat()
}

/// One call for the target and one for each change; calling again replaces what has the same name.
pub(super) fn aws_cli(group: &Group) -> String {
    let (name, maximum) = (&group.name, maximum(group));
    let (first, later) = first_and_later(group);
    let mut script = format!(
        "\naws application-autoscaling register-scalable-target \\\n{}  --min-capacity {first} \\\n  \
         --max-capacity {maximum}\n",
        which(name)
    );
    for segment in later {
        script += &format!(
            "\naws application-autoscaling put-scheduled-action \\\n{}  \
             --scheduled-action-name 'headroom-{name}-{}' \\\n  \
             --schedule '{}' \\\n  \
             --scalable-target-action 'MinCapacity={},MaxCapacity={maximum}'\n",
            which(name),
            segment.label(),
            at(segment.from),
            segment.minimum,
        );
    }
    script
}

/// The same for target tracking.
pub(super) fn aws_cli_policy(group: &Group) -> String {
    let name = &group.name;
    format!(
        "\naws application-autoscaling put-scaling-policy \\\n{}  \
         --policy-name 'headroom-{name}' \\\n  \
         --policy-type TargetTrackingScaling \\\n  \
         --target-tracking-scaling-policy-configuration '{{\"TargetValue\":{},\
         \"PredefinedMetricSpecification\":{{\"PredefinedMetricType\":\"{CPU}\"}}}}'\n",
        which(name),
        group.target_percent
    )
}

/// The target in the words of the script.
fn which(name: &str) -> String {
    format!(
        "  --service-namespace {NAMESPACE} \\\n  --scalable-dimension {DIMENSION} \\\n  --resource-id 'cluster:{name}' \\\n"
    )
}

#[cfg(test)]
mod tests {
    use domain::{CapacityKind, Forecast, Frequency, Grid, Stamp};

    use super::super::schedule::tests::plan;
    use super::super::terraform::tests::{assert_formatted, assert_terraform_agrees};
    use super::super::{Format, export, export_policy};
    use crate::settings::{Settings, SettingsInput};

    fn settings() -> Settings {
        SettingsInput { kind: CapacityKind::ReadReplicas, ..SettingsInput::new(100.0) }.check().unwrap()
    }

    fn demand() -> Forecast {
        let start = Stamp::Time("2026-11-26T22:00:00Z".parse().unwrap());
        let grid = Grid { start, frequency: Frequency::HOUR };
        crate::testing::forecast(grid, &[0.5, 0.99], &[vec![200.0; 4], vec![300.0; 4]])
    }

    fn readers(levels: &[u32], format: Format) -> Result<String, super::super::ExportError> {
        let mut plan = plan("shop", levels);
        plan.kind = CapacityKind::ReadReplicas;
        export(&[plan], format, &settings())
    }

    #[test]
    fn terraform_scales_the_readers_of_the_cluster() {
        let text = readers(&[2, 9, 9, 3], Format::TerraformPolicy).unwrap();
        assert_formatted(&text);
        assert_terraform_agrees(&text);
        let body: hcl::Body = hcl::from_str(&text).unwrap();
        let attribute = |block: &hcl::Block, key: &str| {
            let found = block.body().attributes().find(|found| found.key() == key).unwrap();
            hcl::expr::Expression::to_string(found.expr()).trim_matches('"').to_owned()
        };
        let of = |kind: &'static str| {
            body.blocks().filter(move |block| block.labels()[0].as_str() == kind).collect::<Vec<_>>()
        };
        let target = of("aws_appautoscaling_target")[0];
        assert_eq!(attribute(target, "resource_id"), "cluster:shop");
        // Twice the peak are more than a cluster can have.
        assert_eq!(
            (attribute(target, "min_capacity"), attribute(target, "max_capacity")),
            ("2".into(), "15".into())
        );
        let actions: Vec<(String, String)> = of("aws_appautoscaling_scheduled_action")
            .iter()
            .map(|block| {
                let inner = block.body().blocks().next().unwrap();
                (attribute(block, "schedule"), attribute(inner, "min_capacity"))
            })
            .collect();
        let wanted = [("at(2026-11-26T23:00:00)", "9"), ("at(2026-11-27T01:00:00)", "3")];
        assert_eq!(actions, wanted.map(|(at, minimum)| (at.to_owned(), minimum.to_owned())));
        assert_eq!(of("aws_appautoscaling_policy").len(), 1);
        assert!(!text.contains("aws_autoscaling"), "{text}");
    }

    #[test]
    fn the_script_makes_the_target_and_every_change() {
        let text = readers(&[2, 9], Format::AwsCli).unwrap();
        crate::testing::assert_shell(&text);
        insta::assert_snapshot!(text, @r##"
#!/usr/bin/env bash
set -euo pipefail

aws application-autoscaling register-scalable-target \
  --service-namespace rds \
  --scalable-dimension rds:cluster:ReadReplicaCount \
  --resource-id 'cluster:shop' \
  --min-capacity 2 \
  --max-capacity 15

aws application-autoscaling put-scheduled-action \
  --service-namespace rds \
  --scalable-dimension rds:cluster:ReadReplicaCount \
  --resource-id 'cluster:shop' \
  --scheduled-action-name 'headroom-shop-202611262300' \
  --schedule 'at(2026-11-26T23:00:00)' \
  --scalable-target-action 'MinCapacity=9,MaxCapacity=15'
"##);
    }

    #[test]
    fn other_formats_have_no_words_for_readers() {
        for (word, format) in Format::ALL {
            let fits = format.fits(CapacityKind::ReadReplicas);
            assert_eq!(readers(&[2, 3], format).is_ok(), fits, "{word}");
        }
        let policy = |name: &str, format| {
            export_policy("shop", &demand(), &name.parse().unwrap(), None, format, &settings())
        };
        let tracking = policy("requests-70", Format::AwsCli);
        assert!(tracking.unwrap().contains("RDSReaderAverageCPUUtilization"));
        let steps = policy("step-70", Format::Terraform);
        assert!(steps.unwrap_err().to_string().contains("for autoscaling groups only"));
        let refused = readers(&[2, 3], Format::K8sHpa).unwrap_err().to_string();
        assert!(refused.contains("take terraform, terraform-policy or aws-cli"), "{refused}");
    }
}
