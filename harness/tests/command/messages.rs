//! Messages to devices and digital twins, by command.

use serde_json::{Value, json};

use crate::support::Hub;

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_message_is_sent_purged_and_told_of_by_feedback() {
    let hub = Hub::start();
    hub.ok(&["device", "create", "d"]);
    let none = hub.ok(&["c2d", "feedback"]);
    assert!(none.starts_with("no feedback"), "{none}");
    let send = [
        "c2d",
        "send",
        "d",
        "hello",
        "--message-id",
        "m1",
        "--ack",
        "full",
        "--json",
    ];
    let told = hub.ok(&send);
    assert_eq!(parse(&told), json!({"sequence": 1}));
    let queue = hub.ok(&["c2d", "list", "d"]);
    assert!(queue.starts_with("sequence  messageId  state     deliveries  bytes  enqueuedTime\n1         m1         enqueued  0           5 "), "{queue}");
    assert!(
        queue.ends_with(
            "\nended: 0 completed, 0 purged, 0 expired, 0 delivered too often, 0 rejected"
        )
    );
    assert_eq!(
        parse(&hub.ok(&["c2d", "peek", "d", "--json"]))["messages"][0]["bytes"],
        5
    );
    let purged = parse(&hub.ok(&["c2d", "purge", "d", "--json"]));
    assert_eq!(purged["totalMessagesPurged"], 1);
    for keep in [true, false] {
        let mut args = vec!["c2d", "feedback", "--json"];
        args.extend(keep.then_some("--keep"));
        let record = parse(&hub.ok(&args));
        assert_eq!(
            (&record["originalMessageId"], &record["statusCode"]),
            (&json!("m1"), &json!("Purged"))
        );
    }
    assert_eq!(hub.ok(&["c2d", "feedback", "--json"]), "");
    for args in [
        vec!["c2d", "send", "nobody", "x"],
        vec!["c2d", "send", "d", "x", "--ack", "all"],
    ] {
        let (code, _, errors) = hub.tool(&args);
        assert_eq!(code, Some(1), "{errors}");
        assert!(errors.contains("\n help: "), "{errors}");
    }
}

#[test]
fn a_digital_twin_is_shown_and_patched_and_its_commands_fail_as_methods_do() {
    let hub = Hub::start();
    hub.ok(&["device", "create", "d"]);
    let empty = json!({"$dtId": "d", "$metadata": {"$model": ""}});
    assert_eq!(parse(&hub.ok(&["digital-twin", "show", "d"])), empty);
    let patch = r#"[{"op":"add","path":"/inside/target","value":42}]"#;
    hub.ok(&["digital-twin", "update", "d", patch]);
    let twin = parse(&hub.ok(&["twin", "show", "d"]));
    assert_eq!(
        twin["properties"]["desired"]["inside"],
        json!({"__t": "c", "target": 42})
    );
    let invoke = [
        "digital-twin",
        "invoke",
        "d",
        "reboot",
        "--component",
        "inside",
    ];
    let (code, _, errors) = hub.tool(&invoke);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("404 DeviceNotOnline"), "{errors}");
}
