//! Imports and exports as clients see them, against a container on a socket.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::*;
use crate::blob::tests::TestBlobs;

impl TestHub {
    /// Starts a job and waits for its end.
    async fn transferred(&self, body: Value) -> Value {
        let made = self.quick("POST", "/jobs/create", &body.to_string()).await;
        assert_eq!(made.status, 200, "{}", made.body);
        let made = made.json();
        assert_eq!(
            (&made["status"], &made["progress"]),
            (&json!("enqueued"), &json!(0))
        );
        assert_eq!(made["failureReason"], Value::Null);
        let path = format!("/jobs/{}", made["jobId"].as_str().unwrap());
        for _ in 0..1000 {
            let job = self.quick("GET", &path, "").await.json();
            if job.get("endTimeUtc").is_some() {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the job does not end");
    }

    async fn exported(&self, blobs: &TestBlobs) -> String {
        let job = json!({ "type": "export", "outputBlobContainerUri": blobs.container() });
        assert_eq!(self.transferred(job).await["status"], "completed");
        blobs.file("devices.txt").unwrap()
    }

    async fn imported(&self, blobs: &TestBlobs, lines: &str) -> Vec<Value> {
        blobs.put_file("devices.txt", lines);
        let job = json!({
            "type": "Import",
            "inputBlobContainerUri": blobs.container(),
            "outputBlobContainerUri": blobs.container(),
        });
        let job = self.transferred(job).await;
        assert_eq!(job["status"], "completed", "{job}");
        assert_eq!(
            (&job["progress"], &job["failureReason"]),
            (&json!(100), &Value::Null)
        );
        let errors = blobs.file("importErrors.log").unwrap_or_default();
        let errors = errors
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        errors.collect()
    }
}

#[tokio::test]
async fn what_is_exported_makes_the_same_identities_elsewhere() {
    // JOB-14
    let (hub, blobs) = (TestHub::start(), TestBlobs::start().await);
    for number in 0..700 {
        hub.register(&format!("d{number:03}")).await;
    }
    hub.quick("PUT", "/devices/d000/modules/m", "{}").await;
    let twin = r#"{"tags":{"t":1.0},"properties":{"desired":{"p":{"q":[1]}}}}"#;
    hub.quick("PATCH", "/twins/d000", twin).await;
    let exported = hub.exported(&blobs).await;
    let lines: Vec<&str> = exported.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 701);
    let ids = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let ids: Vec<String> = ids
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(ids.is_sorted());

    let other = TestHub::start();
    assert_eq!(other.imported(&blobs, &exported).await, [] as [Value; 0]);
    for path in ["/devices/d000", "/devices/d699", "/devices/d000/modules/m"] {
        let (one, two) = (
            hub.quick("GET", path, "").await.json(),
            other.quick("GET", path, "").await.json(),
        );
        assert_eq!(one["authentication"], two["authentication"], "{path}");
    }
    let twin = other.quick("GET", "/twins/d000", "").await.json();
    assert_eq!(twin["tags"], json!({ "t": 1.0 }));
    assert_eq!(twin["properties"]["desired"]["p"], json!({ "q": [1] }));
}

#[tokio::test]
async fn a_line_is_as_the_real_hub_writes_it() {
    // JOB-14
    let (hub, blobs) = (TestHub::start(), TestBlobs::start().await);
    hub.register("d1").await;
    let mut line: Value = serde_json::from_str(hub.exported(&blobs).await.trim_end()).unwrap();
    for etag in ["eTag", "twinETag"] {
        assert!(line[etag].is_string());
        line[etag] = json!("");
    }
    for section in ["desired", "reported"] {
        assert_eq!(line["properties"][section]["$version"], 1);
    }
    line["properties"] = json!({});
    assert_eq!(
        line,
        json!({
            "id": "d1", "eTag": "", "status": "enabled",
            "authentication": {
                "symmetricKey": { "primaryKey": PRIMARY, "secondaryKey": SECONDARY },
                "x509Thumbprint": { "primaryThumbprint": null, "secondaryThumbprint": null },
                "type": "sas",
            },
            "twinETag": "", "tags": {}, "properties": {}, "capabilities": { "iotEdge": false },
        })
    );
    let job = json!({
        "type": "export", "outputBlobContainerUri": blobs.container(),
        "outputBlobName": "sub/no keys.txt", "excludeKeysInExport": true,
    });
    let job = hub.transferred(job).await;
    assert_eq!(job["excludeKeysInExport"], true);
    assert!(!job.to_string().contains("sig"), "{job}");
    let text = blobs.file("sub%2Fno%20keys.txt").unwrap();
    let (warning, row) = text.split_once("\r\n").unwrap();
    assert!(serde_json::from_str::<Value>(warning).is_err());
    let row: Value = serde_json::from_str(row).unwrap();
    assert_eq!(
        row["authentication"]["symmetricKey"]["primaryKey"],
        Value::Null
    );
}

#[tokio::test]
async fn lines_that_fail_are_told_and_the_others_hold() {
    // JOB-17
    let (hub, blobs) = (TestHub::start(), TestBlobs::start().await);
    for id in ["there", "gone", "twin"] {
        hub.register(id).await;
    }
    let lines = [
        r#"{"id":"new","status":"enabled","tags":{"a":1}}"#,
        r#"{"id":"there","importMode":"create","status":"enabled"}"#,
        r#"{"id":"gone","importMode":"delete","status":"enabled"}"#,
        r#"{"id":"twin","importMode":"updateTwin","status":"enabled","tags":{"k":"v"},"properties":{"desired":{"$metadata":{},"$version":7,"p":1}}}"#,
        r#"{"id":"there","importMode":"updateIfMatchETag","eTag":"bm8=","status":"disabled"}"#,
        r#"{"id":"statusless","importMode":"create"}"#,
        r#"{"id":"mode","importMode":"replace","status":"enabled"}"#,
        "no JSON",
    ];
    let errors = hub.imported(&blobs, &lines.join("\n")).await;
    let seen: Vec<_> = errors
        .iter()
        .map(|error| {
            (
                error["deviceId"].as_str().unwrap(),
                error["errorCode"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("there", 409_001),
            ("there", 412_001),
            ("statusless", 400_005),
            ("mode", 400_004),
            ("", 400_006),
        ]
    );
    let status = |path: &'static str| async { hub.quick("GET", path, "").await.status.as_u16() };
    assert_eq!(status("/devices/new").await, 200);
    assert_eq!(status("/devices/gone").await, 404);
    assert_eq!(status("/devices/statusless").await, 404);
    let twin = hub.quick("GET", "/twins/twin", "").await.json();
    assert_eq!(
        (&twin["tags"]["k"], &twin["properties"]["desired"]["p"]),
        (&json!("v"), &json!(1))
    );
    // What an import before left there is not of the next one.
    let errors = hub.imported(&blobs, lines[0]).await;
    assert_eq!(errors, [] as [Value; 0]);
}

#[tokio::test]
async fn a_container_that_cannot_be_used_is_refused_at_once() {
    // JOB-16
    let (hub, blobs) = (TestHub::start(), TestBlobs::start().await);
    let good = blobs.container();
    let unsigned = good.split_once('?').unwrap().0.to_owned();
    let closed = "http://127.0.0.1:1/a/files?sig=x";
    let cases = [
        (json!({ "outputBlobContainerUri": good }), "ArgumentNull"),
        (json!({ "type": "export" }), "ArgumentNull"),
        (
            json!({ "type": "backup", "outputBlobContainerUri": good }),
            "GenericBadRequest",
        ),
        (
            json!({ "type": "export", "outputBlobContainerUri": good, "storageAuthenticationType": "identityBased" }),
            "NotImplemented",
        ),
        (
            json!({ "type": "export", "outputBlobContainerUri": unsigned }),
            BLOB,
        ),
        (
            json!({ "type": "export", "outputBlobContainerUri": closed }),
            BLOB,
        ),
        (
            json!({ "type": "export", "outputBlobContainerUri": "file:///etc" }),
            BLOB,
        ),
        (
            json!({ "type": "import", "outputBlobContainerUri": good, "inputBlobContainerUri": unsigned }),
            BLOB,
        ),
    ];
    for (body, code) in cases {
        let answer = hub.quick("POST", "/jobs/create", &body.to_string()).await;
        assert_eq!(answer.code(), code, "{body}");
        assert!(!answer.body.contains("sig="), "{}", answer.body);
    }
    let body = json!({ "type": "export", "outputBlobContainerUri": unsigned });
    let answer = hub.quick("POST", "/jobs/create", &body.to_string()).await;
    assert!(
        answer
            .body
            .contains("Unauthorized to write to output blob container")
    );
    assert_eq!(hub.quick("GET", "/jobs", "").await.body, "[]");
    assert!(
        std::fs::read_dir(blobs.folder.path().join("files"))
            .unwrap()
            .next()
            .is_none()
    );
}

const BLOB: &str = "BlobContainerValidationError";

#[tokio::test]
async fn an_import_without_its_blob_fails_and_jobs_are_read_listed_and_cancelled() {
    // JOB-15
    let (hub, blobs) = (TestHub::start(), TestBlobs::start().await);
    let job = json!({
        "type": "import", "inputBlobContainerUri": blobs.container(),
        "outputBlobContainerUri": blobs.container(),
    });
    let job = hub.transferred(job).await;
    assert_eq!(job["status"], "failed");
    assert!(
        job["failureReason"]
            .as_str()
            .unwrap()
            .contains("BlobNotFound"),
        "{job}"
    );
    let list = hub.quick("GET", "/jobs", "").await.json();
    assert_eq!(list, json!([job]));
    let path = format!("/jobs/{}", job["jobId"].as_str().unwrap());
    assert_eq!(hub.quick("DELETE", &path, "").await.status, 204);
    assert_eq!(
        hub.quick("GET", &path, "").await.json(),
        job,
        "it had ended"
    );
    for verb in ["GET", "DELETE"] {
        assert_eq!(
            hub.quick(verb, "/jobs/none", "").await.code(),
            "JobNotFound"
        );
    }
    let v2 = path.replace("/jobs/", "/jobs/v2/");
    assert_eq!(hub.quick("GET", &v2, "").await.json()["status"], "unknown");
}

#[tokio::test]
async fn configurations_go_along() {
    // JOB-18
    let (hub, blobs) = (TestHub::start(), TestBlobs::start().await);
    let configuration = r#"{"id":"c1","content":{"deviceContent":{"properties.desired.a":{"b":1}}},
        "targetCondition":"tags.x='y'","priority":7,"labels":{"l":"v"}}"#;
    let made = hub.quick("PUT", "/configurations/c1", configuration).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let job = json!({
        "type": "export", "outputBlobContainerUri": blobs.container(), "includeConfigurations": true,
    });
    assert_eq!(hub.transferred(job).await["status"], "completed");
    let line: Value =
        serde_json::from_str(blobs.file("configurations.txt").unwrap().trim_end()).unwrap();
    assert_eq!((&line["Id"], &line["Priority"]), (&json!("c1"), &json!(7)));
    let other = TestHub::start();
    let job = json!({
        "type": "import", "includeConfigurations": true,
        "inputBlobContainerUri": blobs.container(), "outputBlobContainerUri": blobs.container(),
    });
    assert_eq!(other.transferred(job).await["status"], "completed");
    assert_eq!(blobs.file("importErrors.log"), None);
    let imported = other.quick("GET", "/configurations/c1", "").await.json();
    for name in ["content", "targetCondition", "priority", "labels"] {
        assert_eq!(imported[name], made.json()[name], "{name}");
    }
}
