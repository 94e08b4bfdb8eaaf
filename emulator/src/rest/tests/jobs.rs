//! Scheduled jobs as clients see them.

use std::time::Duration;

use hub_proto::time::Timestamp;
use serde_json::json;

use super::support::*;

const TWIN_JOB: &str = r#"{"jobId":"j1","type":"scheduleUpdateTwin","queryCondition":"deviceId IN ['a','b']",
    "updateTwin":{"etag":"*","tags":{"k":"v"},"properties":{"desired":{"p":1.0},"reported":{}}},
    "startTime":null,"maxExecutionTimeInSeconds":3600}"#;

fn method_job(condition: &str, start: &str) -> String {
    format!(
        r#"{{"type":"ScheduleDeviceMethod","queryCondition":"{condition}","startTime":"{start}",
        "cloudToDeviceMethod":{{"methodName":"reboot","payload":null,"responseTimeoutInSeconds":30,
        "timeoutInSeconds":30}}}}"#
    )
}

fn in_hours(hours: i64) -> String {
    Timestamp::from_unix_seconds(NOW_UNIX_S + hours * 3600).to_string()
}

impl TestHub {
    /// The job once it has ended; time is paused, so it runs on by itself.
    async fn ended(&self, id: &str) -> serde_json::Value {
        for _ in 0..1000 {
            let job = self
                .quick("GET", &format!("/jobs/v2/{id}"), "")
                .await
                .json();
            if job.get("endTime").is_some() {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("job {id} does not end");
    }
}

#[tokio::test(start_paused = true)]
async fn a_twin_job_changes_every_device_of_its_condition() {
    // JOB-2
    let hub = TestHub::start();
    for id in ["a", "b", "c"] {
        hub.register(id).await;
    }
    let created = hub.quick("PUT", "/jobs/v2/j1", TWIN_JOB).await;
    assert_eq!(created.status, 200);
    assert_eq!(
        created.body,
        r#"{"jobId":"j1","type":"scheduleUpdateTwin","status":"queued"}"#
    );
    let job = hub.ended("j1").await;
    let at = "2026-11-22T10:00:00";
    let time = |name: &str| job[name].as_str().unwrap().starts_with(at);
    assert!(time("createdTime") && time("startTime") && time("endTime"));
    assert_eq!(job["status"], "completed");
    assert_eq!(job["updateTwin"]["properties"]["desired"]["p"], 1.0);
    assert_eq!(job["queryCondition"], "deviceId IN ['a','b']");
    assert_eq!(
        job["deviceJobStatistics"],
        json!({"deviceCount":2,"failedCount":0,"succeededCount":2,"runningCount":0,"pendingCount":0})
    );
    let hub = &hub;
    let twin = |id: &'static str| async move {
        hub.quick("GET", &format!("/twins/{id}"), "").await.json()
    };
    assert_eq!(twin("a").await["tags"]["k"], "v");
    assert_eq!(twin("b").await["properties"]["desired"]["p"], 1.0);
    assert_eq!(twin("c").await["version"], 2, "it is not named");
}

#[tokio::test(start_paused = true)]
async fn the_rows_of_a_job_are_found_by_a_query() {
    // Q-7, JOB-9
    let hub = TestHub::start();
    for id in ["a", "b"] {
        hub.register(id).await;
    }
    hub.quick("PUT", "/jobs/v2/j1", TWIN_JOB).await;
    hub.ended("j1").await;
    let rows = async |condition: &str| {
        let text = format!("SELECT * FROM devices.jobs WHERE {condition}");
        let body = json!({ "query": text }).to_string();
        let answer = hub.quick("POST", "/devices/query", &body).await;
        assert_eq!(answer.header("x-ms-item-type"), Some("DeviceJob"));
        answer.json()
    };
    let all = rows("devices.jobs.jobId = 'j1'").await;
    assert_eq!(all.as_array().unwrap().len(), 2);
    let one = rows(
        "devices.jobs.deviceId = 'b' AND devices.jobs.jobType = 'scheduleUpdateTwin' \
         AND devices.jobs.status = 'completed' AND devices.jobs.createdTimeUtc > '2016-09-01'",
    )
    .await;
    assert_eq!(one[0]["deviceId"], "b");
    assert_eq!(one.as_array().unwrap().len(), 1);
    assert_eq!(rows("jobId = 'j2'").await, json!([]));
    let projected = json!({"query": "SELECT jobId FROM devices.jobs"}).to_string();
    let refused = hub.quick("POST", "/devices/query", &projected).await;
    assert_eq!(refused.code(), "ArgumentInvalid");
}

#[tokio::test(start_paused = true)]
async fn an_offline_device_fails_its_row_and_not_the_job() {
    // JOB-5, JOB-9
    let hub = TestHub::start();
    hub.register("a").await;
    let body = method_job("*", "");
    assert_eq!(hub.quick("PUT", "/jobs/v2/j", &body).await.status, 200);
    let job = hub.ended("j").await;
    assert_eq!(job["status"], "completed");
    assert_eq!(job["deviceJobStatistics"]["failedCount"], 1);
    assert_eq!(job["cloudToDeviceMethod"]["methodName"], "reboot");
    let rows = hub.context.hub.job_rows(None, 10);
    let row: serde_json::Value = serde_json::from_str(&rows[0].1).unwrap();
    assert_eq!(row["deviceId"], "a");
    assert_eq!(row["jobType"], "scheduleDeviceMethod");
    assert_eq!(row["status"], "failed");
    assert_eq!(row["error"]["code"], "404103");
    assert!(row.get("outcome").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_condition_is_read_at_the_start_and_a_bad_one_fails_the_job() {
    // JOB-6
    let hub = TestHub::start();
    for (id, condition) in [("select", "SELECT * FROM devices"), ("bad", "deviceId =")] {
        let body = method_job(condition, "");
        let path = format!("/jobs/v2/{id}");
        assert_eq!(hub.quick("PUT", &path, &body).await.status, 200, "{id}");
        let job = hub.ended(id).await;
        assert_eq!(job["status"], "failed", "{id}");
        let reason = job["failureReason"].as_str().unwrap();
        let start = "SQL query parse failed due to following errors: \n\t";
        assert!(reason.starts_with(start), "{reason}");
        assert!(job.get("deviceJobStatistics").is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_of_many_devices_finds_them_all_over_the_shards() {
    // JOB-9
    let hub = TestHub::start();
    for number in 0..2500 {
        hub.create(&format!("d{number}"));
    }
    let body =
        r#"{"type":"scheduleUpdateTwin","queryCondition":"*","updateTwin":{"tags":{"k":1}}}"#;
    assert_eq!(hub.quick("PUT", "/jobs/v2/all", body).await.status, 200);
    let job = hub.ended("all").await;
    assert_eq!(job["deviceJobStatistics"]["succeededCount"], 2500);
}

#[tokio::test(start_paused = true)]
async fn a_job_in_the_future_is_scheduled_and_can_be_cancelled() {
    // JOB-3, JOB-4
    let hub = TestHub::start();
    let path = "/jobs/v2/later";
    let created = hub.quick("PUT", path, &method_job("*", &in_hours(1))).await;
    assert_eq!(created.json()["status"], "queued");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let job = hub.quick("GET", path, "").await.json();
    assert_eq!(
        (&job["status"], &job["startTime"]),
        (&json!("scheduled"), &json!(in_hours(1)))
    );
    let cancelled = hub.quick("POST", "/jobs/v2/later/cancel", "null").await;
    assert_eq!(cancelled.status, 200);
    assert_eq!(cancelled.json()["status"], "cancelled");
    let again = hub.quick("POST", "/jobs/v2/later/cancel", "").await;
    assert_eq!(again.status, 405);
    assert_eq!(again.code(), "OperationNotAllowedInCurrentState");
    let unknown = hub.quick("POST", "/jobs/v2/unknown/cancel", "").await;
    assert_eq!(
        (unknown.status.as_u16(), unknown.code()),
        (404, "JobNotFound")
    );
}

#[tokio::test(start_paused = true)]
async fn an_unknown_job_is_unknown_and_no_404() {
    // JOB-13
    let hub = TestHub::start();
    let answer = hub.quick("GET", "/jobs/v2/x", "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        r#"{"jobId":"x","type":"unknown","status":"unknown"}"#
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_job_is_said_when_it_is_made() {
    // JOB-1, JOB-3
    let hub = TestHub::start();
    let twin = |rest: &str| {
        format!(r#"{{"type":"scheduleUpdateTwin","queryCondition":"*","updateTwin":{{}}{rest}}}"#)
    };
    let cases = [
        (twin(r#","jobId":"other""#), "ArgumentInvalid"),
        (
            r#"{"type":"scheduleUpdateTwin","updateTwin":{}}"#.into(),
            "ArgumentNull",
        ),
        (
            r#"{"type":"scheduleUpdateTwin","queryCondition":"*"}"#.into(),
            "ArgumentNull",
        ),
        (
            r#"{"type":"rebootDevice","queryCondition":"*"}"#.into(),
            "GenericBadRequest",
        ),
        (
            r#"{"type":"import","queryCondition":"*"}"#.into(),
            "GenericBadRequest",
        ),
        (
            twin(r#","updateTwin":{"tags":{"a.b":1}}"#),
            "ArgumentInvalid",
        ),
        (twin(r#","startTime":"soon""#), "ArgumentInvalid"),
        (
            twin(&format!(r#","startTime":"{}""#, in_hours(169))),
            "ArgumentInvalid",
        ),
        (
            twin(r#","maxExecutionTimeInSeconds":-1"#),
            "ArgumentInvalid",
        ),
    ];
    for (body, code) in cases {
        let answer = hub.quick("PUT", "/jobs/v2/j", &body).await;
        assert_eq!(answer.code(), code, "{body}");
    }
    let answer = hub.quick("PUT", "/jobs/v2/a%20b", &twin("")).await;
    assert_eq!(answer.code(), "ArgumentInvalid");
    // Python sends a local time without an offset.
    let body = twin(r#","startTime":"2026-11-22T11:00:00.123456""#);
    assert_eq!(hub.quick("PUT", "/jobs/v2/j", &body).await.status, 200);
    let job = hub.quick("GET", "/jobs/v2/j", "").await.json();
    assert_eq!(job["startTime"], "2026-11-22T11:00:00.1234560Z");
    let again = hub.quick("PUT", "/jobs/v2/j", &body).await;
    assert_eq!(
        (again.status.as_u16(), again.code()),
        (409, "JobAlreadyExists")
    );
}

#[tokio::test(start_paused = true)]
async fn jobs_are_listed_page_by_page_with_filters_in_any_case() {
    // JOB-11, JOB-12
    let hub = TestHub::start();
    for number in 0..10 {
        let body = method_job("*", &in_hours(1));
        let path = format!("/jobs/v2/j{number}");
        assert_eq!(hub.quick("PUT", &path, &body).await.status, 200);
    }
    let eleventh = hub
        .quick(
            "PUT",
            "/jobs/v2/more",
            TWIN_JOB.replace("j1", "more").as_str(),
        )
        .await;
    assert_eq!(
        (eleventh.status.as_u16(), eleventh.code()),
        (429, "ThrottlingMaxActiveJobCountExceeded")
    );
    let page = |query: &str, token: Option<&str>| {
        let uri = format!("/jobs/v2/query?api-version=2021-04-12{query}");
        let request = hub
            .request("GET", "/")
            .uri(uri)
            .header("x-ms-max-item-count", "4");
        match token {
            Some(token) => request.header("x-ms-continuation", token),
            None => request,
        }
    };
    let (mut names, mut token) = (Vec::new(), None);
    loop {
        let answer = hub
            .call(page("&jobType=ScheduleDeviceMethod", token.as_deref()), "")
            .await;
        assert_eq!(answer.header("x-ms-item-type"), Some("JobResponse"));
        let jobs = answer.json();
        names.extend(
            jobs.as_array()
                .unwrap()
                .iter()
                .map(|job| job["jobId"].to_string()),
        );
        token = answer.header("x-ms-continuation").map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    let expected: Vec<String> = (0..10).map(|number| format!("\"j{number}\"")).collect();
    assert_eq!(names, expected);
    for (query, status, count) in [
        ("&jobStatus=Completed", 200, 0),
        ("&jobStatus=queued&pageSize=100", 200, 10),
        ("&jobType=export", 200, 0),
        ("&jobStatus=enqueued", 200, 0),
        ("&jobType=nonsense", 400, 0),
        ("&jobStatus=executing", 400, 0),
        ("&continuationToken=x", 400, 0),
        ("&pageSize=0", 400, 0),
    ] {
        let answer = hub.call(page(query, None), "").await;
        assert_eq!(answer.status, status, "{query}");
        if status == 200 {
            assert_eq!(answer.json().as_array().unwrap().len(), count, "{query}");
            assert_eq!(answer.header("x-ms-continuation"), None, "{query}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_is_dropped_leaves_no_task() {
    // JOB-8
    let hub = TestHub::start();
    hub.register("a").await;
    let body = method_job("*", &in_hours(1));
    assert_eq!(hub.quick("PUT", "/jobs/v2/j", &body).await.status, 200);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(hub.stop().await);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let alive = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    assert_eq!(alive, 0);
}
