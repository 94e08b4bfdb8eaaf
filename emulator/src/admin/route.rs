//! The table of what the endpoint answers: each resource keeps its rows in a file of its own, this
//! module collects them and finds the row of a request. `/admin/openapi.json` is printed from it.

use std::future::Future;
use std::pin::Pin;

use hyper::Method;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::answer::{Answer, JSON, Problem};
use super::call::Call;
use super::{
    choose, clock, events, health, hub_json, hubs, lags, ledger, messages, metrics, openapi,
    policies, seed, snapshot, trust, verify,
};

/// One operation.
#[derive(Debug)]
pub(super) struct Route {
    /// How programs call the operation: `operationId`, unique.
    pub(super) name: &'static str,
    pub(super) verb: Method,
    /// Segments in braces match any one segment: `/admin/devices/{id}/messages`.
    pub(super) path: &'static str,
    /// One line for people.
    pub(super) summary: &'static str,
    /// The parameters of the query, beside the one that names a hub; any other is refused.
    pub(super) parameters: &'static [Parameter],
    /// The body it takes; none is read where it takes none.
    pub(super) request: Option<RequestBody>,
    pub(super) response: ResponseBody,
    pub(super) handler: Handler,
}

impl Route {
    /// Whether it is about one hub of the process, and not about the process.
    pub(super) fn is_about_a_hub(&self) -> bool {
        let of_process = ["/admin/openapi.json", "/admin/clock", "/admin/hubs"];
        self.path.starts_with("/admin/")
            && !of_process.iter().any(|path| self.path.starts_with(path))
    }

    /// Every parameter that it knows.
    pub(super) fn known_parameters(&self) -> impl Iterator<Item = &Parameter> {
        let of_hub = self.is_about_a_hub().then_some(&choose::PARAMETER);
        self.parameters.iter().chain(of_hub)
    }
}

/// A parameter of the query.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) kind: ParameterKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ParameterKind {
    Text,
    Number,
    Flag,
}

/// What an operation takes.
#[derive(Debug)]
pub(super) struct RequestBody {
    /// Whether the operation has a meaning without one.
    pub(super) is_required: bool,
    pub(super) bytes_max: usize,
    pub(super) content_type: &'static str,
    pub(super) schema: fn() -> Value,
    /// What to do with one that has more bytes.
    pub(super) too_large: &'static str,
}

impl RequestBody {
    /// A JSON document of the usual length that must be there.
    pub(super) const fn json(schema: fn() -> Value) -> Self {
        Self {
            is_required: true,
            bytes_max: DOCUMENT_BYTES_MAX,
            content_type: JSON,
            schema,
            too_large: "see /admin/openapi.json for its form",
        }
    }
}

/// What an operation answers when all goes well.
#[derive(Debug)]
pub(super) struct ResponseBody {
    pub(super) content_type: &'static str,
    pub(super) schema: fn() -> Value,
}

/// Carries an operation out.
#[derive(Clone, Copy, Debug)]
pub(super) enum Handler {
    /// In place, and it cannot fail.
    Always(fn(&Call) -> Answer),
    /// In place.
    Now(fn(&Call) -> Result<Answer, Problem>),
    /// With waiting.
    Later(fn(Call) -> Answering),
}

/// An answer to come.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send>>;

/// A JSON document in a request is this long at most, unless its row says otherwise.
const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;

/// Every operation, by resource. A new resource is a line here.
static TABLES: &[&[Route]] = &[
    health::ROUTES,
    metrics::ROUTES,
    trust::ROUTES,
    openapi::ROUTES,
    hub_json::ROUTES,
    hubs::ROUTES,
    policies::ROUTES,
    ledger::ROUTES,
    events::ROUTES,
    verify::ROUTES,
    messages::ROUTES,
    clock::ROUTES,
    lags::ROUTES,
    snapshot::ROUTES,
    seed::ROUTES,
];

/// Every operation, in the order of the documentation.
pub(super) fn all() -> impl Iterator<Item = &'static Route> {
    TABLES.iter().copied().flatten()
}

/// What was found for a verb and a path.
#[derive(Debug)]
pub(super) enum Found {
    /// The operation, with what stands in place of its segments in braces, decoded, in order.
    Route(&'static Route, Vec<String>),
    /// There is such a path, for these verbs.
    OtherVerbs(String),
    /// There is no such path.
    Nothing,
}

/// Finds the operation of a request. HEAD is answered as GET is; the body stays away by itself.
pub(super) fn find(verb: &Method, path: &str) -> Found {
    let verb = if verb == Method::HEAD {
        &Method::GET
    } else {
        verb
    };
    let mut others = Vec::new();
    for route in all() {
        let Some(values) = match_path(route.path, path) else {
            continue;
        };
        if route.verb == *verb {
            return Found::Route(route, values);
        }
        others.push(route.verb.as_str());
    }
    if others.is_empty() {
        Found::Nothing
    } else {
        Found::OtherVerbs(others.join(", "))
    }
}

fn match_path(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut values = Vec::new();
    let (mut patterns, mut segments) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), segments.next()) {
            (None, None) => return Some(values),
            (Some(pattern), Some(segment)) if pattern.starts_with('{') => {
                let value = percent_decode_str(segment).decode_utf8().ok()?;
                if value.is_empty() {
                    return None;
                }
                values.push(value.into_owned());
            }
            (Some(pattern), Some(segment)) if pattern == segment => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn segments_in_braces_match_one_decoded_segment_and_no_more() {
        let cases: [(&str, Option<&[&str]>); 6] = [
            ("/a/x/b", Some(&["x"])),
            ("/a/x%2Fy%20z/b", Some(&["x/y z"])),
            ("/a//b", None),
            ("/a/x/y/b", None),
            ("/a/x", None),
            ("/a/%ff/b", None),
        ];
        for (path, expected) in cases {
            let found = match_path("/a/{id}/b", path);
            assert_eq!(found.is_some(), expected.is_some(), "{path}");
            assert_eq!(found.unwrap_or_default(), expected.unwrap_or_default());
        }
    }

    #[test]
    fn names_are_unique_and_so_are_verbs_of_a_path() {
        let (mut names, mut places) = (BTreeSet::new(), BTreeSet::new());
        for route in all() {
            assert!(names.insert(route.name), "{}", route.name);
            let place = (route.verb.as_str(), route.path);
            assert!(places.insert(place), "{place:?}");
            assert!(!route.summary.ends_with('.'), "{}", route.summary);
        }
    }

    /// What `docs/ADMIN.md` promises is what there is.
    #[test]
    fn the_documentation_lists_every_operation_and_no_other() {
        let documented: BTreeSet<&str> = include_str!("../../../docs/ADMIN.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
            .map(|(operation, _)| operation)
            .filter(|text| text.contains(" /"))
            .collect();
        let rows: Vec<String> = all()
            .map(|route| format!("{} {}", route.verb, route.path))
            .collect();
        let rows: BTreeSet<&str> = rows.iter().map(String::as_str).collect();
        assert_eq!(documented, rows);
    }
}
