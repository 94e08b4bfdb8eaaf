//! A shard to plain data and back: nothing is lost, and what is wrong is refused whole.

use hub_core::c2d::C2dMessage;
use hub_core::image::ClientImage;
use hub_core::registry::{Authentication, IfMatch, ModuleSpec};
use hub_core::twin::{TwinUpdate, UpdateMode};
use hub_core::{HubError, Limits, Shard};
use hub_proto::ids::ModuleId;
use hub_proto::property_bag::PropertyBag;
use proptest::prelude::*;

use crate::support::{at, client, disabled, id, spec};

/// What a service may have done.
#[derive(Clone, Debug)]
enum Op {
    Create(u8, bool),
    Module(u8, u8),
    Twin(u8, String, bool),
    Send(u8, Vec<u8>, u32),
    Delete(u8),
}

fn op() -> impl Strategy<Value = Op> {
    let device = 0..4_u8;
    let patch = prop_oneof![
        Just(r#"{"tags":{"site":{"a":1.0,"b":[1,{"c":2}]}}}"#.to_owned()),
        Just(r#"{"properties":{"desired":{"a":{"b":{"c":"\u00e4"}},"x":1e3}}}"#.to_owned()),
        Just(r#"{"properties":{"desired":{"a":null,"y":true}}}"#.to_owned()),
        Just(r#"{"tags":{"site":null}}"#.to_owned()),
    ];
    prop_oneof![
        3 => (device.clone(), any::<bool>()).prop_map(|(device, on)| Op::Create(device, on)),
        1 => (device.clone(), 0..3_u8).prop_map(|(device, module)| Op::Module(device, module)),
        4 => (device.clone(), patch, any::<bool>())
            .prop_map(|(device, patch, replace)| Op::Twin(device, patch, replace)),
        2 => (device.clone(), prop::collection::vec(any::<u8>(), 0..9), 1..100_u32)
            .prop_map(|(device, body, life_s)| Op::Send(device, body, life_s)),
        1 => device.prop_map(Op::Delete),
    ]
}

/// Refusals are part of it: a shard in which nothing exists refuses most.
fn carry_out(shard: &mut Shard, now_s: u32, op: Op) {
    let (now, name) = (at(now_s), |device: u8| format!("d{device}"));
    match op {
        Op::Create(device, true) => drop(shard.create_device(now, spec(&name(device)))),
        Op::Create(device, false) => drop(shard.create_device(now, disabled(&name(device)))),
        Op::Module(device, module) => drop(shard.create_module(
            now,
            ModuleSpec {
                device: id(&name(device)),
                id: ModuleId::parse(&format!("m{module}")).unwrap(),
                authentication: Authentication::CertificateAuthority,
                managed_by: Some("iotEdge".to_owned()),
            },
        )),
        Op::Twin(device, patch, replace) => {
            let update = TwinUpdate::parse(patch.as_bytes(), &Limits::default()).unwrap();
            let mode = if replace {
                UpdateMode::Replace
            } else {
                UpdateMode::Merge
            };
            drop(shard.update_twin(now, &client(&name(device)), update, mode, &IfMatch::Any));
        }
        Op::Send(device, payload, life_s) => {
            let message = C2dMessage {
                properties: PropertyBag::parse("a=b%20c"),
                payload,
                expires: Some(at(now_s + life_s).wall),
            };
            drop(shard.send_to_device(now, &id(&name(device)), message));
        }
        Op::Delete(device) => drop(shard.delete_device(now, &id(&name(device)), &IfMatch::Any)),
    }
    while shard.poll_output().is_some() {}
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_exported_is_what_was_imported(ops in prop::collection::vec(op(), 0..40)) {
        // ADM-4
        let mut shard = Shard::new(Limits::default());
        let now = at(50);
        for (second, op) in (0..).zip(ops) {
            carry_out(&mut shard, second, op);
        }
        // The driver handles what is due before anything else.
        shard.handle_deadline(now);
        while shard.poll_output().is_some() {}
        let images = shard.export(now);
        let text = serde_json::to_string(&images).unwrap();
        let read: Vec<ClientImage> = serde_json::from_str(&text).unwrap();
        let mut again = Shard::new(Limits::default());
        again.import(now, &read).unwrap();
        prop_assert_eq!(again.export(now), images);
        for image in &read {
            let name = client(&image.device_id);
            prop_assert_eq!(again.twin(&name), shard.twin(&name));
            let device = id(&image.device_id);
            prop_assert_eq!(again.device(&device), shard.device(&device));
        }
        // What is due goes on falling due.
        while again.poll_output().is_some() {}
        prop_assert_eq!(again.poll_deadline(), shard.poll_deadline());
        again.clear(now);
        prop_assert_eq!((again.client_count(), again.poll_deadline()), (0, None));
    }
}

fn images() -> Vec<ClientImage> {
    let mut shard = Shard::new(Limits::default());
    carry_out(&mut shard, 0, Op::Create(1, true));
    carry_out(&mut shard, 0, Op::Module(1, 1));
    let patch = r#"{"tags":{"a":{"b":1}}}"#.to_owned();
    carry_out(&mut shard, 0, Op::Twin(1, patch, false));
    shard.export(at(0))
}

#[test]
fn a_snapshot_with_anything_wrong_in_it_is_refused_and_changes_nothing() {
    // ADM-4
    type Spoil = fn(&mut Vec<ClientImage>);
    let cases: [(&str, Spoil); 8] = [
        ("d1 is there twice", |images| images.push(images[0].clone())),
        ("does not come before", |images| drop(images.remove(0))),
        ("d1: a device needs", |images| images[0].device = None),
        ("d1/m1: a module has no", |images| {
            let device = images[0].device.clone();
            images[1].device = device;
        }),
        ("tags.a is there twice", |images| {
            let members = &mut images[0].twin.tags.members;
            members.push(members[0].clone());
        }),
        ("either a value or members", |images| {
            images[0].twin.tags.members[0].members = None;
        }),
        ("tags.k", |images| {
            let mut member = images[0].twin.tags.members[0].clone();
            "k".repeat(2000).clone_into(&mut member.key);
            images[0].twin.tags.members.push(member);
        }),
        ("nests too deep", |images| {
            let mut member = images[0].twin.tags.members[0].clone();
            for _ in 0..12 {
                let mut outer = member.clone();
                outer.members = Some(vec![member]);
                member = outer;
            }
            images[0].twin.tags.members = vec![member];
        }),
    ];
    for (expected, spoil) in cases {
        let mut spoilt = images();
        spoil(&mut spoilt);
        let mut shard = Shard::new(Limits::default());
        let Err(HubError::Argument(text)) = shard.import(at(0), &spoilt) else {
            panic!("{expected}: was taken");
        };
        assert!(text.contains(expected), "{expected}: {text}");
        assert_eq!(shard.client_count(), 0);
    }
}

#[test]
fn keys_are_in_the_document_and_not_in_what_is_logged() {
    let images = images();
    assert!(serde_json::to_string(&images).unwrap().contains("AQEBAQ"));
    assert!(!format!("{images:?}").contains("AQEBAQ"));
}
