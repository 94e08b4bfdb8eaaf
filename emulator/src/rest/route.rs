//! Which operation a request line asks for.
//!
//! Lenient where clients differ: the whole path may come percent-encoded as one segment (IoT
//! Explorer), a trailing slash does not count (Node, C#), literal segments match without case. Ids
//! are taken as they are, decoded once; whether an id is legal is not decided here, and what the
//! operations are is the business of their resources.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use hub_proto::ids::{ClientIdentity, DeviceId, ModuleId};
use hyper::Method;
use percent_encoding::percent_decode_str;

use super::operation::Operation;
use super::{
    bulk, configurations, device_messages, device_side, devices, digital_twins, feedback, files,
    import_export, jobs, messages, methods, modules, query, statistics, streams, twins,
};
use crate::ledger;

/// Every operation of the hub's data plane: the service API of 2021-04-12
/// (Azure/azure-iot-hub-python), what clients add to it, and the device side.
const TABLES: &[Table] = &[
    table("Device identities", devices::OPERATIONS),
    table("Device identities", bulk::OPERATIONS),
    table("Modules", modules::OPERATIONS),
    table("Twins", twins::OPERATIONS),
    table("Direct methods", methods::OPERATIONS),
    table("Queries", query::OPERATIONS),
    table("Cloud-to-device messages", messages::OPERATIONS),
    table("Cloud-to-device messages", feedback::OPERATIONS),
    table("Jobs", jobs::OPERATIONS),
    table("Jobs", import_export::OPERATIONS),
    table(
        "Automatic device configurations",
        configurations::OPERATIONS,
    ),
    table("Statistics", statistics::OPERATIONS),
    table("Digital twins", digital_twins::OPERATIONS),
    table("File upload", files::OPERATIONS),
    table("Device streams", streams::OPERATIONS),
    table("Connections", device_side::CONNECTIONS),
    table("Device-side HTTPS", device_messages::OPERATIONS),
];

/// The operations of a resource.
struct Table {
    /// What they are a part of, in the ledger.
    feature: &'static str,
    operations: &'static [Operation],
}

const fn table(feature: &'static str, operations: &'static [Operation]) -> Table {
    Table {
        feature,
        operations,
    }
}

/// No path of the hub has more segments.
const SEGMENTS_MAX: usize = 8;
/// No path of the hub has more ids.
const IDS_MAX: usize = 3;
/// The order of an `Allow` header.
const VERBS: [Method; 5] = [
    Method::GET,
    Method::PUT,
    Method::PATCH,
    Method::POST,
    Method::DELETE,
];

/// All operations, resource by resource.
pub(super) fn operations() -> impl Iterator<Item = &'static Operation> {
    TABLES.iter().flat_map(|table| table.operations)
}

/// All operations, for the ledger.
pub(crate) fn ledger_rows() -> impl Iterator<Item = ledger::Row> {
    let row = |table: &'static Table| {
        table.operations.iter().map(|operation| ledger::Row {
            id: operation.name,
            feature: table.feature,
            what: format!("{} /{}", operation.verb, operation.path),
            fidelity: operation.fidelity,
        })
    };
    TABLES.iter().flat_map(row)
}

/// An operation, and the ids that the path gives it.
#[derive(Clone, Debug)]
pub(super) struct Route<'a> {
    pub(super) operation: &'static Operation,
    /// Where its uses are counted.
    pub(super) ledger_key: ledger::Key,
    /// The decoded path.
    path: Cow<'a, str>,
    /// The names of its ids, and where they stand in `path`.
    names: &'static [&'static str],
    ids: [Range<usize>; IDS_MAX],
    is_encoded_whole: bool,
}

/// Why a request line asks for nothing that the hub has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RouteError {
    /// The path is none of the hub's.
    NotFound,
    /// The path is the hub's, the verb is not.
    MethodNotAllowed {
        /// The verbs that are, for the `Allow` header.
        allow: String,
    },
}

impl<'a> Route<'a> {
    /// Reads the verb and the raw path (without query) of a request line. Of several patterns that
    /// fit, the one with most literal segments wins: `devices/query` is not a device.
    pub(super) fn parse(verb: &Method, path: &'a str) -> Result<Self, RouteError> {
        let raw = path.strip_prefix('/').ok_or(RouteError::NotFound)?;
        let decoded: Cow<'a, str> = if raw.contains('%') {
            let decoded = percent_decode_str(raw).decode_utf8();
            decoded.map_err(|_| RouteError::NotFound)?
        } else {
            raw.into()
        };
        let path = trimmed(decoded);
        let segments = Segments::of(&path).ok_or(RouteError::NotFound)?;
        let patterns = PATTERNS.get(segments.count).map_or(&[][..], Vec::as_slice);
        let mut fitting = patterns.iter().filter(|one| one.operation.verb == *verb);
        let Some(pattern) = fitting.find(|one| one.fits(&segments, &path)) else {
            return Err(refuse(patterns, &segments, &path));
        };
        Ok(Self {
            operation: pattern.operation,
            ledger_key: pattern.ledger_key,
            names: &pattern.names,
            ids: pattern.ids(&segments),
            // `/` is never legal in an id, so splitting after decoding is safe.
            is_encoded_whole: segments.count > 1 && !raw.contains('/'),
            path,
        })
    }

    /// What stands at `{name}`; `None` if the operation's path has no such name.
    pub(super) fn id(&self, name: &str) -> Option<&str> {
        let index = self.names.iter().position(|one| *one == name)?;
        Some(&self.path[self.ids[index].clone()])
    }

    /// The device that the path names, or the module of one, if that is a name.
    pub(super) fn client(&self) -> Option<ClientIdentity> {
        let device = DeviceId::parse(self.id("id")?).ok()?;
        match self.id("mid") {
            None => Some(ClientIdentity::Device(device)),
            Some(module) => {
                let module = ModuleId::parse(module).ok()?;
                Some(ClientIdentity::module(device, module))
            }
        }
    }

    /// The whole path came as one segment with its slashes encoded.
    pub(super) fn is_encoded_whole(&self) -> bool {
        self.is_encoded_whole
    }
}

/// The path without one slash at its end.
fn trimmed(path: Cow<'_, str>) -> Cow<'_, str> {
    match path {
        Cow::Borrowed(path) => Cow::Borrowed(path.strip_suffix('/').unwrap_or(path)),
        Cow::Owned(mut path) => {
            if path.ends_with('/') {
                path.pop();
            }
            Cow::Owned(path)
        }
    }
}

/// No pattern of this verb has this path.
fn refuse(patterns: &[Pattern], segments: &Segments, path: &str) -> RouteError {
    let fitting = |verb: &&Method| {
        patterns
            .iter()
            .any(|pattern| pattern.operation.verb == **verb && pattern.fits(segments, path))
    };
    let allow: Vec<&str> = VERBS.iter().filter(fitting).map(Method::as_str).collect();
    if allow.is_empty() {
        return RouteError::NotFound;
    }
    RouteError::MethodNotAllowed {
        allow: allow.join(", "),
    }
}

/// The patterns by the number of their segments, those with most literals first.
static PATTERNS: LazyLock<Vec<Vec<Pattern>>> = LazyLock::new(|| {
    let mut patterns: Vec<Vec<Pattern>> = (0..=SEGMENTS_MAX).map(|_| Vec::new()).collect();
    for operation in operations() {
        let segments: Vec<Option<&str>> = operation
            .path
            .split('/')
            .map(|segment| placeholder(segment).map_or(Some(segment), |_| None))
            .collect();
        patterns[segments.len()].push(Pattern {
            names: operation.path.split('/').filter_map(placeholder).collect(),
            segments,
            operation,
            ledger_key: ledger::key(operation.name),
        });
    }
    for patterns in &mut patterns {
        patterns.sort_by_key(|pattern| pattern.segments.iter().flatten().count());
        patterns.reverse();
    }
    patterns
});

/// An operation's path, taken apart once.
#[derive(Debug)]
struct Pattern {
    /// Literals; `None` for an id.
    segments: Vec<Option<&'static str>>,
    /// Of its ids, in order.
    names: Vec<&'static str>,
    operation: &'static Operation,
    ledger_key: ledger::Key,
}

impl Pattern {
    /// Whether a path of as many segments is of the pattern.
    fn fits(&self, segments: &Segments, path: &str) -> bool {
        let mut pairs = self.segments.iter().zip(&segments.places);
        pairs.all(|(expected, place)| match expected {
            Some(literal) => path[place.clone()].eq_ignore_ascii_case(literal),
            None => !place.is_empty(),
        })
    }

    /// Where the ids of a path that fits stand.
    fn ids(&self, segments: &Segments) -> [Range<usize>; IDS_MAX] {
        let mut ids: [Range<usize>; IDS_MAX] = [const { 0..0 }; IDS_MAX];
        let pairs = self.segments.iter().zip(&segments.places);
        let found = pairs.filter(|(expected, _)| expected.is_none());
        for (id, (_, place)) in ids.iter_mut().zip(found) {
            *id = place.clone();
        }
        ids
    }
}

/// A path, cut at its slashes once for all patterns.
struct Segments {
    places: [Range<usize>; SEGMENTS_MAX],
    count: usize,
}

impl Segments {
    /// `None`: there are more than any path of the hub has.
    fn of(path: &str) -> Option<Self> {
        let mut places: [Range<usize>; SEGMENTS_MAX] = [const { 0..0 }; SEGMENTS_MAX];
        let (mut count, mut start) = (0, 0);
        for segment in path.split('/') {
            *places.get_mut(count)? = start..start + segment.len();
            count += 1;
            start += segment.len() + 1;
        }
        Some(Self { places, count })
    }
}

/// The name inside `{name}`.
fn placeholder(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use hub_proto::ids::DeviceId;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;
    use crate::rest::operation::{Answer, Fidelity};

    fn parse<'a>(verb: &str, path: &'a str) -> Result<Route<'a>, RouteError> {
        Route::parse(&Method::from_bytes(verb.as_bytes()).unwrap(), path)
    }

    /// The operation's name and the ids that the path gives it.
    fn seen(verb: &str, path: &str) -> Option<(&'static str, Vec<String>)> {
        let route = parse(verb, path).ok()?;
        let names = route.operation.path.split('/').filter_map(placeholder);
        let ids = names.map(|name| route.id(name).unwrap().to_owned());
        Some((route.operation.name, ids.collect()))
    }

    fn encode(text: &str) -> String {
        utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
    }

    #[test]
    fn paths_of_real_clients_reach_their_operation() {
        // REST-1
        const SEND: &str = "CloudToDeviceMessages_Send";
        const PURGE: &str = "CloudToDeviceMessages_PurgeCloudToDeviceMessageQueue";
        let cases: [(&str, &str, &str, &[&str]); 24] = [
            (
                "GET",
                "/devices/dev%202%23a",
                "Devices_GetIdentity",
                &["dev 2#a"],
            ),
            ("GET", "/devices/", "Devices_GetDevices", &[]),
            ("GET", "/devices", "Devices_GetDevices", &[]),
            ("POST", "/devices%2Fquery", "Query_GetTwins", &[]),
            ("POST", "/Devices/Query", "Query_GetTwins", &[]),
            // A device may be called `query` or `keys`: the literal routes are POST only.
            ("GET", "/devices/query", "Devices_GetIdentity", &["query"]),
            (
                "PUT",
                "/devices/keys",
                "Devices_CreateOrUpdateIdentity",
                &["keys"],
            ),
            ("GET", "/twins%2Fdev1", "Devices_GetTwin", &["dev1"]),
            ("GET", "/twins%2fdev1", "Devices_GetTwin", &["dev1"]),
            ("GET", "/TWINS/Dev1", "Devices_GetTwin", &["Dev1"]),
            ("GET", "/twins/a%2523b", "Devices_GetTwin", &["a%23b"]),
            ("POST", "/twins/d/methods", "Devices_InvokeMethod", &["d"]),
            ("DELETE", "/devices/d/commands", PURGE, &["d"]),
            ("POST", "/devices/d/messages/devicebound", SEND, &["d"]),
            (
                "POST",
                "/devices/a%2523/messages/deviceBound",
                SEND,
                &["a%23"],
            ),
            ("GET", "/$iothub/websocket", "Device_OpenWebSocket", &[]),
            ("GET", "/%24iothub/websocket", "Device_OpenWebSocket", &[]),
            ("POST", "/devices", "BulkRegistry_UpdateRegistry", &[]),
            (
                "POST",
                "/devices/d/files/",
                "Device_CreateFileUploadSasUri",
                &["d"],
            ),
            ("GET", "/jobs/v2/query", "Jobs_QueryScheduledJobs", &[]),
            (
                "GET",
                "/jobs/v2/Query1",
                "Jobs_GetScheduledJob",
                &["Query1"],
            ),
            ("GET", "/jobs/v2", "Jobs_GetImportExportJob", &["v2"]),
            (
                "POST",
                "/configurations/testQueries",
                "Configuration_TestQueries",
                &[],
            ),
            (
                "POST",
                "/digitaltwins/d/components/c/commands/n",
                "DigitalTwin_InvokeComponentCommand",
                &["d", "c", "n"],
            ),
        ];
        for (verb, path, name, ids) in cases {
            let ids: Vec<String> = ids.iter().map(|&id| id.to_owned()).collect();
            assert_eq!(seen(verb, path), Some((name, ids)), "{verb} {path}");
        }
    }

    #[test]
    fn an_operation_is_reached_by_its_own_path_and_nothing_else_is() {
        for operation in operations() {
            let fill = |segment| placeholder(segment).map_or(segment, |_| "x1");
            let segments: Vec<&str> = operation.path.split('/').map(fill).collect();
            let path = format!("/{}", segments.join("/"));
            let route = Route::parse(&operation.verb, &path);
            assert_eq!(route.unwrap().operation.name, operation.name);
            assert!(VERBS.contains(&operation.verb), "{}", operation.name);
        }
        let mut names: Vec<&str> = operations().map(|operation| operation.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "names are unique");
    }

    #[test]
    fn no_path_fits_two_operations_equally_well() {
        for patterns in PATTERNS.iter() {
            for (index, one) in patterns.iter().enumerate() {
                for other in &patterns[index + 1..] {
                    let mut pairs = one.segments.iter().zip(&other.segments);
                    let can_be_one_path = pairs.all(|pair| match pair {
                        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
                        _ => true,
                    });
                    let literals = |pattern: &Pattern| pattern.segments.iter().flatten().count();
                    let is_tie = one.operation.verb == other.operation.verb
                        && can_be_one_path
                        && literals(one) == literals(other);
                    assert!(
                        !is_tie,
                        "{} or {}",
                        one.operation.name, other.operation.name
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_not_built_is_absent_and_nothing_else_is() {
        // REST-6
        for operation in operations() {
            let is_absent = matches!(operation.fidelity, Fidelity::Absent(_));
            let is_not_built = matches!(operation.answer, Answer::NotBuilt);
            assert_eq!(is_absent, is_not_built, "{}", operation.name);
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
            assert_eq!(
                parse("GET", path).unwrap_err(),
                RouteError::NotFound,
                "{path}"
            );
        }
        let long = "/a".repeat(5000);
        assert_eq!(parse("GET", &long).unwrap_err(), RouteError::NotFound);
    }

    #[test]
    fn a_wrong_verb_is_told_the_right_ones() {
        // REST-8
        let cases = [
            ("POST", "/twins/d", "GET, PUT, PATCH"),
            ("OPTIONS", "/devices/query", "GET, PUT, POST, DELETE"),
            ("GET", "/twins/d/methods", "POST"),
        ];
        for (verb, path, allow) in cases {
            let expected = RouteError::MethodNotAllowed {
                allow: allow.to_owned(),
            };
            assert_eq!(parse(verb, path).unwrap_err(), expected, "{verb} {path}");
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
            let expected = Some(("Devices_InvokeMethod", vec![id]));
            prop_assert_eq!(seen("POST", &plain), expected.clone());
            prop_assert_eq!(seen("POST", &whole), expected);
        }
    }
}
