//! Digital twins as services see them. The test with Microsoft's SDK has the device that this lacks.

use serde_json::json;

use super::support::TestHub;

#[tokio::test(start_paused = true)]
async fn a_digital_twin_is_read_and_patched_under_the_etag_of_the_device_twin() {
    // PNP-1, PNP-3
    let hub = TestHub::start();
    hub.register("d").await;
    let read = hub.quick("GET", "/digitaltwins/d", "").await;
    let etag = hub
        .quick("GET", "/twins/d", "")
        .await
        .header("etag")
        .map(str::to_owned);
    assert_eq!(read.header("etag"), etag.as_deref());
    assert_eq!(read.body, r#"{"$dtId":"d","$metadata":{"$model":""}}"#);
    let body = r#"[{"op":"add","path":"/fan/speed","value":1.50}]"#;
    let patch = |etag: &str| {
        hub.request("PATCH", "/digitaltwins/d")
            .header("If-Match", etag)
    };
    let patched = hub.call(patch(&etag.unwrap()), body).await;
    assert_eq!((patched.status.as_u16(), patched.body.as_str()), (202, ""));
    assert!(
        patched
            .header("location")
            .unwrap()
            .ends_with("/digitaltwins/d")
    );
    let twin = hub.quick("GET", "/twins/d", "").await;
    assert_eq!(patched.header("etag"), twin.header("etag"));
    assert!(
        twin.body.contains(r#""fan":{"__t":"c","speed":1.50}"#),
        "{}",
        twin.body
    );
}

#[tokio::test(start_paused = true)]
async fn a_command_is_a_direct_method_and_fails_as_one() {
    // PNP-5
    let hub = TestHub::start();
    hub.register("d").await;
    for path in [
        "/digitaltwins/d/commands/reboot",
        "/digitaltwins/d/components/fan/commands/stop",
    ] {
        let offline = hub.quick("POST", path, "1").await;
        assert_eq!(
            (offline.status.as_u16(), offline.code()),
            (404, "DeviceNotOnline")
        );
        let broken = hub.quick("POST", path, "{").await;
        assert_eq!(
            (broken.status.as_u16(), broken.code()),
            (400, "IotHubFormatError")
        );
    }
    let unknown = hub.quick("GET", "/digitaltwins/nobody", "").await;
    assert_eq!(
        (unknown.status.as_u16(), unknown.code()),
        (404, "DeviceNotFound")
    );
    assert_eq!(
        unknown.json()["Message"],
        json!("ErrorCode:DeviceNotFound;nobody")
    );
}
