//! A shell script of `aws autoscaling put-scheduled-update-group-action`; that of read replicas is in [`replicas`].

use domain::CapacityKind;

use super::replicas;
use super::schedule::{Group, rfc3339};

/// One call a change; calling again with the same name replaces the action.
pub(super) fn write(groups: &[Group]) -> String {
    let mut script = "#!/usr/bin/env bash\nset -euo pipefail\n".to_owned();
    for group in groups {
        if group.kind == CapacityKind::ReadReplicas {
            script += &replicas::aws_cli(group);
            continue;
        }
        let name = &group.name;
        for segment in group.segments() {
            script += &format!(
                "\naws autoscaling put-scheduled-update-group-action \\\n  \
                 --auto-scaling-group-name '{name}' \\\n  \
                 --scheduled-action-name 'headroom-{name}-{}' \\\n  \
                 --start-time '{}' \\\n  \
                 --min-size {} \\\n  \
                 --max-size {}\n",
                segment.label(),
                rfc3339(segment.from),
                segment.minimum,
                group.maximum,
            );
        }
    }
    script
}

/// The same, and the target tracking of CPU that adds to the minimum.
pub(super) fn write_with_policies(groups: &[Group]) -> String {
    let mut script = write(groups);
    for group in groups {
        if group.kind == CapacityKind::ReadReplicas {
            script += &replicas::aws_cli_policy(group);
            continue;
        }
        let name = &group.name;
        script += &format!(
            "\naws autoscaling put-scaling-policy \\\n  \
             --auto-scaling-group-name '{name}' \\\n  \
             --policy-name 'headroom-{name}' \\\n  \
             --policy-type TargetTrackingScaling \\\n  \
             --target-tracking-configuration '{{\"TargetValue\":{},\
             \"PredefinedMetricSpecification\":{{\"PredefinedMetricType\":\"ASGAverageCPUUtilization\"}}}}'\n",
            group.target_percent
        );
    }
    script
}

#[cfg(test)]
mod tests {
    use super::super::schedule::tests::example;
    use super::*;

    #[test]
    fn is_a_script_with_one_call_a_change() {
        insta::assert_snapshot!(write(&example()[1..]), @r##"
#!/usr/bin/env bash
set -euo pipefail

aws autoscaling put-scheduled-update-group-action \
  --auto-scaling-group-name 'group-7-berall-x-a' \
  --scheduled-action-name 'headroom-group-7-berall-x-a-202611262200' \
  --start-time '2026-11-26T22:00:00Z' \
  --min-size 4 \
  --max-size 8
"##);
    }

    #[test]
    fn holds_every_change() {
        let text = write(&example());
        let after = |call: &str, flag: &str| {
            call.split(flag).nth(1).unwrap().split_whitespace().next().unwrap().trim_matches('\'').to_owned()
        };
        let found: Vec<(String, String)> = text
            .split("aws autoscaling")
            .skip(1)
            .map(|call| (after(call, "--start-time"), after(call, "--min-size")))
            .collect();
        let expected: Vec<(String, String)> = example()
            .iter()
            .flat_map(Group::segments)
            .map(|segment| (rfc3339(segment.from), segment.minimum.to_string()))
            .collect();
        assert_eq!(found, expected);
        crate::testing::assert_shell(&text);
    }
}
