//! Modules: clients of their own that live and die with their device.

use hub_core::link::{LinkClose, LinkId, LinkRefusal, LinkUp};
use hub_core::method::InvokeMethod;
use hub_core::output::ToDevice;
use hub_core::registry::{Authentication, IfMatch, ModuleIdentity, ModuleSpec, SymmetricKeys};
use hub_core::{EventKind, HubError, Limits, Output};
use hub_proto::ids::{ClientIdentity, ModuleId};
use hub_proto::topic::Subscription;

use crate::support::*;

fn module(text: &str) -> ModuleId {
    ModuleId::parse(text).expect("tests choose good names")
}

fn module_spec(device: &str, name: &str) -> ModuleSpec {
    let authentication = Authentication::Sas(SymmetricKeys {
        primary: key(3),
        secondary: key(4),
    });
    ModuleSpec {
        device: id(device),
        id: module(name),
        authentication,
        managed_by: Some("me".to_owned()),
    }
}

fn module_client(name: &str) -> ClientIdentity {
    ClientIdentity::module(id("d1"), module(name))
}

fn create(hub: &mut Hub, device: &str, name: &str) -> Result<ModuleIdentity, HubError> {
    hub.shard.create_module(T0, module_spec(device, name))
}

/// A hub in which `d1` has a module `m1` that is connected as [`LINK`] and listens to methods.
fn hub_with_module() -> Hub {
    let mut hub = hub();
    create(&mut hub, "d1", "m1").expect("d1 exists");
    let link_up = LinkUp {
        client: module_client("m1"),
        ..link_up(LINK)
    };
    hub.shard.link_up(T0, link_up).expect("m1 may connect");
    let granted = [(
        Subscription::Methods,
        hub_proto::mqtt::packet::QoS::AtMostOnce,
    )];
    hub.shard
        .subscribe(T0, &module_client("m1"), LINK, &granted);
    hub.drain();
    hub
}

#[test]
fn a_module_is_created_replaced_read_and_deleted_with_its_own_etag() {
    // REG-9
    let mut hub = hub();
    let created = create(&mut hub, "d1", "m1").unwrap();
    assert_eq!(created.managed_by.as_deref(), Some("me"));
    assert_eq!(hub.facts(), [EventKind::ModuleCreated]);
    let exists = HubError::ModuleAlreadyExists(id("d1"), module("m1"));
    assert_eq!(create(&mut hub, "d1", "m1"), Err(exists.clone()));
    let mut changed = module_spec("d1", "m1");
    changed.managed_by = None;
    let update = |hub: &mut Hub, if_match| {
        let spec = changed.clone();
        hub.shard.update_module(T0, spec, &if_match)
    };
    assert_eq!(update(&mut hub, IfMatch::Absent), Err(exists));
    let stale = IfMatch::Etag("stale".to_owned());
    assert_eq!(update(&mut hub, stale), Err(HubError::EtagMismatch));
    let updated = update(&mut hub, IfMatch::Etag(created.etag.clone())).unwrap();
    assert_eq!(updated.managed_by, None);
    assert_ne!(updated.etag, created.etag);
    assert_eq!(updated.generation_id, created.generation_id);
    assert_eq!(hub.shard.module(&id("d1"), &module("m1")), Ok(updated));
    let delete = |hub: &mut Hub, if_match| {
        let (device, module) = (id("d1"), module("m1"));
        hub.shard.delete_module(T0, &device, &module, &if_match)
    };
    assert_eq!(
        delete(&mut hub, IfMatch::Absent),
        Err(HubError::EtagMissing)
    );
    assert_eq!(delete(&mut hub, IfMatch::Any), Ok(()));
    let gone = Err(HubError::ModuleNotFound(id("d1"), module("m1")));
    assert_eq!(delete(&mut hub, IfMatch::Any), gone);
}

#[test]
fn a_module_needs_a_device_and_there_is_room_for_so_many() {
    // REG-9
    let mut hub = hub_with(Limits {
        modules_per_device: 2,
        ..Limits::default()
    });
    let unknown = Err(HubError::DeviceNotFound(id("d9")));
    assert_eq!(create(&mut hub, "d9", "m1"), unknown);
    hub.create("d1x");
    hub.create("d0");
    for (device, name) in [("d1", "!"), ("d1", "z"), ("d1x", "m"), ("d0", "m")] {
        assert!(create(&mut hub, device, name).is_ok(), "{device}/{name}");
    }
    let full = Err(HubError::TooManyModules(id("d1"), 2));
    assert_eq!(create(&mut hub, "d1", "m3"), full);
    let names = |hub: &Hub, device: &str| -> Vec<String> {
        let modules = hub.shard.modules(&id(device)).unwrap();
        modules.iter().map(|module| module.id.to_string()).collect()
    };
    assert_eq!(names(&hub, "d1"), ["!", "z"]);
    assert_eq!(names(&hub, "d1x"), ["m"]);
    assert_eq!(
        hub.shard.device_count(),
        3,
        "modules are not counted as devices"
    );
    assert_eq!(hub.shard.devices(None, 10).len(), 3);
}

#[test]
fn the_twin_of_a_module_is_its_own_and_shows_its_devices_status() {
    // TW-12
    let mut hub = hub();
    let identity = create(&mut hub, "d1", "m1").unwrap();
    hub.update_twin(T0, r#"{"tags":{"of":"device"}}"#, &IfMatch::Any)
        .unwrap();
    let document = hub.shard.twin(&module_client("m1")).unwrap().json;
    let start = format!(
        r#"{{"deviceId":"d1","moduleId":"m1","etag":"AAAAAAAAAAE=","deviceEtag":"{}","status":"enabled""#,
        identity.etag
    );
    assert!(document.starts_with(&start), "{document}");
    assert!(!document.contains("tags"), "{document}");
    assert!(!document.contains("capabilities"), "{document}");
    hub.update(T0, disabled("d1"));
    let document = hub.shard.twin(&module_client("m1")).unwrap().json;
    assert!(document.contains(r#""status":"disabled""#), "{document}");
}

#[test]
fn a_module_takes_calls_beside_its_device() {
    // DM-12
    let mut hub = hub_with_module();
    let to = |client| InvokeMethod {
        client,
        ..invoke("reboot", 0)
    };
    let device = hub.shard.invoke_method(T0, to(client("d1")));
    assert_eq!(device, Err(HubError::DeviceNotOnline));
    let unknown = hub.shard.invoke_method(T0, to(module_client("m2")));
    let not_found = HubError::ModuleNotFound(id("d1"), module("m2"));
    assert_eq!(unknown, Err(not_found));
    hub.shard
        .invoke_method(T0, to(module_client("m1")))
        .unwrap();
    let effects = hub.effects();
    assert!(
        matches!(
            &effects[..],
            [Output::ToLink {
                link: LINK,
                message: ToDevice::MethodRequest { .. }
            }]
        ),
        "{effects:?}"
    );
}

#[test]
fn disabling_or_deleting_a_device_ends_the_links_of_its_modules() {
    // REG-10
    let mut hub = hub_with_module();
    hub.update(T0, disabled("d1"));
    let close = |reason| Output::CloseLink { link: LINK, reason };
    assert_eq!(hub.effects(), [close(LinkClose::Disabled)]);
    let again = LinkUp {
        client: module_client("m1"),
        ..link_up(LinkId(2))
    };
    let refused = LinkRefusal::Disabled(module_client("m1"));
    assert_eq!(hub.shard.link_up(T0, again), Err(refused));

    let mut hub = hub_with_module();
    let removed = hub.shard.delete_device(T0, &id("d1"), &IfMatch::Any);
    assert_eq!(removed, Ok(2));
    let facts = hub.facts();
    assert!(facts.contains(&EventKind::ModuleDeleted), "{facts:?}");
    assert_eq!(facts.last(), Some(&EventKind::DeviceDeleted));
    let module = hub.shard.module(&id("d1"), &module("m1"));
    assert!(module.is_err(), "{module:?}");
}
