//! A hub without sockets, and requests as clients make them.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hub_core::Limits;
use hub_proto::sas::sign;
use hub_proto::time::Timestamp;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::http::request::Builder;
use hyper::{HeaderMap, Request, StatusCode};

use crate::clock::Clock;
use crate::config::{EventLogLimits, Policies};
use crate::event_log::EventLog;
use crate::host_names::HostNames;
use crate::hub::{HubParts, start};
use crate::listener::ConnectionContext;
use crate::stop::StopSwitch;

/// 2026-11-22T10:00:00Z.
pub(crate) const NOW_UNIX_S: i64 = 1_795_341_600;

/// A hub with the well-known keys at a fixed time.
pub(crate) struct TestHub {
    pub(crate) context: ConnectionContext,
    stop: StopSwitch,
}

impl TestHub {
    pub(crate) fn start() -> Self {
        let stop = StopSwitch::new();
        let hub = start(HubParts {
            clock: Clock::start_at(Timestamp::from_unix_seconds(NOW_UNIX_S)),
            limits: Limits::default(),
            policies: Policies::well_known(),
            host_names: HostNames::new(&["hub.example".to_owned()], &[]),
            event_log: EventLog::new(EventLogLimits::default()),
        });
        let peer = "127.0.0.1:50000".parse().unwrap();
        Self {
            context: ConnectionContext {
                hub,
                peer,
                stop: stop.token(),
            },
            stop,
        }
    }

    /// Tells every connection to end; says whether all did in time.
    pub(crate) async fn stop(self) -> bool {
        let Self { context, stop } = self;
        drop(context);
        stop.signal();
        stop.drained(Duration::from_secs(10)).await
    }

    /// The `Authorization` of a policy's primary key, good for an hour.
    pub(crate) fn token(&self, policy: &str) -> String {
        let key = &self.context.hub.policies().get(policy).unwrap().primary;
        sign("localhost", key, NOW_UNIX_S + 3600, Some(policy))
    }

    /// A request of `iothubowner` with the usual headers.
    pub(crate) fn request(&self, verb: &str, path: &str) -> Builder {
        Request::builder()
            .method(verb)
            .uri(format!("{path}?api-version=2021-04-12"))
            .header(HOST, "localhost")
            .header(AUTHORIZATION, self.token("iothubowner"))
    }

    pub(crate) async fn call(&self, request: Builder, body: &str) -> Answer {
        let request = request
            .body(Full::new(Bytes::from(body.to_owned())))
            .unwrap();
        let (head, body) = super::super::serve::handle(&self.context, request)
            .await
            .into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        let body = String::from_utf8(body).unwrap();
        Answer {
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    /// `verb path` by `iothubowner`.
    pub(crate) async fn quick(&self, verb: &str, path: &str, body: &str) -> Answer {
        self.call(self.request(verb, path), body).await
    }

    /// Registers a device with fixed keys.
    pub(crate) async fn register(&self, id: &str) -> Answer {
        let body = format!(
            r#"{{"deviceId":"{id}","authentication":{{"type":"sas","symmetricKey":
            {{"primaryKey":"{PRIMARY}","secondaryKey":"{SECONDARY}"}}}}}}"#
        );
        let answer = self.quick("PUT", &format!("/devices/{id}"), &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }
}

pub(crate) const PRIMARY: &str = "AAAAAAAAAAAAAAAAAAAAAA==";
pub(crate) const SECONDARY: &str = "AQEBAQEBAQEBAQEBAQEBAQ==";

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The code of a refusal, from the header; its body must agree.
    pub(crate) fn code(&self) -> &str {
        let code = self.header("iothub-errorcode").unwrap_or_default();
        assert!(
            self.body.contains(code) || self.body.contains("errorCode"),
            "{}",
            self.body
        );
        code
    }
}
