//! `aws_autoscaling_schedule` resources in the style of `terraform fmt`.

use super::schedule::{Group, rfc3339};

/// One resource a change. The desired capacity is left alone (−1): a higher minimum raises it, and a lower
/// one lets target tracking bring it down.
pub(super) fn write(groups: &[Group]) -> String {
    let resources: Vec<String> = groups.iter().flat_map(of_group).collect();
    resources.join("\n")
}

fn of_group(group: &Group) -> Vec<String> {
    let name = &group.name;
    let resource = name.replace('-', "_");
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
mod tests {
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

    #[test]
    fn terraform_itself_finds_nothing_to_format() {
        let child = Command::new("terraform")
            .args(["fmt", "-check", "-diff", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            println!("skipped: no `terraform` on this machine");
            return;
        };
        child.stdin.take().unwrap().write_all(write(&example()).as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
