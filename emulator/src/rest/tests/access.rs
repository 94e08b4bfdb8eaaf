//! Who is let in, and to which paths.

use hub_proto::sas::sign;
use hyper::Request;
use hyper::header::{AUTHORIZATION, HOST};

use super::support::{NOW_UNIX_S, TestHub};

#[tokio::test(start_paused = true)]
async fn every_fault_of_a_token_is_the_same_401_and_comes_before_404() {
    // AUTH-2, AUTH-5, AUTH-7
    let hub = TestHub::start();
    let owner = hub
        .context
        .hub
        .policies()
        .get("iothubowner")
        .unwrap()
        .clone();
    let token = |audience: &str, expiry: i64, name: Option<&str>| {
        sign(audience, &owner.primary, expiry, name)
    };
    let later = NOW_UNIX_S + 60;
    let good = token("localhost", later, Some("iothubowner"));
    let faults = [
        String::new(),
        "SharedAccessSignature nonsense".to_owned(),
        "Basic YTpi".to_owned(),
        token("localhost", NOW_UNIX_S - 301, Some("iothubowner")),
        token("localhost", 0, Some("iothubowner")),
        token("localhost", later, Some("nobody")),
        token("localhost", later, Some("service")),
        token("other.example", later, Some("iothubowner")),
        token("localhost/devices/d", later, None),
        hub.token("device"),
        hub.token("registryRead"),
        hub.token("registryReadWrite"),
    ];
    let get = |token: &str| {
        Request::get("/twins/missing?api-version=2021-04-12")
            .header(HOST, "localhost")
            .header(AUTHORIZATION, token)
    };
    for fault in &faults {
        let answer = hub.call(get(fault), "").await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (401, "IotHubUnauthorizedAccess")
        );
        let message = &answer.json()["Message"];
        assert_eq!(
            message, "ErrorCode:IotHubUnauthorizedAccess;Unauthorized",
            "{fault}"
        );
    }
    let secondary = sign("localhost", &owner.secondary, later, Some("iothubowner"));
    let in_grace = token("localhost", NOW_UNIX_S - 299, Some("iothubowner"));
    let with_port = token("localhost:8443", later, Some("iothubowner"));
    for good in [good, secondary, in_grace, with_port, hub.token("service")] {
        assert_eq!(
            hub.call(get(&good), "").await.code(),
            "DeviceNotFound",
            "{good}"
        );
    }
    let bearer = hub.call(get("Bearer eyJ0"), "").await;
    assert_eq!(
        (bearer.status.as_u16(), bearer.code()),
        (501, "NotImplemented")
    );
}

#[tokio::test(start_paused = true)]
async fn each_permission_opens_its_operations_and_no_others() {
    // AUTH-4
    let hub = TestHub::start();
    hub.register("d").await;
    let (owner, service, read, write) = (
        "iothubowner",
        "service",
        "registryRead",
        "registryReadWrite",
    );
    let cases: [(&str, &str, &[&str]); 7] = [
        ("GET", "/devices/d", &[owner, read, write]),
        ("GET", "/devices", &[owner, read, write]),
        ("PUT", "/devices/d", &[owner, write]),
        ("GET", "/twins/d", &[owner, service]),
        ("POST", "/devices/query", &[owner, service]),
        ("POST", "/twins/d/methods", &[owner, service]),
        ("DELETE", "/devices/d/commands", &[owner, service, write]),
    ];
    for (verb, path, allowed) in cases {
        for policy in [owner, service, read, write, "device"] {
            let request = Request::builder()
                .method(verb)
                .uri(format!("{path}?api-version=2021-04-12"))
                .header(HOST, "localhost:443")
                .header(AUTHORIZATION, hub.token(policy));
            let is_let_in = hub.call(request, "{}").await.status != 401;
            assert_eq!(
                is_let_in,
                allowed.contains(&policy),
                "{policy}: {verb} {path}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn host_version_and_path_are_checked() {
    // REST-2, REST-6, REST-8, REST-9
    let hub = TestHub::start();
    let ask = |verb: &str, uri: &str, host: &str| {
        let request = Request::builder().method(verb).uri(uri).header(HOST, host);
        request.header(AUTHORIZATION, hub.token("iothubowner"))
    };
    let (list, here) = ("/devices?api-version=2021-04-12", "localhost");
    let cases = [
        ("GET", list, "hub.example", 200, ""),
        ("GET", list, "other.example", 401, "IotHubNotFound"),
        ("GET", "/devices", here, 400, "InvalidProtocolVersion"),
        (
            "GET",
            "/devices?api-version=latest",
            here,
            400,
            "InvalidProtocolVersion",
        ),
        (
            "GET",
            "/nowhere?api-version=2021-04-12",
            here,
            404,
            "GenericNotFound",
        ),
        ("PATCH", list, here, 405, "GenericMethodNotAllowed"),
        ("POST", "/devices/d/files", here, 501, "NotImplemented"),
        ("GET", "/$iothub/websocket", here, 400, "GenericBadRequest"),
    ];
    for (verb, uri, host, status, code) in cases {
        let answer = hub.call(ask(verb, uri, host), "").await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (status, code),
            "{verb} {uri} {host}"
        );
        assert_eq!(answer.header("x-ms-request-id").unwrap().len(), 36);
        assert!(answer.header("server").unwrap().starts_with("Hubnerite/"));
    }
}
