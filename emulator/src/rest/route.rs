//! Which operation a request line asks for.
//!
//! Lenient where clients differ: the whole path may come percent-encoded as one segment (IoT
//! Explorer), a trailing slash does not count (Node, C#), literal segments match without case. Ids
//! are taken as they are, decoded once; whether an id is legal is not decided here.

use std::borrow::Cow;

use hyper::Method;
use percent_encoding::percent_decode_str;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// MQTT over WebSocket.
    WebSocket,
    /// `GET /devices`.
    ListDevices,
    /// `GET /devices/{id}`.
    GetDevice(String),
    /// `PUT /devices/{id}`.
    PutDevice(String),
    /// `DELETE /devices/{id}`.
    DeleteDevice(String),
    /// `DELETE /devices/{id}/commands`.
    PurgeMessages(String),
    /// `POST /devices/{id}/messages/deviceBound`.
    SendToDevice(String),
    /// `POST /devices/query`.
    Query,
    /// `GET /twins/{id}`.
    GetTwin(String),
    /// `PATCH /twins/{id}`.
    PatchTwin(String),
    /// `PUT /twins/{id}`.
    PutTwin(String),
    /// `POST /twins/{id}/methods`.
    InvokeMethod(String),
    /// Legal on the real hub, not built here; the text names the gap.
    NotBuilt(&'static str),
}

/// Why a request line asks for nothing that the hub has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RouteError {
    /// The path is none of the hub's.
    NotFound,
    /// The path is the hub's, the verb is not.
    MethodNotAllowed {
        /// The verbs that are, for the `Allow` header.
        allow: String,
    },
}

impl Route {
    /// Reads the verb and the raw path (without query) of a request line.
    pub(crate) fn parse(verb: &Method, path: &str) -> Result<Self, RouteError> {
        let path = Path::parse(path).ok_or(RouteError::NotFound)?;
        let mut allow: Vec<&str> = Vec::new();
        for row in ROWS {
            let Some(ids) = path.ids_of(row.pattern) else {
                continue;
            };
            if row.verb == verb.as_str() {
                return Ok(row.goal.route(
                    ids.first().copied().unwrap_or_default(),
                    path.is_encoded_whole,
                ));
            }
            if !allow.contains(&row.verb) {
                allow.push(row.verb);
            }
        }
        if allow.is_empty() {
            return Err(RouteError::NotFound);
        }
        Err(RouteError::MethodNotAllowed {
            allow: allow.join(", "),
        })
    }
}

/// A decoded path.
struct Path {
    segments: Vec<String>,
    /// The whole path came as one segment with its slashes encoded.
    is_encoded_whole: bool,
}

impl Path {
    fn parse(raw: &str) -> Option<Self> {
        let raw = raw.strip_prefix('/')?;
        let decoded = percent_decode_str(raw).decode_utf8().ok()?;
        let decoded = decoded.strip_suffix('/').unwrap_or(&decoded);
        // `/` is never legal in an id, so splitting after decoding is safe.
        let segments: Vec<String> = decoded
            .split('/')
            .take(SEGMENTS_MAX + 1)
            .map(str::to_owned)
            .collect();
        if segments.len() > SEGMENTS_MAX {
            return None;
        }
        let is_encoded_whole = !raw.contains('/') && segments.len() > 1;
        Some(Self {
            segments,
            is_encoded_whole,
        })
    }

    /// The texts at the pattern's `{}`, if the path is of the pattern.
    fn ids_of(&self, pattern: &str) -> Option<Vec<&str>> {
        let mut ids = Vec::new();
        let mut segments = self.segments.iter();
        for expected in pattern.split('/') {
            let segment = segments.next()?;
            match expected {
                "{}" if segment.is_empty() => return None,
                "{}" => ids.push(segment.as_str()),
                literal if segment.eq_ignore_ascii_case(literal) => {}
                _ => return None,
            }
        }
        segments.next().is_none().then_some(ids)
    }
}

/// A row of the table: a verb, a path and what they mean together.
struct Row {
    verb: &'static str,
    pattern: &'static str,
    goal: Goal,
}

enum Goal {
    /// About the hub.
    Hub(Route),
    /// About the device at the first `{}`.
    Device(fn(String) -> Route),
    /// A message to the device at the first `{}`.
    SendToDevice,
}

impl Goal {
    fn route(&self, id: &str, is_encoded_whole: bool) -> Route {
        match self {
            Self::Hub(route) => route.clone(),
            Self::Device(make) => make(id.to_owned()),
            // IoT Explorer encodes the device id of a message once more before it encodes the whole
            // path (Azure/azure-iot-explorer `devicesService.ts`); nobody else encodes twice.
            Self::SendToDevice if is_encoded_whole => {
                let decoded = percent_decode_str(id).decode_utf8();
                Route::SendToDevice(decoded.map_or_else(|_| id.to_owned(), Cow::into_owned))
            }
            Self::SendToDevice => Route::SendToDevice(id.to_owned()),
        }
    }
}

const fn hub(verb: &'static str, pattern: &'static str, route: Route) -> Row {
    Row {
        verb,
        pattern,
        goal: Goal::Hub(route),
    }
}

const fn device(verb: &'static str, pattern: &'static str, make: fn(String) -> Route) -> Row {
    Row {
        verb,
        pattern,
        goal: Goal::Device(make),
    }
}

const fn gap(verb: &'static str, pattern: &'static str, name: &'static str) -> Row {
    hub(verb, pattern, Route::NotBuilt(name))
}

/// No path of the hub has more segments.
const SEGMENTS_MAX: usize = 8;

const MODULES: &str = "module identities";
const MODULE_TWINS: &str = "module twins";
const CONFIGURATIONS: &str = "automatic device configurations";
const JOBS: &str = "jobs";
const FEEDBACK: &str = "cloud-to-device feedback";
const DEVICE_HTTPS: &str = "the device-side HTTPS endpoint";
const FILE_UPLOAD: &str = "file upload";
const FILE_NOTIFICATIONS: &str = "file-upload notifications";
const STREAMS: &str = "device streams";
const DIGITAL_TWINS: &str = "digital twins";
const STATISTICS: &str = "statistics";

/// Every path of the hub's data plane: the service API of 2021-04-12 (Azure/azure-iot-hub-python
/// `service.json`), what clients add to it, and the device side. The first row that fits wins, so
/// literal segments stand before `{}`.
const ROWS: &[Row] = &[
    hub("GET", "$iothub/websocket", Route::WebSocket),
    // Identities. A device may be called `query` or `keys`: the literal routes are POST only.
    hub("GET", "devices", Route::ListDevices),
    gap("POST", "devices", "bulk device operations"),
    hub("POST", "devices/query", Route::Query),
    gap(
        "POST",
        "devices/keys/regenerate",
        "regeneration of device keys",
    ),
    device("GET", "devices/{}", Route::GetDevice),
    device("PUT", "devices/{}", Route::PutDevice),
    device("DELETE", "devices/{}", Route::DeleteDevice),
    device("DELETE", "devices/{}/commands", Route::PurgeMessages),
    gap("GET", "devices/{}/modules", MODULES),
    gap("GET", "devices/{}/modules/{}", MODULES),
    gap("PUT", "devices/{}/modules/{}", MODULES),
    gap("DELETE", "devices/{}/modules/{}", MODULES),
    gap(
        "POST",
        "devices/{}/applyConfigurationContent",
        CONFIGURATIONS,
    ),
    // Twins and methods.
    device("GET", "twins/{}", Route::GetTwin),
    device("PATCH", "twins/{}", Route::PatchTwin),
    device("PUT", "twins/{}", Route::PutTwin),
    device("POST", "twins/{}/methods", Route::InvokeMethod),
    gap("GET", "twins/{}/modules/{}", MODULE_TWINS),
    gap("PATCH", "twins/{}/modules/{}", MODULE_TWINS),
    gap("PUT", "twins/{}/modules/{}", MODULE_TWINS),
    gap(
        "POST",
        "twins/{}/modules/{}/methods",
        "direct methods of modules",
    ),
    // A preview of Azure/azure-iot-sdk-csharp (`ServiceClient.CreateStreamAsync`).
    gap("POST", "twins/{}/streams/{}", STREAMS),
    gap("POST", "twins/{}/modules/{}/streams/{}", STREAMS),
    gap("GET", "digitaltwins/{}", DIGITAL_TWINS),
    gap("PATCH", "digitaltwins/{}", DIGITAL_TWINS),
    gap("POST", "digitaltwins/{}/commands/{}", DIGITAL_TWINS),
    gap(
        "POST",
        "digitaltwins/{}/components/{}/commands/{}",
        DIGITAL_TWINS,
    ),
    // The hub as a whole.
    gap("GET", "statistics/devices", STATISTICS),
    gap("GET", "statistics/service", STATISTICS),
    gap("GET", "configurations", CONFIGURATIONS),
    gap("POST", "configurations/testQueries", CONFIGURATIONS),
    gap("GET", "configurations/{}", CONFIGURATIONS),
    gap("PUT", "configurations/{}", CONFIGURATIONS),
    gap("DELETE", "configurations/{}", CONFIGURATIONS),
    gap("GET", "jobs", JOBS),
    gap("POST", "jobs/create", JOBS),
    gap("GET", "jobs/v2/query", JOBS),
    gap("GET", "jobs/v2/{}", JOBS),
    gap("PUT", "jobs/v2/{}", JOBS),
    gap("POST", "jobs/v2/{}/cancel", JOBS),
    gap("GET", "jobs/{}", JOBS),
    gap("DELETE", "jobs/{}", JOBS),
    // Messages to devices, and what became of them.
    Row {
        verb: "POST",
        pattern: "devices/{}/messages/deviceBound",
        goal: Goal::SendToDevice,
    },
    gap("GET", "messages/serviceBound/feedback", FEEDBACK),
    gap("DELETE", "messages/serviceBound/feedback/{}", FEEDBACK),
    gap(
        "POST",
        "messages/serviceBound/feedback/{}/abandon",
        FEEDBACK,
    ),
    // AMQP in every SDK; the paths are those of the feedback's sibling.
    gap(
        "GET",
        "messages/serviceBound/filenotifications",
        FILE_NOTIFICATIONS,
    ),
    gap(
        "DELETE",
        "messages/serviceBound/filenotifications/{}",
        FILE_NOTIFICATIONS,
    ),
    gap(
        "POST",
        "messages/serviceBound/filenotifications/{}/abandon",
        FILE_NOTIFICATIONS,
    ),
    // The device side.
    gap("POST", "devices/{}/messages/events", DEVICE_HTTPS),
    gap(
        "POST",
        "devices/{}/modules/{}/messages/events",
        DEVICE_HTTPS,
    ),
    gap("GET", "devices/{}/messages/deviceBound", DEVICE_HTTPS),
    gap("DELETE", "devices/{}/messages/deviceBound/{}", DEVICE_HTTPS),
    gap(
        "POST",
        "devices/{}/messages/deviceBound/{}/abandon",
        DEVICE_HTTPS,
    ),
    gap("POST", "devices/{}/files", FILE_UPLOAD),
    gap("POST", "devices/{}/files/notifications", FILE_UPLOAD),
    gap("POST", "devices/{}/files/notifications/{}", FILE_UPLOAD),
];

#[cfg(test)]
mod tests {
    use hub_proto::ids::DeviceId;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    fn parse(verb: &str, path: &str) -> Result<Route, RouteError> {
        Route::parse(&Method::from_bytes(verb.as_bytes()).unwrap(), path)
    }

    fn encode(text: &str) -> String {
        utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
    }

    #[test]
    fn paths_of_real_clients_reach_their_operation() {
        // REST-1
        let device = |make: fn(String) -> Route, id: &str| Ok(make(id.to_owned()));
        let cases = [
            (
                "GET",
                "/devices/dev%202%23a",
                device(Route::GetDevice, "dev 2#a"),
            ),
            ("GET", "/devices/", Ok(Route::ListDevices)),
            ("GET", "/devices", Ok(Route::ListDevices)),
            ("POST", "/devices%2Fquery", Ok(Route::Query)),
            ("POST", "/Devices/Query", Ok(Route::Query)),
            ("GET", "/devices/query", device(Route::GetDevice, "query")),
            ("PUT", "/devices/keys", device(Route::PutDevice, "keys")),
            ("GET", "/twins%2Fdev1", device(Route::GetTwin, "dev1")),
            ("GET", "/twins%2fdev1", device(Route::GetTwin, "dev1")),
            ("GET", "/TWINS/Dev1", device(Route::GetTwin, "Dev1")),
            ("GET", "/twins/a%2523b", device(Route::GetTwin, "a%23b")),
            ("POST", "/twins/d/methods", device(Route::InvokeMethod, "d")),
            (
                "DELETE",
                "/devices/d/commands",
                device(Route::PurgeMessages, "d"),
            ),
            (
                "POST",
                "/devices/d/messages/devicebound",
                device(Route::SendToDevice, "d"),
            ),
            (
                "POST",
                "/devices/a%2523/messages/deviceBound",
                device(Route::SendToDevice, "a%23"),
            ),
            (
                "POST",
                "/devices%2Fa%2523%2Fmessages%2FdeviceBound",
                device(Route::SendToDevice, "a#"),
            ),
            ("GET", "/$iothub/websocket", Ok(Route::WebSocket)),
            ("GET", "/%24iothub/websocket", Ok(Route::WebSocket)),
            (
                "POST",
                "/devices",
                Ok(Route::NotBuilt("bulk device operations")),
            ),
            (
                "POST",
                "/devices/d/files/",
                Ok(Route::NotBuilt(FILE_UPLOAD)),
            ),
            ("GET", "/jobs/v2/query", Ok(Route::NotBuilt(JOBS))),
        ];
        for (verb, path, expected) in cases {
            assert_eq!(parse(verb, path), expected, "{verb} {path}");
        }
    }

    #[test]
    fn what_is_not_built_is_named() {
        // REST-6
        let notifications = "/messages/serviceBound/filenotifications";
        for (verb, path, gap) in [
            ("GET", notifications.to_owned(), FILE_NOTIFICATIONS),
            (
                "DELETE",
                format!("{notifications}/lock"),
                FILE_NOTIFICATIONS,
            ),
            (
                "POST",
                format!("{notifications}/lock/abandon"),
                FILE_NOTIFICATIONS,
            ),
            ("POST", "/twins/d/streams/s".to_owned(), STREAMS),
            ("POST", "/twins/d/modules/m/streams/s".to_owned(), STREAMS),
            (
                "GET",
                "/messages/serviceBound/feedback".to_owned(),
                FEEDBACK,
            ),
            ("GET", "/statistics/devices".to_owned(), STATISTICS),
        ] {
            assert_eq!(
                parse(verb, &path),
                Ok(Route::NotBuilt(gap)),
                "{verb} {path}"
            );
        }
    }

    #[test]
    fn paths_the_hub_does_not_have_are_not_found() {
        // REST-8
        for path in [
            "/",
            "",
            "*",
            "//devices",
            "/devices//commands",
            "/devices/d/x",
            "/x/y",
            "/twins/%ff",
        ] {
            assert_eq!(parse("GET", path), Err(RouteError::NotFound), "{path}");
        }
        assert_eq!(parse("GET", &"/a".repeat(5000)), Err(RouteError::NotFound));
    }

    #[test]
    fn a_wrong_verb_is_told_the_right_ones() {
        // REST-8
        let cases = [
            ("POST", "/twins/d", "GET, PATCH, PUT"),
            ("OPTIONS", "/devices/query", "POST, GET, PUT, DELETE"),
            ("GET", "/twins/d/methods", "POST"),
        ];
        for (verb, path, allow) in cases {
            let expected = RouteError::MethodNotAllowed {
                allow: allow.to_owned(),
            };
            assert_eq!(parse(verb, path), Err(expected), "{verb} {path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_makes_the_router_panic(verb in "[A-Z]{1,8}", path in "\\PC{0,64}") {
            let _ = parse(&verb, &path);
        }

        #[test]
        fn a_path_encoded_whole_means_the_same_as_a_plain_one(
            id in "[A-Za-z0-9\\-:.+%_#*?!(),=@;$']{1,32}",
        ) {
            prop_assert!(DeviceId::parse(&id).is_ok());
            let plain = format!("/twins/{}/methods", encode(&id));
            let whole = format!("/{}", encode(&format!("twins/{id}/methods")));
            let expected = Ok(Route::InvokeMethod(id.clone()));
            prop_assert_eq!(parse("POST", &plain), expected.clone());
            prop_assert_eq!(parse("POST", &whole), expected);

            let send = format!("devices/{}/messages/deviceBound", encode(&id));
            let expected = Ok(Route::SendToDevice(id));
            prop_assert_eq!(parse("POST", &format!("/{send}")), expected.clone());
            prop_assert_eq!(parse("POST", &format!("/{}", encode(&send))), expected);
        }
    }
}
