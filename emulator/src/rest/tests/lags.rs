//! Reads that lag, as back ends meet them.

use std::time::Duration;

use hub_core::Lags;
use serde_json::{Value, json};

use super::support::*;

const L: Duration = Duration::from_secs(5);
const A_LITTLE: Duration = Duration::from_millis(1);

fn query_lag(query: Duration) -> Lags {
    Lags {
        query,
        ..Lags::default()
    }
}

impl TestHub {
    async fn with_header(&self, verb: &str, path: &str, (name, value): (&str, &str)) {
        let request = self.request(verb, path).header(name, value);
        let answer = self.call(request, "").await;
        assert!(answer.status.is_success(), "{}", answer.body);
    }

    async fn queried(&self, text: &str) -> Value {
        let body = json!({ "query": text }).to_string();
        self.quick("POST", "/devices/query", &body).await.json()
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_finds_what_was_so_long_ago_and_a_read_by_id_what_is() {
    // LAG-1
    let hub = TestHub::start();
    hub.context.hub.set_lags(query_lag(L));
    tokio::time::advance(A_LITTLE).await;
    hub.register("a").await;
    let all = "SELECT deviceId, tags.t FROM devices";
    assert_eq!(hub.queried(all).await, json!([]));
    tokio::time::advance(L).await;
    assert_eq!(hub.queried(all).await, json!([{"deviceId": "a"}]));
    let tagged = hub.quick("PATCH", "/twins/a", r#"{"tags":{"t":1}}"#).await;
    assert_eq!(tagged.json()["tags"]["t"], 1);
    tokio::time::advance(L.saturating_sub(A_LITTLE)).await;
    assert_eq!(hub.queried(all).await, json!([{"deviceId": "a"}]));
    let read = hub.quick("GET", "/twins/a", "").await;
    assert_eq!(read.json()["tags"]["t"], 1);
    tokio::time::advance(A_LITTLE).await;
    assert_eq!(hub.queried(all).await, json!([{"deviceId": "a", "t": 1}]));
    let any = ("If-Match", "*");
    hub.with_header("DELETE", "/devices/a", any).await;
    let count = "SELECT COUNT() AS n FROM devices";
    assert_eq!(hub.queried(count).await, json!([{"n": 1}]));
    assert_eq!(hub.quick("GET", "/twins/a", "").await.status, 404);
    tokio::time::advance(L).await;
    assert_eq!(hub.queried(count).await, json!([{"n": 0}]));
    assert_eq!(hub.context.hub.lag_state().states, 0);
}

#[tokio::test(start_paused = true)]
async fn a_job_names_who_matched_so_long_ago_and_fails_the_rows_of_who_is_gone() {
    // LAG-1
    let hub = TestHub::start();
    for id in ["a", "b", "c"] {
        hub.register(id).await;
    }
    hub.context.hub.set_lags(query_lag(L));
    tokio::time::advance(L).await;
    hub.register("d").await;
    hub.with_header("DELETE", "/devices/a", ("If-Match", "*"))
        .await;
    hub.quick("PATCH", "/twins/b", r#"{"tags":{"t":1}}"#).await;
    let job = r#"{"type":"scheduleUpdateTwin","queryCondition":"NOT IS_DEFINED(tags.t)",
        "updateTwin":{"tags":{"job":1}}}"#;
    assert_eq!(hub.quick("PUT", "/jobs/v2/j", job).await.status, 200);
    let mut job = Value::Null;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        job = hub.quick("GET", "/jobs/v2/j", "").await.json();
        if job.get("endTime").is_some() {
            break;
        }
    }
    // The job is made of a, b and c; a is gone.
    let counts = &job["deviceJobStatistics"];
    assert_eq!(
        (&counts["deviceCount"], &counts["failedCount"]),
        (&json!(3), &json!(1))
    );
    let hub = &hub;
    let job_of = async |id: &str| hub.quick("GET", &format!("/twins/{id}"), "").await;
    assert_eq!(job_of("b").await.json()["tags"]["job"], 1);
    assert_eq!(job_of("d").await.json()["tags"].get("job"), None);
}

#[tokio::test(start_paused = true)]
async fn lags_stay_through_a_reset_and_of_shards_that_are_made_later() {
    // LAG-3
    let hub = TestHub::start();
    hub.context.hub.set_lags(query_lag(L));
    tokio::time::advance(A_LITTLE).await;
    for id in 0..40 {
        hub.register(&format!("d{id}")).await;
    }
    let count = "SELECT COUNT() AS n FROM devices";
    assert_eq!(hub.queried(count).await, json!([{"n": 0}]));
    tokio::time::advance(L).await;
    assert_eq!(hub.queried(count).await, json!([{"n": 40}]));
    tokio::time::advance(A_LITTLE).await;
    hub.context.hub.reset(crate::hub::ResetOptions::default());
    assert_eq!(hub.queried(count).await, json!([{"n": 40}]));
    hub.context.hub.set_lags(Lags::default());
    assert_eq!(hub.queried(count).await, json!([{"n": 0}]));
    assert_eq!(hub.context.hub.lag_state(), hub_core::LagState::default());
}
