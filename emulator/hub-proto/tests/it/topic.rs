//! Topics and filters against the tables of the documentation and the SDKs' captured traffic.

use hub_proto::ids::{ClientIdentity, DeviceId, MethodName, ModuleId};
use hub_proto::topic::{
    HubTopic, PublishTopic, RID_BYTES_MAX, Subscription, TopicError, parse_filter, parse_publish,
};

fn device(id: &str) -> ClientIdentity {
    ClientIdentity::Device(DeviceId::parse(id).unwrap())
}

fn module() -> ClientIdentity {
    ClientIdentity::module(DeviceId::parse("d").unwrap(), ModuleId::parse("m").unwrap())
}

fn telemetry(bag: &str) -> PublishTopic<'_> {
    PublishTopic::Telemetry { bag }
}

#[test]
fn the_topics_of_the_sdks_are_understood() {
    let guid = "94e960a2-14a4-4f45-ae26-74c961356530";
    let patch = "$iothub/twin/PATCH/properties/reported/";
    let patched = |rid, if_version| PublishTopic::TwinPatchReported { rid, if_version };
    let cases = [
        ("devices/d/messages/events", telemetry("")),
        ("devices/d/messages/events/", telemetry("")),
        ("devices/d/messages/events//", telemetry("")),
        ("devices/d/messages/events/a=b", telemetry("a=b")),
        (
            "devices/d/messages/events/%24.ct=a%2Fb&x/",
            telemetry("%24.ct=a%2Fb&x"),
        ),
        ("devices/d/messages/events/a=b/c/d", telemetry("a=b/c/d")),
        ("devices/d/messages/events/?a=b", telemetry("a=b")),
        ("devices/d/messages/events/a=1+1#", telemetry("a=1+1#")),
        (
            &format!("$iothub/twin/GET/?$rid={guid}"),
            PublishTopic::TwinGet { rid: guid },
        ),
        (
            "$iothub/twin/GET/?x=y&$rid=%41",
            PublishTopic::TwinGet { rid: "%41" },
        ),
        (patch, patched(None, None)),
        (&format!("{patch}?$rid="), patched(None, None)),
        (&format!("{patch}?$rid={guid}"), patched(Some(guid), None)),
        (
            &format!("{patch}?$rid=7&$version=0"),
            patched(Some("7"), Some(0)),
        ),
        (
            &format!("{patch}?$version=5&$rid=7"),
            patched(Some("7"), Some(5)),
        ),
        (
            "$iothub/methods/res/-1/?$rid=1f",
            PublishTopic::MethodResponse {
                status: "-1",
                rid: "1f",
            },
        ),
    ];
    for (topic, expected) in cases {
        assert_eq!(
            parse_publish(topic, &device("d")).unwrap(),
            expected,
            "{topic}"
        );
    }
    let topic = "devices/d/modules/m/messages/events/%24.on=o/";
    assert_eq!(
        parse_publish(topic, &module()).unwrap(),
        telemetry("%24.on=o")
    );
}

#[test]
fn an_id_with_wildcards_is_an_id() {
    for id in ["a#b", "+", "#", "a+", "$x?y=", "%41"] {
        let client = device(id);
        let topic = format!("devices/{id}/messages/events/k=v");
        assert_eq!(parse_publish(&topic, &client).unwrap(), telemetry("k=v"));
        let filter = format!("devices/{id}/messages/devicebound/#");
        assert_eq!(
            parse_filter(&filter, &client).unwrap(),
            Subscription::CloudToDevice
        );
        assert!(matches!(
            parse_filter(&filter, &device("b")),
            Err(TopicError::Foreign { .. })
        ));
    }
    let other = parse_publish("devices/A/messages/events/", &device("%41"));
    assert!(matches!(other, Err(TopicError::Foreign { .. })));
}

/// What a device `d` may not publish to, and what is said about it.
const REFUSED: &[(&str, &str)] = &[
    ("x", "topic \"x\" is none of the hub's"),
    (
        "devices/e/messages/events/",
        "\"devices/e/messages/events/\" is not the client's own: it names another device or module",
    ),
    (
        "devices/dd/messages/events/",
        "\"devices/dd/messages/events/\" is not the client's own: it names another device or module",
    ),
    (
        "devices/d/modules/m/messages/events/",
        "\"devices/d/modules/m/messages/events/\" is not the client's own: it names another device or module",
    ),
    (
        "devices/D/messages/events/",
        "\"devices/D/messages/events/\" is not the client's own: it names another device or module",
    ),
    (
        "devices/d/messages/Events/",
        "topic \"devices/d/messages/Events/\" is none of the hub's",
    ),
    (
        "devices/d/messages/events2",
        "topic \"devices/d/messages/events2\" is none of the hub's",
    ),
    (
        "devices/d/messages/devicebound/",
        "topic \"devices/d/messages/devicebound/\" is none of the hub's",
    ),
    (
        "$iothub/twin/GET/",
        "topic \"$iothub/twin/GET/\" has no $rid",
    ),
    (
        "$iothub/twin/GET/?$rid=",
        "topic \"$iothub/twin/GET/?$rid=\" has no $rid",
    ),
    (
        "$iothub/twin/GET/?$RID=1",
        "topic \"$iothub/twin/GET/?$RID=1\" has no $rid",
    ),
    (
        "$iothub/twin/GET/sub/?$rid=1",
        "topic \"$iothub/twin/GET/sub/?$rid=1\" is none of the hub's",
    ),
    (
        "$iothub/twin/get/?$rid=1",
        "topic \"$iothub/twin/get/?$rid=1\" is none of the hub's",
    ),
    (
        "$iothub/twin/PUT/?$rid=1",
        "topic \"$iothub/twin/PUT/?$rid=1\" is none of the hub's",
    ),
    (
        "$iothub/twin/PATCH/properties/desired/?$rid=1",
        "topic \"$iothub/twin/PATCH/properties/desired/?$rid=1\" is none of the hub's",
    ),
    (
        "$iothub/twin/PATCH/properties/reported/?$rid=1&$version=x",
        "topic \"$iothub/twin/PATCH/properties/reported/?$rid=1&$version=x\" has a $version that is not a number",
    ),
    (
        "$iothub/methods/res/200/",
        "topic \"$iothub/methods/res/200/\" has no $rid",
    ),
    (
        "$iothub/methods/res//?$rid=1",
        "topic \"$iothub/methods/res//?$rid=1\" is none of the hub's",
    ),
    (
        "$iothub/methods/res/200?$rid=1",
        "topic \"$iothub/methods/res/200?$rid=1\" is none of the hub's",
    ),
    (
        "$iothub/twin/GET/?$rid=#",
        "topic \"$iothub/twin/GET/?$rid=#\" holds a wildcard",
    ),
];

#[test]
fn other_topics_are_refused_with_the_reason() {
    // TOP-1
    let long = format!("$iothub/twin/GET/?$rid={}", "x".repeat(RID_BYTES_MAX + 1));
    let cases = REFUSED
        .iter()
        .copied()
        .chain([(&*long, "the $rid has 1025 bytes, at most 1024 are allowed")]);
    for (topic, expected) in cases {
        let error = parse_publish(topic, &device("d")).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let to_device = parse_publish("devices/d/messages/events/", &module());
    assert!(matches!(to_device, Err(TopicError::Foreign { .. })));
    let error = parse_publish(&"ä".repeat(500), &device("d")).unwrap_err();
    assert_eq!(
        error,
        TopicError::Unknown {
            topic: format!("{}…", "ä".repeat(128))
        }
    );
}

#[test]
fn exactly_the_filters_of_the_table_are_granted() {
    // TOP-2
    let reboot = MethodName::parse("reboot").unwrap();
    let cases = [
        (
            "devices/d/messages/devicebound/#",
            Some(Subscription::CloudToDevice),
        ),
        ("$iothub/twin/res/#", Some(Subscription::TwinResponses)),
        (
            "$iothub/twin/PATCH/properties/desired/#",
            Some(Subscription::DesiredChanges),
        ),
        ("$iothub/methods/POST/#", Some(Subscription::Methods)),
        (
            "$iothub/methods/POST/reboot/#",
            Some(Subscription::Method(reboot)),
        ),
        ("#", None),
        ("+", None),
        ("$iothub/#", None),
        ("$iothub/twin/res/+", None),
        ("$iothub/Twin/res/#", None),
        ("$iothub/methods/POST/+/#", None),
        ("$iothub/methods/POST//#", None),
        ("$iothub/methods/POST/a/b/#", None),
        ("devices/d/messages/devicebound/", None),
        ("devices/d/#", None),
        ("devices/+/messages/devicebound/#", None),
        ("devices/d/modules/m/#", None),
        ("devices/d/inputs/#", None),
    ];
    for (filter, expected) in cases {
        let subscription = parse_filter(filter, &device("d")).ok();
        assert_eq!(subscription, expected, "{filter}");
        if let Some(subscription) = subscription {
            assert_eq!(subscription.filter(&device("d")), filter);
        }
    }
    let cases = [
        ("devices/d/modules/m/#", Some(Subscription::ModuleInputs)),
        (
            "devices/d/modules/m/inputs/#",
            Some(Subscription::ModuleInputs),
        ),
        (
            "devices/d/modules/m/messages/devicebound/#",
            Some(Subscription::CloudToDevice),
        ),
        ("$iothub/twin/res/#", Some(Subscription::TwinResponses)),
        ("devices/d/messages/devicebound/#", None),
        ("devices/d/modules/n/#", None),
    ];
    for (filter, expected) in cases {
        let subscription = parse_filter(filter, &module()).ok();
        assert_eq!(subscription, expected, "{filter}");
        if let Some(subscription) = subscription {
            let granted = subscription.filter(&module());
            assert_eq!(parse_filter(&granted, &module()), Ok(subscription));
        }
    }
    let error = parse_filter("devices/d/modules/m/#", &device("d")).unwrap_err();
    assert!(matches!(error, TopicError::Foreign { .. }));
    let error = parse_filter("#", &device("d")).unwrap_err();
    assert_eq!(error.to_string(), "filter \"#\" is none the hub grants");
}

#[test]
fn hub_topics_print_as_captured_and_parse_back() {
    let rid = "94e960a2-14a4-4f45-ae26-74c961356530";
    let bag = "%24.to=%2Fdevices%2Fdev_c%2Fmessages%2FdeviceBound";
    let cases = [
        (
            HubTopic::TwinResponse {
                status: 200,
                rid,
                version: None,
            },
            "$iothub/twin/res/200/?$rid=94e960a2-14a4-4f45-ae26-74c961356530",
        ),
        (
            HubTopic::TwinResponse {
                status: 204,
                rid,
                version: Some(2),
            },
            "$iothub/twin/res/204/?$rid=94e960a2-14a4-4f45-ae26-74c961356530&$version=2",
        ),
        (
            HubTopic::DesiredChange { version: 2 },
            "$iothub/twin/PATCH/properties/desired/?$version=2",
        ),
        (
            HubTopic::MethodRequest {
                name: "reboot",
                rid: "1",
            },
            "$iothub/methods/POST/reboot/?$rid=1",
        ),
        (
            HubTopic::CloudToDevice {
                device_id: "dev_c",
                bag,
            },
            "devices/dev_c/messages/devicebound/%24.to=%2Fdevices%2Fdev_c%2Fmessages%2FdeviceBound",
        ),
    ];
    for (topic, text) in cases {
        let mut out = Vec::new();
        topic.write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), text);
        assert_eq!(HubTopic::parse(text).unwrap(), topic);
    }
    for broken in [
        "",
        "$iothub/twin/res/20/?$rid=1",
        "$iothub/twin/res/+20/?$rid=1",
        "$iothub/twin/res/200/?$version=1",
        "$iothub/twin/res/204/?$rid=1&$version=x",
        "$iothub/twin/PATCH/properties/desired/$version=1",
        "$iothub/methods/POST/a/b/?$rid=1",
        "$iothub/methods/POST/a/?$rid=",
        "devices//messages/devicebound/",
        "devices/d/messages/events/",
    ] {
        assert!(HubTopic::parse(broken).is_err(), "{broken}");
    }
}
