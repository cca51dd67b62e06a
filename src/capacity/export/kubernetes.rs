//! A HorizontalPodAutoscaler, and cron jobs that move its minimum.

use super::schedule::{ExportError, Group, Segment, yearly_cron};

/// Image that holds `kubectl`; a cluster that pulls from its own registry puts that in front.
const KUBECTL_IMAGE: &str = "kubectl:v1.34.1";

/// An HPA has no schedule of its own: one cron job a change patches `minReplicas`, allowed to do nothing
/// else. Cron knows no years, so the jobs are to be deleted after the plan.
pub(super) fn write(groups: &[Group]) -> Result<String, ExportError> {
    let mut documents = Vec::new();
    for group in groups {
        let segments = group.yearless()?;
        documents.push(autoscaler(group, segments.first().map_or(group.smallest, |first| first.minimum)));
        if segments.len() > 1 {
            documents.push(permissions(group));
        }
        documents.extend(segments.iter().skip(1).map(|segment| job(group, segment)));
    }
    Ok(documents.join("---\n"))
}

fn autoscaler(group: &Group, minimum: u32) -> String {
    let name = &group.name;
    format!(
        "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {name}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {name}
  minReplicas: {}
  maxReplicas: {}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {}
",
        minimum.max(1),
        group.maximum,
        group.target_percent
    )
}

fn permissions(group: &Group) -> String {
    let name = &group.name;
    format!(
        "apiVersion: v1
kind: ServiceAccount
metadata:
  name: {name}-schedule
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {name}-schedule
rules:
  - apiGroups: [autoscaling]
    resources: [horizontalpodautoscalers]
    resourceNames: [{name}]
    verbs: [get, patch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {name}-schedule
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {name}-schedule
subjects:
  - kind: ServiceAccount
    name: {name}-schedule
"
    )
}

fn job(group: &Group, segment: &Segment) -> String {
    let name = &group.name;
    format!(
        r#"apiVersion: batch/v1
kind: CronJob
metadata:
  name: {name}-{}
spec:
  schedule: "{}"
  timeZone: Etc/UTC
  concurrencyPolicy: Replace
  jobTemplate:
    spec:
      template:
        spec:
          serviceAccountName: {name}-schedule
          restartPolicy: OnFailure
          containers:
            - name: kubectl
              image: {KUBECTL_IMAGE}
              args: [patch, hpa, {name}, --patch, '{{"spec":{{"minReplicas":{}}}}}']
"#,
        segment.label(),
        yearly_cron(segment.from),
        segment.minimum.max(1),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::schedule::tests::example;
    use super::*;

    #[test]
    fn a_constant_schedule_is_one_autoscaler() {
        insta::assert_snapshot!(write(&example()[1..]).unwrap(), @r##"
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: group-7-berall-x-a
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: group-7-berall-x-a
  minReplicas: 4
  maxReplicas: 8
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: 70
"##);
    }

    #[test]
    fn every_change_is_a_job() {
        let text = write(&example()).unwrap();
        let documents: Vec<Value> = crate::testing::yaml_documents(&text);
        let kinds: Vec<&str> = documents.iter().filter_map(|document| document["kind"].as_str()).collect();
        assert_eq!(
            kinds,
            [
                "HorizontalPodAutoscaler",
                "ServiceAccount",
                "Role",
                "RoleBinding",
                "CronJob",
                "CronJob",
                "CronJob",
                "HorizontalPodAutoscaler",
            ]
        );
        assert_eq!(documents[0]["spec"]["minReplicas"], 2);
        let jobs: Vec<(String, u64)> = documents
            .iter()
            .filter(|document| document["kind"] == "CronJob")
            .map(|job| {
                let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
                let patch = pod["containers"][0]["args"][4].as_str().unwrap();
                let patch: Value = serde_json::from_str(patch).unwrap();
                let schedule = job["spec"]["schedule"].as_str().unwrap().to_owned();
                (schedule, patch["spec"]["minReplicas"].as_u64().unwrap())
            })
            .collect();
        let at = |cron: &str, minimum| (cron.to_owned(), minimum);
        assert_eq!(jobs, [at("0 23 26 11 *", 20), at("0 1 27 11 *", 24), at("0 2 27 11 *", 3)]);
    }

    #[test]
    fn validates_against_the_published_schemas() {
        let validator =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tools/venv/bin/kubernetes-validate");
        let file = std::env::temp_dir().join(format!("headroom-hpa-{}.yaml", std::process::id()));
        let validate = |text: &str| {
            std::fs::write(&file, text).unwrap();
            std::process::Command::new(validator).args(["--strict", "-k", "1.34"]).arg(&file).output()
        };
        let text = write(&example()).unwrap();
        let Ok(output) = validate(&text) else {
            println!("skipped: no `kubernetes-validate`; `make test` installs it");
            return;
        };
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let wrong = text.replace("maxReplicas", "mostReplicas");
        assert!(!validate(&wrong).unwrap().status.success(), "the schemas are really looked at");
        std::fs::remove_file(&file).unwrap();
    }
}
