//! The hub over its shards: order, counts, and who is told what in which order.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hub_core::link::{Credential, LinkAccepted, LinkClose};
use hub_core::method::{InvokeMethod, Timeouts};
use hub_core::output::ToDevice;
use hub_core::query::Query;
use hub_core::registry::{Authentication, DeviceSpec, IfMatch, SymmetricKeys};
use hub_core::twin::{TwinUpdate, UpdateMode};
use hub_core::{HubError, Limits};
use hub_proto::ids::{ClientIdentity, DeviceId, MethodName};
use hub_proto::mqtt::packet::QoS;
use hub_proto::sas::SasKey;
use hub_proto::topic::Subscription;

use super::{DeviceLink, HubHandle, HubParts, LinkOutlet, LinkRequest, start};
use crate::clock::{Clock, MachineClock};
use crate::config::{EventLogLimits, Policies};
use crate::event_log::EventLog;
use crate::host_names::{HostNames, HubNames};

fn hub(limits: Limits) -> HubHandle {
    start(HubParts {
        clock: Clock::machine(MachineClock::start()),
        limits,
        throttling: None,
        lags: hub_core::Lags::default(),
        policies: std::sync::Arc::new(Policies::well_known()).into(),
        names: HubNames::Default(HostNames::default()),
        event_log: EventLog::new(EventLogLimits::default()),
    })
}

fn id(text: &str) -> DeviceId {
    DeviceId::parse(text).unwrap()
}

fn create(hub: &HubHandle, text: &str) -> Result<(), HubError> {
    let key = SasKey::from_bytes(b"a device's key for these tests..");
    let keys = SymmetricKeys {
        primary: key.clone(),
        secondary: key,
    };
    let authentication = Authentication::Sas(keys);
    hub.create_device(DeviceSpec::enabled(id(text), authentication))
        .map(drop)
}

fn invoke(device: &str) -> InvokeMethod {
    let timeouts = Timeouts {
        connect: Duration::ZERO,
        response: Duration::from_secs(30),
    };
    let name = MethodName::parse("ping").unwrap();
    InvokeMethod {
        client: id(device).into(),
        name,
        payload: b"null".to_vec(),
        timeouts,
    }
}

/// Notes what it is told; refuses deliveries if it is full.
#[derive(Debug, Default)]
struct Notebook {
    notes: Mutex<Vec<String>>,
    is_full: bool,
}

impl Notebook {
    fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap().clone()
    }

    fn note(&self, text: impl Into<String>) {
        self.notes.lock().unwrap().push(text.into());
    }
}

impl LinkOutlet for Notebook {
    fn accepted(&self, accepted: LinkAccepted) {
        self.note(format!(
            "accepted, session present: {}",
            accepted.session_present
        ));
    }

    fn deliver(&self, client: &ClientIdentity, message: ToDevice) -> Result<(), LinkClose> {
        if self.is_full {
            return Err(LinkClose::SlowReader(1));
        }
        let ToDevice::MethodRequest { name, .. } = message else {
            panic!("{message:?}");
        };
        self.note(format!("{name} for {client}"));
        Ok(())
    }

    fn close(&self, reason: LinkClose) {
        self.note(format!("closed: {reason}"));
    }
}

fn link(hub: &HubHandle, device: &str, outlet: &Arc<Notebook>) -> DeviceLink {
    let request = LinkRequest {
        client: id(device).into(),
        credential: Credential::Policy,
        policy: None,
        clean_session: false,
        will: None,
        model_id: None,
        client_type: None,
    };
    let link = hub.link_up(request, outlet.clone()).unwrap();
    link.subscribe(&[(Subscription::Methods, QoS::AtMostOnce)]);
    link
}

#[tokio::test]
async fn listings_and_pages_of_queries_are_in_the_order_of_ids_over_all_shards() {
    let hub = hub(Limits::default());
    let names: Vec<String> = (0..100)
        .map(|number| format!("device-{number:03}"))
        .collect();
    for name in names.iter().rev() {
        create(&hub, name).unwrap();
    }
    let listed = hub.devices(40);
    assert!(
        listed
            .iter()
            .map(|device| device.id.as_str())
            .eq(names[..40].iter())
    );

    let (seen, pages) = all_pages(&hub, "SELECT * FROM devices", 25).await;
    let pages = pages.len();
    // The last page is full, and known to be the last.
    assert_eq!((seen.len(), pages), (100, 4));
    for (name, document) in names.iter().zip(&seen) {
        assert!(
            document.contains(&format!("\"deviceId\":\"{name}\"")),
            "{name}: {document}"
        );
    }
}

#[tokio::test]
async fn a_page_of_a_query_ends_before_it_has_too_many_bytes() {
    // Q-3
    let names: Vec<String> = (0..10).map(|n| format!("device-{n}")).collect();
    let pages = async |bytes: usize, limit: usize| {
        let hub = hub(Limits {
            query_page_bytes: bytes,
            ..Limits::default()
        });
        for name in &names {
            create(&hub, name).unwrap();
        }
        let (seen, pages) = all_pages(&hub, "SELECT * FROM devices", limit).await;
        for (name, document) in names.iter().zip(&seen) {
            assert!(document.contains(name), "{name}: {document}");
        }
        (pages, seen)
    };
    let (_, documents) = pages(usize::MAX, 100).await;
    let one = documents[0].len();
    assert_eq!(pages(3 * one, 100).await.0, [3, 3, 3, 1]);
    assert_eq!(pages(3 * one - 1, 100).await.0, [2, 2, 2, 2, 2]);
    assert_eq!(pages(3 * one, 2).await.0, [2, 2, 2, 2, 2]);
    // A document too large for any page is a page of its own.
    assert_eq!(pages(1, 100).await.0, [1; 10]);
}

/// All items of a query, and how many each page has.
async fn all_pages(hub: &HubHandle, text: &str, limit: usize) -> (Vec<String>, Vec<usize>) {
    let query = Query::parse(text).unwrap();
    let (mut seen, mut pages, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let page = hub.query(&query, after.as_ref(), limit).await.unwrap();
        pages.push(page.items.len());
        seen.extend(page.items);
        after = page.next;
        if after.is_none() {
            return (seen, pages);
        }
    }
}

#[tokio::test]
async fn top_and_groups_hold_across_pages_and_shards() {
    // Q-3 Q-6
    let hub = hub(Limits::default());
    for n in 0..60 {
        let name = format!("device-{n:02}");
        create(&hub, &name).unwrap();
        let body = format!("{{\"tags\":{{\"site\":\"s{}\"}}}}", n % 7);
        let update = TwinUpdate::parse(body.as_bytes(), hub.limits()).unwrap();
        let id = DeviceId::parse(&name).unwrap().into();
        hub.update_twin(&id, update, UpdateMode::Merge, &IfMatch::Absent)
            .unwrap();
    }
    let cases: [(&str, usize, &[usize]); 9] = [
        ("SELECT TOP 25 * FROM devices", 10, &[10, 10, 5]),
        ("SELECT TOP 20 deviceId FROM devices", 10, &[10, 10]),
        ("SELECT TOP 99 deviceId FROM devices", 40, &[40, 20]),
        ("SELECT TOP 0 * FROM devices", 10, &[0]),
        ("SELECT COUNT() FROM devices", 1, &[1]),
        (
            "SELECT tags.site FROM devices GROUP BY tags.site",
            3,
            &[3, 3, 1],
        ),
        (
            "SELECT TOP 4 tags.site FROM devices GROUP BY tags.site",
            3,
            &[3, 1],
        ),
        (
            "SELECT deviceId FROM devices WHERE tags.site = 's1'",
            4,
            &[4, 4, 1],
        ),
        (
            "SELECT deviceId FROM devices WHERE STARTSWITH(id, 'device-1')",
            10,
            &[10],
        ),
    ];
    for (text, limit, expected) in cases {
        let (_, pages) = all_pages(&hub, text, limit).await;
        assert_eq!(pages, expected, "{text}");
    }
    let text = "SELECT tags.site, COUNT() AS n FROM devices WHERE deviceId != 'device-00' GROUP BY tags.site";
    let (items, _) = all_pages(&hub, text, 2).await;
    assert_eq!(
        items,
        [
            r#"{"site":"s0","n":8}"#,
            r#"{"site":"s1","n":9}"#,
            r#"{"site":"s2","n":9}"#,
            r#"{"site":"s3","n":9}"#,
            r#"{"site":"s4","n":8}"#,
            r#"{"site":"s5","n":8}"#,
            r#"{"site":"s6","n":8}"#,
        ]
    );
}

#[tokio::test]
async fn the_whole_hub_counts_its_devices_however_they_spread() {
    let hub = hub(Limits {
        identities: 3,
        ..Limits::default()
    });
    for name in ["a", "b", "c"] {
        create(&hub, name).unwrap();
    }
    assert_eq!(create(&hub, "d"), Err(HubError::TooManyDevices(3)));
    assert_eq!(
        create(&hub, "a"),
        Err(HubError::DeviceAlreadyExists(id("a")))
    );
    hub.delete_device(&id("b"), &IfMatch::Any).unwrap();
    assert!(hub.delete_device(&id("b"), &IfMatch::Any).is_err());
    assert_eq!(
        create(&hub, "a"),
        Err(HubError::DeviceAlreadyExists(id("a")))
    );
    assert_eq!(hub.device_count(), 2);
    create(&hub, "d").unwrap();
    assert_eq!(create(&hub, "e"), Err(HubError::TooManyDevices(3)));
}

#[tokio::test(start_paused = true)]
async fn a_link_hears_of_its_acceptance_first_and_of_its_end_last() {
    let hub = hub(Limits::default());
    create(&hub, "d1").unwrap();
    let (older, newer) = (Arc::new(Notebook::default()), Arc::new(Notebook::default()));
    let _older_link = link(&hub, "d1", &older);
    let call = tokio::spawn({
        let hub = hub.clone();
        async move { hub.invoke_method(invoke("d1")).await }
    });
    tokio::task::yield_now().await;
    let _newer_link = link(&hub, "d1", &newer);
    assert_eq!(call.await.unwrap(), Err(HubError::ConnectionReplaced));
    hub.close_links();
    let taken_over = "closed: the same device connected again";
    assert_eq!(
        older.notes(),
        [
            "accepted, session present: false",
            "ping for d1",
            taken_over
        ]
    );
    let stopping = "closed: the hub is stopping";
    assert_eq!(newer.notes(), ["accepted, session present: true", stopping]);
    assert!(!hub.device(&id("d1")).unwrap().connected);
}

#[tokio::test(start_paused = true)]
async fn a_link_that_cannot_take_a_message_ends_and_so_does_the_call() {
    let hub = hub(Limits::default());
    create(&hub, "d1").unwrap();
    let full = Arc::new(Notebook {
        is_full: true,
        ..Notebook::default()
    });
    let link = link(&hub, "d1", &full);
    assert!(hub.invoke_method(invoke("d1")).await.is_err());
    assert_eq!(full.notes().len(), 2, "{:?}", full.notes());
    assert!(!hub.device(&id("d1")).unwrap().connected);
    // The connection's task may say so too; that changes nothing.
    let before = hub.event_log().newest();
    link.down(LinkClose::Lost);
    assert_eq!(hub.event_log().newest(), before);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_cancels_nothing_and_leaks_nothing() {
    let hub = hub(Limits::default());
    create(&hub, "d1").unwrap();
    let outlet = Arc::new(Notebook::default());
    let _link = link(&hub, "d1", &outlet);
    let impatient = hub.invoke_method(invoke("d1"));
    assert!(
        tokio::time::timeout(Duration::from_secs(1), impatient)
            .await
            .is_err()
    );
    assert_eq!(hub.slot_of(&id("d1")).open_calls(), 1);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(hub.slot_of(&id("d1")).open_calls(), 0);
}
