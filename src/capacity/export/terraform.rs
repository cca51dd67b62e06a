//! `aws_autoscaling_schedule` and `aws_autoscaling_policy` resources in the style of `terraform fmt`; those of read
//! replicas are in [`replicas`].

use domain::CapacityKind;

use super::replicas;
use super::schedule::{Group, rfc3339};

/// One resource a change. The desired capacity is left alone (−1): a higher minimum raises it, and a lower
/// one lets target tracking bring it down.
pub(super) fn write(groups: &[Group]) -> String {
    let resources: Vec<String> = groups.iter().flat_map(of_group).collect();
    resources.join("\n")
}

/// The schedule, and beside it the target tracking that adds to its minimum.
pub(super) fn write_with_policies(groups: &[Group]) -> String {
    let policies: Vec<String> = groups.iter().map(policy).collect();
    format!("{}\n{}", policies.join("\n"), write(groups))
}

/// Points above the target from which on a step begins, and percent of the group that it adds: those of the simulator.
const STEPS: [(u32, u32); 3] = [(0, 20), (10, 50), (20, 100)];
/// Points below the target at which a step takes instances away, and percent of the group that it takes.
const FEWER: (u32, u32) = (30, 10);

/// The schedule, and beside it step scaling of CPU around the target.
pub(super) fn write_with_steps(groups: &[Group]) -> String {
    let policies: Vec<String> = groups.iter().flat_map(steps).collect();
    format!("{}\n{}", policies.join("\n"), write(groups))
}

/// A policy with its alarm for more, and one for fewer.
fn steps(group: &Group) -> [String; 4] {
    let upper = |index: usize| match STEPS.get(index + 1) {
        Some((next, _)) => format!("    metric_interval_upper_bound = {next}\n"),
        None => String::new(),
    };
    let more = STEPS.iter().enumerate().map(|(index, (from, percent))| {
        let upper = upper(index);
        format!(
            "\n  step_adjustment {{\n    metric_interval_lower_bound = {from}\n{upper}    \
             scaling_adjustment          = {percent}\n  }}\n"
        )
    });
    let fewer = format!(
        "\n  step_adjustment {{\n    metric_interval_upper_bound = 0\n    scaling_adjustment          = -{}\n  }}\n",
        FEWER.1
    );
    let target = group.target_percent;
    [
        step_policy(group, "more", &more.collect::<String>()),
        alarm(group, "more", "GreaterThanThreshold", target),
        step_policy(group, "fewer", &fewer),
        alarm(group, "fewer", "LessThanThreshold", target.saturating_sub(FEWER.0)),
    ]
}

fn step_policy(group: &Group, which: &str, adjustments: &str) -> String {
    let name = &group.name;
    let resource = group.resource();
    format!(
        r#"resource "aws_autoscaling_policy" "{resource}_{which}" {{
  name                     = "headroom-{name}-{which}"
  autoscaling_group_name   = "{name}"
  policy_type              = "StepScaling"
  adjustment_type          = "PercentChangeInCapacity"
  min_adjustment_magnitude = 1
{adjustments}}}
"#
    )
}

fn alarm(group: &Group, which: &str, operator: &str, threshold: u32) -> String {
    let name = &group.name;
    let resource = group.resource();
    format!(
        r#"resource "aws_cloudwatch_metric_alarm" "{resource}_{which}" {{
  alarm_name          = "headroom-{name}-{which}"
  namespace           = "AWS/EC2"
  metric_name         = "CPUUtilization"
  statistic           = "Average"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "{operator}"
  threshold           = {threshold}
  alarm_actions       = [aws_autoscaling_policy.{resource}_{which}.arn]

  dimensions = {{
    AutoScalingGroupName = "{name}"
  }}
}}
"#
    )
}

fn policy(group: &Group) -> String {
    if group.kind == CapacityKind::ReadReplicas {
        return replicas::terraform_policy(group);
    }
    let name = &group.name;
    let resource = group.resource();
    format!(
        r#"resource "aws_autoscaling_policy" "{resource}" {{
  name                   = "headroom-{name}"
  autoscaling_group_name = "{name}"
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {{
    target_value = {}

    predefined_metric_specification {{
      predefined_metric_type = "ASGAverageCPUUtilization"
    }}
  }}
}}
"#,
        group.target_percent
    )
}

fn of_group(group: &Group) -> Vec<String> {
    if group.kind == CapacityKind::ReadReplicas {
        return replicas::terraform(group);
    }
    let name = &group.name;
    let resource = group.resource();
    let write = |segment: super::schedule::Segment| {
        let (label, at) = (segment.label(), rfc3339(segment.from));
        format!(
            r#"resource "aws_autoscaling_schedule" "{resource}_{label}" {{
  scheduled_action_name  = "headroom-{name}-{label}"
  autoscaling_group_name = "{name}"
  start_time             = "{at}"
  min_size               = {}
  max_size               = {}
  desired_capacity       = -1
}}
"#,
            segment.minimum, group.maximum
        )
    };
    group.segments().into_iter().map(write).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::super::schedule::tests::example;
    use super::*;

    #[test]
    fn reads_as_terraform_writes() {
        insta::assert_snapshot!(write(&example()[1..]), @r##"
resource "aws_autoscaling_schedule" "group_7_berall_x_a_202611262200" {
  scheduled_action_name  = "headroom-group-7-berall-x-a-202611262200"
  autoscaling_group_name = "group-7-berall-x-a"
  start_time             = "2026-11-26T22:00:00Z"
  min_size               = 4
  max_size               = 8
  desired_capacity       = -1
}
"##);
    }

    #[test]
    fn holds_every_change_of_every_group() {
        let text = write(&example());
        let body: hcl::Body = hcl::from_str(&text).unwrap();
        let found: Vec<(String, String, u64)> = body
            .blocks()
            .map(|block| {
                let text = |key: &str| {
                    let attribute = block.body().attributes().find(|found| found.key() == key).unwrap();
                    hcl::expr::Expression::to_string(attribute.expr()).trim_matches('"').to_owned()
                };
                (text("autoscaling_group_name"), text("start_time"), text("min_size").parse().unwrap())
            })
            .collect();
        let expected: Vec<(String, String, u64)> = example()
            .iter()
            .flat_map(|group| {
                let entry = |segment: super::super::schedule::Segment| {
                    (group.name.clone(), rfc3339(segment.from), u64::from(segment.minimum))
                };
                group.segments().into_iter().map(entry).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(found, expected);
        assert_eq!(found.len(), 5);
    }

    /// The rules of `terraform fmt` that this writer could break: two spaces a level, equal signs of neighbouring
    /// attributes in one column, one space around them, no space at the end, one blank line at most.
    pub(in crate::export) fn assert_formatted(text: &str) {
        let mut depth = 0;
        let mut columns: Option<(usize, usize)> = None;
        for (number, line) in text.lines().enumerate() {
            let (place, trimmed) = (format!("line {}: {line:?}", number + 1), line.trim_start());
            assert_eq!(line, line.trim_end(), "{place}");
            depth -= usize::from(trimmed == "}");
            assert!(trimmed.is_empty() || line.len() - trimmed.len() == 2 * depth, "{place}");
            depth += usize::from(trimmed.ends_with('{'));
            columns = match trimmed.split_once('=').filter(|_| !trimmed.ends_with('{')) {
                None => {
                    // Of a block of neighbours, the longest name is followed by one space.
                    assert!(columns.is_none_or(|(at, longest)| at == longest + 1), "before {place}");
                    None
                }
                Some((name, value)) => {
                    assert!(value.starts_with(' ') && !value.starts_with("  "), "{place}");
                    assert!(columns.is_none_or(|(at, _)| at == name.len()), "{place}");
                    let longest = columns.map_or(0, |(_, longest)| longest).max(name.trim_end().len());
                    Some((name.len(), longest))
                }
            };
        }
        assert!(depth == 0 && !text.contains("\n\n\n") && text.ends_with("}\n"));
    }

    #[test]
    fn is_formatted_as_terraform_does() {
        assert_formatted(&write(&example()));
        assert_formatted(&write_with_policies(&example()));
        let crooked = write(&example()).replacen("min_size  ", "min_size ", 1);
        assert!(std::panic::catch_unwind(|| assert_formatted(&crooked)).is_err());
    }

    #[test]
    fn every_group_has_its_policy_beside_the_schedule() {
        let body: hcl::Body = hcl::from_str(&write_with_policies(&example())).unwrap();
        let of = |kind: &'static str| {
            body.blocks().filter(move |block| block.labels()[0].as_str() == kind).collect::<Vec<_>>()
        };
        assert_eq!((of("aws_autoscaling_policy").len(), of("aws_autoscaling_schedule").len()), (2, 5));
        let tracking = of("aws_autoscaling_policy")[0].body().blocks().next().unwrap();
        assert_eq!(tracking.identifier(), "target_tracking_configuration");
        let target = tracking.body().attributes().next().unwrap();
        assert_eq!((target.key(), target.expr().to_string()), ("target_value", "70".to_owned()));
    }

    #[test]
    fn terraform_itself_finds_nothing_to_format() {
        assert_terraform_agrees(&write(&example()));
    }

    pub(in crate::export) fn assert_terraform_agrees(text: &str) {
        let child = Command::new("terraform")
            .args(["fmt", "-check", "-diff", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            println!("skipped: no `terraform` on this machine");
            return;
        };
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
