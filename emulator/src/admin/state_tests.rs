//! What a hub holds, emptied, taken, put back and copied.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hub_core::EventKind;
use hub_core::configuration::{ConfigurationId, ConfigurationSpec, Content};
use hub_core::jobs::{JobFilter, JobId, JobSpec, JobStatus, JobWork};
use hub_core::link::{Credential, LinkAccepted, LinkClose};
use hub_core::method::Timeouts;
use hub_core::output::ToDevice;
use hub_core::registry::IfMatch;
use hub_core::twin::{TwinUpdate, UpdateMode};
use hub_proto::ids::{ClientIdentity, DeviceId, MethodName};
use hub_proto::time::Timestamp;
use serde_json::{Value, json};

use super::serve::AdminContext;
use super::tests::{ask, context, get, send};
use crate::hub::{HubHandle, LinkOutlet, LinkRequest};
use crate::test_hub::{NOW_UNIX_S, TestHub};

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

async fn post(context: &AdminContext, uri: &str, body: &str) -> (u16, Value) {
    let (status, text) = send(context, "POST", uri, "localhost", body).await;
    (status, json_of(&text))
}

fn device(id: &str) -> ClientIdentity {
    DeviceId::parse(id).unwrap().into()
}

fn write_twin(hub: &HubHandle, id: &str, text: &str) {
    let update = TwinUpdate::parse(text.as_bytes(), hub.limits()).unwrap();
    hub.update_twin(&device(id), update, UpdateMode::Merge, &IfMatch::Any)
        .unwrap();
}

fn put_configuration(hub: &HubHandle, id: &str, content: &str) {
    let spec = ConfigurationSpec {
        id: ConfigurationId::parse(id).unwrap(),
        schema_version: Some("1.0".to_owned()),
        labels: Some("{\"a\":\"b\"}".to_owned()),
        content_type: None,
        content: Content::parse(content, hub.limits()).unwrap(),
        target_condition: "tags.site = 'a'".to_owned(),
        priority: 7,
        metrics: vec![("all".to_owned(), "SELECT deviceId FROM devices".to_owned())],
    };
    hub.put_configuration(spec, &IfMatch::Absent).unwrap();
}

fn create_job(hub: &HubHandle, id: &str, work: JobWork, start_s: Option<i64>) {
    let spec = JobSpec {
        id: JobId::parse(id).unwrap(),
        work,
        condition: "*".into(),
        start: start_s.map(|after| Timestamp::from_unix_seconds(NOW_UNIX_S + after)),
        max_execution: Duration::from_hours(1),
    };
    hub.create_job(spec).unwrap();
}

fn update(hub: &HubHandle) -> JobWork {
    let text = "{\"tags\":{\"job\":1.0}}";
    JobWork::UpdateTwin {
        update: TwinUpdate::parse(text.as_bytes(), hub.limits()).unwrap(),
        text: text.into(),
    }
}

/// Nobody answers it: it takes as many seconds.
fn call(seconds: i64) -> JobWork {
    JobWork::InvokeMethod {
        name: MethodName::parse("reboot").unwrap(),
        payload: b"{\"a\": 1e0}".to_vec(),
        timeouts: Timeouts::checked(Some(seconds), Some(seconds)).unwrap(),
        text: "{\"methodName\":\"reboot\"}".into(),
    }
}

/// Counts how often its link was closed.
#[derive(Debug, Default)]
struct Closed(AtomicUsize);

impl LinkOutlet for Closed {
    fn accepted(&self, _: LinkAccepted) {}

    fn deliver(&self, _: &ClientIdentity, _: ToDevice) -> Result<(), LinkClose> {
        Ok(())
    }

    fn close(&self, _: LinkClose) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A hub with a little of everything; its job that calls a method ends in the sixth second.
async fn full_hub() -> TestHub {
    let test = TestHub::start();
    let hub = &test.context.hub;
    for number in 0..100 {
        test.create(&format!("d{number}"));
    }
    write_twin(hub, "d50", "{\"tags\":{\"site\":\"a\"}}");
    put_configuration(
        hub,
        "chiller",
        "{\"deviceContent\":{\"properties.desired.cold\":{\"t\":1.0}}}",
    );
    create_job(hub, "called", call(5), None);
    create_job(hub, "updated", update(hub), None);
    create_job(hub, "later", update(hub), Some(3600));
    create_job(hub, "never", call(300), Some(7200));
    hub.cancel_job(&JobId::parse("never").unwrap()).unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    // What a service writes over a configuration stays until that is written anew.
    write_twin(hub, "d50", "{\"properties\":{\"desired\":{\"cold\":null}}}");
    tokio::time::sleep(Duration::from_secs(6)).await;
    test
}

fn without_times(snapshot: &Value) -> Value {
    let mut snapshot = snapshot.clone();
    snapshot["takenAt"].take();
    snapshot
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_put_back_as_it_was_and_a_reset_leaves_nothing() {
    // ADM-3 ADM-4
    let (test, dir) = (full_hub().await, tempfile::tempdir().unwrap());
    let (context, hub) = (context(&test, dir.path()), &test.context.hub);
    let (status, taken) = post(&context, "/admin/snapshot", "").await;
    assert_eq!(status, 200, "{taken}");
    let (_, kept) = post(&context, "/admin/snapshot?name=before", "").await;
    assert_eq!(
        (&kept["identities"], &kept["configurations"], &kept["jobs"]),
        (&json!(100), &json!(1), &json!(4))
    );
    let twin = hub.twin(&device("d50")).unwrap().json;

    let (status, emptied) = post(&context, "/admin/reset", "").await;
    assert_eq!((status, &emptied["jobs"]), (200, &json!(4)));
    assert_eq!((hub.device_count(), hub.identity_count()), (0, 0));
    assert!(hub.configurations().is_empty());
    assert!(hub.jobs(JobFilter::default(), None, 9).is_empty());
    assert_eq!(hub.reset_at(), hub.event_log().newest());
    assert_eq!(hub.policies().0.len(), 5);

    for (uri, body) in [
        ("/admin/restore", taken.to_string()),
        ("/admin/restore?name=before", String::new()),
    ] {
        let (status, answer) = post(&context, uri, &body).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!((hub.device_count(), hub.identity_count()), (100, 100));
        // Evaluated again, the configuration finds that all is as it left it.
        let restored = hub.event_log().newest();
        tokio::time::sleep(Duration::from_secs(6)).await;
        assert_eq!(hub.event_log().newest(), restored, "{uri}");
        assert_eq!(hub.twin(&device("d50")).unwrap().json, twin);
        let counts = hub.configurations()[0].counts;
        assert_eq!((counts.targeted, counts.applied), (1, 1));
        let (_, again) = post(&context, "/admin/snapshot", "").await;
        assert_eq!(without_times(&again), without_times(&taken), "{uri}");
    }
    let later = JobId::parse("later").unwrap();
    let status = || hub.job(&later).unwrap().status;
    assert_eq!(status(), JobStatus::Scheduled);
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(status(), JobStatus::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_reset_may_leave_the_configurations() {
    // ADM-3
    let (test, dir) = (full_hub().await, tempfile::tempdir().unwrap());
    let (context, hub) = (context(&test, dir.path()), &test.context.hub);
    let uri = "/admin/reset?keepConfigurations=true";
    let (status, answer) = post(&context, uri, "").await;
    assert_eq!((status, &answer["configurations"]), (200, &json!(0)));
    assert_eq!(hub.configurations().len(), 1);
    test.create("d50");
    write_twin(hub, "d50", "{\"tags\":{\"site\":\"a\"}}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let twin = hub.twin(&device("d50")).unwrap().json;
    assert!(twin.contains("\"cold\":{\"t\":1.0}"), "{twin}");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_snapshot_or_another_versions_or_wrong_is_refused_and_changes_nothing() {
    // ADM-4
    let (test, dir) = (full_hub().await, tempfile::tempdir().unwrap());
    let (context, hub) = (context(&test, dir.path()), &test.context.hub);
    post(&context, "/admin/snapshot?name=before", "").await;
    let (_, taken) = post(&context, "/admin/snapshot", "").await;
    let with = |pointer: &str, value: Value| {
        let mut spoilt = taken.clone();
        *spoilt.pointer_mut(pointer).expect(pointer) = value;
        spoilt.to_string()
    };
    let mut bodies = vec![
        ("/admin/restore", String::new()),
        ("/admin/restore?name=before", "{}".to_owned()),
        ("/admin/restore", "[]".to_owned()),
        ("/admin/restore", "{\"clients\":[]}".to_owned()),
        (
            "/admin/restore",
            "{\"format\":\"hubnerite.snapshot\",\"version\":1,\"clients\":[]}".to_owned(),
        ),
        ("/admin/restore", with("/version", json!(3))),
        ("/admin/restore", with("/version", json!("2"))),
    ];
    for (pointer, value) in [
        ("/clients/50/deviceId", json!("d5 0")),
        ("/configurations/0/targetCondition", json!("tags.site =")),
        ("/configurations/0/content", json!({"tags": 1})),
        ("/jobs/0/id", json!("updated")),
        ("/jobs/0/ended/rows/1/deviceId", json!("a")),
        ("/jobs/0/ended/rows/0/result/failed/code", json!(1)),
        ("/jobs/2/start", json!("2027-12-01T00:00:00.0000000Z")),
    ] {
        bodies.push(("/admin/restore", with(pointer, value)));
    }
    let before = hub.event_log().newest();
    let mut told = String::new();
    for (uri, body) in bodies {
        let (status, answer) = post(&context, uri, &body).await;
        let (detail, remedy) = (&answer["detail"], &answer["remedy"]);
        writeln!(told, "{status} {detail} {remedy}").unwrap();
    }
    insta::assert_snapshot!(told);
    assert_eq!(hub.event_log().newest(), before);
    let (_, again) = post(&context, "/admin/snapshot", "").await;
    assert_eq!(without_times(&again), without_times(&taken));
    for (verb, uri, expected) in [
        ("POST", "/admin/restore?name=none", 404),
        ("DELETE", "/admin/snapshots/before", 200),
        ("DELETE", "/admin/snapshots/before", 404),
    ] {
        assert_eq!(ask(&context, verb, uri, "localhost").await.0, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_runs_is_in_no_snapshot_and_a_reset_ends_it_with_all_links() {
    // ADM-3 ADM-4
    let (test, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
    let (context, hub) = (context(&test, dir.path()), &test.context.hub);
    for number in 0..20 {
        test.create(&format!("d{number}"));
    }
    let outlet = Arc::new(Closed::default());
    let request = LinkRequest {
        client: device("d0"),
        credential: Credential::Policy,
        policy: None,
        clean_session: false,
        will: None,
        model_id: None,
        client_type: None,
    };
    let link = hub.link_up(request, outlet.clone()).unwrap();
    create_job(hub, "reboots", call(300), None);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (status, refused) = post(&context, "/admin/snapshot", "").await;
    let refused = format!("{status} {} {}", refused["detail"], refused["remedy"]);
    insta::assert_snapshot!(refused, @r#"409 "the job 'reboots' is running" "wait until it has ended, or leave jobs out (jobs=none, --without-jobs)""#);
    let uri = "/admin/snapshot?name=a&jobs=none";
    let (status, kept) = post(&context, uri, "").await;
    assert_eq!((status, &kept["jobs"]), (200, &json!(0)));

    let (status, _) = post(&context, "/admin/reset", "").await;
    assert_eq!(status, 200);
    assert_eq!(outlet.0.load(Ordering::Relaxed), 1);
    assert_eq!((hub.link_count(), hub.identity_count()), (0, 0));
    let log = hub.event_log().read(0, usize::MAX).events;
    let failed = |kind: &EventKind| matches!(kind, EventKind::MethodFailed { .. });
    let calls = log.iter().filter(|(_, event)| failed(&event.kind));
    assert_eq!(calls.count(), 20, "each call is answered");
    let after = hub.event_log().newest();

    // The same again, under the same names: nothing of before comes back to it.
    let (status, _) = post(&context, "/admin/restore?name=a", "").await;
    assert_eq!(status, 200);
    create_job(hub, "reboots", update(hub), None);
    link.down(LinkClose::Lost);
    tokio::time::sleep(Duration::from_mins(10)).await;
    let job = hub.job(&JobId::parse("reboots").unwrap()).unwrap();
    assert_eq!(
        (job.status, job.statistics.unwrap().succeeded),
        (JobStatus::Completed, 20)
    );
    let log = hub.event_log().read(after, usize::MAX).events;
    assert!(!log.iter().any(|(_, event)| failed(&event.kind)));
    assert_eq!(post(&context, "/admin/snapshot", "").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_fork_begins_as_its_source_is_and_goes_its_own_way() {
    // HUB-7
    let (test, dir) = (full_hub().await, tempfile::tempdir().unwrap());
    let (context, hub) = (context(&test, dir.path()), &test.context.hub);
    let put = "/admin/policies/gate";
    let gate = "{\"permissions\":[\"DeviceConnect\"]}";
    assert_eq!(send(&context, "PUT", put, "localhost", gate).await.0, 200);
    let fork = "/admin/hubs/localhost/fork";
    let (status, made) = post(&context, fork, "{\"to\":\"test-7\"}").await;
    assert_eq!((status, &made["devices"]), (200, &json!(100)), "{made}");
    let owner = made["connectionStrings"]["iothubowner"].as_str().unwrap();
    assert!(owner.starts_with("HostName=test-7.localhost;"), "{owner}");

    let copy = context
        .connection
        .directory
        .find("test-7.localhost")
        .unwrap();
    assert_eq!(copy.policies().get("gate"), hub.policies().get("gate"));
    let (_, of_source) = post(&context, "/admin/snapshot", "").await;
    let (_, of_copy) = post(&context, "/admin/snapshot?hub=test-7", "").await;
    assert_eq!(without_times(&of_copy), without_times(&of_source));

    write_twin(&copy, "d1", "{\"tags\":{\"only\":\"here\"}}");
    post(&context, "/admin/reset", "").await;
    assert_eq!((hub.device_count(), copy.device_count()), (0, 100));
    tokio::time::sleep(Duration::from_hours(1)).await;
    let later = JobId::parse("later").unwrap();
    assert_eq!(copy.job(&later).unwrap().status, JobStatus::Completed);
    assert_eq!(hub.job(&later), None);

    let mut told = String::new();
    for (source, body) in [
        ("localhost", json!({"to": "test-7"})),
        ("localhost", json!({"to": "localhost"})),
        ("test-7", json!({"to": "test-7", "replace": true})),
        ("none", json!({"to": "test-8"})),
        ("test-7", json!({"to": "shop.example"})),
        ("test-7", json!({"to": "test-8", "jobs": "some"})),
        ("test-7", json!({"to": "test-8"})),
        ("test-7", json!({"to": "test-9"})),
        ("test-7", json!({"to": "test-10"})),
        ("localhost", json!({"to": "test-7", "replace": true})),
    ] {
        let uri = format!("/admin/hubs/{source}/fork");
        let (status, answer) = post(&context, &uri, &body.to_string()).await;
        let (detail, remedy) = (&answer["detail"], &answer["remedy"]);
        writeln!(told, "{source} {body}: {status} {detail} {remedy}").unwrap();
    }
    insta::assert_snapshot!(told);
    assert!(copy.is_retired());
    let (_, list) = get(&context, "/admin/hubs/test-7", "localhost").await;
    assert_eq!(json_of(&list)["devices"], 0);
}
