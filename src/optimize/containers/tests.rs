use domain::{HourlyMetric, WorkloadKind};

use super::*;
use crate::testing::{as_of, daily, hourly, resource, tagged};

/// A container with 1 core and 4 GiB in each of four pods, without limits.
pub(super) fn container(id: &str) -> Resource {
    let mut found = resource(id, ResourceKind::Container);
    found.group = Some("pool-a".to_owned());
    found.container = Some(Container {
        namespace: "shop".to_owned(),
        workload_kind: WorkloadKind::Deployment,
        workload: id.to_owned(),
        name: id.to_owned(),
        cpu_request: Some(1.0),
        cpu_limit: None,
        memory_request_gib: Some(4.0),
        memory_limit_gib: None,
        replicas: 4,
        autoscaler: None,
        oom_killed: false,
    });
    found
}

pub(super) fn with(mut found: Resource, change: impl Fn(&mut Container)) -> Resource {
    change(found.container.as_mut().unwrap());
    found
}

/// Cores of all pods together by hour, and GiB of the largest pod.
pub(super) fn used(id: &str, cores: impl Fn(DateTime<Utc>) -> f64, memory_gib: f64) -> Vec<HourlyMetric> {
    let mut metrics = hourly(id, MetricName::CpuUsed, cores);
    metrics.extend(hourly(id, MetricName::MemoryUsed, |_| memory_gib));
    metrics
}

fn scaler(fewest: u32, most: u32, target: f64) -> Option<Autoscaler> {
    let name = "web-scaler".to_owned();
    Some(Autoscaler { name, min_replicas: fewest, max_replicas: most, cpu_target: Some(target) })
}

fn size(found: &Resource, metrics: Vec<HourlyMetric>) -> ContainerSizing {
    let metrics: Metrics = metrics.into_iter().collect();
    plan(&metrics, std::slice::from_ref(found), &Policy::default()).remove(0)
}

#[test]
fn requests_follow_what_was_used_and_memory_is_limited_by_its_request() {
    // 1.2 cores of four pods, the busiest with a fifth more than the mean one.
    let sizing = size(&container("web"), used("web", |_| 1.2, 1.0));
    assert_eq!(sizing.finding, Finding::OverProvisioned, "{}", sizing.reason);
    let new = sizing.recommended.unwrap();
    assert_eq!((new.cpu_request, new.cpu_limit), (Some(0.38), None));
    assert_eq!((new.memory_request_gib, new.memory_limit_gib), (Some(1.15625), Some(1.15625)));
    insta::assert_snapshot!(sizing.patch.unwrap(), @r#"
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: "web"
      namespace: "shop"
    spec:
      template:
        spec:
          containers:
            - name: "web"
              resources:
                requests:
                  cpu: 380m
                  memory: 1184Mi
                limits:
                  memory: 1184Mi
    "#);
}

#[test]
fn a_cpu_limit_is_kept_and_raised_where_it_throttles() {
    let limited = with(container("web"), |web| web.cpu_limit = Some(2.0));
    let kept = size(&limited, used("web", |_| 1.2, 1.0)).recommended.unwrap();
    assert_eq!((kept.cpu_request, kept.cpu_limit), (Some(0.38), Some(2.0)));
    let throttled = size(&limited, used("web", |_| 7.0, 3.9));
    assert_eq!(throttled.finding, Finding::UnderProvisioned);
    assert!(throttled.reason.contains("of its limit"), "{}", throttled.reason);
    assert_eq!(throttled.recommended.unwrap().cpu_limit, Some(3.0));
}

#[test]
fn memory_is_never_cut_unmeasured_and_grows_after_a_kill() {
    let cpu_only = size(&container("web"), hourly("web", MetricName::CpuUsed, |_| 1.2));
    assert!(cpu_only.reason.contains("memory not measured"), "{}", cpu_only.reason);
    let new = cpu_only.recommended.unwrap();
    assert_eq!((new.memory_request_gib, new.memory_limit_gib), (Some(4.0), None));

    let killed = with(container("web"), |web| (web.oom_killed, web.memory_limit_gib) = (true, Some(4.0)));
    for metrics in [used("web", |_| 3.0, 1.0), hourly("web", MetricName::CpuUsed, |_| 3.0)] {
        let sizing = size(&killed, metrics);
        assert_eq!(sizing.finding, Finding::UnderProvisioned);
        assert_eq!(sizing.recommended.unwrap().memory_limit_gib, Some(5.0), "{}", sizing.reason);
    }
    let full = with(container("web"), |web| web.memory_limit_gib = Some(4.0));
    let sizing = size(&full, used("web", |_| 3.0, 3.9));
    assert!(sizing.reason.contains("98 % of its limit"), "{}", sizing.reason);
    assert_eq!(sizing.recommended.unwrap().memory_request_gib, Some(5.0));
}

#[test]
fn what_is_asked_for_without_a_request_is_set() {
    let bare = with(container("web"), |web| (web.cpu_request, web.memory_request_gib) = (None, None));
    let sizing = size(&bare, used("web", |_| 1.2, 1.0));
    assert_eq!(sizing.finding, Finding::UnderProvisioned);
    assert_eq!(sizing.recommended.unwrap().cpu_request, Some(0.38));
}

#[test]
fn hysteresis_and_a_shift_keep_requests_as_they_are() {
    let small = size(&container("web"), used("web", |_| 3.2, 3.4));
    assert_eq!((small.finding, small.recommended), (Finding::Optimized, None), "{}", small.reason);
    let recent = as_of() - chrono::Duration::days(3);
    let shifted = size(&container("web"), used("web", |at| if at >= recent { 1.6 } else { 0.4 }, 1.0));
    assert!(shifted.reason.contains("until it settles"), "{}", shifted.reason);
    assert_eq!(shifted.recommended, None);
}

#[test]
fn an_autoscaler_gets_request_target_and_floor_together() {
    let scaled = with(container("web"), |web| web.autoscaler = scaler(4, 20, 40.0));
    let sizing = size(&scaled, used("web", daily(1.0, 3.0), 1.0));
    assert_eq!(sizing.finding, Finding::OverProvisioned, "{}", sizing.reason);
    let (now, new) = (sizing.current.unwrap(), sizing.recommended.unwrap());
    let target = |requests: &Requests| requests.autoscaler.as_ref().unwrap().cpu_target.unwrap();
    assert!(new.cpu_request.unwrap() < 1.0 && target(&new) > 40.0, "{new}");
    // No pod is busier than pods are today.
    assert!(new.cpu_request.unwrap() * target(&new) <= 40.0 + 1e-6, "{new}");
    assert!(new.mean_pods * new.cpu_request.unwrap() < now.mean_pods, "{now} {new}");
    let patch = sizing.patch.unwrap();
    assert!(
        patch.contains("kind: HorizontalPodAutoscaler") && patch.contains("name: \"web-scaler\""),
        "{patch}"
    );
    assert!(patch.contains(&format!("averageUtilization: {:.0}", target(&new))), "{patch}");
    assert!(sizing.reason.contains(&format!("at {:.0} %", target(&new))), "{}", sizing.reason);
}

#[test]
fn what_cannot_be_said_is_said() {
    let load = || used("web", |_| 1.2, 1.0);
    let scaled = |change: fn(&mut Container)| {
        with(with(container("web"), |web| web.autoscaler = scaler(2, 4, 50.0)), change)
    };
    let few: Vec<HourlyMetric> =
        load().into_iter().filter(|row| row.hour > as_of() - chrono::Duration::days(2)).collect();
    let other = |web: &mut Container| web.autoscaler.as_mut().unwrap().cpu_target = None;
    for (found, metrics, why) in [
        (container("web"), Vec::new(), "CPU was not measured"),
        (container("web"), few, "days of data, at least 3"),
        (with(container("web"), |web| web.replicas = 0), load(), "no pods"),
        (resource("web", ResourceKind::Container), load(), "not known"),
        (scaled(other), load(), "something else than CPU"),
        (scaled(|web| web.cpu_request = None), load(), "there is none"),
        (scaled(|_| ()), used("web", |_| 3.9, 1.0), "raise maxReplicas first"),
    ] {
        let sizing = size(&found, metrics);
        assert_eq!((sizing.finding, &sizing.recommended), (Finding::InsufficientData, &None));
        assert!(sizing.reason.contains(why), "{why}: {}", sizing.reason);
    }
    let sidecar = with(scaled(|_| ()), |web| web.name = "proxy".to_owned());
    let pair = [scaled(|_| ()), Resource { resource_id: "proxy".to_owned(), ..sidecar }];
    let metrics: Metrics = load().into_iter().collect();
    assert!(plan(&metrics, &pair, &Policy::default())[0].reason.contains("2 containers of the pod"));
}

#[test]
fn a_batch_container_may_use_all_that_it_gets() {
    let batch = tagged(container("web"), &[("workload", "batch")]);
    let sizing = size(&batch, used("web", |_| 8.0, 3.6));
    assert_eq!(sizing.finding, Finding::Optimized, "{}", sizing.reason);
}

#[test]
fn only_containers_are_sized_here() {
    let metrics: Metrics = used("web", |_| 1.2, 1.0).into_iter().collect();
    let inventory = [crate::testing::vm("a", "m6i.large"), container("web")];
    assert_eq!(plan(&metrics, &inventory, &Policy::default()).len(), 1);
}
