//! Every script is run by bash with tools that write down what they were called with, and Terraform is parsed: what
//! arrives is what the recommendation says, whatever its ids are.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, Utc};
use domain::{
    ActionType, Commitment, Effect, Effort, Evidence, Finding, Payment, PricingPlan, Provider, Purchase,
    Recommendation, Resource, ResourceKind, Risk, SavingRange, Step,
};
use hcl::eval::{Context, Evaluate};
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::steps::{Act, Kind, Part};
use super::{Advice, Format, Item, export};
use crate::testing::resource;

/// What `look` finds.
const FOUND: &str = "42";

fn as_of() -> DateTime<Utc> {
    "2026-11-01T00:00:00Z".parse().unwrap()
}

/// A recommendation about a resource of `kind` with that id.
fn advice(
    provider: Provider,
    action: ActionType,
    kind: ResourceKind,
    id: &str,
) -> (Recommendation, Resource) {
    let account = match provider {
        Provider::Aws => "111122223333",
        Provider::Azure => "/subscriptions/6a1c",
        Provider::Gcp => "shop",
    };
    let resource = Resource {
        provider,
        account: account.to_owned(),
        region: "eu-central-1".to_owned(),
        ..resource(id, kind)
    };
    let saving = Decimal::new(7008, 2);
    let recommendation = Recommendation {
        key: format!("{}:{id}", action.as_str().to_lowercase()),
        step: Step::Rightsize,
        action_type: action,
        finding: Finding::OverProvisioned,
        resource_id: Some(id.to_owned()),
        provider,
        account: account.to_owned(),
        region: Some(resource.region.clone()),
        team: None,
        summary: format!("{action} {id}"),
        current: "old.large".to_owned(),
        recommended: Some("new.small".to_owned()),
        stand_alone_monthly_savings: saving,
        estimated_monthly_savings: SavingRange { low: saving, expected: saving, high: saving },
        risk: Risk::new(0.001),
        evidence: vec![],
        flips_if: String::new(),
        implementation_effort: Effort::Low,
        restart_needed: true,
        rollback_possible: true,
        lookback_days: 30,
        purchase: None,
        patch: None,
        effect: None,
    };
    (recommendation, resource)
}

fn office() -> Vec<bool> {
    (0..168).map(|hour| hour < 120 && (7..19).contains(&(hour % 24))).collect()
}

/// One of every kind that a command does, of every cloud.
fn all() -> Vec<(Recommendation, Resource)> {
    use ActionType::{ChangeStorageClass, Delete, Rightsize, Schedule, Stop, Upgrade};
    use ResourceKind::{
        Bucket, Cache, Database, Disk, Function, IpAddress, LoadBalancer, NatGateway, Snapshot, Vm,
    };
    let sub = "/subscriptions/6a1c/resourceGroups/office/providers";
    let zone = "//compute.googleapis.com/projects/shop/zones/europe-west3-b";
    let balancer = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/app/old/1f";
    let (aws, azure, gcp) = (Provider::Aws, Provider::Azure, Provider::Gcp);
    let mut all = vec![
        advice(aws, Rightsize, Vm, "i-0a"),
        advice(aws, Rightsize, Database, "arn:aws:rds:eu-central-1:111122223333:db:orders"),
        advice(aws, Rightsize, Cache, "arn:aws:elasticache:eu-central-1:111122223333:cluster:carts"),
        advice(aws, Rightsize, Function, "arn:aws:lambda:eu-central-1:111122223333:function:thumbs"),
        advice(aws, Upgrade, Disk, "vol-0b"),
        advice(aws, Stop, Vm, "i-0c"),
        advice(aws, Schedule, Vm, "i-0d"),
        advice(aws, ChangeStorageClass, Bucket, "arn:aws:s3:::logs"),
        advice(aws, Delete, Disk, "vol-0e"),
        advice(aws, Delete, IpAddress, "eipalloc-0f"),
        advice(aws, Delete, Snapshot, "snap-0a"),
        advice(aws, Delete, Vm, "i-0b"),
        advice(aws, Delete, Database, "arn:aws:rds:eu-central-1:111122223333:db:old"),
        advice(aws, Delete, Cache, "arn:aws:elasticache:eu-central-1:111122223333:cluster:old"),
        advice(aws, Delete, LoadBalancer, balancer),
        advice(aws, Delete, LoadBalancer, "classic"),
        advice(aws, Delete, NatGateway, "nat-0c"),
        advice(azure, Rightsize, Vm, &format!("{sub}/Microsoft.Compute/virtualMachines/ad")),
        advice(azure, Rightsize, Database, &format!("{sub}/Microsoft.DBforPostgreSQL/flexibleServers/pg")),
        advice(azure, Stop, Vm, &format!("{sub}/Microsoft.Compute/virtualMachines/old")),
        advice(azure, ChangeStorageClass, Bucket, &format!("{sub}/Microsoft.Storage/storageAccounts/files")),
        advice(azure, Delete, Disk, &format!("{sub}/Microsoft.Compute/disks/old")),
        advice(azure, Delete, IpAddress, &format!("{sub}/Microsoft.Network/publicIPAddresses/old")),
        advice(azure, Delete, Snapshot, &format!("{sub}/Microsoft.Compute/snapshots/old")),
        advice(azure, Delete, Vm, &format!("{sub}/Microsoft.Compute/virtualMachines/gone")),
        advice(gcp, Rightsize, Vm, &format!("{zone}/instances/etl")),
        advice(gcp, Rightsize, Database, "//cloudsql.googleapis.com/projects/shop/instances/reports"),
        advice(gcp, Stop, Vm, &format!("{zone}/instances/old")),
        advice(gcp, Schedule, Vm, &format!("{zone}/instances/test")),
        advice(gcp, ChangeStorageClass, Bucket, "//storage.googleapis.com/projects/_/buckets/logs"),
        advice(gcp, Delete, Disk, &format!("{zone}/disks/old")),
        advice(
            gcp,
            Delete,
            IpAddress,
            "//compute.googleapis.com/projects/shop/regions/europe-west3/addresses/old",
        ),
        advice(gcp, Delete, Snapshot, "//compute.googleapis.com/projects/shop/global/snapshots/old"),
        advice(gcp, Delete, Vm, &format!("{zone}/instances/gone")),
    ];
    for (recommendation, resource) in &mut all {
        match (recommendation.action_type, resource.kind) {
            (Rightsize, Function) => {
                recommendation.current = "1024 MiB".to_owned();
                recommendation.recommended = Some("640 MiB".to_owned());
            }
            (Rightsize, Database) if resource.provider == azure => {
                recommendation.current = "GP_Standard_D4ds_v4".to_owned();
                recommendation.recommended = Some("GP_Standard_D2ds_v4".to_owned());
            }
            (Upgrade, Disk) => {
                let carries =
                    |label: &str, value: &str| Evidence { label: label.to_owned(), value: value.to_owned() };
                recommendation.evidence = vec![
                    carries("Operations to carry", "4500/s (P99.9 measured)"),
                    carries("Throughput to carry", "90 MB/s (what gp2 gives)"),
                ];
            }
            (Schedule, _) => recommendation.effect = Some(Effect::Schedule { on: office() }),
            (ChangeStorageClass, _) => {
                recommendation.current = "STANDARD".to_owned();
                recommendation.recommended = Some("STANDARD_IA".to_owned());
            }
            _ => {}
        }
    }
    all
}

fn purchase(plan: PricingPlan, provider: Provider) -> Recommendation {
    let account = match provider {
        Provider::Aws => "111122223333",
        Provider::Azure => "6a1c2f9e",
        Provider::Gcp => "shop",
    };
    let commitment = Commitment {
        id: "planned-1".to_owned(),
        provider,
        account: account.to_owned(),
        region: Some("eu-central-1".to_owned()),
        plan,
        instance_type: (!plan.is_spend_based()).then(|| "n2-standard-4".to_owned()),
        family: plan.is_spend_based().then(|| "m6i".to_owned()),
        os: Some("Linux".to_owned()),
        quantity: if plan.is_spend_based() { Decimal::new(1234, 3) } else { Decimal::from(3) },
        term_years: 1,
        payment: Payment::NoUpfront,
        starts_at: as_of(),
        ends_at: as_of() + chrono::Duration::days(365),
        hourly: None,
        upfront: None,
    };
    let (base, _) = advice(provider, ActionType::PurchaseSavingsPlan, ResourceKind::Vm, plan.as_str());
    Recommendation {
        resource_id: None,
        purchase: Some(Purchase {
            commitment,
            expected_saving_usd: Decimal::from(900),
            saving_p10_usd: Decimal::from(500),
            saving_p90_usd: Decimal::from(1200),
            break_even_utilization: 0.63,
            reason: "steady".to_owned(),
        }),
        ..base
    }
}

fn purchases() -> Vec<Recommendation> {
    use PricingPlan::{
        AzureReservation, AzureSavingsPlan, ComputeSp, Ec2InstanceSp, GcpCudResource, RiConvertible,
        RiStandard,
    };
    let aws = [ComputeSp, Ec2InstanceSp, RiStandard, RiConvertible].map(|plan| purchase(plan, Provider::Aws));
    let azure = [AzureReservation, AzureSavingsPlan].map(|plan| purchase(plan, Provider::Azure));
    aws.into_iter().chain(azure).chain([purchase(GcpCudResource, Provider::Gcp)]).collect()
}

fn written(all: &[(Recommendation, Resource)], bought: &[Recommendation], format: Format) -> String {
    let mut recommendations: Vec<Recommendation> = all.iter().map(|(found, _)| found.clone()).collect();
    recommendations.extend_from_slice(bought);
    let resources: BTreeMap<&str, &Resource> =
        all.iter().map(|(_, resource)| (resource.resource_id.as_str(), resource)).collect();
    export(Advice { as_of: as_of(), recommendations: &recommendations, resources: &resources }, format)
}

/// A folder with a tool of each name that writes down its arguments and answers what it is told.
struct Bench(PathBuf);

static BENCHES: AtomicUsize = AtomicUsize::new(0);

impl Bench {
    fn new() -> Self {
        let number = BENCHES.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("headroom-export-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let tool = "#!/bin/bash\n\
                    cd \"$(dirname \"$0\")\"\n\
                    count=$(($(cat count 2>/dev/null || echo 0) + 1))\n\
                    echo $count >count\n\
                    { printf '%s\\0' \"$(basename \"$0\")\" \"$@\"; printf '\\1\\0'; } >>calls\n\
                    if [ -e fail-$count ]; then cat fail-$count >&2; exit 1; fi\n\
                    [ ! -e answer-$count ] || cat answer-$count\n";
        for name in ["aws", "az", "gcloud"] {
            fs::write(folder.join(name), tool).unwrap();
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self(folder)
    }

    fn run(&self, script: &str, options: &[&str]) -> Output {
        let _ = fs::remove_file(self.0.join("count"));
        let _ = fs::remove_file(self.0.join("calls"));
        fs::write(self.0.join("script.sh"), script).unwrap();
        let mut bash = Process::new("bash");
        bash.args(["-c", "PATH=$PWD:$PATH; exec bash script.sh \"$@\"", "bash"]).args(options);
        bash.current_dir(&self.0);
        bash.env("SCHEDULER_ROLE_ARN", "arn:aws:iam::111122223333:role/switch")
            .stdin(std::process::Stdio::null());
        bash.output().unwrap()
    }

    /// What the tools were called with, in order.
    fn calls(&self) -> Vec<Vec<String>> {
        let text = fs::read(self.0.join("calls")).unwrap_or_default();
        let text = String::from_utf8(text).unwrap();
        let calls = text.split("\u{1}\0").filter(|call| !call.is_empty());
        calls.map(|call| call.strip_suffix('\0').unwrap().split('\0').map(str::to_owned).collect()).collect()
    }

    /// Runs one recommendation as if everything were as it expects, and gives what was called.
    fn carry_out(&self, recommendation: &Recommendation, resource: Option<&Resource>) -> Vec<Vec<String>> {
        let steps = Item { recommendation, resource }.steps().unwrap();
        let mut expected = Vec::new();
        for act in &steps.acts {
            let number = expected.len() + 1;
            let (command, file, answer) = match act {
                Act::Need(..) => continue,
                Act::Expect(answer, command) => (command, "answer", answer.as_str()),
                Act::Absent(error, command) => (command, "fail", *error),
                Act::Look(_, command) => (command, "answer", FOUND),
                Act::Run(command) => (command, "answer", ""),
            };
            fs::write(self.0.join(format!("{file}-{number}")), answer).unwrap();
            let word = |parts: &Vec<Part>| -> String {
                let part = |part: &Part| match part {
                    Part::Text(text) => text.clone(),
                    Part::Variable("SCHEDULER_ROLE_ARN") => {
                        "arn:aws:iam::111122223333:role/switch".to_owned()
                    }
                    Part::Variable(_) => FOUND.to_owned(),
                    Part::Times(_, count) => (42 * count).to_string(),
                };
                parts.iter().map(part).collect()
            };
            expected.push(command.words.iter().map(word).collect::<Vec<String>>());
        }
        let resources: BTreeMap<&str, &Resource> =
            resource.iter().map(|resource| (resource.resource_id.as_str(), *resource)).collect();
        let advice = Advice {
            as_of: as_of(),
            recommendations: std::slice::from_ref(recommendation),
            resources: &resources,
        };
        let script = export(advice, Format::Cli(recommendation.provider));
        let output =
            self.run(&script, &["--apply", "--delete", "--buy", "--yes", "--only", &recommendation.key]);
        assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
        let calls = self.calls();
        assert_eq!(calls, expected, "{script}");
        calls
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn has(calls: &[Vec<String>], words: &[&str]) -> bool {
    calls.iter().any(|call| words.iter().all(|word| call.iter().any(|found| found == word)))
}

#[test]
fn scripts_and_terraform_are_as_they_were() {
    let (all, bought) = (all(), purchases());
    for (name, format) in Format::ALL {
        insta::assert_snapshot!(name, written(&all, &bought, format));
    }
}

#[test]
fn what_is_called_is_what_the_recommendation_says() {
    for (recommendation, resource) in all() {
        let bench = Bench::new();
        let calls = bench.carry_out(&recommendation, Some(&resource));
        let id = resource.resource_id.as_str();
        let name = id.rsplit(['/', ':']).next().unwrap();
        let named = |word: &String| word.contains(id) || word.contains(name);
        let last = calls.last().unwrap();
        assert!(calls.len() >= 2 && last.iter().any(named), "{calls:?}");
        match (recommendation.action_type, resource.kind, resource.provider) {
            (ActionType::Rightsize, ResourceKind::Function, _) => {
                assert!(has(&calls, &["--memory-size", "640"]), "{calls:?}");
            }
            (ActionType::Rightsize, ResourceKind::Database, Provider::Azure) => {
                assert!(has(&calls, &["--sku-name", "Standard_D2ds_v4", "GeneralPurpose"]), "{calls:?}");
            }
            (ActionType::Rightsize, ResourceKind::Vm, Provider::Aws) => {
                assert!(has(&calls, &[r#"{"Value":"new.small"}"#]), "{calls:?}");
            }
            (ActionType::Rightsize, ..) => assert!(has(&calls, &["new.small"]), "{calls:?}"),
            (ActionType::Upgrade, ..) => {
                assert!(has(&calls, &["gp3", "--iops", "4500", "--throughput", "125"]), "{calls:?}");
            }
            (ActionType::Schedule, _, Provider::Aws) => {
                assert!(has(&calls, &["cron(0 7 ? * MON,TUE,WED,THU,FRI *)"]), "{calls:?}");
                assert!(has(&calls, &["cron(0 19 ? * MON,TUE,WED,THU,FRI *)"]), "{calls:?}");
            }
            (ActionType::Schedule, ..) => {
                assert!(has(&calls, &["0 19 * * MON,TUE,WED,THU,FRI"]), "{calls:?}")
            }
            (ActionType::ChangeStorageClass, ..) => {
                assert!(calls.iter().flatten().any(|word| word.contains("STANDARD_IA")), "{calls:?}");
            }
            _ => {}
        }
    }
    for bought in purchases() {
        let calls = Bench::new().carry_out(&bought, None);
        let quantity = bought.purchase.as_ref().unwrap().commitment.quantity;
        let count = [quantity.to_string(), (quantity * Decimal::from(42)).to_string()];
        let says = |word: &String| count.iter().any(|count| word.contains(count.as_str()));
        assert!(calls.last().unwrap().iter().any(says), "{calls:?}");
    }
}

#[test]
fn nothing_is_called_without_apply_and_nothing_deleted_or_bought_without_a_word() {
    let (all, bought) = (all(), purchases());
    for provider in Provider::ALL {
        let script = written(&all, &bought, Format::Cli(provider));
        let bench = Bench::new();
        let shown = bench.run(&script, &[]);
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
        assert!(bench.calls().is_empty() && shown.stdout.len() > 500);
        let told = bench.run(&script, &["--apply"]);
        assert_eq!(told.status.code(), Some(2), "without a terminal it does not ask");
        assert_eq!(bench.run(&script, &["--aply"]).status.code(), Some(2));
        // No check holds here, since the tools say nothing: all steps are left alone, and the script says so.
        let left = bench.run(&script, &["--apply", "--yes"]);
        assert_eq!(left.status.code(), Some(1));
        let output = String::from_utf8_lossy(&left.stdout).into_owned();
        assert!(output.contains("because it deletes") && output.contains("because it spends money"));
    }
    // Even with everything as expected, what deletes or buys needs its own word.
    let mut harmful = 0;
    for (recommendation, resource) in all
        .into_iter()
        .map(|(found, resource)| (found, Some(resource)))
        .chain(bought.into_iter().map(|found| (found, None)))
    {
        let item = Item { recommendation: &recommendation, resource: resource.as_ref() };
        if item.steps().unwrap().kind == Kind::Change {
            continue;
        }
        let one: Vec<(Recommendation, Resource)> =
            resource.map(|resource| (recommendation.clone(), resource)).into_iter().collect();
        let bought: &[Recommendation] =
            if one.is_empty() { std::slice::from_ref(&recommendation) } else { &[] };
        let bench = Bench::new();
        let script = written(&one, bought, Format::Cli(recommendation.provider));
        let other = if one.is_empty() { "--delete" } else { "--buy" };
        assert!(bench.run(&script, &["--apply", "--yes", other]).status.success());
        assert!(bench.calls().is_empty(), "{:?}", bench.calls());
        harmful += 1;
    }
    assert_eq!(harmful, 24);
}

#[test]
fn what_changed_since_is_left_alone_and_a_failure_ends_its_step() {
    let (recommendation, resource) = advice(Provider::Aws, ActionType::Rightsize, ResourceKind::Vm, "i-0a");
    let script = written(&[(recommendation, resource)], &[], Format::Cli(Provider::Aws));
    let bench = Bench::new();
    fs::write(bench.0.join("answer-1"), "111122223333").unwrap();
    fs::write(bench.0.join("answer-2"), "other.large").unwrap();
    let output = bench.run(&script, &["--apply", "--yes"]);
    assert_eq!((output.status.code(), bench.calls().len()), (Some(1), 2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("expected old.large, found other.large"));
    fs::write(bench.0.join("answer-2"), "old.large").unwrap();
    fs::write(bench.0.join("fail-3"), "denied").unwrap();
    assert_eq!(bench.run(&script, &["--apply", "--yes"]).status.code(), Some(1));
    assert_eq!(bench.calls().len(), 3, "what failed to stop is not changed");
    // The way back is the same with the old type.
    fs::remove_file(bench.0.join("fail-3")).unwrap();
    assert!(bench.run(&script, &["--undo", "--apply", "--yes"]).status.success());
    assert!(has(&bench.calls(), &["modify-instance-attribute", r#"{"Value":"old.large"}"#]));
}

#[test]
fn what_no_command_does_stands_there_with_the_reason() {
    let mut grouped = advice(Provider::Aws, ActionType::Rightsize, ResourceKind::Vm, "i-0a");
    grouped.1.group = Some("web".to_owned());
    let arm = advice(Provider::Aws, ActionType::MigrateToGraviton, ResourceKind::Vm, "i-0b");
    let spot = advice(Provider::Gcp, ActionType::UseSpot, ResourceKind::Vm, "//x/instances/c");
    let option = advice(Provider::Aws, ActionType::Stop, ResourceKind::Vm, "--profile=other");
    let azure = {
        let id = "/subscriptions/6a1c/resourceGroups/office/providers/Microsoft.Compute/virtualMachines/ci";
        let mut found = advice(Provider::Azure, ActionType::Schedule, ResourceKind::Vm, id);
        found.0.effect = Some(Effect::Schedule { on: office() });
        found
    };
    let mut patched = advice(Provider::Aws, ActionType::Rightsize, ResourceKind::Container, "cart");
    patched.0.patch = Some("kind: Deployment".to_owned());
    let all = [grouped, arm, spot, option, azure, patched];
    let aws = written(&all, &[], Format::Cli(Provider::Aws));
    for reason in [
        "it belongs to the group web",
        "an image for another processor is needed",
        "could be read as something else than a name",
        "Kubernetes does it",
        "2 more for other clouds",
        "There is nothing that a command does",
    ] {
        assert!(aws.contains(reason), "{reason}: {aws}");
    }
    assert!(!aws.contains("step_1"));
    let azure = written(&all, &[], Format::Cli(Provider::Azure));
    assert!(azure.contains("az vm start at 0 7 * * MON,TUE,WED,THU,FRI"), "{azure}");
    let terraform = written(&all, &[purchase(PricingPlan::ComputeSp, Provider::Aws)], Format::Terraform);
    assert!(
        terraform.contains("a purchase cannot be destroyed") && terraform.contains("launch it anew"),
        "{terraform}"
    );
    // A resource that went away is not guessed at.
    let (gone, _) = advice(Provider::Aws, ActionType::Stop, ResourceKind::Vm, "i-0z");
    let none = BTreeMap::new();
    let advice = Advice { as_of: as_of(), recommendations: &[gone], resources: &none };
    assert!(export(advice, Format::Cli(Provider::Aws)).contains("not in the inventory any more"));
}

/// The string that an attribute of a block is.
fn value(body: &hcl::Body, name: &str) -> String {
    let attribute = body.attributes().find(|found| found.key() == name).unwrap();
    let value = attribute.expr().evaluate(&Context::new()).unwrap();
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn terraform_holds_what_the_recommendations_say() {
    let text = written(&all(), &purchases(), Format::Terraform);
    let body: hcl::Body = hcl::from_str(&text).unwrap();
    let of = |kind: &str| {
        let is = |block: &&hcl::Block| block.labels().first().is_some_and(|label| label.as_str() == kind);
        body.blocks().filter(is).collect::<Vec<_>>()
    };
    let schedules = of("aws_scheduler_schedule");
    let times: Vec<String> =
        schedules.iter().map(|block| value(block.body(), "schedule_expression")).collect();
    let expected = ["cron(0 7 ? * MON,TUE,WED,THU,FRI *)", "cron(0 19 ? * MON,TUE,WED,THU,FRI *)"];
    assert_eq!(times, expected);
    let target = schedules[0].body().blocks().find(|block| block.identifier() == "target").unwrap();
    assert_eq!(value(target.body(), "input"), r#"{"InstanceIds":["i-0d"]}"#);
    let lifecycle = of("aws_s3_bucket_lifecycle_configuration");
    assert_eq!(value(lifecycle[0].body(), "bucket"), "logs");
    let rule = lifecycle[0].body().blocks().next().unwrap();
    let transition = rule.body().blocks().find(|block| block.identifier() == "transition").unwrap();
    let transition = transition.body();
    assert_eq!(
        (value(transition, "days"), value(transition, "storage_class")),
        ("30".into(), "STANDARD_IA".into())
    );
    assert_eq!(value(of("aws_ec2_instance_state")[0].body(), "instance_id"), "i-0c");
    assert_eq!(of("google_compute_resource_policy").len(), 1);
    assert_eq!(body.blocks().count(), 6, "and the variable of the role");
    for line in [
        "# +   instance_type = \"new.small\"",
        "# +   memory_size = 640",
        "# +   iops = 4500",
        "# +   sku_name = \"GP_Standard_D2ds_v4\"",
        "# +   settings.tier = \"new.small\"",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}");
    }
    assert_formatted(&text);
    terraform_agrees(&text);
}

/// What `terraform fmt` asks of this writer: two spaces a level, the equal signs of neighbours below each other.
fn assert_formatted(text: &str) {
    let mut depth = 0;
    let mut column = None;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let trimmed = line.trim();
        depth -= usize::from(trimmed == "}");
        assert!(trimmed.is_empty() || line.len() - trimmed.len() == 2 * depth, "{line:?}");
        depth += usize::from(trimmed.ends_with('{'));
        let at = line.find(" = ").filter(|_| !trimmed.ends_with('{'));
        assert!(column.is_none() || at.is_none() || at == column, "{line:?}");
        column = at;
    }
    assert!(depth == 0 && !text.contains("\n\n\n"));
}

fn terraform_agrees(text: &str) {
    let folder = Bench::new();
    fs::write(folder.0.join("all.tf"), text).unwrap();
    match Process::new("terraform").args(["fmt", "-check", "-diff"]).arg(folder.0.join("all.tf")).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
        Err(_) => println!("skipped: no `terraform` on this machine"),
    }
}

/// Ids as somebody could type them to harm: with quotes, substitutions, line breaks, options, templates.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "'",
        "\"",
        "`touch harm`",
        "$(touch harm)",
        ";touch harm;",
        "\ntouch harm\n",
        "\\",
        "${file(\"x\")}",
        "%{if x}",
        "|touch harm",
        "&&touch harm",
        "#",
        "*",
        " ",
        "--yes",
        "~",
        "!!",
        "{a,b}",
        "é",
        "\u{202e}",
        "$HOME",
        "}",
        "EOF",
        "'\\''",
    ]);
    prop::collection::vec(pieces, 1..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A hostile id arrives as it is, or nothing is done at all; nothing else ever runs.
    #[test]
    fn no_id_escapes_from_the_script(harm in hostile(), kind in 0..4_usize, front in any::<bool>()) {
        let (action, kind) = [
            (ActionType::Rightsize, ResourceKind::Vm),
            (ActionType::Schedule, ResourceKind::Vm),
            (ActionType::Delete, ResourceKind::Disk),
            (ActionType::ChangeStorageClass, ResourceKind::Bucket),
        ][kind];
        let id = if front { harm.clone() } else { format!("i-0a{harm}") };
        let (mut recommendation, mut resource) = advice(Provider::Aws, action, kind, &id);
        recommendation.effect = Some(Effect::Schedule { on: office() });
        recommendation.current = format!("old{harm}");
        resource.tags.insert("Name".to_owned(), harm.clone());
        recommendation.summary = format!("Change {harm}");
        let bench = Bench::new();
        if (Item { recommendation: &recommendation, resource: Some(&resource) }).steps().is_ok() {
            bench.carry_out(&recommendation, Some(&resource));
        }
        let one = [(recommendation, resource)];
        let script = written(&one, &[], Format::Cli(Provider::Aws));
        prop_assert!(bench.run(&script, &[]).status.success());
        let undone = bench.run(&script, &["--undo", "--apply", "--yes"]);
        prop_assert!(undone.status.code().is_some());
        prop_assert!(!Path::new(&bench.0.join("harm")).exists(), "{script}");

        let text = written(&one, &[], Format::Terraform);
        let body: hcl::Body = hcl::from_str(&text).map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
        prop_assert!(body.attributes().count() == 0, "{text}");
        for block in body.blocks().filter(|block| block.identifier() == "resource") {
            let kind = block.labels()[0].as_str();
            match kind {
                "aws_scheduler_schedule" => {
                    let target = block.body().blocks().find(|block| block.identifier() == "target").unwrap();
                    let input = serde_json::json!({ "InstanceIds": [id] }).to_string();
                    prop_assert_eq!(value(target.body(), "input"), input);
                }
                "aws_s3_bucket_lifecycle_configuration" => {
                    prop_assert_eq!(value(block.body(), "bucket"), id.rsplit([':', '/']).next().unwrap());
                }
                other => prop_assert!(false, "{other}: {text}"),
            }
        }
    }
}
