//! The hubs in numbers, in the text format that Prometheus reads. Every label is a word of the code or
//! the name of a hub, so how many lines there are is bounded; no device has a line of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hyper::{Method, StatusCode};
use serde_json::json;

use super::answer::{Answer, whole};
use super::call::Call;
use super::route::{Handler, ResponseBody, Route};
use crate::event_log::{BudgetFigures, LogFigures};
use crate::hub::HubHandle;

/// As Prometheus's "Exposition formats" gives it.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) const ROUTES: &[Route] = &[Route {
    name: "metrics",
    verb: Method::GET,
    path: "/metrics",
    summary: "Every hub of the process in numbers, in the text format of Prometheus",
    parameters: &[],
    request: None,
    response: ResponseBody {
        content_type: EXPOSITION,
        schema: || json!({ "type": "string" }),
    },
    handler: Handler::Always(show),
}];

/// One hub, at one instant.
struct Figures {
    name: String,
    hub: HubHandle,
    log: LogFigures,
}

fn show(call: &Call) -> Answer {
    let directory = &call.context.connection.directory;
    let default = directory.default_hub().clone();
    let own = directory.list().into_iter().map(|(_, hub)| hub);
    let hubs: Vec<Figures> = std::iter::once(default)
        .chain(own)
        .map(|hub| Figures {
            name: hub.host_name().to_owned(),
            log: hub.event_log().figures(),
            hub,
        })
        .collect();
    let budget = directory.event_log_figures();
    whole(StatusCode::OK, EXPOSITION, print(&hubs, budget))
}

fn print(hubs: &[Figures], budget: BudgetFigures) -> String {
    let mut page = Page::default();
    page.head("hubnerite_hubs", "gauge", "Hubs of the process.");
    page.line("hubnerite_hubs", &[], hubs.len());
    for (name, kind, help, figure) in SHARED {
        page.head(name, kind, help);
        page.line(name, &[], figure(&budget));
    }
    for (name, kind, help, figure) in PLAIN {
        page.head(name, kind, help);
        for one in hubs {
            page.line(name, &[("hub", &one.name)], figure(one));
        }
    }
    for (name, help, label, counts) in SORTED {
        page.head(name, "counter", help);
        for one in hubs {
            for (sort, count) in counts(one) {
                page.line(name, &[("hub", &one.name), (label, sort)], count);
            }
        }
    }
    let name = "hubnerite_rest_requests_total";
    page.head(name, "counter", "Answers of the service endpoint.");
    for one in hubs {
        for (entry, class, count) in one.hub.answers() {
            let status = format!("{class}xx");
            let labels = [
                ("hub", &*one.name),
                ("operation", entry.id),
                ("status", &status),
            ];
            page.line(name, &labels, count);
        }
    }
    page.0
}

/// Name, kind, help, and how it is read off `T`.
type Metric<T> = (&'static str, &'static str, &'static str, fn(&T) -> u64);

/// Of the bound that the event logs of all hubs share.
const SHARED: &[Metric<BudgetFigures>] = &[
    (
        "hubnerite_event_log_budget_events",
        "gauge",
        "Facts in the event logs of all hubs.",
        |budget| budget.used.events as u64,
    ),
    (
        "hubnerite_event_log_budget_events_limit",
        "gauge",
        "How many there may be.",
        |budget| budget.limits.events as u64,
    ),
    (
        "hubnerite_event_log_budget_bytes",
        "gauge",
        "What they occupy.",
        |budget| budget.used.bytes as u64,
    ),
    (
        "hubnerite_event_log_budget_bytes_limit",
        "gauge",
        "What they may occupy.",
        |budget| budget.limits.bytes as u64,
    ),
    (
        "hubnerite_event_log_dropped_total",
        "counter",
        "Facts that fell out of their logs for want of room.",
        |budget| budget.dropped,
    ),
];

const PLAIN: &[Metric<Figures>] = &[
    (
        "hubnerite_identities",
        "gauge",
        "Devices and modules registered.",
        |one| one.hub.identity_count() as u64,
    ),
    ("hubnerite_devices", "gauge", "Devices registered.", |one| {
        one.hub.device_count() as u64
    }),
    (
        "hubnerite_connections",
        "gauge",
        "Devices and modules connected.",
        |one| one.hub.link_count() as u64,
    ),
    (
        "hubnerite_connects_total",
        "counter",
        "Connections that were let in.",
        |one| one.log.totals.connects,
    ),
    (
        "hubnerite_event_log_events",
        "gauge",
        "Facts in the event log.",
        |one| one.log.events as u64,
    ),
    (
        "hubnerite_event_log_bytes",
        "gauge",
        "What they occupy.",
        |one| one.log.bytes as u64,
    ),
    (
        "hubnerite_events_total",
        "counter",
        "Facts that ever were.",
        |one| one.log.newest,
    ),
];

type Counts = BTreeMap<&'static str, u64>;
type Sorted = (
    &'static str,
    &'static str,
    &'static str,
    fn(&Figures) -> Counts,
);

const SORTED: &[Sorted] = &[
    (
        "hubnerite_disconnects_total",
        "Connections that ended.",
        "reason",
        |one| one.log.totals.disconnects.clone(),
    ),
    (
        "hubnerite_connect_refusals_total",
        "MQTT connections that were not let in.",
        "reason",
        |one| one.hub.refusals(),
    ),
    (
        "hubnerite_messages_total",
        "Messages from devices (in), deliveries to devices (out).",
        "direction",
        |one| {
            let totals = &one.log.totals;
            Counts::from([("in", totals.messages_in), ("out", totals.messages_out)])
        },
    ),
    (
        "hubnerite_methods_total",
        "Direct methods that came to an end.",
        "outcome",
        |one| one.log.totals.methods.clone(),
    ),
    (
        "hubnerite_twin_writes_total",
        "Writes of twins.",
        "section",
        |one| one.log.totals.twin_writes.clone(),
    ),
];

#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}").expect(FITS);
    }

    /// No label holds a quote, a backslash or a line break: hubs have host names, all else is ours.
    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<_> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{value}\""))
            .collect();
        if labels.is_empty() {
            writeln!(self.0, "{name} {value}").expect(FITS);
        } else {
            writeln!(self.0, "{name}{{{}}} {value}", labels.join(",")).expect(FITS);
        }
    }
}

const FITS: &str = "a String takes any text";

#[cfg(test)]
mod tests {
    use super::super::tests::{ask, context, get};
    use crate::test_hub::{TestHub, spec};

    #[tokio::test]
    async fn every_hub_is_told_in_numbers_and_no_device_by_name() {
        // ADM-5
        let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
        let context = context(&hub, dir.path());
        ask(&context, "PUT", "/admin/hubs/orders", "localhost").await;
        let default = &hub.context.hub;
        default.create_device(spec("pump-1")).unwrap();
        default.note_refused_link("badSignature");
        default.note_answer(crate::ledger::key("Devices_GetTwin"), 404);
        let (status, text) = get(&context, "/metrics", "localhost").await;
        assert_eq!(status, 200);
        assert!(!text.contains("pump-1"), "{text}");
        insta::assert_snapshot!(text);
    }

    #[tokio::test]
    async fn ready_is_said_once_the_files_to_trust_are_there() {
        // ADM-5
        let (hub, dir) = (TestHub::start(), tempfile::tempdir().unwrap());
        let mut context = context(&hub, dir.path());
        assert_eq!(get(&context, "/ready", "localhost").await.0, 200);
        let (writer, trust) = tokio::sync::watch::channel(None);
        context.trust = trust;
        assert_eq!(get(&context, "/ready", "localhost").await.0, 503);
        drop(writer);
        assert_eq!(get(&context, "/ready", "localhost").await.0, 200);
    }
}
