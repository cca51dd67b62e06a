//! What exists at `as_of`, and what is planted or clean among it.

use chrono::Duration;
use domain::{Resource, ResourceKind, ResourceState};

use crate::DemoError;
use crate::fleet::{Fleet, OS};
use crate::names::{numbered, resource_id};
use crate::spec::{Account, Planted, Spec, Tags};
use crate::truth::{Expectation, Truth, planted};

/// Resources, truths and the control group.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inventory {
    pub(crate) resources: Vec<Resource>,
    pub(crate) truths: Vec<Truth>,
    pub(crate) controls: Vec<String>,
}

impl Inventory {
    /// Everything of the spec that exists at its `as_of`.
    pub(crate) fn new(spec: &Spec, fleet: &Fleet<'_>) -> Result<Self, DemoError> {
        let mut inventory = Self::default();
        inventory.machines(spec, fleet)?;
        inventory.managed(spec)?;
        inventory.disks(spec)?;
        inventory.buckets(spec)?;
        inventory.network(spec)?;
        inventory.without_resource(spec)?;
        Ok(inventory)
    }

    fn machines(&mut self, spec: &Spec, fleet: &Fleet<'_>) -> Result<(), DemoError> {
        let last = spec.hours().saturating_sub(1);
        for (index, machine) in spec.machines.iter().enumerate() {
            let instances = &fleet.instances[fleet.running(index, last)];
            let resources: Vec<Resource> = instances
                .iter()
                .map(|instance| Resource {
                    instance_type: Some(machine.instance_type.clone()),
                    os: Some(OS.to_owned()),
                    group: machine
                        .group
                        .clone()
                        .or_else(|| machine.scale.as_ref().map(|_| machine.name.clone())),
                    ..resource(
                        ResourceKind::Vm,
                        instance.account,
                        &machine.region,
                        &instance.name,
                        &machine.tags,
                    )
                })
                .collect();
            self.add(resources, machine.control, machine.truth.as_ref())?;
            for instance in instances {
                let Some(root) = spec.root_disk.get(&instance.account.provider) else { continue };
                let name = format!("{}-root", instance.name);
                let disk = Resource {
                    instance_type: Some(root.disk_type.clone()),
                    state: ResourceState::Attached,
                    size_gib: Some(root.size_gib),
                    ..resource(ResourceKind::Disk, instance.account, &machine.region, &name, &machine.tags)
                };
                self.add(vec![disk], false, None)?;
            }
        }
        Ok(())
    }

    fn managed(&mut self, spec: &Spec) -> Result<(), DemoError> {
        for managed in &spec.managed {
            let account = spec.account(&managed.account, &managed.name)?;
            let resource = Resource {
                instance_type: Some(managed.instance_type.clone()),
                size_gib: managed.storage_gib,
                ..resource(managed.kind, account, &managed.region, &managed.name, &managed.tags)
            };
            self.add(vec![resource], managed.control, managed.truth.as_ref())?;
        }
        Ok(())
    }

    fn disks(&mut self, spec: &Spec) -> Result<(), DemoError> {
        for disk in &spec.disks {
            let account = spec.account(&disk.account, &disk.name)?;
            let resources = (0..disk.count)
                .map(|number| {
                    let name = numbered(&disk.name, number, disk.count == 1);
                    let detached = disk.unattached_days.map(|days| spec.as_of - Duration::days(days));
                    Resource {
                        instance_type: Some(disk.disk_type.clone()),
                        state: match detached {
                            Some(_) => ResourceState::Unattached,
                            None => ResourceState::Attached,
                        },
                        state_since: detached.or(Some(spec.history_start)),
                        size_gib: Some(disk.size_gib),
                        ..resource(ResourceKind::Disk, account, &disk.region, &name, &disk.tags)
                    }
                })
                .collect();
            self.add(resources, disk.control, disk.truth.as_ref())?;
        }
        for snapshot in &spec.snapshots {
            let account = spec.account(&snapshot.account, &snapshot.name)?;
            let resource = Resource {
                state_since: Some(spec.as_of - Duration::days(snapshot.age_days)),
                size_gib: Some(snapshot.size_gib),
                ..resource(ResourceKind::Snapshot, account, &snapshot.region, &snapshot.name, &snapshot.tags)
            };
            self.add(vec![resource], snapshot.control, snapshot.truth.as_ref())?;
        }
        Ok(())
    }

    fn buckets(&mut self, spec: &Spec) -> Result<(), DemoError> {
        for bucket in &spec.buckets {
            let account = spec.account(&bucket.account, &bucket.name)?;
            let resource = Resource {
                size_gib: Some(bucket.size_gib),
                storage_class: Some(bucket.storage_class.clone()),
                reads_per_gib_month: Some(bucket.reads_per_gib_month),
                mean_object_kib: Some(bucket.mean_object_kib),
                ..resource(ResourceKind::Bucket, account, &bucket.region, &bucket.name, &bucket.tags)
            };
            self.add(vec![resource], bucket.control, bucket.truth.as_ref())?;
        }
        Ok(())
    }

    fn network(&mut self, spec: &Spec) -> Result<(), DemoError> {
        for service in &spec.services {
            let account = spec.account(&service.account, &service.name)?;
            if let Some(kind) = service.kind {
                let resource = Resource {
                    size_gib: service.memory_gib,
                    ..resource(kind, account, &service.region, &service.name, &service.tags)
                };
                self.add(vec![resource], service.control, service.truth.as_ref())?;
            }
            if let Some(anomaly) = &service.anomaly {
                self.truths.push(Truth {
                    id: anomaly.id.clone(),
                    kind: "spend_anomaly".to_owned(),
                    resource_ids: Vec::new(),
                    expected: Expectation::Anomaly {
                        account: account.id.clone(),
                        service_name: service.service_name.clone(),
                        starts_at: anomaly.starts_at,
                        ends_at: anomaly.ends_at,
                    },
                    note: anomaly.note.clone(),
                });
            }
        }
        for address in &spec.addresses {
            let account = spec.account(&address.account, &address.name)?;
            let resource = Resource {
                state: if address.attached { ResourceState::Attached } else { ResourceState::Unattached },
                state_since: Some(spec.history_start),
                ..resource(ResourceKind::IpAddress, account, &address.region, &address.name, &address.tags)
            };
            self.add(vec![resource], address.control, address.truth.as_ref())?;
        }
        Ok(())
    }

    /// Truths about commitments and purchases.
    fn without_resource(&mut self, spec: &Spec) -> Result<(), DemoError> {
        for commitment in &spec.commitments {
            if let Some(warning) = &commitment.warning {
                self.truths.extend(planted(warning, std::slice::from_ref(&commitment.id))?);
            }
        }
        for truth in &spec.purchase_truths {
            let entry = Planted {
                id: truth.id.clone(),
                kind: "uncovered_usage".to_owned(),
                each: false,
                note: truth.note.clone(),
            };
            self.truths.extend(planted(&entry, &[])?);
        }
        Ok(())
    }

    fn add(
        &mut self,
        resources: Vec<Resource>,
        control: bool,
        truth: Option<&Planted>,
    ) -> Result<(), DemoError> {
        let ids: Vec<String> = resources.iter().map(|resource| resource.resource_id.clone()).collect();
        if let Some(truth) = truth {
            self.truths.extend(planted(truth, &ids)?);
        }
        if control {
            self.controls.extend(ids);
        }
        self.resources.extend(resources);
        Ok(())
    }
}

/// A running resource with a `Name` tag, without size and type, to be filled in.
fn resource(kind: ResourceKind, account: &Account, region: &str, name: &str, tags: &Tags) -> Resource {
    let named = ("Name".to_owned(), name.to_owned());
    Resource {
        resource_id: resource_id(kind, account, region, name),
        provider: account.provider,
        account: account.id.clone(),
        region: region.to_owned(),
        kind,
        instance_type: None,
        os: None,
        state: ResourceState::Running,
        state_since: None,
        size_gib: None,
        storage_class: None,
        reads_per_gib_month: None,
        mean_object_kib: None,
        spot: false,
        group: None,
        container: None,
        tags: tags.iter().map(|(key, value)| (key.clone(), value.clone())).chain([named]).collect(),
    }
}
